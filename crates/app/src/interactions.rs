//! Interactions: a person sees what an app asks for, and decides.

use crate::login::LoggedIn;
use crate::{App, Error};
use bursar_core::access::ClientId;
use bursar_core::grant::{Decision, Grant, Outcome, State, Undecidable};
use bursar_core::secret::Purpose;
use bursar_core::{Code, Id};
use bursar_store::{LockKey, Tx, grant, incoming_payment, wallet_address};
use bursar_types::{Action, Amount, Interval, LimitAmount, Limits, ResourceType, Window};
use jiff::Timestamp;

/// What a person has to know before deciding.
#[derive(Debug, Clone, PartialEq)]
pub struct Consent {
    /// The grant's id.
    pub grant: Id,
    /// The app's name, as this server found it; its address if it has none.
    pub client_name: String,
    /// The app's wallet address.
    pub client_address: String,
    /// What it asks for.
    pub items: Vec<Item>,
    /// The wallet address whose ownership shall be proven.
    pub subject: Option<String>,
    /// The wallet addresses concerned.
    pub wallets: Vec<String>,
    /// Where the browser goes afterwards: scheme, host and port.
    pub finish_origin: Option<String>,
    /// Where it stands.
    pub stage: Stage,
    /// The provider's present.
    pub now: Timestamp,
    /// Until when a decision is possible.
    pub expires_at: Timestamp,
}

/// Whether there is still something to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// There is.
    Open,
    /// Somebody agreed.
    Approved,
    /// Somebody refused.
    Denied,
    /// It took too long, or the app withdrew.
    Over,
}

/// One thing that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The kind of resource.
    pub resource: ResourceType,
    /// What the app could do.
    pub actions: Vec<Action>,
    /// The wallet address concerned.
    pub wallet: Option<String>,
    /// What it could spend; only for outgoing payments that it may create.
    pub spending: Option<Spending>,
}

/// What an app could spend.
#[derive(Debug, Clone, PartialEq)]
pub struct Spending {
    /// The most in each window, or ever without windows. Without it there is no limit.
    pub amount: Option<LimitAmount>,
    /// The windows.
    pub schedule: Option<Schedule>,
    /// The most it can ever come to from now on; none if there is no such amount, or none that can be written.
    pub total: Option<Amount>,
    /// The only receiver.
    pub receiver: Option<Receiver>,
}

/// When an app could spend.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The interval.
    pub interval: Interval,
    /// The first window, if there is one.
    pub first: Option<Window>,
    /// The window of the present.
    pub current: Option<Window>,
    /// The window after the current one; before the first, the first.
    pub next: Option<Window>,
    /// The last window, if the windows end.
    pub last: Option<Window>,
    /// How many windows can still be used, the current one included; none if they are without end.
    pub windows_left: Option<u64>,
}

/// The only receiver an app could pay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// URL of the incoming payment.
    pub url: String,
    /// The name behind it, if it is at this provider.
    pub name: Option<String>,
}

/// Loads what a person has to know.
///
/// # Errors
/// Not found, when the link is not one of ours.
pub async fn view(app: &App, id: &str, path: &str) -> Result<Consent, Error> {
    let (grant, receivers) = load(app, id, path).await?;
    let now = app.clock.now();
    let items = grant
        .access
        .iter()
        .zip(receivers)
        .map(|(access, receiver)| Item {
            resource: access.resource,
            actions: access.actions.iter().collect(),
            wallet: access.identifier.clone(),
            spending: (access.resource == ResourceType::OutgoingPayment && access.actions.contains(Action::Create))
                .then(|| Spending::new(access.limits.as_ref(), receiver, now)),
        })
        .collect();
    let client_address = match &grant.client {
        ClientId::WalletAddress(url) => url.clone(),
        ClientId::Jwk(thumbprint) => format!("key {thumbprint}"),
    };
    let finish_origin = grant.finish.as_ref().and_then(|finish| url::Url::parse(&finish.uri).ok());
    Ok(Consent {
        grant: grant.id,
        client_name: grant.client_name.clone().unwrap_or_else(|| client_address.clone()),
        client_address,
        items,
        subject: grant.subject.clone(),
        wallets: wallets_of(&grant),
        finish_origin: finish_origin.map(|url| url.origin().ascii_serialization()),
        stage: stage(&grant, now),
        now,
        expires_at: grant.expires_at,
    })
}

