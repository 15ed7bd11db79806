//! Grants: what a client may do, from the request over a person's consent to the end (GNAP, RFC 9635).

use crate::access::{ClientId, GrantedAccess};
use crate::secret::Purpose;
use crate::{Code, Id, Refusal, Secret};
use base64::{Engine, engine::general_purpose::STANDARD};
use bursar_types::{AccessItem, Action, GrantRequest, LimitAmount, ResourceType};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use url::Url;

/// Most access items in one request (protocol: one for each type of resource).
pub const ACCESS_ITEMS_MAX: usize = 3;
/// How long after an approval the client may come for its token, at least.
pub const FETCH_TIME: SignedDuration = SignedDuration::from_mins(5);
const NONCE_LENGTH_MAX: usize = 512;
const URI_LENGTH_MAX: usize = 2048;

/// A grant and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id, also the last part of its continuation URI.
    pub id: Id,
    /// Who asked.
    pub client: ClientId,
    /// The client's public name, as the server found it at the client's wallet address.
    pub client_name: Option<String>,
    /// The key that signed the request; every later request must be signed with it.
    pub key: BoundKey,
    /// The URL that the client posted to: part of the redirect hash.
    pub endpoint: String,
    /// What was asked for.
    pub access: Vec<GrantedAccess>,
    /// Canonical wallet address whose ownership shall be proven.
    pub subject: Option<String>,
    /// Where the browser goes afterwards; without it the client polls.
    pub finish: Option<Finish>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Until when a person may decide and the client may fetch the result.
    pub expires_at: Timestamp,
    /// When the client last asked without an answer being there.
    pub polled_at: Option<Timestamp>,
    /// Since when the account holder has paused it: nothing is paid until they resume it.
    pub paused_at: Option<Timestamp>,
    /// Counts what the account holder has changed since it was issued.
    pub revision: u64,
    /// Where it stands.
    pub state: State,
}

/// The key a grant is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundKey {
    /// The key's name in the client's key set.
    pub kid: String,
    /// Ed25519 public key.
    pub x: [u8; 32],
}

/// Where the browser goes after the interaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// The client's URI.
    pub uri: String,
    /// The client's part of the hash.
    pub nonce: String,
}

/// Where a grant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waiting for a person.
    Pending,
    /// A person agreed; the client has not fetched the token yet.
    Approved {
        /// The account holder who agreed.
        holder: Id,
        /// When.
        at: Timestamp,
    },
    /// A person refused.
    Denied {
        /// When.
        at: Timestamp,
    },
    /// The client has its token.
    Issued {
        /// The account holder who agreed, if anybody had to.
        holder: Option<Id>,
    },
    /// Cancelled by the client or revoked by the account holder.
    Ended {
        /// The account holder who had agreed, if anybody had.
        holder: Option<Id>,
        /// When.
        at: Timestamp,
    },
}

/// Whether a person has to agree. Always for outgoing payments and for proving ownership; else only for listing
/// what others created. `read-all` needs none: other servers ask for it in order to pay.
pub fn needs_interaction(request: &GrantRequest) -> bool {
    let access = request.access_token.as_ref().map(|token| token.access.as_slice()).unwrap_or_default();
    request.subject.is_some()
        || access.iter().any(|item| {
            item.resource_type() == ResourceType::OutgoingPayment || item.actions().contains(Action::ListAll)
        })
}

/// Checks what can be told from a grant request alone. Assets and wallet addresses are checked with
/// [`check_item`] once they are loaded.
///
/// # Errors
/// [`Code::InvalidRequest`], naming the fault.
pub fn check_request(request: &GrantRequest) -> Result<(), Refusal> {
    let invalid = |text: &'static str| Err(Refusal::new(Code::InvalidRequest, text));
    match (&request.access_token, &request.subject) {
        (None, None) => return invalid("ask for an access_token, a subject, or both"),
        (Some(token), _) if token.access.is_empty() => return invalid("access_token.access has no item"),
        (Some(token), _) if token.access.len() > ACCESS_ITEMS_MAX => {
            return invalid("access_token.access has more than 3 items");
        }
        (Some(token), _) if has_duplicates(&token.access) => {
            return invalid("access_token.access has the same item twice");
        }
        _ => {}
    }
    if request.subject.as_ref().is_some_and(|subject| subject.sub_ids.len() != 1) {
        return invalid("subject.sub_ids must have exactly one item");
    }
    if needs_interaction(request) {
        let Some(interact) = &request.interact else {
            return invalid("this access needs the account holder's consent: send interact with start [\"redirect\"]");
        };
        if interact.start.is_empty() {
            return invalid("interact.start must name \"redirect\"");
        }
        if request.client.wallet_address().is_none() {
            return invalid("a client that is only a jwk cannot ask for consent: name a wallet address as client");
        }
    }
    match request.interact.as_ref().and_then(|interact| interact.finish.as_ref()) {
        Some(finish) => check_finish(&finish.uri, &finish.nonce),
        None => Ok(()),
    }
}

