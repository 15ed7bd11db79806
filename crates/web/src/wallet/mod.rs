//! Pages for people: consent, log-in, and their wallet.
//!
//! They work without scripts, are drawn from templates that escape every value, and are kept by no cache. What a
//! person is asked is turned into plain words by pure functions ([`wording`], [`mandate`], [`names`]); handlers
//! only read forms, call one use case, and choose a page.

mod account;
mod address;
mod apps;
mod assets;
mod confirm;
mod consent;
mod figures;
mod frame;
mod gallery;
mod home;
mod less;
mod login;
mod mandate;
mod member;
mod names;
mod page;
mod pager;
mod payments;
mod view;
mod visitor;
mod wording;

pub(crate) use address::address_page;
pub(crate) use gallery::show as gallery;
pub(crate) use login::start as start_page;
pub(crate) use page::nowhere;
pub(crate) use visitor::Visitor;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use bursar_app::App;
use std::sync::Arc;

/// Largest accepted form.
const FORM_BYTES_MAX: usize = 8 * 1024;

/// Their routes. Wallet addresses live beside them at `/{name}`.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(crate::wallet_address::root))
        .route("/login", get(login::form).post(login::log_in))
        .route("/logout", get(login::ask_log_out).post(login::log_out))
        .route("/wallet", get(home::show))
        .route("/wallet/payments", get(payments::list))
        .route("/wallet/payments/export.csv", get(payments::export::get))
        .route("/wallet/payments/{id}", get(payments::show))
        .route("/wallet/apps", get(apps::list))
        .route("/wallet/apps/{id}", get(apps::show))
        .route("/wallet/apps/{id}/lower", get(apps::ask_less).post(apps::lower))
        .route("/wallet/apps/{id}/lower/confirm", get(apps::confirm_less))
        .route("/wallet/apps/{id}/{act}", get(apps::ask).post(apps::act))
        .route("/wallet/account", get(account::show))
        .route("/wallet/account/display", post(account::set_display))
        .route("/auth/interact/{id}/{path}", get(consent::show).post(consent::decide))
        .route("/auth/interact/{id}/{path}/finish/{ticket}", get(consent::finish))
        .route("/assets/{file}", get(assets::get))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
}

#[cfg(test)]
mod tests;
