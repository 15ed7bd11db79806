//! Ed25519 keys (RFC 8032) and the text forms people keep them in.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT, URL_SAFE_NO_PAD, URL_SAFE_PAD_INDIFFERENT};
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, DecodePublicKey as _};
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use zeroize::{Zeroize as _, Zeroizing};

use crate::jwk::{self, Jwk, PrivateJwk};

/// Why a text or some bytes are not a usable key. No message repeats secret material.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// No `-----BEGIN …-----` and `-----END …-----` lines.
    #[error("not a PEM text: it needs a -----BEGIN {0}----- and an -----END {0}----- line")]
    NotPem(&'static str),
    /// PEM, but of something else.
    #[error("the PEM holds a {found}; expected an unencrypted {expected}")]
    PemLabel {
        /// Its label.
        found: String,
        /// The label that is supported.
        expected: &'static str,
    },
    /// Not PKCS#8, or not of an Ed25519 key.
    #[error("not a PKCS#8 Ed25519 private key: {0}")]
    Pkcs8(String),
    /// Not a SubjectPublicKeyInfo, or not of an Ed25519 key.
    #[error("not an Ed25519 public key in X.509 form (SubjectPublicKeyInfo): {0}")]
    Spki(String),
    /// Not base64.
    #[error("{what} is not proper base64")]
    Base64 {
        /// What was expected to be base64.
        what: &'static str,
    },
    /// None of the supported text forms.
    #[error("not a private key: expected a PEM, a JWK, or base64 of either")]
    UnknownForm,
    /// None of the supported text forms of a public key.
    #[error("not a public key: expected a PEM, a JWK, base64 of either, or the 32 bytes of a key as base64")]
    UnknownPublicForm,
    /// Not JSON, or a member of the wrong type.
    #[error("not a JWK: {0}")]
    Json(String),
    /// A JWK without a member that is needed.
    #[error("the JWK has no `{0}`")]
    MissingMember(&'static str),
    /// A JWK of another kind of key.
    #[error("the JWK's `{member}` is {found:?}, expected {expected}")]
    Member {
        /// The member's name.
        member: &'static str,
        /// Its value.
        found: String,
        /// What is supported.
        expected: &'static str,
    },
    /// A key identifier that no signature could name (RFC 8941 §3.3.3).
    #[error("a `kid` must have 1 to {max} printable ASCII characters, since a signature's keyid can carry no others", max = MAX_KEY_ID_BYTES)]
    KeyId,
    /// The member `d` where a public key belongs.
    #[error("the JWK contains the private key (`d`); publish only the public part, and treat this key as exposed")]
    PrivateMember,
    /// Not the 32 bytes of an Ed25519 key.
    #[error("{what} has {actual} bytes instead of 32")]
    Length {
        /// Which value.
        what: &'static str,
        /// Its length in bytes.
        actual: usize,
    },
    /// Not the encoding of a point on the curve, or not its only proper one (RFC 8032 §5.1.3).
    #[error("the public key is not a properly encoded point of Ed25519")]
    NotAPoint,
    /// A point of small order, for which signatures of almost any message can be made up.
    #[error("the public key is weak (a point of small order)")]
    Weak,
    /// `x` is not the public key of `d`.
    #[error("the JWK's `x` does not belong to its `d`")]
    Mismatch,
    /// More keys in a set than anyone honest needs.
    #[error("the key set has {0} keys; at most {max} are read", max = crate::jwk::MAX_KEYS)]
    TooManyKeys(usize),
}

/// Longest `kid` or `keyid` that is accepted, in bytes.
pub const MAX_KEY_ID_BYTES: usize = 256;

pub(crate) fn check_key_id(key_id: &str) -> Result<(), KeyError> {
    let legal =
        (1..=MAX_KEY_ID_BYTES).contains(&key_id.len()) && key_id.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
    if legal { Ok(()) } else { Err(KeyError::KeyId) }
}

/// An Ed25519 public key that has been checked: a canonical point of large order.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads the 32 bytes of RFC 8032 §5.1.5.
    ///
    /// # Errors
    /// [`KeyError::NotAPoint`] and [`KeyError::Weak`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAPoint)?;
        // Two encodings of one point would be two thumbprints of one key.
        if key.to_edwards().compress().as_bytes() != bytes {
            return Err(KeyError::NotAPoint);
        }
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        Ok(Self(key))
    }

    /// Reads any form that people keep a public key in: a PEM, a JWK with or without `kid`, base64 of either, or the
    /// key's 32 bytes as base64, which is a JWK's `x`.
    ///
    /// ```
    /// use bursar_httpsig::PublicKey;
    ///
    /// let key = PublicKey::parse("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")?;
    /// assert_eq!(PublicKey::parse(r#"{"x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)?, key);
    /// # Ok::<_, bursar_httpsig::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// [`KeyError`] of the form that the text looks most like.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if let Some(key) = Self::from_delimited(text) {
            return key;
        }
        let bytes = decode(text).map_err(|_| KeyError::UnknownPublicForm)?;
        if let Ok(bytes) = bytes.as_slice().try_into() {
            return Self::from_bytes(bytes);
        }
        let decoded = std::str::from_utf8(&bytes).ok().and_then(|text| Self::from_delimited(text.trim()));
        decoded.unwrap_or(Err(KeyError::UnknownPublicForm))
    }

    /// Reads what tells by its first characters which form it has.
    fn from_delimited(text: &str) -> Option<Result<Self, KeyError>> {
        if text.starts_with('{') {
            Some(jwk::public_key(text))
        } else if text.contains("-----BEGIN") {
            Some(Self::from_pem(text))
        } else {
            None
        }
    }

    /// Reads a PEM of a SubjectPublicKeyInfo (RFC 8410 §4), as OpenSSL and Node.js write it, with the liberties of
    /// [`PrivateKey::from_pem`].
    ///
    /// # Errors
    /// [`KeyError::NotPem`], [`KeyError::PemLabel`], [`KeyError::Base64`], [`KeyError::Spki`], and those of
    /// [`PublicKey::from_bytes`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let der = pem_content(pem, "PUBLIC KEY")?;
        let key = VerifyingKey::from_public_key_der(&der).map_err(|error| KeyError::Spki(error.to_string()))?;
        Self::from_bytes(&key.to_bytes())
    }

    /// The 32 bytes of RFC 8032 §5.1.5.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The JWK member `x`: base64url without padding (RFC 8037 §2).
    pub fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_bytes())
    }

    pub(crate) fn from_base64url(text: &str) -> Result<Self, KeyError> {
        Self::from_bytes(&*decode_32(text, "`x`")?)
    }

    /// Whether `signature` is this key's over `message`.
    ///
    /// Strict: signatures that other rules would accept although they can be altered are refused, so that
    /// one message has one valid signature of each honest signer.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_base64url())
    }
}

