//! The way back from the consent page (RFC 9635 §4.2).

use crate::error::InvalidRedirect;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};
use sha2::{Digest as _, Sha256};

/// What the redirect says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// `result=grant_rejected`
    Rejected,
    /// `result=grant_invalid`
    Invalid,
    /// The account holder agreed, if the hash is genuine.
    Decided { hash: String, interact_ref: String },
}

/// Reads the URL that the browser came back with, or its path and query. Parameters of the finish URI itself are passed
/// over.
pub(super) fn read(redirect_url: &str) -> Result<Outcome, InvalidRedirect> {
    let without_fragment = redirect_url.split('#').next().unwrap_or_default();
    let query = without_fragment.split_once('?').map_or("", |(_, query)| query);
    let (mut hash, mut interact_ref, mut result) = (None, None, None);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let (slot, name) = match &*name {
            "hash" => (&mut hash, "hash"),
            "interact_ref" => (&mut interact_ref, "interact_ref"),
            "result" => (&mut result, "result"),
            _ => continue,
        };
        if slot.replace(value.into_owned()).is_some() {
            return Err(InvalidRedirect::Twice(name));
        }
    }
    match result.as_deref() {
        Some("grant_rejected") => Ok(Outcome::Rejected),
        Some("grant_invalid") => Ok(Outcome::Invalid),
        Some(other) if hash.is_none() => Err(InvalidRedirect::UnknownResult(other.chars().take(80).collect())),
        _ => Ok(Outcome::Decided {
            hash: hash.ok_or(InvalidRedirect::Missing("hash"))?,
            interact_ref: interact_ref.ok_or(InvalidRedirect::Missing("interact_ref"))?,
        }),
    }
}

/// Whether the hash is the one of RFC 9635 §4.2.3, by `sha-256`, for this interaction.
///
/// The RFC writes it in base64url without padding, deployed servers in standard base64 with it: the bytes are compared,
/// so that both count. The same goes for a grant endpoint with and without a slash at its end, of which a server may
/// hash the other one than the client was given.
pub(super) fn is_genuine(
    hash: &str,
    client_nonce: &str,
    server_nonce: &str,
    interact_ref: &str,
    grant_endpoint: &str,
) -> bool {
    // A plus sign that was not percent-encoded has become a space; base64 has none.
    let hash = hash.replace(' ', "+");
    let decoded = STANDARD_PAD_INDIFFERENT.decode(&hash).or_else(|_| URL_SAFE_PAD_INDIFFERENT.decode(&hash));
    let Ok(claimed) = decoded else { return false };
    let genuine = |endpoint: &str| {
        let input = format!("{client_nonce}\n{server_nonce}\n{interact_ref}\n{endpoint}");
        equal(&claimed, &Sha256::digest(input))
    };
    let other = match grant_endpoint.strip_suffix('/') {
        Some(without) => without.to_owned(),
        None => format!("{grant_endpoint}/"),
    };
    genuine(grant_endpoint) | genuine(&other)
}

