//! The rules by tables and by properties, in one program so that it links once.

mod access;
mod continuation;
mod fee;
mod grant_request;
mod ids;
mod incoming;
mod ledger;
mod likeness;
mod limits;
mod limits_model;
mod log_ins;
mod mandate;
mod narrow;
mod outgoing;
mod page;
mod person;
mod quote;
mod rate;
mod redirect;
mod refusal;
mod support;
mod tickets;
mod token;
