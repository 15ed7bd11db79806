//! The fields in which a person takes something away from what an app may spend: a lower amount, an earlier end.

use super::mandate::each;
use super::view::View;
use bursar_app::interactions::{Choice, End, Less, Lowerable, NotLess, Spending};
use bursar_types::{Asset, LimitAmount};
use url::form_urlencoded;

/// Names of the fields, by the number of the access item.
const AMOUNT: [&str; 3] = ["amount-0", "amount-1", "amount-2"];
const WINDOWS: [&str; 3] = ["windows-0", "windows-1", "windows-2"];
const UNTIL: [&str; 3] = ["until-0", "until-1", "until-2"];

/// What was typed into the fields of one access item.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Typed {
    pub(super) amount: String,
    pub(super) windows: String,
    pub(super) until: String,
}

/// What was typed, for all access items.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Typing(Vec<(usize, Typed)>);

impl Typing {
    /// Reads a form or a query: pairs of names and values, of which the last counts.
    pub(super) fn read(pairs: &[(String, String)]) -> Self {
        let value = |name: &str| {
            pairs
                .iter()
                .rev()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.trim().to_owned())
                .unwrap_or_default()
        };
        let item = |number: usize| {
            let typed =
                Typed { amount: value(AMOUNT[number]), windows: value(WINDOWS[number]), until: value(UNTIL[number]) };
            (typed != Typed::default()).then_some((number, typed))
        };
        Self((0..AMOUNT.len()).filter_map(item).collect())
    }

    pub(super) fn of(&self, number: usize) -> Option<&Typed> {
        self.0.iter().find(|(item, _)| *item == number).map(|(_, typed)| typed)
    }

    /// Whether there is nothing in any field.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields with something in them.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let fields = self.0.iter().flat_map(|(number, typed)| {
            [(AMOUNT[*number], &typed.amount), (WINDOWS[*number], &typed.windows), (UNTIL[*number], &typed.until)]
        });
        fields.filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.clone())).collect()
    }

    /// The same as a query, to come back to.
    pub(super) fn to_query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(self.fields()).finish()
    }
}

/// The fields of one access item, as they are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fields {
    pub(super) number: usize,
    pub(super) amount_name: &'static str,
    pub(super) windows_name: &'static str,
    pub(super) until_name: &'static str,
    pub(super) typed: Typed,
    /// What the amount is a limit of: `At most, each month`.
    pub(super) amount_label: String,
    /// What may be typed at most.
    pub(super) amount_hint: String,
    pub(super) code: String,
    /// Whether there are windows of which there could be fewer.
    pub(super) has_windows: bool,
    pub(super) windows_hint: String,
    /// Why it cannot be so.
    pub(super) error: Option<Fault>,
    /// Whether something is typed, so that the fields are to be seen.
    pub(super) is_open: bool,
}

/// A field that cannot be taken as it is, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) is_amount: bool,
    pub(super) text: String,
}

/// Reads what was typed for one access item, and judges it.
pub(super) fn judge(typed: &Typed, lowerable: &Lowerable<'_>, view: &View) -> Result<Less, Fault> {
    let amount_fault = |text: String| Fault { is_amount: true, text };
    let end_fault = |text: &str| Fault { is_amount: false, text: text.to_owned() };
    let amount = match typed.amount.as_str() {
        "" => None,
        text => Some(
            view.read_amount(text, lowerable.asset).ok_or_else(|| amount_fault(unreadable(view, lowerable.asset)))?,
        ),
    };
    let end = match (typed.windows.as_str(), typed.until.as_str()) {
        ("", "") => None,
        (windows, "") => {
            let plain = !windows.is_empty() && windows.bytes().all(|b| b.is_ascii_digit());
            let windows = plain.then(|| windows.parse().ok()).flatten();
            Some(End::Windows(windows.ok_or_else(|| end_fault("Write the number of periods in digits, such as 3."))?))
        }
        ("", day) => {
            let end = view.end_of_day(day);
            Some(End::By(
                end.ok_or_else(|| end_fault("Write the last day as year, month and day, such as 2030-12-31."))?,
            ))
        }
        _ => return Err(end_fault("Choose a number of periods or a last day, not both.")),
    };
    let less = Less { amount, end };
    match lowerable.less(&less) {
        Ok(_) => Ok(less),
        Err(reason) => Err(Fault { is_amount: is_about_amount(&reason), text: explain(&reason, view) }),
    }
}

fn unreadable(view: &View, asset: Asset) -> String {
    let example = asset.parse_decimal("25").ok().map(|amount| view.plain(&amount)).unwrap_or_default();
    format!("Write the amount as a number such as {example}.")
}

fn is_about_amount(reason: &NotLess) -> bool {
    matches!(reason, NotLess::AmountAbove(_) | NotLess::AmountZero | NotLess::OtherAsset(_) | NotLess::NoSpending)
}

