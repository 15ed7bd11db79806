//! A small HTTP server in this process that verifies every signature it sees.

use bursar_client::{AuthenticatedClient, Client, Clock, Duration, PrivateKey};
use bursar_httpsig::{Policy, Request, parse, verify};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const KEY_ID: &str = "key-1";

pub fn key() -> PrivateKey {
    PrivateKey::from_seed([7; 32])
}

/// A clock that stands still, except that sleeping moves it at once.
#[derive(Clone)]
pub struct ManualClock {
    state: Arc<Mutex<(Timestamp, Vec<Duration>)>>,
}

impl ManualClock {
    pub fn new() -> Self {
        let start = "2025-05-20T13:00:00Z".parse().unwrap();
        Self { state: Arc::new(Mutex::new((start, Vec::new()))) }
    }

    pub fn now(&self) -> Timestamp {
        self.state.lock().unwrap().0
    }

    pub fn advance(&self, duration: Duration) {
        let mut state = self.state.lock().unwrap();
        state.0 = state.0.checked_add(duration).unwrap();
    }

    /// What was slept so far, in milliseconds.
    pub fn slept(&self) -> Vec<u128> {
        self.state.lock().unwrap().1.iter().map(Duration::as_millis).collect()
    }

    pub fn clock(&self) -> Clock {
        let (now, sleep) = (self.clone(), self.clone());
        Clock::new(
            move || now.now(),
            move |duration| {
                sleep.advance(duration);
                sleep.state.lock().unwrap().1.push(duration);
                std::future::ready(())
            },
        )
    }
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The components that the signature covers, in order; `None` without a signature.
    pub covered: Option<Vec<String>>,
    pub nonce: Option<String>,
}

impl Seen {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn token(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("GNAP ")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// What the server does with a request.
pub enum Reply {
    Json(u16, Value),
    Empty(u16),
    /// Closes the connection without a word.
    Hangup,
    /// Sends this, whatever it is.
    Raw(Vec<u8>),
}

impl Reply {
    pub fn refuse(status: u16, code: &str, description: &str) -> Self {
        Self::Json(status, serde_json::json!({"error": {"code": code, "description": description}}))
    }
}

type Handler = dyn Fn(Seen) -> Pin<Box<dyn Future<Output = Reply> + Send>> + Send + Sync;

struct Shared {
    handler: Box<Handler>,
    origin: String,
    clock: ManualClock,
    seen: Mutex<Vec<Seen>>,
    nonces: Mutex<HashSet<String>>,
    faults: Mutex<Vec<String>>,
}

/// A server on a free port of this machine. When it is dropped, it complains about signatures that did not verify.
pub struct Mock {
    pub clock: ManualClock,
    shared: Arc<Shared>,
    task: tokio::task::JoinHandle<()>,
}

impl Mock {
    /// Starts a server whose handler answers at once.
    pub async fn new(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_origin(move |_| move |seen: Seen| std::future::ready(handler(&seen))).await
    }

    /// Starts a server whose handler knows its origin, and may wait.
    pub async fn with_origin<H, F>(handler: impl FnOnce(String) -> H) -> Self
    where
        H: Fn(Seen) -> F + Send + Sync + 'static,
        F: Future<Output = Reply> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let handler = handler(origin.clone());
        let clock = ManualClock::new();
        let shared = Arc::new(Shared {
            handler: Box::new(move |seen| Box::pin(handler(seen))),
            origin,
            clock: clock.clone(),
            seen: Mutex::default(),
            nonces: Mutex::default(),
            faults: Mutex::default(),
        });
        let for_task = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&for_task);
                tokio::spawn(async move { serve(stream, &shared).await });
            }
        });
        Self { clock, shared, task }
    }

    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.shared.origin)
    }

    /// The requests so far, in order of arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// The requests so far, as `METHOD target`.
    pub fn lines(&self) -> Vec<String> {
        self.seen().iter().map(Seen::line).collect()
    }

    /// How many requests of this method there were to paths that begin so.
    pub fn count(&self, method: &str, path: &str) -> usize {
        self.seen().iter().filter(|seen| seen.method == method && seen.target.starts_with(path)).count()
    }

    pub fn public_client(&self) -> Client {
        Client::builder().http_client(http_client()).clock(self.clock.clock()).build().unwrap()
    }

    pub fn client(&self) -> AuthenticatedClient {
        Client::builder()
            .http_client(http_client())
            .clock(self.clock.clock())
            .wallet_address(self.url("/app"))
            .key_id(KEY_ID)
            .private_key(key())
            .build()
            .unwrap()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        self.task.abort();
        let faults = self.shared.faults.lock().unwrap();
        if !std::thread::panicking() {
            assert!(faults.is_empty(), "the server found faults: {faults:#?}");
        }
    }
}

