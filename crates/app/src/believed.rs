//! What was read lately and is believed for a moment, so that not every request reads it again.
//!
//! What changes on this node is forgotten at once; what changes on another node is noticed within a second, since
//! nothing is believed for longer.

use crate::Clock;
use parking_lot::Mutex;
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long something is believed.
const BELIEVED: Duration = Duration::from_millis(900);
/// Most things that are kept.
const KEPT_MAX: usize = 10_000;

/// Things that were read lately.
pub struct Believed<K, V> {
    shelf: Mutex<Shelf<K, V>>,
}

struct Shelf<K, V> {
    /// Counts how often something was forgotten: what was read before that may not be kept.
    generation: u64,
    kept: HashMap<K, (Instant, Arc<V>)>,
}

/// When reading something began.
#[derive(Clone, Copy)]
pub(crate) struct Reading {
    generation: u64,
    at: Instant,
}

impl<K, V> Default for Believed<K, V> {
    fn default() -> Self {
        Self { shelf: Mutex::new(Shelf { generation: 0, kept: HashMap::new() }) }
    }
}

impl<K: Eq + Hash, V> Believed<K, V> {
    /// What was read lately under this name.
    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&self, name: &Q) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
    {
        let shelf = self.shelf.lock();
        let (read_at, value) = shelf.kept.get(name)?;
        (Clock::real_instant().duration_since(*read_at) < BELIEVED).then(|| value.clone())
    }

    /// To be called before reading what will be kept.
    pub(crate) fn begin(&self) -> Reading {
        Reading { generation: self.shelf.lock().generation, at: Clock::real_instant() }
    }

    /// Keeps what was read, unless something was forgotten meanwhile.
    pub(crate) fn keep(&self, reading: Reading, name: K, value: Arc<V>) {
        let mut shelf = self.shelf.lock();
        if shelf.generation != reading.generation {
            return;
        }
        if shelf.kept.len() >= KEPT_MAX {
            shelf.kept.retain(|_, (read_at, _)| reading.at.saturating_duration_since(*read_at) < BELIEVED);
        }
        if shelf.kept.len() < KEPT_MAX {
            shelf.kept.insert(name, (reading.at, value));
        }
    }

    /// Forgets some things, once it is written that they have changed.
    pub(crate) fn forget(&self, which: impl Fn(&V) -> bool) {
        let mut shelf = self.shelf.lock();
        shelf.generation += 1;
        shelf.kept.retain(|_, (_, value)| !which(value));
    }

    /// Forgets what is kept under this name.
    pub(crate) fn forget_one<Q: Eq + Hash + ?Sized>(&self, name: &Q)
    where
        K: Borrow<Q>,
    {
        let mut shelf = self.shelf.lock();
        shelf.generation += 1;
        shelf.kept.remove(name);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.forget(|_| true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_forgotten_while_it_was_read_is_not_kept() {
        let shelf: Believed<String, u8> = Believed::default();
        let reading = shelf.begin();
        shelf.keep(reading, "one".to_owned(), Arc::new(1));
        shelf.keep(reading, "two".to_owned(), Arc::new(2));
        assert_eq!(shelf.get("one").as_deref(), Some(&1));
        let reading = shelf.begin();
        shelf.forget(|value| *value == 1);
        assert_eq!((shelf.get("one"), shelf.get("two").as_deref()), (None, Some(&2)));
        // Somebody had read it before it was forgotten.
        shelf.keep(reading, "one".to_owned(), Arc::new(1));
        assert_eq!(shelf.get("one"), None);
        shelf.keep(shelf.begin(), "one".to_owned(), Arc::new(1));
        assert_eq!(shelf.get("one").as_deref(), Some(&1));
        shelf.clear();
        assert_eq!(shelf.get("two"), None);
    }

    #[test]
    fn only_so_many_are_kept() {
        let shelf: Believed<usize, ()> = Believed::default();
        let reading = shelf.begin();
        for number in 0..KEPT_MAX + 10 {
            shelf.keep(reading, number, Arc::default());
        }
        assert_eq!(shelf.shelf.lock().kept.len(), KEPT_MAX);
    }
}
