//! **Payment Platform**, an example to copy: a web app that asks people for a mandate at their own provider, and then
//! pays small amounts out of it, one after the other, until it is told to stop or the provider says no.
//!
//! * [`open_payments`] is the protocol, step by step, with the client library. Begin to read there.
//! * [`budget`] and [`stream`] are what the app knows: how much is left, and what to do after each answer. They are pure.
//! * `visitor` keeps what belongs to one browser, `runner` makes its payments, `web` and `pages` are the site.
//!
//! It keeps everything in memory and forgets it when it ends. An app that lives longer saves its grants:
//! [`bursar_client::IssuedGrant::save`].

pub mod budget;
pub mod open_payments;
mod pages;
mod runner;
pub mod stream;
mod visitor;
mod web;

use bursar_client::AuthenticatedClient;
use jiff::Timestamp;
use std::sync::Arc;
use visitor::Visitors;

/// Tells the time by which mandates begin: the provider's, if that is a sandbox whose clock is moved.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Somebody who can be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name that is shown.
    pub name: String,
    /// The wallet address.
    pub address: String,
}

/// What the site has to know.
pub struct Settings {
    /// The app's client: its wallet address and key.
    pub client: AuthenticatedClient,
    /// Where browsers reach the site, such as `http://127.0.0.1:4100`, without a slash at the end.
    pub url: String,
    /// The wallet address that the form suggests as the one that pays.
    pub payer: String,
    /// Who can be chosen as recipient; the first is suggested. Any other wallet address can be entered.
    pub people: Vec<Person>,
    /// The time.
    pub now: Now,
}

/// The site's state: its settings and its visitors.
pub(crate) struct Platform {
    settings: Settings,
    visitors: Visitors,
}

/// The site, ready to be served. Must be called in a Tokio runtime's reach, since it pays in tasks of its own.
pub fn router(settings: Settings) -> axum::Router {
    web::router(Arc::new(Platform { settings, visitors: Visitors::default() }))
}
