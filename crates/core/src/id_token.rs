//! ID tokens of other identity providers (OpenID Connect Core 1.0 §2, §3.1.3.7), and the keys that sign them
//! (RFC 7517, RFC 7518).
//!
//! Only signatures by a provider's published keys count: neither `none` nor shared secrets, which a confused provider
//! or attacker could use.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Largest token that is looked at.
const TOKEN_LENGTH_MAX: usize = 16 * 1024;
/// Longest subject (OpenID Connect Core §2: 255 ASCII characters).
const SUBJECT_LENGTH_MAX: usize = 255;
/// Most keys of a set that are looked at.
const KEYS_MAX: usize = 64;
/// How far clocks of others may be off, in seconds.
pub const SKEW_SECONDS: i64 = 60;

/// What a token must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Who must have issued it, to the letter.
    pub issuer: &'a str,
    /// For whom.
    pub client_id: &'a str,
    /// In which log-in.
    pub nonce: &'a str,
    /// The present, in seconds since 1970.
    pub now_seconds: i64,
    /// From when on the person must have proven who they are, in seconds since 1970, if that was asked for.
    pub authenticated_after: Option<i64>,
}

/// What a valid token says.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// Who it is, as the issuer calls them for ever.
    pub subject: String,
    all: Map<String, Value>,
}

impl Claims {
    /// A claim that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name).and_then(Value::as_str)
    }
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is no signed token.
    #[error("it is no signed token")]
    Unreadable,
    /// It is signed in a way that is not accepted.
    #[error("it is signed in a way that is not accepted")]
    Algorithm,
    /// The issuer publishes no such key. It may have a new one since its keys were read.
    #[error("its key is not among the provider's")]
    UnknownKey,
    /// The signature is not by that key.
    #[error("its signature is wrong")]
    Signature,
    /// Somebody else issued it.
    #[error("another provider issued it")]
    Issuer,
    /// It is for somebody else.
    #[error("it is for another application")]
    Audience,
    /// It belongs to another log-in.
    #[error("it belongs to another log-in")]
    Nonce,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is from the future")]
    Future,
    /// It does not say who it is about.
    #[error("it names nobody")]
    Subject,
    /// It does not say that the person has proven just now who they are.
    #[error("the log-in there was not just now")]
    Stale,
}

/// The keys of a provider.
#[derive(Debug, Clone, Default)]
pub struct KeySet(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    id: Option<String>,
    algorithm: Option<String>,
    material: Material,
}

#[derive(Debug, Clone)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A key as it is published (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    kid: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a key set. Keys that cannot sign ID tokens, or are of kinds that are not known, are passed over.
    ///
    /// # Errors
    /// [`Invalid::Unreadable`] if it is none.
    pub fn parse(json: &[u8]) -> Result<Self, Invalid> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(json).map_err(|_| Invalid::Unreadable)?;
        let keys = set.keys.into_iter().take(KEYS_MAX);
        Ok(Self(keys.filter_map(|key| Key::read(serde_json::from_value(key).ok()?)).collect()))
    }

    /// The one key that can have made a signature: of this name, or the only one that fits if there is no name.
    fn find(&self, id: Option<&str>, algorithm: &str) -> Result<&Key, Invalid> {
        let mut fitting = self.0.iter().filter(|key| {
            key.material.makes(algorithm)
                && key.algorithm.as_ref().is_none_or(|only| only == algorithm)
                && id.is_none_or(|id| key.id.as_deref() == Some(id))
        });
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            _ => Err(Invalid::UnknownKey),
        }
    }
}

impl Key {
    fn read(jwk: Jwk) -> Option<Self> {
        if jwk.purpose.is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let bytes = |text: Option<String>| URL_SAFE_NO_PAD.decode(text?).ok();
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Material::Rsa { n: without_zeros(bytes(jwk.n)?), e: without_zeros(bytes(jwk.e)?) },
            ("EC", Some("P-256")) => Material::P256(point(&bytes(jwk.x)?, &bytes(jwk.y)?, 32)?),
            ("EC", Some("P-384")) => Material::P384(point(&bytes(jwk.x)?, &bytes(jwk.y)?, 48)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(jwk.x).filter(|x| x.len() == 32)?),
            _ => return None,
        };
        Some(Self { id: jwk.kid, algorithm: jwk.alg, material })
    }

    fn verifies(&self, algorithm: &str, signed: &[u8], signature: &[u8]) -> bool {
        let done = match &self.material {
            Material::Rsa { n, e } => match rsa(algorithm) {
                Some(parameters) => RsaPublicKeyComponents { n, e }.verify(parameters, signed, signature),
                None => return false,
            },
            Material::P256(key) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(signed, signature),
            Material::P384(key) => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key).verify(signed, signature),
            Material::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(signed, signature),
        };
        done.is_ok()
    }
}

