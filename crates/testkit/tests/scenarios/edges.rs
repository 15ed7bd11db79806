//! The edges of the server: limits of requests, proxies, sizes, caches.

use crate::text;
use bursar_app::rate_limits::{Rate, RateLimits};
use bursar_httpsig::PrivateKey;
use bursar_testkit::{Engine, Provider, Reply, TestApp, World};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header's value"))
    };
    fields.iter().map(field).collect()
}

/// Checks that a request is one too many, and when to come again.
#[track_caller]
fn too_many(reply: &Reply, seconds: &str, what: &str) {
    reply.refused(429, "too_many_requests", "*");
    assert_eq!(reply.headers["retry-after"], seconds, "{}", reply.body);
    assert!(text(&reply.body["error"]["description"]).contains(what), "{}", reply.body);
}

fn quote_access() -> Value {
    json!([{ "type": "quote", "actions": ["create"] }])
}

#[tokio::test]
async fn an_address_has_a_budget() {
    let world = World::new();
    let limits = RateLimits { per_address: Rate::new(6, 3), per_key: None };
    let provider = world.provider_with(Engine::Embedded, |config| config.rate_limits = limits).await;
    let app = provider.client("app", &world.clock).await;
    let get = async |path: &str| app.send("GET", &format!("{}{path}", provider.url()), HeaderMap::new(), None).await;
    // Whatever is asked of the public APIs counts, found or not, signed or not.
    get("/app").await.expect(200);
    get("/nobody/jwks.json").await.refused(404, "not_found", "*");
    let post = async |path: &str| app.send("POST", &format!("{}{path}", provider.url()), HeaderMap::new(), None).await;
    post("/auth").await.refused(401, "invalid_client", "*");
    for path in ["/app", "/op/incoming-payments/x", "/auth/continue/x", "/auth", "/op/quotes", "/x/y/z"] {
        too_many(&get(path).await, "10", "from this address: 6 a minute are allowed, and 3 at once");
        too_many(&post(path).await, "10", "from this address");
    }
    let json = headers(&[("accept", "application/json")]);
    too_many(&app.send("GET", &format!("{}/", provider.url()), json, None).await, "10", "from this address");
    // Pages for people, and the sandbox, are not limited so.
    assert_eq!(get("/").await.status, 200);
    assert_eq!(get("/login").await.status, 200);
    assert_eq!(get("/auth/interact/x/y").await.status, 404);
    get("/sandbox/clock").await.expect(200);
    world.advance("PT9S");
    too_many(&get("/app").await, "1", "try again in 1 s");
    world.advance("PT1S");
    get("/app").await.expect(200);
    too_many(&get("/app").await, "10", "from this address");
}

#[tokio::test]
async fn a_key_has_a_budget_that_nobody_else_uses_up() {
    let world = World::new();
    let limits = RateLimits { per_address: None, per_key: Rate::new(6, 2) };
    let provider = world.provider_with(Engine::Embedded, |config| config.rate_limits = limits).await;
    let app = provider.client("app", &world.clock).await;
    let other = provider.client("other", &world.clock).await;
    let carol = provider.account("carol", "CAD", 2, 0).await;
    let receiver = app.receiver(&provider, &carol).await;
    // The grant and the payment: two requests.
    let endpoint = provider.app.config.auth_url();
    let body = json!({ "access_token": { "access": quote_access() }, "client": app.address }).to_string().into_bytes();
    let mut with_nonce = headers(&[("content-type", "application/json")]);
    let request =
        bursar_httpsig::Request { method: "POST", target_uri: &endpoint, headers: &with_nonce, body: Some(&body) };
    let mut options = bursar_httpsig::SignOptions::new(world.clock.wire_seconds());
    options.nonce = Some("only once");
    bursar_httpsig::sign(&app.key, &app.kid, &request, &options).expect("signed").apply_to(&mut with_nonce);
    let reply = app.send("POST", &endpoint, with_nonce.clone(), Some(body.clone())).await;
    too_many(&reply, "10", "signed with this key: 6 a minute are allowed, and 2 at once");
    too_many(&app.request(&provider, quote_access(), None).await, "10", "signed with this key");
    // What needs no key is not counted for one.
    for _ in 0..5 {
        app.send("GET", &receiver, HeaderMap::new(), None).await.expect(200);
    }
    other.request(&provider, quote_access(), None).await.expect(200);

    world.advance("PT10S");
    // Whoever only claims to have the key takes nothing of its budget.
    let forger = app.with_key(PrivateKey::from_seed([9; 32]), &app.kid);
    for _ in 0..5 {
        forger.request(&provider, quote_access(), None).await.refused(400, "invalid_client", "*");
    }
    // And the nonce of a request that came too early is still good.
    app.send("POST", &endpoint, with_nonce.clone(), Some(body.clone())).await.expect(200);
    world.advance("PT10S");
    app.send("POST", &endpoint, with_nonce, Some(body)).await.refused(400, "invalid_client", "*");
}

