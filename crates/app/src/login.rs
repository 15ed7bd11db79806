//! Log-in of account holders: sessions, and the steps that lead to one.
//!
//! Every log-in and every new proof gets a new token, so nobody can be made to use a session that somebody else knows.
//! Where a password alone is not enough, what is known after it is in a ticket that the browser carries
//! (`bursar_core::ticket`): there is no session yet, so there is nothing to skip to.

use crate::accounts::verify_password;
use crate::attempts::Attempt;
use crate::{App, Error, passkeys};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bursar_core::passkey::Assertion;
use bursar_core::person::{self, Next, Proof, Ways};
use bursar_core::secret::Purpose;
use bursar_core::{Code, Id, TokenHash, recovery};
use bursar_store::account_holder::{self, AccountHolder};
use bursar_store::session::{self, Session};
use bursar_store::{Tx, password, recovery_code};
use jiff::{SignedDuration, Timestamp};

/// How long the second proof may follow the first.
const SECOND_STEP: SignedDuration = SignedDuration::from_mins(10);
/// How old the note of when a session was last used may get.
const SEEN_NOTED_EVERY: SignedDuration = SignedDuration::from_mins(5);
/// Longest description of a browser, or of where it is, that is kept.
const PLACE_LENGTH_MAX: usize = 100;
/// Most characters of a password that are looked at.
const PASSWORD_LENGTH_MAX: usize = 200;
/// A hash that no password has, so that an unknown name takes as long as a wrong password.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Somebody who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// Who.
    pub holder: Id,
    /// Their name.
    pub name: String,
}

/// Somebody who is logged in, where, and how they want things to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// Who.
    pub person: LoggedIn,
    /// What they want to be called.
    pub display_name: Option<String>,
    /// The time zone in which they want to read times, by its name in the IANA database.
    pub time_zone: Option<String>,
    /// The locale in which they want to read amounts and times (BCP 47).
    pub locale: Option<String>,
    /// Their session in this browser.
    pub session: Session,
}

impl Here {
    /// Whether they have proven lately who they are, so that dangerous acts need no new proof.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        person::is_fresh(self.session.authenticated_at, now)
    }

    /// Checks the same.
    ///
    /// # Errors
    /// [`Code::LogInAgain`].
    pub fn require_fresh(&self, app: &App) -> Result<(), Error> {
        if self.is_fresh(app.clock.now()) {
            return Ok(());
        }
        Err(Error::refused(Code::LogInAgain, "please confirm first that it is you"))
    }
}

/// Where somebody sits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The address whose attempts are counted together; empty if it is not known.
    pub neighbourhood: String,
    /// The address as people may read it, if it is known.
    pub address: Option<String>,
    /// What their browser is, in a few words.
    pub agent: String,
    /// What forms and tickets of this browser are bound to.
    pub browser: String,
}

/// What came of a first proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// They are in: the token of their session.
    In(String),
    /// A second proof is needed: the ticket for it.
    Second(String),
}

/// A log-in of which the second proof is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Who it would be.
    pub person: LoggedIn,
    /// Where they want to go.
    pub onward: String,
    /// What they could prove themselves with.
    pub ways: Ways,
}

fn wrong() -> Error {
    Error::refused(Code::Unauthenticated, "name and password do not fit together")
}

/// Checks name and password. `onward` is kept for after the second proof, if one is needed.
///
/// # Errors
/// [`Code::Unauthenticated`] when they do not fit, [`Code::TooManyRequests`] after too many failures.
pub async fn log_in(app: &App, name: &str, word: &str, place: &Place, onward: &str) -> Result<Entry, Error> {
    require_built_in(app)?;
    let now = app.clock.now();
    let attempt = Attempt::log_in(name, &place.neighbourhood);
    let (wanted, counted) = (name.to_owned(), attempt.clone());
    let known = app
        .store
        .write(Vec::new(), move |tx| {
            counted.count(tx, now)?;
            open_by_name(tx, &wanted)
        })
        .await?;
    let hash = known.as_ref().and_then(|(_, hash, _)| hash.clone());
    let right = matches(app, word, hash.as_deref().unwrap_or(NOBODY)).await;
    let Some((holder, _, ways)) = known.filter(|_| right && hash.is_some()) else { return Err(wrong()) };
    if ways.after_password() == Next::Second {
        app.store.write(Vec::new(), move |tx| attempt.take_back(tx)).await?;
        let (_, id) = app.now_and_id();
        let text = format!("{}\n{onward}", holder.id);
        return Ok(Entry::Second(app.secret.seal_text(Purpose::SecondStep, &place.browser, &id, &text)));
    }
    let new = NewSession::new(app, holder.id, Proof::Password, place);
    new.begin(app, attempt).await.map(Entry::In)
}

