//! Quotes (Open Payments resource server).

use crate::Amount;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Body of `POST /quotes`. At most one of the two amounts is given; with neither, what the receiver still
/// misses of its `incomingAmount` is quoted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateQuote {
    /// The wallet address that would pay.
    pub wallet_address: String,
    /// The incoming payment that would be paid.
    pub receiver: String,
    /// How it would be paid.
    pub method: QuoteMethod,
    /// What shall leave the payer's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debit_amount: Option<Amount>,
    /// What shall arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receive_amount: Option<Amount>,
}

/// How a payment is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QuoteMethod {
    /// Interledger.
    Ilp,
}

/// What a payment costs: a commitment of the provider until it expires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Quote {
    /// Its URL.
    pub id: String,
    /// The wallet address that would pay.
    pub wallet_address: String,
    /// The incoming payment that would be paid.
    pub receiver: String,
    /// What would arrive.
    pub receive_amount: Amount,
    /// What would leave the payer's account, fees included.
    pub debit_amount: Amount,
    /// How it would be paid.
    pub method: QuoteMethod,
    /// Until when the provider is bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
}
