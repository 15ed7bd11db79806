//! What a mandate to spend comes to, in sentences: how much, when, in all, and to whom.

use super::names::{Address, harmless};
use super::view::{Moment, View};
use bursar_app::interactions::{Receiver, Schedule, Spending};
use bursar_types::{Amount, LimitAmount, Window};
use jiff::SignedDuration;

/// Windows shorter than this begin anew so often that their limit hardly is one.
const SHORT: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A mandate to spend, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mandate {
    /// How much at a time.
    pub(super) limit: Limit,
    /// The most it can come to, and when, and to whom.
    pub(super) facts: Vec<Fact>,
    /// When each window begins and ends.
    pub(super) steps: Vec<Step>,
    /// What is easily misunderstood.
    pub(super) notes: Vec<String>,
    /// What should make people stop.
    pub(super) warnings: Vec<String>,
}

/// How much may be spent at a time: `Up to` `100.00 CAD` `each month`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) before: &'static str,
    pub(super) amount: String,
    pub(super) after: String,
    /// Whether there is no limit at all.
    pub(super) loud: bool,
}

/// A line of the summary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fact {
    pub(super) name: &'static str,
    /// Instants, each with the word before it; they come before the text.
    pub(super) times: Vec<(&'static str, Moment)>,
    pub(super) text: String,
    /// Whether it should make people stop.
    pub(super) loud: bool,
}

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A window.
    Window(Box<Period>),
    /// Windows in between that are not shown one by one.
    Gap(String),
    /// It goes on like this.
    Endless(String),
}

/// A window on the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Period {
    /// Its place in time: `Now`, `Then`, `Last`.
    pub(super) label: &'static str,
    /// Its place among the others, if they are counted: `1 of 3`.
    pub(super) place: Option<String>,
    pub(super) is_now: bool,
    pub(super) start: Moment,
    pub(super) end: Moment,
    /// What can be spent in it.
    pub(super) amount: Option<String>,
}

impl Mandate {
    pub(super) fn new(spending: &Spending, view: &View) -> Self {
        let schedule = spending.schedule.as_ref();
        Self {
            limit: Limit::new(spending, view),
            facts: vec![in_all(spending, view), when(spending, view), to_whom(spending.receiver.as_ref())],
            steps: schedule.map(|schedule| steps(schedule, spending.amount.as_ref(), view)).unwrap_or_default(),
            notes: notes(spending),
            warnings: warnings(spending, view),
        }
    }
}

/// `each month`, `every 2 weeks`.
pub(super) fn each(schedule: &Schedule) -> String {
    let period = schedule.interval.describe_period();
    let word = if period.starts_with(|c: char| c.is_ascii_digit()) { "every" } else { "each" };
    format!("{word} {period}")
}

impl Limit {
    pub(super) fn new(spending: &Spending, view: &View) -> Self {
        let Some(limit) = &spending.amount else {
            return Self { before: "", amount: "No limit".to_owned(), after: "on the amount".to_owned(), loud: true };
        };
        let after = match &spending.schedule {
            Some(schedule) if schedule.windows_left != Some(1) => each(schedule),
            _ => String::new(),
        };
        Self { before: "Up to", amount: view.money(&limit.amount()), after, loud: false }
    }
}

/// The most it can come to.
fn in_all(spending: &Spending, view: &View) -> Fact {
    let fact = |text: String, loud| Fact { name: "At most, in all", times: Vec::new(), text, loud };
    let Some(limit) = &spending.amount else {
        return fact("No limit: as much as the wallet holds, again and again".to_owned(), true);
    };
    let windows = spending.schedule.as_ref().map_or(Some(1), |schedule| schedule.windows_left);
    match (windows, &spending.total) {
        (None, _) => fact("No end: it adds up until you end it".to_owned(), true),
        (Some(0), _) => fact("Nothing: the last period is over".to_owned(), false),
        (Some(_), None) => fact("No limit in effect: more than can be counted".to_owned(), true),
        (Some(_), Some(total)) => match limit {
            LimitAmount::Debit(_) => fact(view.money(total), false),
            LimitAmount::Receive(_) => fact(format!("{} arriving at receivers", view.money(total)), false),
        },
    }
}

pub(super) fn when(spending: &Spending, view: &View) -> Fact {
    let fact = |times, text: &str, loud| Fact { name: "When", times, text: text.to_owned(), loud };
    let Some(schedule) = &spending.schedule else {
        return match spending.amount {
            Some(_) => fact(Vec::new(), "Any time, until the amount is used up", false),
            None => fact(Vec::new(), "Any time, without end", true),
        };
    };
    let from = schedule.next.filter(|_| schedule.current.is_none()).map(|window| view.moment(window.start));
    match (from, schedule.last.map(|window| view.moment(window.end))) {
        (Some(start), Some(end)) => fact(vec![("From", start), (" until", end)], "", false),
        (Some(start), None) => fact(vec![("From", start)], ", without end", true),
        (None, Some(end)) if schedule.current.is_some() => fact(vec![("From now until", end)], "", false),
        (None, Some(end)) => fact(vec![("Over since", end)], "", false),
        (None, None) => fact(Vec::new(), "From now on, without end", true),
    }
}

