//! Log-in at other identity providers (OpenID Connect Core 1.0, authorization code with PKCE).
//!
//! What a log-in needs to be recognised when the browser comes back is in its `state`, a ticket for this browser
//! (`bursar_core::ticket`); its nonce and PKCE verifier are derived from the ticket's id. So a code that somebody else got
//! cannot be brought here, and one that was brought cannot be brought again.

mod about;

pub use about::Known;

use crate::accounts::{self, Opening};
use crate::attempts::Attempt;
use crate::config::IdentityProvider;
use crate::login::{self, Here, NewSession, Place};
use crate::{App, Clock, Error, passkeys};
use about::{About, Metadata, about, failed, keep, keys, redeem};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bursar_core::id_token::{self, Claims, Expected, Invalid};
use bursar_core::person::{self, Arrival, Met, Proof};
use bursar_core::secret::Purpose;
use bursar_core::ticket::Ticket;
use bursar_core::{Code, Id};
use bursar_store::account_holder::{self, AccountHolder};
use bursar_store::identity::{self, Identity};
use bursar_store::{LockKey, Tx};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use url::Url;

/// How long somebody may take at the other provider.
const BACK_WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// Longest text of an answer that is looked at.
const ANSWER_LENGTH_MAX: usize = 4096;
/// Most characters of what a provider calls somebody.
const LABEL_LENGTH_MAX: usize = 100;

/// What a log-in at another provider is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// To log in.
    LogIn,
    /// To link that identity to the account of whoever is logged in.
    Link,
    /// To prove once more who is logged in.
    Confirm,
}

impl Wanted {
    const ALL: [Self; 3] = [Self::LogIn, Self::Link, Self::Confirm];