impl Material {
    fn makes(&self, algorithm: &str) -> bool {
        match self {
            Self::Rsa { .. } => rsa(algorithm).is_some(),
            Self::P256(_) => algorithm == "ES256",
            Self::P384(_) => algorithm == "ES384",
            Self::Ed25519(_) => matches!(algorithm, "EdDSA" | "Ed25519"),
        }
    }
}

fn rsa(algorithm: &str) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        "RS256" => &RSA_PKCS1_2048_8192_SHA256,
        "RS384" => &RSA_PKCS1_2048_8192_SHA384,
        "RS512" => &RSA_PKCS1_2048_8192_SHA512,
        "PS256" => &RSA_PSS_2048_8192_SHA256,
        "PS384" => &RSA_PSS_2048_8192_SHA384,
        "PS512" => &RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

/// Some providers write numbers with zeros before them.
fn without_zeros(bytes: Vec<u8>) -> Vec<u8> {
    bytes.into_iter().skip_while(|byte| *byte == 0).collect()
}

/// A point of a curve, uncompressed (SEC 1 §2.3.3).
fn point(x: &[u8], y: &[u8], length: usize) -> Option<Vec<u8>> {
    (x.len() == length && y.len() == length).then(|| [&[4], x, y].concat())
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Body {
    iss: String,
    aud: Value,
    azp: Option<String>,
    sub: String,
    nonce: Option<String>,
    exp: Value,
    iat: Value,
    nbf: Option<Value>,
    auth_time: Option<Value>,
}

/// Verifies a token and everything that it must say (OpenID Connect Core 1.0 §3.1.3.7).
///
/// # Errors
/// The first thing that is wrong.
pub fn verify(token: &str, keys: &KeySet, expected: &Expected<'_>) -> Result<Claims, Invalid> {
    if token.len() > TOKEN_LENGTH_MAX {
        return Err(Invalid::Unreadable);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(Invalid::Unreadable)?;
    let (header, body) = signed.split_once('.').ok_or(Invalid::Unreadable)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Invalid::Unreadable);
    let (header, body, signature) = (decode(header)?, decode(body)?, decode(signature)?);
    let header: Header = serde_json::from_slice(&header).map_err(|_| Invalid::Unreadable)?;
    // Extensions that must be understood, none of which is (RFC 7515 §4.1.11), and tokens for other uses.
    if header.crit.is_some() || header.typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
        return Err(Invalid::Algorithm);
    }
    if rsa(&header.alg).is_none() && !matches!(header.alg.as_str(), "ES256" | "ES384" | "EdDSA" | "Ed25519") {
        return Err(Invalid::Algorithm);
    }
    let key = keys.find(header.kid.as_deref(), &header.alg)?;
    if !key.verifies(&header.alg, signed.as_bytes(), &signature) {
        return Err(Invalid::Signature);
    }
    let all: Map<String, Value> = serde_json::from_slice(&body).map_err(|_| Invalid::Unreadable)?;
    let body: Body = serde_json::from_value(Value::Object(all.clone())).map_err(|_| Invalid::Unreadable)?;
    check(&body, expected)?;
    Ok(Claims { subject: body.sub, all })
}

fn check(body: &Body, expected: &Expected<'_>) -> Result<(), Invalid> {
    if body.iss != expected.issuer {
        return Err(Invalid::Issuer);
    }
    let audience: Vec<&str> = match &body.aud {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return Err(Invalid::Unreadable),
    };
    let for_us = audience.contains(&expected.client_id);
    let authorized = match &body.azp {
        Some(party) => party == expected.client_id,
        None => audience.len() == 1,
    };
    if !for_us || !authorized {
        return Err(Invalid::Audience);
    }
    if body.nonce.as_deref() != Some(expected.nonce) {
        return Err(Invalid::Nonce);
    }
    let (now, expires) = (expected.now_seconds, seconds(&body.exp)?);
    if now >= expires.saturating_add(SKEW_SECONDS) {
        return Err(Invalid::Expired);
    }
    let begins = body.nbf.as_ref().map(seconds).transpose()?;
    if [Some(seconds(&body.iat)?), begins].into_iter().flatten().any(|at| at.saturating_sub(SKEW_SECONDS) > now) {
        return Err(Invalid::Future);
    }
    if body.sub.is_empty() || body.sub.len() > SUBJECT_LENGTH_MAX || body.sub.chars().any(char::is_control) {
        return Err(Invalid::Subject);
    }
    if let Some(after) = expected.authenticated_after {
        let at = body.auth_time.as_ref().map(seconds).transpose()?.ok_or(Invalid::Stale)?;
        if at.saturating_add(SKEW_SECONDS) < after {
            return Err(Invalid::Stale);
        }
    }
    Ok(())
}

/// A NumericDate (RFC 7519 §2), whose fraction does not matter here.
fn seconds(value: &Value) -> Result<i64, Invalid> {
    let Value::Number(number) = value else { return Err(Invalid::Unreadable) };
    let text = number.to_string();
    text.split('.').next().unwrap_or_default().parse().map_err(|_| Invalid::Unreadable)
}
