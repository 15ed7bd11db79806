//! A consent page of the provider's own: what its program reads, how it answers, and how browsers come and go.

use crate::{cad, text};
use bursar_app::config::ConsentPage;
use bursar_core::SharedSecret;
use bursar_testkit::{Engine, Grant, Provider, Reply, TestApp, World, check_redirect};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const PAGE: &str = "https://id.bank.example/consent?lang=en";

struct Scene {
    world: World,
    provider: Provider,
    app: TestApp,
    wallet: String,
}

impl Scene {
    async fn start() -> Self {
        let world = World::new();
        let page = ConsentPage { url: PAGE.parse().expect("an URL"), secret: SharedSecret::new(SECRET) };
        let provider = world.provider_with(Engine::Embedded, |config| config.consent_page = Some(page)).await;
        let app = provider.client("app", &world.clock).await;
        let wallet = provider.account("user", "CAD", 2, 100_000).await;
        Self { world, provider, app, wallet }
    }

    async fn pending(&self, limits: Value) -> Value {
        let item = json!({ "type": "outgoing-payment", "actions": ["create"], "identifier": self.wallet,
                           "limits": limits });
        self.app.request(&self.provider, json!([item]), Some(TestApp::interact())).await.expect(200)
    }

    /// What the consent page's program is told of a request, and where: the two names that its browser brings.
    async fn sent_to_page(&self, pending: &Value) -> String {
        let came = self.browse(text(&pending["interact"]["redirect"])).await;
        assert_eq!(came.status, 303);
        let url = url::Url::parse(came.headers["location"].to_str().expect("text")).expect("an URL");
        assert!(url.as_str().starts_with(PAGE), "{url}");
        let find = |wanted: &str| url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value);
        let (id, nonce) = (find("interactId").expect("an id"), find("nonce").expect("a nonce"));
        format!("{}/interactions/{id}/{nonce}", self.provider.app.config.auth_url())
    }

    /// A page as a browser would get it, without going on.
    async fn browse(&self, url: &str) -> Reply {
        self.app.send("GET", url, HeaderMap::new(), None).await
    }

    async fn call(&self, method: &str, url: &str, secret: Option<&str>, body: Value) -> Reply {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        if let Some(secret) = secret {
            headers.insert("authorization", HeaderValue::from_str(secret).expect("a header"));
        }
        let body = (!body.is_null()).then(|| body.to_string().into_bytes());
        self.app.send(method, url, headers, body).await
    }

    async fn ask(&self, method: Method, url: &str, body: Value) -> Reply {
        self.call(method.as_str(), url, Some(&format!("Bearer {SECRET}")), body).await
    }
}

fn monthly() -> Value {
    json!({ "debitAmount": cad(10_000), "interval": "R3/2025-05-20T12:00:00Z/P1M" })
}

#[tokio::test]
async fn a_request_is_read_and_accepted_with_less() {
    let scene = Scene::start().await;
    let pending = scene.pending(monthly()).await;
    let url = scene.sent_to_page(&pending).await;
    let read = scene.ask(Method::GET, &url, Value::Null).await.expect(200);
    assert_eq!((&read["state"], &read["needsConfirmation"]), (&json!("pending"), &json!(false)));
    let client = json!({ "walletAddress": scene.app.address, "publicName": "app (test)" });
    assert_eq!((&read["client"], &read["walletAddresses"]), (&client, &json!([scene.wallet])));
    assert_eq!((&read["returnsTo"], read.get("finish")), (&json!("http://localhost:3344"), None));
    let window = |start: &str, end: &str| json!({ "start": start, "end": end });
    let expected = json!([{
        "type": "outgoing-payment", "actions": ["create"], "identifier": scene.wallet,
        "spending": {
            "debitAmount": cad(10_000), "total": cad(30_000),
            "windows": {
                "interval": "R3/2025-05-20T12:00:00Z/P1M", "every": "month", "left": 3,
                "current": window("2025-05-20T12:00:00Z", "2025-06-20T12:00:00Z"),
                "next": window("2025-06-20T12:00:00Z", "2025-07-20T12:00:00Z"),
                "last": window("2025-07-20T12:00:00Z", "2025-08-20T12:00:00Z"),
            },
        },
    }]);
    assert_eq!(read["access"], expected);

    let accept = format!("{url}/accept");
    let lower = json!([{ "access": 0, "amount": cad(2_500), "until": "2025-08-01T00:00:00Z" }]);
    let accepted =
        scene.ask(Method::POST, &accept, json!({ "accountHolder": "user", "lower": lower })).await.expect(200);
    let granted = json!({ "debitAmount": cad(2_500), "interval": "R2/2025-05-20T12:00:00Z/P1M" });
    assert_eq!(accepted["state"], "approved");
    assert_eq!(accepted["access"][0]["spending"]["windows"]["interval"], granted["interval"]);
    let again = scene.ask(Method::POST, &accept, json!({ "accountHolder": "user" })).await;
    again.refused(409, "conflict", "*");
    scene.ask(Method::POST, &format!("{url}/reject"), Value::Null).await.refused(409, "conflict", "*");
    // Whoever has lost the answer reads it again.
    assert_eq!(scene.ask(Method::GET, &url, Value::Null).await.expect(200), accepted);

    let back = scene.browse(text(&accepted["finish"])).await;
    assert_eq!(back.status, 303);
    let location = back.headers["location"].to_str().expect("text").to_owned();
    let reference = check_redirect(&location, &pending, &scene.provider.app.config.auth_url());
    let part = &pending["continue"];
    let token = Some(text(&part["access_token"]["value"]));
    let issued = scene.app.post(text(&part["uri"]), token, &json!({ "interact_ref": reference })).await.expect(200);
    assert_eq!(issued["access_token"]["access"][0]["limits"], granted);
    Grant::read(&issued);
    // Afterwards the way back is worth nothing.
    let late = scene.browse(text(&accepted["finish"])).await;
    assert!(late.headers["location"].to_str().expect("text").ends_with("result=grant_invalid"));
}

