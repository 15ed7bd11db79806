//! `bursar interval`: repeating intervals, explained.

use super::failure::{Done, Failure};
use super::output::{Out, instant, say};
use bursar_types::{Interval as Repeating, Window};
use clap::Args;
use jiff::Timestamp;
use owo_colors::OwoColorize;
use serde::Serialize;

/// Windows that are listed of an interval that has more.
const LISTED: u32 = 12;
/// Windows that can be listed.
const LISTED_MAX: u32 = 1000;

/// Explain a repeating interval, and list its windows.
#[derive(Args, Debug)]
#[command(after_help = "\
An interval belongs to the limits of a grant to pay: in each window the amount can be spent anew.
  R3/2025-05-20T13:00:00Z/P1M     three months from 20 May 2025
  R/2025-04-22T08:00:00Z/P1D      every day from 22 April 2025, without end
A window begins at its first instant and ends before its last: that one belongs to the next window.

Examples:
  bursar interval R3/2025-05-20T13:00:00Z/P1M
  bursar interval R/2025-01-31T00:00:00Z/P1M --at 2025-02-28T12:00:00Z
  bursar interval R/2025-01-31T00:00:00Z/P1M --at 2025-02-28T12:00:00Z --json
      {\"index\":1,\"window\":[\"2025-02-28T00:00:00Z\",\"2025-03-31T00:00:00Z\"]}")]
pub struct Interval {
    /// The interval: R and the number of windows (no number: without end), the start, the length of a window; such as
    /// R3/2025-05-20T13:00:00Z/P1M.
    #[arg(value_name = "INTERVAL")]
    text: String,
    /// Tell the window that holds this instant, such as 2025-06-01T00:00:00Z.
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
    at: Option<Timestamp>,
    /// How many windows to list [default: 12, or with --json all of up to 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(LISTED_MAX)))]
    count: Option<u32>,
}

fn parse_instant(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "write an instant such as 2025-06-01T00:00:00Z".to_owned())
}

/// A window for programs.
#[derive(Serialize, Debug, PartialEq, Eq)]
struct Told {
    /// 0 is the first. Where there is no first (`R/<duration>/<end>`), the last is -1.
    index: Option<i64>,
    /// Start (included) and end (not included).
    window: Option<[String; 2]>,
}

impl From<Option<Window>> for Told {
    fn from(window: Option<Window>) -> Self {
        Self {
            index: window.map(|window| window.index),
            window: window.map(|window| [window.start.to_string(), window.end.to_string()]),
        }
    }
}

/// Runs it.
pub fn run(command: &Interval, out: Out) -> Done {
    let interval = Repeating::parse(&command.text).map_err(|error| {
        Failure::usage(error.to_string()).advise("bursar interval --help shows intervals that are right")
    })?;
    match command.at {
        Some(at) if out.is_json() => out.result(&Told::from(interval.window_at(at)), || ()),
        at => {
            let count = command.count.unwrap_or_else(|| default_count(&interval, out));
            let windows = listed(&interval, at, count);
            let told: Vec<_> = windows.iter().map(|window| Told::from(Some(*window))).collect();
            out.result(&told, || say(explain(&interval, at, &windows).trim_end()));
        }
    }
    Ok(())
}

fn default_count(interval: &Repeating, out: Out) -> u32 {
    match interval.count() {
        Some(count) if out.is_json() => u32::try_from(count).unwrap_or(LISTED_MAX).min(LISTED_MAX),
        _ => LISTED,
    }
}

/// The windows to show: those around the instant if one of them holds it, else those at the end of the interval that is
/// nearer to it.
fn listed(interval: &Repeating, at: Option<Timestamp>, count: u32) -> Vec<Window> {
    let back = i64::from(count) - 1;
    let last_ones =
        || interval.last().map(|last| interval.window(last.index - back).or(interval.first()).unwrap_or(last));
    let is_over = at.is_some_and(|at| interval.ends_at().is_some_and(|end| at >= end));
    let start = match at.and_then(|at| interval.window_at(at)) {
        Some(current) if count > 1 => Some(interval.window(current.index - 1).unwrap_or(current)),
        Some(current) => Some(current),
        None if is_over => last_ones(),
        None => interval.first().or_else(last_ones),
    };
    std::iter::successors(start, |window| interval.next(window)).take(count as usize).collect()
}

