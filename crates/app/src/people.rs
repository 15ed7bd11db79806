//! What account holders do about themselves: signing up, their profile, password, recovery codes and sessions, and closing
//! their account.

use crate::accounts::{self, NewAccount};
use crate::attempts::Attempt;
use crate::login::{self, Here, NewSession, Place};
use crate::{App, Error};
use bursar_core::person;
pub use bursar_core::person::{Next, Proof, Ways};
use bursar_core::{Code, Id, TokenHash, recovery};
use bursar_store::identity::{self, Identity};
use bursar_store::session::{self, Session};
use bursar_store::{LockKey, Tx, account_holder, password, recovery_code};
use bursar_types::Asset;
use jiff::Timestamp;

/// Most sessions that are listed.
const SESSIONS_LISTED_MAX: u64 = 100;
/// Longest name of a time zone or locale.
const TAG_LENGTH_MAX: usize = 64;

/// Somebody who wants an account.
#[derive(Clone)]
pub struct SignUp {
    /// The name to log in with, and the last part of the wallet address.
    pub name: String,
    /// The name shown to others; empty for none.
    pub public_name: String,
    /// The password.
    pub password: String,
    /// The asset of the account.
    pub asset: Asset,
}

/// Opens an account for a stranger, who is logged in with it: the token of the session.
///
/// # Errors
/// Not found where nobody signs up by themselves; [`Code::InvalidResourceRequest`] for a name, password or asset that
/// cannot be used; [`Code::Conflict`] when the name is taken; [`Code::TooManyRequests`].
pub async fn sign_up(app: &App, new: SignUp, place: &Place) -> Result<String, Error> {
    if app.config.sign_up.is_empty() || !app.config.has_built_in_log_in {
        return Err(Error::refused(Code::NotFound, "accounts are opened by us, not by signing up here"));
    }
    let invalid = |text: &'static str| Error::refused(Code::InvalidResourceRequest, text);
    person::check_chosen_name(&new.name)?;
    person::check_shown_name(&new.public_name)?;
    person::check_new_password(&new.password, &new.name)?;
    if !app.config.sign_up.contains(&new.asset) {
        return Err(invalid("accounts of this currency are not opened here"));
    }
    let (attempt, now) = (Attempt::sign_up(&place.neighbourhood), app.clock.now());
    app.store.write(Vec::new(), move |tx| attempt.count(tx, now)).await?;
    let account = NewAccount {
        name: new.name,
        wallet_address: None,
        public_name: Some(new.public_name).filter(|name| !name.is_empty()),
        asset: new.asset,
        balance: 0,
        password: new.password,
    };
    let opening = accounts::Opening::with_password(app, account).await?;
    let session = NewSession::new(app, opening.holder(), Proof::Password, place);
    let begun = session.clone();
    accounts::open(app, opening, move |tx| begun.insert(tx)).await?;
    Ok(session.into_token())
}

/// What an account page shows.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The ways in.
    pub ways: Ways,
    /// When the password was last changed.
    pub password_changed_at: Option<Timestamp>,
    /// When the recovery codes were made.
    pub codes_made_at: Option<Timestamp>,
    /// The identities at other providers.
    pub identities: Vec<Identity>,
    /// Since when they are known.
    pub created_at: Timestamp,
}

/// What an account page shows.
///
/// # Errors
/// When the database fails.
pub async fn overview(app: &App, here: &Here) -> Result<Overview, Error> {
    let holder = here.person.holder;
    app.store
        .read(move |tx| {
            let known = account_holder::by_id(tx, &holder)?.ok_or_else(|| Error::not_found("account"))?;
            Ok::<_, Error>(Overview {
                ways: account_holder::ways(tx, &known)?,
                password_changed_at: password::changed_at(tx, &holder)?,
                codes_made_at: recovery_code::made_at(tx, &holder)?,
                identities: identity::of_holder(tx, &holder)?,
                created_at: known.created_at,
            })
        })
        .await
}

/// What somebody may choose about themselves. Empty text is no choice.
#[derive(Debug, Clone, Default)]
pub struct Profile {
    /// What they want to be called.
    pub display_name: String,
    /// The time zone in which they want to read times.
    pub time_zone: String,
    /// The locale in which they want to read amounts and times.
    pub locale: String,
}

