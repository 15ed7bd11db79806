//! Access tokens: their life, and their rotation (GNAP, RFC 9635 §6.1).

use crate::{Code, Id, Refusal};
use jiff::{SignedDuration, Timestamp};

/// How long after a rotation a client that lost the answer gets the same new token again.
pub const ROTATION_GRACE: SignedDuration = SignedDuration::from_secs(60);

/// An access token. Its value is derived from its id and stored only as a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Its id, also the last part of its management URI.
    pub id: Id,
    /// The grant it belongs to.
    pub grant: Id,
    /// From when it is no longer accepted by the resource server.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub state: State,
}

/// Where a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It can be used until it expires, and rotated even after that.
    Active,
    /// It was replaced.
    Rotated {
        /// By which token.
        successor: Id,
        /// When.
        at: Timestamp,
    },
    /// It is dead, and so is its management URI.
    Revoked,
}

/// How a rotation is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// With a new token.
    New,
    /// With the token that an earlier rotation made, whose answer was lost.
    Repeat {
        /// That token.
        successor: Id,
    },
}

impl Token {
    /// Whether the resource server accepts it.
    pub fn is_usable(&self, now: Timestamp) -> bool {
        self.state == State::Active && now < self.expires_at
    }

    /// Whether it can be replaced: also when expired, never when revoked.
    ///
    /// # Errors
    /// [`Code::InvalidRotation`].
    pub fn rotate(&self, now: Timestamp) -> Result<Rotation, Refusal> {
        match self.state {
            State::Active => Ok(Rotation::New),
            State::Rotated { successor, at } if now.duration_since(at) <= ROTATION_GRACE => {
                Ok(Rotation::Repeat { successor })
            }
            State::Rotated { .. } => Err(Refusal::new(
                Code::InvalidRotation,
                "this access token was rotated before: use the management URI of the newest one",
            )),
            State::Revoked => Err(Refusal::new(Code::InvalidRotation, "this access token has been revoked")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation() {
        let created: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let at = |seconds| created + SignedDuration::from_secs(seconds);
        let id = |n| Id::from_bytes([n; 16]);
        let token = Token { id: id(1), grant: id(2), expires_at: at(600), state: State::Active };
        assert!(token.is_usable(at(599)));
        assert!(!token.is_usable(at(600)));
        assert_eq!(token.rotate(at(2 * 365 * 86_400)), Ok(Rotation::New), "unused for two years");
        let rotated = Token { state: State::Rotated { successor: id(3), at: at(10) }, ..token };
        assert!(!rotated.is_usable(at(11)));
        assert_eq!(rotated.rotate(at(70)), Ok(Rotation::Repeat { successor: id(3) }));
        assert_eq!(rotated.rotate(at(71)).unwrap_err().code, Code::InvalidRotation);
        let revoked = Token { state: State::Revoked, ..token };
        assert!(!revoked.is_usable(at(1)));
        assert_eq!(revoked.rotate(at(1)).unwrap_err().code, Code::InvalidRotation);
    }
}
