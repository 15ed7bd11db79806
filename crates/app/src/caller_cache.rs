//! Callers that were found lately: so that not every request of an app reads its grant and its key again.
//!
//! What ends a token or a key on this node is forgotten at once; what ends it on another node is noticed within a
//! second, since nothing is believed for longer.

use crate::Clock;
use crate::callers::Caller;
use bursar_core::TokenHash;
use jiff::Timestamp;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a caller is believed.
const BELIEVED: Duration = Duration::from_millis(900);
/// Most callers that are kept.
const CALLERS_MAX: usize = 10_000;

/// The callers.
#[derive(Default)]
pub struct CallerCache {
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    /// Counts how often something was forgotten: what was read before that may not be kept.
    generation: u64,
    kept: HashMap<TokenHash, Kept>,
}

struct Kept {
    caller: Arc<Caller>,
    expires_at: Timestamp,
    read_at: Instant,
}

/// When reading a caller began.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    generation: u64,
    at: Instant,
}

impl CallerCache {
    /// The bearer of this token, if it was read lately and has not expired.
    pub(crate) fn get(&self, token: &TokenHash, now: Timestamp) -> Option<Arc<Caller>> {
        let shelf = self.shelf.lock();
        let kept = shelf.kept.get(token)?;
        let is_believed = now < kept.expires_at && Clock::real_instant().duration_since(kept.read_at) < BELIEVED;
        is_believed.then(|| kept.caller.clone())
    }

    /// To be called before reading what will be kept.
    pub(crate) fn begin(&self) -> Reading {
        Reading { generation: self.shelf.lock().generation, at: Clock::real_instant() }
    }

    /// Keeps a caller, unless something was forgotten since it was read.
    pub(crate) fn keep(&self, reading: Reading, token: TokenHash, caller: Arc<Caller>, expires_at: Timestamp) {
        let mut shelf = self.shelf.lock();
        if shelf.generation != reading.generation {
            return;
        }
        if shelf.kept.len() >= CALLERS_MAX {
            shelf.kept.retain(|_, kept| reading.at.saturating_duration_since(kept.read_at) < BELIEVED);
        }
        if shelf.kept.len() < CALLERS_MAX {
            shelf.kept.insert(token, Kept { caller, expires_at, read_at: reading.at });
        }
    }

    /// Forgets everybody.
    pub fn clear(&self) {
        self.forget(|_| true);
    }

    /// Forgets callers, once it is written that they may no longer call as before.
    pub(crate) fn forget(&self, which: impl Fn(&Caller) -> bool) {
        let mut shelf = self.shelf.lock();
        shelf.generation += 1;
        shelf.kept.retain(|_, kept| !which(&kept.caller));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::Id;
    use bursar_core::access::ClientId;
    use bursar_core::grant::BoundKey;
    use bursar_httpsig::PrivateKey;

    fn caller(number: u8) -> Arc<Caller> {
        Arc::new(Caller {
            grant: Id::from_bytes([number; 16]),
            client: ClientId::Jwk(number.to_string()),
            key: BoundKey { kid: "k".to_owned(), x: [0; 32] },
            access: Vec::new(),
            public_key: PrivateKey::from_seed([1; 32]).public_key(),
        })
    }

    #[test]
    fn what_was_forgotten_while_it_was_read_is_not_kept() {
        let (cache, now) = (CallerCache::default(), Timestamp::UNIX_EPOCH);
        let (one, two) = (TokenHash::of("1"), TokenHash::of("2"));
        let later = now + jiff::SignedDuration::from_secs(1);
        let reading = cache.begin();
        cache.keep(reading, one, caller(1), later);
        cache.keep(reading, two, caller(2), later);
        assert_eq!(cache.get(&one, now).unwrap().grant, caller(1).grant);
        assert!(cache.get(&one, later).is_none(), "the token has expired");
        let reading = cache.begin();
        cache.forget(|caller| caller.grant == Id::from_bytes([1; 16]));
        assert!(cache.get(&one, now).is_none() && cache.get(&two, now).is_some());
        // Somebody had read it before it was forgotten.
        cache.keep(reading, one, caller(1), later);
        assert!(cache.get(&one, now).is_none());
        cache.keep(cache.begin(), one, caller(1), later);
        assert!(cache.get(&one, now).is_some());
    }

    #[test]
    fn only_so_many_are_kept() {
        let cache = CallerCache::default();
        let (reading, caller) = (cache.begin(), caller(1));
        for number in 0..CALLERS_MAX + 10 {
            cache.keep(reading, TokenHash::of(&number.to_string()), caller.clone(), Timestamp::MAX);
        }
        assert_eq!(cache.shelf.lock().kept.len(), CALLERS_MAX);
    }
}