/// The interval in words, and a table of the windows.
fn explain(interval: &Repeating, at: Option<Timestamp>, windows: &[Window]) -> String {
    let mut text = format!("{}.\n\n", capitalised(&interval.describe()).bold());
    if let (Some(shown), Some(first)) = (windows.first(), interval.first())
        && shown.index > first.index
    {
        text += &format!("  {}\n", format!("{} earlier", shown.index - first.index).dimmed());
    } else if interval.first().is_none() {
        text += &format!("  {}\n", "… and every one before, without beginning".dimmed());
    }
    let width = windows.iter().map(|window| window.index.to_string().len()).max().unwrap_or_default();
    for window in windows {
        let (start, end) = (window.start, window.end);
        let line = format!("{:>width$}   from {start}   to before {end}", window.index);
        match at {
            Some(at) if window.contains(at) => text += &format!("{} {}\n", "▶".green(), line.green()),
            _ => text += &format!("  {line}\n"),
        }
    }
    text += &match (windows.last(), interval.last()) {
        (_, None) => format!("  {}\n", "… and so on, without end".dimmed()),
        (Some(shown), Some(last)) if shown.index < last.index => {
            format!("  {}\n", format!("{} more", last.index - shown.index).dimmed())
        }
        _ => String::new(),
    };
    if let Some(at) = at {
        text += &format!("\n{}\n", verdict(interval, at));
    }
    text
}