/// An Ed25519 private key. It is wiped from memory when dropped, and cannot be printed.
///
/// This crate draws no randomness: a new key is made from 32 random bytes of the caller's,
/// with [`PrivateKey::from_seed`].
#[derive(Clone)]
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// The key of a 32-byte seed (RFC 8032 §5.1.5).
    pub fn from_seed(mut seed: [u8; 32]) -> Self {
        let key = Self(SigningKey::from_bytes(&seed));
        seed.zeroize();
        key
    }

    /// Reads any form that people keep a key in: a PEM, a JWK, or base64 of either.
    ///
    /// # Errors
    /// [`KeyError`] of the form that the text looks most like.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.starts_with('{') {
            Self::from_jwk(text)
        } else if text.contains("-----BEGIN") {
            Self::from_pem(text)
        } else {
            let decoded = decode_text(text).map_err(|_| KeyError::UnknownForm)?;
            if decoded.trim_start().starts_with('{') {
                Self::from_jwk(&decoded)
            } else if decoded.contains("-----BEGIN") {
                Self::from_pem(&decoded)
            } else {
                Err(KeyError::UnknownForm)
            }
        }
    }

    /// Reads an unencrypted PKCS#8 PEM (RFC 8410 §7), as OpenSSL and Node.js write it.
    ///
    /// Line lengths and line ends do not matter, nor do line ends written as the two characters `\n`, which
    /// is how such keys arrive through environment variables.
    ///
    /// # Errors
    /// [`KeyError::NotPem`], [`KeyError::PemLabel`], [`KeyError::Base64`], [`KeyError::Pkcs8`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let der = pem_content(pem, "PRIVATE KEY")?;
        SigningKey::from_pkcs8_der(&der).map(Self).map_err(|error| KeyError::Pkcs8(error.to_string()))
    }

    /// Reads base64 of a PEM, which is how keys are often put into one line.
    ///
    /// # Errors
    /// [`KeyError::Base64`], and those of [`PrivateKey::from_pem`].
    pub fn from_base64_pem(text: &str) -> Result<Self, KeyError> {
        Self::from_pem(&decode_text(text)?)
    }

    /// Reads a private JWK (RFC 8037 §2): `d`, and `x` which must belong to it when present.
    /// Use [`PrivateJwk`] to learn its `kid` too.
    ///
    /// # Errors
    /// [`KeyError`] names the member at fault.
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        PrivateJwk::from_json(json).map(|jwk| jwk.key)
    }

    pub(crate) fn from_base64url_seed(text: &str) -> Result<Self, KeyError> {
        Ok(Self(SigningKey::from_bytes(&*decode_32(text, "`d`")?)))
    }

    /// PKCS#8 PEM (RFC 8410 §7) that ends with a line feed.
    ///
    /// Version 1, without the public key: what every OpenSSL reads.
    pub fn to_pem(&self) -> Zeroizing<String> {
        // SEQUENCE { INTEGER 0, SEQUENCE { OID 1.3.101.112 }, OCTET STRING { OCTET STRING (32 bytes) } }
        const HEAD: [u8; 16] =
            [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
        let mut der = Zeroizing::new([0; 48]);
        der[..16].copy_from_slice(&HEAD);
        der[16..].copy_from_slice(self.0.as_bytes());
        // The capacity is ample, so that no growth leaves a copy behind.
        let mut pem = Zeroizing::new(String::with_capacity(192));
        pem.push_str("-----BEGIN PRIVATE KEY-----\n");
        STANDARD.encode_string(*der, &mut pem);
        pem.push_str("\n-----END PRIVATE KEY-----\n");
        pem
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// The public half as a JWK, to be published under that `kid`.
    ///
    /// # Errors
    /// [`KeyError::KeyId`] when no signature could name the `kid`.
    pub fn public_jwk(&self, kid: impl Into<String>) -> Result<Jwk, KeyError> {
        Jwk::new(kid, self.public_key())
    }

    /// The Ed25519 signature of `message` (RFC 8032 §5.1.6).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {:?})", self.public_key())
    }
}

