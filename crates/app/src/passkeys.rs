//! Passkeys: adding them, proving oneself with them, and looking after them.
//!
//! Their challenges are tickets (`bursar_core::ticket`): the page that asks holds one, for this browser and a few minutes,
//! and only its use is written down.

use crate::login::{Here, Place};
use crate::{App, Error};
use bursar_core::passkey::{self, Invalid, RelyingParty};
pub use bursar_core::passkey::{ALGORITHMS, Assertion, Registration};
use bursar_core::secret::Purpose;
use bursar_core::ticket::Ticket;
use bursar_core::{Code, Id, person};
use bursar_store::passkey::{self as stored, Passkey};
use bursar_store::{LockKey, Tx, account_holder, nonce};
use jiff::{SignedDuration, Timestamp};

/// How long a challenge may be answered.
const ANSWERED_WITHIN: SignedDuration = SignedDuration::from_mins(10);
/// Most characters of what a passkey is called.
const LABEL_LENGTH_MAX: usize = 60;

/// The challenge for whoever logs in in this browser, or for this account holder.
pub fn challenge(app: &App, place: &Place, holder: Option<Id>) -> Vec<u8> {
    let (_, id) = app.now_and_id();
    app.secret.seal(Purpose::PasskeyAssertion, &place.browser, &id, &owner(holder))
}

fn owner(holder: Option<Id>) -> String {
    holder.map(|holder| holder.to_string()).unwrap_or_default()
}

fn relying_party(app: &App) -> Result<RelyingParty<'_>, Error> {
    let id = app.config.passkey_host();
    let id = id.ok_or_else(|| Error::refused(Code::NotFound, "there are no passkeys at this address"))?;
    Ok(RelyingParty { id, origin: &app.config.public_url })
}

fn unproven(error: Invalid) -> Error {
    Error::refused(Code::Unauthenticated, error.to_string())
}

/// A challenge of ours that has been answered, to be used up.
fn open(app: &App, purpose: Purpose, place: &Place, owner: &str, client_data: &[u8]) -> Result<Ticket, Error> {
    let challenge = passkey::challenge(client_data).ok_or_else(|| unproven(Invalid::Unreadable))?;
    let ticket = app.secret.open(purpose, &place.browser, &challenge, app.clock.now(), ANSWERED_WITHIN);
    let over = "this took too long, or the page was out of date: please try again";
    ticket.filter(|ticket| ticket.text == owner).ok_or_else(|| Error::refused(Code::Unauthenticated, over))
}

/// Accepts a ticket once.
pub(crate) fn use_up(tx: &mut Tx<'_>, ticket: &Ticket, purpose: Purpose, until: Timestamp) -> Result<(), Error> {
    if nonce::use_once(tx, ticket.hash(purpose).as_bytes(), until)? {
        return Ok(());
    }
    Err(Error::refused(Code::Unauthenticated, "this was done once already: please begin again"))
}

/// Until when it must be known that a ticket was used: for longer than it is accepted. Notes of what was used are
/// forgotten by the callers' clocks.
pub(crate) fn remembered_until(app: &App) -> Timestamp {
    let now = Timestamp::from_second(app.clock.wire_seconds()).unwrap_or(Timestamp::MIN);
    now.saturating_add(ANSWERED_WITHIN + SignedDuration::from_mins(2)).unwrap_or(Timestamp::MAX)
}

/// A proof by a passkey that holds, and has yet to be used up.
#[derive(Clone)]
pub(crate) struct Checked {
    passkey: Passkey,
    sign_count: u32,
    ticket: Ticket,
    now: Timestamp,
    remembered_until: Timestamp,
}

impl Checked {
    /// Whose passkey it is.
    pub(crate) fn holder(&self) -> Id {
        self.passkey.holder
    }

    /// Uses the proof up: it is worth nothing a second time.
    pub(crate) fn use_up(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        use_up(tx, &self.ticket, Purpose::PasskeyAssertion, self.remembered_until)?;
        let gone = || Error::refused(Code::Unauthenticated, "this passkey was removed or used elsewhere: try again");
        let current = stored::by_credential(tx, &self.passkey.credential_id)?.ok_or_else(gone)?;
        if current.sign_count != self.passkey.sign_count || current.id != self.passkey.id {
            return Err(gone());
        }
        Ok(stored::set_used(tx, &current, self.sign_count, self.now)?)
    }
}

/// Checks a proof by a passkey, of this account holder if one is named.
pub(crate) async fn check(app: &App, place: &Place, holder: Option<Id>, answer: &Assertion) -> Result<Checked, Error> {
    let party = relying_party(app)?;
    let ticket = open(app, Purpose::PasskeyAssertion, place, &owner(holder), &answer.client_data)?;
    let credential = answer.credential_id.clone();
    let found = app.store.read(move |tx| stored::by_credential(tx, &credential).map_err(Error::from)).await?;
    let unknown = || Error::refused(Code::Unauthenticated, "this passkey is not known here: it may have been removed");
    let passkey = found.filter(|passkey| holder.is_none_or(|holder| holder == passkey.holder)).ok_or_else(unknown)?;
    // Web Authentication §7.2, step 6: whom the device says that it is must be whose passkey it is.
    let says = answer.user_handle.as_deref().filter(|says| !says.is_empty());
    if says.is_some_and(|says| says != passkey.holder.as_bytes()) || (says.is_none() && holder.is_none()) {
        return Err(unknown());
    }
    let sign_count = passkey::prove(party, answer, &passkey.public_key, passkey.sign_count).map_err(unproven)?;
    Ok(Checked { passkey, sign_count, ticket, now: app.clock.now(), remembered_until: remembered_until(app) })
}

