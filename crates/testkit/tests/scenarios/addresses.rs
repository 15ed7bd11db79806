//! Wallet addresses: documents for clients, pages for people, key sets, DID documents, and addresses of whole hosts.

use crate::{cad, text};
use bursar_testkit::{Engine, Provider, Reply, TestApp, World};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

async fn start() -> (World, Provider, TestApp) {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    (world, provider, app)
}

async fn get(app: &TestApp, url: &str, accept: &'static str) -> Reply {
    let mut headers = HeaderMap::new();
    if !accept.is_empty() {
        headers.insert("accept", HeaderValue::from_static(accept));
    }
    app.send("GET", url, headers, None).await
}

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn programs_get_json_and_people_a_page() {
    let (_world, provider, app) = start().await;
    let alice = provider.account("alice", "CAD", 2, 0).await;
    for accept in ["", "*/*", "application/json", "application/json, text/html", "application/json, text/plain, */*"] {
        let reply = get(&app, &alice, accept).await;
        assert_eq!(reply.headers["content-type"], "application/json", "{accept}");
        assert_eq!(reply.headers["cache-control"], "public, max-age=60");
        assert_eq!(reply.headers["vary"], "accept");
        assert_eq!(reply.expect(200)["id"], json!(alice));
    }
    let page = get(&app, &alice, BROWSER).await;
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(
        (&page.headers["cache-control"], &page.headers["vary"]),
        (&HeaderValue::from_static("public, max-age=60"), &HeaderValue::from_static("accept"))
    );
    assert!(page.headers.get("set-cookie").is_none(), "a page for everybody");
    let page = page.expect(200);
    let page = text(&page);
    let pointer = format!("${}", alice.strip_prefix("http://").expect("a local address"));
    for part in ["<svg class=\"qr\"", "alice (test)", &format!(">{alice}<"), &format!(">{pointer}<")] {
        assert!(page.contains(part), "{part} is missing in {page}");
    }
    let nobody = get(&app, &format!("{}/nobody", provider.url()), BROWSER).await;
    assert_eq!((nobody.status, nobody.headers.get("content-type").is_some()), (404, true));
    assert!(text(&nobody.body).contains("no wallet at this address"));
    get(&app, &format!("{}/nobody", provider.url()), "").await.refused(404, "not_found", "*");
    // However it is spelled, it is the same address.
    for spelled in [alice.replace("alice", "ALICE"), format!("{alice}/"), format!("{alice}?x=1")] {
        assert_eq!(get(&app, &spelled, "").await.expect(200)["id"], json!(alice), "{spelled}");
    }
}

#[tokio::test]
async fn a_name_cannot_disguise_a_page() {
    let (_world, provider, app) = start().await;
    let body = json!({ "name": "mallory", "publicName": "</title><script>alert(1)</script>\u{202e}",
                       "assetCode": "CAD", "assetScale": 2, "password": "x" });
    let made = app.post(&format!("{}/sandbox/accounts", provider.url()), None, &body).await.expect(201);
    let page = get(&app, text(&made["walletAddress"]), BROWSER).await.expect(200);
    assert!(!text(&page).contains("<script>alert"), "{page}");
    assert!(!text(&page).contains('\u{202e}'));
}

