//! Sending money: to whom and how much, the price to confirm, and what became of it.

use super::addresses::{self, Account, Address};
use super::frame::Frame;
use super::member::{Member, Sent};
use super::names::{harmless, visible};
use super::page;
use super::view::{Moment, View};
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use bursar_app::refusals::{Code, Refusal};
use bursar_app::sending::{self, NOTE_LENGTH_MAX, Payee, Sending, Side, Stage, Wish};
use bursar_app::{App, Error};
use bursar_types::{Amount, WalletAddressUrl};
use serde::Deserialize;
use std::sync::Arc;
use url::form_urlencoded;

const PATH: &str = "/wallet/send";

/// Whoever gets money, as the payer reads it.
pub(super) struct Receiver {
    /// The name that they gave themselves.
    pub(super) name: Option<String>,
    pub(super) pointer: String,
    pub(super) is_own: bool,
}

impl From<&Payee> for Receiver {
    fn from(payee: &Payee) -> Self {
        Self {
            name: payee.public_name.as_deref().and_then(harmless),
            pointer: WalletAddressUrl::parse(&payee.url).map(|url| url.payment_pointer()).unwrap_or_default(),
            is_own: payee.is_own,
        }
    }
}

/// The form, as it was filled in.
#[derive(Deserialize, Default)]
pub(super) struct Typed {
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    amount: String,
    #[serde(default)]
    side: String,
    #[serde(default)]
    note: String,
}

impl Typed {
    fn side(&self) -> Side {
        if self.side == "receive" { Side::Receive } else { Side::Debit }
    }
}

/// What is wrong with the form: at which field, in words.
struct Fault {
    field: &'static str,
    text: String,
}

/// Where a form is shown when it can be sent.
struct Payable {
    receiver: Receiver,
    asset: String,
    /// What is asked for; then no amount need be written.
    missing: Option<String>,
    note: Option<String>,
}

#[derive(Template)]
#[template(path = "send.html")]
struct FormPage {
    frame: Frame,
    accounts: Vec<Account>,
    typed: Typed,
    payable: Option<Payable>,
    fault: Option<Fault>,
}

impl FormPage {
    /// Whether the request says how much.
    fn has_amount(&self) -> bool {
        self.payable.as_ref().is_some_and(|payable| payable.missing.is_some())
    }

    /// The words at a field, if something is wrong with it.
    fn fault(&self, field: &str) -> Option<&str> {
        self.fault.as_ref().filter(|fault| fault.field == field).map(|fault| fault.text.as_str())
    }
}

async fn form_page(app: &App, member: &Member, typed: Typed, fault: Option<Fault>) -> Response {
    let frame = member.frame(app);
    let read = async {
        let accounts = addresses::accounts(app, member, &frame).await?;
        let known = match typed.to.trim() {
            "" => None,
            to => sending::known(app, &member.person, to).await?,
        };
        Ok((accounts, known))
    };
    let (accounts, known) = match read.await {
        Ok(read) => read,
        Err(error) => return member.failed(app, &error),
    };
    let payable = known.filter(|known| known.is_request).map(|known| Payable {
        receiver: Receiver::from(&known.payee),
        asset: known.asset.code().to_owned(),
        missing: known.missing.map(|missing| frame.view.money(&missing)),
        note: known.note.map(|note| visible(&note, NOTE_LENGTH_MAX)),
    });
    let status = if fault.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let template = FormPage { frame, accounts, typed, payable, fault };
    page::show(app, &member.visitor, status, &template, None)
}

/// `GET /wallet/send`, perhaps with whom to pay in `to`.
pub(super) async fn form(
    State(app): State<Arc<App>>,
    member: Member,
    typed: Result<Query<Typed>, QueryRejection>,
) -> Response {
    form_page(&app, &member, typed.map(|Query(typed)| typed).unwrap_or_default(), None).await
}