/// What holds at the instant.
fn verdict(interval: &Repeating, at: Timestamp) -> String {
    let told = instant(at);
    if let Some(window) = interval.window_at(at) {
        return format!("{told} lies in window {}, which ends on {}.", window.index, instant(window.end));
    }
    match (interval.starts_at(), interval.ends_at()) {
        (Some(start), _) if at < start => {
            format!("{told} lies in no window: the first begins on {}.", instant(start))
        }
        (_, Some(end)) => format!("{told} lies in no window: the last has ended on {}.", instant(end)),
        // Beyond the calendar.
        _ => format!("{told} lies in no window."),
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Repeating {
        Repeating::parse(text).unwrap()
    }

    #[test]
    fn the_window_of_an_instant_is_one_line_of_json() {
        fn check(text: &str, at: &str, expected: &str) {
            let told = Told::from(parse(text).window_at(at.parse().unwrap()));
            assert_eq!(serde_json::to_string(&told).unwrap(), expected);
        }
        let months = "R3/2025-05-20T13:00:00Z/P1M";
        check(
            months,
            "2025-06-20T13:00:00Z",
            r#"{"index":1,"window":["2025-06-20T13:00:00Z","2025-07-20T13:00:00Z"]}"#,
        );
        check(months, "2025-05-20T12:59:59.999Z", r#"{"index":null,"window":null}"#);
        check(
            "R/P1D/2025-05-20T00:00:00Z",
            "2025-05-19T00:00:00Z",
            r#"{"index":-1,"window":["2025-05-19T00:00:00Z","2025-05-20T00:00:00Z"]}"#,
        );
    }

    #[test]
    fn windows_near_the_instant_are_listed() {
        fn check(text: &str, at: Option<&str>, count: u32, expected: &[i64]) {
            let windows = listed(&parse(text), at.map(|at| at.parse().unwrap()), count);
            assert_eq!(windows.iter().map(|window| window.index).collect::<Vec<_>>(), expected, "{text} {at:?}");
        }
        let (ten, endless, backward) =
            ("R10/2025-05-20T13:00:00Z/P1M", "R/2025-05-20T13:00:00Z/P1M", "R/P1M/2025-05-20T13:00:00Z");
        check(ten, None, 3, &[0, 1, 2]);
        check(ten, None, 100, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        check(ten, Some("2025-09-01T00:00:00Z"), 3, &[2, 3, 4]);
        check(ten, Some("2025-09-01T00:00:00Z"), 1, &[3]);
        check(ten, Some("2025-05-21T00:00:00Z"), 3, &[0, 1, 2]);
        check(ten, Some("2026-03-19T00:00:00Z"), 3, &[8, 9]);
        check(ten, Some("2020-01-01T00:00:00Z"), 2, &[0, 1]);
        check(ten, Some("2030-01-01T00:00:00Z"), 2, &[8, 9]);
        check(ten, Some("2030-01-01T00:00:00Z"), 99, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        check(endless, None, 2, &[0, 1]);
        check(endless, Some("2125-05-20T13:00:00Z"), 2, &[1199, 1200]);
        check(backward, None, 2, &[-2, -1]);
        check(backward, Some("2025-05-19T00:00:00Z"), 3, &[-2, -1]);
        check(backward, Some("2030-01-01T00:00:00Z"), 3, &[-3, -2, -1]);
    }

    fn explained(text: &str, at: Option<&str>, count: u32) -> String {
        let (interval, at) = (parse(text), at.map(|at| at.parse().unwrap()));
        let windows = listed(&interval, at, count);
        anstream::adapter::strip_str(&explain(&interval, at, &windows)).to_string()
    }

    #[test]
    fn intervals_are_explained_in_words() {
        assert_eq!(
            explained("R3/2025-05-20T13:00:00Z/P1M", Some("2025-07-01T00:00:00Z"), 12),
            "\
3 windows of 1 month each, from 20 May 2025 13:00 UTC until 20 August 2025 13:00 UTC.

  0   from 2025-05-20T13:00:00Z   to before 2025-06-20T13:00:00Z
▶ 1   from 2025-06-20T13:00:00Z   to before 2025-07-20T13:00:00Z
  2   from 2025-07-20T13:00:00Z   to before 2025-08-20T13:00:00Z

1 July 2025 00:00 UTC lies in window 1, which ends on 20 July 2025 13:00 UTC.
"
        );
        assert_eq!(
            explained("R/2025-04-22T08:00:00Z/P1D", Some("2025-05-01T08:00:00Z"), 2),
            "\
Every day, without end, from 22 April 2025 08:00 UTC.

  8 earlier
  8   from 2025-04-30T08:00:00Z   to before 2025-05-01T08:00:00Z
▶ 9   from 2025-05-01T08:00:00Z   to before 2025-05-02T08:00:00Z
  … and so on, without end

1 May 2025 08:00 UTC lies in window 9, which ends on 2 May 2025 08:00 UTC.
"
        );
        assert_eq!(
            explained("R/P1M/2025-05-20T13:00:00Z", Some("2025-05-20T13:00:00Z"), 1),
            "\
Every month, until 20 May 2025 13:00 UTC.

  … and every one before, without beginning
  -1   from 2025-04-20T13:00:00Z   to before 2025-05-20T13:00:00Z

20 May 2025 13:00 UTC lies in no window: the last has ended on 20 May 2025 13:00 UTC.
"
        );
        let text = explained("R10/2025-05-20T13:00:00Z/P1M", Some("2025-05-20T12:00:00Z"), 1);
        assert!(
            text.contains("  9 more\n") && text.ends_with("the first begins on 20 May 2025 13:00 UTC.\n"),
            "{text}"
        );
    }

    #[test]
    fn text_that_is_no_interval_is_a_mistake_of_usage() {
        for text in ["", "P1M", "R0/2025-05-20T13:00:00Z/P1M", "R/2025-05-20T13:00:00Z/P0D", "R/x/P1D"] {
            let command = Interval { text: text.to_owned(), at: None, count: None };
            let failure = run(&command, Out::new(true)).unwrap_err();
            assert_eq!(failure.tell(), std::process::ExitCode::from(2), "{failure:?}");
        }
    }
}
