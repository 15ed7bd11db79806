//! Grants that wait for the account holder.

use super::Answer;
use super::finish::{self, Outcome};
use super::issued::{IssuedGrant, cancel};
use super::saved::SavedPendingGrant;
use crate::client::AuthenticatedClient;
use crate::clock::Duration;
use crate::error::{Error, InvalidRedirect};
use crate::transport::Call;
use bursar_types::ContinueRequest;

/// How long to wait before polling when the server does not say.
const WAIT: Duration = Duration::from_secs(5);
/// By how much to wait longer each time the server finds us too fast.
const WAIT_STEP: Duration = Duration::from_secs(5);
/// The longest time between two polls.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A grant that the account holder has to agree to.
///
/// Send the person's browser to [`redirect`](Self::redirect). If the request named a finish URI, the browser comes back
/// there: pass the URL to [`finish`](Self::finish). If it did not, [`poll`](Self::poll).
///
/// A web app answers the redirect in another request, perhaps of another process: it keeps the grant in the person's
/// session with [`save`](Self::save), and goes on with [`Grants::restore_pending`](crate::Grants::restore_pending).
///
/// ```no_run
/// # async fn example(
/// #     client: bursar_client::AuthenticatedClient, pending: bursar_client::PendingGrant,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// // In the handler that begins:
/// let kept = serde_json::to_string(&pending.save())?;
/// let send_browser_to = pending.redirect();
///
/// // In the handler of the finish URI, with the URL that was requested:
/// let pending = client.grants().restore_pending(serde_json::from_str(&kept)?);
/// let grant = pending.finish("/finish/42?hash=p28jsq0Y2KK3WS__a42tavNC64ldGTBroywsWxT4md8&interact_ref=4IFWWIKYB").await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct PendingGrant {
    client: AuthenticatedClient,
    saved: SavedPendingGrant,
}

impl PendingGrant {
    pub(super) fn new(client: AuthenticatedClient, saved: SavedPendingGrant) -> Self {
        Self { client, saved }
    }

    /// The consent page: where to send the account holder's browser.
    pub fn redirect(&self) -> &str {
        &self.saved.redirect
    }

    /// The grant in a form that can be kept while the account holder decides. It contains secrets.
    pub fn save(&self) -> SavedPendingGrant {
        self.saved.clone()
    }

    /// Goes on after the account holder has decided (RFC 9635 §5.1).
    ///
    /// `redirect_url` is what the browser came back with: the full URL, or its path and query. The hash in it is
    /// verified first, so that nobody can smuggle in the outcome of another grant.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     pending: bursar_client::PendingGrant,
    /// #     requested_url: &str,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// # use bursar_client::Error;
    /// match pending.finish(requested_url).await {
    ///     Ok(grant) => println!("granted: {:?}", grant.token().await?.access()),
    ///     Err(Error::Denied(_) | Error::InteractionInvalid) => println!("no is no"),
    ///     Err(Error::HashMismatch | Error::Redirect(_)) => println!("somebody made this up; keep waiting"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Denied`] and [`Error::InteractionInvalid`] when the redirect says so; [`Error::HashMismatch`] and
    /// [`Error::Redirect`] when it is not this grant's redirect; otherwise when the server cannot be reached or refuses.
    /// When it could not be reached the same redirect may be tried again.
    pub async fn finish(&self, redirect_url: &str) -> Result<IssuedGrant, Error> {
        let nonces = self.saved.nonces.as_ref().ok_or(InvalidRedirect::NoFinish)?;
        let (hash, interact_ref) = match finish::read(redirect_url)? {
            Outcome::Rejected => return Err(Error::Denied("the account holder said no".to_owned())),
            Outcome::Invalid => return Err(Error::InteractionInvalid),
            Outcome::Decided { hash, interact_ref } => (hash, interact_ref),
        };
        let (client, server) = (nonces.client.expose(), nonces.server.expose());
        if !finish::is_genuine(&hash, client, server, &interact_ref, &self.saved.grant_endpoint) {
            return Err(Error::HashMismatch);
        }
        let body = ContinueRequest { interact_ref: Some(interact_ref) };
        match self.go_on(Some(&body)).await? {
            Continued::Issued(grant) => Ok(grant),
            Continued::Pending(_) => Err(Error::StillPending),
        }
    }

