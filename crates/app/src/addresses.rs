//! The wallet addresses of a person, several for each of their accounts, and what they do with them.

use crate::login::LoggedIn;
use crate::{App, Error, accounts};
use bursar_core::{Code, Id};
use bursar_store::wallet_address::{self, Uses, WalletAddress};
use bursar_store::{LockKey, Tx, ledger};
use bursar_types::{Amount, Asset};
use jiff::Timestamp;

/// Most wallet addresses of one person.
pub const ADDRESSES_MAX: u64 = 50;
/// Longest public name, in characters.
pub const PUBLIC_NAME_LENGTH_MAX: usize = 100;

/// An account with its wallet addresses.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnAccount {
    /// Its id.
    pub id: Id,
    /// What can be spent.
    pub balance: Amount,
    /// Its wallet addresses, oldest first.
    pub addresses: Vec<OwnAddress>,
}

/// A wallet address as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAddress {
    /// Its id.
    pub id: Id,
    /// Its canonical URL.
    pub url: String,
    /// The name shown to others.
    pub public_name: Option<String>,
    /// The asset of its account.
    pub asset: Asset,
    /// When it was created.
    pub created_at: Timestamp,
    /// Since when it does not exist for others; none if it does.
    pub deactivated_at: Option<Timestamp>,
}

impl From<WalletAddress> for OwnAddress {
    fn from(wallet: WalletAddress) -> Self {
        let WalletAddress { id, url, public_name, asset, created_at, deactivated_at, .. } = wallet;
        Self { id, url, public_name, asset, created_at, deactivated_at }
    }
}

/// What a person wants a new wallet address to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAddress {
    /// The id of the account that it is for.
    pub account: String,
    /// Its last part, such as `shop`, or several parts such as `alice/shop`.
    pub name: String,
    /// The name shown to others; none if empty.
    pub public_name: String,
}

/// A person's accounts with their wallet addresses, oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(app: &App, person: &LoggedIn) -> Result<Vec<OwnAccount>, Error> {
    let holder = person.holder;
    app.store
        .read(move |tx| {
            let mut accounts: Vec<OwnAccount> = Vec::new();
            for wallet in wallet_address::all_of_holder(tx, &holder, ADDRESSES_MAX)? {
                match accounts.iter_mut().find(|account| account.id == wallet.account) {
                    Some(account) => account.addresses.push(wallet.into()),
                    None => accounts.push(OwnAccount {
                        id: wallet.account,
                        balance: balance(tx, &wallet)?,
                        addresses: vec![wallet.into()],
                    }),
                }
            }
            Ok(accounts)
        })
        .await
}

/// What can be spent from a wallet address.
pub(crate) fn balance(tx: &mut Tx<'_>, wallet: &WalletAddress) -> Result<Amount, Error> {
    let account = ledger::account(tx, &wallet.account)?.ok_or_else(|| Error::not_found("account"))?;
    let available = u64::try_from(account.available()).unwrap_or(0);
    wallet.asset.amount(available).map_err(|error| Error::Internal(error.to_string()))
}

/// A wallet address of this person by its id.
///
/// # Errors
/// [`Code::NotFound`], also when it is somebody else's.
pub(crate) fn find(tx: &mut Tx<'_>, holder: &Id, id: &str) -> Result<WalletAddress, Error> {
    let missing = || Error::not_found("wallet address");
    let id: Id = id.parse().map_err(|_| missing())?;
    wallet_address::by_id(tx, &id)?.filter(|wallet| wallet.holder == *holder).ok_or_else(missing)
}

/// A wallet address of this person.
///
/// # Errors
/// [`Code::NotFound`], also when it is somebody else's.
pub async fn get(app: &App, person: &LoggedIn, id: &str) -> Result<OwnAddress, Error> {
    let (holder, id) = (person.holder, id.to_owned());
    app.store.read(move |tx| find(tx, &holder, &id).map(OwnAddress::from)).await
}

/// A public name as it is kept; none if it is empty.
///
/// # Errors
/// [`Code::InvalidResourceRequest`].
fn public_name(text: &str) -> Result<Option<String>, Error> {
    let name = text.trim();
    if name.chars().count() > PUBLIC_NAME_LENGTH_MAX || name.chars().any(char::is_control) {
        let text = "a name has at most 100 characters, and no control characters";
        return Err(Error::refused(Code::InvalidResourceRequest, text));
    }
    Ok((!name.is_empty()).then(|| name.to_owned()))
}

/// The URL of the wallet address that a person wants. The address of the whole host is not for customers.
fn wanted(app: &App, name: &str) -> Result<String, Error> {
    let unusable = || {
        let text = "an address has 1 to 64 small letters, digits, '-', '_' or '.', begins with a letter or digit, and is \
                    not a word that we need for ourselves; up to four such parts can follow each other after a '/'";
        Error::refused(Code::InvalidResourceRequest, text)
    };
    let name = name.trim().trim_matches('/').to_lowercase();
    if name.is_empty() || name.starts_with('$') || name.contains(':') {
        return Err(unusable());
    }
    let url = accounts::own_address(app, &app.config.wallet_address_url(&name)).map_err(|_| unusable())?;
    if url.ends_with("/.well-known/pay") { Err(unusable()) } else { Ok(url) }
}