fn stage(grant: &Grant, now: Timestamp) -> Stage {
    match grant.state {
        State::Pending | State::Approved { .. } if grant.is_expired(now) => Stage::Over,
        State::Pending => Stage::Open,
        State::Approved { .. } | State::Issued { .. } => Stage::Approved,
        State::Denied { .. } => Stage::Denied,
        State::Ended { .. } => Stage::Over,
    }
}

impl Spending {
    /// What these limits come to from `now` on.
    pub fn new(limits: Option<&Limits>, receiver: Option<Receiver>, now: Timestamp) -> Self {
        let amount = limits.and_then(|limits| limits.amount);
        let schedule = limits.and_then(|limits| limits.interval.as_ref()).map(|interval| Schedule::new(interval, now));
        let windows = schedule.as_ref().map_or(Some(1), |schedule| schedule.windows_left);
        let total = amount.zip(windows).and_then(|(limit, windows)| {
            let amount = limit.amount();
            amount.asset().amount(amount.value().checked_mul(windows)?).ok()
        });
        Self { amount, schedule, total, receiver }
    }
}

impl Schedule {
    /// How an interval looks from `now`.
    pub fn new(interval: &Interval, now: Timestamp) -> Self {
        let current = interval.window_at(now);
        let first = interval.first();
        let next = match (&current, &first) {
            (Some(current), _) => interval.next(current),
            (None, Some(first)) if now < first.start => Some(*first),
            _ => None,
        };
        let last = interval.last();
        let windows_left = match (current.or(next), &last) {
            (Some(earliest), Some(last)) => u64::try_from(last.index - earliest.index + 1).ok(),
            (None, Some(_)) => Some(0),
            (_, None) => None,
        };
        Self { first, current, next, last, windows_left, interval: interval.clone() }
    }
}

/// The wallet addresses whose holder has to agree.
fn wallets_of(grant: &Grant) -> Vec<String> {
    let mut wallets: Vec<String> = grant
        .access
        .iter()
        .filter(|item| item.resource == ResourceType::OutgoingPayment || item.actions.contains(Action::ListAll))
        .filter_map(|item| item.identifier.clone())
        .chain(grant.subject.clone())
        .collect();
    wallets.sort();
    wallets.dedup();
    wallets
}

async fn load(app: &App, id: &str, path: &str) -> Result<(Grant, Vec<Option<Receiver>>), Error> {
    let missing = || Error::not_found("request: the link may be incomplete");
    let id: Id = id.parse().map_err(|_| missing())?;
    if !app.secret.matches(Purpose::InteractPath, id.as_bytes(), path) {
        return Err(missing());
    }
    let base = app.config.resource_url();
    app.store
        .read(move |tx| {
            let grant = grant::by_id(tx, &id)?.ok_or_else(missing)?;
            let mut receivers = Vec::new();
            for item in &grant.access {
                let only = item.limits.as_ref().and_then(|limits| limits.receiver.clone());
                receivers.push(only.map(|url| receiver(tx, &base, url)).transpose()?);
            }
            Ok((grant, receivers))
        })
        .await
}

/// Names the receiver, if it is at this provider.
fn receiver(tx: &mut Tx<'_>, base: &str, url: String) -> Result<Receiver, Error> {
    let Some(id) = crate::receivers::local_id(base, &url) else { return Ok(Receiver { url, name: None }) };
    let payment = incoming_payment::by_id(tx, &id)?;
    let wallet = payment.map(|payment| wallet_address::by_id(tx, &payment.wallet_address)).transpose()?.flatten();
    Ok(Receiver { url, name: wallet.map(|wallet| wallet.public_name.unwrap_or(wallet.url)) })
}

/// What a person answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Agree, as this account holder.
    Approve(LoggedIn),
    /// Refuse.
    Deny,
}

/// Where the browser goes after a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The client's URL; none if it polls.
    pub redirect: Option<String>,
    /// How it stands now.
    pub stage: Stage,
}