#[tokio::test]
async fn a_request_is_rejected_or_expires() {
    let scene = Scene::start().await;
    let url = scene.sent_to_page(&scene.pending(monthly()).await).await;
    let rejected = scene.ask(Method::POST, &format!("{url}/reject"), Value::Null).await.expect(200);
    assert_eq!(rejected["state"], "denied");
    let back = scene.browse(text(&rejected["finish"])).await;
    assert_eq!(back.headers["location"], "http://localhost:3344/done?paymentId=1&result=grant_rejected");

    let url = scene.sent_to_page(&scene.pending(monthly()).await).await;
    scene.world.advance("PT10M");
    let over = scene.ask(Method::GET, &url, Value::Null).await.expect(200);
    assert_eq!(over["state"], "over");
    let accept = format!("{url}/accept");
    scene.ask(Method::POST, &accept, json!({ "accountHolder": "user" })).await.refused(409, "conflict", "*");
    let back = scene.browse(text(&over["finish"])).await;
    assert_eq!(back.headers["location"], "http://localhost:3344/done?paymentId=1&result=grant_invalid");
}

#[tokio::test]
async fn every_wrong_caller_is_refused() {
    let scene = Scene::start().await;
    let pending = scene.pending(monthly()).await;
    let url = scene.sent_to_page(&pending).await;
    let user = || json!({ "accountHolder": "user" });
    let calls = || {
        [
            ("GET", url.clone(), Value::Null),
            ("POST", format!("{url}/accept"), user()),
            ("POST", format!("{url}/reject"), Value::Null),
        ]
    };
    let secrets = [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(SECRET.to_owned()),
        Some(format!("GNAP {SECRET}")),
        Some(format!("Bearer {}", &SECRET[1..])),
        Some(format!("Bearer {SECRET}0")),
        Some(format!("Bearer {}", SECRET.to_uppercase())),
    ];
    for (method, url, body) in calls() {
        for secret in &secrets {
            let reply = scene.call(method, &url, secret.as_deref(), body.clone()).await;
            reply.refused(401, "unauthenticated", "*");
        }
        // A client's signature and token are no secret of ours.
        let signed = scene.app.send(method, &url, scene.app.signed(method, &url, Some("x"), None), None).await;
        signed.refused(401, "unauthenticated", "*");
    }
    let (known, nonce) = url.rsplit_once('/').expect("two names");
    let base = known.rsplit_once('/').expect("two names").0;
    for unknown in [
        format!("{known}/{}", "A".repeat(43)),
        format!("{known}/{}", &nonce[1..]),
        format!("{base}/0196eb7a-0000-7000-8000-000000000000/{nonce}"),
        format!("{base}/x/{nonce}"),
        format!("{base}/%ff/%ff"),
    ] {
        scene.ask(Method::GET, &unknown, Value::Null).await.refused(404, "not_found", "*");
        scene.ask(Method::POST, &format!("{unknown}/accept"), user()).await.refused(404, "not_found", "*");
        scene.ask(Method::POST, &format!("{unknown}/reject"), Value::Null).await.refused(404, "not_found", "*");
    }
    for method in [Method::PUT, Method::DELETE, Method::POST] {
        scene.ask(method, &url, Value::Null).await.refused(405, "method_not_allowed", "*");
    }
    // Nothing has come of it.
    assert_eq!(scene.ask(Method::GET, &url, Value::Null).await.expect(200)["state"], "pending");
}

