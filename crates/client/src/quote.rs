//! Quotes (Open Payments resource server).

use crate::error::Error;
use crate::session::Session;
use crate::transport::Call;
use bursar_types::{Amount, CreateQuote, Quote, QuoteMethod, WalletAddress};

const PATH: &str = "quotes";

/// A question to the payer's provider: what would it cost to pay this incoming payment?
///
/// ```
/// use bursar_client::NewQuote;
/// use bursar_client::types::Asset;
///
/// let url = "https://wallet.example/op/incoming-payments/2f1b0150-db73-49e8-8713-628baa4a17ff";
/// // What has to be debited for five dollars to arrive?
/// let question = NewQuote::receive(url, Asset::new("USD", 2)?.parse_decimal("5.00")?);
/// # let _ = question;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "pass it to session.quotes().create(…)"]
pub struct NewQuote {
    receiver: String,
    debit: Option<Amount>,
    receive: Option<Amount>,
    idempotency_key: Option<String>,
}

impl NewQuote {
    fn of(receiver: String) -> Self {
        Self { receiver, debit: None, receive: None, idempotency_key: None }
    }

    /// What would it cost to pay what is still missing? For incoming payments (by their URL) that have an amount.
    pub fn whole(incoming_payment: impl Into<String>) -> Self {
        Self::of(incoming_payment.into())
    }

    /// What would arrive if this much left the payer's account, fees included?
    pub fn debit(incoming_payment: impl Into<String>, amount: Amount) -> Self {
        Self { debit: Some(amount), ..Self::of(incoming_payment.into()) }
    }

    /// What would leave the payer's account if this much shall arrive?
    pub fn receive(incoming_payment: impl Into<String>, amount: Amount) -> Self {
        Self { receive: Some(amount), ..Self::of(incoming_payment.into()) }
    }

    /// A name for this very question, 1 to 255 printable ASCII characters: however often it is sent, within a day, the
    /// answer is the same quote. A random one by default.
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        Self { idempotency_key: Some(key.into()), ..self }
    }
}

/// Quotes, with the access token of a session. From [`Session::quotes`].
///
/// ```no_run
/// # async fn example(
/// #     session: bursar_client::Session, payer: bursar_client::types::WalletAddress, receiver: &str,
/// # ) -> Result<(), bursar_client::Error> {
/// use bursar_client::{NewOutgoingPayment, NewQuote};
///
/// let quote = session.quotes().create(&payer, NewQuote::whole(receiver)).await?;
/// println!("{} would be debited, {} would arrive", quote.debit_amount, quote.receive_amount);
/// session.outgoing_payments().create(&payer, NewOutgoingPayment::from_quote(&quote.id)).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Quotes<'a> {
    session: &'a Session,
}

impl<'a> Quotes<'a> {
    pub(crate) fn new(session: &'a Session) -> Self {
        Self { session }
    }

    /// Asks the payer's provider for a quote, to which it is bound until the quote expires. Needs the action `create`.
    ///
    /// Sent a second time, with the same idempotency key, if the server cannot be reached or is not ready.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session,
    /// #     payer: bursar_client::types::WalletAddress,
    /// #     receiver: &str,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// # use bursar_client::NewQuote;
    /// let five = payer.asset()?.parse_decimal("5.00")?;
    /// let quotes = session.quotes();
    /// // What does it cost to pay what is asked for; what arrives of 5.00; what does it cost to have 5.00 arrive?
    /// let whole = quotes.create(&payer, NewQuote::whole(receiver)).await?;
    /// let fixed_debit = quotes.create(&payer, NewQuote::debit(receiver, five)).await?;
    /// let fixed_delivery = quotes.create(&payer, NewQuote::receive(receiver, five)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses. If the amount is too small for anything to arrive,
    /// [`Refusal::minimum_send_amount`](crate::Refusal::minimum_send_amount) tells the least one.
    pub async fn create(self, payer: &WalletAddress, new: NewQuote) -> Result<Quote, Error> {
        let transport = self.session.transport();
        let url = transport.urls.below(&payer.resource_server, PATH)?;
        let key = transport.idempotency_key(new.idempotency_key)?;
        let body = CreateQuote {
            wallet_address: payer.id.clone(),
            receiver: new.receiver,
            method: QuoteMethod::Ilp,
            debit_amount: new.debit,
            receive_amount: new.receive,
        };
        self.session.send(&Call::post(&url).json(&body)?.idempotent(key)).await?.json()
    }

    /// A quote, by its URL. Needs the action `read`, or `read-all` if another client created it.
    ///
    /// ```no_run
    /// # async fn example(
    /// #     session: bursar_client::Session,
    /// #     url: &str,
    /// # ) -> Result<(), Box<dyn std::error::Error>> {
    /// let quote = session.quotes().get(url).await?;
    /// println!("{} until {:?}", quote.debit_amount, quote.expires_at);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn get(self, quote: &str) -> Result<Quote, Error> {
        let url = self.session.transport().urls.check(quote)?;
        self.session.send(&Call::get(&url)).await?.json()
    }
}
