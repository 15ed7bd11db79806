//! The keys with which programs sign in the name of a person's wallet address, as that person looks after them.

use crate::addresses::{self, OwnAddress};
use crate::login::LoggedIn;
use crate::{App, Error};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT},
};
use bursar_core::access::ClientId;
use bursar_core::{Code, Id};
use bursar_httpsig::{Jwk, KeyError, PrivateKey, PublicKey};
use bursar_store::LockKey;
use bursar_store::wallet_key::{self, OwnKey};
use jiff::Timestamp;
use serde::Deserialize;

/// Most keys of one wallet address.
pub const KEYS_MAX: usize = 50;
/// Longest name of a key for people, in characters.
pub const NAME_LENGTH_MAX: usize = 60;

/// A key as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its id at this provider.
    pub id: Id,
    /// Its name in signatures and key sets.
    pub kid: String,
    /// Its name for people.
    pub name: Option<String>,
    /// The key itself, as the member `x` of a JWK.
    pub x: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last signed something, to about an hour.
    pub used_at: Option<Timestamp>,
}

/// A public key that somebody pasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pasted {
    /// The key.
    pub key: PublicKey,
    /// The name that came with it.
    pub kid: Option<String>,
}

/// Why what was pasted is no public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// It is a private key, which nobody should have seen.
    Private,
    /// It is something else.
    Other(KeyError),
}

/// Reads a public key as people have it: PEM, JWK with or without `kid` and `alg`, DER or the 32 bytes as base64 or
/// base64url, or base64 of a JWK or a PEM.
///
/// # Errors
/// When it is none. A private key is told apart from what cannot be read, in whatever form it comes.
pub fn read(text: &str) -> Result<Pasted, Unusable> {
    let text = text.trim();
    if is_private(text) {
        return Err(Unusable::Private);
    }
    let key = PublicKey::parse(text).or_else(|error| from_der(text).unwrap_or(Err(error)));
    let key = key.map_err(|error| match error {
        KeyError::PrivateMember => Unusable::Private,
        error => Unusable::Other(error),
    })?;
    Ok(Pasted { key, kid: kid_of(text) })
}

/// Bytes of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4).
const SPKI_BYTES: usize = 44;
/// Bytes of seed and public key one after the other, as some libraries keep a private key.
const SEED_AND_KEY_BYTES: usize = 64;
/// How the DER of an unencrypted Ed25519 private key begins, after its length (RFC 8410 §7).
const PKCS8_HEAD: [u8; 14] = [0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

fn is_private(text: &str) -> bool {
    let decoded = decode(text).unwrap_or_default();
    let within = String::from_utf8_lossy(&decoded);
    let is_labelled = |text: &str| text.contains("PRIVATE KEY");
    let holds_private = |text: &str| PrivateKey::parse(text).is_ok() || has_private_member(text);
    is_labelled(text)
        || is_labelled(&within)
        || holds_private(text)
        || holds_private(&within)
        || decoded.len() == SEED_AND_KEY_BYTES
        || decoded.get(2..16).or_else(|| decoded.get(3..17)).is_some_and(|head| head == PKCS8_HEAD)
}

/// Members of a JWK that say what it is called, or that it is private (RFC 7517 §4, RFC 8037 §2).
#[derive(Deserialize)]
struct Members {
    kid: Option<String>,
    #[serde(default)]
    d: Option<serde::de::IgnoredAny>,
}

fn has_private_member(text: &str) -> bool {
    serde_json::from_str::<Members>(text).is_ok_and(|members| members.d.is_some())
}

fn kid_of(text: &str) -> Option<String> {
    let members = |text: &str| serde_json::from_str::<Members>(text).ok();
    let decoded = || String::from_utf8(decode(text)?).ok();
    let found = members(text).or_else(|| members(&decoded()?));
    found?.kid.filter(|kid| !kid.trim().is_empty())
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let plain: String = text.split_whitespace().collect();
    STANDARD_PAD_INDIFFERENT.decode(&plain).or_else(|_| URL_SAFE_PAD_INDIFFERENT.decode(&plain)).ok()
}

fn from_der(text: &str) -> Option<Result<PublicKey, KeyError>> {
    let der = decode(text).filter(|der| der.len() == SPKI_BYTES)?;
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der));
    Some(PublicKey::from_pem(&pem))
}

