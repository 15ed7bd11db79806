use super::*;
use bursar_types::{Limits, VALUE_MAX};
use proptest::prelude::*;

const NOW: &str = "2025-05-21T09:30:00Z";

fn mandate(limits: &str) -> Mandate {
    let limits: Limits = serde_json::from_str(limits).unwrap();
    let receiver = limits.receiver.clone().map(|url| Receiver { url, name: None });
    let now = NOW.parse().unwrap();
    Mandate::new(&Spending::new(Some(&limits), receiver, now), &View::unknown(now))
}

/// Limits of an amount of CAD at the given side, with an interval.
fn limits(side: &str, value: u64, interval: Option<&str>) -> String {
    let interval = interval.map(|interval| format!(r#","interval":"{interval}""#)).unwrap_or_default();
    format!(r#"{{"{side}Amount":{{"value":"{value}","assetCode":"CAD","assetScale":2}}{interval}}}"#)
}

/// A line as people read it; what stands out is set in capitals.
fn line(loud: bool, text: String) -> String {
    if loud { text.to_uppercase() } else { text }
}

impl Limit {
    fn read(&self) -> String {
        line(self.loud, format!("{} {} {}", self.before, self.amount, self.after).trim().to_owned())
    }
}

impl Fact {
    fn read(&self) -> String {
        let times: String = self.times.iter().map(|(word, moment)| format!("{word} {}", moment.text)).collect();
        line(self.loud, format!("{times}{}", self.text))
    }
}

impl Step {
    fn read(&self) -> String {
        match self {
            Self::Window(period) => {
                let now = if period.is_now { "*" } else { "" };
                let place = period.place.as_deref().unwrap_or("-");
                let amount = period.amount.as_deref().unwrap_or("-");
                format!("{now}{} ({place}): {} to {}, {amount}", period.label, period.start.text, period.end.text)
            }
            Self::Gap(text) => text.clone(),
            Self::Endless(text) => text.to_uppercase(),
        }
    }
}

#[test]
fn the_summary_says_how_much_and_when() {
    fn check(limits: &str, limit: &str, in_all: &str, when: &str) {
        let mandate = mandate(limits);
        let facts: Vec<String> = mandate.facts.iter().map(Fact::read).collect();
        assert_eq!(mandate.limit.read(), limit, "{limits}");
        assert_eq!(facts[..2], [in_all, when], "{limits}");
        assert_eq!(mandate.facts.iter().map(|fact| fact.name).collect::<Vec<_>>(), ["At most, in all", "When", "To"]);
    }
    // As the guides have it: three months of a hundred dollars.
    check(
        &limits("debit", 10_000, Some("R3/2025-05-20T13:00:00Z/P1M")),
        "Up to 100.00 CAD each month",
        "300.00 CAD",
        "From now until 20 August 2025 13:00 UTC",
    );
    check(
        &limits("debit", 10_000, Some("R3/2025-06-20T13:00:00Z/P1M")),
        "Up to 100.00 CAD each month",
        "300.00 CAD",
        "From 20 June 2025 13:00 UTC until 20 September 2025 13:00 UTC",
    );
    // Two of the three are over: only what is left can be spent.
    check(
        &limits("debit", 10_000, Some("R3/2025-03-20T13:00:00Z/P1M")),
        "Up to 100.00 CAD",
        "100.00 CAD",
        "From now until 20 June 2025 13:00 UTC",
    );
    check(
        &limits("debit", 10_000, Some("R3/2025-01-20T13:00:00Z/P1M")),
        "Up to 100.00 CAD each month",
        "Nothing: the last period is over",
        "Over since 20 April 2025 13:00 UTC",
    );
    check(
        &limits("debit", 10_000, Some("R1/2025-05-20T13:00:00Z/P1M")),
        "Up to 100.00 CAD",
        "100.00 CAD",
        "From now until 20 June 2025 13:00 UTC",
    );
    check(
        &limits("debit", 500, Some("R/2025-05-20T13:00:00Z/P2W")),
        "Up to 5.00 CAD every 2 weeks",
        "NO END: IT ADDS UP UNTIL YOU END IT",
        "FROM NOW ON, WITHOUT END",
    );
    check(
        &limits("debit", 500, Some("R/2025-06-20T13:00:00Z/P1D")),
        "Up to 5.00 CAD each day",
        "NO END: IT ADDS UP UNTIL YOU END IT",
        "FROM 20 JUNE 2025 13:00 UTC, WITHOUT END",
    );
    // Without a beginning, but with an end: two windows are left.
    check(
        &limits("debit", 500, Some("R/P1M/2025-07-01T00:00:00Z")),
        "Up to 5.00 CAD each month",
        "10.00 CAD",
        "From now until 1 July 2025 00:00 UTC",
    );
    check(
        &limits("debit", VALUE_MAX, Some("R3/2025-05-20T13:00:00Z/P1M")),
        "Up to 92,233,720,368,547,758.07 CAD each month",
        "NO LIMIT IN EFFECT: MORE THAN CAN BE COUNTED",
        "From now until 20 August 2025 13:00 UTC",
    );
    check(&limits("debit", 2_500, None), "Up to 25.00 CAD", "25.00 CAD", "Any time, until the amount is used up");
    check(
        &limits("receive", 2_500, Some("R2/2025-05-20T13:00:00Z/P1W")),
        "Up to 25.00 CAD each week",
        "50.00 CAD arriving at receivers",
        "From now until 3 June 2025 13:00 UTC",
    );
    let no_limit = "NO LIMIT: AS MUCH AS THE WALLET HOLDS, AGAIN AND AGAIN";
    check("{}", "NO LIMIT ON THE AMOUNT", no_limit, "ANY TIME, WITHOUT END");
    check(
        r#"{"interval":"R2/2025-05-20T13:00:00Z/P1W"}"#,
        "NO LIMIT ON THE AMOUNT",
        no_limit,
        "From now until 3 June 2025 13:00 UTC",
    );
}

#[test]
fn receivers_are_named() {
    fn check(url: Option<&str>, name: Option<&str>, expected: &str) {
        let receiver = url.map(|url| Receiver { url: url.to_owned(), name: name.map(str::to_owned) });
        assert_eq!(to_whom(receiver.as_ref()).read(), expected);
    }
    check(None, None, "Anyone: the app chooses");
    let url = Some("https://bank.example/op/incoming-payments/7f3a");
    check(url, None, "Only one payment request, at bank.example/op/incoming-payments/7f3a");
    check(url, Some("Bob’s Shop"), "Only Bob’s Shop, for one payment request at bank.example");
    check(url, Some("\u{202e}"), "Only one payment request, at bank.example/op/incoming-payments/7f3a");
}

#[test]
fn the_timeline_shows_the_ends_and_counts_the_middle() {
    fn check(interval: &str, expected: &[&str]) {
        let steps: Vec<String> = mandate(&limits("debit", 100, Some(interval))).steps.iter().map(Step::read).collect();
        assert_eq!(steps, expected, "{interval}");
    }
    check(
        "R3/2025-05-20T13:00:00Z/P1M",
        &[
            "*Now (1 of 3): 20 May 2025 13:00 UTC to 20 June 2025 13:00 UTC, 1.00 CAD",
            "Then (2 of 3): 20 June 2025 13:00 UTC to 20 July 2025 13:00 UTC, 1.00 CAD",
            "Last (3 of 3): 20 July 2025 13:00 UTC to 20 August 2025 13:00 UTC, 1.00 CAD",
        ],
    );
    check(
        "R2/2025-06-01T00:00:00+02:00/P1D",
        &[
            "First (1 of 2): 31 May 2025 22:00 UTC to 1 June 2025 22:00 UTC, 1.00 CAD",
            "Last (2 of 2): 1 June 2025 22:00 UTC to 2 June 2025 22:00 UTC, 1.00 CAD",
        ],
    );
    check(
        "R2000/2025-05-21T00:00:00Z/P1D",
        &[
            "*Now (1 of 2,000): 21 May 2025 00:00 UTC to 22 May 2025 00:00 UTC, 1.00 CAD",
            "Then (2 of 2,000): 22 May 2025 00:00 UTC to 23 May 2025 00:00 UTC, 1.00 CAD",
            "1,997 more in between",
            "Last (2,000 of 2,000): 10 November 2030 00:00 UTC to 11 November 2030 00:00 UTC, 1.00 CAD",
        ],
    );
    check(
        "R/2025-05-01T00:00:00Z/P1M",
        &[
            "*Now (-): 1 May 2025 00:00 UTC to 1 June 2025 00:00 UTC, 1.00 CAD",
            "Then (-): 1 June 2025 00:00 UTC to 1 July 2025 00:00 UTC, 1.00 CAD",
            "AND SO ON, EACH MONTH, WITHOUT END",
        ],
    );
    check("R/P1M/2025-06-01T00:00:00Z", &["*Now (-): 1 May 2025 00:00 UTC to 1 June 2025 00:00 UTC, 1.00 CAD"]);
    check("R1/2025-05-20T13:00:00Z/P1M", &["*Now (-): 20 May 2025 13:00 UTC to 20 June 2025 13:00 UTC, 1.00 CAD"]);
    check("R3/2025-01-20T13:00:00Z/P1M", &[]);
}

#[test]
fn what_is_easily_misunderstood_is_said() {
    fn check(limits: &str, beginnings: &[&str]) {
        let notes = mandate(limits).notes;
        assert_eq!(notes.len(), beginnings.len(), "{limits}: {notes:?}");
        for (note, beginning) in notes.iter().zip(beginnings) {
            assert!(note.starts_with(beginning), "{note}");
        }
    }
    let repeating = Some("R3/2025-05-20T13:00:00Z/P1M");
    check(&limits("debit", 100, repeating), &["Fees are included", "What is not spent"]);
    check(&limits("receive", 100, repeating), &["The limit counts what receivers get", "What is not spent"]);
    check(&limits("debit", 100, Some("R1/2025-05-20T13:00:00Z/P1M")), &["Fees are included"]);
    check(&limits("debit", 100, None), &["Fees are included"]);
    check("{}", &[]);
    check(r#"{"interval":"R2/2025-05-20T13:00:00Z/P1W"}"#, &[]);
}

#[test]
fn limits_that_are_none_are_warned_of() {
    fn check(limits: &str, expected: Option<&str>) {
        assert_eq!(mandate(limits).warnings.first().map(String::as_str), expected, "{limits}");
        assert!(mandate(limits).warnings.len() <= 1);
    }
    check("{}", Some("There is no limit. The app could empty this wallet at any time."));
    check(
        r#"{"interval":"R2/2025-05-20T13:00:00Z/P1W"}"#,
        Some("There is no limit on the amount. The app could empty this wallet during any of the periods."),
    );
    check(&limits("debit", 100, None), None);
    check(&limits("debit", 100, Some("R/2025-05-20T13:00:00Z/P1M")), None);
    check(&limits("debit", 100, Some("R/2025-05-20T13:00:00Z/PT1H")), None);
    check(
        &limits("debit", 1_000, Some("R/2025-05-20T13:00:00Z/PT10S")),
        Some("This limit begins anew every 10 seconds, which adds up to 86,400.00 CAD a day."),
    );
    check(
        &limits("debit", 1_000, Some("R/2025-05-20T13:00:00Z/PT59M59S")),
        Some("This limit begins anew every 59 minutes and 59 seconds, which adds up to 240.00 CAD a day."),
    );
    check(
        &limits("debit", 1_000, Some("R3/2025-05-22T13:00:00Z/PT1M")),
        Some("This limit begins anew each minute: all of the 30.00 CAD can be gone within a day."),
    );
    check(&limits("debit", 1_000, Some("R1/2025-05-22T13:00:00Z/PT1M")), None);
    check(
        &limits("debit", VALUE_MAX, Some("R/2025-05-20T13:00:00Z/PT1S")),
        Some("This limit begins anew each second, so there is no limit in effect."),
    );
}

proptest! {
    /// Whatever is asked is told without contradiction: what stands out is exactly what has no end or no limit.
    #[test]
    fn what_has_no_end_stands_out(
        count in prop_oneof![Just(None), (1_u64..2_000).prop_map(Some)],
        value in prop_oneof![Just(None), (1..=VALUE_MAX).prop_map(Some)],
        seconds in 1_u64..10_000_000,
        start_day in 1..=31,
    ) {
        let count_text = count.map(|count| count.to_string()).unwrap_or_default();
        let interval = format!("R{count_text}/2025-05-{start_day:02}T13:00:00Z/PT{seconds}S");
        let json = match value {
            Some(value) => limits("debit", value, Some(&interval)),
            None => format!(r#"{{"interval":"{interval}"}}"#),
        };
        let mandate = mandate(&json);
        let [in_all, when, _] = &mandate.facts[..] else { panic!("three facts") };
        prop_assert_eq!(mandate.limit.loud, value.is_none());
        prop_assert_eq!(when.loud, count.is_none());
        if count.is_none() || value.is_none() {
            prop_assert!(in_all.loud);
        }
        let endless = mandate.steps.iter().any(|step| matches!(step, Step::Endless(_)));
        prop_assert_eq!(endless, count.is_none());
        prop_assert!(mandate.steps.len() <= 4);
    }
}
