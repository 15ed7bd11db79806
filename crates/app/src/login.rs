//! Log-in of account holders: the built-in identity provider.

use crate::accounts::verify_password;
use crate::{App, Error};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bursar_core::secret::Purpose;
use bursar_core::{Code, Id, Refusal, TokenHash};
use bursar_store::{account_holder, session};
use jiff::{SignedDuration, Timestamp};

/// Failed attempts on one name before it has to wait.
const FAILURES_PER_NAME_MAX: u64 = 5;
/// Failed attempts from one address before it has to wait.
const FAILURES_PER_ADDRESS_MAX: u64 = 30;
/// How long attempts are counted together.
const FAILURES_COUNTED_FOR: SignedDuration = SignedDuration::from_mins(15);
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

/// Checks name and password, and begins a session; its token for the cookie. Attempts are counted by name and, if it
/// is known, by the address that they come from.
///
/// # Errors
/// [`Code::Unauthenticated`] when they do not fit, [`Code::TooManyRequests`] after too many failures.
pub async fn log_in(app: &App, name: &str, password: &str, address: &str) -> Result<String, Error> {
    let now = app.clock.now();
    let since = now - FAILURES_COUNTED_FOR;
    let mut subjects = vec![(format!("name:{name}"), FAILURES_PER_NAME_MAX)];
    if !address.is_empty() {
        subjects.push((format!("address:{address}"), FAILURES_PER_ADDRESS_MAX));
    }
    let (wanted, checked) = (name.to_owned(), subjects.clone());
    // Every attempt counts as failed until it has succeeded, so that many at once get no further than one by one.
    let holder = app
        .store
        .write(Vec::new(), move |tx| {
            for (subject, most) in &checked {
                if session::failures(tx, subject, since)? >= *most {
                    let began = session::failing_since(tx, subject, since)?.unwrap_or(now);
                    return Err(wait_until(began.saturating_add(FAILURES_COUNTED_FOR).unwrap_or(now), now).into());
                }
                session::count_failure(tx, subject, since, now)?;
            }
            account_holder::by_name(tx, &wanted).map_err(Error::from)
        })
        .await?;
    let hash = holder.as_ref().map_or(NOBODY, |holder| holder.password_hash.as_str());
    let right = verify_password(app, password.chars().take(200).collect(), hash.to_owned()).await;
    let Some(holder) = holder.filter(|_| right) else {
        return Err(Error::refused(Code::Unauthenticated, "name and password do not fit together"));
    };
    let token = URL_SAFE_NO_PAD.encode(app.random.bytes::<32>());
    let hash = TokenHash::of(&token);
    let until = now.saturating_add(app.config.session_lifetime).unwrap_or(now);
    app.store
        .write(Vec::new(), move |tx| {
            for (subject, _) in &subjects {
                session::uncount_failure(tx, subject)?;
            }
            session::forget_failures(tx, &subjects[0].0)?;
            session::insert(tx, &hash, &holder.id, now, until).map_err(Error::from)
        })
        .await?;
    Ok(token)
}

/// The refusal after too many failures, until their count begins anew.
fn wait_until(until: Timestamp, now: Timestamp) -> Refusal {
    let left = until.duration_since(now);
    let seconds = left.as_secs() + i64::from(left.subsec_nanos() > 0);
    let seconds = u32::try_from(seconds).unwrap_or(0).max(1);
    let minutes = seconds.div_ceil(60);
    let text = match minutes {
        1 => "too many failed attempts: wait a minute, then try again".to_owned(),
        _ => format!("too many failed attempts: wait {minutes} minutes, then try again"),
    };
    Refusal::new(Code::TooManyRequests, text).retry_after(seconds)
}

/// Who has the session of this cookie.
///
/// # Errors
/// When the database fails.
pub async fn who(app: &App, token: &str) -> Result<Option<LoggedIn>, Error> {
    let (hash, now) = (TokenHash::of(token), app.clock.now());
    let holder = app.store.read(move |tx| session::holder(tx, &hash, now).map_err(Error::from)).await?;
    Ok(holder.map(|holder| LoggedIn { holder: holder.id, name: holder.name }))
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
