//! Grants: asking for access (GNAP, RFC 9635; Open Payments authorization server).

mod finish;
mod issued;
mod pending;
mod saved;

use crate::access::Access;
use crate::client::AuthenticatedClient;
use crate::error::{Error, InvalidGrantRequest};
use crate::secret::Secret;
use crate::token::WireToken;
use crate::transport::Call;
use crate::url_rules::InvalidUrl;
use bursar_types::{
    AccessItem, AccessTokenRequest, Action, ClientRef, Finish, FinishMethod, GrantRequest as Body, InteractRequest,
    InteractStart, Subject, SubjectFormat, SubjectId,
};
use serde::Deserialize;
use url::Url;

pub use issued::IssuedGrant;
pub use pending::PendingGrant;
pub use saved::{SavedGrant, SavedPendingGrant};

use saved::Continuation;

/// Access items that one request may have, by the specification.
const ACCESS_ITEMS_MAX: usize = 3;

/// What a client asks for.
///
/// ```
/// use bursar_client::types::{Action, Asset};
/// use bursar_client::{GrantRequest, OutgoingAccess, QuoteAccess};
///
/// let cad = Asset::new("CAD", 2)?;
/// let request = GrantRequest::new()
///     .access(QuoteAccess::new([Action::Create]))
///     .access(
///         OutgoingAccess::new("https://cloudninebank.example.com/user")
///             .debit(cad.parse_decimal("100.00")?)
///             .interval("R3/2025-05-20T13:00:00Z/P1M"),
///     )
///     .finish("https://paymentplatform.example/finish/42");
/// # let _ = request;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "send it with client.grants().request(…)"]
pub struct GrantRequest {
    access: Vec<Access>,
    subject: Option<String>,
    interaction: Option<Interaction>,
}

/// How the account holder can be asked.
#[derive(Debug, Clone)]
enum Interaction {
    /// The browser comes back to this URI.
    Finish(String),
    /// The client polls.
    Poll,
}

impl GrantRequest {
    /// A request for nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for access, too: one to three items.
    pub fn access(mut self, access: impl Into<Access>) -> Self {
        self.access.push(access.into());
        self
    }

    /// Asks for proof that the person owns this wallet address (RFC 9635 §2.2).
    pub fn subject(self, wallet_address: impl Into<String>) -> Self {
        Self { subject: Some(wallet_address.into()), ..self }
    }

    /// Lets the account holder be asked, whose browser then comes back to this http(s) URI: pass the whole URL that it
    /// comes with to [`PendingGrant::finish`]. The URI may have a query of its own.
    pub fn finish(self, uri: impl Into<String>) -> Self {
        Self { interaction: Some(Interaction::Finish(uri.into())), ..self }
    }

    /// Lets the account holder be asked, on another device perhaps; the client learns of the outcome with
    /// [`PendingGrant::poll`].
    pub fn without_finish(self) -> Self {
        Self { interaction: Some(Interaction::Poll), ..self }
    }

    /// The body to send. `nonce` is the client's part of the hash that secures the way back.
    fn body(self, client: ClientRef, nonce: &str) -> Result<Body, InvalidGrantRequest> {
        let access: Vec<_> = self.access.into_iter().map(Access::into_item).collect::<Result<_, _>>()?;
        if access.is_empty() && self.subject.is_none() {
            return Err(InvalidGrantRequest::Empty);
        }
        if access.len() > ACCESS_ITEMS_MAX {
            return Err(InvalidGrantRequest::TooManyItems(access.len()));
        }
        if access.iter().enumerate().any(|(index, item)| access[..index].contains(item)) {
            return Err(InvalidGrantRequest::SameItem);
        }
        if self.subject.is_some() || access.iter().any(needs_consent) {
            match self.interaction {
                None => return Err(InvalidGrantRequest::NoInteraction),
                Some(_) if client.wallet_address().is_none() => return Err(InvalidGrantRequest::NoWalletAddress),
                Some(_) => {}
            }
        }
        let interact = self.interaction.map(|interaction| interact(interaction, nonce)).transpose()?;
        let subject = self.subject.map(|id| Subject { sub_ids: vec![SubjectId { id, format: SubjectFormat::Uri }] });
        let access_token = (!access.is_empty()).then_some(AccessTokenRequest { access });
        Ok(Body { access_token, subject, client, interact })
    }
}

fn interact(interaction: Interaction, nonce: &str) -> Result<InteractRequest, InvalidGrantRequest> {
    let finish = match interaction {
        Interaction::Poll => None,
        Interaction::Finish(uri) => {
            if !Url::parse(&uri).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
                return Err(InvalidGrantRequest::FinishUri(uri.chars().take(200).collect()));
            }
            Some(Finish { method: FinishMethod::Redirect, uri, nonce: nonce.to_owned() })
        }
    };
    Ok(InteractRequest { start: vec![InteractStart::Redirect], finish })
}

/// Whether every server has to ask somebody before it grants this.
fn needs_consent(item: &AccessItem) -> bool {
    match item {
        AccessItem::OutgoingPayment { .. } => true,
        AccessItem::IncomingPayment { actions, .. } => actions.contains(Action::ListAll),
        AccessItem::Quote { .. } => false,
    }
}