/// The bytes in a PEM with this label (RFC 7468 §2), however its lines are broken.
fn pem_content(pem: &str, expected: &'static str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let not_pem = || KeyError::NotPem(expected);
    let (_, rest) = pem.split_once("-----BEGIN ").ok_or_else(not_pem)?;
    let (label, rest) = rest.split_once("-----").ok_or_else(not_pem)?;
    let (body, rest) = rest.split_once("-----END ").ok_or_else(not_pem)?;
    if !rest.strip_prefix(label).is_some_and(|rest| rest.starts_with("-----")) {
        return Err(not_pem());
    }
    if label != expected {
        return Err(KeyError::PemLabel { found: label.to_owned(), expected });
    }
    let mut base64 = Zeroizing::new(Vec::with_capacity(body.len()));
    let mut bytes = body.bytes().filter(|byte| !byte.is_ascii_whitespace()).peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\\' && bytes.next_if(|next| matches!(next, b'n' | b'r')).is_some() {
            continue;
        }
        base64.push(byte);
    }
    let content = STANDARD.decode(&*base64).map_err(|_| KeyError::Base64 { what: "the content of the PEM" })?;
    Ok(Zeroizing::new(content))
}

/// Decodes base64 of a text, in either alphabet, with or without padding, with line ends anywhere.
pub(crate) fn decode_text(text: &str) -> Result<Zeroizing<String>, KeyError> {
    let mut decoded = decode(text)?;
    String::from_utf8(std::mem::take(&mut *decoded)).map(Zeroizing::new).map_err(|error| {
        error.into_bytes().zeroize();
        KeyError::Base64 { what: "the text" }
    })
}

/// Decodes base64 in either alphabet, with or without padding, with line ends anywhere.
fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let mut compact: Zeroizing<Vec<u8>> =
        Zeroizing::new(text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect());
    for byte in compact.iter_mut() {
        match byte {
            b'-' => *byte = b'+',
            b'_' => *byte = b'/',
            _ => {}
        }
    }
    let decoded = STANDARD_PAD_INDIFFERENT.decode(&*compact);
    decoded.map(Zeroizing::new).map_err(|_| KeyError::Base64 { what: "the text" })
}