/// Sets what somebody has chosen about themselves.
///
/// # Errors
/// [`Code::InvalidResourceRequest`].
pub async fn set_profile(app: &App, here: &Here, profile: Profile) -> Result<(), Error> {
    person::check_shown_name(&profile.display_name)?;
    let is_tag = |text: &str| {
        text.len() <= TAG_LENGTH_MAX
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'))
    };
    if !is_tag(&profile.time_zone) || !is_tag(&profile.locale) {
        return Err(Error::refused(Code::InvalidResourceRequest, "there is no such time zone or language"));
    }
    let holder = here.person.holder;
    app.store
        .write(Vec::new(), move |tx| {
            let chosen = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            let (name, zone, locale) =
                (chosen(&profile.display_name), chosen(&profile.time_zone), chosen(&profile.locale));
            require_open(tx, &holder)?;
            Ok(account_holder::set_profile(tx, &holder, name.as_deref(), zone.as_deref(), locale.as_deref())?)
        })
        .await
}

fn require_open(tx: &mut Tx<'_>, holder: &Id) -> Result<account_holder::AccountHolder, Error> {
    account_holder::by_id(tx, holder)?
        .filter(|holder| holder.closed_at.is_none())
        .ok_or_else(|| Error::refused(Code::LogInAgain, "your session has ended: please log in again"))
}

/// Changes the password, or sets the first one. All other sessions end, and this one gets a new token.
///
/// # Errors
/// [`Code::Unauthenticated`] for a wrong present password; [`Code::LogInAgain`]; [`Code::InvalidResourceRequest`] for a
/// new one that cannot be used; [`Code::TooManyRequests`].
pub async fn change_password(
    app: &App,
    here: &Here,
    token: &str,
    present: &str,
    new: &str,
    place: &Place,
) -> Result<String, Error> {
    login::require_built_in(app)?;
    person::check_new_password(new, &here.person.name)?;
    let (holder, now) = (here.person.holder, app.clock.now());
    let attempt = Attempt::log_in(&here.person.name, &place.neighbourhood);
    let (counted, is_asked) = (attempt.clone(), !present.is_empty());
    let (before, ways) = app
        .store
        .write(Vec::new(), move |tx| {
            if is_asked {
                counted.count(tx, now)?;
            }
            let known = require_open(tx, &holder)?;
            Ok::<_, Error>((password::hash(tx, &holder)?, account_holder::ways(tx, &known)?))
        })
        .await?;
    let right = match &before {
        Some(hash) if is_asked => Some(login::matches(app, present, hash).await),
        _ => None,
    };
    person::check_password_change(&ways, right, here.session.proof, here.is_fresh(now))?;
    let hash = accounts::hash_password(app, new.to_owned()).await?;
    let (id, proof) = (here.session.id, here.session.proof);
    let renewed = login::renew(app, here, token, proof, attempt, move |tx| {
        if password::hash(tx, &holder)? != before {
            return Err(Error::refused(Code::Conflict, "the password was changed elsewhere just now"));
        }
        password::set(tx, &holder, before.as_deref(), &hash, now)?;
        session::delete_others(tx, &holder, Some(&id))?;
        Ok(())
    });
    renewed.await
}

/// Does without a password from now on. All other sessions end.
///
/// # Errors
/// [`Code::LogInAgain`]; [`Code::Conflict`] when there is no other way in.
pub async fn remove_password(app: &App, here: &Here) -> Result<(), Error> {
    here.require_fresh(app)?;
    let (holder, id, built_in) = (here.person.holder, here.session.id, app.config.has_built_in_log_in);
    app.store
        .write(vec![LockKey::of(&holder)], move |tx| {
            let known = require_open(tx, &holder)?;
            Ways { has_password: false, ..account_holder::ways(tx, &known)? }.check_left(built_in)?;
            password::delete(tx, &holder)?;
            session::delete_others(tx, &holder, Some(&id))?;
            Ok::<_, Error>(())
        })
        .await
}