/// A name for a key that came without one: it follows from the key, so that the same key is called the same everywhere.
pub fn proposed_kid(key: PublicKey) -> String {
    let thumbprint = Jwk::new("key", key).map(|jwk| jwk.thumbprint()).unwrap_or_default();
    let plain: String = thumbprint.chars().filter(char::is_ascii_alphanumeric).take(10).collect();
    format!("key-{}", plain.to_lowercase())
}

/// A name for a key that is yet to be made.
pub fn new_kid(app: &App) -> String {
    let bytes: [u8; 5] = app.random.bytes();
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("key-{digits}")
}

/// The keys of a person's wallet address, oldest first.
///
/// # Errors
/// [`Code::NotFound`] when the wallet address is not theirs.
pub async fn list(app: &App, person: &LoggedIn, address: &str) -> Result<(OwnAddress, Vec<Key>), Error> {
    let (holder, id) = (person.holder, address.to_owned());
    let read = app.store.read(move |tx| {
        let wallet = addresses::find(tx, &holder, &id)?;
        let keys = wallet_key::of_address(tx, &wallet.id)?;
        Ok::<_, Error>((OwnAddress::from(wallet), keys))
    });
    let (address, keys) = read.await?;
    let keys = keys.into_iter().map(|key| seen(app, &address, key)).collect::<Result<_, _>>()?;
    Ok((address, keys))
}

/// A key of a person's wallet address.
///
/// # Errors
/// [`Code::NotFound`].
pub async fn get(app: &App, person: &LoggedIn, address: &str, key: &str) -> Result<(OwnAddress, Key), Error> {
    let (address, keys) = list(app, person, address).await?;
    let found = keys.into_iter().find(|own| own.id.to_string() == key);
    Ok((address, found.ok_or_else(|| Error::not_found("key"))?))
}

fn seen(app: &App, address: &OwnAddress, key: OwnKey) -> Result<Key, Error> {
    let public = PublicKey::from_bytes(&key.x).map_err(|error| Error::Internal(error.to_string()))?;
    // This node may have seen it used since that was last written.
    let used_at = key.used_at.max(app.key_uses.last(&address.url, &key.kid).filter(|at| *at >= key.created_at));
    Ok(Key { id: key.id, x: public.to_base64url(), kid: key.kid, name: key.name, created_at: key.created_at, used_at })
}

/// Adds a public key. It is in force at once.
///
/// # Errors
/// [`Code::InvalidResourceRequest`] for a name that cannot be one; [`Code::Conflict`] when there is a key of this `kid`,
/// or as many as one can have; [`Code::NotFound`] when the wallet address is not theirs.
pub async fn add(
    app: &App,
    person: &LoggedIn,
    address: &str,
    key: PublicKey,
    kid: &str,
    name: &str,
) -> Result<(), Error> {
    let invalid = |text: &'static str| Error::refused(Code::InvalidResourceRequest, text);
    let (kid, name) = (kid.trim(), name.trim());
    if Jwk::new(kid, key).is_err() {
        return Err(invalid("a key ID has 1 to 256 letters, digits or signs of plain ASCII"));
    }
    if name.chars().count() > NAME_LENGTH_MAX || name.chars().any(char::is_control) {
        return Err(invalid("a name has at most 60 characters, and no control characters"));
    }
    let (now, id) = app.now_and_id();
    let new = OwnKey {
        id,
        kid: kid.to_owned(),
        x: key.to_bytes(),
        name: (!name.is_empty()).then(|| name.to_owned()),
        created_at: now,
        used_at: None,
    };
    let (holder, address) = (person.holder, address.to_owned());
    let taken = || Error::refused(Code::Conflict, "this address has a key with this ID already: remove that one first");
    let added = app
        .store
        .write(vec![LockKey::of(&holder)], move |tx| {
            let wallet = addresses::find(tx, &holder, &address)?;
            let keys = wallet_key::of_address(tx, &wallet.id)?;
            if keys.iter().any(|key| key.kid == new.kid) {
                return Err(taken());
            }
            if keys.len() >= KEYS_MAX {
                let text = "this address has as many keys as one can have, which is 50: remove one that is not used";
                return Err(Error::refused(Code::Conflict, text));
            }
            wallet_key::insert(tx, &wallet.id, &new)?;
            Ok(wallet.url)
        })
        .await;
    match added {
        Err(Error::Store(bursar_store::Error::Unique(_))) => Err(taken()),
        added => {
            app.wallets.forget_one(&added?);
            Ok(())
        }
    }
}

