//! JSON Web Keys (RFC 7517) of Ed25519 (RFC 8037), alone and in sets.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use crate::key::{self, KeyError, PrivateKey, PublicKey};

/// A public Ed25519 key with the `kid` that signatures name it by.
///
/// Reading is lenient in what may be left out: `alg`, `kty`, `crv` and `use` are checked only when present,
/// and unknown members are ignored. It is strict in what counts: `x` must be a proper Ed25519 public key,
/// and a JWK that contains the private key is refused. Writing always gives the full form:
///
/// ```
/// use bursar_httpsig::jwk::Jwk;
///
/// let jwk = Jwk::from_json(r#"{"kid": "key-1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#)?;
/// assert_eq!(
///     serde_json::to_string(&jwk).unwrap(),
///     r#"{"kid":"key-1","alg":"EdDSA","use":"sig","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
/// );
/// # Ok::<_, bursar_httpsig::KeyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Members")]
pub struct Jwk {
    kid: String,
    public_key: PublicKey,
}

impl Jwk {
    /// A key under a name.
    ///
    /// # Errors
    /// [`KeyError::KeyId`] when no signature could name the `kid`.
    pub fn new(kid: impl Into<String>, public_key: PublicKey) -> Result<Self, KeyError> {
        let kid = kid.into();
        key::check_key_id(&kid)?;
        Ok(Self { kid, public_key })
    }

    /// Reads the JSON text of one public key.
    ///
    /// # Errors
    /// [`KeyError`] names the member at fault.
    pub fn from_json(json: &str) -> Result<Self, KeyError> {
        serde_json::from_str::<Members>(json).map_err(|error| KeyError::Json(error.to_string()))?.try_into()
    }

    /// Reads the JSON text of one public key, or base64 of it, which is what people paste into forms.
    ///
    /// # Errors
    /// [`KeyError`] names the member at fault.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.starts_with('{') { Self::from_json(text) } else { Self::from_json(&key::decode_text(text)?) }
    }

    /// The name that a signature's `keyid` must equal.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The key itself; it was checked when the JWK was read.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The JWK thumbprint: base64url of the SHA-256 of the required members (RFC 7638 §3, RFC 8037 §2).
    ///
    /// It depends on the key alone, not on its `kid`.
    pub fn thumbprint(&self) -> String {
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, self.public_key.to_base64url());
        URL_SAFE_NO_PAD.encode(Sha256::digest(members))
    }
}

impl Serialize for Jwk {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Jwk", 6)?;
        members.serialize_field("kid", &self.kid)?;
        members.serialize_field("alg", "EdDSA")?;
        members.serialize_field("use", "sig")?;
        members.serialize_field("kty", "OKP")?;
        members.serialize_field("crv", "Ed25519")?;
        members.serialize_field("x", &self.public_key.to_base64url())?;
        members.end()
    }
}

/// The members of a public JWK before any check.
#[derive(Deserialize)]
struct Members {
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    kty: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    d: Option<IgnoredAny>,
}

impl TryFrom<Members> for Jwk {
    type Error = KeyError;

    fn try_from(mut members: Members) -> Result<Self, KeyError> {
        let kid = members.kid.take();
        let public_key = members.public_key()?;
        Self::new(kid.ok_or(KeyError::MissingMember("kid"))?, public_key)
    }
}

impl Members {
    fn public_key(self) -> Result<PublicKey, KeyError> {
        // First of all, since the owner must hear of this whatever else is wrong.
        if self.d.is_some() {
            return Err(KeyError::PrivateMember);
        }
        check_kind(self.kty, self.crv, self.alg, self.usage)?;
        PublicKey::from_base64url(&self.x.ok_or(KeyError::MissingMember("x"))?)
    }
}

/// The key in a JWK, whatever its `kid`.
pub(crate) fn public_key(json: &str) -> Result<PublicKey, KeyError> {
    serde_json::from_str::<Members>(json).map_err(|error| KeyError::Json(error.to_string()))?.public_key()
}

fn check_kind(
    kty: Option<String>,
    crv: Option<String>,
    alg: Option<String>,
    usage: Option<String>,
) -> Result<(), KeyError> {
    check_member("kty", kty, &["OKP"], "OKP")?;
    check_member("crv", crv, &["Ed25519"], "Ed25519")?;
    // RFC 9864 renames EdDSA with this curve to Ed25519; new libraries already write it so.
    check_member("alg", alg, &["EdDSA", "Ed25519"], "EdDSA")?;
    check_member("use", usage, &["sig"], "sig")
}

fn check_member(
    member: &'static str,
    found: Option<String>,
    accepted: &[&str],
    expected: &'static str,
) -> Result<(), KeyError> {
    match found {
        Some(found) if !accepted.contains(&found.as_str()) => Err(KeyError::Member { member, found, expected }),
        _ => Ok(()),
    }
}