/// Makes a decision take effect at once. It is final: a repeat sends the browser on without changing anything.
///
/// # Errors
/// Not found, when the link is not one of ours; [`Code::InsufficientGrant`] when somebody agrees for a wallet
/// that is not theirs.
pub async fn decide(app: &App, id: &str, path: &str, answer: Answer) -> Result<Finished, Error> {
    let (seen, _) = load(app, id, path).await?;
    let (now, id) = (app.clock.now(), seen.id);
    let person = match &answer {
        Answer::Approve(person) => Some(person.clone()),
        Answer::Deny => None,
    };
    let grant = app
        .store
        .write(vec![LockKey::of(&id)], move |tx| {
            let mut grant = grant::by_id(tx, &id)?.ok_or_else(|| Error::not_found("request"))?;
            let decision = match &answer {
                Answer::Approve(person) => {
                    require_owner(tx, &grant, person)?;
                    Decision::Approve { holder: person.holder }
                }
                Answer::Deny => Decision::Deny,
            };
            match grant.decide(decision, now) {
                Ok(state) => {
                    grant::set_state(tx, &id, grant.state, state)?;
                    grant.state = state;
                }
                Err(Undecidable::Expired | Undecidable::Decided) => {}
            }
            Ok::<_, Error>(grant)
        })
        .await?;
    Ok(finished(app, &grant, now, person.as_ref()))
}

/// Where the browser goes from a request that is no longer open; `person` is whoever is logged in there.
///
/// # Errors
/// Not found, when the link is not one of ours.
pub async fn leave(app: &App, id: &str, path: &str, person: Option<&LoggedIn>) -> Result<Finished, Error> {
    let (grant, _) = load(app, id, path).await?;
    Ok(finished(app, &grant, app.clock.now(), person))
}

fn finished(app: &App, grant: &Grant, now: Timestamp, person: Option<&LoggedIn>) -> Finished {
    let agreed = |holder| person.is_some_and(|person| person.holder == holder);
    let outcome = match grant.state {
        // The reference tells the client that the one who agreed sits at this browser. Whoever else has the link
        // must not be able to carry it there: it would connect somebody's wallet to another person's account.
        // Once the client has its token the reference is worth nothing, and a replay must not look like a success.
        State::Approved { holder, .. } if agreed(holder) && !grant.is_expired(now) => Outcome::Approved,
        State::Denied { .. } => Outcome::Denied,
        _ => Outcome::Invalid,
    };
    Finished { redirect: grant.finish_redirect(outcome, &app.secret), stage: stage(grant, now) }
}

fn require_owner(tx: &mut Tx<'_>, grant: &Grant, person: &LoggedIn) -> Result<(), Error> {
    match first_foreign(tx, &wallets_of(grant), person)? {
        None => Ok(()),
        Some(url) => {
            let text = format!("you are logged in as {}, and {url} is not your wallet", person.name);
            Err(Error::refused(Code::InsufficientGrant, text))
        }
    }
}

/// The first of the wallet addresses concerned that is not this person's; none if they can agree.
///
/// # Errors
/// When the database fails.
pub async fn foreign_wallet(app: &App, consent: &Consent, person: &LoggedIn) -> Result<Option<String>, Error> {
    let (wallets, person) = (consent.wallets.clone(), person.clone());
    app.store.read(move |tx| first_foreign(tx, &wallets, &person)).await
}

fn first_foreign(tx: &mut Tx<'_>, wallets: &[String], person: &LoggedIn) -> Result<Option<String>, Error> {
    for url in wallets {
        let wallet = wallet_address::by_url(tx, url)?.filter(|wallet| wallet.deactivated_at.is_none());
        if wallet.is_none_or(|wallet| wallet.holder != person.holder) {
            return Ok(Some(url.clone()));
        }
    }
    Ok(None)
}

/// The account holder who can agree to a request: the owner of the wallet addresses concerned. For the sandbox.
///
/// # Errors
/// Not found, when the link is not one of ours or the wallets are not one person's.
pub async fn owner(app: &App, id: &str, path: &str) -> Result<LoggedIn, Error> {
    let (grant, _) = load(app, id, path).await?;
    app.store
        .read(move |tx| {
            let url = wallets_of(&grant).into_iter().next().ok_or_else(|| Error::not_found("wallet to agree for"))?;
            let wallet = wallet_address::by_url(tx, &url)?.ok_or_else(|| Error::not_found("wallet"))?;
            let holder = bursar_store::account_holder::by_id(tx, &wallet.holder)?;
            let holder = holder.ok_or_else(|| Error::not_found("account holder"))?;
            let person = LoggedIn { holder: holder.id, name: holder.name };
            require_owner(tx, &grant, &person)?;
            Ok(person)
        })
        .await
}
