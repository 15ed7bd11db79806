//! Incoming payments (Open Payments resource server).

use crate::{Amount, Metadata};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Body of `POST /incoming-payments`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateIncomingPayment {
    /// The wallet address that receives.
    pub wallet_address: String,
    /// The most that may be paid in; no bound if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incoming_amount: Option<Amount>,
    /// When payments are no longer accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The client's own data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// An incoming payment, without the ways to pay it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IncomingPayment {
    /// Its URL.
    pub id: String,
    /// The wallet address that receives.
    pub wallet_address: String,
    /// Whether it takes no more money.
    pub completed: bool,
    /// The most that may be paid in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incoming_amount: Option<Amount>,
    /// What has been paid in so far.
    pub received_amount: Amount,
    /// When payments are no longer accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The client's own data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// An incoming payment with the ways to pay it: what its creator and authenticated payers see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IncomingPaymentWithMethods {
    /// The payment.
    #[serde(flatten)]
    pub payment: IncomingPayment,
    /// The ways to pay it; none once it takes no more money.
    pub methods: Vec<PaymentMethod>,
}

/// One way to pay an incoming payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum PaymentMethod {
    /// Over Interledger, with STREAM (RFC 0029).
    Ilp(IlpMethod),
    /// A method that this library does not know yet.
    #[serde(other)]
    Unknown,
}

/// Where and with which secret to open a STREAM connection. Printing it does not show the secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IlpMethod {
    /// Destination address (Interledger RFC 0015).
    pub ilp_address: String,
    /// 32 bytes, base64url without padding.
    pub shared_secret: String,
}

/// What anybody may see of an incoming payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicIncomingPayment {
    /// What has been paid in so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_amount: Option<Amount>,
    /// Where to ask for a grant to see more.
    pub auth_server: String,
}

impl fmt::Debug for IlpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IlpMethod").field("ilp_address", &self.ilp_address).finish_non_exhaustive()
    }
}
