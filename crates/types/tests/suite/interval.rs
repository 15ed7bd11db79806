//! Repeating intervals against the shared vectors, tables, and a calendar of their own that only knows integers.

use bursar_types::interval::{CannotShorten, DurationFault, INTERVAL_BYTES_MAX, InstantFault};
use bursar_types::{Interval, IntervalError, Window};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde::Deserialize;

const MICROS_PER_DAY: i128 = 86_400_000_000;

fn parse(text: &str) -> Interval {
    Interval::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn bounds(window: Option<Window>) -> Option<(Timestamp, Timestamp)> {
    window.map(|window| (window.start, window.end))
}

// ---------------------------------------------------------------------------------------------- vectors

#[derive(Deserialize)]
struct Vectors {
    windows: Vec<WindowVector>,
    invalid: Vec<InvalidVector>,
}

#[derive(Deserialize)]
struct WindowVector {
    interval: String,
    at: Timestamp,
    window: Option<(Timestamp, Timestamp)>,
}

#[derive(Deserialize)]
struct InvalidVector {
    interval: String,
    why: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors/intervals.json")).unwrap()
}

#[test]
fn window_vectors() {
    let vectors = vectors().windows;
    assert!(vectors.len() >= 31);
    for vector in vectors {
        let window = parse(&vector.interval).window_at(vector.at);
        assert_eq!(bounds(window), vector.window, "{} at {}", vector.interval, vector.at);
    }
}

#[test]
fn invalid_vectors() {
    let vectors = vectors().invalid;
    assert!(vectors.len() >= 17);
    for vector in vectors {
        let result = Interval::parse(&vector.interval);
        assert!(result.is_err(), "{:?} must be refused: {}", vector.interval, vector.why);
    }
}

// ---------------------------------------------------------------------------------------------- refusals

fn refused(text: &str, expected: IntervalError) {
    assert_eq!(Interval::parse(text), Err(expected), "{text}");
}

#[test]
fn refusals_of_the_whole() {
    use IntervalError::{
        CountBeyondCalendar, Empty, EndNotAfterStart, MissingAnchor, MissingPeriod, MissingRepeat, TooLong,
        TooManyParts, WindowBeyondCalendar,
    };
    refused("", Empty);
    refused("2025-05-20T13:00:00Z/P1M", MissingRepeat);
    refused(" R/2025-05-20T13:00:00Z/P1M", MissingRepeat);
    refused("r3/2025-05-20T13:00:00Z/P1M", MissingRepeat);
    refused("R", MissingPeriod);
    refused("R//", MissingPeriod);
    refused("R3/2025-05-20T13:00:00Z", MissingPeriod);
    refused("R3/2025-05-20T13:00:00Z/", MissingPeriod);
    refused("R3/P1M", MissingAnchor);
    refused("R3/P1M/", MissingAnchor);
    refused("R3//P1M", MissingAnchor);
    refused("R/P1M/P1M", MissingAnchor);
    refused("R/2025-05-20T13:00:00Z/P1M/", TooManyParts { parts: 4 });
    refused("R/2025-05-20T13:00:00Z/P1M/2026-05-20T13:00:00Z/P1D", TooManyParts { parts: 5 });
    refused("R/2025-05-20T13:00:00Z/2025-05-20T13:00:00Z", EndNotAfterStart);
    refused("R/2025-05-20T13:00:00Z/2025-05-20T14:30:00+02:00", EndNotAfterStart);
    refused("R/2025-05-20T13:00:00Z/2025-05-20T12:59:59.999999Z", EndNotAfterStart);
    refused("R/2025-05-20T13:00:00Z/P999999999Y", WindowBeyondCalendar);
    refused("R5/2025-05-20T13:00:00Z/P7975Y", WindowBeyondCalendar);
    refused("R/P2026Y/2025-05-20T13:00:00Z", WindowBeyondCalendar);
    refused("R7975/2025-05-20T13:00:00Z/P1Y", CountBeyondCalendar { count: "7975".into() });
    refused("R2026/P1Y/2025-05-20T13:00:00Z", CountBeyondCalendar { count: "2026".into() });
    refused(
        "R9223372036854775808/P1D/2025-05-20T13:00:00Z",
        CountBeyondCalendar { count: 9_223_372_036_854_775_808_u64.to_string() },
    );
    refused(
        "R18446744073709551615/2025-05-20T13:00:00Z/PT0.000001S",
        CountBeyondCalendar { count: u64::MAX.to_string() },
    );
    refused(
        "R18446744073709551616/2025-05-20T13:00:00Z/P1M",
        CountBeyondCalendar { count: "18446744073709551616".into() },
    );

    let longest = format!("R{}3/2025-05-20T13:00:00Z/P1M", "0".repeat(INTERVAL_BYTES_MAX - 27));
    assert_eq!(longest.len(), INTERVAL_BYTES_MAX);
    assert_eq!(parse(&longest).count(), Some(3));
    refused(&longest.replacen('0', "00", 1), TooLong { bytes: INTERVAL_BYTES_MAX + 1 });
}

#[test]
fn counts() {
    let check = |count: &str, expected: Result<Option<u64>, IntervalError>| {
        let text = format!("R{count}/2025-05-20T13:00:00Z/P1M");
        assert_eq!(Interval::parse(&text).map(|interval| interval.count()), expected, "{text}");
        // The outermost windows lie elsewhere, but what a count means does not depend on the form.
        let text = format!("R{count}/P1M/2025-05-20T13:00:00Z");
        assert_eq!(Interval::parse(&text).map(|interval| interval.count()), expected, "{text}");
        let text = format!("R{count}/2025-05-20T13:00:00Z/2025-05-20T14:00:00Z");
        assert_eq!(Interval::parse(&text).map(|interval| interval.count()), expected, "{text}");
    };
    let bad = |count: &str| Err(IntervalError::BadCount { count: count.into() });
    let negative = |count: &str| Err(IntervalError::NegativeCount { count: count.into() });
    check("", Ok(None));
    check("-1", Ok(None));
    check("1", Ok(Some(1)));
    check("3", Ok(Some(3)));
    check("03", Ok(Some(3)));
    check("0001000", Ok(Some(1_000)));
    check("0", Err(IntervalError::ZeroCount));
    check("000", Err(IntervalError::ZeroCount));
    check("-0", negative("-0"));
    check("-2", negative("-2"));
    check("-01", negative("-01"));
    check("-11", negative("-11"));
    check("-", bad("-"));
    check("--1", bad("--1"));
    check("+3", bad("+3"));
    check("3 ", bad("3 "));
    check("3.0", bad("3.0"));
    check("1e3", bad("1e3"));
    check("R3", bad("R3"));
    check("\u{0663}", bad("\u{0663}"));
    check("\u{221e}", bad("\u{221e}"));
}

#[test]
fn instants() {
    use InstantFault::{
        BadFraction, BadOffset, BasicFormat, BeyondCalendar, Malformed, MissingOffset, MissingSeconds, MissingTime,
        NoSuchDay, NoSuchMonth, NoSuchTime, SmallLetter, TooFine, UnknownOffset, YearOutOfRange,
    };
    let check = |text: &str, expected: Result<&str, InstantFault>| {
        let expected = expected.map(at).map_err(|fault| IntervalError::Instant { text: text.into(), fault });
        let start = Interval::parse(&format!("R1/{text}/PT1S")).map(|interval| interval.starts_at());
        assert_eq!(start, expected.clone().map(Some), "{text} as a start");
        let end = Interval::parse(&format!("R1/PT1S/{text}")).map(|interval| interval.ends_at());
        // The first instant of the calendar can be no end, for no window lies before it.
        if text != "0000-01-01T00:00:00Z" {
            assert_eq!(end, expected.map(Some), "{text} as an end");
        }
    };
    check("2025-05-20T13:00:00Z", Ok("2025-05-20T13:00:00Z"));
    check("2025-05-20T23:59:59Z", Ok("2025-05-20T23:59:59Z"));
    check("2025-05-20T13:00:00.1Z", Ok("2025-05-20T13:00:00.1Z"));
    check("2025-05-20T13:00:00,123456Z", Ok("2025-05-20T13:00:00.123456Z"));
    check("2025-05-20T13:00:00.123456000Z", Ok("2025-05-20T13:00:00.123456Z"));
    check("1969-12-31T23:59:59.999999Z", Ok("1969-12-31T23:59:59.999999Z"));
    check("2025-05-20T13:00:00+02:00", Ok("2025-05-20T11:00:00Z"));
    check("2025-05-20T13:00:00.5-05:30", Ok("2025-05-20T18:30:00.5Z"));
    check("2025-05-20T13:00:00+00:00", Ok("2025-05-20T13:00:00Z"));
    check("2025-05-20T13:00:00+23:59", Ok("2025-05-19T13:01:00Z"));
    check("2025-05-20T13:00:00-23:59", Ok("2025-05-21T12:59:00Z"));
    check("2024-02-29T00:00:00Z", Ok("2024-02-29T00:00:00Z"));
    check("2000-02-29T00:00:00Z", Ok("2000-02-29T00:00:00Z"));
    check("0000-01-01T00:00:00Z", Ok("0000-01-01T00:00:00Z"));
    check("0001-01-01T00:00:00Z", Ok("0001-01-01T00:00:00Z"));
    check("9999-12-30T21:59:59Z", Ok("9999-12-30T21:59:59Z"));

    check("2025-05-20T13:00:00", Err(MissingOffset));
    check("2025-05-20T13:00:00.5", Err(MissingOffset));
    check("2025-05-20", Err(MissingTime));
    check("2025-05-20T13:00Z", Err(MissingSeconds));
    check("2025-05-20T13:00+02:00", Err(MissingSeconds));
    check("2025-05-20T13:00", Err(MissingSeconds));
    check("2025-05-20T13Z", Err(Malformed));
    check("20250520T130000Z", Err(BasicFormat));
    check("20250520", Err(BasicFormat));
    check("2025-05-20T130000Z", Err(BasicFormat));
    check("2025-05-20T1300Z", Err(BasicFormat));
    check("2025-05-20t13:00:00Z", Err(SmallLetter));
    check("2025-05-20T13:00:00z", Err(SmallLetter));
    check("2025-05-20 13:00:00Z", Err(Malformed));
    check("12025-05-20T13:00:00Z", Err(YearOutOfRange));
    check("+12025-05-20T13:00:00Z", Err(YearOutOfRange));
    check("+2025-05-20T13:00:00Z", Err(YearOutOfRange));
    check("-0001-05-20T13:00:00Z", Err(YearOutOfRange));
    check("925-05-20T13:00:00Z", Err(Malformed));
    check("2025-5-20T13:00:00Z", Err(Malformed));
    check("2025-05-2T13:00:00Z", Err(Malformed));
    check("2025-05-200T13:00:00Z", Err(Malformed));
    check("2025-W21-2T13:00:00Z", Err(Malformed));
    check("2025-140T13:00:00Z", Err(Malformed));
    check("2025-00-20T13:00:00Z", Err(NoSuchMonth));
    check("2025-13-20T13:00:00Z", Err(NoSuchMonth));
    check("2025-02-30T00:00:00Z", Err(NoSuchDay { days: 28 }));
    check("2024-02-30T00:00:00Z", Err(NoSuchDay { days: 29 }));
    check("1900-02-29T00:00:00Z", Err(NoSuchDay { days: 28 }));
    check("2025-06-31T00:00:00Z", Err(NoSuchDay { days: 30 }));
    check("2025-05-00T00:00:00Z", Err(NoSuchDay { days: 31 }));
    check("2025-05-99T00:00:00Z", Err(NoSuchDay { days: 31 }));
    check("2025-05-20T24:00:00Z", Err(NoSuchTime));
    check("2025-05-20T13:60:00Z", Err(NoSuchTime));
    check("2016-12-31T23:59:60Z", Err(NoSuchTime));
    check("2025-05-20T1:00:00Z", Err(Malformed));
    check("2025-05-20T13:00:00.Z", Err(BadFraction));
    check("2025-05-20T13:00:00.1234567890Z", Err(BadFraction));
    check("2025-05-20T13:00:00.1234567Z", Err(TooFine));
    check("2025-05-20T13:00:00.000000001Z", Err(TooFine));
    check("2025-05-20T13:00:00-00:00", Err(UnknownOffset));
    check("2025-05-20T13:00:00+02", Err(BadOffset));
    check("2025-05-20T13:00:00+0200", Err(BadOffset));
    check("2025-05-20T13:00:00+2:00", Err(BadOffset));
    check("2025-05-20T13:00:00+24:00", Err(BadOffset));
    check("2025-05-20T13:00:00+02:60", Err(BadOffset));
    check("2025-05-20T13:00:00+", Err(BadOffset));
    check("2025-05-20T13:00:00\u{2212}05:00", Err(Malformed));
    check("2025-05-20T13:00:00+02:00:00", Err(Malformed));
    check("2025-05-20T13:00:00Z ", Err(Malformed));
    check("2025-05-20T13:00:00Z[UTC]", Err(Malformed));
    check("0000-01-01T00:00:00+00:01", Err(BeyondCalendar));
    check("0000-12-31T23:59:59-24:00", Err(BadOffset));
    check("9999-12-30T22:00:00.000001Z", Err(BeyondCalendar));
    check("9999-12-31T00:00:00Z", Err(BeyondCalendar));
    check("9999-12-31T23:59:59-23:59", Err(BeyondCalendar));
    check("today", Err(Malformed));
    check("\u{1F600}", Err(Malformed));
}

#[test]
fn durations() {
    use DurationFault::{
        BadFraction, Empty, EmptyTime, Fraction, Malformed, MissingNumber, MissingUnit, NeedsTime, NotTime, OutOfOrder,
        Signed, SmallLetter, TooFine, TooLong, Zero,
    };
    // What a window that starts on 31 January 2025 at 13:00 UTC ends with.
    let check = |text: &str, expected: Result<&str, DurationFault>| {
        let end = Interval::parse(&format!("R1/2025-01-31T13:00:00Z/{text}")).map(|interval| interval.ends_at());
        let expected = expected.map(at).map_err(|fault| IntervalError::Duration { text: text.into(), fault });
        assert_eq!(end, expected.map(Some), "{text}");
    };
    check("P1Y", Ok("2026-01-31T13:00:00Z"));
    check("P1M", Ok("2025-02-28T13:00:00Z"));
    check("P13M", Ok("2026-02-28T13:00:00Z"));
    check("P37M", Ok("2028-02-29T13:00:00Z"));
    check("P1W", Ok("2025-02-07T13:00:00Z"));
    check("P1D", Ok("2025-02-01T13:00:00Z"));
    check("PT1H", Ok("2025-01-31T14:00:00Z"));
    check("PT1M", Ok("2025-01-31T13:01:00Z"));
    check("PT1S", Ok("2025-01-31T13:00:01Z"));
    check("PT36H", Ok("2025-02-02T01:00:00Z"));
    check("PT0.5S", Ok("2025-01-31T13:00:00.5Z"));
    check("PT0,000001S", Ok("2025-01-31T13:00:00.000001Z"));
    check("PT1.250000000S", Ok("2025-01-31T13:00:01.25Z"));
    check("P1M1D", Ok("2025-03-01T13:00:00Z"));
    check("P1M1W", Ok("2025-03-07T13:00:00Z"));
    check("P1Y2M3W4DT5H6M7.8S", Ok("2026-04-25T18:06:07.8Z"));
    check("P0Y1M0DT0H", Ok("2025-02-28T13:00:00Z"));
    check("P001M", Ok("2025-02-28T13:00:00Z"));
    check("P0000000000000000000000001D", Ok("2025-02-01T13:00:00Z"));

    check("P", Err(Empty));
    check("PT", Err(EmptyTime));
    check("P1MT", Err(EmptyTime));
    check("P0D", Err(Zero));
    check("PT0S", Err(Zero));
    check("PT0.000000S", Err(Zero));
    check("P0Y0M0W0DT0H0M0S", Err(Zero));
    check("-P1M", Err(Signed));
    check("+P1M", Err(Signed));
    check("P-1M", Err(Signed));
    check("P1M-1D", Err(Signed));
    check("PT+1S", Err(Signed));
    check("p1M", Err(SmallLetter));
    check("P1m", Err(SmallLetter));
    check("P1dT1H", Err(SmallLetter));
    check("Pt1H", Err(SmallLetter));
    check("P1", Err(MissingUnit));
    check("P1M2", Err(MissingUnit));
    check("P1T1H", Err(MissingUnit));
    check("PM", Err(MissingNumber { unit: 'M' }));
    check("P1MD", Err(MissingNumber { unit: 'D' }));
    check("PTT1H", Err(MissingNumber { unit: 'T' }));
    check("P1H", Err(NeedsTime { unit: "hours" }));
    check("P1S", Err(NeedsTime { unit: "seconds" }));
    check("PT1Y", Err(NotTime { unit: "years" }));
    check("PT1W", Err(NotTime { unit: "weeks" }));
    check("PT1D", Err(NotTime { unit: "days" }));
    check("P1D1M", Err(OutOfOrder { unit: "months" }));
    check("P1M1M", Err(OutOfOrder { unit: "months" }));
    check("PT1S1S", Err(OutOfOrder { unit: "seconds" }));
    check("PT1M1H", Err(OutOfOrder { unit: "hours" }));
    check("P0.5M", Err(Fraction { unit: "months" }));
    check("P0,5Y", Err(Fraction { unit: "years" }));
    check("P1.0D", Err(Fraction { unit: "days" }));
    check("P1.W", Err(Fraction { unit: "weeks" }));
    check("PT1.5H", Err(Fraction { unit: "hours" }));
    check("PT1.5M", Err(Fraction { unit: "minutes" }));
    check("PT1.S", Err(BadFraction));
    check("PT.5S", Err(Malformed));
    check("PT1.1234567890S", Err(BadFraction));
    check("PT1.1234567S", Err(TooFine));
    check("PT0.000000001S", Err(TooFine));
    check("P1.", Err(MissingUnit));
    check("P1..", Err(Malformed));
    check("P1M ", Err(Malformed));
    check("P1X", Err(Malformed));
    check("P\u{0661}M", Err(Malformed));
    check("P0001-01-01T00:00:00", Err(Malformed));
    check("P99999999999999999999Y", Err(TooLong));
    check("P18446744073709551615Y", Err(TooLong));
    check("P9223372036854775807W", Err(TooLong));
    check("PT18446744073709551615S", Err(TooLong));
    check("PT9223372036854775807H", Err(TooLong));
}

/// Everything a developer sees of a fault, for the faults they are most likely to make.
#[test]
fn messages_name_the_fault_and_what_would_be_right() {
    let check = |text: &str, expected: &str| {
        assert_eq!(Interval::parse(text).unwrap_err().to_string(), expected);
    };
    check("R0/2025-05-20T13:00:00Z/P1M", "the count R0 allows no window at all; write R1 or more, or R for no end");
    check("R-2/2025-05-20T13:00:00Z/P1M", "the count R-2 is negative; write R1 or more, or R for no end");
    check(
        "R/2025-05-20T13:00:00/P1M",
        "the date and time \"2025-05-20T13:00:00\" has no offset; end it with Z for UTC, or with an offset such as +02:00",
    );
    check(
        "R/2025-02-30T00:00:00Z/P1M",
        "the date and time \"2025-02-30T00:00:00Z\" has no such day; that month has 28 days",
    );
    check(
        "R/2025-05-20T13:00:00Z/P0.5M",
        "the duration \"P0.5M\" has a fraction of months; only seconds may have one: write a smaller unit instead",
    );
    check(
        "R/2025-05-20T13:00:00Z/P1MT",
        "the duration \"P1MT\" has a T with nothing after it; leave the T out, or add a time, as in P1DT12H",
    );
    check(
        "R9999/2025-05-20T13:00:00Z/P1Y",
        "the count R9999 needs windows beyond the calendar, which reaches from the year 0000 to 30 December 9999; \
         write a smaller count, or R for no end",
    );
    // Someone else's text is cut short and cannot break out of its quotation marks or its line.
    check(
        "R\"\n\u{1b}xx/",
        "the count \"\\\"\\n\\u{1b}xx\" is not a whole number; write R3 for three windows, or R for no end",
    );
    check(
        &format!("R{}/", "x".repeat(90)),
        &format!(
            "the count \"{}...\" is not a whole number; write R3 for three windows, or R for no end",
            "x".repeat(40)
        ),
    );
}

// ---------------------------------------------------------------------------------------------- windows by hand

#[test]
fn ends_and_indices() {
    type Expected<'a> = Option<(i64, &'a str, &'a str)>;
    let check = |text: &str, first: Expected, last: Expected| {
        let window =
            |expected: Expected| expected.map(|(index, start, end)| Window { index, start: at(start), end: at(end) });
        let interval = parse(text);
        assert_eq!(interval.first(), window(first), "{text}: first");
        assert_eq!(interval.last(), window(last), "{text}: last");
        assert_eq!(interval.starts_at(), first.map(|(_, start, _)| at(start)), "{text}: start");
        assert_eq!(interval.ends_at(), last.map(|(_, _, end)| at(end)), "{text}: end");
        if let Some(first) = interval.first() {
            assert_eq!(interval.window(first.index - 1), None, "{text}: before the first");
            assert_eq!(interval.window_at(first.start - SignedDuration::from_nanos(1)), None, "{text}: before");
        }
        if let Some(last) = interval.last() {
            assert_eq!(interval.window(last.index + 1), None, "{text}: after the last");
            assert_eq!(interval.next(&last), None, "{text}: next of the last");
            assert_eq!(interval.window_at(last.end), None, "{text}: after");
        }
        for index in [i64::MIN, i64::MIN + 1, i64::MAX - 1, i64::MAX] {
            assert_eq!(interval.window(index), None, "{text}: {index}");
        }
    };
    let may = ("2025-05-20T13:00:00Z", "2025-06-20T13:00:00Z");
    let july = ("2025-07-20T13:00:00Z", "2025-08-20T13:00:00Z");
    check("R3/2025-05-20T13:00:00Z/P1M", Some((0, may.0, may.1)), Some((2, july.0, july.1)));
    check("R3/P1M/2025-08-20T13:00:00Z", Some((0, may.0, may.1)), Some((2, july.0, july.1)));
    check("R1/P1M/2025-08-20T13:00:00Z", Some((0, july.0, july.1)), Some((0, july.0, july.1)));
    check("R/2025-05-20T13:00:00Z/P1M", Some((0, may.0, may.1)), None);
    check("R-1/2025-05-20T13:00:00Z/P1M", Some((0, may.0, may.1)), None);
    check("R/P1M/2025-08-20T13:00:00Z", None, Some((-1, july.0, july.1)));
    check(
        "R2/2025-01-01T00:00:00Z/2025-01-01T01:00:00Z",
        Some((0, "2025-01-01T00:00:00Z", "2025-01-01T01:00:00Z")),
        Some((1, "2025-01-01T01:00:00Z", "2025-01-01T02:00:00Z")),
    );
    // The end may be written at another offset; elapsed time is all that counts of it.
    check(
        "R1/2025-01-01T00:00:00Z/2025-01-01T00:00:00-01:00",
        Some((0, "2025-01-01T00:00:00Z", "2025-01-01T01:00:00Z")),
        Some((0, "2025-01-01T00:00:00Z", "2025-01-01T01:00:00Z")),
    );
    // Counted back from 31 March, the earliest window starts on 31 January, not on the 28th: no drift.
    check(
        "R2/P1M/2025-03-31T00:00:00Z",
        Some((0, "2025-01-31T00:00:00Z", "2025-02-28T00:00:00Z")),
        Some((1, "2025-02-28T00:00:00Z", "2025-03-31T00:00:00Z")),
    );
}

#[test]
fn the_calendar_ends_a_sequence() {
    let last_in = |text: &str, expected: (i64, &str, &str)| {
        let interval = parse(text);
        let window = Window { index: expected.0, start: at(expected.1), end: at(expected.2) };
        assert_eq!(interval.window(window.index), Some(window), "{text}");
        assert_eq!(interval.window_at(window.start), Some(window), "{text}");
        assert_eq!(interval.next(&window), None, "{text}");
        assert_eq!(interval.window_at(window.end), None, "{text}");
        assert_eq!(interval.window_at(Timestamp::MAX), None, "{text}");
        assert_eq!(interval.ends_at(), None, "{text}: the interval itself has no end");
    };
    last_in("R/2025-05-20T13:00:00Z/P1Y", (7_973, "9998-05-20T13:00:00Z", "9999-05-20T13:00:00Z"));
    last_in("R/9999-12-30T21:59:58Z/PT1S", (1, "9999-12-30T21:59:59Z", "9999-12-30T22:00:00Z"));
    last_in("R/0000-01-01T00:00:00Z/P5000Y", (0, "0000-01-01T00:00:00Z", "5000-01-01T00:00:00Z"));

    let first_in = |text: &str, expected: (i64, &str, &str)| {
        let interval = parse(text);
        let window = Window { index: expected.0, start: at(expected.1), end: at(expected.2) };
        assert_eq!(interval.window(window.index), Some(window), "{text}");
        assert_eq!(interval.window_at(window.start), Some(window), "{text}");
        assert_eq!(interval.window(window.index - 1), None, "{text}");
        assert_eq!(interval.window_at(window.start - SignedDuration::from_nanos(1)), None, "{text}");
        assert_eq!(interval.window_at(Timestamp::MIN), None, "{text}");
        assert_eq!(interval.starts_at(), None, "{text}: the interval itself has no start");
    };
    first_in("R/P1Y/2025-05-20T13:00:00Z", (-2_025, "0000-05-20T13:00:00Z", "0001-05-20T13:00:00Z"));
    first_in("R/P1D/2025-01-01T00:00:00Z", (-739_617, "0000-01-01T00:00:00Z", "0000-01-02T00:00:00Z"));
    // At their own offset, the earlier hours of that day belong to the year before 0000, which cannot be written.
    first_in("R/PT1H/2025-01-01T00:00:00-05:00", (-17_750_808, "0000-01-01T05:00:00Z", "0000-01-01T06:00:00Z"));
    first_in("R/PT1H/2025-01-01T00:00:00+05:00", (-17_750_803, "0000-01-01T00:00:00Z", "0000-01-01T01:00:00Z"));

    // One window that fills nearly all of the calendar, and whose neighbour is out of reach altogether.
    first_in("R/P119992M/9999-11-01T21:00:00Z", (-1, "0000-07-01T21:00:00Z", "9999-11-01T21:00:00Z"));
    last_in("R/0000-07-01T21:00:00Z/P119992M", (0, "0000-07-01T21:00:00Z", "9999-11-01T21:00:00Z"));

    // The largest counts that fit.
    assert_eq!(parse("R7974/2025-05-20T13:00:00Z/P1Y").ends_at(), Some(at("9999-05-20T13:00:00Z")));
    assert_eq!(parse("R2025/P1Y/2025-05-20T13:00:00Z").starts_at(), Some(at("0000-05-20T13:00:00Z")));
}

#[test]
fn finer_than_a_microsecond_instants_belong_to_the_window_they_are_in() {
    for text in ["R/2025-01-01T00:00:00Z/PT0.000001S", "R/1960-01-01T00:00:00Z/PT0.000001S"] {
        let interval = parse(text);
        for nanos in [0, 1, 999] {
            for base in ["2026-03-01T12:00:00.000007Z", "1969-12-31T23:59:59.999999Z", "1961-05-05T00:00:00.5Z"] {
                let base = at(base);
                let expected = (base, base + SignedDuration::from_micros(1));
                let found = bounds(interval.window_at(base + SignedDuration::from_nanos(nanos)));
                assert_eq!(found, (base >= interval.starts_at().unwrap()).then_some(expected), "{text}: {base}");
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------- words

#[test]
fn descriptions() {
    let check = |text: &str, expected: &str| assert_eq!(parse(text).describe(), expected, "{text}");
    check(
        "R3/2025-05-20T13:00:00Z/P1M",
        "3 windows of 1 month each, from 20 May 2025 13:00 UTC until 20 August 2025 13:00 UTC",
    );
    check("R/2025-04-22T08:00:00Z/P1D", "every day, without end, from 22 April 2025 08:00 UTC");
    check("R-1/2025-04-22T08:00:00Z/P2W", "every 2 weeks, without end, from 22 April 2025 08:00 UTC");
    check(
        "R1/2025-05-20T13:00:00Z/P1M",
        "1 window of 1 month, from 20 May 2025 13:00 UTC until 20 June 2025 13:00 UTC",
    );
    check(
        "R-1/P1Y2M10DT2H30M/2022-05-11T15:30:00Z",
        "every 1 year, 2 months, 10 days, 2 hours and 30 minutes, until 11 May 2022 15:30 UTC",
    );
    check("R/P1M/2022-05-11T15:30:00Z", "every month, until 11 May 2022 15:30 UTC");
    check(
        "R2/P1M/2025-03-31T00:00:00Z",
        "2 windows of 1 month each, from 31 January 2025 00:00 UTC until 31 March 2025 00:00 UTC",
    );
    check(
        "R1/2017-03-01T13:00:00Z/2018-05-11T15:30:00Z",
        "1 window of 436 days, 2 hours and 30 minutes, from 1 March 2017 13:00 UTC until 11 May 2018 15:30 UTC",
    );
    check("R/2025-10-25T22:00:00+02:00/P1D", "every day, without end, from 25 October 2025 22:00 UTC+02:00");
    check("R/2025-01-31T23:30:00-05:30/P1M", "every month, without end, from 31 January 2025 23:30 UTC-05:30");
    check("R/2025-01-31T23:30:00-00:30/P1M", "every month, without end, from 31 January 2025 23:30 UTC-00:30");
    check("R/2025-01-31T23:30:00+00:00/P1M", "every month, without end, from 31 January 2025 23:30 UTC");
    check("R/2025-05-20T13:00:22Z/P1M", "every month, without end, from 20 May 2025 13:00:22 UTC");
    check("R/1925-12-20T03:00:00.123Z/P1M", "every month, without end, from 20 December 1925 03:00:00.123 UTC");
    check("R/0001-01-01T00:00:00Z/P1M", "every month, without end, from 1 January 0001 00:00 UTC");
}

#[test]
fn descriptions_of_periods() {
    let check = |text: &str, expected: &str| {
        assert_eq!(parse(&format!("R/2025-05-20T13:00:00Z/{text}")).describe_period(), expected, "{text}");
    };
    check("P1Y", "year");
    check("P1M", "month");
    check("P0Y1M", "month");
    check("P1W", "week");
    check("P2W", "2 weeks");
    check("P1D", "day");
    check("P10D", "10 days");
    check("P11M", "11 months");
    check("PT1H", "hour");
    check("PT1M", "minute");
    check("PT1S", "second");
    check("PT90M", "90 minutes");
    check("PT36H", "36 hours");
    check("PT0.5S", "0.5 seconds");
    check("PT1.500S", "1.5 seconds");
    check("PT1.000001S", "1.000001 seconds");
    check("P1M15D", "1 month and 15 days");
    check("P1DT1S", "1 day and 1 second");
    check("P1Y2M10DT2H30M", "1 year, 2 months, 10 days, 2 hours and 30 minutes");
    check("2025-05-21T13:00:00Z", "day");
    check("2025-05-20T13:00:00.25Z", "0.25 seconds");
    check("2026-05-20T14:01:01Z", "365 days, 1 hour, 1 minute and 1 second");
}

#[test]
fn json_and_text() {
    let text = "R03/2025-05-20T13:00:00,500+02:00/P0Y1M";
    let interval: Interval = text.parse().unwrap();
    assert_eq!(interval.as_str(), text);
    assert_eq!(interval.to_string(), text);
    assert_eq!(format!("{interval:?}"), format!("Interval({text:?})"));
    assert_eq!(serde_json::to_string(&interval).unwrap(), format!("{text:?}"));
    assert_eq!(serde_json::from_str::<Interval>(&format!("{text:?}")).unwrap(), interval);
    // A slash may be escaped in JSON; the interval is the same.
    assert_eq!(serde_json::from_str::<Interval>(&format!("{text:?}").replace('/', "\\/")).unwrap(), interval);
    assert_ne!(interval, parse("R3/2025-05-20T13:00:00.5+02:00/P1M"));

    let error = serde_json::from_str::<Interval>("\"R0/2025-05-20T13:00:00Z/P1M\"").unwrap_err().to_string();
    assert!(error.starts_with("the count R0 allows no window at all"), "{error}");
    let error = serde_json::from_str::<Interval>("3").unwrap_err().to_string();
    assert!(error.contains("expected a repeating interval such as"), "{error}");
}

// ---------------------------------------------------------------------------------------------- a second calendar

/// An interval's parts, from which both its text and, by other means, its windows are made.
#[derive(Clone, Debug)]
struct Plan {
    date: (i128, i128, i128),
    micros_of_day: i128,
    offset_minutes: i128,
    /// Years, months, weeks, days, hours, minutes, seconds.
    length: [i128; 7],
    micros: i128,
    count: Option<u64>,
    backward: bool,
}

fn is_leap(year: i128) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn days_in_month(year: i128, month: i128) -> i128 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1 January 0000 to a date.
fn days_before(year: i128, month: i128, day: i128) -> i128 {
    let leap_days = (year + 3).div_euclid(4) - (year + 99).div_euclid(100) + (year + 399).div_euclid(400);
    let months: i128 = (1..month).map(|month| days_in_month(year, month)).sum();
    365 * year + leap_days + months + day - 1
}

impl Plan {
    fn instant_text(&self) -> String {
        let (year, month, day) = self.date;
        let seconds = self.micros_of_day / 1_000_000;
        let offset = if self.offset_minutes == 0 {
            "Z".to_owned()
        } else {
            let sign = if self.offset_minutes < 0 { '-' } else { '+' };
            format!("{sign}{:02}:{:02}", self.offset_minutes.abs() / 60, self.offset_minutes.abs() % 60)
        };
        format!(
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}{offset}",
            seconds / 3_600,
            seconds / 60 % 60,
            seconds % 60,
            self.micros_of_day % 1_000_000
        )
    }

    fn text(&self) -> String {
        let [years, months, weeks, days, hours, minutes, seconds] = self.length;
        let length = format!("P{years}Y{months}M{weeks}W{days}DT{hours}H{minutes}M{seconds}.{:06}S", self.micros);
        let count = self.count.map(|count| count.to_string()).unwrap_or_default();
        let instant = self.instant_text();
        if self.backward { format!("R{count}/{length}/{instant}") } else { format!("R{count}/{instant}/{length}") }
    }

    /// Boundary `k`, in microseconds since 1970.
    fn boundary(&self, k: i128) -> i128 {
        let (year, month, day) = self.date;
        let [years, months, weeks, days, hours, minutes, seconds] = self.length;
        let month = year * 12 + month - 1 + k * (years * 12 + months);
        let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
        let day = days_before(year, month, day.min(days_in_month(year, month))) + k * (weeks * 7 + days);
        let time = self.micros_of_day + k * ((hours * 3_600 + minutes * 60 + seconds) * 1_000_000 + self.micros);
        (day - days_before(1970, 1, 1)) * MICROS_PER_DAY + time - self.offset_minutes * 60_000_000
    }

    fn in_calendar(&self, micros: i128) -> bool {
        let start = -days_before(1970, 1, 1) * MICROS_PER_DAY;
        let local = micros + self.offset_minutes * 60_000_000;
        micros >= start && local >= start && micros <= i128::from(at("9999-12-30T22:00:00Z").as_microsecond())
    }

    /// The `k` of the earliest and of the final window.
    fn range(&self) -> (i128, i128) {
        let far = 1 << 60;
        match (self.backward, self.count) {
            (false, count) => (0, count.map_or(far, |count| i128::from(count) - 1)),
            (true, count) => (count.map_or(-far, |count| -i128::from(count)), -1),
        }
    }

    /// Whether window `k` is in the sequence and the calendar.
    fn has(&self, k: i128) -> bool {
        let (earliest, latest) = self.range();
        (earliest..=latest).contains(&k) && self.in_calendar(self.boundary(k)) && self.in_calendar(self.boundary(k + 1))
    }

    /// The window `k`, numbered as an interval's.
    fn window(&self, k: i128) -> Option<Window> {
        let first = if self.backward && self.count.is_none() { 0 } else { self.range().0 };
        let instant = |k: i128| Timestamp::from_microsecond(i64::try_from(self.boundary(k)).unwrap()).unwrap();
        self.has(k).then(|| Window { index: i64::try_from(k - first).unwrap(), start: instant(k), end: instant(k + 1) })
    }

    /// The window of an instant, by halving: boundaries ascend, and that is all this relies on.
    fn window_at(&self, at: Timestamp) -> Option<Window> {
        let at = at.as_nanosecond().div_euclid(1_000);
        let (mut low, mut high) = (-(1_i128 << 60), 1_i128 << 60);
        while high - low > 1 {
            let middle = (low + high).div_euclid(2);
            if self.boundary(middle) <= at { low = middle } else { high = middle }
        }
        self.window(low)
    }

    /// Whether the interval must be accepted: the window at the anchor and, if counted, the outermost are in the calendar.
    fn is_right(&self) -> bool {
        let (earliest, latest) = self.range();
        let anchor = self.in_calendar(self.boundary(0));
        let nearest = if self.backward { latest } else { earliest };
        let outermost = if self.backward { earliest } else { latest };
        anchor && self.has(nearest) && (self.count.is_none() || self.has(outermost))
    }
}

/// A component of a duration: mostly absent, then small, then anything.
fn component(large: i128) -> impl Strategy<Value = i128> {
    prop_oneof![6 => Just(0_i128), 3 => 1_i128..=40, 1 => 0..=large]
}

fn plan() -> impl Strategy<Value = Plan> {
    let year = prop_oneof![4 => 1970_i128..=2100, 2 => 0_i128..=9999, 1 => 0_i128..=4, 1 => 9990_i128..=9999];
    let day = prop_oneof![1_i128..=31, 28_i128..=31];
    let micros_of_day = prop_oneof![Just(0), 0..MICROS_PER_DAY, Just(MICROS_PER_DAY - 1)];
    let offset = prop_oneof![Just(0_i128), (-14_i128..=14).prop_map(|hours| hours * 60), -1_439_i128..=1_439];
    let length = [
        component(9_999).boxed(),
        component(120_000).boxed(),
        component(500_000).boxed(),
        component(3_000_000).boxed(),
        component(80_000_000).boxed(),
        component(5_000_000_000).boxed(),
        component(300_000_000_000).boxed(),
    ];
    let micros = prop_oneof![4 => Just(0_i128), 1 => 0_i128..1_000_000];
    let count = prop_oneof![
        3 => Just(None),
        3 => (1_u64..=40).prop_map(Some),
        1 => (1_u64..=1_000_000).prop_map(Some),
        1 => any::<u64>().prop_filter_map("R0", |count| (count > 0).then_some(Some(count))),
    ];
    (year, 1_i128..=12, day, micros_of_day, offset, length, micros, count, any::<bool>()).prop_filter_map(
        "zero",
        |(year, month, day, micros_of_day, offset_minutes, length, micros, count, backward)| {
            let date = (year, month, day.min(days_in_month(year, month)));
            let plan = Plan { date, micros_of_day, offset_minutes, length, micros, count, backward };
            (plan.boundary(1) != plan.boundary(0)).then_some(plan)
        },
    )
}

fn right_plan() -> impl Strategy<Value = Plan> {
    plan().prop_filter("outside the calendar", Plan::is_right)
}

fn instant() -> impl Strategy<Value = Timestamp> {
    let nanos = |range: (Timestamp, Timestamp)| {
        (range.0.as_nanosecond()..=range.1.as_nanosecond()).prop_map(|nanos| Timestamp::from_nanosecond(nanos).unwrap())
    };
    prop_oneof![
        4 => nanos((at("1950-01-01T00:00:00Z"), at("2150-01-01T00:00:00Z"))),
        4 => nanos((Timestamp::MIN, Timestamp::MAX)),
        1 => nanos((at("-000001-12-30T00:00:00Z"), at("0000-01-02T00:00:00Z"))),
        1 => nanos((at("9999-12-30T00:00:00Z"), Timestamp::MAX)),
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::MAX),
    ]
}

fn micro() -> SignedDuration {
    SignedDuration::from_micros(1)
}

/// Nearly an interval: pieces of one, rightly and wrongly put together.
fn nearly() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("R".to_owned()),
        Just("R3".to_owned()),
        Just("/".to_owned()),
        Just("2025-05-20T13:00:00Z".to_owned()),
        Just("9999-12-30T21:59:59+00:01".to_owned()),
        Just("P1M".to_owned()),
        "P[0-9]{0,3}[YMWD]?T?[0-9]{0,20}[.,]?[0-9]{0,10}[HMS]?",
        "R-?[0-9]{0,21}",
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})",
        "[0-9TPRZYMWDHS:.,+/-]{0,12}",
        any::<String>(),
    ];
    prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
}

