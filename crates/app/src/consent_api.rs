//! Requests decided on a consent page of the provider's own, which reads them here and answers.
//!
//! That page's program has logged the person in and is believed when it says who they are. Everything else is checked as
//! on the built-in page: whose wallets they are, that nothing more is granted than was asked, that no limit at all is
//! confirmed.

use crate::interactions::{self, Answer, Choice, Consent, Finished, Presence, Stage};
use crate::login::LoggedIn;
use crate::{App, Error};
use bursar_core::secret::Purpose;
use bursar_core::{Code, Id};
use bursar_store::account_holder;

/// Where the browser of a person goes who is to decide a request; nowhere if they decide on the built-in page.
pub fn page_url(app: &App, id: &str, path: &str) -> Option<String> {
    let mut url = app.config.consent_page.as_ref()?.url.clone();
    url.query_pairs_mut().append_pair("interactId", id).append_pair("nonce", path);
    Some(url.into())
}

/// Checks what a consent page's program presents.
///
/// # Errors
/// [`Code::NotFound`] where there is no such page, [`Code::Unauthenticated`] for a wrong secret or none.
pub fn authenticate(app: &App, presented: Option<&str>) -> Result<(), Error> {
    let Some(page) = &app.config.consent_page else { return Err(Error::not_found("resource")) };
    match presented {
        Some(secret) if page.secret.matches(secret) => Ok(()),
        Some(_) => Err(Error::refused(Code::Unauthenticated, "this is not the secret of the consent page")),
        None => {
            let text = "this needs the secret of the consent page: send Authorization: Bearer <secret>";
            Err(Error::refused(Code::Unauthenticated, text))
        }
    }
}

/// A request, and where the browser goes once it is decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Interaction {
    /// The request.
    pub consent: Consent,
    /// Where to send the browser; none while there is something to decide.
    pub finish: Option<String>,
}

/// A request as it stands.
///
/// # Errors
/// [`Code::NotFound`].
pub async fn read(app: &App, id: &str, path: &str) -> Result<Interaction, Error> {
    let consent = interactions::view(app, id, path).await?;
    let finish = (consent.stage != Stage::Open).then(|| finish_url(app, &consent.grant, path));
    Ok(Interaction { consent, finish })
}

/// The account holder of this name agrees to what this choice makes of the request.
///
/// # Errors
/// [`Code::NotFound`]; [`Code::Conflict`] for a request that is no longer open; [`Code::InvalidResourceRequest`] for
/// an unknown name, or a choice that is not possible; otherwise as [`interactions::decide`] says.
pub async fn accept(app: &App, id: &str, path: &str, holder: &str, choice: Choice) -> Result<Interaction, Error> {
    let wanted = holder.to_owned();
    let grant = interactions::own_link(app, id, path)?;
    let found = app.store.read(move |tx| account_holder::by_name(tx, &wanted).map_err(Error::from)).await?;
    let unknown = || Error::refused(Code::InvalidResourceRequest, "there is no account holder of this name");
    let holder = found.filter(|holder| holder.closed_at.is_none()).ok_or_else(unknown)?;
    let person = LoggedIn { holder: holder.id, name: holder.name };
    decide(app, grant, Answer::Approve { person, choice, shown: None }).await?;
    read(app, id, path).await
}

/// A person refuses the request.
///
/// # Errors
/// [`Code::NotFound`]; [`Code::Conflict`] for a request that is no longer open.
pub async fn reject(app: &App, id: &str, path: &str) -> Result<Interaction, Error> {
    decide(app, interactions::own_link(app, id, path)?, Answer::Deny).await?;
    read(app, id, path).await
}

async fn decide(app: &App, id: Id, answer: Answer) -> Result<(), Error> {
    match interactions::apply(app, id, answer, app.clock.now()).await? {
        (_, true) => Ok(()),
        (_, false) => Err(Error::refused(Code::Conflict, "this request has been decided already, or has expired")),
    }
}

/// The ticket in this address is told to the consent page's program alone, so whoever brings it was sent by it: an
/// approval's reference must not get into another browser than the approver's.
fn finish_url(app: &App, grant: &Id, path: &str) -> String {
    let ticket = app.secret.derive_text(Purpose::FinishTicket, grant.as_bytes());
    format!("{}/interact/{grant}/{path}/finish/{ticket}", app.config.auth_url())
}

/// Where the browser goes that a consent page has sent on.
///
/// # Errors
/// [`Code::NotFound`], also for a ticket that is not this request's.
pub async fn finish(app: &App, id: &str, path: &str, ticket: &str) -> Result<Finished, Error> {
    let id = interactions::own_link(app, id, path)?;
    if app.config.consent_page.is_none() || !app.secret.matches(Purpose::FinishTicket, id.as_bytes(), ticket) {
        return Err(Error::not_found("request: the link may be incomplete"));
    }
    let grant = app.store.read(move |tx| interactions::load(tx, &id)).await?;
    Ok(interactions::finished(app, &grant, app.clock.now(), Presence::Decider))
}
