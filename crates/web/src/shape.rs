//! Whether a body has the shape that it was read as.
//!
//! Reading a struct also takes a list of its members in their order, which is not what any schema says. So what was
//! read is written again, and must have objects where the body has objects.

use serde::Serialize;
use serde_json::Value;

/// Whether every object that was read stands as an object in the body.
pub(crate) fn is_kept(read: &impl Serialize, body: &[u8]) -> bool {
    let written = serde_json::to_value(read);
    let received = serde_json::from_slice(body);
    matches!((written, received), (Ok(written), Ok(received)) if fits(&written, &received))
}

fn fits(written: &Value, received: &Value) -> bool {
    match (written, received) {
        // What is left out when writing was nothing when reading.
        (Value::Object(written), Value::Object(received)) => {
            written.iter().all(|(name, value)| received.get(name).is_none_or(|received| fits(value, received)))
        }
        (Value::Array(written), Value::Array(received)) => {
            written.len() == received.len() && written.iter().zip(received).all(|(one, other)| fits(one, other))
        }
        (Value::Object(_), _) | (_, Value::Array(_)) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_types::{ContinueRequest, CreateIncomingPayment, CreateOutgoingPayment, CreateQuote, GrantRequest};
    use serde::de::DeserializeOwned;

    #[track_caller]
    fn check<T: DeserializeOwned + Serialize>(body: &str, expected: bool) {
        let read: T = serde_json::from_str(body).unwrap();
        assert_eq!(is_kept(&read, body.as_bytes()), expected, "{body}");
    }

    #[test]
    fn lists_are_no_objects() {
        let amount = r#"{"value":"5","assetCode":"CAD","assetScale":2}"#;
        check::<CreateIncomingPayment>(r#"{"walletAddress":"a","metadata":{"list":[1,[2],{"a":[]}]}}"#, true);
        check::<CreateIncomingPayment>(r#"["a",null,null,null]"#, false);
        check::<CreateQuote>(r#"["a","b","ilp",null,null]"#, false);
        check::<CreateQuote>(
            r#"{"walletAddress":"a","receiver":"b","method":"ilp","debitAmount":["5","CAD",2]}"#,
            false,
        );
        check::<CreateOutgoingPayment>(&format!(r#"["a","b",{amount},null]"#), false);
        check::<CreateOutgoingPayment>(
            &format!(r#"{{"walletAddress":"a","incomingPayment":"b","debitAmount":{amount}}}"#),
            true,
        );
        check::<ContinueRequest>("[]", false);
        check::<ContinueRequest>(r#"["x"]"#, false);
        check::<ContinueRequest>("{}", true);
    }

    /// Some crates turn on a feature of the JSON reader by which a member of this name holds a text that is read as
    /// JSON again, with a fresh bound on its depth: 36 KB of it end the program. Nothing here may turn it on.
    #[test]
    fn no_member_name_is_special() {
        for name in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
            let body = format!(r#"{{"{name}":"1"}}"#);
            let value: Value = serde_json::from_str(&body).unwrap();
            assert_eq!(value[name], "1", "{value}");
        }
    }

    #[test]
    fn grant_requests() {
        let body = |client: &str, access: &str, interact: &str| {
            format!(r#"{{"client":{client},"access_token":{{"access":[{access}]}},"interact":{interact}}}"#)
        };
        let (quote, start) = (r#"{"type":"quote","actions":["create","read"]}"#, r#"{"start":["redirect"]}"#);
        check::<GrantRequest>(&body(r#""a""#, quote, start), true);
        check::<GrantRequest>(&body(r#"{"walletAddress":"a"}"#, quote, "null"), true);
        check::<GrantRequest>(&body(r#"{"jwk":{"kid":"k","x":"x","d":[1]}}"#, quote, start), true);
        check::<GrantRequest>(&body(r#"["a"]"#, quote, start), false);
        check::<GrantRequest>(&body(r#""a""#, quote, r#"[["redirect"],null]"#), false);
        let limited = r#"{"type":"outgoing-payment","actions":["read","create"],"identifier":"a",
            "limits":{"interval":"R1/2025-01-01T00:00:00Z/P1D","debitAmount":{"value":"5","assetCode":"CAD","assetScale":2}}}"#;
        check::<GrantRequest>(&body(r#""a""#, limited, start), true);
        check::<GrantRequest>(
            &body(
                r#""a""#,
                &limited.replace(r#"{"value":"5","assetCode":"CAD","assetScale":2}"#, r#"["5","CAD",2]"#),
                start,
            ),
            false,
        );
    }
}
