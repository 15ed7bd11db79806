//! When keys of our wallet addresses last signed something, to about an hour.
//!
//! A verified signature is only noted in memory, and only the first in an hour: reads stay reads. The job that cleans up
//! ([`crate::jobs`]) writes down what is new, many keys in one transaction. What a node had noted and not written when it
//! stopped is lost, which is a minute's worth.

use crate::{App, Error, keys};
use bursar_core::access::ClientId;
use bursar_store::{Tx, wallet_key};
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use std::collections::HashMap;

/// How exact it is.
const EXACT_TO: SignedDuration = SignedDuration::from_hours(1);
/// Most wallet addresses whose keys are remembered. Those beyond have to wait until others are forgotten.
const ADDRESSES_MAX: usize = 10_000;
/// Most keys of one wallet address.
const KEYS_MAX: usize = 256;
/// Most keys that one transaction writes.
const KEYS_PER_WRITE: usize = 200;

/// When keys were last used, as far as this node knows.
#[derive(Default)]
pub struct KeyUses {
    /// By the wallet address's URL, then by the key's name.
    seen: Mutex<HashMap<String, HashMap<String, Use>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Use {
    at: Timestamp,
    is_written: bool,
}

/// A use that is to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Noted {
    url: String,
    kid: String,
    at: Timestamp,
}

impl KeyUses {
    fn note(&self, url: &str, kid: &str, now: Timestamp) {
        let mut seen = self.seen.lock();
        let is_fresh = |used: &Use| now.duration_since(used.at) < EXACT_TO;
        if seen.get(url).and_then(|keys| keys.get(kid)).is_some_and(is_fresh) {
            return;
        }
        if seen.len() >= ADDRESSES_MAX && !seen.contains_key(url) {
            seen.retain(|_, keys| keys.values().any(|used| !used.is_written || is_fresh(used)));
            if seen.len() >= ADDRESSES_MAX {
                return;
            }
        }
        let keys = seen.entry(url.to_owned()).or_default();
        if keys.len() < KEYS_MAX || keys.contains_key(kid) {
            keys.insert(kid.to_owned(), Use { at: now, is_written: false });
        }
    }

    /// When this node last saw the key used, to about an hour.
    pub fn last(&self, url: &str, kid: &str) -> Option<Timestamp> {
        self.seen.lock().get(url)?.get(kid).map(|used| used.at)
    }

    /// Forgets a key that was removed.
    pub(crate) fn forget(&self, url: &str, kid: &str) {
        if let Some(keys) = self.seen.lock().get_mut(url) {
            keys.remove(kid);
        }
    }

    fn unwritten(&self, most: usize) -> Vec<Noted> {
        let seen = self.seen.lock();
        let keys = seen.iter().flat_map(|(url, keys)| keys.iter().map(move |(kid, used)| (url, kid, used)));
        let new = keys.filter(|(_, _, used)| !used.is_written).take(most);
        new.map(|(url, kid, used)| Noted { url: url.clone(), kid: kid.clone(), at: used.at }).collect()
    }

    fn written(&self, noted: &[Noted]) {
        let mut seen = self.seen.lock();
        for Noted { url, kid, at } in noted {
            if let Some(used) = seen.get_mut(url).and_then(|keys| keys.get_mut(kid)).filter(|used| used.at == *at) {
                used.is_written = true;
            }
        }
    }
}

/// Notes that a client's key has signed something just now, if the client is one of our wallet addresses.
pub fn note(app: &App, client: &ClientId, kid: &str) {
    if let ClientId::WalletAddress(url) = client
        && keys::is_local(app, url)
    {
        app.key_uses.note(url, kid, app.clock.now());
    }
}

/// Writes down what was noted since the last time.
///
/// # Errors
/// When the database fails; what was noted is kept for the next time.
pub async fn write_down(app: &App) -> Result<(), Error> {
    loop {
        let noted = app.key_uses.unwritten(KEYS_PER_WRITE);
        if noted.is_empty() {
            return Ok(());
        }
        let batch = noted.clone();
        let work = move |tx: &mut Tx<'_>| {
            for Noted { url, kid, at } in &batch {
                // Another node may have written it within the hour.
                let unless_after = at.saturating_sub(EXACT_TO).unwrap_or(Timestamp::MIN);
                wallet_key::note_use(tx, url, kid, *at, unless_after)?;
            }
            Ok::<_, Error>(())
        };
        app.store.write(Vec::new(), work).await?;
        app.key_uses.written(&noted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn a_key_is_noted_once_an_hour() {
        let uses = KeyUses::default();
        uses.note("u", "a", at(0));
        uses.note("u", "a", at(59));
        assert_eq!(uses.last("u", "a"), Some(at(0)));
        let noted = uses.unwritten(9);
        assert_eq!(noted, [Noted { url: "u".to_owned(), kid: "a".to_owned(), at: at(0) }]);
        uses.written(&noted);
        assert_eq!(uses.unwritten(9), []);
        uses.note("u", "a", at(60));
        assert_eq!((uses.last("u", "a"), uses.unwritten(9).len()), (Some(at(60)), 1));
        // Used again while the earlier use was being written: that is still to be written.
        uses.written(&noted);
        assert_eq!(uses.unwritten(9).len(), 1);
        uses.forget("u", "a");
        assert_eq!((uses.last("u", "a"), uses.unwritten(9).len()), (None, 0));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let uses = KeyUses::default();
        for number in 0..ADDRESSES_MAX {
            uses.note(&number.to_string(), "a", at(0));
        }
        uses.note("more", "a", at(0));
        assert_eq!(uses.last("more", "a"), None, "nothing that is not written is forgotten");
        assert_eq!(uses.unwritten(7).len(), 7);
        uses.written(&uses.unwritten(ADDRESSES_MAX));
        uses.note("more", "a", at(60));
        assert_eq!((uses.last("more", "a"), uses.last("0", "a")), (Some(at(60)), None));
        for number in 0..KEYS_MAX + 5 {
            uses.note("more", &number.to_string(), at(60));
        }
        assert_eq!(uses.seen.lock()["more"].len(), KEYS_MAX);
    }
}