/// Compares without telling by its duration where the difference is.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    fn decided(hash: &str, interact_ref: &str) -> Result<Outcome, InvalidRedirect> {
        Ok(Outcome::Decided { hash: hash.to_owned(), interact_ref: interact_ref.to_owned() })
    }

    #[test]
    fn redirects_are_read() {
        fn check(url: &str, expected: Result<Outcome, InvalidRedirect>) {
            assert_eq!(read(url), expected, "{url}");
        }
        check("http://localhost:3344/?hash=a%2Bb%2F%3D&interact_ref=r", decided("a+b/=", "r"));
        check("http://localhost:3344?interact_ref=r&hash=a", decided("a", "r"));
        check("https://localhost/?paymentId=123423&hash=a&interact_ref=r#top", decided("a", "r"));
        check("/finish?hash=a&interact_ref=r", decided("a", "r"));
        check("?hash=a&interact_ref=r", decided("a", "r"));
        check("/finish?result=mine&hash=a&interact_ref=r", decided("a", "r"));
        check("/finish?result=grant_rejected", Ok(Outcome::Rejected));
        check("/finish?result=grant_invalid", Ok(Outcome::Invalid));
        check("/finish?result=grant_rejected&hash=a&interact_ref=r", Ok(Outcome::Rejected));
        check("/finish?result=other", Err(InvalidRedirect::UnknownResult("other".to_owned())));
        check("/finish", Err(InvalidRedirect::Missing("hash")));
        check("", Err(InvalidRedirect::Missing("hash")));
        check("/finish?hash=a", Err(InvalidRedirect::Missing("interact_ref")));
        check("/finish?interact_ref=a", Err(InvalidRedirect::Missing("hash")));
        check("/finish#hash=a&interact_ref=r", Err(InvalidRedirect::Missing("hash")));
        check("/finish?hash=a&hash=b&interact_ref=r", Err(InvalidRedirect::Twice("hash")));
        check("/finish?hash=a&interact_ref=r&interact_ref=r", Err(InvalidRedirect::Twice("interact_ref")));
    }

    /// The example of RFC 9635 §4.2.3.
    const CLIENT: &str = "VJLO6A4CATR0KRO";
    const SERVER: &str = "MBDOFXG4Y5CVJCX821LH";
    const REFERENCE: &str = "4IFWWIKYB2PQ6U56NL1";
    const ENDPOINT: &str = "https://server.example.com/tx";
    const HASH: &str = "x-gguKWTj8rQf7d7i3w3UhzvuJ5bpOlKyAlVpLxBffY";

    #[test]
    fn the_published_example_is_genuine() {
        assert!(is_genuine(HASH, CLIENT, SERVER, REFERENCE, ENDPOINT));
    }

    #[test]
    fn every_way_of_writing_the_hash_counts_and_nothing_else() {
        let bytes = URL_SAFE_NO_PAD.decode(HASH).unwrap();
        let check = |hash: &str, expected: bool| {
            assert_eq!(is_genuine(hash, CLIENT, SERVER, REFERENCE, ENDPOINT), expected, "{hash}");
            let with_slash = format!("{ENDPOINT}/");
            assert_eq!(is_genuine(hash, CLIENT, SERVER, REFERENCE, &with_slash), expected, "{hash}");
        };
        let standard = STANDARD.encode(&bytes);
        check(&standard, true);
        check(&STANDARD_NO_PAD.encode(&bytes), true);
        check(&URL_SAFE.encode(&bytes), true);
        check(&URL_SAFE_NO_PAD.encode(&bytes), true);
        check(&standard.replace('+', " "), true);
        check("", false);
        check("=", false);
        check("%", false);
        check(&standard[..40], false);
        check(&format!("{standard}AAAA"), false);
        check(&STANDARD.encode([0; 32]), false);
        check(&standard.to_lowercase(), false);
    }

    #[test]
    fn a_slash_at_the_end_of_the_endpoint_does_not_matter_and_the_rest_does() {
        let hash_of = |endpoint: &str| {
            URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{CLIENT}\n{SERVER}\n{REFERENCE}\n{endpoint}")))
        };
        let check = |hashed: &str, ours: &str, expected: bool| {
            let genuine = is_genuine(&hash_of(hashed), CLIENT, SERVER, REFERENCE, ours);
            assert_eq!(genuine, expected, "{hashed} {ours}");
        };
        check("https://auth.example/", "https://auth.example", true);
        check("https://auth.example", "https://auth.example/", true);
        check("https://auth.example/", "https://auth.example/", true);
        check("https://auth.example/gnap", "https://auth.example/gnap/", true);
        check("https://auth.example/gnap", "https://auth.example/", false);
        check("https://auth.example//", "https://auth.example", false);
        check("http://auth.example/", "https://auth.example/", false);
    }

    proptest! {
        #[test]
        fn another_nonce_or_reference_is_not_genuine(
            client in "[A-Za-z0-9_-]{0,20}", server in "[A-Za-z0-9_-]{0,20}", reference in "[A-Za-z0-9_-]{0,20}",
        ) {
            let same = (client.as_str(), server.as_str(), reference.as_str()) == (CLIENT, SERVER, REFERENCE);
            prop_assert_eq!(is_genuine(HASH, &client, &server, &reference, ENDPOINT), same);
        }

        #[test]
        fn whatever_comes_back_is_read_without_panic(text in "\\PC{0,200}", hash in "\\PC{0,80}") {
            let _ = read(&text);
            let _ = is_genuine(&hash, CLIENT, SERVER, REFERENCE, ENDPOINT);
        }
    }
}
