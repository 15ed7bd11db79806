//! Outgoing payments (Open Payments resource server).

use crate::{Amount, Metadata};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Body of `POST /outgoing-payments`: from a quote, or straight from an incoming payment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "an outgoing payment is created with walletAddress and either quoteId, or \
                               incomingPayment and debitAmount; metadata may be added, nothing else"
)]
pub enum CreateOutgoingPayment {
    /// At the price of a quote.
    #[serde(rename_all = "camelCase")]
    FromQuote(FromQuote),
    /// A fixed debit, whatever arrives.
    FromIncomingPayment(FromIncomingPayment),
}

/// An outgoing payment at the price of a quote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FromQuote {
    /// The wallet address that pays.
    pub wallet_address: String,
    /// URL of the quote.
    pub quote_id: String,
    /// The client's own data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// An outgoing payment of a fixed debit amount.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FromIncomingPayment {
    /// The wallet address that pays.
    pub wallet_address: String,
    /// URL of the incoming payment to pay.
    pub incoming_payment: String,
    /// What leaves the payer's account.
    pub debit_amount: Amount,
    /// The client's own data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// An outgoing payment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutgoingPayment {
    /// Its URL.
    pub id: String,
    /// The wallet address that pays.
    pub wallet_address: String,
    /// URL of the quote it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote_id: Option<String>,
    /// Whether it could not deliver everything.
    #[serde(default)]
    pub failed: bool,
    /// The incoming payment that is paid.
    pub receiver: String,
    /// What shall arrive.
    pub receive_amount: Amount,
    /// What shall leave the payer's account.
    pub debit_amount: Amount,
    /// What has left so far, in the payer's asset; equal to `debit_amount` once everything is delivered.
    pub sent_amount: Amount,
    /// The client's own data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// The answer to creating an outgoing payment: the payment, and what its grant has spent with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutgoingPaymentWithSpentAmounts {
    /// The payment.
    #[serde(flatten)]
    pub payment: OutgoingPayment,
    /// Debited under the grant in the current window, this payment included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_spent_debit_amount: Option<Amount>,
    /// Delivered under the grant in the current window, this payment included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_spent_receive_amount: Option<Amount>,
}

/// Answer of `GET /outgoing-payment-grant`: spent in the current window, or ever without an interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SpentAmounts {
    /// Debited so far, reserved payments included.
    pub spent_debit_amount: Option<Amount>,
    /// Delivered so far, reserved payments included; absent if receivers had different assets.
    pub spent_receive_amount: Option<Amount>,
}