/// Makes a wallet address for one of the person's accounts.
///
/// # Errors
/// [`Code::InvalidResourceRequest`] for a name that cannot be one; [`Code::Conflict`] when it is taken, or the person has
/// as many as one can have; [`Code::NotFound`] when the account is not theirs.
pub async fn create(app: &App, person: &LoggedIn, new: NewAddress) -> Result<OwnAddress, Error> {
    let (url, public_name) = (wanted(app, &new.name)?, public_name(&new.public_name)?);
    let (now, id) = app.now_and_id();
    let (holder, origin) = (person.holder, app.config.public_url.clone());
    // Addresses with the same first part are made one after the other, and those of one person.
    let family = url[origin.len()..].split('/').nth(1).unwrap_or_default();
    let locks = vec![LockKey::named(family), LockKey::of(&holder)];
    let taken = || Error::refused(Code::Conflict, "somebody has this address already: choose another one");
    let wanted_url = url.clone();
    let created = app
        .store
        .write(locks, move |tx| {
            let own = wallet_address::all_of_holder(tx, &holder, ADDRESSES_MAX)?;
            let of_account = own.iter().find(|wallet| wallet.account.to_string() == new.account);
            let account = of_account.ok_or_else(|| Error::not_found("account"))?;
            if own.len() as u64 >= ADDRESSES_MAX {
                return Err(Error::refused(Code::Conflict, "you have as many addresses as one can have, which is 50"));
            }
            // People would take what is below an address for its owner's.
            if wallet_address::nearest_above(tx, &url, &origin)?.is_some_and(|above| above.holder != holder) {
                return Err(taken());
            }
            let wallet = WalletAddress {
                id,
                url: url.clone(),
                public_name: public_name.clone(),
                created_at: now,
                deactivated_at: None,
                ..account.clone()
            };
            wallet_address::insert(tx, &wallet)?;
            Ok(wallet)
        })
        .await;
    match created {
        Err(Error::Store(bursar_store::Error::Unique(_))) => Err(taken()),
        created => {
            app.wallets.forget_one(&wanted_url);
            created.map(OwnAddress::from)
        }
    }
}

/// Gives a wallet address another public name, or none; others see it at once.
///
/// # Errors
/// [`Code::InvalidResourceRequest`] for a name that cannot be one; [`Code::NotFound`].
pub async fn rename(app: &App, person: &LoggedIn, id: &str, name: &str) -> Result<(), Error> {
    let name = public_name(name)?;
    change(app, person, id, move |tx, wallet| {
        Ok(wallet_address::rename(tx, &wallet.id, &wallet.holder, name.as_deref())?)
    })
    .await
}

/// What a wallet address is used for, which ends when it is deactivated.
///
/// # Errors
/// [`Code::NotFound`].
pub async fn uses(app: &App, person: &LoggedIn, id: &str) -> Result<(OwnAddress, Uses), Error> {
    let (holder, id, now) = (person.holder, id.to_owned(), app.clock.now());
    app.store
        .read(move |tx| {
            let wallet = find(tx, &holder, &id)?;
            let uses = wallet_address::uses(tx, &wallet, now)?;
            Ok((wallet.into(), uses))
        })
        .await
}

/// Makes a wallet address disappear for others. Doing it twice is harmless.
///
/// # Errors
/// [`Code::NotFound`].
pub async fn deactivate(app: &App, person: &LoggedIn, id: &str) -> Result<(), Error> {
    let now = app.clock.now();
    change(app, person, id, move |tx, wallet| match wallet.deactivated_at {
        None => Ok(wallet_address::deactivate(tx, &wallet.id, &wallet.holder, now)?),
        Some(_) => Ok(()),
    })
    .await
}

/// Makes a wallet address appear again. Doing it twice is harmless.
///
/// # Errors
/// [`Code::NotFound`].
pub async fn reactivate(app: &App, person: &LoggedIn, id: &str) -> Result<(), Error> {
    change(app, person, id, move |tx, wallet| match wallet.deactivated_at {
        Some(_) => Ok(wallet_address::reactivate(tx, &wallet.id, &wallet.holder)?),
        None => Ok(()),
    })
    .await
}

/// Changes a wallet address of this person; everybody on this node sees it at once.
async fn change(
    app: &App,
    person: &LoggedIn,
    id: &str,
    mut work: impl FnMut(&mut Tx<'_>, &WalletAddress) -> Result<(), Error> + Send + 'static,
) -> Result<(), Error> {
    let (holder, id) = (person.holder, id.to_owned());
    let changed = app.store.write(vec![LockKey::of(&holder)], move |tx| {
        let wallet = find(tx, &holder, &id)?;
        work(tx, &wallet)?;
        Ok::<_, Error>(wallet.url)
    });
    let url = changed.await?;
    app.wallets.forget_one(&url);
    Ok(())
}
