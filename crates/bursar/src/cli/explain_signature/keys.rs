//! The key to verify with: given in any form, or published at a wallet address.

use crate::cli::client;
use crate::cli::failure::{Done, Failure};
use bursar_client::{JwkSet, KeyError, PrivateKey, PublicKey};
use serde_json::Value;
use std::path::Path;

/// Largest file of keys that is read, in bytes.
const KEY_BYTES_MAX: usize = 1024 * 1024;

/// What there is to verify with.
#[derive(Debug)]
pub enum Keys {
    /// Nothing.
    None,
    /// One key, and its name if it has one.
    One { key: PublicKey, kid: Option<String>, from: String },
    /// A key set, of which the signature names one.
    Set { keys: JwkSet, from: String },
    /// They could not be had, for this reason.
    Unknown(String),
}

/// The key that was chosen, where it is from, and what there is to say about it.
#[derive(Debug, Default)]
pub struct Chosen {
    /// The key.
    pub key: Option<PublicKey>,
    /// Where it is from; why there is none.
    pub told: String,
    /// Why a server would not use this key, although it is here.
    pub note: Option<String>,
}

impl Keys {
    /// Reads the argument of `--key`: a key itself, or the name of a file.
    ///
    /// # Errors
    /// When it is neither, or the file holds no key.
    pub fn read(argument: &str) -> Done<Self> {
        let text = argument.trim();
        if text.starts_with('{') || text.contains("-----BEGIN") {
            return Self::parse(text, "--key").map_err(|error| Failure::usage(format!("--key: {error}")));
        }
        let path = Path::new(argument);
        if path.is_file() {
            let text = super::read_bounded(path, KEY_BYTES_MAX)?;
            let text = String::from_utf8(text).map_err(|_| Failure::usage(format!("{argument} is not text")))?;
            return Self::parse(&text, argument).map_err(|error| Failure::usage(format!("{argument}: {error}")));
        }
        Self::parse(text, "--key").map_err(|_| {
            Failure::usage(format!("--key: there is no file {argument:?}, and it is no key itself"))
                .advise("give a JWK, a PEM, the base64url of a public key, or a file with one of these")
        })
    }

    /// Reads a key or a key set.
    fn parse(text: &str, from: &str) -> Result<Self, String> {
        let from = from.to_owned();
        let text = text.trim();
        let json: Option<Value> = serde_json::from_str(text).ok();
        let member = |name: &str| json.as_ref().and_then(|json| json.get(name));
        if member("keys").is_some() {
            let keys = JwkSet::from_json(text).map_err(|error| error.to_string())?;
            return Ok(Self::Set { keys, from });
        }
        // As bursar keys generate --json has it.
        if let Some(jwk) = member("jwk").filter(|jwk| jwk.is_object()) {
            return Self::parse(&jwk.to_string(), &from);
        }
        let kid = member("kid").and_then(Value::as_str).map(str::to_owned);
        let public = PublicKey::parse(text);
        // Whoever signs has the private key at hand rather than the public one.
        let key = match (public, PrivateKey::parse(text)) {
            (Ok(key), _) => key,
            (Err(_), Ok(private)) => private.public_key(),
            (Err(KeyError::PrivateMember | KeyError::PemLabel { .. }), Err(error)) => return Err(error.to_string()),
            (Err(error), Err(_)) => return Err(error.to_string()),
        };
        Ok(Self::One { key, kid, from })
    }

    /// Fetches what is published at a wallet address. That it cannot be had is no failure: the rest can be explained
    /// without.
    ///
    /// # Errors
    /// When no request can be sent at all.
    pub async fn fetch(address: &str) -> Done<Self> {
        let address = address.strip_suffix("/jwks.json").unwrap_or(address);
        Ok(match client::public()?.wallet_address(address).keys().await {
            Ok(keys) => Self::Set { keys, from: address.to_owned() },
            Err(error) => Self::Unknown(error.to_string()),
        })
    }

    /// The key that a client sends along instead of naming its wallet address (directed identity).
    pub fn in_body(body: &[u8]) -> Option<Self> {
        let jwk = serde_json::from_slice::<Value>(body).ok()?.get("client")?.get("jwk")?.to_string();
        Self::parse(&jwk, "the request's body (client.jwk)").ok()
    }