/// A private JWK: the key and the `kid` it may carry.
#[derive(Debug, Clone)]
pub struct PrivateJwk {
    /// The `kid`, when given.
    pub kid: Option<String>,
    /// The key.
    pub key: PrivateKey,
}

impl PrivateJwk {
    /// Reads the JSON text of a private Ed25519 JWK (RFC 8037 §2).
    ///
    /// `x` may be left out, since it follows from `d`; when present it must belong to it.
    ///
    /// # Errors
    /// [`KeyError`] names the member at fault.
    pub fn from_json(json: &str) -> Result<Self, KeyError> {
        // The message of a type error quotes the value it found, which may be the secret.
        let mut members: PrivateMembers = serde_json::from_str(json).map_err(|error| {
            let position = format!("the error is at line {}, column {}", error.line(), error.column());
            KeyError::Json(position)
        })?;
        let d = Zeroizing::new(members.d.take().ok_or(KeyError::MissingMember("d"))?);
        check_kind(members.kty.take(), members.crv.take(), members.alg.take(), members.usage.take())?;
        let key = PrivateKey::from_base64url_seed(&d)?;
        if let Some(x) = members.x.take()
            && PublicKey::from_base64url(&x)? != key.public_key()
        {
            return Err(KeyError::Mismatch);
        }
        Ok(Self { kid: members.kid.take(), key })
    }
}

#[derive(Deserialize)]
struct PrivateMembers {
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    kty: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    d: Option<String>,
}

impl Drop for PrivateMembers {
    fn drop(&mut self) {
        self.d.zeroize();
    }
}

/// Most keys that are read from one set.
pub const MAX_KEYS: usize = 256;

/// The keys published by one party, `{"keys": […]}` (RFC 7517 §5).
///
/// Keys that cannot be used here (other kinds, damaged, private) do not spoil the others; they are kept
/// in `refused`, so that whoever misses one can be told why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "KeySetMembers")]
pub struct JwkSet {
    /// The usable keys, in the order given.
    pub keys: Vec<Jwk>,
    /// What could not be used.
    pub refused: Vec<RefusedKey>,
}

/// A member of a key set that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedKey {
    /// Its `kid`, when it has one.
    pub kid: Option<String>,
    /// Why it cannot be used.
    pub reason: KeyError,
}

impl JwkSet {
    /// Reads the JSON text of a key set.
    ///
    /// # Errors
    /// [`KeyError::Json`] when it is not an object with a list `keys`; [`KeyError::TooManyKeys`].
    pub fn from_json(json: &str) -> Result<Self, KeyError> {
        serde_json::from_str::<KeySetMembers>(json).map_err(|error| KeyError::Json(error.to_string()))?.try_into()
    }

    /// The first usable key of that name.
    pub fn find(&self, kid: &str) -> Option<&Jwk> {
        self.keys.iter().find(|jwk| jwk.kid == kid)
    }

    /// Why a key of that name is in the set and yet not usable.
    pub fn refusal(&self, kid: &str) -> Option<&KeyError> {
        self.refused.iter().find(|key| key.kid.as_deref() == Some(kid)).map(|key| &key.reason)
    }
}

/// Writes the usable keys only.
impl Serialize for JwkSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("JwkSet", 1)?;
        members.serialize_field("keys", &self.keys)?;
        members.end()
    }
}

#[derive(Deserialize)]
struct KeySetMembers {
    keys: Vec<serde_json::Value>,
}

impl TryFrom<KeySetMembers> for JwkSet {
    type Error = KeyError;