    fn as_str(self) -> &'static str {
        match self {
            Self::LogIn => "log-in",
            Self::Link => "link",
            Self::Confirm => "confirm",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The new token of the session, if there is one.
    pub token: Option<String>,
    /// Where the person wanted to go.
    pub onward: String,
}

/// What a browser brings back (OpenID Connect Core 1.0 §3.1.2.5).
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Brought {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// The provider with this id.
///
/// # Errors
/// Not found.
pub fn provider(app: &App, id: &str) -> Result<Arc<IdentityProvider>, Error> {
    let found = app.config.identity_providers.iter().find(|provider| provider.id == id);
    found.cloned().ok_or_else(|| Error::not_found("identity provider"))
}

/// Where a provider sends browsers back to. Each has an address of its own, so that the answer of one cannot be taken for
/// that of another.
pub fn back_url(app: &App, provider: &str) -> String {
    format!("{}/login/with/{provider}/back", app.config.public_url)
}

/// Begins: the URL at the provider to which the browser goes. `onward` is where the person wants to go afterwards.
///
/// # Errors
/// Not found; [`Code::IdentityProvider`] while the provider cannot be asked.
pub async fn begin(
    app: &App,
    id: &str,
    wanted: Wanted,
    here: Option<&Here>,
    onward: &str,
    place: &Place,
) -> Result<String, Error> {
    let provider = provider(app, id)?;
    let about = about(app, &provider).await?;
    let (_, id) = app.now_and_id();
    let text = format!("{}\n{}\n{}\n{onward}", provider.id, wanted.as_str(), whose(wanted, here));
    let state = app.secret.seal_text(Purpose::IdentityState, &place.browser, &id, &text);
    let verifier = app.secret.derive_text(Purpose::IdentityVerifier, id.as_bytes());
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    let mut url = Url::parse(&about.metadata.authorization_endpoint)
        .map_err(|_| failed(&provider, "its authorization endpoint is no URL"))?;
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &provider.client_id)
        .append_pair("redirect_uri", &back_url(app, &provider.id))
        .append_pair("scope", &provider.scopes.join(" "))
        .append_pair("state", &state)
        .append_pair("nonce", &app.secret.derive_text(Purpose::IdentityNonce, id.as_bytes()))
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256");
    if wanted == Wanted::Confirm {
        url.query_pairs_mut().append_pair("prompt", "login").append_pair("max_age", "0");
    }
    Ok(url.into())
}

/// Whoever is logged in, where that matters.
fn whose(wanted: Wanted, here: Option<&Here>) -> String {
    here.filter(|_| wanted != Wanted::LogIn).map(|here| here.person.holder.to_string()).unwrap_or_default()
}

/// A log-in that the browser has come back from.
struct Returned {
    ticket: Ticket,
    wanted: Wanted,
    whose: String,
    onward: String,
}

/// Finds the log-in that a browser comes back from, by its `state`.
fn returned(app: &App, provider: &IdentityProvider, brought: &Brought, place: &Place) -> Result<Returned, Error> {
    let over = || {
        let text = "this log-in was not begun in this browser, or too long ago: please begin again";
        Error::refused(Code::Unauthenticated, text)
    };
    let state = brought.state.as_deref().ok_or_else(over)?;
    let (purpose, now) = (Purpose::IdentityState, app.clock.now());
    let ticket = app.secret.open_text(purpose, &place.browser, state, now, BACK_WITHIN).ok_or_else(over)?;
    let mut parts = ticket.text.splitn(4, '\n');
    let (begun_at, word, whose, onward) = (parts.next(), parts.next(), parts.next(), parts.next());
    let wanted = Wanted::ALL.into_iter().find(|wanted| Some(wanted.as_str()) == word).ok_or_else(over)?;
    if begun_at != Some(provider.id.as_str()) {
        return Err(over());
    }
    let (whose, onward) = (whose.unwrap_or_default().to_owned(), onward.unwrap_or("/").to_owned());
    Ok(Returned { ticket, wanted, whose, onward })
}

/// Where the person wanted to go with the log-in that the browser comes back from, however it went; none if it is not
/// one of this browser's.
pub fn onward(app: &App, id: &str, brought: &Brought, place: &Place) -> Option<String> {
    let provider = provider(app, id).ok()?;
    returned(app, &provider, brought, place).ok().map(|returned| returned.onward)
}

/// Ends: what the browser brings is checked with the provider, and whoever it is is logged in, linked, or confirmed.
/// `here` is who is logged in in this browser, with the token of the session.
///
/// # Errors
/// [`Code::Unauthenticated`] for what is no proof; [`Code::IdentityProvider`] when the provider cannot be asked or its
/// answer cannot be trusted; [`Code::Conflict`] when the person is nobody here, or somebody else.
pub async fn finish(
    app: &App,
    id: &str,
    brought: &Brought,
    here: Option<(&Here, &str)>,
    place: &Place,
) -> Result<Done, Error> {
    let provider = provider(app, id)?;
    let back = returned(app, &provider, brought, place)?;
    // Somebody else may have logged in in this browser meanwhile.
    if back.whose != whose(back.wanted, here.map(|(here, _)| here)) {
        return Err(Error::refused(Code::LogInAgain, "your session has ended: please log in again"));
    }
    let (ticket, until) = (back.ticket.clone(), passkeys::remembered_until(app));
    let used = move |tx: &mut Tx<'_>| passkeys::use_up(tx, &ticket, Purpose::IdentityState, until);
    app.store.write(Vec::new(), used).await?;
    let about = about(app, &provider).await?;
    check_sender(&provider, &about.metadata, brought)?;
    let code = brought.code.as_deref().filter(|code| code.len() <= ANSWER_LENGTH_MAX);
    let code = code.ok_or_else(|| failed(&provider, "it sent no code"))?;
    let token = redeem(app, &provider, &about.metadata, &back.ticket.id, code).await?;
    let claims = verify(app, &provider, about, &back, &token).await?;
    match (back.wanted, here) {
        (Wanted::LogIn, _) => log_in(app, &provider, claims, back.onward, place).await,
        (Wanted::Link, Some((here, _))) => link(app, &provider, &claims, here, back.onward).await,
        (Wanted::Confirm, Some((here, token))) => confirm(app, &provider, &claims, here, token, back.onward).await,
        (Wanted::Link | Wanted::Confirm, None) => {
            Err(Error::refused(Code::LogInAgain, "your session has ended: please log in again"))
        }
    }
}

/// Checks that it is this provider's answer, and no refusal.
fn check_sender(provider: &IdentityProvider, metadata: &Metadata, brought: &Brought) -> Result<(), Error> {
    // RFC 9207 §2.4: an answer that another provider sent for its own ends.
    let must_name_itself = metadata.authorization_response_iss_parameter_supported;
    if brought.iss.as_ref().map_or(must_name_itself, |iss| *iss != provider.issuer) {
        return Err(failed(provider, "another provider sent the answer"));
    }
    match brought.error.as_deref() {
        None => Ok(()),
        Some("access_denied" | "login_required" | "interaction_required" | "consent_required") => {
            let text = format!("you did not log in at {}", provider.name);
            Err(Error::refused(Code::Unauthenticated, text))
        }
        Some(other) => {
            let word: String = other.chars().filter(char::is_ascii_graphic).take(60).collect();
            Err(failed(provider, &format!("it answered {word}")))
        }
    }
}

/// Verifies an ID token. A key that is not known may be new: then the keys are read again, which only an answer of the
/// provider itself can make happen.
async fn verify(
    app: &App,
    provider: &IdentityProvider,
    about: Arc<About>,
    back: &Returned,
    token: &str,
) -> Result<Claims, Error> {
    let nonce = app.secret.derive_text(Purpose::IdentityNonce, back.ticket.id.as_bytes());
    let now_seconds = app.clock.wire_seconds();
    // Begun so long ago, whatever the sandbox's clock shows.
    let begun = back.ticket.id.made_at().map_or(0, |at| app.clock.now().duration_since(at).as_secs());
    let expected = Expected {
        issuer: &provider.issuer,
        client_id: &provider.client_id,
        nonce: &nonce,
        now_seconds,
        authenticated_after: (back.wanted == Wanted::Confirm).then(|| now_seconds.saturating_sub(begun)),
    };
    let mut verified = id_token::verify(token, &about.keys, &expected);
    if verified == Err(Invalid::UnknownKey) {
        let keys = keys(app, provider, &about.metadata).await?;
        let about = About { read_at: Clock::real_instant(), metadata: about.metadata.clone(), keys };
        verified = id_token::verify(token, &keep(app, provider, about).keys, &expected);
    }
    verified.map_err(|error| failed(provider, &format!("its ID token is not believed: {error}")))
}

/// What a provider calls somebody, for people.
fn label(claims: &Claims) -> Option<String> {
    let found = ["preferred_username", "email", "name"].into_iter().find_map(|name| claims.text(name))?;
    let label: String = found.chars().filter(|c| !c.is_control()).take(LABEL_LENGTH_MAX).collect();
    Some(label).filter(|label| !label.is_empty())
}

fn new_identity(app: &App, provider: &IdentityProvider, claims: &Claims, holder: Id) -> Identity {
    let (now, id) = app.now_and_id();
    Identity {
        id,
        holder,
        issuer: provider.issuer.clone(),
        subject: claims.subject.clone(),
        label: label(claims),
        created_at: now,
        used_at: None,
    }
}

fn is_open(holder: &AccountHolder) -> bool {
    holder.closed_at.is_none()
}

async fn log_in(
    app: &App,
    provider: &IdentityProvider,
    claims: Claims,
    onward: String,
    place: &Place,
) -> Result<Done, Error> {
    let name = claims.text(&provider.name_claim).map(|name| name.trim().to_lowercase());
    let (issuer, subject, wanted) = (provider.issuer.clone(), claims.subject.clone(), name.clone());
    let (linked, named) = app
        .store
        .read(move |tx| {
            let linked = identity::find(tx, &issuer, &subject)?;
            let Some(name) = &wanted else { return Ok::<_, Error>((linked, None)) };
            let Some(named) = account_holder::by_name(tx, name)? else { return Ok((linked, None)) };
            // Whoever closed their account, or is somebody else there already, is not met by name.
            let theirs = identity::of_holder(tx, &named.id)?;
            let is_another = !is_open(&named) || theirs.iter().any(|other| other.issuer == issuer);
            Ok((linked, Some((named.id, is_another))))
        })
        .await?;
    let arrival = Arrival { linked: linked.as_ref().map(|identity| identity.holder), name: name.as_deref(), named };
    let met = person::meet(provider.people, &arrival)?;
    let now = app.clock.now();
    let token = match met {
        Met::Holder(holder) => {
            let session = NewSession::new(app, holder, Proof::Identity, place);
            let (linked, label) = (linked.map(|identity| identity.id), label(&claims));
            let attempt = Attempt::unnamed("");
            let noted = move |tx: &mut Tx<'_>| match &linked {
                Some(id) if identity::set_used(tx, id, label.as_deref(), now)? => Ok(()),
                _ => Err(Error::refused(Code::Conflict, "this log-in was unlinked just now")),
            };
            session.begin_if(app, attempt, noted).await?
        }
        Met::Link(holder) => {
            let identity = new_identity(app, provider, &claims, holder);
            let session = NewSession::new(app, holder, Proof::Identity, place);
            session.begin_if(app, Attempt::unnamed(""), move |tx| insert(tx, &identity, now)).await?
        }
        Met::Open(name) => open(app, provider, &claims, &name, place).await?,
    };
    Ok(Done { token: Some(token), onward })
}

