//! Randomness. Nothing else draws any, so that a simulation can repeat itself.
#![expect(clippy::disallowed_methods, reason = "this is where randomness comes from")]

use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Where random bytes come from.
#[derive(Clone)]
pub struct Random(Source);

#[derive(Clone)]
enum Source {
    System,
    /// A hash chain: the same seed gives the same bytes.
    Seeded(Arc<Mutex<([u8; 32], u64)>>),
}

impl Random {
    /// The operating system's.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// The same bytes for the same seed. For tests only.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new((Sha256::digest(seed.to_be_bytes()).into(), 0)))))
    }

    /// Some random bytes.
    ///
    /// # Panics
    /// When the operating system has none to give: nothing may be done without.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.0 {
            Source::System => getrandom::fill(&mut bytes).expect("the operating system gives random bytes"),
            Source::Seeded(state) => {
                let mut state = state.lock();
                for chunk in bytes.chunks_mut(32) {
                    state.1 += 1;
                    let block = Sha256::new().chain_update(state.0).chain_update(state.1.to_be_bytes()).finalize();
                    chunk.copy_from_slice(&block[..chunk.len()]);
                }
            }
        }
        bytes
    }
}
