//! What somebody has: their accounts, and the wallet addresses that lead to each.

use crate::activity::WALLETS_MAX;
use crate::login::LoggedIn;
use crate::{App, Error};
use bursar_core::Id;
use bursar_store::{ledger, wallet_address};
use bursar_types::Amount;

/// An account of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// What can be spent.
    pub available: Amount,
    /// What is set aside for payments on their way.
    pub reserved: Amount,
    /// The wallet addresses that lead to it, oldest first.
    pub addresses: Vec<Address>,
}

/// A wallet address of a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Its URL.
    pub url: String,
    /// The name shown to others.
    pub public_name: Option<String>,
    /// Whether it exists for others.
    pub is_active: bool,
}

/// The accounts of a person, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn accounts(app: &App, person: &LoggedIn) -> Result<Vec<Account>, Error> {
    let holder = person.holder;
    app.store
        .read(move |tx| {
            let mut accounts: Vec<(Id, Account)> = Vec::new();
            for wallet in wallet_address::all_of_holder(tx, &holder, WALLETS_MAX)? {
                let address = Address {
                    url: wallet.url,
                    public_name: wallet.public_name,
                    is_active: wallet.deactivated_at.is_none(),
                };
                if let Some((_, known)) = accounts.iter_mut().find(|(id, _)| *id == wallet.account) {
                    known.addresses.push(address);
                    continue;
                }
                let missing = || Error::Internal("a wallet address without its account".to_owned());
                let account = ledger::account(tx, &wallet.account)?.ok_or_else(missing)?;
                let amount = |value: i64| {
                    let value = u64::try_from(value).unwrap_or(0);
                    wallet.asset.amount(value).map_err(|error| Error::Internal(error.to_string()))
                };
                let (available, reserved) = (amount(account.available())?, amount(account.reserved)?);
                accounts.push((wallet.account, Account { available, reserved, addresses: vec![address] }));
            }
            Ok(accounts.into_iter().map(|(_, account)| account).collect())
        })
        .await
}
