//! A person's wallet addresses: list, make, rename, deactivate.

use super::address::Code2d;
use super::confirm::{self, Question};
use super::frame::{ADDRESS_CLOSED, ADDRESS_CREATED, ADDRESS_OPENED, ADDRESS_RENAMED, Frame};
use super::member::{Member, Sent};
use super::names::visible;
use super::page;
use super::view::Moment;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use bursar_app::addresses::{self, NewAddress, OwnAccount, OwnAddress, PUBLIC_NAME_LENGTH_MAX};
use bursar_app::refusals::Code;
use bursar_app::{App, Error, developer_keys};
use bursar_types::WalletAddressUrl;
use serde::Deserialize;
use std::sync::Arc;

/// Where they are.
pub(super) const PATH: &str = "/wallet/addresses";

/// A wallet address as its owner reads it.
pub(super) struct Address {
    pub(super) id: String,
    /// Where its page is.
    pub(super) path: String,
    pub(super) url: String,
    pub(super) pointer: String,
    pub(super) name: Option<String>,
    pub(super) is_active: bool,
}

impl From<&OwnAddress> for Address {
    fn from(own: &OwnAddress) -> Self {
        Self {
            id: own.id.to_string(),
            path: format!("{PATH}/{}", own.id),
            pointer: WalletAddressUrl::parse(&own.url).map(|url| url.payment_pointer()).unwrap_or_default(),
            url: own.url.clone(),
            name: own.public_name.as_deref().map(|name| visible(name, PUBLIC_NAME_LENGTH_MAX)),
            is_active: own.deactivated_at.is_none(),
        }
    }
}

/// An account as its owner reads it.
pub(super) struct Account {
    pub(super) id: String,
    pub(super) asset: String,
    pub(super) balance: String,
    pub(super) addresses: Vec<Address>,
}

impl Account {
    fn new(account: &OwnAccount, frame: &Frame) -> Self {
        Self {
            id: account.id.to_string(),
            asset: account.balance.asset().code().to_owned(),
            balance: frame.view.money(&account.balance),
            addresses: account.addresses.iter().map(Address::from).collect(),
        }
    }
}

#[derive(Template)]
#[template(path = "addresses.html")]
struct ListPage {
    frame: Frame,
    accounts: Vec<Account>,
}

/// The accounts of whoever is logged in.
pub(super) async fn accounts(app: &App, member: &Member, frame: &Frame) -> Result<Vec<Account>, Error> {
    let accounts = addresses::list(app, &member.person).await?;
    Ok(accounts.iter().map(|account| Account::new(account, frame)).collect())
}

/// `GET /wallet/addresses`.
pub(super) async fn list(State(app): State<Arc<App>>, member: Member) -> Response {
    let frame = member.frame(&app);
    match accounts(&app, &member, &frame).await {
        Ok(accounts) => member.show(&app, &ListPage { frame, accounts }),
        Err(error) => member.failed(&app, &error),
    }
}

#[derive(Template)]
#[template(path = "address_new.html")]
struct NewPage {
    frame: Frame,
    accounts: Vec<Account>,
    /// What an address begins with.
    origin: String,
    typed: Wanted,
    error: Option<String>,
}

/// The form for a new address.
#[derive(Deserialize, Default)]
pub(super) struct Wanted {
    #[serde(default)]
    account: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    public_name: String,
}

async fn new_page(app: &App, member: &Member, typed: Wanted, error: Option<String>) -> Response {
    let frame = member.frame(app);
    let accounts = match accounts(app, member, &frame).await {
        Ok(accounts) => accounts,
        Err(error) => return member.failed(app, &error),
    };
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let origin = format!("{}/", app.config.public_url);
    page::show(app, &member.visitor, status, &NewPage { frame, accounts, origin, typed, error }, None)
}

/// `GET /wallet/addresses/new`.
pub(super) async fn new(State(app): State<Arc<App>>, member: Member) -> Response {
    new_page(&app, &member, Wanted::default(), None).await
}

/// `POST /wallet/addresses`.
pub(super) async fn create(State(app): State<Arc<App>>, sent: Sent<Wanted>) -> Response {
    let Sent { member, form } = sent;
    let wanted =
        NewAddress { account: form.account.clone(), name: form.name.clone(), public_name: form.public_name.clone() };
    match addresses::create(&app, &member.person, wanted).await {
        Ok(made) => member.done(&app, &format!("{PATH}/{}", made.id), &ADDRESS_CREATED),
        Err(Error::Refused(refusal)) if matches!(refusal.code, Code::InvalidResourceRequest | Code::Conflict) => {
            new_page(&app, &member, form, Some(page::sentence(&refusal.description))).await
        }
        Err(error) => member.failed(&app, &error),
    }
}

