//! Account holders, their accounts and wallet addresses, and play money.

use crate::{App, Error};
use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use bursar_core::access::ClientId;
use bursar_core::ledger::{AccountKind, Transfer, TransferKind};
use bursar_core::{Code, Id};
use bursar_httpsig::PublicKey;
use bursar_store::account_holder::{self, AccountHolder};
use bursar_store::wallet_address::{self, WalletAddress, WalletKey};
use bursar_store::{LockKey, Tx, ledger, password};
use bursar_types::{Amount, Asset, WalletAddressUrl};
use jiff::Timestamp;

/// Names that cannot be wallet addresses, since other things are at their URLs or may come to be.
pub const RESERVED_NAMES: &[&str] = &[
    "account",
    "admin",
    "api",
    "assets",
    "auth",
    "favicon.ico",
    "health",
    "ilp",
    "interactions",
    "live",
    "login",
    "logout",
    "manifest.json",
    "metrics",
    "oidc",
    "op",
    "ready",
    "recover",
    "robots.txt",
    "sandbox",
    "security.txt",
    "signup",
    "sitemap.xml",
    "static",
    "sw.js",
    "wallet",
    "webhooks",
];
const PASSWORD_LENGTH_MAX: usize = 200;
/// Most parts of a wallet address's path.
const ADDRESS_PARTS_MAX: usize = 4;

/// A new account holder with one account and one wallet address.
#[derive(Clone)]
pub struct NewAccount {
    /// The name to log in with, and the last part of the wallet address unless another one is given.
    pub name: String,
    /// The wallet address, if it shall be another one: its URL at this provider, or a payment pointer.
    pub wallet_address: Option<String>,
    /// The name shown to others.
    pub public_name: Option<String>,
    /// The asset of the account.
    pub asset: Asset,
    /// Play money to begin with, in smallest units.
    pub balance: u64,
    /// The password to log in with.
    pub password: String,
}

/// An account as its holder or an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountView {
    /// The name of the account holder.
    pub name: String,
    /// The wallet address's URL.
    pub wallet_address: String,
    /// The name shown to others.
    pub public_name: Option<String>,
    /// What can be spent.
    pub balance: Amount,
}

/// An account that is about to be opened: everything that takes time, or can be refused without looking, is done.
pub(crate) struct Opening {
    holder: AccountHolder,
    wallet: WalletAddress,
    balance: u64,
    password_hash: Option<String>,
}

impl Opening {
    /// An account whose holder has no password.
    pub(crate) fn new(
        app: &App,
        name: &str,
        wallet_address: Option<&str>,
        public_name: Option<String>,
        asset: Asset,
        balance: u64,
    ) -> Result<Self, Error> {
        check_name(name)?;
        let url = match wallet_address {
            Some(spelled) => own_address(app, spelled)?,
            None => app.config.wallet_address_url(name),
        };
        let unfit = |name: &String| name.chars().count() > 100 || name.chars().any(char::is_control);
        if public_name.as_ref().is_some_and(unfit) {
            let text = "publicName has more than 100 characters, or control characters";
            return Err(Error::refused(Code::InvalidResourceRequest, text));
        }
        asset.amount(balance).map_err(|error| Error::refused(Code::InvalidResourceRequest, error.to_string()))?;
        let (now, id) = app.now_and_id();
        let holder = AccountHolder::new(id, name.to_owned(), now);
        let wallet = WalletAddress {
            id: app.new_id(now),
            url,
            public_name,
            holder: id,
            account: app.new_id(now),
            asset,
            created_at: now,
            deactivated_at: None,
        };
        Ok(Self { holder, wallet, balance, password_hash: None })
    }

    /// An account whose holder has a password.
    pub(crate) async fn with_password(app: &App, new: NewAccount) -> Result<Self, Error> {
        let NewAccount { name, wallet_address, public_name, asset, balance, password } = new;
        let opening = Self::new(app, &name, wallet_address.as_deref(), public_name, asset, balance)?;
        if password.is_empty() || password.len() > PASSWORD_LENGTH_MAX {
            return Err(Error::refused(Code::InvalidResourceRequest, "the password must have 1 to 200 characters"));
        }
        Ok(Self { password_hash: Some(hash_password(app, password).await?), ..opening })
    }

    /// Who its holder will be.
    pub(crate) fn holder(&self) -> Id {
        self.holder.id
    }
}

/// Creates an account holder with an account, a wallet address and play money.
///
/// # Errors
/// [`Code::InvalidResourceRequest`] for an unusable name or password, [`Code::Conflict`] when the name is taken.
pub async fn create(app: &App, new: NewAccount) -> Result<AccountView, Error> {
    open(app, Opening::with_password(app, new).await?, |_| Ok(())).await
}

