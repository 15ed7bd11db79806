//! Methods that a resource does not have (RFC 9110 §15.5.6).

use bursar_testkit::{Engine, World};
use http::HeaderMap;

#[tokio::test]
async fn what_is_allowed_is_told() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let check = async |method: &str, path: &str, expected: &[&str]| {
        let url = format!("{}{path}", provider.url());
        let reply = app.send(method, &url, HeaderMap::new(), None).await;
        reply.refused(405, "method_not_allowed", "*");
        let allowed = reply.headers.get("allow").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut allowed: Vec<&str> = allowed.split(',').map(str::trim).collect();
        allowed.sort_unstable();
        assert_eq!(allowed, expected, "{method} {path}");
    };
    check("GET", "/auth", &["POST"]).await;
    check("GET", "/auth/continue/x", &["DELETE", "POST"]).await;
    check("PUT", "/auth/token/x", &["DELETE", "POST"]).await;
    check("DELETE", "/op/incoming-payments", &["GET", "HEAD", "POST"]).await;
    check("POST", "/op/quotes/x", &["GET", "HEAD"]).await;
    for wallet in ["app", "nobody"] {
        check("POST", &format!("/{wallet}"), &["GET", "HEAD"]).await;
        check("OPTIONS", &format!("/{wallet}/jwks.json"), &["GET", "HEAD"]).await;
        check("DELETE", &format!("/{wallet}/did.json"), &["GET", "HEAD"]).await;
    }
}
