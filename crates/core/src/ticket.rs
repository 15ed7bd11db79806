//! Tickets: what a browser carries through a log-in of several steps, so that nobody has to keep it meanwhile.
//!
//! A ticket says when it was made and holds a little text. It is sealed for one purpose and one browser: presented for
//! another purpose, by another browser, changed, or too late, it is worth nothing. Whoever must not accept it twice
//! writes its id down as used.

use crate::secret::{Purpose, Secret};
use crate::{Id, TokenHash};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::{SignedDuration, Timestamp};
use subtle::ConstantTimeEq;

/// Bytes of a ticket before its text: the id and the seal.
const HEAD: usize = 48;
/// Longest ticket that is looked at.
const LENGTH_MAX: usize = 2048;

/// An opened ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// Its id, which also says when it was made.
    pub id: Id,
    /// What it holds.
    pub text: String,
}

impl Ticket {
    /// What to write down so that the ticket is accepted once.
    pub fn hash(&self, purpose: Purpose) -> TokenHash {
        TokenHash::of(&format!("{purpose:?} {}", self.id))
    }
}

impl Secret {
    /// Seals a ticket made now, whose time is in its id, for the browser that is known by `browser`. Its bytes.
    pub fn seal(&self, purpose: Purpose, browser: &str, id: &Id, text: &str) -> Vec<u8> {
        let proof = self.derive(purpose, &sealed(browser, id, text));
        [id.as_bytes().as_slice(), &proof, text.as_bytes()].concat()
    }

    /// The same in base64url.
    pub fn seal_text(&self, purpose: Purpose, browser: &str, id: &Id, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.seal(purpose, browser, id, text))
    }

    /// Opens a ticket that [`Secret::seal`] made for this purpose and browser at most `lifetime` before `now`.
    pub fn open(
        &self,
        purpose: Purpose,
        browser: &str,
        sealed_bytes: &[u8],
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Option<Ticket> {
        if sealed_bytes.len() > LENGTH_MAX {
            return None;
        }
        let (id, rest) = sealed_bytes.split_first_chunk::<16>()?;
        let (proof, text) = rest.split_at_checked(HEAD - 16)?;
        let (id, text) = (Id::from_bytes(*id), std::str::from_utf8(text).ok()?);
        let expected = self.derive(purpose, &sealed(browser, &id, text));
        let is_ours = bool::from(expected.as_slice().ct_eq(proof));
        let age = now.duration_since(id.made_at()?);
        // Another node's clock may be a little ahead.
        let in_time = age >= SignedDuration::from_mins(-1) && age < lifetime;
        (is_ours && in_time).then(|| Ticket { id, text: text.to_owned() })
    }

    /// The same from base64url.
    pub fn open_text(
        &self,
        purpose: Purpose,
        browser: &str,
        sealed_text: &str,
        now: Timestamp,
        lifetime: SignedDuration,
    ) -> Option<Ticket> {
        if sealed_text.len() > LENGTH_MAX {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(sealed_text).ok()?;
        self.open(purpose, browser, &bytes, now, lifetime)
    }
}

/// What the seal covers. The length before the browser keeps it apart from the text.
fn sealed(browser: &str, id: &Id, text: &str) -> Vec<u8> {
    let length = (browser.len() as u64).to_be_bytes();
    [id.as_bytes().as_slice(), &length, browser.as_bytes(), text.as_bytes()].concat()
}