/// Without the system's certificates, which take time to load, and without proxies.
pub fn http_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().tls_certs_only([]).no_proxy();
    builder.redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Serves one request and closes.
async fn serve(mut stream: TcpStream, shared: &Shared) {
    let Some(mut seen) = read(&mut stream).await else { return };
    if let Err(fault) = inspect(&mut seen, shared) {
        shared.faults.lock().unwrap().push(format!("{}: {fault}", seen.line()));
    }
    shared.seen.lock().unwrap().push(seen.clone());
    let (status, body) = match (shared.handler)(seen).await {
        Reply::Json(status, value) => (status, value.to_string()),
        Reply::Empty(status) => (status, String::new()),
        Reply::Hangup => return,
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes).await;
            return;
        }
    };
    let head = format!(
        "HTTP/1.1 {status} Mock\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
}

async fn read(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let head_length = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_length].to_vec()).ok()?;
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        headers.append(HeaderName::try_from(name).ok()?, HeaderValue::from_str(value).ok()?);
    }
    let length = headers.get("content-length").map_or(0, |value| value.to_str().unwrap().parse().unwrap());
    let mut body = bytes[head_length..].to_vec();
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some(Seen { method, target, headers, body, covered: None, nonce: None })
}

/// Verifies what every request has to keep to.
fn inspect(seen: &mut Seen, shared: &Shared) -> Result<(), String> {
    for name in seen.headers.keys() {
        if seen.headers.get_all(name).iter().count() > 1 {
            return Err(format!("the header {name} is there twice"));
        }
    }
    if seen.header("accept") != Some("application/json") {
        return Err("no Accept: application/json".to_owned());
    }
    if seen.header("content-type").is_some() == seen.body.is_empty() {
        return Err("a body and its type go together".to_owned());
    }
    if seen.header("signature").is_none() {
        return match seen.header("authorization") {
            Some(_) => Err("a token without a signature".to_owned()),
            None => Ok(()),
        };
    }
    let target = format!("{}{}", shared.origin, seen.target);
    let request = Request { method: &seen.method, target_uri: &target, headers: &seen.headers, body: Some(&seen.body) };
    let signatures = parse(request.headers).map_err(|error| error.to_string())?;
    let policy = Policy { max_age_seconds: 0, max_skew_seconds: 0, require_nonce: true };
    let now = shared.clock.now().as_second();
    let verified =
        verify(&signatures[0], &request, &key().public_key(), &policy, now).map_err(|error| error.to_string())?;
    let covered = signatures[0].components().iter().map(|component| component.identifier().to_owned()).collect();
    let label = signatures[0].label().to_owned();
    (seen.covered, seen.nonce) = (Some(covered), verified.nonce.clone());
    if verified.key_id != KEY_ID || label != "sig1" {
        return Err(format!("signature {label} by {}", verified.key_id));
    }
    let nonce = verified.nonce.unwrap();
    if nonce.len() < 22 || !shared.nonces.lock().unwrap().insert(nonce) {
        return Err("the nonce is short, or was used before".to_owned());
    }
    Ok(())
}