/// `POST /wallet/send`: finds out the price, and leads to the page that asks for the confirmation.
pub(super) async fn ask(State(app): State<Arc<App>>, sent: Sent<Typed>) -> Response {
    let Sent { member, form } = sent;
    let view = member.visitor.view.clone();
    let amount = match form.amount.trim() {
        "" => None,
        typed => match view.parse(typed) {
            Some(plain) => Some(plain),
            None => {
                let text = format!("Write the amount as a number, such as {}.", view.decimal("12.50"));
                return form_page(&app, &member, form, Some(Fault { field: "amount", text })).await;
            }
        },
    };
    let wish =
        Wish { from: form.from.clone(), to: form.to.clone(), amount, side: form.side(), note: form.note.clone() };
    match sending::ask(&app, &member.person, wish).await {
        Ok(quote) => page::see_other(&format!("{PATH}/{quote}")),
        Err(Error::Refused(refusal)) => match fault(&refusal, &view) {
            Some(fault) => form_page(&app, &member, form, Some(fault)).await,
            None => member.failed(&app, &refusal.into()),
        },
        Err(error) => member.failed(&app, &error),
    }
}

/// An amount among the facts of a refusal.
fn amount_in(refusal: &Refusal, name: &str) -> Option<Amount> {
    serde_json::from_value(refusal.details.as_ref()?.get(name)?.clone()).ok()
}

/// What is wrong, in words, and at which field of the form; none for what no other words would mend.
fn fault(refusal: &Refusal, view: &View) -> Option<Fault> {
    let money = |name: &str| amount_in(refusal, name).map(|amount| view.money(&amount));
    let field = refusal.details.as_ref().and_then(|details| details.get("field")?.as_str());
    let (field, text) = match refusal.code {
        Code::InvalidReceiver if refusal.description == "invalid receiver" => {
            ("to", "This request takes no more money: it was paid, closed, or its time is over.".to_owned())
        }
        Code::InvalidReceiver => ("to", page::sentence(&refusal.description)),
        Code::NoRate => ("to", "We do not exchange your currency into theirs.".to_owned()),
        Code::AmountTooSmall => match money("minSendAmount") {
            Some(least) => ("amount", format!("So little does not arrive at all: send at least {least}.")),
            None => ("amount", "So little does not arrive at all.".to_owned()),
        },
        Code::AmountTooLarge => match money("missing") {
            Some(missing) => ("amount", format!("That is too much: {missing} is still asked for.")),
            None => ("amount", "That is more than anybody’s account can hold.".to_owned()),
        },
        Code::InsufficientFunds => match money("debit") {
            Some(debit) => ("amount", format!("There is not enough money in the account for {debit}.")),
            None => ("amount", "There is not enough money in the account.".to_owned()),
        },
        Code::InvalidResourceRequest if field == Some("note") => ("note", page::sentence(&refusal.description)),
        Code::InvalidResourceRequest if field == Some("amount") => ("amount", page::sentence(&refusal.description)),
        // The request leaves the amount open, and so did the form.
        Code::InvalidResourceRequest => ("amount", "Write how much.".to_owned()),
        Code::Conflict => ("from", page::sentence(&refusal.description)),
        _ => return None,
    };
    Some(Fault { field, text })
}

#[derive(Template)]
#[template(path = "sending.html")]
struct SendingPage {
    frame: Frame,
    sending: Shown,
    problem: Option<String>,
}

/// A quote, as its payer reads it.
struct Shown {
    path: String,
    from: Address,
    to: Receiver,
    debit: String,
    fee: Option<String>,
    /// What one unit of the payer's asset is in the receiver's.
    rate: Option<String>,
    receive: String,
    note: Option<String>,
    receiver: Option<String>,
    expires: Moment,
    is_open: bool,
    sent: Option<Moment>,
    payment: Option<String>,
    /// Where the same can be asked for once more.
    again: String,
}

