//! Scenarios over real HTTP: what the protocol's tables say, row by row.

mod addresses;
mod cleaning;
mod client;
mod consent_page;
mod edges;
mod grants;
mod in_person;
mod interactions;
mod keys;
mod limits;
mod lists;
mod mandates;
mod methods;
mod money;
mod payments;
mod people;
mod races;
mod remote;
mod sandbox;
mod signatures;
mod tokens;

use serde_json::{Value, json};

/// An amount on the wire.
fn amount(value: u64, code: &str, scale: u8) -> Value {
    json!({ "value": value.to_string(), "assetCode": code, "assetScale": scale })
}

/// Canadian cents.
fn cad(value: u64) -> Value {
    amount(value, "CAD", 2)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("text expected, not {value}"))
}