/// What holds for everything that was accepted.
fn hold_together(interval: &Interval, text: &str, instant: Timestamp) -> Result<(), TestCaseError> {
    prop_assert_eq!(interval.as_str(), text);
    prop_assert_eq!(interval.to_string(), text);
    let nearest = interval.first().or(interval.last());
    prop_assert!(nearest.is_some(), "an interval has at least one window");
    prop_assert_eq!(interval.count().is_some(), interval.first().is_some() && interval.last().is_some());
    prop_assert!(interval.describe().is_ascii());
    for window in [interval.first(), interval.last(), interval.window_at(instant)].into_iter().flatten() {
        prop_assert!(window.start < window.end);
        prop_assert_eq!(interval.window(window.index), Some(window));
        prop_assert_eq!(interval.window_at(window.start), Some(window));
        prop_assert_eq!(interval.window_at(window.end - micro()), Some(window));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, max_global_rejects: 100_000, ..ProptestConfig::default() })]

    /// Accepted exactly if the windows fit the calendar.
    #[test]
    fn the_calendar_decides_what_is_accepted(plan in plan()) {
        let text = plan.text();
        let result = Interval::parse(&text);
        prop_assert_eq!(result.is_ok(), plan.is_right(), "{}: {:?}", text, result);
    }

    /// Step by step from the anchor, every window is the one that integers give, touches the next, and holds its own
    /// first and last microsecond and no more.
    #[test]
    fn windows_follow_the_walk(plan in right_plan()) {
        let interval = parse(&plan.text());
        let mut before: Option<Window> = None;
        for step in 0..60 {
            let k = if plan.backward { -1 - step } else { step };
            let Some(expected) = plan.window(k) else { break };
            prop_assert_eq!(interval.window(expected.index), Some(expected));
            prop_assert!(expected.start < expected.end);
            prop_assert_eq!(interval.window_at(expected.start), Some(expected));
            prop_assert_eq!(interval.window_at(expected.end - micro()), Some(expected));
            prop_assert_eq!(interval.window_at(expected.end), plan.window(k + 1));
            if let Some(before) = before {
                let (earlier, later) = if plan.backward { (expected, before) } else { (before, expected) };
                prop_assert_eq!(earlier.end, later.start);
                prop_assert_eq!(earlier.index + 1, later.index);
                prop_assert_eq!(interval.next(&earlier), Some(later));
            }
            before = Some(expected);
        }
    }

    /// The window of any instant, however far from the anchor.
    #[test]
    fn any_instant(plan in right_plan(), instant in instant()) {
        let interval = parse(&plan.text());
        prop_assert_eq!(interval.window_at(instant), plan.window_at(instant));
        hold_together(&interval, &plan.text(), instant)?;
    }

    /// Counting windows in a finite interval gives its count.
    #[test]
    fn a_count_is_the_number_of_windows(mut plan in right_plan(), count in 1_u64..100) {
        plan.count = Some(count);
        prop_assume!(plan.is_right());
        let interval = parse(&plan.text());
        let windows: Vec<Window> =
            std::iter::successors(interval.first(), |window| interval.next(window)).take(1_000).collect();
        prop_assert_eq!(interval.count(), Some(count));
        prop_assert_eq!(u64::try_from(windows.len()).unwrap(), count);
        prop_assert_eq!(windows.first().copied(), interval.first());
        prop_assert_eq!(windows.last().copied(), interval.last());
        prop_assert_eq!(windows[0].index, 0);
        let pairs = windows.iter().zip(&windows[1..]);
        prop_assert!(pairs.clone().all(|(one, next)| one.end == next.start && one.index + 1 == next.index));
    }

    /// `<start>/<end>`: every window lasts exactly as long as the first, whatever the offsets.
    #[test]
    fn start_and_end_are_elapsed_time(
        start in 0_i64..4_000_000_000_000_000,
        length in prop_oneof![1_i64..1_000, 1_i64..100_000_000_000_000],
        index in 0_i64..1_000,
        offset_minutes in -1_439_i32..=1_439,
    ) {
        let time = |micros| Timestamp::from_microsecond(micros).unwrap();
        let offset = jiff::tz::Offset::from_seconds(offset_minutes * 60).unwrap();
        let end = time(start + length).display_with_offset(offset);
        // RFC 3339 keeps -00:00 for an unknown offset; that is not meant here.
        let text = format!("R/{}/{end}", time(start)).replace("-00:00", "+00:00");
        let interval = parse(&text);
        let expected = start.checked_add(length * index)
            .filter(|from| *from <= at("9999-12-30T22:00:00Z").as_microsecond() - length)
            .map(|from| Window { index, start: time(from), end: time(from + length) });
        prop_assert_eq!(interval.window(index), expected);
        if let Some(window) = expected {
            hold_together(&interval, &text, window.start)?;
        }
    }

    #[test]
    fn no_text_panics(text in prop_oneof![any::<String>(), nearly()], instant in instant()) {
        match Interval::parse(&text) {
            Ok(interval) => hold_together(&interval, &text, instant)?,
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    /// One wrong byte in a right text: refused, or still an interval, and never anything in between.
    #[test]
    fn one_wrong_byte(plan in right_plan(), place in any::<prop::sample::Index>(), byte in 0_u8..=127, instant in instant()) {
        let mut bytes = plan.text().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let text = String::from_utf8(bytes).unwrap();
        if let Ok(interval) = Interval::parse(&text) {
            hold_together(&interval, &text, instant)?;
        }
    }

    /// Shortened, every window that is left is the same one under the same number, and none follows.
    #[test]
    fn shortened_intervals_keep_their_windows(
        mut plan in right_plan(),
        (count, last) in (1_u64..60, 0_i64..60),
        endless: bool,
        instant in instant(),
    ) {
        plan.count = (!endless).then_some(count);
        prop_assume!(plan.is_right());
        let interval = parse(&plan.text());
        match interval.shortened(last) {
            Ok(short) => {
                for index in -2..=last + 2 {
                    let expected = interval.window(index).filter(|_| index <= last);
                    prop_assert_eq!(short.window(index), expected, "{} of {}", short, interval);
                }
                prop_assert_eq!(short.ends_at(), interval.window(last).map(|window| window.end));
                let found = short.window_at(instant);
                prop_assert_eq!(found, interval.window_at(instant).filter(|window| window.index <= last));
                prop_assert_eq!(parse(short.as_str()).last(), short.last());
            }
            Err(CannotShorten::NoSuchWindow) => prop_assert_eq!(interval.window(last), None),
            Err(CannotShorten::OtherNumbers) => prop_assert!(plan.backward && endless),
            Err(CannotShorten::OtherWindows) => prop_assert!(plan.backward),
        }
    }

    #[test]
    fn json_gives_back_the_text(plan in right_plan()) {
        let interval = parse(&plan.text());
        let json = serde_json::to_value(&interval).unwrap();
        prop_assert_eq!(&json, &serde_json::Value::String(plan.text()));
        prop_assert_eq!(serde_json::from_value::<Interval>(json).unwrap(), interval);
    }
}

// ---------------------------------------------------------------------------------------------- shortening

#[test]
fn intervals_are_shortened_in_their_own_words() {
    #[track_caller]
    fn check(text: &str, last: i64, expected: Result<&str, CannotShorten>) {
        let found = parse(text).shortened(last);
        assert_eq!(found.as_ref().map(Interval::as_str), expected.as_ref().copied(), "{text} to {last}");
    }
    use CannotShorten::{NoSuchWindow, OtherNumbers, OtherWindows};
    check("R/2025-05-20T13:00:00Z/P1M", 2, Ok("R3/2025-05-20T13:00:00Z/P1M"));
    check("R-1/2025-05-20T13:00:00.5+02:00/P1M", 0, Ok("R1/2025-05-20T13:00:00.5+02:00/P1M"));
    check("R12/2025-05-20T13:00:00Z/P1W", 2, Ok("R3/2025-05-20T13:00:00Z/P1W"));
    // Nothing to take away: the text stays as it was received.
    check("R03/2025-05-20T13:00:00Z/P1W", 2, Ok("R03/2025-05-20T13:00:00Z/P1W"));
    check("R3/2025-05-20T13:00:00Z/P1W", 3, Err(NoSuchWindow));
    check("R3/2025-05-20T13:00:00Z/P1W", -1, Err(NoSuchWindow));
    check("R/2025-05-20T13:00:00Z/2025-05-21T13:00:00Z", 6, Ok("R7/2025-05-20T13:00:00Z/2025-05-21T13:00:00Z"));
    check("R3/P1M/2025-05-20T13:00:00Z", 1, Ok("R2/P1M/2025-04-20T13:00:00Z"));
    check("R3/P1D/2025-05-31T13:00:00.25-05:30", 0, Ok("R1/P1D/2025-05-29T13:00:00.25-05:30"));
    check("R3/P1M/2025-05-31T13:00:00Z", 1, Err(OtherWindows));
    check("R3/P1M1D/2025-05-20T13:00:00Z", 1, Err(OtherWindows));
    check("R/P1M/2025-05-20T13:00:00Z", -2, Err(OtherNumbers));
    check("R/P1M/2025-05-20T13:00:00Z", -1, Ok("R/P1M/2025-05-20T13:00:00Z"));
}
