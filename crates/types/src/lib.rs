//! Open Payments wire types.
//!
//! Every body of the Open Payments specification v1.3, typed: amounts are numbers, wallet addresses are
//! canonical, access is checked against what each resource type allows, intervals are parsed once. Reading is
//! as strict as the specification: where it forbids additional properties they are refused, elsewhere unknown
//! fields are ignored, so that newer clients keep working.
//!
//! ```
//! use bursar_types::{AccessItem, Action};
//!
//! let item: AccessItem = serde_json::from_str(
//!     r#"{"type":"outgoing-payment","actions":["create","read"],"identifier":"https://wallet.example/alice",
//!         "limits":{"interval":"R3/2025-05-20T13:00:00Z/P1M",
//!                   "debitAmount":{"value":"10000","assetCode":"CAD","assetScale":2}}}"#,
//! )?;
//! assert!(item.actions().contains(Action::Create));
//! # Ok::<(), serde_json::Error>(())
//! ```

mod access;
mod amount;
mod error;
mod grant;
mod incoming_payment;
pub mod interval;
mod outgoing_payment;
mod page;
mod quote;
mod wallet_address;

pub use access::{AccessItem, Action, Actions, InvalidAccess, LimitAmount, Limits, ResourceType};
pub use amount::{Amount, AmountError, Asset, InvalidAsset, VALUE_MAX, parse_value};
pub use error::{ErrorBody, ErrorDetail};
pub use grant::{
    AccessToken, AccessTokenRequest, ClientRef, Continue, ContinueRequest, ContinueResponse, ContinueToken, Finish,
    FinishMethod, GrantRequest, GrantResponse, InteractRequest, InteractResponse, InteractStart, JsonWebKey,
    JsonWebKeySet, RotateResponse, Subject, SubjectFormat, SubjectId,
};
pub use grant::{ClientJwk, ClientWalletAddress};
pub use incoming_payment::{
    CreateIncomingPayment, IlpMethod, IncomingPayment, IncomingPaymentWithMethods, PaymentMethod, PublicIncomingPayment,
};
pub use interval::{Interval, IntervalError, Window};
pub use outgoing_payment::{
    CreateOutgoingPayment, FromIncomingPayment, FromQuote, OutgoingPayment, OutgoingPaymentWithSpentAmounts,
    SpentAmounts,
};
pub use page::{Page, PageInfo};
pub use quote::{CreateQuote, Quote, QuoteMethod};
pub use wallet_address::{InvalidWalletAddress, WalletAddress, WalletAddressUrl};

/// Free-form data that a client attaches to a resource (`metadata` in the specification): a JSON object.
pub type Metadata = serde_json::Map<String, serde_json::Value>;
