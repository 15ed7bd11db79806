//! Grants that were given.

use super::saved::{Continuation, SavedGrant, SavedToken};
use crate::client::AuthenticatedClient;
use crate::error::Error;
use crate::session::Session;
use crate::token::Token;
use crate::transport::Call;
use bursar_types::Subject;

/// A grant: permission that was given, with the access token that proves it.
///
/// Printing it shows no secrets. To keep it between runs of the program, [`save`](Self::save) it, and be told when its
/// token changes: [`on_change`](Self::on_change).
///
/// ```no_run
/// # async fn example(
/// #     client: bursar_client::AuthenticatedClient, grant: bursar_client::IssuedGrant,
/// #     wallet: bursar_client::types::WalletAddress,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// // Keep it now, and whenever its token is renewed.
/// let keep = |grant: &bursar_client::SavedGrant| {
///     let text = serde_json::to_string(grant).expect("a grant can be written as JSON");
///     // … write the text where only this program can read it
/// };
/// keep(&grant.save().await);
/// grant.on_change(keep);
///
/// let spent = grant.session()?.outgoing_payments().spent(&wallet).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct IssuedGrant {
    client: AuthenticatedClient,
    session: Option<Session>,
    subject: Option<Subject>,
    continuation: Continuation,
}

impl IssuedGrant {
    pub(super) fn new(
        client: AuthenticatedClient,
        token: Option<Token>,
        subject: Option<Subject>,
        continuation: Continuation,
    ) -> Self {
        let session = token.map(|token| client.session(token));
        Self { client, session, subject, continuation }
    }

    /// The session through which the access is used. All sessions of a grant, and clones of the grant, share one token.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     grant: bursar_client::IssuedGrant,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let payments = grant.session()?.outgoing_payments();
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::NoAccess`] when the grant only proves who owns a wallet address.
    pub fn session(&self) -> Result<&Session, Error> {
        self.session.as_ref().ok_or(Error::NoAccess)
    }

    /// The wallet address that was proven to be the person's, if the request asked for that (RFC 9635 §3.4).
    ///
    /// ```no_run
    /// # async fn example(
    /// #     client: bursar_client::AuthenticatedClient, wallet: bursar_client::types::WalletAddress, requested_url: &str,
    /// # ) -> Result<(), bursar_client::Error> {
    /// # use bursar_client::GrantRequest;
    /// let request = GrantRequest::new().subject(&wallet.id).finish("https://my-app.example/finish/42");
    /// let pending = client.grants().request(&wallet.auth_server, request).await?.pending()?;
    /// let grant = pending.finish(requested_url).await?;
    /// assert_eq!(grant.subject(), Some(wallet.id.as_str()));
    /// # Ok(()) }
    /// ```
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_ref()?.sub_ids.first().map(|subject| subject.id.as_str())
    }

    /// The access token of this moment.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     grant: bursar_client::IssuedGrant,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let token = grant.token().await?;
    /// println!("allows {:?} until {:?}", token.access(), token.expires_at());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::NoAccess`] when the grant only proves who owns a wallet address.
    pub async fn token(&self) -> Result<Token, Error> {
        Ok(self.session()?.current().await)
    }

    /// Exchanges the access token for a new one (RFC 9635 §6.1). Sessions do this themselves when it has expired.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     grant: bursar_client::IssuedGrant,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let token = grant.rotate().await?;
    /// println!("the new one is managed at {}", token.manage_url());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn rotate(&self) -> Result<Token, Error> {
        self.session()?.rotate().await
    }

    /// Ends the access token but not the grant (RFC 9635 §6.2). To end the grant, [`cancel`](Self::cancel) it.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     grant: bursar_client::IssuedGrant,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// grant.revoke().await?; // from here on the token does nothing; the grant can still be cancelled
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn revoke(&self) -> Result<(), Error> {
        self.session()?.revoke().await
    }

    /// Ends the grant and its token for good (RFC 9635 §5.4). Payments that were made are not affected.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     grant: bursar_client::IssuedGrant,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// grant.cancel().await?;
    /// assert!(grant.rotate().await.is_err(), "there is no token of it any more");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn cancel(&self) -> Result<(), Error> {
        cancel(&self.client, &self.continuation).await
    }

    /// The grant in a form that can be kept: [`Grants::restore`](crate::Grants::restore) goes on with it. It contains
    /// the secrets.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     client: bursar_client::AuthenticatedClient, grant: bursar_client::IssuedGrant,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let kept = serde_json::to_string(&grant.save().await)?;
    /// // In the next run of the program:
    /// let grant = client.grants().restore(serde_json::from_str(&kept)?);
    /// # Ok(()) }
    /// ```
    pub async fn save(&self) -> SavedGrant {
        let token = match &self.session {
            Some(session) => Some(SavedToken::from(&session.current().await)),
            None => None,
        };
        SavedGrant { token, continuation: self.continuation.clone(), subject: self.subject.clone() }
    }

    /// Has the grant told to this function whenever its token is renewed, in the form that can be kept. The token before
    /// is dead then, so what was kept before is of no more use. The rules of [`Session::on_rotation`] hold, which this
    /// replaces.
    pub fn on_change(&self, listener: impl Fn(&SavedGrant) + Send + Sync + 'static) {
        if let Some(session) = &self.session {
            let (continuation, subject) = (self.continuation.clone(), self.subject.clone());
            session.on_rotation(move |token| {
                let (continuation, subject) = (continuation.clone(), subject.clone());
                listener(&SavedGrant { token: Some(token.into()), continuation, subject });
            });
        }
    }
}

/// Ends a grant or a grant request.
pub(super) async fn cancel(client: &AuthenticatedClient, continuation: &Continuation) -> Result<(), Error> {
    let transport = client.transport();
    let url = transport.urls.check(&continuation.uri)?;
    transport.send(&Call::delete(&url).token(continuation.token.expose())).await?;
    Ok(())
}