/// What a page needs to have a passkey made.
#[derive(Debug, Clone)]
pub struct Creation {
    /// The challenge.
    pub challenge: Vec<u8>,
    /// The host name that it will belong to.
    pub host: String,
    /// The ids of the passkeys that are there already, so that no device makes a second one.
    pub known: Vec<Vec<u8>>,
}

/// Begins to add a passkey.
///
/// # Errors
/// [`Code::LogInAgain`]; not found, where browsers have no passkeys; [`Code::Conflict`] when there are too many.
pub async fn begin(app: &App, here: &Here, place: &Place) -> Result<Creation, Error> {
    crate::login::require_built_in(app)?;
    here.require_fresh(app)?;
    let host = relying_party(app)?.id.to_owned();
    let holder = here.person.holder;
    let known = app.store.read(move |tx| stored::of_holder(tx, &holder).map_err(Error::from)).await?;
    require_room(known.len())?;
    let (_, id) = app.now_and_id();
    let challenge = app.secret.seal(Purpose::PasskeyRegistration, &place.browser, &id, &owner(Some(holder)));
    Ok(Creation { challenge, host, known: known.into_iter().map(|passkey| passkey.credential_id).collect() })
}

fn require_room(passkeys: usize) -> Result<(), Error> {
    if passkeys < person::PASSKEYS_MAX {
        return Ok(());
    }
    Err(Error::refused(Code::Conflict, format!("there are {passkeys} passkeys already: remove one first")))
}

/// Adds a passkey.
///
/// # Errors
/// [`Code::LogInAgain`]; [`Code::Unauthenticated`] for an answer that is none; [`Code::Conflict`] when it is there
/// already or there are too many.
pub async fn add(app: &App, here: &Here, answer: &Registration, label: &str, place: &Place) -> Result<(), Error> {
    crate::login::require_built_in(app)?;
    here.require_fresh(app)?;
    let holder = here.person.holder;
    let ticket = open(app, Purpose::PasskeyRegistration, place, &owner(Some(holder)), &answer.client_data)?;
    let new = passkey::register(relying_party(app)?, answer).map_err(unproven)?;
    let label = clean_label(label);
    let (now, id) = app.now_and_id();
    let passkey = Passkey {
        id,
        holder,
        credential_id: new.credential_id,
        public_key: new.public_key,
        sign_count: new.sign_count,
        label,
        created_at: now,
        used_at: None,
    };
    let until = remembered_until(app);
    let added = app
        .store
        .write(vec![LockKey::of(&holder)], move |tx| {
            use_up(tx, &ticket, Purpose::PasskeyRegistration, until)?;
            require_room(stored::of_holder(tx, &holder)?.len())?;
            Ok::<_, Error>(stored::insert(tx, &passkey)?)
        })
        .await;
    match added {
        Err(Error::Store(bursar_store::Error::Unique(_))) => {
            Err(Error::refused(Code::Conflict, "this passkey was added before"))
        }
        added => added,
    }
}

/// What a passkey is called; something, even if nothing was said.
fn clean_label(label: &str) -> String {
    let label: String = label.trim().chars().filter(|c| !c.is_control()).take(LABEL_LENGTH_MAX).collect();
    if label.is_empty() { "Passkey".to_owned() } else { label }
}

/// Somebody's passkeys, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(app: &App, holder: Id) -> Result<Vec<Passkey>, Error> {
    app.store.read(move |tx| stored::of_holder(tx, &holder).map_err(Error::from)).await
}

/// Calls a passkey something else.
///
/// # Errors
/// Not found.
pub async fn rename(app: &App, here: &Here, id: Id, label: &str) -> Result<(), Error> {
    let (holder, label) = (here.person.holder, clean_label(label));
    let done = app.store.write(Vec::new(), move |tx| stored::rename(tx, &holder, &id, &label).map_err(Error::from));
    if done.await? { Ok(()) } else { Err(Error::not_found("passkey")) }
}

/// Removes a passkey. With the last one, the second proof goes as well: there would be nothing to give.
///
/// # Errors
/// [`Code::LogInAgain`]; not found; [`Code::Conflict`] when nobody could log in any more.
pub async fn remove(app: &App, here: &Here, id: Id) -> Result<(), Error> {
    here.require_fresh(app)?;
    let (holder, built_in) = (here.person.holder, app.config.has_built_in_log_in);
    app.store
        .write(vec![LockKey::of(&holder)], move |tx| {
            let known = account_holder::by_id(tx, &holder)?.ok_or_else(|| Error::not_found("account"))?;
            let mut ways = account_holder::ways(tx, &known)?;
            if !stored::of_holder(tx, &holder)?.iter().any(|passkey| passkey.id == id) {
                return Err(Error::not_found("passkey"));
            }
            ways.passkeys = ways.passkeys.saturating_sub(1);
            ways.check_left(built_in)?;
            if !stored::delete(tx, &holder, &id)? {
                return Err(Error::not_found("passkey"));
            }
            if ways.passkeys == 0 && ways.needs_second {
                account_holder::set_second(tx, &holder, None)?;
            }
            Ok(())
        })
        .await
}
