//! Pages for people: consent, log-in, and their wallet.
//!
//! They work without scripts, are drawn from templates that escape every value, and are kept by no cache. What a
//! person is asked is turned into plain words by pure functions ([`wording`], [`mandate`], [`names`]); handlers
//! only read forms, call one use case, and choose a page.

mod account;
mod address;
mod addresses;
mod agent;
mod apps;
mod assets;
mod confirm;
mod consent;
mod developer_keys;
mod figures;
mod frame;
mod gallery;
mod home;
mod identity;
mod less;
mod login;
mod mandate;
mod member;
mod names;
mod page;
mod pager;
mod passkey;
mod pay;
mod payments;
mod request;
mod second;
mod send;
mod signup;
mod view;
mod visitor;
mod wording;

pub(crate) use address::address_page;
pub(crate) use gallery::show as gallery;
pub(crate) use login::start as start_page;
pub(crate) use page::nowhere;
pub(crate) use pay::pay_page;
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
        .route("/login/passkey", post(login::log_in_by_passkey))
        .route("/login/second/code", post(second::by_code))
        .route("/login/second/passkey", post(second::by_passkey))
        .route("/login/recover", get(second::recover_form).post(second::recover))
        .route("/login/with/{provider}", post(identity::leave))
        .route("/login/with/{provider}/back", get(identity::back))
        .route("/signup", get(signup::form).post(signup::sign_up))
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
        .merge(account_routes())
        .route("/wallet/send", get(send::form).post(send::ask))
        .route("/wallet/send/{id}", get(send::show).post(send::confirm))
        .route("/wallet/request", get(request::list).post(request::create))
        .route("/wallet/request/{id}", get(request::show))
        .route("/wallet/request/{id}/close", get(request::ask_close).post(request::close))
        .route("/wallet/addresses", get(addresses::list).post(addresses::create))
        .route("/wallet/addresses/new", get(addresses::new))
        .route("/wallet/addresses/{id}", get(addresses::show))
        .route("/wallet/addresses/{id}/name", post(addresses::rename))
        .route("/wallet/addresses/{id}/deactivate", get(addresses::ask_deactivate).post(addresses::deactivate))
        .route("/wallet/addresses/{id}/reactivate", post(addresses::reactivate))
        .route("/wallet/addresses/{id}/keys", get(developer_keys::list).post(developer_keys::add))
        .route("/wallet/addresses/{id}/keys/new", get(developer_keys::new).post(developer_keys::generate))
        .route("/wallet/addresses/{id}/keys/{key}/remove", get(developer_keys::ask_remove).post(developer_keys::remove))
        .route("/auth/interact/{id}/{path}", get(consent::show).post(consent::decide))
        .route("/auth/interact/{id}/{path}/finish/{ticket}", get(consent::finish))
        .route("/assets/{file}", get(assets::get))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
}

/// The routes of what people do about themselves and how they log in.
fn account_routes() -> Router<Arc<App>> {
    use account::{close, confirm, passkeys, password, sessions};
    Router::new()
        .route("/wallet/account/profile", post(account::set_profile))
        .route("/wallet/account/confirm", get(confirm::show).post(confirm::by_password))
        .route("/wallet/account/confirm/passkey", post(confirm::by_passkey))
        .route("/wallet/account/password", get(password::show).post(password::change))
        .route("/wallet/account/password/remove", get(password::ask_remove).post(password::remove))
        .route("/wallet/account/passkeys", get(passkeys::show).post(passkeys::add))
        .route("/wallet/account/passkeys/new", get(passkeys::new))
        .route("/wallet/account/passkeys/{id}/rename", post(passkeys::rename))
        .route("/wallet/account/passkeys/{id}/remove", get(passkeys::ask_remove).post(passkeys::remove))
        .route("/wallet/account/second", post(passkeys::set_second))
        .route("/wallet/account/codes", get(passkeys::codes).post(passkeys::new_codes))
        .route("/wallet/account/sessions", get(sessions::show))
        .route("/wallet/account/sessions/end", post(sessions::end))
        .route("/wallet/account/sessions/end-all", post(sessions::end_all))
        .route("/wallet/account/identities", get(sessions::identities))
        .route("/wallet/account/identities/{id}/unlink", get(sessions::ask_unlink).post(sessions::unlink))
        .route("/wallet/account/close", get(close::show).post(close::close))
}

#[cfg(test)]
mod tests;
