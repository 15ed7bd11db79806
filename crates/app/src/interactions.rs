//! Interactions: a person sees what an app asks for, and decides.

use crate::login::LoggedIn;
use crate::{App, Error, spending};
use bursar_core::access::ClientId;
use bursar_core::grant::{Decision, Grant, Outcome, State, Undecidable};
use bursar_core::narrow::{self, Terms};
use bursar_core::secret::Purpose;
use bursar_core::{Code, Id};
use bursar_store::{LockKey, Tx, grant, wallet_address};
use bursar_types::{Action, Asset, ResourceType};
use jiff::Timestamp;

pub use crate::spending::{Lowerable, Receiver, Schedule, Spending};
/// What a person makes of a request, and why that may not be possible.
pub use bursar_core::narrow::{Choice, End, Less, NotLess};

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
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Until when a decision is possible.
    pub expires_at: Timestamp,
    /// Whether something could be spent without a limit on the amount, which has to be confirmed.
    pub is_unlimited: bool,
    /// A name for exactly what the items say, to be given back with an approval.
    pub terms: String,
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
    /// What it asked to spend, which the person may have lowered.
    pub asked: Option<Spending>,
    /// The asset in which a limit counts, or would count if there was one.
    pub asset: Option<Asset>,
}

/// Loads what a person has to know about a request as it was made.
///
/// # Errors
/// Not found, when the link is not one of ours.
pub async fn view(app: &App, id: &str, path: &str) -> Result<Consent, Error> {
    consider(app, id, path, &Choice::default()).await
}

/// The same of what the request comes to if a person makes this of it.
///
/// # Errors
/// Not found, when the link is not one of ours; [`NotLess`] for a choice that is not possible.
pub async fn consider(app: &App, id: &str, path: &str, choice: &Choice) -> Result<Consent, Error> {
    let id = own_link(app, id, path)?;
    let (base, choice, now) = (app.config.resource_url(), choice.clone(), app.clock.now());
    app.store
        .read(move |tx| {
            let grant = load(tx, &id)?;
            let assets = spending::assets(tx, &grant.access)?;
            let terms = Terms::new(&grant.access, &assets, &choice, grant.created_at, now);
            let terms = terms.map_err(bursar_core::Refusal::from)?;
            let mut items = Vec::with_capacity(terms.access.len());
            for ((asked, granted), wallet) in grant.access.iter().zip(&terms.access).zip(assets) {
                let limit = asked.limits.as_ref().and_then(|limits| limits.amount);
                items.push(Item {
                    resource: asked.resource,
                    actions: asked.actions.iter().collect(),
                    wallet: asked.identifier.clone(),
                    spending: spending::of_item(tx, &base, granted, now)?,
                    asked: spending::of_item(tx, &base, asked, now)?,
                    asset: limit.map(|limit| limit.amount().asset()).or(wallet).filter(|_| narrow::spends(asked)),
                });
            }
            Ok(Consent::new(&grant, items, &terms, now))
        })
        .await
}

impl Consent {
    fn new(grant: &Grant, items: Vec<Item>, terms: &Terms, now: Timestamp) -> Self {
        let client_address = match &grant.client {
            ClientId::WalletAddress(url) => url.clone(),
            ClientId::Jwk(thumbprint) => format!("key {thumbprint}"),
            ClientId::Holder(_) => grant.client.to_string(),
        };
        let finish_origin = grant.finish.as_ref().and_then(|finish| url::Url::parse(&finish.uri).ok());
        Self {
            grant: grant.id,
            client_name: grant.client_name.clone().unwrap_or_else(|| client_address.clone()),
            client_address,
            items,
            subject: grant.subject.clone(),
            wallets: wallets_of(grant),
            finish_origin: finish_origin.map(|url| url.origin().ascii_serialization()),
            stage: stage(grant, now),
            now,
            created_at: grant.created_at,
            expires_at: grant.expires_at,
            is_unlimited: terms.are_unlimited(),
            terms: terms.fingerprint(&grant.id),
        }
    }
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

/// The grant of a link that is one of ours.
pub(crate) fn own_link(app: &App, id: &str, path: &str) -> Result<Id, Error> {
    let id: Id = id.parse().map_err(|_| missing())?;
    if app.secret.matches(Purpose::InteractPath, id.as_bytes(), path) { Ok(id) } else { Err(missing()) }
}

fn missing() -> Error {
    Error::not_found("request: the link may be incomplete")
}

pub(crate) fn load(tx: &mut Tx<'_>, id: &Id) -> Result<Grant, Error> {
    grant::by_id(tx, id)?.ok_or_else(missing)
}

/// What a person answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Agree.
    Approve {
        /// Who.
        person: LoggedIn,
        /// To what.
        choice: Choice,
        /// What they were shown ([`Consent::terms`]), if a page did.
        shown: Option<String>,
    },
    /// Refuse.
    Deny,
}