/// Checks name and recovery code of somebody who has no password, and begins a session.
///
/// # Errors
/// [`Code::Unauthenticated`] when they do not fit or a password is needed as well, [`Code::TooManyRequests`].
pub async fn log_in_with_code(app: &App, name: &str, code: &str, place: &Place) -> Result<String, Error> {
    require_built_in(app)?;
    let (now, code) = (app.clock.now(), code.to_owned());
    let attempt = Attempt::log_in(name, &place.neighbourhood);
    let (wanted, counted) = (name.to_owned(), attempt.clone());
    let known = app
        .store
        .write(Vec::new(), move |tx| {
            counted.count(tx, now)?;
            open_by_name(tx, &wanted)
        })
        .await?;
    let wrong = || Error::refused(Code::Unauthenticated, "name and recovery code do not fit together");
    let (holder, _, _) = known.filter(|(_, _, ways)| ways.code_is_enough()).ok_or_else(wrong)?;
    let hash = recovery::hash(&holder.id, &code).ok_or_else(wrong)?;
    let new = NewSession::new(app, holder.id, Proof::Code, place);
    new.begin_if(
        app,
        attempt,
        move |tx| {
            if recovery_code::use_once(tx, &holder.id, &hash, now)? { Ok(()) } else { Err(wrong()) }
        },
    )
    .await
}

/// The account holder of this name whose account is open, the hash of their password, and their ways in.
fn open_by_name(tx: &mut Tx<'_>, name: &str) -> Result<Option<(AccountHolder, Option<String>, Ways)>, Error> {
    let Some(holder) = account_holder::by_name(tx, name)?.filter(|holder| holder.closed_at.is_none()) else {
        return Ok(None);
    };
    let (hash, ways) = (password::hash(tx, &holder.id)?, account_holder::ways(tx, &holder)?);
    Ok(Some((holder, hash, ways)))
}

/// Whether a password is right. As much of it is looked at as one may have.
pub(crate) async fn matches(app: &App, word: &str, hash: &str) -> bool {
    verify_password(app, word.chars().take(PASSWORD_LENGTH_MAX).collect(), hash.to_owned()).await
}

pub(crate) fn require_built_in(app: &App) -> Result<(), Error> {
    if app.config.has_built_in_log_in {
        return Ok(());
    }
    Err(Error::refused(Code::NotFound, "passwords and passkeys are not used here: log in at your identity provider"))
}

/// Who has given a first proof in this browser with this ticket; nobody once that is too long ago.
///
/// # Errors
/// When the database fails.
pub async fn pending(app: &App, ticket: &str, place: &Place) -> Result<Option<Pending>, Error> {
    let now = app.clock.now();
    let Some(ticket) = app.secret.open_text(Purpose::SecondStep, &place.browser, ticket, now, SECOND_STEP) else {
        return Ok(None);
    };
    let Some((holder, onward)) = ticket.text.split_once('\n') else { return Ok(None) };
    let (Ok(holder), onward) = (holder.parse::<Id>(), onward.to_owned()) else { return Ok(None) };
    app.store
        .read(move |tx| {
            let holder = account_holder::by_id(tx, &holder)?.filter(|holder| holder.closed_at.is_none());
            let Some(holder) = holder else { return Ok(None) };
            let ways = account_holder::ways(tx, &holder)?;
            let person = LoggedIn { holder: holder.id, name: holder.name };
            Ok::<_, Error>(Some(Pending { person, onward: onward.clone(), ways }))
        })
        .await
}

/// The second proof, by a recovery code: the token of the session.
///
/// # Errors
/// [`Code::Unauthenticated`] for a code that is not theirs or was used, [`Code::TooManyRequests`].
pub async fn second_with_code(app: &App, pending: &Pending, code: &str, place: &Place) -> Result<String, Error> {
    let (now, holder) = (app.clock.now(), pending.person.holder);
    let attempt = Attempt::log_in(&pending.person.name, &place.neighbourhood);
    let counted = attempt.clone();
    app.store.write(Vec::new(), move |tx| counted.count(tx, now)).await?;
    let wrong = || Error::refused(Code::Unauthenticated, "this is none of your recovery codes, or it was used before");
    let hash = recovery::hash(&holder, code).ok_or_else(wrong)?;
    let new = NewSession::new(app, holder, Proof::PasswordAndCode, place);
    new.begin_if(
        app,
        attempt,
        move |tx| {
            if recovery_code::use_once(tx, &holder, &hash, now)? { Ok(()) } else { Err(wrong()) }
        },
    )
    .await
}

