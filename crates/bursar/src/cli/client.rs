//! The client library, set up from the command line.

use super::failure::{Done, Failure};
use bursar_client::{AuthenticatedClient, Client, Error, PrivateKey};
use bursar_httpsig::jwk::PrivateJwk;
use clap::Args;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

const USER_AGENT: &str = concat!("bursar/", env!("CARGO_PKG_VERSION"));

/// Who the app is.
#[derive(Args, Debug)]
pub struct Identity {
    /// Wallet address of the app, at which its public key is published.
    #[arg(long, value_name = "ADDRESS", env = "BURSAR_CLIENT_WALLET")]
    client_wallet: String,
    /// File of the app's private key (PEM or JWK); bursar keys generate makes one.
    #[arg(long, value_name = "FILE", env = "BURSAR_KEY")]
    key: PathBuf,
    /// Name under which the public key is published [default: the name in a JWK, else the key's fingerprint]
    #[arg(long, value_name = "KID", env = "BURSAR_KEY_ID")]
    key_id: Option<String>,
}

/// Who the app was when a grant was given, to be so again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    wallet_address: String,
    /// Absolute, so that it does not matter from where the next command is run.
    key_file: PathBuf,
    key_id: String,
}

impl Identity {
    /// Reads the key, and what it is called.
    pub fn known(self) -> Done<Known> {
        let Self { client_wallet: wallet_address, key: key_file, key_id } = self;
        let key_file = std::path::absolute(&key_file)
            .map_err(|error| Failure::io(format_args!("{} cannot be found", key_file.display()), &error))?;
        let known = Known { wallet_address, key_file, key_id: String::new() };
        let (text, key) = known.read_key()?;
        let key_id = match key_id {
            Some(key_id) => key_id,
            None => PrivateJwk::from_json(text.trim())
                .ok()
                .and_then(|jwk| jwk.kid)
                .or_else(|| Some(key.public_jwk("key").ok()?.thumbprint()))
                .unwrap_or_default(),
        };
        Ok(Known { key_id, ..known })
    }
}

impl Known {
    fn read_key(&self) -> Done<(String, PrivateKey)> {
        let file = self.key_file.display();
        let text = std::fs::read_to_string(&self.key_file).map_err(|error| {
            Failure::io(format_args!("the private key cannot be read from {file}"), &error)
                .advise("name the file with --key, or make a key with bursar keys generate")
        })?;
        let key = PrivateKey::parse(&text).map_err(|error| Failure::new(format!("{file}: {error}")))?;
        Ok((text, key))
    }

    /// A client that signs as this app.
    pub fn client(&self) -> Done<AuthenticatedClient> {
        let (_, key) = self.read_key()?;
        let builder = Client::builder().user_agent(USER_AGENT).wallet_address(&self.wallet_address);
        Ok(builder.key_id(&self.key_id).private_key(key).build()?)
    }

    /// When a provider does not accept the app's key: what the app's wallet address really publishes.
    pub async fn explain(&self, client: &AuthenticatedClient, error: Error) -> Failure {
        if !error.refusal().is_some_and(|refusal| matches!(&*refusal.code, "invalid_client" | "invalid_signature")) {
            return error.into();
        }
        let failure = Failure::from(error);
        let Ok(keys) = client.wallet_address(&self.wallet_address).keys().await else { return failure };
        let ours = client_key(&keys, self);
        match ours {
            Published::Same => failure,
            Published::Other => failure.advise(format!(
                "{} publishes another key under the name {}; use the private key that belongs to it, or publish yours",
                self.wallet_address, self.key_id
            )),
            Published::No => {
                let names: Vec<_> = keys.keys.iter().map(|key| key.kid()).collect();
                let published = if names.is_empty() { "no key at all".to_owned() } else { names.join(", ") };
                failure.advise(format!(
                    "{} does not publish a key named {}, but {published}; publish it there, or name another with --key-id",
                    self.wallet_address, self.key_id
                ))
            }
        }
    }
}

enum Published {
    Same,
    Other,
    No,
}

fn client_key(keys: &bursar_client::JwkSet, known: &Known) -> Published {
    match (keys.find(&known.key_id), known.read_key()) {
        (Some(published), Ok((_, key))) if *published.public_key() == key.public_key() => Published::Same,
        (Some(_), _) => Published::Other,
        (None, _) => Published::No,
    }
}

/// A client for what anybody may see.
pub fn public() -> Done<Client> {
    Ok(Client::builder().user_agent(USER_AGENT).build()?)
}
