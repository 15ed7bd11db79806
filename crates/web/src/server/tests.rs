//! The loop as connections meet it: raw bytes over the loopback, and short time-outs where one has to run out.

use super::*;
use axum::routing::{get, post};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

const LONG: Duration = Duration::from_secs(600);
const SHORT: Duration = Duration::from_millis(50);

/// Time-outs that no test reaches.
fn patient() -> Limits {
    Limits { head_timeout: LONG, idle_timeout: LONG, write_timeout: LONG, stop_timeout: LONG, ..Limits::default() }
}

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<bool>,
}

impl Running {
    async fn start(router: Router, limits: Limits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let stopped = async move { stopped.await.unwrap_or_default() };
        Self { address, stop, server: tokio::spawn(serve(router, listener, limits, stopped)) }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

fn echo() -> Router {
    Router::new().route("/", get(|| async { "hello" })).route("/", post(|body: String| async move { body }))
}

/// Reads an answer whose body ends in these words.
async fn read_until(connection: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut bytes = [0; 1024];
        let read = connection.read(&mut bytes).await.unwrap();
        assert!(read > 0, "closed after {text:?}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    text
}

/// Reads until the server closes the connection.
async fn read_all(connection: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = connection.read_to_end(&mut bytes).await;
    String::from_utf8(bytes).unwrap()
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let running = Running::start(echo(), patient()).await;
    let mut connection = running.connect().await;
    for _ in 0..3 {
        connection.write_all(GET).await.unwrap();
        assert!(read_until(&mut connection, "hello").await.starts_with("HTTP/1.1 200 OK\r\n"));
        connection.write_all(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nyes").await.unwrap();
        read_until(&mut connection, "yes").await;
        connection
            .write_all(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n")
            .await
            .unwrap();
        read_until(&mut connection, "no").await;
    }
}

#[tokio::test]
async fn requests_tell_who_connected() {
    let who = |ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() };
    let running = Running::start(Router::new().route("/", get(who)), patient()).await;
    let mut connection = running.connect().await;
    connection.write_all(GET).await.unwrap();
    let own = connection.local_addr().unwrap().to_string();
    read_until(&mut connection, &own).await;
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    #[track_caller]
    fn check(text: &str, status: &str) {
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{text:?}");
    }
    let running = Running::start(echo(), patient()).await;
    let ask = async |head: String| {
        let mut connection = running.connect().await;
        // The answer may come, and the connection be closed, before all is written.
        let _ = connection.write_all(format!("{head}\r\n\r\n").as_bytes()).await;
        let mut bytes = [0; 64];
        let read = connection.read(&mut bytes).await.unwrap();
        String::from_utf8_lossy(&bytes[..read]).into_owned()
    };
    let fields = |number: usize| format!("GET / HTTP/1.1{}", "\r\na: b".repeat(number));
    check(&ask(fields(100)).await, "200");
    check(&ask(fields(101)).await, "431");
    let long = |bytes: usize| format!("GET / HTTP/1.1\r\na: {}", "b".repeat(bytes - 23));
    check(&ask(long(32 * 1024)).await, "200");
    check(&ask(long(32 * 1024 + 1)).await, "431");
    check(&ask(format!("GET /{} HTTP/1.1", "a".repeat(40_000))).await, "431");
    check(&ask("GET / HTTP/1.1\r\nno field".to_owned()).await, "400");
    check(&ask("nonsense".to_owned()).await, "400");
}

#[tokio::test]
async fn slow_heads_end() {
    let running = Running::start(echo(), Limits { head_timeout: SHORT, ..patient() }).await;
    // Nothing at all, and the beginning of something.
    for begun in ["", "GET / HT"] {
        let mut connection = running.connect().await;
        connection.write_all(begun.as_bytes()).await.unwrap();
        assert_eq!(read_all(&mut connection).await, "", "{begun:?}");
    }
    // A byte now and then does not help. The other side stops writing once the connection is gone.
    let (mut from, mut to) = running.connect().await.into_split();
    let dripping = tokio::spawn(async move {
        let mut drop = &b"GET / HTTP/1.1\r\n"[..];
        while to.write_all(drop).await.is_ok() {
            drop = b"a";
            Clock::real_sleep(SHORT / 10).await;
        }
    });
    let mut bytes = Vec::new();
    let _ = from.read_to_end(&mut bytes).await;
    assert_eq!(bytes, b"");
    dripping.await.unwrap();
}

#[tokio::test]
async fn idle_connections_end() {
    let running = Running::start(echo(), Limits { idle_timeout: SHORT, ..patient() }).await;
    let mut connection = running.connect().await;
    connection.write_all(GET).await.unwrap();
    read_until(&mut connection, "hello").await;
    assert_eq!(read_all(&mut connection).await, "");
}

#[tokio::test]
async fn whoever_takes_no_answer_is_left() {
    struct Gone(Option<oneshot::Sender<()>>);
    impl Drop for Gone {
        fn drop(&mut self) {
            if let Some(tell) = self.0.take() {
                let _ = tell.send(());
            }
        }
    }
    let (tell, gone) = oneshot::channel();
    let gone_with = Arc::new(std::sync::Mutex::new(Some(Gone(Some(tell)))));
    // An answer that no buffer of the system holds, and that knows when it is given up.
    let huge = move || {
        let gone = gone_with.lock().unwrap().take();
        async move {
            let chunks = futures_util::stream::repeat_with(move || {
                let _held = &gone;
                Ok::<_, std::convert::Infallible>(vec![b'a'; 1 << 20])
            });
            Body::from_stream(chunks)
        }
    };
    let running =
        Running::start(Router::new().route("/", get(huge)), Limits { write_timeout: SHORT, ..patient() }).await;
    let mut connection = running.connect().await;
    connection.write_all(GET).await.unwrap();
    gone.await.unwrap();
}

#[tokio::test]
async fn so_many_connections_and_no_more() {
    let open = Arc::new(AtomicUsize::new(0));
    let counted = open.clone();
    let (router, begun, go_on) = slow();
    let router = router.route("/count", get(move || async move { counted.fetch_add(1, Ordering::SeqCst).to_string() }));
    let running = Running::start(router, Limits { connections_max: 2, ..patient() }).await;
    let (mut first, mut second) = (running.connect().await, running.connect().await);
    for connection in [&mut first, &mut second] {
        connection.write_all(SLOW).await.unwrap();
        begun.notified().await;
    }
    // Nobody is idle: the third waits until one of the others is answered and closed.
    let mut third = running.connect().await;
    third.write_all(b"GET /count HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let waiting = tokio::select! {
        biased;
        _ = third.readable() => false,
        () = async { for _ in 0..100 { tokio::task::yield_now().await } } => true,
    };
    assert!(waiting);
    assert_eq!(open.load(Ordering::SeqCst), 0);
    go_on.notify_one();
    read_until(&mut third, "\r\n\r\n0").await;
    go_on.notify_one();
    for mut connection in [first, second] {
        assert!(read_all(&mut connection).await.ends_with("done"));
    }
}

/// A route that says when it has begun, and goes on when it is told to.
fn slow() -> (Router, Arc<Notify>, Arc<Notify>) {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (begun.clone(), go_on.clone());
    let handler = move || async move {
        tell.notify_one();
        wait.notified().await;
        "done"
    };
    (echo().route("/slow", get(handler)), begun, go_on)
}

const SLOW: &[u8] = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn stopping_finishes_what_is_under_way() {
    let (router, begun, go_on) = slow();
    let running = Running::start(router, patient()).await;
    let (mut idle, mut busy) = (running.connect().await, running.connect().await);
    idle.write_all(GET).await.unwrap();
    read_until(&mut idle, "hello").await;
    busy.write_all(SLOW).await.unwrap();
    begun.notified().await;
    running.stop.send(()).unwrap();
    assert_eq!(read_all(&mut idle).await, "", "idle connections are closed at once");
    assert!(TcpStream::connect(running.address).await.is_err(), "nobody is let in any more");
    go_on.notify_one();
    assert!(read_all(&mut busy).await.ends_with("done"));
    assert!(running.server.await.unwrap());
}

#[tokio::test]
async fn stopping_does_not_wait_forever() {
    let (router, begun, _never) = slow();
    let running = Running::start(router, Limits { stop_timeout: SHORT, ..patient() }).await;
    let mut busy = running.connect().await;
    busy.write_all(SLOW).await.unwrap();
    begun.notified().await;
    running.stop.send(()).unwrap();
    assert!(!running.server.await.unwrap());
}

#[tokio::test]
async fn idle_connections_make_room() {
    let limits = Limits { connections_max: 3, ..patient() };
    let running = Running::start(echo(), limits).await;
    let mut idle = Vec::new();
    for _ in 0..3 {
        let mut connection = running.connect().await;
        connection.write_all(GET).await.unwrap();
        read_until(&mut connection, "hello").await;
        idle.push(connection);
    }
    // All places are taken by those who say nothing more.
    let mut next = running.connect().await;
    next.write_all(GET).await.unwrap();
    read_until(&mut next, "hello").await;
    for mut connection in idle {
        assert_eq!(read_all(&mut connection).await, "");
    }
}