/// The answer to a grant request.
#[derive(Debug)]
#[must_use]
pub enum Grant {
    /// The account holder has to be asked first.
    Pending(PendingGrant),
    /// The access is granted.
    Issued(IssuedGrant),
}

impl Grant {
    /// The grant, if nobody had to be asked.
    ///
    /// # Errors
    /// [`Error::UnexpectedGrant`] when the account holder has to be asked.
    pub fn issued(self) -> Result<IssuedGrant, Error> {
        match self {
            Self::Issued(grant) => Ok(grant),
            Self::Pending(_) => Err(Error::UnexpectedGrant(
                "the server wants to ask the account holder first, although this access is usually given without",
            )),
        }
    }

    /// The pending grant, if the account holder has to be asked.
    ///
    /// # Errors
    /// [`Error::UnexpectedGrant`] when the access was granted at once.
    pub fn pending(self) -> Result<PendingGrant, Error> {
        match self {
            Self::Pending(grant) => Ok(grant),
            Self::Issued(_) => Err(Error::UnexpectedGrant(
                "the server granted the access without asking the account holder, although it has to",
            )),
        }
    }
}

/// Asking for grants, and going on with those that were kept. From [`AuthenticatedClient::grants`].
#[derive(Debug, Clone, Copy)]
pub struct Grants<'a> {
    client: &'a AuthenticatedClient,
}

impl<'a> Grants<'a> {
    pub(crate) fn new(client: &'a AuthenticatedClient) -> Self {
        Self { client }
    }

    /// Asks for a grant (RFC 9635 §2).
    ///
    /// `auth_server` is the URL in the wallet address document, or in the public view of an incoming payment: pass it as
    /// it stands there, since it becomes part of the hash.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     client: bursar_client::AuthenticatedClient, wallet: bursar_client::types::WalletAddress,
    /// # ) -> Result<(), bursar_client::Error> {
    /// use bursar_client::types::Action;
    /// use bursar_client::{GrantRequest, IncomingAccess};
    ///
    /// let request = GrantRequest::new().access(IncomingAccess::new([Action::Create, Action::Read]));
    /// let grant = client.grants().request(&wallet.auth_server, request).await?.issued()?;
    /// # Ok(()) }
    /// ```
    ///
    /// The client names itself by the text of its wallet address, which every server takes; see
    /// [`ClientForm`](crate::ClientForm) for the other form, and
    /// [`key_only`](crate::Builder::key_only) for a client that is only a key.
    ///
    /// # Errors
    /// [`Error::GrantRequest`] for a request that no server could grant; otherwise when the server cannot be reached,
    /// refuses, or answers with something unexpected.
    pub async fn request(self, auth_server: &str, request: GrantRequest) -> Result<Grant, Error> {
        let transport = self.client.transport();
        let url = transport.urls.check(auth_server)?;
        let nonce = transport.random.nonce()?;
        let identity = transport.identity.as_ref().ok_or(InvalidGrantRequest::NoWalletAddress)?;
        let body = request.body(identity.client.clone(), &nonce)?;
        let answer: Answer = transport.send(&Call::post(&url).json(&body)?).await?.secret_json()?;
        let continuation = answer.continuation(self.client, &url)?;
        match (answer.access_token, answer.subject, answer.interact) {
            (None, None, Some(interact)) => {
                let finish = body.interact.and_then(|interact| interact.finish);
                let saved = interact.pending(self.client, auth_server, &url, finish, continuation)?;
                Ok(Grant::Pending(PendingGrant::new(self.client.clone(), saved)))
            }
            (None, None, None) => {
                Err(Error::invalid_response(url.as_str(), "neither an access token nor an interaction"))
            }
            (token, subject, _) => {
                let token = token.map(|token| token.received(transport, &url)).transpose()?;
                Ok(Grant::Issued(IssuedGrant::new(self.client.clone(), token, subject, continuation)))
            }
        }
    }

    /// Goes on with a pending grant that was kept with [`PendingGrant::save`].
    pub fn restore_pending(self, saved: SavedPendingGrant) -> PendingGrant {
        PendingGrant::new(self.client.clone(), saved)
    }

    /// Goes on with a grant that was kept with [`IssuedGrant::save`].
    pub fn restore(self, saved: SavedGrant) -> IssuedGrant {
        let SavedGrant { token, continuation, subject } = saved;
        IssuedGrant::new(self.client.clone(), token.map(Into::into), subject, continuation)
    }
}

/// Any answer of a grant endpoint or a continuation, as servers write it.
#[derive(Deserialize)]
struct Answer {
    interact: Option<Interact>,
    access_token: Option<WireToken>,
    subject: Option<Subject>,
    #[serde(rename = "continue")]
    continuation: WireContinue,
}

#[derive(Deserialize)]
struct Interact {
    redirect: String,
    finish: Option<Secret>,
}

#[derive(Deserialize)]
struct WireContinue {
    access_token: WireContinueToken,
    uri: String,
    wait: Option<u64>,
}