#[tokio::test]
async fn answers_that_cannot_be_meant() {
    let scene = Scene::start().await;
    scene.provider.account("mallory", "CAD", 2, 0).await;
    let url = scene.sent_to_page(&scene.pending(monthly()).await).await;
    let accept = async |body: Value| scene.ask(Method::POST, &format!("{url}/accept"), body).await;
    let lower = |lower: Value| json!({ "accountHolder": "user", "lower": [lower] });
    for body in [
        Value::Null,
        json!([]),
        json!({}),
        json!({ "accountHolder": "nobody" }),
        json!({ "accountHolder": "user", "more": 1 }),
        lower(json!({ "amount": cad(1) })),
        lower(json!({ "access": 1, "amount": cad(1) })),
        lower(json!({ "access": 0, "amount": cad(10_001) })),
        lower(json!({ "access": 0, "amount": cad(0) })),
        lower(json!({ "access": 0, "amount": { "value": "1", "assetCode": "USD", "assetScale": 2 } })),
        lower(json!({ "access": 0, "windows": 0 })),
        lower(json!({ "access": 0, "windows": 4 })),
        lower(json!({ "access": 0, "windows": 1, "until": "2025-08-01T00:00:00Z" })),
        lower(json!({ "access": 0, "until": "2025-06-01T00:00:00Z" })),
        lower(json!({ "access": 0, "until": "2026-06-01T00:00:00Z" })),
        lower(json!({ "access": 0, "receiver": "x" })),
        json!({ "accountHolder": "user", "lower": [{ "access": 0 }, { "access": 0 }] }),
    ] {
        accept(body.clone()).await.refused(400, "invalid_request", "*");
    }
    accept(json!({ "accountHolder": "mallory" })).await.refused(403, "insufficient_grant", "*");
    assert_eq!(scene.ask(Method::GET, &url, Value::Null).await.expect(200)["state"], "pending");

    let url = scene.sent_to_page(&scene.pending(json!({})).await).await;
    let accept = async |body: Value| scene.ask(Method::POST, &format!("{url}/accept"), body).await;
    assert_eq!(scene.ask(Method::GET, &url, Value::Null).await.expect(200)["needsConfirmation"], true);
    accept(json!({ "accountHolder": "user" })).await.refused(400, "unconfirmed", "*");
    accept(json!({ "accountHolder": "user", "noLimitConfirmed": true })).await.expect(200);
}

#[tokio::test]
async fn nobody_decides_beside_the_page() {
    let scene = Scene::start().await;
    let pending = scene.pending(monthly()).await;
    let redirect = text(&pending["interact"]["redirect"]).to_owned();
    let url = scene.sent_to_page(&pending).await;
    for decision in ["approve", "deny"] {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert("sec-fetch-site", HeaderValue::from_static("same-origin"));
        let form = format!("decision={decision}&token=x").into_bytes();
        let reply = scene.app.send("POST", &redirect, headers, Some(form)).await;
        assert_eq!(reply.status, 303, "to the page where it is decided");
    }
    assert_eq!(scene.ask(Method::GET, &url, Value::Null).await.expect(200)["state"], "pending");
    // The way back is known to whoever has decided, and to nobody else.
    let accepted =
        scene.ask(Method::POST, &format!("{url}/accept"), json!({ "accountHolder": "user" })).await.expect(200);
    let finish = text(&accepted["finish"]);
    let (way, ticket) = finish.rsplit_once('/').expect("a ticket");
    for wrong in [&ticket[1..], "x", &"A".repeat(43)] {
        assert_eq!(scene.browse(&format!("{way}/{wrong}")).await.status, 404);
    }
    let left = scene.browse(&redirect).await;
    assert_eq!(left.status, 200, "the built-in page tells how it ended");
}

#[tokio::test]
async fn without_such_a_page_there_is_no_such_api() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let wallet = provider.account("user", "CAD", 2, 0).await;
    let item = json!({ "type": "outgoing-payment", "actions": ["create"], "identifier": wallet });
    let pending = app.request(&provider, json!([item]), Some(TestApp::interact())).await.expect(200);
    let url = text(&pending["interact"]["redirect"]).replace("/interact/", "/interactions/");
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer "));
    app.send("GET", &url, headers, None).await.refused(404, "not_found", "*");
}