#[derive(Template)]
#[template(path = "address_own.html")]
struct OwnPage {
    frame: Frame,
    address: Address,
    asset: String,
    created: Moment,
    deactivated: Option<Moment>,
    code: Option<Code2d>,
    /// How many keys it has, in words.
    keys: String,
    /// The name in the form.
    typed: String,
    error: Option<String>,
}

async fn own_page(app: &App, member: &Member, id: &str, refused: Option<(String, String)>) -> Response {
    let (own, keys) = match developer_keys::list(app, &member.person, id).await {
        Ok(found) => found,
        Err(error) => return member.failed(app, &error),
    };
    let frame = member.frame(app);
    let status = if refused.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (typed, error) = match refused {
        Some((typed, error)) => (typed, Some(error)),
        None => (own.public_name.clone().unwrap_or_default(), None),
    };
    let template = OwnPage {
        address: Address::from(&own),
        asset: own.asset.code().to_owned(),
        created: frame.view.moment(own.created_at),
        deactivated: own.deactivated_at.map(|at| frame.view.moment(at)),
        code: Code2d::new(&own.url),
        keys: match keys.len() {
            0 => "No program can sign in its name.".to_owned(),
            1 => "One key signs in its name.".to_owned(),
            many => format!("{} keys sign in its name.", frame.view.number(many as u64)),
        },
        typed,
        error,
        frame,
    };
    page::show(app, &member.visitor, status, &template, None)
}

/// `GET /wallet/addresses/{id}`.
pub(super) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>, member: Member) -> Response {
    own_page(&app, &member, &id, None).await
}

/// The form for the public name.
#[derive(Deserialize)]
pub(super) struct Name {
    #[serde(default)]
    public_name: String,
}

/// `POST /wallet/addresses/{id}/name`.
pub(super) async fn rename(State(app): State<Arc<App>>, Path(id): Path<String>, sent: Sent<Name>) -> Response {
    let Sent { member, form } = sent;
    match addresses::rename(&app, &member.person, &id, &form.public_name).await {
        Ok(()) => member.done(&app, &format!("{PATH}/{id}"), &ADDRESS_RENAMED),
        Err(Error::Refused(refusal)) if refusal.code == Code::InvalidResourceRequest => {
            own_page(&app, &member, &id, Some((form.public_name, page::sentence(&refusal.description)))).await
        }
        Err(error) => member.failed(&app, &error),
    }
}

/// `GET /wallet/addresses/{id}/deactivate`: says what it means first.
pub(super) async fn ask_deactivate(State(app): State<Arc<App>>, Path(id): Path<String>, member: Member) -> Response {
    let (own, uses) = match addresses::uses(&app, &member.person, &id).await {
        Ok(found) => found,
        Err(error) => return member.failed(&app, &error),
    };
    let address = Address::from(&own);
    let number = |number: u64, one: &str, many: &str| match number {
        0 => None,
        1 => Some(format!("One {one}")),
        _ => Some(format!("{} {many}", member.visitor.view.number(number))),
    };
    let mandates = number(uses.mandates, "mandate pays from it, which stops.", "mandates pay from it, which stop.");
    let requests = number(
        uses.requests,
        "open request of yours can no longer be paid.",
        "open requests of yours can no longer be paid.",
    );
    let mut text = vec![
        "For others it will be as if this address did not exist: nobody can pay to it, and no app can pay from it or ask \
         for that. Payments that apps have asked for at this address, and that are still open, can no longer be paid."
            .to_owned(),
    ];
    text.extend(mandates);
    text.extend(requests);
    text.push(
        "Your money stays where it is, the address stays yours, and you can activate it again at any time. Its developer \
         keys stay as they are: remove them if a program should no longer sign in its name."
            .to_owned(),
    );
    let ask = Question {
        title: format!("Deactivate {}?", address.pointer),
        text,
        button: "Deactivate this address",
        is_dangerous: true,
        action: format!("{}/deactivate", address.path),
        back: address.path,
        ..Question::default()
    };
    confirm::page(&app, &member, ask)
}

/// What a form without fields carries.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// `POST /wallet/addresses/{id}/deactivate`.
pub(super) async fn deactivate(State(app): State<Arc<App>>, Path(id): Path<String>, sent: Sent<Nothing>) -> Response {
    match addresses::deactivate(&app, &sent.member.person, &id).await {
        Ok(()) => sent.member.done(&app, &format!("{PATH}/{id}"), &ADDRESS_CLOSED),
        Err(error) => sent.member.failed(&app, &error),
    }
}

/// `POST /wallet/addresses/{id}/reactivate`.
pub(super) async fn reactivate(State(app): State<Arc<App>>, Path(id): Path<String>, sent: Sent<Nothing>) -> Response {
    match addresses::reactivate(&app, &sent.member.person, &id).await {
        Ok(()) => sent.member.done(&app, &format!("{PATH}/{id}"), &ADDRESS_OPENED),
        Err(error) => sent.member.failed(&app, &error),
    }
}