/// The second proof, by a passkey: the token of the session.
///
/// # Errors
/// [`Code::Unauthenticated`] for what is no proof by one of their passkeys, [`Code::TooManyRequests`].
pub async fn second_with_passkey(
    app: &App,
    pending: &Pending,
    answer: &Assertion,
    place: &Place,
) -> Result<String, Error> {
    let attempt = Attempt::log_in(&pending.person.name, &place.neighbourhood);
    let (counted, now) = (attempt.clone(), app.clock.now());
    app.store.write(Vec::new(), move |tx| counted.count(tx, now)).await?;
    let checked = passkeys::check(app, place, Some(pending.person.holder), answer).await?;
    let new = NewSession::new(app, pending.person.holder, Proof::PasswordAndPasskey, place);
    new.begin_if(app, attempt, move |tx| checked.use_up(tx)).await
}

/// Logs in by a passkey alone, whose device has checked who used it: the token of the session.
///
/// # Errors
/// [`Code::Unauthenticated`] for what is no proof, [`Code::TooManyRequests`].
pub async fn log_in_with_passkey(app: &App, answer: &Assertion, place: &Place) -> Result<String, Error> {
    require_built_in(app)?;
    let attempt = Attempt::unnamed(&place.neighbourhood);
    let (counted, now) = (attempt.clone(), app.clock.now());
    app.store.write(Vec::new(), move |tx| counted.count(tx, now)).await?;
    let checked = passkeys::check(app, place, None, answer).await?;
    let new = NewSession::new(app, checked.holder(), Proof::Passkey, place);
    new.begin_if(app, attempt, move |tx| checked.use_up(tx)).await
}

/// A session that is about to begin.
#[derive(Clone)]
pub(crate) struct NewSession {
    token: String,
    session: Session,
}

impl NewSession {
    pub(crate) fn new(app: &App, holder: Id, proof: Proof, place: &Place) -> Self {
        let now = app.clock.now();
        let short = |text: &str| text.chars().filter(|c| !c.is_control()).take(PLACE_LENGTH_MAX).collect::<String>();
        let session = Session {
            id: app.new_id(now),
            holder,
            proof,
            agent: short(&place.agent),
            address: place.address.as_deref().map(short),
            created_at: now,
            authenticated_at: now,
            seen_at: now,
            expires_at: now.saturating_add(app.config.session_lifetime).unwrap_or(now),
        };
        Self { token: new_token(app), session }
    }

    /// Writes it down.
    pub(crate) fn insert(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        Ok(session::insert(tx, &TokenHash::of(&self.token), &self.session)?)
    }

    /// The secret that the browser keeps.
    pub(crate) fn into_token(self) -> String {
        self.token
    }

    async fn begin(self, app: &App, attempt: Attempt) -> Result<String, Error> {
        self.begin_if(app, attempt, |_| Ok(())).await
    }

