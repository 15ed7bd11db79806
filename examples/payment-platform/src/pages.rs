//! What is shown: plain texts for the templates.

use crate::budget::{BARS_MAX, Budget, CHART_TOP};
use crate::stream::{End, Hindrance, Stream};
use crate::visitor::{Mandate, Payment, State, Visitor};
use crate::{Person, Platform};
use askama::Template;
use bursar_client::Exchange;
use bursar_client::types::Interval;
use jiff::Timestamp;

/// Payments in the list.
const LISTED_MAX: usize = 12;
/// Width of a bar and the gap after it, in the chart's units.
const BAR: usize = 14;

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    notice: Option<String>,
    token: &'a str,
    payer: &'a str,
    people: &'a [Person],
    first: &'a str,
    live: Live<'a>,
}

#[derive(Template)]
#[template(path = "onward.html")]
struct Onward<'a> {
    url: &'a str,
    host: &'a str,
}

/// What changes by itself.
#[derive(Template)]
#[template(path = "live.html")]
struct Live<'a> {
    token: &'a str,
    mandate: Option<MandateView>,
    /// What the stream does, in a word that style sheets know.
    mood: &'static str,
    status: String,
    is_active: bool,
    can_start: bool,
    payments: Vec<Row>,
    exchanges: Vec<ExchangeView>,
}

struct MandateView {
    provider: String,
    payer: String,
    recipient: String,
    is_fixed: bool,
    limit: String,
    period: String,
    spent: String,
    left: String,
    share: u64,
    renews: String,
    size: String,
    pace: &'static str,
    bars: Vec<Bar>,
}

struct Bar {
    x: usize,
    y: u64,
    height: u64,
    is_refused: bool,
    title: String,
}

struct Row {
    number: u64,
    at: String,
    amount: String,
    refusal: Option<String>,
}

struct ExchangeView {
    number: u64,
    status: String,
    is_good: bool,
    exchange: Exchange,
}

pub(crate) fn home(platform: &Platform, visitor: &Visitor) -> Result<String, askama::Error> {
    let notice = visitor.state().notice.take();
    let settings = &platform.settings;
    let first = settings.people.first().map_or("", |person| person.address.as_str());
    let live = live_of(platform, visitor);
    let (payer, people, token) = (settings.payer.as_str(), settings.people.as_slice(), visitor.form_token.as_str());
    Home { notice, token, payer, people, first, live }.render()
}

pub(crate) fn live(platform: &Platform, visitor: &Visitor) -> Result<String, askama::Error> {
    live_of(platform, visitor).render()
}

/// The page that leads to the consent page.
pub(crate) fn onward(url: &str) -> Result<String, askama::Error> {
    Onward { url, host: authority(url) }.render()
}

fn live_of<'a>(platform: &'a Platform, visitor: &'a Visitor) -> Live<'a> {
    let now = (platform.settings.now)();
    let exchanges = visitor.exchanges().into_iter().map(|(number, exchange)| ExchangeView {
        number,
        status: exchange.status.map_or("no answer".to_owned(), |status| status.to_string()),
        is_good: exchange.status.is_some_and(|status| status < 400),
        exchange,
    });
    let exchanges = exchanges.collect();
    let state = visitor.state();
    let mandate = state.mandate.as_ref();
    Live {
        token: &visitor.form_token,
        mandate: mandate.map(|mandate| MandateView::of(mandate, &state, now)),
        mood: mood(state.stream),
        status: mandate.map_or_else(String::new, |mandate| status(state.stream, &mandate.budget, now)),
        is_active: state.stream.is_active(),
        can_start: state.stream != Stream::Ended(End::Revoked),
        payments: state.payments.iter().rev().take(LISTED_MAX).map(Row::of).collect(),
        exchanges,
    }
}

impl MandateView {
    fn of(mandate: &Mandate, state: &State, now: Timestamp) -> Self {
        let budget = &mandate.budget;
        let spent = budget.spent(now);
        Self {
            provider: origin(&mandate.payer.id).to_owned(),
            payer: shown(&mandate.payer.id).to_owned(),
            recipient: mandate.recipient.address.clone(),
            is_fixed: mandate.recipient.is_fixed,
            limit: budget.limit().map_or("no limit".to_owned(), |limit| limit.to_string()),
            period: budget
                .interval()
                .map_or("once".to_owned(), |interval| format!("every {}", interval.describe_period())),
            spent: spent.to_string(),
            left: budget.left(now).map_or("as much as there is".to_owned(), |left| left.to_string()),
            share: budget.height(spent),
            renews: renews(budget, now),
            size: mandate.size.decimal(),
            pace: match mandate.pace.as_millis() {
                ..=300 => "fast",
                301..=1_000 => "steady",
                _ => "slow",
            },
            bars: bars(state, budget, now),
        }
    }
}

