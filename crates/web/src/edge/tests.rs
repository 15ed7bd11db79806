//! The border without a network: requests go straight to it.

use super::*;
use axum::Router;
use axum::body::to_bytes;
use axum::http::{Method, Request, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use bursar_app::{Config, Random};
use bursar_core::Secret;
use bursar_store::{Location, Store};
use futures_util::stream;
use serde_json::Value;
use tower::ServiceExt;

/// Routes behind the border of a provider.
struct Place {
    router: Router,
    _data: tempfile::TempDir,
}

impl Place {
    fn new(routes: Router) -> Self {
        let data = tempfile::tempdir().unwrap();
        let now = "2025-05-21T09:30:00Z".parse().unwrap();
        let config = Config::new("http://localhost:4000", true, false).unwrap();
        let store = Store::open(&Location::in_folder(data.path()), now).unwrap();
        let app = App::new(config, store, Clock::manual(now), Random::seeded(1), Secret::new([7; 32])).unwrap();
        Self { router: routes.layer(from_fn_with_state(Arc::new(app), guard)), _data: data }
    }

    async fn ask(&self, method: Method, path: &str, body: Body) -> Answer {
        let request = Request::builder().method(method).uri(path).body(body).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, cached) = (response.status(), response.headers().get(header::CACHE_CONTROL).cloned());
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Answer { status, cached: cached.map(|value| value.to_str().unwrap().to_owned()), body }
    }
}

struct Answer {
    status: StatusCode,
    cached: Option<String>,
    body: Bytes,
}

impl Answer {
    #[track_caller]
    fn refused(&self, status: u16, code: &str) {
        let body: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!((self.status.as_u16(), body["error"]["code"].as_str()), (status, Some(code)), "{body}");
    }
}

fn length() -> Router {
    Router::new().route("/length", post(|body: Bytes| async move { body.len().to_string() }))
}

fn chunks(sizes: Vec<usize>) -> Body {
    Body::from_stream(stream::iter(sizes.into_iter().map(|size| Ok::<_, std::io::Error>(vec![b'a'; size]))))
}

#[tokio::test]
async fn bodies_are_bounded() {
    let place = Place::new(length());
    let ask = async |body| place.ask(Method::POST, "/length", body).await;
    for (body, length) in [
        (Body::empty(), "0"),
        (chunks(vec![1, 2, 3]), "6"),
        (chunks(vec![65_535, 1]), "65536"),
        (vec![b'a'; 65_536].into(), "65536"),
    ] {
        let answer = ask(body).await;
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, length.as_bytes()));
    }
    for body in
        [chunks(vec![65_536, 1]), chunks(vec![1 << 20; 100]), vec![b'a'; 65_537].into(), vec![b'a'; 2 << 20].into()]
    {
        ask(body).await.refused(413, "too_large");
    }
    let endless = Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'a'; 1000])));
    ask(endless).await.refused(413, "too_large");
    let broken = stream::iter([Ok(vec![b'a']), Err(std::io::Error::other("the connection broke"))]);
    ask(Body::from_stream(broken)).await.refused(400, "invalid_request");
}

#[tokio::test(start_paused = true)]
async fn bodies_that_come_too_slowly_are_given_up() {
    let place = Place::new(length());
    let drops = stream::unfold((), |()| async {
        Clock::real_sleep(Duration::from_secs(5)).await;
        Some((Ok::<_, std::io::Error>("a"), ()))
    });
    place.ask(Method::POST, "/length", Body::from_stream(drops)).await.refused(408, "request_timeout");
}

#[tokio::test]
async fn urls_are_bounded() {
    let place = Place::new(Router::new().fallback(|| async { "found" }));
    for (path, status) in [
        (format!("/{}", "a".repeat(8191)), 200),
        (format!("/{}", "a".repeat(8192)), 414),
        (format!("/?{}", "a".repeat(8190)), 200),
        (format!("/?{}", "a".repeat(8191)), 414),
    ] {
        let answer = place.ask(Method::GET, &path, Body::empty()).await;
        assert_eq!(answer.status, status);
        if status == 414 {
            answer.refused(414, "uri_too_long");
        }
    }
}

#[tokio::test]
async fn a_panic_is_a_failure_of_one_request() {
    async fn owned() -> &'static str {
        panic!("number {}", std::hint::black_box(7))
    }
    async fn borrowed() -> &'static str {
        panic!("no number")
    }
    let routes = Router::new().route("/owned", get(owned)).route("/borrowed", get(borrowed));
    let place = Place::new(routes.route("/well", get(|| async { "well" })));
    for path in ["/owned", "/borrowed"] {
        let answer = place.ask(Method::GET, path, Body::empty()).await;
        answer.refused(500, "internal_error");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(!text.contains("number"), "what is wrong inside is nobody's business: {text}");
    }
    assert_eq!(place.ask(Method::GET, "/well", Body::empty()).await.status, StatusCode::OK);
}

#[test]
fn what_panics_say() {
    let said = |panic: Box<dyn Any + Send>| words(&*panic).to_owned();
    assert_eq!(said(Box::new("a word")), "a word");
    assert_eq!(said(Box::new("words".to_owned())), "words");
    assert_eq!(said(Box::new(7)), "no words");
}

#[tokio::test]
async fn answers_that_may_carry_tokens_are_not_kept() {
    let own = || async { ([(header::CACHE_CONTROL, "max-age=5")], "kept") };
    let place = Place::new(Router::new().route("/auth/own", get(own)).fallback(|| async { "found" }));
    for (path, expected) in [
        ("/auth", Some("no-store")),
        ("/auth/", Some("no-store")),
        ("/auth/token/x", Some("no-store")),
        ("/auth?x", Some("no-store")),
        ("/op/quotes", Some("no-store")),
        ("/op", Some("no-store")),
        ("/auth/own", Some("max-age=5")),
        ("/author", None),
        ("/opera/x", None),
        ("/", None),
    ] {
        assert_eq!(place.ask(Method::GET, path, Body::empty()).await.cached.as_deref(), expected, "{path}");
    }
    let long = place.ask(Method::GET, &format!("/auth/{}", "a".repeat(9000)), Body::empty()).await;
    assert_eq!(long.cached.as_deref(), Some("no-store"), "refusals of the border, too");
}
