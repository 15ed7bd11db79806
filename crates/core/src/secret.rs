//! The provider's secret, and everything that is derived from it.
//!
//! Tokens, nonces and references are derived from the id of what they belong to. So they need not be stored:
//! a repeated request gets the same answer, and a stolen database gives none of them away.

use crate::Id;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// 256 secret bits of the provider. Cannot be printed.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Secret {
    /// The secret from its bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// 256 bits that only the provider can compute; different for each purpose and subject.
    pub fn derive(&self, purpose: Purpose, subject: &[u8]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).unwrap_or_else(|_| unreachable!("HMAC takes any key length"));
        mac.update(purpose.label().as_bytes());
        mac.update(&[0]);
        mac.update(subject);
        mac.finalize().into_bytes().into()
    }

    /// The same as text: 43 characters of base64url.
    pub fn derive_text(&self, purpose: Purpose, subject: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(self.derive(purpose, subject))
    }

    /// A text that names something and proves that we made it: the id and 256 bits derived from it, 64 characters of
    /// base64url. Nothing need be stored to find what it names.
    pub fn token(&self, purpose: Purpose, id: &Id) -> String {
        URL_SAFE_NO_PAD.encode([id.as_bytes().as_slice(), &self.derive(purpose, id.as_bytes())].concat())
    }

    /// The id in a text that [`Secret::token`] made; none if anybody else made it. Compared in constant time.
    pub fn token_id(&self, purpose: Purpose, presented: &str) -> Option<Id> {
        let mut bytes = [0; 48];
        let length = URL_SAFE_NO_PAD.decode_slice(presented, &mut bytes).ok()?;
        let (id, proof) = bytes[..length].split_first_chunk::<16>()?;
        let expected = self.derive(purpose, id);
        bool::from(expected.as_slice().ct_eq(proof)).then(|| Id::from_bytes(*id))
    }

    /// Whether `presented` is what [`Secret::derive_text`] gives, compared in constant time.
    pub fn matches(&self, purpose: Purpose, subject: &[u8], presented: &str) -> bool {
        self.derive_text(purpose, subject).as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a derived value is for. Values of different purposes have nothing in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The value of an access token; subject: its id.
    AccessToken,
    /// The value of a continuation token; subject: the grant's id.
    ContinueToken,
    /// `interact.finish`, the server's part of the redirect hash; subject: the grant's id.
    FinishNonce,
    /// `interact_ref`; subject: the grant's id.
    InteractRef,
    /// The unguessable part of the interaction URL; subject: the grant's id.
    InteractPath,
    /// What a provider's own consent page sends the browser on with; subject: the grant's id.
    FinishTicket,
    /// The token against forged form posts; subject: the browser's cookie.
    FormToken,
    /// The challenge that a new passkey signs (see [`crate::ticket`]).
    PasskeyRegistration,
    /// The challenge that a passkey signs at a log-in (see [`crate::ticket`]).
    PasskeyAssertion,
    /// A log-in of which the second proof is missing (see [`crate::ticket`]).
    SecondStep,
    /// `state` of a log-in at an identity provider (see [`crate::ticket`]).
    IdentityState,
    /// `nonce` of that log-in; subject: its id.
    IdentityNonce,
    /// The PKCE verifier of that log-in; subject: its id.
    IdentityVerifier,
    /// The shared secret of an incoming payment; subject: its id.
    StreamSecret,
    /// Proof that an ILP address was made by us; subject: the incoming payment's id.
    IlpAddress,
}

impl Purpose {
    fn label(self) -> &'static str {
        match self {
            Self::AccessToken => "access-token",
            Self::ContinueToken => "continue-token",
            Self::FinishNonce => "finish-nonce",
            Self::InteractRef => "interact-ref",
            Self::InteractPath => "interact-path",
            Self::FinishTicket => "finish-ticket",
            Self::FormToken => "form-token",
            Self::PasskeyRegistration => "passkey-registration",
            Self::PasskeyAssertion => "passkey-assertion",
            Self::SecondStep => "second-step",
            Self::IdentityState => "identity-state",
            Self::IdentityNonce => "identity-nonce",
            Self::IdentityVerifier => "identity-verifier",
            Self::StreamSecret => "stream-secret",
            Self::IlpAddress => "ilp-address",
        }
    }
}

/// A secret that another program presents, kept as its hash. Cannot be printed.
#[derive(Clone)]
pub struct SharedSecret([u8; 32]);

impl SharedSecret {
    /// What is to be presented.
    pub fn new(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Whether it is what was presented, compared in constant time.
    pub fn matches(&self, presented: &str) -> bool {
        self.0.ct_eq(&<[u8; 32]>::from(Sha256::digest(presented.as_bytes()))).into()
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSecret(…)")
    }
}

/// The hash under which the token of a person's session is stored and found.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a presented token.
    pub fn of(value: &str) -> Self {
        Self(Sha256::digest(value.as_bytes()).into())
    }

    /// As stored.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_name_what_they_belong_to() {
        let (secret, id) = (Secret::new([7; 32]), Id::from_bytes([5; 16]));
        let token = secret.token(Purpose::AccessToken, &id);
        assert_eq!(token.len(), 64);
        assert_eq!(secret.token_id(Purpose::AccessToken, &token), Some(id));
        #[track_caller]
        fn refused(secret: &Secret, purpose: Purpose, token: &str) {
            assert_eq!(secret.token_id(purpose, token), None, "{token}");
        }
        refused(&secret, Purpose::ContinueToken, &token);
        refused(&Secret::new([8; 32]), Purpose::AccessToken, &token);
        for (at, other) in [(0, "A"), (21, "A"), (22, "A"), (63, "A")] {
            let mut changed = token.clone();
            changed.replace_range(at..=at, if &token[at..=at] == other { "B" } else { other });
            refused(&secret, Purpose::AccessToken, &changed);
        }
        let derived = secret.derive_text(Purpose::AccessToken, id.as_bytes());
        let longer = format!("{token}AAAA");
        for odd in ["", "A", &token[..63], &token[1..], &token[..60], &token[..24], &longer, &derived, "ü"] {
            refused(&secret, Purpose::AccessToken, odd);
        }
    }

    #[test]
    fn shared_secrets_are_compared_whole() {
        let secret = SharedSecret::new("correct horse battery staple");
        assert!(secret.matches("correct horse battery staple"));
        for wrong in
            ["", "correct horse battery stapl", "correct horse battery staple ", "Correct horse battery staple"]
        {
            assert!(!secret.matches(wrong), "{wrong:?}");
        }
        assert_eq!(format!("{secret:?}"), "SharedSecret(…)");
    }

    #[test]
    fn purposes_and_subjects_keep_derived_values_apart() {
        let secret = Secret::new([7; 32]);
        let token = secret.derive_text(Purpose::AccessToken, b"id");
        assert_eq!(token.len(), 43);
        assert_ne!(token, secret.derive_text(Purpose::ContinueToken, b"id"));
        assert_ne!(token, secret.derive_text(Purpose::AccessToken, b"di"));
        assert_ne!(token, Secret::new([8; 32]).derive_text(Purpose::AccessToken, b"id"));
        assert!(secret.matches(Purpose::AccessToken, b"id", &token));
        assert!(!secret.matches(Purpose::AccessToken, b"id", &token[1..]));
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}
