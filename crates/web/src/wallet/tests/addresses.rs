//! Wallet addresses as their owners look after them.

use super::{Browser, Provider};
use axum::http::StatusCode;
use bursar_app::{addresses, wallets};

const PATH: &str = "/wallet/addresses";

impl Browser<'_> {
    /// Sends a form from the page at `from`.
    pub(super) async fn submit(&mut self, from: &str, to: &str, fields: &[(&str, &str)]) -> super::Answer {
        let token = self.get(from).await.token();
        let mut fields = fields.to_vec();
        fields.push(("token", &token));
        self.post(to, &fields).await
    }
}

/// The path of the page of somebody's first wallet address.
pub(super) async fn first(provider: &Provider, name: &str) -> String {
    let accounts = addresses::list(&provider.app, &provider.person(name).await).await.unwrap();
    format!("{PATH}/{}", accounts[0].addresses[0].id)
}

async fn is_there(provider: &Provider, url: &str) -> bool {
    wallets::active(&provider.app, url).await.is_ok()
}

#[tokio::test]
async fn an_address_is_made_named_and_deactivated() {
    let provider = Provider::new().await;
    let mut alice = provider.logged_in("alice").await;
    let page = alice.get(PATH).await;
    assert!(page.body.contains("$bank.test/alice") && page.body.contains("500.00 CAD"), "{}", page.body);
    let account = addresses::list(&provider.app, &provider.person("alice").await).await.unwrap()[0].id.to_string();
    let new = format!("{PATH}/new");
    assert!(!is_there(&provider, "https://bank.test/shop").await);

    let form = [("account", account.as_str()), ("name", " Shop "), ("public_name", "Alice’s <b>Shop</b>")];
    let made = alice.submit(&new, PATH, &form).await.location().to_owned();
    assert!(is_there(&provider, "https://bank.test/shop").await, "what was looked for before is forgotten");
    let page = alice.get(&made).await;
    assert_eq!(page.heading(), "$bank.test/shop");
    assert!(page.body.contains("https://bank.test/shop") && page.body.contains("class=\"qr\""));
    assert!(page.body.contains("Alice’s &#60;b&#62;Shop") && !page.body.contains("<b>Shop"), "{}", page.body);
    // One below one's own.
    let form = [("account", account.as_str()), ("name", "shop/orders")];
    alice.submit(&new, PATH, &form).await.location();

    // Renamed, in public at once.
    let name = |url: &'static str| {
        let app = provider.app.clone();
        async move { wallets::published(&app, url).await.unwrap().document.public_name.clone() }
    };
    assert_eq!(name("https://bank.test/shop").await.as_deref(), Some("Alice’s <b>Shop</b>"));
    alice.submit(&made, &format!("{made}/name"), &[("public_name", " Alice ")]).await.location();
    assert_eq!(name("https://bank.test/shop").await.as_deref(), Some("Alice"));
    let long = "x".repeat(101);
    for odd in [long.as_str(), "a\u{7}b"] {
        let page = alice.submit(&made, &format!("{made}/name"), &[("public_name", odd)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{odd}");
        assert!(page.body.contains("at most 100 characters"));
    }
    alice.submit(&made, &format!("{made}/name"), &[("public_name", "")]).await.location();
    assert_eq!(name("https://bank.test/shop").await, None);

    // Deactivated, and active again; each of it twice does no harm.
    let close = format!("{made}/deactivate");
    assert_eq!(alice.get(&close).await.heading(), "Deactivate $bank.test/shop?");
    for _ in 0..2 {
        assert_eq!(alice.submit(&close, &close, &[]).await.location(), made);
        assert!(!is_there(&provider, "https://bank.test/shop").await);
    }
    assert!(alice.get(&made).await.body.contains("Activate it again"));
    for _ in 0..2 {
        assert_eq!(alice.submit(&made, &format!("{made}/reactivate"), &[]).await.location(), made);
        assert!(is_there(&provider, "https://bank.test/shop").await);
    }
}

#[tokio::test]
async fn some_addresses_cannot_be_had() {
    let provider = Provider::new().await;
    let mut alice = provider.logged_in("alice").await;
    let account = addresses::list(&provider.app, &provider.person("alice").await).await.unwrap()[0].id.to_string();
    let theirs = addresses::list(&provider.app, &provider.person("bob").await).await.unwrap()[0].id.to_string();
    let new = format!("{PATH}/new");
    for (name, status, words) in [
        ("bob", StatusCode::UNPROCESSABLE_ENTITY, "somebody has this address"),
        ("alice", StatusCode::UNPROCESSABLE_ENTITY, "somebody has this address"),
        ("bob/shop", StatusCode::UNPROCESSABLE_ENTITY, "somebody has this address"),
        ("admin", StatusCode::UNPROCESSABLE_ENTITY, "a word that we need for ourselves"),
        ("auth/me", StatusCode::UNPROCESSABLE_ENTITY, "a word that we need for ourselves"),
        ("", StatusCode::UNPROCESSABLE_ENTITY, "1 to 64 small letters"),
        ("/", StatusCode::UNPROCESSABLE_ENTITY, "1 to 64 small letters"),
        (".well-known/pay", StatusCode::UNPROCESSABLE_ENTITY, "1 to 64 small letters"),
        ("jwks.json", StatusCode::UNPROCESSABLE_ENTITY, "1 to 64 small letters"),
        ("a b", StatusCode::UNPROCESSABLE_ENTITY, "1 to 64 small letters"),
        ("a?b", StatusCode::UNPROCESSABLE_ENTITY, "1 to 64 small letters"),
        ("a/b/c/d/e", StatusCode::UNPROCESSABLE_ENTITY, "1 to 64 small letters"),
        ("https://elsewhere.test/x", StatusCode::UNPROCESSABLE_ENTITY, "1 to 64 small letters"),
        ("\"><script>", StatusCode::UNPROCESSABLE_ENTITY, "1 to 64 small letters"),
    ] {
        let page = alice.submit(&new, PATH, &[("account", &account), ("name", name)]).await;
        assert_eq!(page.status, status, "{name}");
        assert!(page.body.to_lowercase().contains(words) && !page.body.contains("<script>"), "{name}: {}", page.body);
    }
    for account in [theirs.as_str(), "", "x"] {
        let page = alice.submit(&new, PATH, &[("account", account), ("name", "other")]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{account}");
    }
    // As many as one can have, and no more.
    for number in 1..addresses::ADDRESSES_MAX {
        let name = format!("n{number}");
        alice.submit(&new, PATH, &[("account", &account), ("name", &name)]).await.location();
    }
    let page = alice.submit(&new, PATH, &[("account", &account), ("name", "more")]).await;
    assert!(page.body.contains("as many addresses as one can have"), "{}", page.body);
}

#[tokio::test]
async fn nobody_touches_anothers_address() {
    let provider = Provider::new().await;
    let path = first(&provider, "alice").await;
    let mut bob = provider.logged_in("bob").await;
    let own = first(&provider, "bob").await;
    for page in ["", "/deactivate", "/keys", "/keys/new"] {
        assert_eq!(bob.get(&format!("{path}{page}")).await.status, StatusCode::NOT_FOUND, "{page}");
    }
    let key = format!("{path}/keys");
    for (act, field) in
        [("name", "public_name"), ("deactivate", ""), ("reactivate", ""), ("keys", "key"), ("keys/new", "kid")]
    {
        let value = if field == "key" { "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" } else { "x" };
        let page = bob.submit(&own, &format!("{path}/{act}"), &[(field, value)]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{act}");
        // Nor does anybody with a form of another page.
        let page = bob.post(&format!("{own}/{act}"), &[(field, value), ("token", "x")]).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{act}");
    }
    assert!(is_there(&provider, "https://bank.test/alice").await && is_there(&provider, "https://bank.test/bob").await);
    let mut stranger = provider.browser();
    assert!(stranger.get(&key).await.location().starts_with("/login?to="));
    for odd in ["x", "00000000-0000-0000-0000-000000000000", "%00", "..%2f"] {
        assert_eq!(bob.get(&format!("{PATH}/{odd}")).await.status, StatusCode::NOT_FOUND, "{odd}");
    }
}