    /// The key for a signature that names one of these, in order of preference.
    pub fn choose(&self, key_ids: &[&str]) -> Chosen {
        let named = || key_ids.join(" or ");
        match self {
            Self::None => Chosen { told: "none was given".to_owned(), ..Chosen::default() },
            Self::Unknown(why) => Chosen { told: format!("none: {why}"), ..Chosen::default() },
            Self::One { key, kid, from } => {
                let is_named = |kid: &String| key_ids.is_empty() || key_ids.contains(&kid.as_str());
                let note = kid.as_ref().filter(|kid| !is_named(kid)).map(|kid| {
                    format!(
                        "the key of {from} is named {kid:?}, but the signature says keyid {:?}: a server looks for that one",
                        named()
                    )
                });
                Chosen { key: Some(*key), told: format!("{} from {from}", key.to_base64url()), note }
            }
            Self::Set { keys, from } => {
                if let Some(jwk) = key_ids.iter().find_map(|kid| keys.find(kid)) {
                    let told = format!("{:?} of {from}", jwk.kid());
                    return Chosen { key: Some(*jwk.public_key()), told, note: None };
                }
                let refusal = key_ids.iter().find_map(|kid| keys.refusal(kid));
                let told = match (key_ids, refusal) {
                    ([], _) => format!("none of {from}, since no keyid could be read"),
                    (_, Some(reason)) => format!("none: {from} has {:?}, but it cannot be used: {reason}", named()),
                    (_, None) => format!("none: {from} has no key named {:?}, but {}", named(), names(keys)),
                };
                Chosen { told, ..Chosen::default() }
            }
        }
    }

    /// The other keys that the signature might be of, by name.
    pub fn others<'a>(&'a self, chosen: &'a Chosen) -> impl Iterator<Item = (&'a str, &'a PublicKey)> {
        let keys = match self {
            Self::Set { keys, .. } => keys.keys.as_slice(),
            _ => &[],
        };
        let named = keys.iter().map(|jwk| (jwk.kid(), jwk.public_key()));
        named.filter(|(_, key)| Some(**key) != chosen.key)
    }
}

fn names(keys: &JwkSet) -> String {
    let names: Vec<_> = keys.keys.iter().map(|key| format!("{:?}", key.kid())).collect();
    if names.is_empty() { "no key at all".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn private() -> PrivateKey {
        PrivateKey::from_seed([7; 32])
    }

    #[test]
    fn keys_are_read_in_every_form() {
        fn check(text: &str, expected: &str, name: Option<&str>) {
            let Ok(Keys::One { key, kid, .. }) = Keys::read(text) else { panic!("{text}") };
            assert_eq!((key.to_base64url().as_str(), kid.as_deref()), (expected, name), "{text}");
        }
        let ours = private().public_key().to_base64url();
        check(X, X, None);
        check(&format!("{{\"x\":\"{X}\"}}"), X, None);
        check(&format!("\n{{\"kid\":\"k\",\"x\":\"{X}\"}}"), X, Some("k"));
        check(&format!("{{\"file\":\"a\",\"jwk\":{{\"kid\":\"k\",\"x\":\"{X}\"}}}}"), X, Some("k"));
        check(&private().to_pem(), &ours, None);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), private().to_pem().as_bytes()).unwrap();
        check(file.path().to_str().unwrap(), &ours, None);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        fn check(text: &str, expected: &str) {
            let failure = Keys::read(text).unwrap_err();
            assert!(failure.message().contains(expected), "{text}: {failure:?}");
        }
        check("no-such-file.pem", "there is no file \"no-such-file.pem\", and it is no key itself");
        check("{\"keys\":7}", "not a JWK");
        check("{\"kid\":\"k\"}", "no `x`");
        check("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", "RSA PRIVATE KEY");
    }

    #[test]
    fn the_signature_names_its_key() {
        let set = format!(r#"{{"keys":[{{"kid":"a","x":"{X}"}},{{"kid":"b","kty":"RSA"}}]}}"#);
        let keys = Keys::read(&set).unwrap();
        let check = |key_ids: &[&str], found: bool, expected: &str| {
            let chosen = keys.choose(key_ids);
            assert_eq!(chosen.key.is_some(), found, "{key_ids:?}");
            assert!(chosen.told.contains(expected), "{key_ids:?}: {}", chosen.told);
            assert_eq!(keys.others(&chosen).count(), usize::from(!found));
        };
        check(&["a"], true, "\"a\" of --key");
        check(&["c", "a"], true, "\"a\" of --key");
        check(&["b"], false, "it cannot be used: the JWK's `kty` is \"RSA\"");
        check(&["c"], false, "has no key named \"c\", but \"a\"");
        check(&[], false, "no keyid could be read");

        let one = Keys::read(&format!("{{\"kid\":\"a\",\"x\":\"{X}\"}}")).unwrap();
        assert_eq!(one.choose(&["a"]).note, None);
        assert!(one.choose(&["b"]).note.unwrap().contains("named \"a\", but the signature says keyid \"b\""));
        assert_eq!(Keys::read(X).unwrap().choose(&["b"]).note, None);
    }

    #[test]
    fn a_key_may_come_with_the_request() {
        let body = format!(r#"{{"client":{{"jwk":{{"kid":"k","x":"{X}"}}}}}}"#);
        assert!(Keys::in_body(body.as_bytes()).unwrap().choose(&["k"]).key.is_some());
        for body in ["", "{}", r#"{"client":"https://a.example/b"}"#, r#"{"client":{"jwk":{}}}"#] {
            assert!(Keys::in_body(body.as_bytes()).is_none(), "{body}");
        }
    }
}
