//! `bursar wallet`: what is at a wallet address.

use super::client;
use super::failure::Done;
use super::output::{Out, rows, say};
use bursar_client::JwkSet;
use clap::{Args, Subcommand};
use owo_colors::OwoColorize;
use serde_json::json;

/// Look up a wallet address.
#[derive(Args, Debug)]
pub struct Wallet {
    #[command(subcommand)]
    command: WalletCommand,
}

#[derive(Subcommand, Debug)]
enum WalletCommand {
    /// Show a wallet address: its asset, its servers, and the keys published there.
    #[command(after_help = "\
Examples:
  bursar wallet get https://wallet.example/alice
  bursar wallet get '$wallet.example/alice'")]
    Get {
        /// The wallet address, as an URL or a payment pointer ($wallet.example/alice).
        address: String,
    },
}

/// Runs it.
pub async fn run(wallet: Wallet, out: Out) -> Done {
    let WalletCommand::Get { address } = wallet.command;
    let client = client::public()?;
    let wallet = client.wallet_address(&address).get().await?;
    let keys = client.wallet_address(&address).keys().await;
    let mut result = json!(wallet);
    result["keys"] = json!(keys.as_ref().map(|keys| &keys.keys).ok());
    out.result(&result, || {
        say(wallet.id.bold());
        rows(&[
            ("name", wallet.public_name.clone().unwrap_or_else(|| "none".to_owned())),
            ("asset", format!("{} with {} decimal places", wallet.asset_code, wallet.asset_scale)),
            ("grants", wallet.auth_server.clone()),
            ("payments", wallet.resource_server.clone()),
            ("keys", keys.map_or_else(|error| format!("not known: {error}"), |keys| names(&keys))),
        ]);
    });
    Ok(())
}

/// The names of the keys, and what is wrong with those that cannot be used.
fn names(keys: &JwkSet) -> String {
    let mut names: Vec<_> = keys.keys.iter().map(|key| key.kid().to_owned()).collect();
    for refused in &keys.refused {
        let kid = refused.kid.as_deref().unwrap_or("a key without a name");
        names.push(format!("{kid} (cannot be used: {})", refused.reason));
    }
    if names.is_empty() { "none are published".to_owned() } else { names.join("\n") }
}