/// Why something is not less, in words for people.
pub(super) fn explain(reason: &NotLess, view: &View) -> String {
    let day = |at| view.moment(at).text;
    match reason {
        NotLess::AmountAbove(limit) => {
            format!("This is more than the limit of {}. You can only lower it.", view.money(limit))
        }
        NotLess::AmountZero | NotLess::WindowsZero => {
            "This would leave nothing. To allow nothing at all, say no.".to_owned()
        }
        NotLess::WindowsAbove(1) => "There is only one period left.".to_owned(),
        NotLess::WindowsAbove(left) => format!("There are only {} periods left.", view.number(*left)),
        NotLess::WindowsBeyondCalendar | NotLess::EndBeyondCalendar => "This is too far in the future.".to_owned(),
        NotLess::Over => "The last period is over already.".to_owned(),
        NotLess::NoWindowBy(end) => {
            format!("Only whole periods count, and none is over by then: the first ends on {}.", day(*end))
        }
        NotLess::EndPast => "This day is over.".to_owned(),
        NotLess::EndLater(end) => format!("It ends earlier than that anyway: on {}.", day(*end)),
        NotLess::Unwritable(_) => "These periods cannot be made fewer. Lower the amount instead.".to_owned(),
        NotLess::NoWindows => "There are no periods here. Choose a last day instead.".to_owned(),
        NotLess::OtherAsset(_) | NotLess::NoSpending | NotLess::NoItem(_) | NotLess::ItemTwice(_) => {
            "This cannot be lowered.".to_owned()
        }
    }
}

impl Fields {
    /// The fields of an access item. `typed` is what they hold, and `error` why it cannot be so.
    pub(super) fn new(
        number: usize,
        lowerable: &Lowerable<'_>,
        typed: Option<&Typed>,
        error: Option<Fault>,
        view: &View,
    ) -> Option<Self> {
        let Spending { amount, schedule, .. } = lowerable.spending;
        let what = match amount {
            Some(LimitAmount::Receive(_)) => "At most to receivers",
            _ => "At most",
        };
        let amount_label = match schedule {
            Some(schedule) if schedule.windows_left != Some(1) => format!("{what}, {}", each(schedule)),
            _ => format!("{what}, in all"),
        };
        let windows_left = schedule.as_ref().map(|schedule| schedule.windows_left);
        Some(Self {
            number,
            amount_name: AMOUNT.get(number)?,
            windows_name: WINDOWS.get(number)?,
            until_name: UNTIL.get(number)?,
            is_open: typed.is_some() || error.is_some(),
            typed: typed.cloned().unwrap_or_default(),
            amount_label,
            amount_hint: match amount {
                Some(limit) => format!("Up to {}. Leave it empty to change nothing.", view.money(&limit.amount())),
                None => "Now there is no limit. Leave it empty to change nothing.".to_owned(),
            },
            code: lowerable.asset.code().to_owned(),
            has_windows: windows_left.is_some_and(|left| left != Some(1)),
            windows_hint: match windows_left {
                Some(Some(left)) => format!("Up to {}, the present one included.", view.number(left)),
                _ => "The present one included. Now they are without end.".to_owned(),
            },
            error,
        })
    }

    pub(super) fn amount_error(&self) -> Option<&str> {
        self.error.as_ref().filter(|error| error.is_amount).map(|error| error.text.as_str())
    }

    pub(super) fn end_error(&self) -> Option<&str> {
        self.error.as_ref().filter(|error| !error.is_amount).map(|error| error.text.as_str())
    }
}