/// Makes a key pair and adds its public half. The private half is in the answer, and nowhere else.
///
/// # Errors
/// As [`add`].
pub async fn generate(app: &App, person: &LoggedIn, address: &str, kid: &str, name: &str) -> Result<PrivateKey, Error> {
    let key = PrivateKey::from_seed(app.random.bytes());
    add(app, person, address, key.public_key(), kid, name).await?;
    Ok(key)
}

/// Removes a key. Nothing that it signs is accepted from now on; on other nodes from about a second later. Removing it
/// once more is harmless.
///
/// # Errors
/// [`Code::NotFound`] when the wallet address is not theirs.
pub async fn remove(app: &App, person: &LoggedIn, address: &str, key: &str) -> Result<(), Error> {
    let missing = || Error::not_found("key");
    let key: Id = key.parse().map_err(|_| missing())?;
    let (holder, address, now) = (person.holder, address.to_owned(), app.clock.now());
    let removed = app.store.write(vec![LockKey::of(&holder)], move |tx| {
        let wallet = addresses::find(tx, &holder, &address)?;
        let Some(key) = wallet_key::by_id(tx, &wallet.id, &key)? else { return Ok(None) };
        wallet_key::revoke(tx, &wallet.id, &key.id, now)?;
        Ok::<_, Error>(Some((wallet.url, key.kid)))
    });
    let Some((url, kid)) = removed.await? else { return Ok(()) };
    app.wallets.forget_one(&url);
    app.key_uses.forget(&url, &kid);
    app.callers.forget(|caller| matches!(&caller.client, ClientId::WalletAddress(client) if *client == url));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first test key of RFC 8032 §7.1.
    const SEED: [u8; 32] = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44, 0x49,
        0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ];
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const DER: &str = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

    #[test]
    fn public_keys_come_in_many_forms() {
        #[track_caller]
        fn check(text: &str, kid: Option<&str>) {
            let pasted = read(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
            assert_eq!((pasted.key.to_base64url().as_str(), pasted.kid.as_deref()), (X, kid), "{text}");
        }
        let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}"}}"#);
        let named = format!(r#"{{"kid":"mine","alg":"EdDSA","kty":"OKP","crv":"Ed25519","x":"{X}"}}"#);
        check(X, None);
        check(&format!("  {X}=\n"), None);
        check("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", None);
        check(&jwk, None);
        check(&named, Some("mine"));
        check(&STANDARD.encode(&named), Some("mine"));
        check(&format!(r#"{{"kid":" ","x":"{X}"}}"#), None);
        check(DER, None);
        check(&format!("-----BEGIN PUBLIC KEY-----\r\n{DER}\r\n-----END PUBLIC KEY-----"), None);
        check(&STANDARD.encode(format!("-----BEGIN PUBLIC KEY-----\n{DER}\n-----END PUBLIC KEY-----\n")), None);
    }

    #[test]
    fn private_keys_are_told_apart() {
        let key = PrivateKey::from_seed(SEED);
        let pem = key.to_pem().to_string();
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{X}","d":"{X}"}}"#);
        let both = [SEED, key.public_key().to_bytes()].concat();
        let rsa = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----";
        for text in [
            pem.as_str(),
            &body,
            &STANDARD.encode(&pem),
            &jwk,
            &STANDARD.encode(&jwk),
            r#"{"d":5}"#,
            r#"{"kty":"RSA","d":"AQAB"}"#,
            &STANDARD.encode(both),
            rsa,
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        ] {
            assert_eq!(read(text), Err(Unusable::Private), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in ["", "hello", "{}", "AAAA", "ssh-ed25519 AAAA", r#"{"keys":[]}"#, &STANDARD.encode([0; 32]), "🦀"]
        {
            assert!(matches!(read(text), Err(Unusable::Other(_))), "{text}: {:?}", read(text));
        }
    }

    #[test]
    fn a_key_without_a_name_is_always_called_the_same() {
        let key = PrivateKey::from_seed(SEED).public_key();
        // From its thumbprint, which RFC 8037 appendix A.3 gives.
        assert_eq!(proposed_kid(key), "key-kprkqmxvwa");
    }
}
