//! `Content-Digest` (RFC 9530) over the bytes of a body.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use sha2::{Digest as _, Sha256, Sha512};

use crate::field;

/// An algorithm of RFC 9530 §5 that is safe against an attacker who chooses the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// `sha-512`, 64 bytes: what Open Payments clients send.
    Sha512,
    /// `sha-256`, 32 bytes.
    Sha256,
}

impl Algorithm {
    /// The key in the `Content-Digest` dictionary.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha512 => "sha-512",
            Self::Sha256 => "sha-256",
        }
    }

    fn digest(self, body: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha512 => Sha512::digest(body).to_vec(),
            Self::Sha256 => Sha256::digest(body).to_vec(),
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a body and its `Content-Digest` do not belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// There is no such header.
    #[error("there is no Content-Digest header")]
    Missing,
    /// Not a dictionary of RFC 8941.
    #[error("Content-Digest is not a structured dictionary such as sha-512=:…: ({0})")]
    Syntax(String),
    /// Only algorithms that are unknown, or too weak to be accepted.
    #[error("Content-Digest has none of sha-512, sha-256 (it has: {0})")]
    NoKnownAlgorithm(String),
    /// The value is not between colons.
    #[error("the {0} member of Content-Digest is not a byte sequence (base64 between colons)")]
    NotBytes(Algorithm),
    /// Not the length that this algorithm yields.
    #[error("the {algorithm} member of Content-Digest has {actual} bytes instead of {expected}{}", hex_hint(*actual, *expected))]
    Length {
        /// The algorithm.
        algorithm: Algorithm,
        /// What it yields, in bytes.
        expected: usize,
        /// What was sent, in bytes.
        actual: usize,
    },
    /// The digest is of other bytes.
    #[error("the {algorithm} of the {body_bytes} bytes of the body is {computed}, but Content-Digest says {claimed}")]
    Mismatch {
        /// The algorithm.
        algorithm: Algorithm,
        /// Length of the body that was hashed.
        body_bytes: usize,
        /// Its digest, base64.
        computed: String,
        /// The digest that was sent, base64.
        claimed: String,
    },
}

/// A frequent mistake, worth naming: base64 of the hexadecimal text instead of the bytes.
fn hex_hint(actual: usize, expected: usize) -> &'static str {
    if actual == expected * 2 { "; it looks like base64 of hexadecimal text" } else { "" }
}

/// The value of a `Content-Digest` header with the `sha-512` of `body` (RFC 9530 §2).
///
/// ```
/// assert!(bursar_httpsig::digest::content_digest_sha512(b"{}").starts_with("sha-512=:"));
/// ```
pub fn content_digest_sha512(body: &[u8]) -> String {
    let digest = Sha512::digest(body);
    let mut value = String::with_capacity("sha-512=::".len() + 88);
    value.push_str("sha-512=:");
    STANDARD.encode_string(digest, &mut value);
    value.push(':');
    value
}