/// Opens an account, and does `more` in the same transaction.
pub(crate) async fn open(
    app: &App,
    opening: Opening,
    mut more: impl FnMut(&mut Tx<'_>) -> Result<(), Error> + Send + 'static,
) -> Result<AccountView, Error> {
    let Opening { holder, wallet, balance, password_hash } = opening;
    let now = holder.created_at;
    let (issuer, exchange, funding) = (app.new_id(now), app.new_id(now), app.new_id(now));
    let view = view(&holder.name, &wallet, balance)?;
    let app_url = app.config.public_url.clone();
    // Addresses with the same first part are made one after the other.
    let family = wallet.url[app_url.len()..].split('/').nth(1).unwrap_or_default();
    let locks = vec![LockKey::of(&wallet.account), LockKey::named(family)];
    let created = app
        .store
        .write(locks, move |tx| {
            // People would take what is below an address for its owner's.
            if wallet_address::is_below_another(tx, &wallet.url, &app_url)? {
                return Err(Error::refused(Code::Conflict, "walletAddress: somebody else has an address above it"));
            }
            account_holder::insert(tx, &holder)?;
            if let Some(hash) = &password_hash {
                password::set(tx, &holder.id, None, hash, now)?;
            }
            ledger::open_account(tx, &wallet.account, AccountKind::Holder, wallet.asset, now)?;
            wallet_address::insert(tx, &wallet)?;
            ledger::provider_account(tx, AccountKind::Exchange, wallet.asset, &exchange, now)?;
            issue(tx, &wallet, balance, &issuer, &funding, now)?;
            more(tx)
        })
        .await;
    match created {
        Err(Error::Store(bursar_store::Error::Unique(_))) => Err(Error::refused(
            Code::Conflict,
            "there is an account of this name, or with this wallet address, already",
        )),
        other => other.map(|()| view),
    }
}

/// Adds play money to an account.
///
/// # Errors
/// [`Code::NotFound`]; [`Code::AmountTooLarge`] when the account cannot hold that much.
pub async fn fund(app: &App, name: &str, value: u64) -> Result<AccountView, Error> {
    let owner = name.to_owned();
    let (now, funding) = app.now_and_id();
    let issuer = app.new_id(now);
    let wallet = app.store.read(move |tx| find(tx, &owner)).await?;
    app.store
        .write(vec![LockKey::of(&wallet.account)], move |tx| issue(tx, &wallet, value, &issuer, &funding, now))
        .await?;
    get(app, name).await
}

/// An account by its name.
///
/// # Errors
/// [`Code::NotFound`].
pub async fn get(app: &App, name: &str) -> Result<AccountView, Error> {
    let name = name.to_owned();
    app.store
        .read(move |tx| {
            let wallet = find(tx, &name)?;
            let account = ledger::account(tx, &wallet.account)?.ok_or_else(|| Error::not_found("account"))?;
            view(&name, &wallet, u64::try_from(account.available()).unwrap_or(0))
        })
        .await
}

/// The wallet address of an account holder.
fn find(tx: &mut Tx<'_>, name: &str) -> Result<WalletAddress, Error> {
    wallet_address::of_holder(tx, name)?.ok_or_else(|| Error::not_found("account"))
}

fn view(name: &str, wallet: &WalletAddress, balance: u64) -> Result<AccountView, Error> {
    Ok(AccountView {
        name: name.to_owned(),
        wallet_address: wallet.url.clone(),
        public_name: wallet.public_name.clone(),
        balance: wallet.asset.amount(balance).map_err(|error| Error::Internal(error.to_string()))?,
    })
}

/// Moves play money from the issuer's account into a wallet.
fn issue(
    tx: &mut Tx<'_>,
    wallet: &WalletAddress,
    value: u64,
    issuer: &Id,
    reference: &Id,
    now: Timestamp,
) -> Result<(), Error> {
    let issuer = ledger::provider_account(tx, AccountKind::Issuer, wallet.asset, issuer, now)?;
    if value == 0 {
        return Ok(());
    }
    let too_large = |_| Error::refused(Code::AmountTooLarge, "the account cannot hold that much");
    let amount = wallet.asset.amount(value).map_err(too_large)?;
    let transfer = Transfer {
        reference: *reference,
        leg: 0,
        kind: TransferKind::Direct,
        debit: issuer.id,
        credit: wallet.account,
        amount,
    };
    let account = ledger::account(tx, &wallet.account)?.ok_or_else(|| Error::not_found("account"))?;
    let [paid, received] = transfer.changes();
    if !issuer.allows(paid) || !account.allows(received) {
        return Err(Error::refused(Code::AmountTooLarge, "the account cannot hold that much"));
    }
    Ok(ledger::transfer(tx, &[transfer], now)?)
}

fn check_name(name: &str) -> Result<(), Error> {
    if !is_name(name) || is_reserved(name) || matches!(name, "jwks.json" | "did.json") {
        let text = "a name has 1 to 64 lower-case letters, digits, '-', '_' or '.', begins with a letter or digit, \
                    and is not a word that the server needs for itself";
        return Err(Error::refused(Code::InvalidResourceRequest, text));
    }
    Ok(())
}

/// Reads a wallet address that somebody wants at this provider: the whole host, or a path whose parts are like names.
pub(crate) fn own_address(app: &App, spelled: &str) -> Result<String, Error> {
    let unusable = |text: &str| Error::refused(Code::InvalidResourceRequest, format!("walletAddress: {text}"));
    let url = WalletAddressUrl::parse(spelled).map_err(|error| unusable(&error.to_string()))?;
    let host = |url: &str| url.split_once("://").map_or(url, |(_, rest)| rest).to_owned();
    // Payment pointers mean https, which a sandbox on this machine does without.
    let same = if spelled.starts_with('$') {
        host(url.origin()) == host(&app.config.public_url)
    } else {
        url.origin() == app.config.public_url
    };
    if !same {
        return Err(unusable(&format!("it must be at this provider, which is {}", app.config.public_url)));
    }
    let path = &url.as_str()[url.origin().len()..];
    let own = format!("{}{path}", app.config.public_url);
    if path == "/.well-known/pay" {
        return Ok(own);
    }
    let parts: Vec<&str> = path[1..].split('/').collect();
    if parts.len() > ADDRESS_PARTS_MAX || parts.iter().any(|part| !is_name(part)) || is_reserved(parts[0]) {
        return Err(unusable(
            "its path has at most 4 parts, each of 1 to 64 lower-case letters, digits, '-', '_' or '.', that begin with \
             a letter or digit, and does not begin with a word that the server needs for itself",
        ));
    }
    if parts.iter().any(|part| matches!(*part, "jwks.json" | "did.json")) {
        return Err(unusable("no part of it can be called like a key set or a DID document"));
    }
    Ok(own)
}

/// Whether a path belongs to something else than wallet addresses.
pub fn is_taken(path: &str) -> bool {
    path.trim_start_matches('/').split('/').next().is_some_and(is_reserved)
}

fn is_reserved(name: &str) -> bool {
    RESERVED_NAMES.contains(&name)
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.');
    let begins_well = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    begins_well && name.len() <= 64 && name.bytes().all(plain)
}

/// Adds a public key to an account's wallet address.
///
/// # Errors
/// [`Code::NotFound`]; [`Code::Conflict`] when there is a key of this name.
pub async fn add_key(app: &App, name: &str, kid: &str, key: &PublicKey) -> Result<(), Error> {
    let key = WalletKey { kid: kid.to_owned(), x: key.to_bytes() };
    let owner = name.to_owned();
    let (now, id) = app.now_and_id();
    let added = app
        .store
        .write(Vec::new(), move |tx| {
            let wallet = find(tx, &owner)?;
            wallet_address::insert_key(tx, &id, &wallet.id, &key, now)?;
            Ok(wallet.url)
        })
        .await;
    match added {
        Err(Error::Store(bursar_store::Error::Unique(_))) => {
            Err(Error::refused(Code::Conflict, "the wallet address has a key of this kid already; remove it first"))
        }
        added => {
            let url = added?;
            app.wallets.forget_one(&url);
            Ok(())
        }
    }
}

/// Revokes a key of an account's wallet address.
///
/// # Errors
/// [`Code::NotFound`].
pub async fn revoke_key(app: &App, name: &str, kid: &str) -> Result<(), Error> {
    let (owner, kid) = (name.to_owned(), kid.to_owned());
    let now = app.clock.now();
    let url = app
        .store
        .write(Vec::new(), move |tx| {
            let wallet = find(tx, &owner)?;
            if wallet_address::revoke_key(tx, &wallet.id, &kid, now)? {
                Ok(wallet.url)
            } else {
                Err(Error::not_found("key"))
            }
        })
        .await?;
    app.wallets.forget_one(&url);
    app.callers.forget(|caller| matches!(&caller.client, ClientId::WalletAddress(client) if *client == url));
    Ok(())
}

pub(crate) async fn hash_password(app: &App, password: String) -> Result<String, Error> {
    let salt: [u8; 16] = app.random.bytes();
    let _turn = app.passwords.acquire().await.map_err(|error| Error::Internal(error.to_string()))?;
    let work = move || {
        Argon2::default()
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map(|hash| hash.to_string())
            .map_err(|error| Error::Internal(format!("cannot hash a password: {error}")))
    };
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(Error::Internal(error.to_string())))
}

/// Whether a password belongs to a hash. Takes the same time for a wrong one.
pub(crate) async fn verify_password(app: &App, password: String, hash: String) -> bool {
    let Ok(_turn) = app.passwords.acquire().await else { return false };
    let work = move || {
        PasswordHash::new(&hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(false)
}