#[tokio::test]
async fn the_address_of_a_whole_host() {
    let (world, provider, app) = start().await;
    let root = provider.url().to_owned();
    // Nobody is there yet.
    get(&app, &format!("{root}/.well-known/pay"), "").await.refused(404, "not_found", "*");
    get(&app, &format!("{root}/"), "application/json").await.refused(404, "not_found", "*");
    let pointer = format!("${}", root.strip_prefix("http://").expect("a local address"));
    let address = provider.account_at(Some(pointer), "treasury", "CAD", 2, 10_000).await;
    assert_eq!(address, format!("{root}/.well-known/pay"));
    for url in [address.clone(), format!("{root}/"), format!("{root}/.well-known/pay/")] {
        assert_eq!(get(&app, &url, "application/json").await.expect(200)["id"], json!(address), "{url}");
    }
    // People still find the start page.
    assert!(text(&get(&app, &format!("{root}/"), BROWSER).await.expect(200)).contains("Your money"));
    assert!(text(&get(&app, &format!("{root}/"), "*/*").await.expect(200)).contains("Your money"));
    for url in [format!("{root}/jwks.json"), format!("{address}/jwks.json")] {
        assert_eq!(get(&app, &url, "").await.expect(200), json!({ "keys": [] }), "{url}");
    }
    let did = format!("did:web:{}", root.strip_prefix("http://").expect("a local address").replace(':', "%3A"));
    for url in [format!("{root}/.well-known/did.json"), format!("{address}/did.json"), format!("{root}/did.json")] {
        assert_eq!(get(&app, &url, "").await.expect(200)["id"], json!(did), "{url}");
    }
    // It pays and is paid like any other, spelled in any way.
    let carol = provider.account("carol", "CAD", 2, 0).await;
    let mandate = app.mandate(&provider, &root, json!({ "debitAmount": cad(500) })).await;
    let receiver = app.receiver(&provider, &carol).await;
    let paid = app.pay(&provider, &mandate.token, &format!("{root}/"), &receiver, cad(500)).await.expect(201);
    assert_eq!(paid["walletAddress"], json!(address));
    let client = TestApp::new(address.clone(), app.key.clone(), "key-1", world.clock.clone());
    bursar_app::accounts::add_key(&provider.app, "treasury", "key-1", &app.key.public_key()).await.expect("a key");
    client.incoming_grant(&provider, &carol).await;
    provider.audit().await;
}

#[tokio::test]
async fn addresses_of_ones_choice() {
    let (_world, provider, app) = start().await;
    let make = async |name: &str, address: Value| {
        let mut body = json!({ "name": name, "assetCode": "CAD", "assetScale": 2, "password": "x" });
        body["walletAddress"] = address;
        app.post(&format!("{}/sandbox/accounts", provider.url()), None, &body).await
    };
    let url = format!("{}/people/dave.smith", provider.url());
    assert_eq!(make("dave", json!(url)).await.expect(201)["walletAddress"], json!(url));
    assert_eq!(get(&app, &format!("{url}/jwks.json"), "").await.expect(200), json!({ "keys": [] }));
    make("eve", json!(url)).await.refused(409, "conflict", "*");
    // Below it is nobody else, also not far away; beside it there may be.
    for neighbour in [format!("{url}/shop"), format!("{url}/a/b")] {
        make("eve", json!(neighbour)).await.refused(409, "conflict", "*");
    }
    make("eve", json!(format!("{url}s"))).await.expect(201);
    make("people2", Value::Null).await.expect(201);
    let shown = app.send("GET", &format!("{}/sandbox/accounts/dave", provider.url()), HeaderMap::new(), None).await;
    assert_eq!(shown.expect(200)["walletAddress"], json!(url));
    let path = |path: &str| json!(format!("{}{path}", provider.url()));
    for (number, odd) in [
        path("/auth/me"),
        path("/op"),
        path("/sandbox/x"),
        path("/a//b"),
        path("/a/jwks.json"),
        path("/a/jwks.json/b"),
        path("/did.json/b"),
        path("/did.json"),
        path("/a/b/c/d/e"),
        path("/-a"),
        path("/%61"),
        path("/.well-known/pay/more"),
        path("/a?b=c"),
        json!("https://elsewhere.example/a"),
        json!("$elsewhere.example/a"),
        json!("nonsense"),
    ]
    .into_iter()
    .enumerate()
    {
        let reply = make(&format!("odd{number}"), odd.clone()).await;
        assert_eq!(reply.status, 400, "{odd}: {}", reply.body);
    }
    for name in ["jwks.json", "did.json", "auth", "favicon.ico"] {
        make(name, Value::Null).await.refused(400, "invalid_request", "*");
    }
}