fn has_duplicates(items: &[AccessItem]) -> bool {
    items.iter().enumerate().any(|(index, item)| items[..index].contains(item))
}

fn check_finish(uri: &str, nonce: &str) -> Result<(), Refusal> {
    let invalid = |text: &'static str| Err(Refusal::new(Code::InvalidRequest, text));
    if uri.len() > URI_LENGTH_MAX {
        return invalid("interact.finish.uri is longer than 2048 characters");
    }
    if uri.chars().any(char::is_control) {
        return invalid("interact.finish.uri has control characters");
    }
    let Ok(url) = Url::parse(uri) else { return invalid("interact.finish.uri is not an URL") };
    if !matches!(url.scheme(), "http" | "https") {
        return invalid("interact.finish.uri must begin with https:// or http://");
    }
    if url.fragment().is_some() {
        return invalid("interact.finish.uri must not have a fragment");
    }
    // RFC 9635 §2.5.2 has ASCII. Without line breaks the hash has one reading only.
    let is_plain = nonce.bytes().all(|b| matches!(b, b' '..=b'~'));
    if nonce.is_empty() || nonce.len() > NONCE_LENGTH_MAX || !is_plain {
        return invalid("interact.finish.nonce must have 1 to 512 printable ASCII characters");
    }
    Ok(())
}

/// Checks one access item against the wallet address it names; `asset` is that wallet's.
///
/// Windows that are all over are no fault: the consent page says that nothing can be spent.
///
/// # Errors
/// [`Code::InvalidRequest`], naming the fault.
pub fn check_item(item: &AccessItem, asset: Option<bursar_types::Asset>) -> Result<(), Refusal> {
    let invalid = |text: String| Err(Refusal::new(Code::InvalidRequest, text));
    if item.actions().contains(Action::ListAll) && item.identifier().is_none() {
        return invalid("list-all needs an identifier: whose payments shall be listed?".to_owned());
    }
    let Some(limits) = item.limits() else { return Ok(()) };
    if let (Some(LimitAmount::Debit(debit)), Some(asset)) = (limits.amount, asset)
        && debit.asset() != asset
    {
        let text = format!("limits.debitAmount is in {:?}, but the wallet address pays in {asset:?}", debit.asset());
        return invalid(text);
    }
    if limits.amount.is_some_and(|limit| limit.amount().is_zero()) {
        return invalid("a limit of zero allows no payment at all".to_owned());
    }
    if let Some(receiver) = &limits.receiver
        && !is_receiver(receiver)
    {
        return invalid("limits.receiver is not the URL of an incoming payment".to_owned());
    }
    Ok(())
}

/// Whether this can be the URL of an incoming payment: `http(s)://…/incoming-payments/…`.
pub fn is_receiver(text: &str) -> bool {
    let id_follows = |path: &str| path.split_once("/incoming-payments/").is_some_and(|(_, id)| !id.is_empty());
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && id_follows(url.path()))
}

/// What a person answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The account holder agrees.
    Approve {
        /// Who agrees.
        holder: Id,
    },
    /// Somebody refuses.
    Deny,
}

/// Why an interaction cannot be decided any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undecidable {
    /// It took too long.
    #[error("this request has expired")]
    Expired,
    /// A decision was made before, and is final.
    #[error("this request has been decided already")]
    Decided,
}

