//! Developer keys as their owners look after them.

use super::Provider;
use super::addresses::first;
use axum::http::StatusCode;
use bursar_app::refusals::Code;
use bursar_app::{Error, keys, wallets};
use bursar_httpsig::PrivateKey;

const URL: &str = "https://bank.test/alice";
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

async fn kids(provider: &Provider) -> Vec<String> {
    let published = wallets::published(&provider.app, URL).await.unwrap();
    published.keys.iter().map(|jwk| jwk.kid().to_owned()).collect()
}

#[tokio::test]
async fn keys_are_added_in_any_form_and_removed() {
    let provider = Provider::new().await;
    let mut alice = provider.logged_in("alice").await;
    let keys = format!("{}/keys", first(&provider, "alice").await);
    assert!(alice.get(&keys).await.body.contains("No keys yet"));
    assert_eq!(kids(&provider).await, [""; 0]);

    let key = |seed: u8| PrivateKey::from_seed([seed; 32]).public_key();
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----";
    let named = format!(r#"{{"kid":"from-jwk","kty":"OKP","crv":"Ed25519","x":"{}"}}"#, key(1).to_base64url());
    let nameless = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, key(2).to_base64url());
    let raw = key(3).to_base64url();
    for (pasted, kid, name, expected) in [
        (pem, "pem-1", "Laptop <b>", "pem-1"),
        (&named, "", "", "from-jwk"),
        (&nameless, "", "", &bursar_app::developer_keys::proposed_kid(key(2))),
        (&named, "other-name", "", "other-name"),
        (&raw, " raw ", "", "raw"),
    ] {
        let form = [("key", pasted), ("kid", kid), ("name", name)];
        assert_eq!(alice.submit(&keys, &keys, &form).await.location(), keys, "{pasted}");
        assert!(kids(&provider).await.contains(&expected.to_owned()), "{expected} is in force at once");
    }
    let page = alice.get(&keys).await;
    assert!(page.body.contains("Laptop &#60;b&#62;") && page.body.contains("Never"), "{}", page.body);

    // The same name twice, and names that nothing can be called.
    let long = "x".repeat(257);
    for (kid, name, words) in [
        ("pem-1", "", "has a key with this ID already"),
        (long.as_str(), "", "1 to 256"),
        ("Schlüssel", "", "1 to 256"),
        ("ok", &long, "at most 60 characters"),
    ] {
        let page = alice.submit(&keys, &keys, &[("key", X), ("kid", kid), ("name", name)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{kid}");
        assert!(page.body.contains(words), "{kid}: {}", page.body);
        assert!(page.body.contains(X), "what was typed is still there");
    }

    // Removed once one was asked; then it is gone for everybody.
    let remove =
        page.body.split("href=\"").filter_map(|part| part.split('"').next()).find(|href| href.ends_with("/remove"));
    let remove = remove.unwrap();
    let page = alice.get(remove).await;
    let kid = page.heading().strip_prefix("Remove the key ").unwrap().strip_suffix('?').unwrap().to_owned();
    assert!(kids(&provider).await.contains(&kid));
    for _ in 0..2 {
        assert_eq!(alice.submit(&keys, remove, &[]).await.location(), keys, "twice ends as once");
        assert!(!kids(&provider).await.contains(&kid));
    }
    assert_eq!(kids(&provider).await.len(), 4);
    assert_eq!(alice.get(remove).await.status, StatusCode::NOT_FOUND);
    assert_eq!(alice.submit(&keys, &format!("{keys}/x/remove"), &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_private_key_is_refused_loudly_and_not_sent_back() {
    let provider = Provider::new().await;
    let mut alice = provider.logged_in("alice").await;
    let keys = format!("{}/keys", first(&provider, "alice").await);
    let pem = PrivateKey::from_seed([5; 32]).to_pem().to_string();
    let secret = pem.lines().nth(1).unwrap();
    let page = alice.submit(&keys, &keys, &[("key", &pem), ("kid", "mine")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("That was a private key. Do not use it any more."));
    assert!(!page.body.contains(secret) && page.body.contains("value=\"mine\""));
    let page = alice.submit(&keys, &keys, &[("key", "no key")]).await;
    assert!(page.status == StatusCode::UNPROCESSABLE_ENTITY && page.body.contains("Not a public key: expected"));
    assert_eq!(kids(&provider).await, [""; 0]);
}

#[tokio::test]
async fn a_key_is_made_and_handed_out_once() {
    let provider = Provider::new().await;
    let mut alice = provider.logged_in("alice").await;
    let keys = format!("{}/keys", first(&provider, "alice").await);
    let new = format!("{keys}/new");
    let page = alice.get(&new).await;
    let (_, kid) = page.body.split_once("name=\"kid\" value=\"").unwrap();
    let kid = kid.split('"').next().unwrap().to_owned();
    assert!(kid.starts_with("key-") && page.body.contains(&format!("export BURSAR_KEY_ID={kid}\n")), "{}", page.body);
    assert!(page.body.contains(URL));

    let file = alice.submit(&new, &new, &[("kid", &kid), ("name", "Server")]).await;
    assert_eq!(file.status, StatusCode::OK);
    assert_eq!(file.header("content-disposition"), format!("attachment; filename=\"{kid}.pem\""));
    assert_eq!(file.header("cache-control"), "no-store");
    let private = PrivateKey::parse(&file.body).unwrap();
    let client = keys::client_at(&provider.app, URL, &kid).await.unwrap();
    assert_eq!(client.public_key, private.public_key(), "it is in force at once");

    // Sent twice it is made once, and the file does not come again.
    let again = alice.submit(&new, &new, &[("kid", &kid)]).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.body.contains("can be fetched once only") && !again.body.contains("BEGIN PRIVATE"));
    for odd in ["", "a/b", "../x", ".hidden", "a b", "ü", &"x".repeat(65), "a\"\r\nb"] {
        let page = alice.submit(&new, &new, &[("kid", odd)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{odd}");
    }
    assert_eq!(kids(&provider).await, [kid]);
}

#[tokio::test]
async fn there_are_only_so_many_keys() {
    let provider = Provider::new().await;
    let mut alice = provider.logged_in("alice").await;
    let new = format!("{}/keys/new", first(&provider, "alice").await);
    for number in 0..bursar_app::developer_keys::KEYS_MAX {
        assert_eq!(alice.submit(&new, &new, &[("kid", &format!("k{number}"))]).await.status, StatusCode::OK);
    }
    let keys = new.strip_suffix("/new").unwrap();
    let page = alice.submit(keys, keys, &[("key", X)]).await;
    assert!(page.body.contains("as many keys as one can have"), "{}", page.body);
    let refused = keys::client_at(&provider.app, URL, "more").await.unwrap_err();
    assert!(matches!(refused, Error::Refused(refusal) if refusal.code == Code::ClientRejected));
}
