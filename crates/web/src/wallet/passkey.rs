//! Passkeys on pages: what our script needs to ask for one, and what it sends.

use super::visitor::Visitor;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bursar_app::passkeys::{self, ALGORITHMS, Assertion, Creation, Registration};
use bursar_app::{App, Error, Id, login::Here};
use serde::Deserialize;

/// A button that asks for a proof by a passkey. Where browsers have none there is no such button.
#[derive(Debug, Clone)]
pub(super) struct Prove {
    /// Random, for this browser, in base64url.
    pub(super) challenge: String,
    /// The host name that the passkeys belong to.
    pub(super) host: String,
    /// The passkeys to choose from, by their ids; any of this site if there are none.
    pub(super) known: String,
}

impl Prove {
    /// The button for whoever logs in.
    pub(super) fn of_anybody(app: &App, visitor: &Visitor) -> Option<Self> {
        let host = app.config.passkey_host().filter(|_| app.config.has_built_in_log_in)?.to_owned();
        let challenge = URL_SAFE_NO_PAD.encode(passkeys::challenge(app, &visitor.place, None));
        Some(Self { challenge, host, known: String::new() })
    }

    /// The button for this account holder; none without any passkey.
    pub(super) async fn of(app: &App, visitor: &Visitor, holder: Id) -> Result<Option<Self>, Error> {
        let Some(button) = Self::of_anybody(app, visitor) else { return Ok(None) };
        let known = passkeys::list(app, holder).await?;
        if known.is_empty() {
            return Ok(None);
        }
        let challenge = URL_SAFE_NO_PAD.encode(passkeys::challenge(app, &visitor.place, Some(holder)));
        Ok(Some(Self { challenge, known: ids(known.iter().map(|passkey| passkey.credential_id.as_slice())), ..button }))
    }
}

fn ids<'a>(credentials: impl Iterator<Item = &'a [u8]>) -> String {
    credentials.map(|id| URL_SAFE_NO_PAD.encode(id)).collect::<Vec<_>>().join(" ")
}

/// A button that makes a new passkey.
#[derive(Debug, Clone)]
pub(super) struct Create {
    pub(super) challenge: String,
    pub(super) host: String,
    /// Who it is for: the id that devices keep, and the names that they show.
    pub(super) user: String,
    pub(super) name: String,
    pub(super) display_name: String,
    /// The passkeys there are, by their ids.
    pub(super) known: String,
    /// The algorithms that it may have.
    pub(super) algorithms: String,
}

impl Create {
    pub(super) fn new(seat: &Here, creation: &Creation) -> Self {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Self {
            challenge: encode(&creation.challenge),
            host: creation.host.clone(),
            user: encode(seat.person.holder.as_bytes()),
            name: seat.person.name.clone(),
            display_name: seat.display_name.as_ref().unwrap_or(&seat.person.name).clone(),
            known: ids(creation.known.iter().map(Vec::as_slice)),
            algorithms: ALGORITHMS.map(|algorithm| algorithm.to_string()).join(" "),
        }
    }
}

/// What our script sends of a proof.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Proof {
    credential_id: String,
    client_data: String,
    authenticator_data: String,
    signature: String,
    #[serde(default)]
    user_handle: String,
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

impl Proof {
    /// The proof; none if it cannot be read.
    pub(super) fn read(&self) -> Option<Assertion> {
        Some(Assertion {
            credential_id: bytes(&self.credential_id)?,
            client_data: bytes(&self.client_data)?,
            authenticator_data: bytes(&self.authenticator_data)?,
            signature: bytes(&self.signature)?,
            user_handle: Some(bytes(&self.user_handle)?).filter(|handle| !handle.is_empty()),
        })
    }
}

/// What our script sends of a new passkey.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Made {
    client_data: String,
    authenticator_data: String,
    public_key: String,
}

impl Made {
    /// The new passkey; none if it cannot be read.
    pub(super) fn read(&self) -> Option<Registration> {
        Some(Registration {
            client_data: bytes(&self.client_data)?,
            authenticator_data: bytes(&self.authenticator_data)?,
            public_key: bytes(&self.public_key)?,
        })
    }
}