/// Makes new recovery codes, which are shown this once. Those there were are worth nothing any more.
///
/// # Errors
/// [`Code::LogInAgain`].
pub async fn new_codes(app: &App, here: &Here) -> Result<Vec<String>, Error> {
    login::require_built_in(app)?;
    here.require_fresh(app)?;
    let (holder, now) = (here.person.holder, app.clock.now());
    let codes: Vec<String> = (0..recovery::CODES).map(|_| recovery::code(app.random.bytes())).collect();
    let hashes: Option<Vec<TokenHash>> = codes.iter().map(|code| recovery::hash(&holder, code)).collect();
    let hashes = hashes.ok_or_else(|| Error::Internal("a recovery code that cannot be read".to_owned()))?;
    app.store
        .write(vec![LockKey::of(&holder)], move |tx| {
            require_open(tx, &holder)?;
            Ok::<_, Error>(recovery_code::replace_all(tx, &holder, &hashes, now)?)
        })
        .await?;
    Ok(codes)
}

/// Decides whether a password alone is enough.
///
/// # Errors
/// [`Code::LogInAgain`]; [`Code::Conflict`] when there is nothing else to ask for, or no way back if it is lost.
pub async fn set_second(app: &App, here: &Here, wanted: bool) -> Result<(), Error> {
    login::require_built_in(app)?;
    here.require_fresh(app)?;
    let (holder, now) = (here.person.holder, app.clock.now());
    app.store
        .write(vec![LockKey::of(&holder)], move |tx| {
            let known = require_open(tx, &holder)?;
            let ways = account_holder::ways(tx, &known)?;
            if wanted && ways.passkeys == 0 {
                return Err(Error::refused(Code::Conflict, "add a passkey first: it is what you will be asked for"));
            }
            if wanted && ways.codes == 0 {
                let text = "make recovery codes first: without them, a lost passkey would lock you out";
                return Err(Error::refused(Code::Conflict, text));
            }
            Ok(account_holder::set_second(tx, &holder, wanted.then_some(now))?)
        })
        .await
}

/// Where somebody is logged in, newest first.
///
/// # Errors
/// When the database fails.
pub async fn sessions(app: &App, here: &Here) -> Result<Vec<Session>, Error> {
    let (holder, now) = (here.person.holder, app.clock.now());
    app.store.read(move |tx| session::of_holder(tx, &holder, now, SESSIONS_LISTED_MAX).map_err(Error::from)).await
}

/// Ends one of somebody's sessions.
///
/// # Errors
/// Not found.
pub async fn end_session(app: &App, here: &Here, id: Id) -> Result<(), Error> {
    let holder = here.person.holder;
    let ended = app.store.write(Vec::new(), move |tx| session::delete_one(tx, &holder, &id).map_err(Error::from));
    if ended.await? { Ok(()) } else { Err(Error::not_found("session: it may have ended already")) }
}

/// Ends all of somebody's sessions but this one, or this one as well; how many.
///
/// # Errors
/// When the database fails.
pub async fn end_sessions(app: &App, here: &Here, also_here: bool) -> Result<u64, Error> {
    let (holder, id) = (here.person.holder, here.session.id);
    let but = (!also_here).then_some(id);
    app.store.write(Vec::new(), move |tx| session::delete_others(tx, &holder, but.as_ref()).map_err(Error::from)).await
}

/// Unlinks an identity at another provider.
///
/// # Errors
/// [`Code::LogInAgain`]; not found; [`Code::Conflict`] when nobody could log in any more.
pub async fn unlink(app: &App, here: &Here, id: Id) -> Result<(), Error> {
    here.require_fresh(app)?;
    let (holder, built_in) = (here.person.holder, app.config.has_built_in_log_in);
    app.store
        .write(vec![LockKey::of(&holder)], move |tx| {
            let known = require_open(tx, &holder)?;
            if !identity::of_holder(tx, &holder)?.iter().any(|identity| identity.id == id) {
                return Err(Error::not_found("identity"));
            }
            let mut ways = account_holder::ways(tx, &known)?;
            ways.identities = ways.identities.saturating_sub(1);
            ways.check_left(built_in)?;
            if identity::delete(tx, &holder, &id)? { Ok(()) } else { Err(Error::not_found("identity")) }
        })
        .await
}