    /// Begins it, once `proven` has used up what was proven with. Then the attempt was no failure.
    pub(crate) async fn begin_if(
        self,
        app: &App,
        attempt: Attempt,
        mut proven: impl FnMut(&mut Tx<'_>) -> Result<(), Error> + Send + 'static,
    ) -> Result<String, Error> {
        let new = self.clone();
        app.store
            .write(Vec::new(), move |tx| {
                proven(tx)?;
                let holder = account_holder::by_id(tx, &new.session.holder)?;
                if holder.is_none_or(|holder| holder.closed_at.is_some()) {
                    return Err(Error::refused(Code::Unauthenticated, "this account is closed"));
                }
                attempt.succeed(tx)?;
                new.insert(tx)
            })
            .await?;
        Ok(self.token)
    }
}

pub(crate) fn new_token(app: &App) -> String {
    URL_SAFE_NO_PAD.encode(app.random.bytes::<32>())
}

/// Who has the session of this cookie.
///
/// # Errors
/// When the database fails.
pub async fn who(app: &App, token: &str) -> Result<Option<LoggedIn>, Error> {
    Ok(here(app, token).await?.map(|here| here.person))
}

/// The session of this cookie, and whose it is.
///
/// # Errors
/// When the database fails.
pub async fn here(app: &App, token: &str) -> Result<Option<Here>, Error> {
    let (hash, now) = (TokenHash::of(token), app.clock.now());
    let found = app.store.read(move |tx| session::find(tx, &hash, now).map_err(Error::from)).await?;
    let Some((session, holder)) = found else { return Ok(None) };
    if now.duration_since(session.seen_at) >= SEEN_NOTED_EVERY {
        let id = session.id;
        app.store.write(Vec::new(), move |tx| session::set_seen(tx, &id, now).map_err(Error::from)).await?;
    }
    let AccountHolder { id, name, display_name, time_zone, locale, .. } = holder;
    Ok(Some(Here { person: LoggedIn { holder: id, name }, display_name, time_zone, locale, session }))
}

/// What somebody who is logged in proves themselves with once more.
#[derive(Debug, Clone)]
pub enum Confirmation {
    /// Their password, and a recovery code where a password alone is not enough.
    Password {
        /// The password.
        password: String,
        /// The code; empty if none was given.
        code: String,
    },
    /// A passkey.
    Passkey(Assertion),
}

/// Takes a new proof of who somebody is; the new token of their session. The old one is worth nothing any more.
///
/// # Errors
/// [`Code::Unauthenticated`] when it is none, [`Code::TooManyRequests`] after too many failures.
pub async fn confirm(app: &App, here: &Here, token: &str, given: Confirmation, place: &Place) -> Result<String, Error> {
    require_built_in(app)?;
    let (now, holder) = (app.clock.now(), here.person.holder);
    let attempt = Attempt::log_in(&here.person.name, &place.neighbourhood);
    let counted = attempt.clone();
    let (hash, ways) = app
        .store
        .write(Vec::new(), move |tx| {
            counted.count(tx, now)?;
            let known = account_holder::by_id(tx, &holder)?.ok_or_else(|| Error::not_found("account"))?;
            Ok::<_, Error>((password::hash(tx, &holder)?, account_holder::ways(tx, &known)?))
        })
        .await?;
    match given {
        Confirmation::Password { password, code } => {
            let right = hash.is_some() && matches(app, &password, hash.as_deref().unwrap_or(NOBODY)).await;
            let wrong = || Error::refused(Code::Unauthenticated, "this is not your password");
            if !right {
                return Err(wrong());
            }
            if ways.after_password() == Next::In {
                return renew(app, here, token, Proof::Password, attempt, |_| Ok(())).await;
            }
            let wrong = || Error::refused(Code::Unauthenticated, "this is none of your recovery codes, or it was used");
            let hash = recovery::hash(&holder, &code).ok_or_else(wrong)?;
            renew(app, here, token, Proof::PasswordAndCode, attempt, move |tx| {
                if recovery_code::use_once(tx, &holder, &hash, now)? { Ok(()) } else { Err(wrong()) }
            })
            .await
        }
        Confirmation::Passkey(answer) => {
            let checked = passkeys::check(app, place, Some(holder), &answer).await?;
            renew(app, here, token, Proof::Passkey, attempt, move |tx| checked.use_up(tx)).await
        }
    }
}

/// Notes a new proof and gives the session a new token.
pub(crate) async fn renew(
    app: &App,
    here: &Here,
    token: &str,
    proof: Proof,
    attempt: Attempt,
    mut proven: impl FnMut(&mut Tx<'_>) -> Result<(), Error> + Send + 'static,
) -> Result<String, Error> {
    let (new, before, id, now) = (new_token(app), TokenHash::of(token), here.session.id, app.clock.now());
    let after = TokenHash::of(&new);
    app.store
        .write(Vec::new(), move |tx| {
            // It may have ended, or been renewed in another tab, meanwhile.
            if session::find(tx, &before, now)?.is_none() {
                return Err(Error::refused(Code::LogInAgain, "your session has ended: please log in again"));
            }
            proven(tx)?;
            attempt.succeed(tx)?;
            Ok::<_, Error>(session::renew(tx, &id, &before, &after, proof, now)?)
        })
        .await?;
    Ok(new)
}

/// Ends a session.
///
/// # Errors
/// When the database fails.
pub async fn log_out(app: &App, token: &str) -> Result<(), Error> {
    let hash = TokenHash::of(token);
    app.store.write(Vec::new(), move |tx| session::delete(tx, &hash).map_err(Error::from)).await
}

/// A fresh value for the cookie that binds forms to a browser.
pub fn new_browser(app: &App) -> String {
    URL_SAFE_NO_PAD.encode(app.random.bytes::<16>())
}

/// The token that forms carry for the browser with this cookie.
pub fn form_token(app: &App, browser: &str) -> String {
    app.secret.derive_text(Purpose::FormToken, browser.as_bytes())
}

/// Whether a posted form was made by us for this browser.
pub fn is_our_form(app: &App, browser: &str, token: &str) -> bool {
    app.secret.matches(Purpose::FormToken, browser.as_bytes(), token)
}