fn decode_32(text: &str, what: &'static str) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let decoded = Zeroizing::new(URL_SAFE_PAD_INDIFFERENT.decode(text).map_err(|_| KeyError::Base64 { what })?);
    let mut bytes = Zeroizing::new([0; 32]);
    if decoded.len() != bytes.len() {
        return Err(KeyError::Length { what, actual: decoded.len() });
    }
    bytes.copy_from_slice(&decoded);
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `test-key-ed25519` of RFC 9421 Appendix B.1.4.
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n";
    const X: &str = "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs";
    const D: &str = "n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU";

    #[test]
    fn every_form_of_the_same_key() {
        let base64 = STANDARD.encode(PEM);
        let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","d":"{D}","x":"{X}"}}"#);
        let forms = [
            PEM.to_owned(),
            PEM.replace('\n', "\r\n"),
            PEM.replace('\n', "\\n"),
            PEM.replace('\n', "\\r\\n"),
            PEM.replace('\n', " "),
            format!("A comment before\n\n{PEM}\n\nand after"),
            base64.clone(),
            format!(" {}\n{} ", &base64[..40], &base64[40..]),
            base64.trim_end_matches('=').to_owned(),
            URL_SAFE_NO_PAD.encode(PEM),
            format!("\n{jwk}\n"),
            STANDARD.encode(&jwk),
            format!(r#"{{"d":"{D}="}}"#),
        ];
        for form in forms {
            let key = PrivateKey::parse(&form).unwrap_or_else(|error| panic!("{form}: {error}"));
            assert_eq!(key.public_key().to_base64url(), X, "{form}");
            assert_eq!(*key.to_pem(), PEM, "{form}");
        }
        assert_eq!(*PrivateKey::from_base64_pem(&base64).unwrap().to_pem(), PEM);
    }

    /// PKCS#8 version 2 carries the public key too. Seed and public key are those of RFC 8410 §10.
    #[test]
    fn pkcs8_with_the_public_key() {
        let seed: [u8; 32] =
            STANDARD.decode("1O5y2/kTWErVttjx92n4rTr+fCjL8dT74Jeoj0R1WEI=").unwrap().try_into().unwrap();
        let public = STANDARD.decode("Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=").unwrap();
        let mut der = vec![0x30, 0x51, 2, 1, 1, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        der.extend(seed);
        der.extend([0x81, 0x21, 0]);
        der.extend(&public);
        let pem = |der: &[u8]| format!("-----BEGIN PRIVATE KEY-----{}-----END PRIVATE KEY-----", STANDARD.encode(der));
        assert_eq!(PrivateKey::parse(&pem(&der)).unwrap().public_key().to_bytes(), *public);
        let last = der.len() - 1;
        der[last] ^= 1;
        assert!(matches!(PrivateKey::parse(&pem(&der)), Err(KeyError::Pkcs8(_))), "another key's public half");
    }

    #[test]
    fn unusable_texts_are_named() {
        fn check(text: &str, expected: &str) {
            let error = PrivateKey::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
        let rsa = "-----BEGIN PRIVATE KEY-----MC4CAQAwBQYDK2VuBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF-----END PRIVATE KEY-----";
        check("", "expected a PEM, a JWK");
        check("nonsense!", "expected a PEM, a JWK");
        check("bm9uc2Vuc2U=", "expected a PEM, a JWK");
        check("/////w==", "expected a PEM, a JWK");
        check("-----BEGIN PRIVATE KEY-----", "not a PEM");
        check("-----BEGIN PRIVATE KEY-----AAAA-----END PUBLIC KEY-----", "not a PEM");
        check("-----BEGIN PUBLIC KEY-----AAAA-----END PUBLIC KEY-----", "holds a PUBLIC KEY");
        check("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----", "OPENSSH PRIVATE KEY");
        check("-----BEGIN PRIVATE KEY-----AA-A-----END PRIVATE KEY-----", "not proper base64");
        check("-----BEGIN PRIVATE KEY-----AAAA-----END PRIVATE KEY-----", "not a PKCS#8 Ed25519 private key");
        check(rsa, "not a PKCS#8 Ed25519 private key");
        check("{", "not a JWK");
        check(r#"{"kid":"a"}"#, "no `d`");
        check(r#"{"d":"AAAA"}"#, "`d` has 3 bytes instead of 32");
        check(r#"{"d":"A*AA"}"#, "`d` is not proper base64");
        check(
            &format!(r#"{{"d":"{D}","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}"#),
            "does not belong to its `d`",
        );
        check(&format!(r#"{{"d":"{D}","crv":"X25519"}}"#), r#"`crv` is "X25519", expected Ed25519"#);
    }

    #[test]
    fn every_form_of_the_same_public_key() {
        // As OpenSSL writes it for the private key above (RFC 9421 Appendix B.1.4).
        let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----\n";
        let forms = [
            pem.to_owned(),
            pem.replace('\n', "\\n"),
            STANDARD.encode(pem),
            X.to_owned(),
            format!(" {}=\n", X.replace('-', "+").replace('_', "/")),
            format!(r#"{{"x":"{X}"}}"#),
            format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"k","x":"{X}"}}"#),
            STANDARD.encode(format!(r#" {{"x":"{X}"}}"#)),
        ];
        for form in forms {
            let key = PublicKey::parse(&form).unwrap_or_else(|error| panic!("{form}: {error}"));
            assert_eq!(key.to_base64url(), X, "{form}");
        }
    }

    #[test]
    fn unusable_public_keys_are_named() {
        fn check(text: &str, expected: &str) {
            let error = PublicKey::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
        check("", "not a public key");
        check("nonsense!", "not a public key");
        check("bm9uc2Vuc2U=", "not a public key");
        check(PEM, "holds a PRIVATE KEY; expected an unencrypted PUBLIC KEY");
        check("-----BEGIN PUBLIC KEY-----", "it needs a -----BEGIN PUBLIC KEY-----");
        check("-----BEGIN PUBLIC KEY-----AAAA-----END PUBLIC KEY-----", "not an Ed25519 public key");
        check(&PEM.replace("PRIVATE", "PUBLIC"), "not an Ed25519 public key");
        check("{", "not a JWK");
        check(r#"{"kid":"a"}"#, "no `x`");
        check(&format!(r#"{{"d":"{D}","x":"{X}"}}"#), "contains the private key");
        check(&format!(r#"{{"x":"{X}","crv":"X25519"}}"#), r#"`crv` is "X25519""#);
        check("AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "weak");
    }

    #[test]
    fn nothing_secret_is_printed() {
        let key = PrivateKey::parse(PEM).unwrap();
        let text = format!("{key:?} {:?}", PrivateJwk { kid: None, key: key.clone() });
        assert!(text.contains(X), "{text}");
        assert!(!text.contains(D) && !text.contains("n4Ni"), "{text}");
        // The secret where another member belongs, or in the wrong type.
        for json in [r#"{"d": 123456789}"#, r#"{"d": "s3cret", "kty": ["s3cret"]}"#, r#"{"d": "s3cret"}"#] {
            let error = format!("{:?} {0}", PrivateKey::from_jwk(json).unwrap_err());
            assert!(!error.contains("123456789") && !error.contains("s3cret"), "{error}");
        }
    }

    /// With R the neutral element and S the hash times the secret scalar, the plain equation holds.
    #[test]
    fn verification_is_strict() {
        use ed25519_dalek::Verifier as _;
        const S: [u8; 32] = [
            0xd4, 0xc5, 0x32, 0x31, 0x31, 0xff, 0x96, 0x83, 0xcf, 0xb3, 0xd3, 0x01, 0x97, 0xc7, 0x86, 0xc9, 0x04, 0x3f,
            0x10, 0x52, 0xd6, 0xc2, 0xd5, 0x29, 0x3f, 0x19, 0xd6, 0xf3, 0x6b, 0x91, 0x11, 0x04,
        ];
        let mut signature = [0; 64];
        signature[0] = 1;
        signature[32..].copy_from_slice(&S);
        let key = PrivateKey::from_seed([7; 32]).public_key();
        let loose = key.0.verify(b"message", &ed25519_dalek::Signature::from_bytes(&signature));
        assert!(loose.is_ok(), "the vector shows the difference");
        assert!(!key.verify(b"message", &signature));
    }

    #[test]
    fn public_keys_are_checked() {
        fn check(bytes: [u8; 32], expected: Option<KeyError>) {
            assert_eq!(PublicKey::from_bytes(&bytes).err(), expected, "{bytes:02x?}");
        }
        let with_first = |first: u8, middle: u8, last: u8| {
            let mut bytes = [middle; 32];
            bytes[0] = first;
            bytes[31] = last;
            bytes
        };
        check(PrivateKey::from_seed([7; 32]).public_key().to_bytes(), None);
        check(with_first(1, 0, 0), Some(KeyError::Weak)); // the neutral element
        check(with_first(0, 0, 0), Some(KeyError::Weak)); // order 4
        check(with_first(0xec, 0xff, 0x7f), Some(KeyError::Weak)); // order 2
        check(with_first(2, 0, 0), Some(KeyError::NotAPoint)); // not on the curve
        check(with_first(0xee, 0xff, 0x7f), Some(KeyError::NotAPoint)); // y = p + 1, the neutral element again
        check(with_first(0xf0, 0xff, 0x7f), Some(KeyError::NotAPoint)); // y = p + 3, a point when reduced
    }
}