#[tokio::test]
async fn callers_behind_a_trusted_proxy_are_told_apart() {
    let world = World::new();
    let change = |config: &mut bursar_app::Config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        config.rate_limits = RateLimits { per_address: Rate::new(6, 1), per_key: None };
    };
    let provider = world.provider_with(Engine::Embedded, change).await;
    let app = provider.client("app", &world.clock).await;
    let get = async |fields: &[(&'static str, &str)]| {
        app.send("GET", &format!("{}/app", provider.url()), headers(fields), None).await
    };
    get(&[("x-forwarded-for", "6.6.6.6, 192.0.2.1")]).await.expect(200);
    too_many(&get(&[("x-forwarded-for", "7.7.7.7, 192.0.2.1")]).await, "10", "from this address");
    get(&[("x-forwarded-for", "192.0.2.2")]).await.expect(200);
    get(&[("forwarded", "for=\"[2001:db8::1]:4711\"")]).await.expect(200);
    too_many(&get(&[("forwarded", "for=\"[2001:db8::2]\"")]).await, "10", "from this address");
    // A proxy that names nobody is everybody.
    for _ in 0..5 {
        get(&[]).await.expect(200);
    }
}

#[tokio::test]
async fn nobody_is_believed_without_being_trusted() {
    let world = World::new();
    let change = |config: &mut bursar_app::Config| {
        config.trusted_proxies = vec!["192.0.2.0/24".parse().expect("a network")];
        config.rate_limits = RateLimits { per_address: Rate::new(6, 1), per_key: None };
    };
    let provider = world.provider_with(Engine::Embedded, change).await;
    let app = provider.client("app", &world.clock).await;
    let url = format!("{}/app", provider.url());
    app.send("GET", &url, headers(&[("x-forwarded-for", "1.1.1.1")]), None).await.expect(200);
    let again = app.send("GET", &url, headers(&[("x-forwarded-for", "1.1.1.2")]), None).await;
    too_many(&again, "10", "from this address");
}

async fn log_in(provider: &Provider, app: &TestApp, from: &str, name: &str, password: &str) -> Reply {
    let fields = [
        ("x-forwarded-for", from),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let form = format!("name={name}&password={password}&token=x");
    app.send("POST", &format!("{}/login", provider.url()), headers(&fields), Some(form.into_bytes())).await
}

#[tokio::test]
async fn log_ins_are_counted_by_the_address_that_the_proxy_names() {
    let world = World::new();
    let change =
        |config: &mut bursar_app::Config| config.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    let provider = world.provider_with(Engine::Embedded, change).await;
    let app = provider.client("app", &world.clock).await;
    provider.account("user", "CAD", 2, 0).await;
    for number in 0..30 {
        let reply = log_in(&provider, &app, "2001:db8::1", &format!("guess-{number}"), "x").await;
        assert_eq!(reply.status, 403);
        world.advance("PT10S");
    }
    let refused = log_in(&provider, &app, "2001:db8::2", "user", "user-password").await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (429, &HeaderValue::from_static("600")));
    assert!(text(&refused.body).contains("Please wait 10 minutes"));
    assert_eq!(log_in(&provider, &app, "2001:db8:0:1::1", "user", "user-password").await.status, 303);
    world.advance("PT9M30S");
    let refused = log_in(&provider, &app, "2001:db8::2", "user", "user-password").await;
    assert_eq!((refused.status, &refused.headers["retry-after"]), (429, &HeaderValue::from_static("30")));
    assert!(text(&refused.body).contains("Please wait a minute"));
    world.advance("PT30S");
    assert_eq!(log_in(&provider, &app, "2001:db8::2", "user", "user-password").await.status, 303);
}

