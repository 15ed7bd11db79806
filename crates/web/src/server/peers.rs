//! How many connections each caller has.

use bursar_app::net::is_public;
use bursar_app::rate_limits::neighbourhood;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The callers that are connected. Only those on the internet are counted: others are proxies, which come for many.
#[derive(Clone)]
pub(super) struct Peers {
    connections_max: usize,
    connected: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// A connection that is counted until this is dropped.
pub(super) struct Place(Option<(Peers, IpAddr)>);

impl Peers {
    pub(super) fn new(connections_max: usize) -> Self {
        Self { connections_max, connected: Arc::default() }
    }

    /// Counts one more connection of a caller; none if it has as many as it may have.
    pub(super) fn enter(&self, peer: IpAddr) -> Option<Place> {
        let peer = peer.to_canonical();
        if !is_public(peer) {
            return Some(Place(None));
        }
        let caller = neighbourhood(peer).network();
        let mut connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        let count = connected.entry(caller).or_default();
        if *count >= self.connections_max {
            return None;
        }
        *count += 1;
        Some(Place(Some((self.clone(), caller))))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((peers, caller)) = &self.0 else { return };
        let mut connected = peers.connected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = connected.get_mut(caller) {
            *count -= 1;
            if *count == 0 {
                connected.remove(caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_so_many_places() {
        let peers = Peers::new(2);
        let enter = |address: &str| peers.enter(address.parse().unwrap());
        let (one, two) = (enter("1.1.1.1"), enter("::ffff:1.1.1.1"));
        assert!(one.is_some() && two.is_some());
        assert!(enter("1.1.1.1").is_none());
        assert!(enter("1.1.1.2").is_some());
        drop(one);
        let again = enter("1.1.1.1");
        assert!(again.is_some() && enter("1.1.1.1").is_none());
        // A network of IPv6 is one caller.
        let (_a, _b) = (enter("2606:4700:0:1::1"), enter("2606:4700:0:1::2"));
        assert!(enter("2606:4700:0:1:ffff::3").is_none());
        assert!(enter("2606:4700:0:2::1").is_some());
        // Neighbours come for many, and nobody is remembered who has gone.
        let proxies: Vec<_> = (0..9).map(|_| enter("10.0.0.1")).collect();
        assert!(proxies.iter().all(Option::is_some) && enter("127.0.0.1").is_some());
        drop((two, again));
        assert_eq!(peers.connected.lock().unwrap().len(), 1);
    }
}