fn to_whom(receiver: Option<&Receiver>) -> Fact {
    let text = match receiver {
        None => "Anyone: the app chooses".to_owned(),
        Some(receiver) => {
            let at = Address::new(&receiver.url);
            match receiver.name.as_deref().and_then(harmless) {
                Some(name) => format!("Only {name}, for one payment request at {}{}", at.scheme, at.host),
                None => format!("Only one payment request, at {at}"),
            }
        }
    };
    Fact { name: "To", times: Vec::new(), text, loud: false }
}

fn notes(spending: &Spending) -> Vec<String> {
    let mut notes = Vec::new();
    let repeats = spending.schedule.as_ref().is_some_and(|schedule| schedule.windows_left != Some(1));
    match &spending.amount {
        Some(LimitAmount::Debit(_)) => notes.push("Fees are included: the limit counts all that leaves your wallet."),
        Some(LimitAmount::Receive(_)) => notes.push(
            "The limit counts what receivers get. Fees and the exchange of money come on top, so more can leave \
             your wallet.",
        ),
        None => {}
    }
    if spending.amount.is_some() && repeats {
        notes.push("What is not spent in one period is not carried over to the next: nothing rolls over.");
    }
    notes.into_iter().map(str::to_owned).collect()
}

fn warnings(spending: &Spending, view: &View) -> Vec<String> {
    let mut warnings = Vec::new();
    match (&spending.amount, &spending.schedule) {
        (None, None) => warnings.push("There is no limit. The app could empty this wallet at any time.".to_owned()),
        (None, Some(_)) => {
            warnings.push(
                "There is no limit on the amount. The app could empty this wallet during any of the periods."
                    .to_owned(),
            );
        }
        (Some(limit), Some(schedule)) => warnings.extend(often(limit.amount(), spending.total, schedule, view)),
        (Some(_), None) => {}
    }
    warnings
}

/// What a limit adds up to that begins anew every few minutes or seconds.
fn often(limit: Amount, total: Option<Amount>, schedule: &Schedule, view: &View) -> Option<String> {
    let window = schedule.current.or(schedule.next)?;
    let length = window.end.duration_since(window.start);
    if length >= SHORT || schedule.windows_left == Some(1) {
        return None;
    }
    // A window lasts a microsecond at least, so nothing is divided by zero.
    let windows_a_day = u128::try_from(DAY.as_micros() / length.as_micros().max(1)).unwrap_or(0);
    let a_day = u128::from(limit.value()) * windows_a_day;
    let again = format!("This limit begins anew {}", each(schedule));
    Some(match total.filter(|total| u128::from(total.value()) <= a_day) {
        Some(total) => format!("{again}: all of the {} can be gone within a day.", view.money(&total)),
        None => match u64::try_from(a_day).ok().and_then(|value| limit.asset().amount(value).ok()) {
            Some(sum) => format!("{again}, which adds up to {} a day.", view.money(&sum)),
            None => format!("{again}, so there is no limit in effect."),
        },
    })
}

fn counted(number: i64, view: &View) -> String {
    view.decimal(&number.to_string())
}

/// The present or first window, the one after it, the last, and what lies between.
fn steps(schedule: &Schedule, amount: Option<&LimitAmount>, view: &View) -> Vec<Step> {
    let count = schedule.interval.count();
    let show = |window: Window, label| {
        let place = count
            .filter(|count| *count > 1)
            .map(|count| format!("{} of {}", counted(window.index + 1, view), view.number(count)));
        Step::Window(Box::new(Period {
            label,
            place,
            is_now: schedule.current == Some(window),
            start: view.moment(window.start),
            end: view.moment(window.end),
            amount: amount.map(|limit| view.money(&limit.amount())),
        }))
    };
    let Some(earliest) = schedule.current.or(schedule.next) else { return Vec::new() };
    let mut steps = vec![show(earliest, if schedule.current.is_some() { "Now" } else { "First" })];
    let mut shown = earliest;
    if let Some(following) = schedule.interval.next(&earliest) {
        let label = if schedule.last == Some(following) { "Last" } else { "Then" };
        steps.push(show(following, label));
        shown = following;
    }
    match schedule.last {
        None => steps.push(Step::Endless(format!("and so on, {}, without end", each(schedule)))),
        Some(last) if last.index > shown.index => {
            let between = last.index - shown.index - 1;
            if between > 0 {
                steps.push(Step::Gap(format!("{} more in between", counted(between, view))));
            }
            steps.push(show(last, "Last"));
        }
        Some(_) => {}
    }
    steps
}

#[cfg(test)]
mod tests;
