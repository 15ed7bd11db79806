//! How often somebody has tried to get in, or to get an account, lately.
//!
//! Every way in counts for the same name and the same address: passwords, second proofs and recovery codes together.

use crate::Error;
use bursar_core::{Code, Refusal};
use bursar_store::{Tx, session};
use jiff::{SignedDuration, Timestamp};

/// Failed attempts on one name before it has to wait.
const FAILURES_PER_NAME_MAX: u64 = 5;
/// Failed attempts from one address before it has to wait.
const FAILURES_PER_ADDRESS_MAX: u64 = 30;
/// Accounts that strangers ask for from one address before it has to wait.
const SIGN_UPS_PER_ADDRESS_MAX: u64 = 10;
/// Accounts that strangers ask for in all before everybody has to wait.
const SIGN_UPS_MAX: u64 = 300;
/// How long attempts are counted together.
pub(crate) const COUNTED_FOR: SignedDuration = SignedDuration::from_mins(15);

/// An attempt: what it counts for.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// Counted subjects, and how many attempts each has.
    subjects: Vec<(String, u64)>,
    what: &'static str,
}

impl Attempt {
    /// To log in as somebody; `address` is empty if it is not known.
    pub(crate) fn log_in(name: &str, address: &str) -> Self {
        let mut subjects = vec![(format!("name:{name}"), FAILURES_PER_NAME_MAX)];
        subjects.extend(by_address("address", address, FAILURES_PER_ADDRESS_MAX));
        Self { subjects, what: "failed attempts" }
    }

    /// To log in, before it is known as whom, with something that nobody guesses.
    pub(crate) fn unnamed(address: &str) -> Self {
        Self { subjects: by_address("address", address, FAILURES_PER_ADDRESS_MAX), what: "failed attempts" }
    }

    /// To get an account.
    pub(crate) fn sign_up(address: &str) -> Self {
        let mut subjects = vec![("sign-up".to_owned(), SIGN_UPS_MAX)];
        subjects.extend(by_address("sign-up", address, SIGN_UPS_PER_ADDRESS_MAX));
        Self { subjects, what: "new accounts" }
    }

    /// Counts it as failed until it has succeeded, so that many at once get no further than one by one.
    ///
    /// # Errors
    /// [`Code::TooManyRequests`] with the time to wait; then nothing is counted.
    pub(crate) fn count(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<(), Error> {
        let since = now - COUNTED_FOR;
        for (subject, most) in &self.subjects {
            if session::failures(tx, subject, since)? >= *most {
                let began = session::failing_since(tx, subject, since)?.unwrap_or(now);
                let until = began.saturating_add(COUNTED_FOR).unwrap_or(now);
                return Err(wait_until(self.what, until, now).into());
            }
        }
        for (subject, _) in &self.subjects {
            session::count_failure(tx, subject, since, now)?;
        }
        Ok(())
    }

    /// It was no failure, though they are not in yet.
    pub(crate) fn take_back(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        for (subject, _) in &self.subjects {
            session::uncount_failure(tx, subject)?;
        }
        Ok(())
    }

    /// They are in: the failures of their name are forgotten.
    pub(crate) fn succeed(&self, tx: &mut Tx<'_>) -> Result<(), Error> {
        self.take_back(tx)?;
        if let Some((name, _)) = self.subjects.iter().find(|(subject, _)| subject.starts_with("name:")) {
            session::forget_failures(tx, name)?;
        }
        Ok(())
    }
}

fn by_address(kind: &str, address: &str, most: u64) -> Vec<(String, u64)> {
    if address.is_empty() { Vec::new() } else { vec![(format!("{kind}:{address}"), most)] }
}

/// The refusal after too many attempts, until their count begins anew.
fn wait_until(what: &str, until: Timestamp, now: Timestamp) -> Refusal {
    let left = until.duration_since(now);
    let seconds = left.as_secs() + i64::from(left.subsec_nanos() > 0);
    let seconds = u32::try_from(seconds).unwrap_or(0).max(1);
    let minutes = seconds.div_ceil(60);
    let text = match minutes {
        1 => format!("too many {what}: wait a minute, then try again"),
        _ => format!("too many {what}: wait {minutes} minutes, then try again"),
    };
    Refusal::new(Code::TooManyRequests, text).retry_after(seconds)
}
