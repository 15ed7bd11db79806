//! The first page of somebody's wallet.

use super::frame::Frame;
use super::member::Member;
use super::names::Address;
use super::view::View;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use bursar_app::accounts::{self, AccountView};
use bursar_app::{App, Error};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    account: Option<Account>,
}

/// What people see of their account.
struct Account {
    address: Address,
    balance: String,
}

impl Account {
    fn new(account: &AccountView, view: &View) -> Self {
        Self { address: Address::new(&account.wallet_address), balance: view.money(&account.balance) }
    }
}

/// `GET /wallet`.
pub(super) async fn show(State(app): State<Arc<App>>, member: Member) -> Response {
    let frame = member.frame(&app);
    let account = match accounts::get(&app, &member.person.name).await {
        Ok(account) => Some(Account::new(&account, &frame.view)),
        Err(Error::Refused(_)) => None,
        Err(error) => return member.failed(&app, &error),
    };
    member.show(&app, &HomePage { frame, account })
}