#[tokio::test]
async fn everything_has_a_size() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let carol = provider.account("carol", "CAD", 2, 0).await;
    let base = provider.url();
    let get = async |path: String| app.send("GET", &format!("{base}{path}"), HeaderMap::new(), None).await;
    for path in [
        format!("/{}", "a".repeat(9000)),
        format!("/app?{}", "a".repeat(9000)),
        format!("/auth/continue/{}", "a".repeat(9000)),
        format!("/op/incoming-payments/{}", "a".repeat(9000)),
    ] {
        get(path).await.refused(414, "uri_too_long", "*");
    }
    for path in [
        format!("/{}", "a".repeat(8000)),
        format!("/{}/jwks.json", "a".repeat(8000)),
        format!("/op/incoming-payments/{}", "a".repeat(8000)),
    ] {
        get(path).await.refused(404, "not_found", "*");
    }
    get(format!("/app?{}", "a=b&".repeat(2000))).await.expect(200);
    let cookies = headers(&[("cookie", &"a".repeat(20_000))]);
    app.send("GET", &format!("{base}/app"), cookies.clone(), None).await.expect(200);
    let mut more = cookies;
    more.append("cookie", HeaderValue::from_str(&"b".repeat(20_000)).expect("a value"));
    assert_eq!(app.send("GET", &format!("{base}/app"), more, None).await.status, 431);

    let auth = provider.app.config.auth_url();
    for size in [65_537, 500_000] {
        app.send("POST", &auth, HeaderMap::new(), Some(vec![b' '; size])).await.refused(413, "too_large", "*");
        app.send("GET", &format!("{base}/app"), HeaderMap::new(), Some(vec![b' '; size])).await.refused(
            413,
            "too_large",
            "*",
        );
    }
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000)).into_bytes();
    let signed = app.signed("POST", &auth, None, Some(&deep));
    app.send("POST", &auth, signed, Some(deep)).await.refused(400, "invalid_request", "*");
    let item = json!({ "type": "quote", "actions": ["create"] });
    for items in [vec![], vec![item.clone(); 4], vec![item.clone(); 900]] {
        app.request(&provider, json!(items), None).await.refused(400, "invalid_request", "*");
    }
    let many = json!([{ "type": "quote", "actions": vec!["create"; 4000] }]);
    app.request(&provider, many, None).await.refused(400, "invalid_request", "*");

    let grant = app.incoming_grant(&provider, &carol).await;
    let url = format!("{}/incoming-payments", provider.app.config.resource_url());
    let body = json!({ "walletAddress": carol });
    for (key, is_taken) in [("k".repeat(255), true), ("k".repeat(256), false), ("k".repeat(8000), false)] {
        let reply = app.post_with(&url, Some(&grant.token), &body, &[("idempotency-key", &key)]).await;
        if is_taken {
            reply.expect(201);
        } else {
            reply.refused(400, "invalid_request", "Idempotency-Key must have 1 to 255 visible ASCII characters");
        }
    }
}