impl Shown {
    fn new(sending: Sending, view: &View) -> Self {
        let Sending { id, from, to, price, expires_at, note, receiver, stage } = sending;
        let [paid, got] = [price.debit.asset(), price.receive.asset()];
        let rate = price.rate.filter(|_| paid.code() != got.code());
        let mut again = form_urlencoded::Serializer::new(String::new());
        again.append_pair("to", receiver.as_deref().unwrap_or(&to.url)).append_pair("from", &from.id.to_string());
        if let Some(note) = &note {
            again.append_pair("note", note);
        }
        let (sent, payment) = match stage {
            Stage::Sent { payment, at } => (Some(view.moment(at)), Some(payment.to_string())),
            Stage::Open | Stage::Expired => (None, None),
        };
        Self {
            path: format!("{PATH}/{id}"),
            again: format!("{PATH}?{}", again.finish()),
            from: Address::from(&from),
            to: Receiver::from(&to),
            debit: view.money(&price.debit),
            fee: (!price.fee.is_zero()).then(|| view.money(&price.fee)),
            rate: rate.map(|rate| format!("1 {paid} = {} {got}", view.decimal(&rate.rounded()))),
            receive: view.money(&price.receive),
            note: note.map(|note| visible(&note, NOTE_LENGTH_MAX)),
            receiver,
            expires: view.moment(expires_at),
            is_open: stage == Stage::Open,
            sent,
            payment,
        }
    }
}

async fn sending_page(app: &App, member: &Member, id: &str, problem: Option<String>) -> Response {
    let sending = match sending::get(app, &member.person, id).await {
        Ok(sending) => sending,
        Err(error) => return member.failed(app, &error),
    };
    let frame = member.frame(app);
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let sending = Shown::new(sending, &frame.view);
    page::show(app, &member.visitor, status, &SendingPage { frame, sending, problem }, None)
}

/// `GET /wallet/send/{id}`: the price to confirm, or what became of it.
pub(super) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>, member: Member) -> Response {
    sending_page(&app, &member, &id, None).await
}

/// What a form without fields carries.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// `POST /wallet/send/{id}`. However often it is sent, it pays once, and leads to the page that says so.
pub(super) async fn confirm(State(app): State<Arc<App>>, Path(id): Path<String>, sent: Sent<Nothing>) -> Response {
    let member = sent.member;
    match sending::confirm(&app, &member.person, &id).await {
        Ok(_) => page::see_other(&format!("{PATH}/{id}")),
        // The page itself says that its time is over.
        Err(Error::Refused(refusal)) if refusal.code == Code::InvalidQuote => page::see_other(&format!("{PATH}/{id}")),
        Err(Error::Refused(refusal)) if refusal.code != Code::NotFound => match fault(&refusal, &member.visitor.view) {
            Some(fault) => sending_page(&app, &member, &id, Some(fault.text)).await,
            None => member.failed(&app, &refusal.into()),
        },
        Err(error) => member.failed(&app, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_types::Asset;

    #[test]
    fn refusals_become_words_at_a_field() {
        fn check(refusal: Refusal, field: &str, words: &str) {
            let view = View::unknown(jiff::Timestamp::UNIX_EPOCH);
            let fault = fault(&refusal, &view).expect("it can be mended");
            assert_eq!(fault.field, field, "{refusal:?}");
            assert!(fault.text.contains(words) && fault.text.ends_with('.'), "{}", fault.text);
        }
        let amount = Asset::new("CAD", 2).unwrap().amount(1_234).unwrap();
        let new = |code| Refusal::new(code, "some reason");
        check(Refusal::invalid_receiver("the incoming payment is completed"), "to", "takes no more money");
        check(new(Code::InvalidReceiver), "to", "Some reason");
        check(new(Code::NoRate), "to", "do not exchange");
        check(new(Code::AmountTooSmall).with_amount("minSendAmount", amount), "amount", "at least 12.34 CAD");
        check(new(Code::AmountTooSmall), "amount", "does not arrive");
        check(new(Code::AmountTooLarge).with_amount("missing", amount), "amount", "12.34 CAD is still asked for");
        check(new(Code::AmountTooLarge), "amount", "can hold");
        check(new(Code::InsufficientFunds).with_amount("debit", amount), "amount", "for 12.34 CAD");
        check(Refusal::unauthorized(Code::InsufficientFunds, "x"), "amount", "not enough money");
        check(new(Code::InvalidResourceRequest).with("field", "note"), "note", "Some reason");
        check(new(Code::InvalidResourceRequest).with("field", "amount"), "amount", "Some reason");
        check(new(Code::InvalidResourceRequest), "amount", "Write how much");
        check(new(Code::Conflict), "from", "Some reason");
        assert!(fault(&new(Code::RatesUnavailable), &View::unknown(jiff::Timestamp::UNIX_EPOCH)).is_none());
    }
}