/// What a person makes of a request, or why not, with the number of the access item.
pub(super) fn choose(
    typing: &Typing,
    items: &[(usize, Lowerable<'_>)],
    view: &View,
) -> Result<Choice, Vec<(usize, Fault)>> {
    let (mut less, mut faults) = (Vec::new(), Vec::new());
    for (number, lowerable) in items {
        match typing.of(*number).map(|typed| judge(typed, lowerable, view)) {
            Some(Ok(taken)) => less.push((*number, taken)),
            Some(Err(fault)) => faults.push((*number, fault)),
            None => {}
        }
    }
    if faults.is_empty() { Ok(Choice { less, accepts_no_limit: false }) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_types::Limits;
    use jiff::Timestamp;

    const NOW: &str = "2025-05-21T09:30:00Z";

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[track_caller]
    fn check(limits: &str, typed: &[(&str, &str)], expected: Result<&str, &str>) {
        let limits: Limits = serde_json::from_str(limits).unwrap();
        let (now, asset): (Timestamp, Asset) = (NOW.parse().unwrap(), Asset::new("CAD", 2).unwrap());
        let (spending, view) = (Spending::new(Some(&limits), None, now), View::unknown(now));
        let lowerable = Lowerable { spending: &spending, asset, since: now, now };
        let typing = Typing::read(&pairs(typed));
        let judged = judge(&typing.of(0).cloned().unwrap_or_default(), &lowerable, &view);
        let read = judged.map(|less| {
            let left = lowerable.less(&less).unwrap();
            let amount = left.amount.map_or("no limit".to_owned(), |limit| view.money(&limit.amount()));
            let end = left.schedule.and_then(|schedule| schedule.interval.ends_at());
            format!("{amount}, {}", end.map_or("no end".to_owned(), |end| view.moment(end).text))
        });
        let fault = read.as_ref().map_err(|fault| fault.text.as_str());
        assert_eq!(fault.as_ref().map(|text| text.as_str()), expected.as_ref().copied(), "{typed:?}");
    }

    const MONTHLY: &str = r#"{"interval":"R3/2025-05-20T13:00:00Z/P1M","debitAmount":{"value":"10000","assetCode":"CAD","assetScale":2}}"#;
    const ENDLESS: &str =
        r#"{"interval":"R/2025-05-20T13:00:00Z/P1M","debitAmount":{"value":"10000","assetCode":"CAD","assetScale":2}}"#;

    #[test]
    fn what_is_typed_is_understood() {
        check(MONTHLY, &[], Ok("100.00 CAD, 20 August 2025 13:00 UTC"));
        check(MONTHLY, &[("amount-0", " 25 ")], Ok("25.00 CAD, 20 August 2025 13:00 UTC"));
        check(MONTHLY, &[("amount-0", "100.00"), ("windows-0", "3")], Ok("100.00 CAD, 20 August 2025 13:00 UTC"));
        check(MONTHLY, &[("windows-0", "1")], Ok("100.00 CAD, 20 June 2025 13:00 UTC"));
        check(MONTHLY, &[("until-0", "2025-07-31")], Ok("100.00 CAD, 20 July 2025 13:00 UTC"));
        check(ENDLESS, &[("windows-0", "12")], Ok("100.00 CAD, 20 May 2026 13:00 UTC"));
        check("{}", &[("amount-0", "5")], Ok("5.00 CAD, no end"));
        check("{}", &[("until-0", "2025-05-21")], Ok("no limit, 22 May 2025 00:00 UTC"));
        // The last of several counts, and other fields do not matter.
        check(
            MONTHLY,
            &[("amount-0", "5"), ("x", "y"), ("amount-1", "z"), ("amount-0", "6")],
            Ok("6.00 CAD, 20 August 2025 13:00 UTC"),
        );
    }

    #[test]
    fn what_cannot_be_meant_is_explained() {
        let number = "Write the amount as a number such as 25.00.";
        check(MONTHLY, &[("amount-0", "a lot")], Err(number));
        check(MONTHLY, &[("amount-0", "-5")], Err(number));
        check(
            MONTHLY,
            &[("amount-0", "100.01")],
            Err("This is more than the limit of 100.00 CAD. You can only lower it."),
        );
        check(MONTHLY, &[("amount-0", "0")], Err("This would leave nothing. To allow nothing at all, say no."));
        check(MONTHLY, &[("windows-0", "0")], Err("This would leave nothing. To allow nothing at all, say no."));
        check(MONTHLY, &[("windows-0", "4")], Err("There are only 3 periods left."));
        check(MONTHLY, &[("windows-0", "-1")], Err("Write the number of periods in digits, such as 3."));
        check(
            MONTHLY,
            &[("windows-0", "99999999999999999999")],
            Err("Write the number of periods in digits, such as 3."),
        );
        check(
            MONTHLY,
            &[("windows-0", "1"), ("until-0", "2025-07-31")],
            Err("Choose a number of periods or a last day, not both."),
        );
        check(MONTHLY, &[("until-0", "soon")], Err("Write the last day as year, month and day, such as 2030-12-31."));
        check(
            MONTHLY,
            &[("until-0", "2025-06-19")],
            Err("Only whole periods count, and none is over by then: the first ends on 20 June 2025 13:00 UTC."),
        );
        check(
            MONTHLY,
            &[("until-0", "2026-01-01")],
            Err("It ends earlier than that anyway: on 20 August 2025 13:00 UTC."),
        );
        check("{}", &[("until-0", "2025-05-20")], Err("This day is over."));
        check("{}", &[("windows-0", "2")], Err("There are no periods here. Choose a last day instead."));
        check(ENDLESS, &[("windows-0", "9000000")], Err("This is too far in the future."));
    }

    #[test]
    fn fields_come_back_as_a_query() {
        let typed = pairs(&[("amount-0", "2,5 & more"), ("windows-1", "3"), ("until-2", ""), ("token", "secret")]);
        let typing = Typing::read(&typed);
        assert_eq!(typing.to_query(), "amount-0=2%2C5+%26+more&windows-1=3");
        let again: Vec<(String, String)> = form_urlencoded::parse(typing.to_query().as_bytes()).into_owned().collect();
        assert_eq!(Typing::read(&again), typing);
        assert!(Typing::read(&[]).is_empty() && Typing::read(&pairs(&[("amount-3", "1")])).is_empty());
    }
}