/// Sends bytes over a connection of its own; the statuses of all answers, the last of which closes it.
async fn statuses(provider: &Provider, bytes: String) -> Vec<String> {
    let address = provider.url().trim_start_matches("http://").replace("localhost", "127.0.0.1");
    let mut connection = TcpStream::connect(address).await.expect("a connection");
    connection.write_all(bytes.as_bytes()).await.expect("it is sent");
    let mut answers = Vec::new();
    connection.read_to_end(&mut answers).await.expect("an end");
    let answers = String::from_utf8(answers).expect("text");
    let lines = answers.split("HTTP/1.1 ").skip(1);
    lines.map(|answer| answer.chars().take(3).collect()).collect()
}

#[tokio::test]
async fn bodies_where_none_belong_do_no_harm() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let carol = provider.account("carol", "CAD", 2, 0).await;
    // A body is a body, even if it looks like the next request; that one is answered as if nothing had been before.
    let inner = "GET /nobody HTTP/1.1\r\nhost: a\r\n\r\n";
    let sized = format!("content-length: {}\r\n\r\n{inner}", inner.len());
    let chunked = format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len());
    let last = "GET /app HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    for body in [sized, chunked] {
        let get = format!("GET /app HTTP/1.1\r\nhost: a\r\n{body}{last}");
        assert_eq!(statuses(&provider, get).await, ["200", "200"]);
        let delete = format!("DELETE /auth/token/x HTTP/1.1\r\nhost: a\r\n{body}{last}");
        assert_eq!(statuses(&provider, delete).await, ["401", "200"]);
        let head = format!("HEAD /app HTTP/1.1\r\nhost: a\r\n{body}{last}");
        assert_eq!(statuses(&provider, head).await, ["200", "200"]);
    }
    // Signed ones are taken as they are, and must be covered by the signature like any other.
    let receiver = app.receiver(&provider, &carol).await;
    let grant = app.incoming_grant(&provider, &carol).await;
    let body = b"{}".to_vec();
    let signed = app.signed("GET", &receiver, Some(&grant.token), Some(&body));
    app.send("GET", &receiver, signed, Some(body.clone())).await.expect(200);
    let uncovered = app.signed("GET", &receiver, Some(&grant.token), None);
    app.send("GET", &receiver, uncovered, Some(body.clone())).await.refused(401, "invalid_signature", "*");
    let signed = app.signed("DELETE", &grant.manage, Some(&grant.token), Some(&body));
    app.send("DELETE", &grant.manage, signed, Some(body)).await.expect(204);
}

#[tokio::test]
async fn nothing_with_a_token_is_kept_by_a_cache() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let carol = provider.account("carol", "CAD", 2, 0).await;
    let (auth, op) = (provider.app.config.auth_url(), provider.app.config.resource_url());
    let issued = app.request(&provider, quote_access(), None).await;
    let grant = app.incoming_grant(&provider, &carol).await;
    let receiver = app.receiver(&provider, &carol).await;
    let unsigned = async |method: &str, url: &str| app.send(method, url, HeaderMap::new(), None).await;
    for (reply, status) in [
        (issued, 200),
        (app.get(&receiver, Some(&grant.token)).await, 200),
        (unsigned("GET", &receiver).await, 200),
        (unsigned("POST", &auth).await, 401),
        (unsigned("GET", &auth).await, 405),
        (unsigned("POST", &format!("{auth}/continue/x")).await, 401),
        (unsigned("POST", &format!("{op}/quotes")).await, 401),
        (unsigned("GET", &format!("{op}/nothing")).await, 404),
        (unsigned("GET", &format!("{op}/{}", "a".repeat(9000))).await, 414),
        (app.post(&grant.manage, Some(&grant.token), &Value::Null).await, 200),
        (app.delete(&grant.continue_uri, Some(&grant.continue_token)).await, 204),
    ] {
        assert_eq!((reply.status, &reply.headers["cache-control"]), (status, &HeaderValue::from_static("no-store")));
    }
    let document = unsigned("GET", &carol).await;
    assert_eq!(document.headers["cache-control"], "public, max-age=60", "wallet addresses say for themselves");
}
