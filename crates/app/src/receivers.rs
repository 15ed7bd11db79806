//! Receivers: incoming payments by their URL, at this provider or elsewhere.

use crate::{App, Error};
use bursar_core::{Id, Refusal};
use bursar_store::incoming_payment::Receiver;
use bursar_store::{Tx, incoming_payment};
use url::Url;

/// The id in a receiver's URL, if the URL is one of this provider. The origin decides, never the id alone.
pub fn local_id(resource_url: &str, receiver: &str) -> Option<Id> {
    let (base, url) = (Url::parse(resource_url).ok()?, Url::parse(receiver).ok()?);
    let ours = base.scheme() == url.scheme() && base.host() == url.host() && base.port() == url.port();
    if !ours || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return None;
    }
    url.path().strip_prefix(base.path())?.strip_prefix("/incoming-payments/")?.parse().ok()
}

/// What a receiver's URL stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalReceiver {
    /// Its id.
    pub id: Id,
    /// Its URL, as this provider spells it.
    pub url: String,
}

/// Reads a receiver's URL.
///
/// # Errors
/// Exactly `invalid receiver`, with the reason in the details: not an incoming payment's URL, or at a provider
/// that cannot be reached.
pub fn local(app: &App, receiver: &str) -> Result<LocalReceiver, Refusal> {
    let base = app.config.resource_url();
    match local_id(&base, receiver) {
        Some(id) => Ok(LocalReceiver { id, url: format!("{base}/incoming-payments/{id}") }),
        None if !bursar_core::grant::is_receiver(receiver) => {
            Err(Refusal::invalid_receiver("the receiver is not the URL of an incoming payment"))
        }
        None => Err(Refusal::invalid_receiver(format!(
            "the receiver is not an incoming payment at {base}, and this provider has no connection to others"
        ))),
    }
}

/// Loads a receiver, and where its money goes.
///
/// # Errors
/// Exactly `invalid receiver` when there is none.
pub(crate) fn load(tx: &mut Tx<'_>, id: &Id) -> Result<Receiver, Error> {
    let found = incoming_payment::receiver(tx, id)?;
    Ok(found.ok_or_else(|| Refusal::invalid_receiver("there is no such incoming payment"))?)
}
