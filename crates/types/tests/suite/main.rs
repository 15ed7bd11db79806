//! The wire types: tables, and properties against independent models.

mod access;
mod amount;
mod bodies;
mod interval;
mod wallet_address;
