//! Identifiers.

use jiff::Timestamp;
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// The identifier of anything stored: a UUID version 7, so that ids ascend with time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id([u8; 16]);

impl Id {
    /// A new id for something made at `now`; `random` makes it unguessable and unique.
    pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid().into_bytes())
    }

    /// This id, or one like it that comes after `last`: so that ids ascend in the order in which things are written
    /// down, whatever clocks and chance say.
    pub fn after(self, last: Option<&Self>) -> Self {
        let Some(last) = last.filter(|last| self <= **last) else { return self };
        let mut milliseconds = [0; 8];
        milliseconds[2..].copy_from_slice(&last.0[..6]);
        let later = u64::from_be_bytes(milliseconds).saturating_add(1).to_be_bytes();
        let mut bytes = self.0;
        bytes[..6].copy_from_slice(&later[2..]);
        Self(bytes)
    }

    /// When it was made, to the millisecond; none of an id that says no time that there is.
    pub fn made_at(&self) -> Option<Timestamp> {
        let mut milliseconds = [0; 8];
        milliseconds[2..].copy_from_slice(&self.0[..6]);
        Timestamp::from_millisecond(i64::from_be_bytes(milliseconds)).ok()
    }

    /// The id as stored.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The id for storing.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Uuid::from_bytes(self.0), f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Text that is not an id in its usual spelling (36 characters, lower case, hyphens).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an identifier")]
pub struct InvalidId;

impl FromStr for Id {
    type Err = InvalidId;

    /// Only the one spelling that we write is read, so that nothing has two names.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let id = Self(Uuid::try_parse(text).map_err(|_| InvalidId)?.into_bytes());
        if id.to_string() == text { Ok(id) } else { Err(InvalidId) }
    }
}