/// The payments of this window as bars that grow with what is spent.
fn bars(state: &State, budget: &Budget, now: Timestamp) -> Vec<Bar> {
    let window = budget.window(now).map(|window| window.index);
    let of_window: Vec<_> = state.payments.iter().filter(|payment| payment.window == window).collect();
    let shown = &of_window[of_window.len().saturating_sub(BARS_MAX)..];
    let bar = |(index, payment): (usize, &&Payment)| {
        let height = budget.height(payment.spent);
        let title = match &payment.refusal {
            None => format!("{} paid, {} spent", payment.amount, payment.spent),
            Some(refusal) => format!("{} refused: {refusal}", payment.amount),
        };
        Bar { x: index * BAR, y: CHART_TOP - height, height, is_refused: payment.refusal.is_some(), title }
    };
    shown.iter().enumerate().map(bar).collect()
}

impl Row {
    fn of(payment: &Payment) -> Self {
        let Payment { number, at, amount, refusal, .. } = payment;
        Self { number: *number, at: clock(*at), amount: amount.to_string(), refusal: refusal.clone() }
    }
}

fn mood(stream: Stream) -> &'static str {
    match stream {
        Stream::Paying => "paying",
        Stream::Waiting(_) => "waiting",
        Stream::Stopped | Stream::Unwatched => "stopped",
        Stream::Ended(_) => "ended",
    }
}

/// What the stream does, in a sentence.
fn status(stream: Stream, budget: &Budget, now: Timestamp) -> String {
    let text = match stream {
        Stream::Stopped => "Ready. Nothing is being paid.",
        Stream::Unwatched => "Stopped, because nobody was looking. Start again when you like.",
        Stream::Paying => "Paying.",
        Stream::Waiting(Hindrance::Limit) => {
            return format!(
                "The limit is reached: your provider refuses more than you allowed. {}",
                renews(budget, now)
            );
        }
        Stream::Waiting(Hindrance::Window) => return format!("No window is open now. {}", renews(budget, now)),
        Stream::Waiting(Hindrance::Paused) => "You paused this at your wallet. We go on when you resume it there.",
        Stream::Waiting(Hindrance::Funds) => "There is not enough money in the account. We go on when there is.",
        Stream::Waiting(Hindrance::Trouble) => "The last payment did not work; we try again.",
        Stream::Ended(End::Revoked) => "The mandate has ended at your provider. To go on, give us another one.",
        Stream::Ended(End::Spent) => {
            "All of it is spent, and no window will follow. To go on, give us another mandate."
        }
        Stream::Ended(End::Receiver) => "The mandate is for somebody else only.",
    };
    text.to_owned()
}

fn renews(budget: &Budget, now: Timestamp) -> String {
    match (budget.renews_at(now), budget.interval().map(Interval::ends_at)) {
        (Some(at), _) => format!("The whole amount is there again on {}.", at.strftime("%-d %B %Y at %H:%M:%S UTC")),
        (None, None) => "It is spent once and for all.".to_owned(),
        (None, _) => "No window follows this one.".to_owned(),
    }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// A wallet address without the scheme.
fn shown(address: &str) -> &str {
    address.split_once("://").map_or(address, |(_, rest)| rest)
}

fn authority(url: &str) -> &str {
    shown(url).split(['/', '?', '#']).next().unwrap_or_default()
}

/// The scheme and host of an address.
fn origin(address: &str) -> &str {
    let scheme = address.len() - shown(address).len();
    &address[..scheme + authority(address).len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        fn check(address: &str, expected: [&str; 3]) {
            assert_eq!([shown(address), authority(address), origin(address)], expected);
        }
        check("http://localhost:4000/una", ["localhost:4000/una", "localhost:4000", "http://localhost:4000"]);
        check("https://wallet.example", ["wallet.example", "wallet.example", "https://wallet.example"]);
        check("", ["", "", ""]);
    }
}
