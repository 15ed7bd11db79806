//! Using an access token, and keeping it alive.

use crate::error::Error;
use crate::incoming_payment::IncomingPayments;
use crate::outgoing_payment::OutgoingPayments;
use crate::quote::Quotes;
use crate::token::{self, Token};
use crate::transport::{Answer, Call, Transport};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

type OnRotation = dyn Fn(&Token) + Send + Sync;

/// An access token in use: payments are made, read and listed through it.
///
/// Tokens live for minutes, grants for months. A session therefore exchanges its token for a new one when it has
/// expired, by the clock or by the server's word, and then repeats the request. However many tasks use clones of a
/// session at once, only one of them rotates the token, and the others wait for the new one. A rotation that has begun is
/// carried through even if the task that needed it is cancelled, since the new token would otherwise be lost.
///
/// Whoever keeps the token must learn of new ones: see [`on_rotation`](Self::on_rotation), and
/// [`IssuedGrant::on_change`](crate::IssuedGrant::on_change) for whole grants.
///
/// ```no_run
/// # async fn example(
/// #     client: bursar_client::AuthenticatedClient, wallet: bursar_client::types::WalletAddress,
/// # ) -> Result<(), bursar_client::Error> {
/// use bursar_client::{ListOptions, Token};
///
/// let session = client.session(Token::new("OS9M2PMHKUR64TB8N6BW", "https://auth.wallet.example/token/42"));
/// session.on_rotation(|token| println!("from now on the token is managed at {}", token.manage_url()));
/// let page = session.outgoing_payments().list(&wallet, &ListOptions::first(10)).await?;
/// println!("{} payments", page.result.len());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Session {
    transport: Arc<Transport>,
    holder: Arc<Holder>,
}

/// What the clones of a session share.
struct Holder {
    /// Held during a rotation, so that there is one at a time and nobody uses the old token meanwhile.
    token: Arc<tokio::sync::Mutex<Token>>,
    on_rotation: Mutex<Option<Arc<OnRotation>>>,
}

impl Holder {
    fn rotated(&self, token: &Token) {
        let listener = self.on_rotation.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(listener) = listener {
            listener(token);
        }
    }
}

impl Session {
    pub(crate) fn new(transport: Arc<Transport>, token: Token) -> Self {
        let token = Arc::new(tokio::sync::Mutex::new(token));
        Self { transport, holder: Arc::new(Holder { token, on_rotation: Mutex::new(None) }) }
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// Incoming payments, with this token.
    pub fn incoming_payments(&self) -> IncomingPayments<'_> {
        IncomingPayments::new(self)
    }

    /// Quotes, with this token.
    pub fn quotes(&self) -> Quotes<'_> {
        Quotes::new(self)
    }

    /// Outgoing payments, with this token.
    pub fn outgoing_payments(&self) -> OutgoingPayments<'_> {
        OutgoingPayments::new(self)
    }

    /// The token of this moment. Waits for a rotation that is under way.
    ///
    /// ```no_run
    /// # async fn example(session: bursar_client::Session) {
    /// println!("managed at {}", session.current().await.manage_url());
    /// # }
    /// ```
    pub async fn current(&self) -> Token {
        self.holder.token.lock().await.clone()
    }

    /// Has each new token told to this function, before it is used for the first time. There is one such function for
    /// all clones; setting it replaces the one before. It must not wait, and not call the session; to write the token to
    /// a database, let it send the token to a task through a channel.
    pub fn on_rotation(&self, listener: impl Fn(&Token) + Send + Sync + 'static) {
        *self.holder.on_rotation.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(listener));
    }

    /// Exchanges the token for a new one now (RFC 9635 §6.1), also when it has expired. Not needed for requests to
    /// succeed, which do this themselves.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let token = session.rotate().await?;
    /// println!("good until {:?}", token.expires_at());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses since the token was revoked or is no longer the last one.
    pub async fn rotate(&self) -> Result<Token, Error> {
        let token = self.current().await;
        self.rotate_unless_done(&token).await
    }

    /// Ends the token (RFC 9635 §6.2). The grant stays; to end it, cancel it:
    /// [`IssuedGrant::cancel`](crate::IssuedGrant::cancel).
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// session.revoke().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn revoke(&self) -> Result<(), Error> {
        let token = self.holder.token.lock().await;
        token::revoke(&self.transport, &token).await
    }

    /// Sends a request with the token, which is renewed before or after the first try if it has to be.
    pub(crate) async fn send(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let mut token = self.current().await;
        if token.is_expired(&self.transport.clock) {
            token = self.renew(&token).await?;
        }
        match self.transport.send(&call.with_token(token.expose())).await {
            Err(Error::Refused(refusal)) if refusal.is_token_inactive() => {
                let token = self.renew(&token).await?;
                self.transport.send(&call.with_token(token.expose())).await
            }
            answer => answer,
        }
    }

    /// Rotates since a request needs it. If the server will not, there is nothing left that this token is good for;
    /// unless it refuses for the client's key or for troubles of its own, which pass.
    async fn renew(&self, known: &Token) -> Result<Token, Error> {
        match self.rotate_unless_done(known).await {
            Err(Error::Refused(refusal))
                if matches!(refusal.status, 400 | 401 | 403 | 404) && refusal.code != "invalid_client" =>
            {
                Err(Error::TokenEnded(refusal))
            }
            result => result,
        }
    }

    /// Rotates, unless another task has done so since `known` was the current token.
    async fn rotate_unless_done(&self, known: &Token) -> Result<Token, Error> {
        let mut current = Arc::clone(&self.holder.token).lock_owned().await;
        if current.value != known.value {
            return Ok(current.clone());
        }
        let (transport, holder) = (Arc::clone(&self.transport), Arc::clone(&self.holder));
        // In a task of its own: it goes on when the caller is cancelled while the server is already at it.
        let rotation = tokio::spawn(async move {
            let rotated = token::rotate(&transport, &current).await?;
            *current = rotated.clone();
            holder.rotated(&rotated);
            Ok(rotated)
        });
        match rotation.await {
            Ok(result) => result,
            // Only the listener of `on_rotation` can panic: its panic belongs to whoever set it.
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Error::Interrupted),
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Session");
        match self.holder.token.try_lock() {
            Ok(token) => shown.field("token", &*token).finish(),
            Err(_) => shown.finish_non_exhaustive(),
        }
    }
}