impl Answer {
    /// Agree to everything that was asked, as this account holder.
    pub fn approve(person: LoggedIn) -> Self {
        Self::Approve { person, choice: Choice::as_asked(), shown: None }
    }
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
/// that is not theirs; [`NotLess`] for a choice that is not possible; [`Code::Conflict`] when it is not what was shown;
/// [`Code::Unconfirmed`] without a limit that nobody has confirmed.
pub async fn decide(app: &App, id: &str, path: &str, answer: Answer) -> Result<Finished, Error> {
    let person = match &answer {
        Answer::Approve { person, .. } => Some(person.clone()),
        Answer::Deny => None,
    };
    let now = app.clock.now();
    let (grant, _) = apply(app, own_link(app, id, path)?, answer, now).await?;
    Ok(finished(app, &grant, now, person.map_or(Presence::Nobody, Presence::Person)))
}

/// The grant after a decision, and whether that has changed it.
pub(crate) async fn apply(app: &App, id: Id, answer: Answer, now: Timestamp) -> Result<(Grant, bool), Error> {
    app.store
        .write(vec![LockKey::of(&id)], move |tx| {
            let mut grant = load(tx, &id)?;
            let decision = match &answer {
                Answer::Approve { person, .. } => {
                    require_owner(tx, &grant, person)?;
                    Decision::Approve { holder: person.holder }
                }
                Answer::Deny => Decision::Deny,
            };
            let state = match grant.decide(decision, now) {
                Ok(state) => state,
                Err(Undecidable::Expired | Undecidable::Decided) => return Ok((grant, false)),
            };
            if let Answer::Approve { choice, shown, .. } = &answer {
                grant_terms(tx, &mut grant, choice, shown.as_deref(), now)?;
            }
            grant::set_state(tx, &id, grant.state, state)?;
            grant.state = state;
            Ok::<_, Error>((grant, true))
        })
        .await
}

/// Gives the access items of a request the limits that a person has chosen.
fn grant_terms(
    tx: &mut Tx<'_>,
    grant: &mut Grant,
    choice: &Choice,
    shown: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    let assets = spending::assets(tx, &grant.access)?;
    let terms = Terms::new(&grant.access, &assets, choice, grant.created_at, now);
    let terms = terms.map_err(bursar_core::Refusal::from)?;
    if shown.is_some_and(|shown| shown != terms.fingerprint(&grant.id)) {
        return Err(Error::refused(Code::Conflict, "this is not what the page showed: look again, then decide"));
    }
    terms.require_confirmed(choice)?;
    for (asked, granted) in grant.access.iter().zip(&terms.access) {
        if asked.limits != granted.limits {
            grant::set_limits(tx, asked, grant::Before::Asked, granted.limits.as_ref())?;
        }
    }
    grant.access = terms.access;
    Ok(())
}

/// Where the browser goes from a request that is no longer open; `person` is whoever is logged in there.
///
/// # Errors
/// Not found, when the link is not one of ours.
pub async fn leave(app: &App, id: &str, path: &str, person: Option<&LoggedIn>) -> Result<Finished, Error> {
    let id = own_link(app, id, path)?;
    let grant = app.store.read(move |tx| load(tx, &id)).await?;
    Ok(finished(app, &grant, app.clock.now(), person.cloned().map_or(Presence::Nobody, Presence::Person)))
}

/// Who is known to sit at the browser.
pub(crate) enum Presence {
    /// Somebody who is logged in.
    Person(LoggedIn),
    /// Whoever decided, as a provider's own consent page has said.
    Decider,
    /// Anybody.
    Nobody,
}

pub(crate) fn finished(app: &App, grant: &Grant, now: Timestamp, presence: Presence) -> Finished {
    let agreed = |holder| match &presence {
        Presence::Person(person) => person.holder == holder,
        Presence::Decider => true,
        Presence::Nobody => false,
    };
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
            let text = format!("{url} is not a wallet address of {}", person.name);
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
    let id = own_link(app, id, path)?;
    app.store
        .read(move |tx| {
            let grant = load(tx, &id)?;
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