/// Links an identity, as used now.
fn insert(tx: &mut Tx<'_>, new: &Identity, now: Timestamp) -> Result<(), Error> {
    if identity::find(tx, &new.issuer, &new.subject)?.is_some() {
        return Err(Error::refused(Code::Conflict, "this log-in was linked to an account just now: please try again"));
    }
    identity::insert(tx, new)?;
    identity::set_used(tx, &new.id, None, now)?;
    Ok(())
}

/// Opens an account for a newcomer: the token of the session.
async fn open(
    app: &App,
    provider: &IdentityProvider,
    claims: &Claims,
    name: &str,
    place: &Place,
) -> Result<String, Error> {
    let asset = provider.asset.ok_or_else(|| Error::Internal(format!("{} has no asset for newcomers", provider.id)))?;
    let public_name = claims.text("name").filter(|name| person::check_shown_name(name).is_ok()).map(str::to_owned);
    let opening = Opening::new(app, name, None, public_name, asset, 0).map_err(|error| match error {
        Error::Refused(_) => {
            Error::refused(Code::Conflict, format!("no account can be opened under your name there, {name:?}"))
        }
        error => error,
    })?;
    let (identity, now) = (new_identity(app, provider, claims, opening.holder()), app.clock.now());
    let session = NewSession::new(app, opening.holder(), Proof::Identity, place);
    let begun = session.clone();
    accounts::open(app, opening, move |tx| {
        insert(tx, &identity, now)?;
        begun.insert(tx)
    })
    .await?;
    Ok(session.into_token())
}

