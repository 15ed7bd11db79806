//! `bursar keys`: the key pair of an app.

use super::failure::{Done, Failure};
use super::output::{Out, say};
use super::state;
use bursar_client::generate_key;
use clap::{Args, Subcommand};
use serde_json::json;
use std::path::PathBuf;

/// Make a key for an app.
#[derive(Args, Debug)]
pub struct Keys {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Subcommand, Debug)]
enum KeysCommand {
    /// Make a new Ed25519 key pair.
    Generate(Generate),
}

/// Make a new Ed25519 key pair.
#[derive(Args, Debug)]
#[command(after_help = "\
The private key is written to a file that only you can read, and never overwrites another one.
The public key is printed as a JWK: give it to the provider of the app's wallet address, which
publishes it at <wallet address>/jwks.json.

Examples:
  bursar keys generate
  bursar keys generate --out shop.pem --kid shop-2025")]
struct Generate {
    /// File for the private key (PEM).
    #[arg(long, value_name = "FILE", default_value = "private.pem")]
    out: PathBuf,
    /// Name of the key, unique among the app's keys [default: a fingerprint of the key]
    #[arg(long, value_name = "KID")]
    kid: Option<String>,
}

/// Runs it.
pub fn run(keys: Keys, out: Out) -> Done {
    let KeysCommand::Generate(Generate { out: path, kid }) = keys.command;
    let key = generate_key().map_err(|error| Failure::new(error.to_string()))?;
    // Any name that can be written will do to compute the fingerprint, which does not depend on it.
    let named = |kid: &str| key.public_jwk(kid).map_err(|error| Failure::usage(error.to_string()));
    let jwk = match kid {
        Some(kid) => named(&kid)?,
        None => named(&named("key")?.thumbprint())?,
    };
    state::write_new(&path, key.to_pem().as_bytes()).map_err(|error| {
        let failure = Failure::io(format_args!("{} cannot be written", path.display()), &error);
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                failure.advise("choose another file with --out; keys are not overwritten")
            }
            _ => failure,
        }
    })?;
    out.remark(&format!("The private key is in {}, which only you can read.", path.display()));
    out.remark(&format!("Its name (key id) is {}. This is the public key, to be published:", jwk.kid()));
    let public = serde_json::to_string(&jwk).map_err(|error| Failure::new(error.to_string()))?;
    out.result(&json!({ "file": path, "kid": jwk.kid(), "jwk": jwk }), || say(public));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_client::PrivateKey;

    fn generate(out: PathBuf, kid: Option<&str>) -> Done {
        let command = KeysCommand::Generate(Generate { out, kid: kid.map(str::to_owned) });
        run(Keys { command }, Out::new(true))
    }

    #[test]
    fn a_key_is_written_for_its_owner_only_and_never_over_another() {
        let folder = state::tests::Folder::new();
        let path = folder.path().join("key.pem");
        generate(path.clone(), Some("k")).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        PrivateKey::parse(&text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        generate(path.clone(), Some("k")).unwrap_err();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        generate(folder.path().join("other.pem"), Some("clé")).unwrap_err();
        assert!(!folder.path().join("other.pem").exists(), "nothing is left behind");
    }
}
