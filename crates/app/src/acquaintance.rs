//! What an account holder knows of an app that asks for something: since when, and whom it could be mistaken for.

use crate::interactions::Consent;
use crate::login::LoggedIn;
use crate::{App, Error};
use bursar_core::access::ClientId;
use bursar_core::likeness::Look;
use bursar_store::{grant, ledger, wallet_address};
use bursar_types::Amount;
use jiff::Timestamp;

/// Most apps with which a name is compared. Whoever knows more has the first of them, by their addresses, compared.
const COMPARED_MAX: usize = 200;

/// What a person knows of an app, and has in the wallets that it asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquaintance {
    /// When it asked for the first grant that this person gave it; never if there is none.
    pub since: Option<Timestamp>,
    /// Whom its name could be taken for.
    pub resembles: Option<Resemblance>,
    /// What can be spent from each wallet address that it asks to spend from.
    pub balances: Vec<(String, Amount)>,
}

/// Whom an app's name could be taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resemblance {
    /// The provider itself.
    Provider,
    /// Another app that the person has given a grant to.
    App {
        /// Its name.
        name: String,
        /// Its wallet address.
        address: String,
    },
}

/// What a person knows of the app behind a request.
///
/// # Errors
/// When the database fails.
pub async fn of(app: &App, consent: &Consent, person: &LoggedIn) -> Result<Acquaintance, Error> {
    let client = ClientId::WalletAddress(consent.client_address.clone());
    let own_name = (consent.client_name != consent.client_address).then(|| consent.client_name.clone());
    let (provider, holder) = (app.config.provider_name.clone(), person.holder);
    let spending: Vec<String> =
        consent.items.iter().filter(|item| item.asked.is_some()).filter_map(|item| item.wallet.clone()).collect();
    app.store
        .read(move |tx| {
            let mut resembles = None;
            if let Some(name) = &own_name {
                let look = Look::of(name);
                if look.borrows_from(&Look::of(&provider)) {
                    resembles = Some(Resemblance::Provider);
                } else {
                    let known = grant::known_clients(tx, &holder, COMPARED_MAX)?;
                    let others = known.into_iter().filter(|known| known.client != client);
                    resembles = others
                        .filter_map(|known| known.name.map(|name| (name, known.client.to_string())))
                        .find(|(name, _)| look.resembles(&Look::of(name)))
                        .map(|(name, address)| Resemblance::App { name, address });
                }
            }
            let mut balances = Vec::new();
            for url in &spending {
                let Some(wallet) = wallet_address::by_url(tx, url)?.filter(|wallet| wallet.holder == holder) else {
                    continue;
                };
                let account = ledger::account(tx, &wallet.account)?;
                let available = account.and_then(|account| u64::try_from(account.available()).ok()).unwrap_or(0);
                balances.extend(wallet.asset.amount(available).ok().map(|amount| (url.clone(), amount)));
            }
            Ok(Acquaintance { since: grant::known_since(tx, &holder, &client)?, resembles, balances })
        })
        .await
}