async fn link(
    app: &App,
    provider: &IdentityProvider,
    claims: &Claims,
    here: &Here,
    onward: String,
) -> Result<Done, Error> {
    here.require_fresh(app)?;
    let holder = here.person.holder;
    let (new, now) = (new_identity(app, provider, claims, holder), app.clock.now());
    app.store
        .write(vec![LockKey::of(&holder)], move |tx| {
            match identity::find(tx, &new.issuer, &new.subject)? {
                Some(known) if known.holder == holder => return Ok(()),
                Some(_) => {
                    return Err(Error::refused(Code::Conflict, "this log-in belongs to another account here"));
                }
                None => {}
            }
            let known = account_holder::by_id(tx, &holder)?.filter(is_open);
            if known.is_none() {
                return Err(Error::refused(Code::LogInAgain, "your session has ended: please log in again"));
            }
            if identity::of_holder(tx, &holder)?.len() >= person::IDENTITIES_MAX {
                return Err(Error::refused(Code::Conflict, "there are too many linked log-ins: unlink one first"));
            }
            insert(tx, &new, now)
        })
        .await?;
    Ok(Done { token: None, onward })
}

async fn confirm(
    app: &App,
    provider: &IdentityProvider,
    claims: &Claims,
    here: &Here,
    token: &str,
    onward: String,
) -> Result<Done, Error> {
    let (issuer, subject, holder) = (provider.issuer.clone(), claims.subject.clone(), here.person.holder);
    let (now, label) = (app.clock.now(), label(claims));
    let token = login::renew(app, here, token, Proof::Identity, Attempt::unnamed(""), move |tx| {
        let known = identity::find(tx, &issuer, &subject)?.filter(|identity| identity.holder == holder);
        let other = || Error::refused(Code::Conflict, "that log-in is not linked to this account");
        identity::set_used(tx, &known.ok_or_else(other)?.id, label.as_deref(), now)?;
        Ok(())
    })
    .await?;
    Ok(Done { token: Some(token), onward })
}
