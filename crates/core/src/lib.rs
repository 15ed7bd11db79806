//! The rules of an Open Payments provider.
//!
//! Everything here is a pure function of its arguments: no clock, no randomness, no database, nothing
//! asynchronous. Use cases load what a decision needs, call one of these functions, and apply the plan that it
//! returns. A decision makes all its refusals first; after the last one nothing can fail.

pub mod access;
mod decimal;
pub mod fee;
pub mod grant;
pub mod id_token;
pub mod ids;
pub mod incoming;
pub mod ledger;
pub mod likeness;
pub mod limits;
pub mod mandate;
pub mod narrow;
pub mod outgoing;
pub mod page;
pub mod passkey;
pub mod person;
pub mod quote;
pub mod rate;
pub mod recovery;
pub mod refusal;
pub mod secret;
pub mod ticket;
pub mod token;

pub use ids::Id;
pub use refusal::{Code, Refusal};
pub use secret::{Secret, SharedSecret, TokenHash};