    fn try_from(members: KeySetMembers) -> Result<Self, KeyError> {
        if members.keys.len() > MAX_KEYS {
            return Err(KeyError::TooManyKeys(members.keys.len()));
        }
        let mut set = Self::default();
        for value in members.keys {
            let kid = value.get("kid").and_then(|kid| kid.as_str()).map(str::to_owned);
            let read = Members::deserialize(value).map_err(|error| KeyError::Json(error.to_string()));
            match read.and_then(Jwk::try_from) {
                Ok(jwk) => set.keys.push(jwk),
                Err(reason) => set.refused.push(RefusedKey { kid, reason }),
            }
        }
        Ok(set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037 Appendix A.
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const D: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";

    #[test]
    fn the_thumbprint_of_rfc_8037() {
        let private =
            PrivateJwk::from_json(&format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"a","d":"{D}","x":"{X}"}}"#));
        let private = private.unwrap();
        assert_eq!(private.kid.as_deref(), Some("a"));
        let jwk = private.key.public_jwk("any").unwrap();
        assert_eq!(jwk.public_key().to_base64url(), X);
        assert_eq!(jwk.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn lenient_in_what_may_be_left_out() {
        let full = r#"{"kid":"k","alg":"EdDSA","use":"sig","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        let forms = [
            full.to_owned(),
            format!(r#"{{"kid":"k","x":"{X}"}}"#),
            format!(r#"{{"kid":"k","x":"{X}="}}"#),
            format!(r#"{{"kid":"k","x":"{X}","kty":"OKP","crv":"Ed25519"}}"#),
            format!(r#"{{"kid":"k","x":"{X}","alg":"Ed25519","ext":true,"key_ops":["verify"]}}"#),
            format!(r#"{{"kid":"k","x":"{X}","alg":null,"use":null,"d":null}}"#),
            base64::engine::general_purpose::STANDARD.encode(full),
            URL_SAFE_NO_PAD.encode(format!("\n{full}\n")),
        ];
        for form in forms {
            let jwk = Jwk::parse(&form).unwrap_or_else(|error| panic!("{form}: {error}"));
            assert_eq!(serde_json::to_string(&jwk).unwrap(), full, "{form}");
        }
    }

    #[test]
    fn strict_in_what_counts() {
        fn check(json: &str, expected: &str) {
            let error = Jwk::parse(json).unwrap_err().to_string();
            assert!(error.contains(expected), "{json}: {error}");
            if json.starts_with('{') {
                let error = serde_json::from_str::<Jwk>(json).unwrap_err().to_string();
                assert!(json == "{" || error.contains(expected.trim_start_matches("not a JWK: ")), "{json}: {error}");
            }
        }
        check("{", "not a JWK");
        check("*", "not proper base64");
        check("{}", "no `x`");
        check(&format!(r#"{{"x":"{X}"}}"#), "no `kid`");
        check(&format!(r#"{{"kid":7,"x":"{X}"}}"#), "invalid type: integer `7`");
        check(&format!(r#"{{"kid":"","x":"{X}"}}"#), "1 to 256 printable ASCII");
        check(&format!(r#"{{"kid":"clé","x":"{X}"}}"#), "1 to 256 printable ASCII");
        check(&format!(r#"{{"kid":"{}","x":"{X}"}}"#, "k".repeat(257)), "1 to 256 printable ASCII");
        check(&format!(r#"{{"kid":"k","x":"{X}","kty":"RSA"}}"#), r#"`kty` is "RSA", expected OKP"#);
        check(&format!(r#"{{"kid":"k","x":"{X}","crv":"X25519"}}"#), r#"`crv` is "X25519", expected Ed25519"#);
        check(&format!(r#"{{"kid":"k","x":"{X}","alg":"ES256"}}"#), r#"`alg` is "ES256", expected EdDSA"#);
        check(&format!(r#"{{"kid":"k","x":"{X}","use":"enc"}}"#), r#"`use` is "enc", expected sig"#);
        check(&format!(r#"{{"kid":"k","x":"{X}","x":"{X}"}}"#), "duplicate field `x`");
        check(&format!(r#"{{"kid":"k","kty":"RSA","d":"{D}","x":"{X}"}}"#), "contains the private key");
        check(r#"{"kid":"k","x":"AAAA"}"#, "`x` has 3 bytes instead of 32");
        check(r#"{"kid":"k","x":"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#, "`x` is not proper base64");
        // The last character carries four unused bits; a second spelling of the same key is refused.
        check(r#"{"kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp"}"#, "`x` is not proper base64");
        check(r#"{"kid":"k","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#, "weak");
        check(r#"{"kid":"k","x":"AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#, "not a properly encoded point");
    }

    #[test]
    fn one_bad_key_does_not_spoil_a_set() {
        let json = format!(
            r#"{{"keys":[{{"kid":"rsa","kty":"RSA","n":"AQAB","e":"AQAB"}},{{"kid":"good","x":"{X}"}},5,
                {{"kid":"leak","x":"{X}","d":"{D}"}},{{"kid":7}}]}}"#
        );
        let set = JwkSet::from_json(&json).unwrap();
        assert_eq!(set.find("good").map(|jwk| jwk.public_key().to_base64url()).as_deref(), Some(X));
        assert_eq!(set.find("rsa"), None);
        assert!(matches!(set.refusal("rsa"), Some(KeyError::Member { member: "kty", .. })));
        assert_eq!(set.refusal("leak"), Some(&KeyError::PrivateMember));
        assert_eq!(set.refusal("good"), None);
        assert_eq!(set.refused.len(), 4);
        let written = serde_json::to_string(&set).unwrap();
        assert_eq!(JwkSet::from_json(&written).unwrap().keys, set.keys);
        assert_eq!(serde_json::from_str::<JwkSet>(&json).unwrap(), set);
    }

    #[test]
    fn sets_are_bounded_and_checked() {
        assert_eq!(JwkSet::from_json(r#"{"keys":[]}"#), Ok(JwkSet::default()));
        for json in ["", "[]", "{}", r#"{"keys":{}}"#] {
            assert!(matches!(JwkSet::from_json(json), Err(KeyError::Json(_))), "{json}");
        }
        let many = format!(r#"{{"keys":[{}]}}"#, vec!["{}"; MAX_KEYS + 1].join(","));
        assert_eq!(JwkSet::from_json(&many), Err(KeyError::TooManyKeys(MAX_KEYS + 1)));
    }
}