impl Grant {
    /// Whether nobody decided, or the client did not come back, in time. After an approval the client has some
    /// minutes of its own.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        match self.state {
            State::Pending => now >= self.expires_at,
            State::Approved { at, .. } => {
                now >= self.expires_at.max(at.saturating_add(FETCH_TIME).unwrap_or(Timestamp::MAX))
            }
            State::Denied { .. } | State::Issued { .. } | State::Ended { .. } => false,
        }
    }

    /// A person's decision: the state after it.
    ///
    /// # Errors
    /// When it has been decided before, or too late.
    pub fn decide(&self, decision: Decision, now: Timestamp) -> Result<State, Undecidable> {
        match self.state {
            State::Pending if self.is_expired(now) => Err(Undecidable::Expired),
            State::Pending => Ok(match decision {
                Decision::Approve { holder } => State::Approved { holder, at: now },
                Decision::Deny => State::Denied { at: now },
            }),
            _ => Err(Undecidable::Decided),
        }
    }

    /// The client comes back, with the reference from the redirect or empty-handed.
    ///
    /// # Errors
    /// As the table of continuations says: [`Code::RequestDenied`], [`Code::TooFast`],
    /// [`Code::UnknownInteractRef`].
    pub fn resume(
        &self,
        interact_ref: Option<&str>,
        secret: &Secret,
        wait: SignedDuration,
        now: Timestamp,
    ) -> Result<Resumed, Refusal> {
        let denied = |text: &'static str| Err(Refusal::new(Code::RequestDenied, text));
        if self.is_expired(now) {
            return denied("the grant request has expired");
        }
        let approved = match self.state {
            State::Denied { .. } => return denied("the account holder denied the request"),
            State::Issued { .. } => return denied("the access token has been issued already"),
            State::Ended { .. } => return denied("the grant was revoked"),
            State::Approved { holder, .. } => Some(holder),
            State::Pending => None,
        };
        if let Some(presented) = interact_ref {
            return match approved {
                Some(holder) if secret.matches(Purpose::InteractRef, self.id.as_bytes(), presented) => {
                    Ok(Resumed::Issue { holder })
                }
                _ => Err(Refusal::new(Code::UnknownInteractRef, "interact_ref does not belong to this grant")),
            };
        }
        if self.finish.is_some() {
            return denied("this grant is continued with the interact_ref that the redirect carries");
        }
        match approved {
            Some(holder) => Ok(Resumed::Issue { holder }),
            None if now < self.polled_at.unwrap_or(self.created_at).saturating_add(wait).unwrap_or(now) => {
                let text = format!("wait {} seconds between two polls", wait.as_secs());
                Err(Refusal::new(Code::TooFast, text))
            }
            None => Ok(Resumed::StillPending),
        }
    }

    /// The server's part of the redirect hash (`interact.finish`).
    pub fn server_nonce(&self, secret: &Secret) -> String {
        secret.derive_text(Purpose::FinishNonce, self.id.as_bytes())
    }

    /// Where the browser is sent once the interaction has ended; nowhere if the client polls.
    pub fn finish_redirect(&self, outcome: Outcome, secret: &Secret) -> Option<String> {
        let finish = self.finish.as_ref()?;
        let mut url = Url::parse(&finish.uri).ok()?;
        match outcome {
            Outcome::Approved => {
                let reference = secret.derive_text(Purpose::InteractRef, self.id.as_bytes());
                let hash = redirect_hash(&finish.nonce, &self.server_nonce(secret), &reference, &self.endpoint);
                url.query_pairs_mut().append_pair("hash", &hash).append_pair("interact_ref", &reference);
            }
            Outcome::Denied => {
                url.query_pairs_mut().append_pair("result", "grant_rejected");
            }
            Outcome::Invalid => {
                url.query_pairs_mut().append_pair("result", "grant_invalid");
            }
        }
        Some(url.into())
    }
}

/// What a client that comes back gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// Nothing yet.
    StillPending,
    /// Its token.
    Issue {
        /// The account holder who agreed.
        holder: Id,
    },
}

/// How an interaction ended, as far as the redirect tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With consent.
    Approved,
    /// With a refusal.
    Denied,
    /// Expired, or never decided.
    Invalid,
}

/// The hash that secures the redirect: SHA-256 over the four values joined by newlines, in padded standard
/// base64. RFC 9635 §4.2.3 says base64url; deployed clients compare with this form.
pub fn redirect_hash(client_nonce: &str, server_nonce: &str, interact_ref: &str, endpoint: &str) -> String {
    STANDARD.encode(Sha256::digest(format!("{client_nonce}\n{server_nonce}\n{interact_ref}\n{endpoint}")))
}