/// Checks `body`, as received, against all values of the `Content-Digest` header (RFC 9530 §2).
///
/// Every member with a known algorithm must match, and there must be at least one. Members with other
/// algorithms are ignored, as the RFC has it.
///
/// # Errors
/// [`DigestError`] names the member that is missing, malformed or different.
pub fn verify_content_digest<'a>(
    header_values: impl IntoIterator<Item = &'a HeaderValue>,
    body: &[u8],
) -> Result<(), DigestError> {
    let mut header_values = header_values.into_iter().peekable();
    if header_values.peek().is_none() {
        return Err(DigestError::Missing);
    }
    let text = field::join(header_values);
    let members = field::dictionary(&text).map_err(|error| DigestError::Syntax(error.to_string()))?;
    let mut known = false;
    for algorithm in [Algorithm::Sha512, Algorithm::Sha256] {
        let Some(member) = members.get(algorithm.name()) else { continue };
        known = true;
        let sfv::ListEntry::Item(item) = member else { return Err(DigestError::NotBytes(algorithm)) };
        let claimed = item.bare_item.as_byte_sequence().ok_or(DigestError::NotBytes(algorithm))?;
        let computed = algorithm.digest(body);
        if claimed.len() != computed.len() {
            return Err(DigestError::Length { algorithm, expected: computed.len(), actual: claimed.len() });
        }
        if claimed != computed {
            return Err(DigestError::Mismatch {
                algorithm,
                body_bytes: body.len(),
                computed: STANDARD.encode(computed),
                claimed: STANDARD.encode(claimed),
            });
        }
    }
    if known {
        Ok(())
    } else {
        let names: Vec<_> = members.keys().map(|key| key.as_str()).collect();
        Err(DigestError::NoKnownAlgorithm(names.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body of the examples of RFC 9530 ends with a line feed; that of RFC 9421 does not.
    const RFC_9530: &[u8] = b"{\"hello\": \"world\"}\n";
    const RFC_9421: &[u8] = b"{\"hello\": \"world\"}";
    const SHA_256: &str = "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:";
    const SHA_512: &str =
        "sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:";
    const SHA_512_9421: &str =
        "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";

    fn verify(values: &[&str], body: &[u8]) -> Result<(), DigestError> {
        let values: Vec<_> = values.iter().map(|value| HeaderValue::from_str(value).unwrap()).collect();
        verify_content_digest(&values, body)
    }

    #[test]
    fn published_examples() {
        assert_eq!(content_digest_sha512(RFC_9530), SHA_512);
        assert_eq!(content_digest_sha512(RFC_9421), SHA_512_9421);
        for value in [SHA_256, SHA_512] {
            assert_eq!(verify(&[value], RFC_9530), Ok(()), "{value}");
            assert!(matches!(verify(&[value], RFC_9421), Err(DigestError::Mismatch { .. })), "{value}");
        }
    }

    #[test]
    fn every_byte_counts() {
        for index in 0..64 {
            let mut digest = Sha512::digest(RFC_9421);
            digest[index] ^= 1;
            let value = format!("sha-512=:{}:", STANDARD.encode(digest));
            assert!(matches!(verify(&[&value], RFC_9421), Err(DigestError::Mismatch { .. })), "byte {index}");
        }
    }

    #[test]
    fn all_known_members_must_match() {
        let other = content_digest_sha512(b"other");
        let both = format!("{SHA_256}, {SHA_512}");
        let one_wrong = format!("{SHA_256}, {other}");
        assert_eq!(verify(&[&both], RFC_9530), Ok(()));
        assert_eq!(verify(&[SHA_256, SHA_512], RFC_9530), Ok(()), "over two header lines");
        assert!(matches!(
            verify(&[&one_wrong], RFC_9530),
            Err(DigestError::Mismatch { algorithm: Algorithm::Sha512, .. })
        ));
        assert!(verify(&[&other, SHA_256], RFC_9530).is_err());
        let with_unknown = format!("md5=:AAAA:, {SHA_256}, future=(1 2)");
        assert_eq!(verify(&[&with_unknown], RFC_9530), Ok(()), "unknown algorithms are ignored");
    }

    #[test]
    fn faults_are_named() {
        fn check(values: &[&str], expected: &str) {
            let error = verify(values, RFC_9421).unwrap_err().to_string();
            assert!(error.contains(expected), "{values:?}: {error}");
        }
        check(&[], "no Content-Digest");
        check(&[""], "none of sha-512, sha-256");
        check(&["md5=:AAAA:"], "it has: md5");
        check(&["sha-512"], "not a byte sequence");
        check(&["sha-512=(:AAAA:)"], "not a byte sequence");
        check(&["sha-512=\"AAAA\""], "not a byte sequence");
        check(&["sha-512=:AAAA:"], "has 3 bytes instead of 64");
        check(&["SHA-512=:AAAA:"], "not a structured dictionary");
        check(&["sha-512=:%%%:"], "not a structured dictionary");
        check(&["sha-512=:AAAA"], "not a structured dictionary");
        let of_hex = format!("sha-256=:{}:", STANDARD.encode([b'a'; 64]));
        check(&[&of_hex], "base64 of hexadecimal text");
        check(&[SHA_512], "the sha-512 of the 18 bytes of the body is WZDPaVn/");
    }
}