#[derive(Deserialize)]
struct WireContinueToken {
    value: Secret,
}

impl Answer {
    /// How to go on, checked.
    fn continuation(&self, client: &AuthenticatedClient, base: &Url) -> Result<Continuation, Error> {
        let WireContinue { access_token, uri, wait } = &self.continuation;
        let fault = |error: InvalidUrl| Error::invalid_response(base.as_str(), format!("its continue URI: {error}"));
        client.transport().urls.reference(base, uri).map_err(fault)?;
        Ok(Continuation { token: access_token.value.clone(), uri: uri.clone(), wait_seconds: *wait })
    }
}

impl Interact {
    fn pending(
        self,
        client: &AuthenticatedClient,
        grant_endpoint: &str,
        base: &Url,
        finish: Option<Finish>,
        continuation: Continuation,
    ) -> Result<SavedPendingGrant, Error> {
        let fault = |reason: String| Error::invalid_response(base.as_str(), reason);
        // A person is going to open it, so a page of another kind would be theirs to suffer.
        client
            .transport()
            .urls
            .reference(base, &self.redirect)
            .map_err(|error| fault(format!("the URL of its consent page: {error}")))?;
        let nonces = match (finish, self.finish) {
            (Some(finish), Some(server)) => Some(saved::Nonces { client: Secret::new(finish.nonce), server }),
            (Some(_), None) => {
                return Err(fault("no interact.finish, without which the way back is not secure".to_owned()));
            }
            (None, _) => None,
        };
        Ok(SavedPendingGrant {
            grant_endpoint: grant_endpoint.to_owned(),
            redirect: self.redirect,
            nonces,
            continuation,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{IncomingAccess, OutgoingAccess, QuoteAccess};
    use bursar_types::{ClientJwk, JsonWebKey};

    const ALICE: &str = "https://wallet.example/alice";

    fn address() -> ClientRef {
        ClientRef::Address("https://wallet.example/app".to_owned())
    }

    fn key() -> ClientRef {
        let jwk = JsonWebKey {
            kid: "k".to_owned(),
            alg: None,
            key_use: None,
            kty: None,
            crv: None,
            x: "AA".to_owned(),
            d: None,
        };
        ClientRef::Jwk(ClientJwk { jwk })
    }

    fn mandate() -> OutgoingAccess {
        OutgoingAccess::new(ALICE)
    }

    #[test]
    fn bodies_are_written_as_the_specification_has_them() {
        fn check(request: GrantRequest, expected: &str) {
            let body = request.body(address(), "n0nce").unwrap();
            assert_eq!(serde_json::to_string(&body).unwrap(), expected);
        }
        check(
            GrantRequest::new().access(QuoteAccess::new([Action::Create])),
            r#"{"access_token":{"access":[{"type":"quote","actions":["create"]}]},"client":"https://wallet.example/app"}"#,
        );
        check(
            GrantRequest::new().access(mandate()).finish("http://localhost:3344/?id=1"),
            concat!(
                r#"{"access_token":{"access":[{"type":"outgoing-payment","actions":["create","read"],"#,
                r#""identifier":"https://wallet.example/alice"}]},"client":"https://wallet.example/app","#,
                r#""interact":{"start":["redirect"],"finish":{"method":"redirect","uri":"http://localhost:3344/?id=1","nonce":"n0nce"}}}"#
            ),
        );
        check(
            GrantRequest::new().subject(ALICE).without_finish(),
            concat!(
                r#"{"subject":{"sub_ids":[{"id":"https://wallet.example/alice","format":"uri"}]},"#,
                r#""client":"https://wallet.example/app","interact":{"start":["redirect"]}}"#
            ),
        );
    }

    #[test]
    fn what_no_server_could_grant_is_refused_before_it_is_sent() {
        fn check(client: ClientRef, request: GrantRequest, expected: &InvalidGrantRequest) {
            assert_eq!(request.body(client, "n").unwrap_err(), *expected);
        }
        let quote = || QuoteAccess::new([Action::Create]);
        let incoming = |action| IncomingAccess::new([action]);
        let new = GrantRequest::new;
        check(address(), new(), &InvalidGrantRequest::Empty);
        check(address(), new().access(quote()).access(quote()), &InvalidGrantRequest::SameItem);
        let four =
            new().access(quote()).access(incoming(Action::Read)).access(incoming(Action::List)).access(mandate());
        check(address(), four, &InvalidGrantRequest::TooManyItems(4));
        check(address(), new().access(mandate()), &InvalidGrantRequest::NoInteraction);
        check(address(), new().subject(ALICE), &InvalidGrantRequest::NoInteraction);
        check(address(), new().access(incoming(Action::ListAll)), &InvalidGrantRequest::NoInteraction);
        let uri = "javascript:alert(1)";
        check(address(), new().access(mandate()).finish(uri), &InvalidGrantRequest::FinishUri(uri.to_owned()));
        check(key(), new().access(mandate()).without_finish(), &InvalidGrantRequest::NoWalletAddress);
        // Nobody is asked for these, not even of a client that is only a key.
        assert!(new().access(incoming(Action::ReadAll)).body(key(), "n").is_ok());
    }
}