    /// Asks whether there is an outcome, again and again at the pace that the server wants, for at most so long.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     mut pending: bursar_client::PendingGrant,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// # use bursar_client::Duration;
    /// // Of a request that was made with GrantRequest::without_finish.
    /// println!("Please open {}", pending.redirect());
    /// let grant = pending.poll(Duration::from_secs(600)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::StillPending`] when the time is over: poll again, if you like. [`Error::Denied`] when the account holder
    /// said no or the request expired; otherwise when the server cannot be reached or refuses.
    pub async fn poll(&mut self, at_most: Duration) -> Result<IssuedGrant, Error> {
        let clock = self.client.transport().clock.clone();
        let deadline = clock.after(at_most);
        let mut wait = self.wait();
        loop {
            if clock.after(wait) > deadline {
                return Err(Error::StillPending);
            }
            clock.sleep(wait).await;
            match self.poll_once().await {
                Ok(Some(grant)) => return Ok(grant),
                Ok(None) => wait = self.wait(),
                // The habit of device flows (RFC 8628 §3.5): from now on slower.
                Err(error) if error.code() == Some("too_fast") => {
                    wait = (wait + WAIT_STEP).min(WAIT_MAX.max(self.wait()))
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Asks once whether there is an outcome (RFC 9635 §5.2); `None` if there is none yet. Servers want some seconds
    /// between two polls, and refuse with the code `too_fast` otherwise.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     mut pending: bursar_client::PendingGrant,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// match pending.poll_once().await? {
    ///     Some(grant) => println!("granted"),
    ///     None => println!("not decided yet"),
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Denied`] when the account holder said no or the request expired; otherwise when the server cannot be
    /// reached or refuses.
    pub async fn poll_once(&mut self) -> Result<Option<IssuedGrant>, Error> {
        match self.go_on(None).await {
            Ok(Continued::Issued(grant)) => Ok(Some(grant)),
            Ok(Continued::Pending(continuation)) => {
                self.saved.continuation = continuation;
                Ok(None)
            }
            Err(Error::Refused(refusal)) if matches!(&*refusal.code, "request_denied" | "user_denied") => {
                let described = if refusal.description.is_empty() { refusal.code } else { refusal.description };
                Err(Error::Denied(described))
            }
            Err(error) => Err(error),
        }
    }

    /// Withdraws the request (RFC 9635 §5.4); the consent page then no longer works.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     pending: bursar_client::PendingGrant,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// pending.cancel().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn cancel(&self) -> Result<(), Error> {
        cancel(&self.client, &self.saved.continuation).await
    }

    async fn go_on(&self, body: Option<&ContinueRequest>) -> Result<Continued, Error> {
        let transport = self.client.transport();
        let url = transport.urls.check(&self.saved.continuation.uri)?;
        let call = Call::post(&url).token(self.saved.continuation.token.expose());
        let call = match body {
            Some(body) => call.json(body)?,
            None => call,
        };
        let answer: Answer = transport.send(&call).await?.secret_json()?;
        let continuation = answer.continuation(&self.client, &url)?;
        if answer.access_token.is_none() && answer.subject.is_none() {
            return Ok(Continued::Pending(continuation));
        }
        let token = answer.access_token.map(|token| token.received(transport, &url)).transpose()?;
        Ok(Continued::Issued(IssuedGrant::new(self.client.clone(), token, answer.subject, continuation)))
    }

    /// How long the server wants us to wait, within reason.
    fn wait(&self) -> Duration {
        let asked = self.saved.continuation.wait_seconds.map_or(WAIT, Duration::from_secs);
        asked.max(Duration::from_secs(1))
    }
}

enum Continued {
    Issued(IssuedGrant),
    Pending(super::saved::Continuation),
}
