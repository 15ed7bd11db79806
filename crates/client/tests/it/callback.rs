//! The browser's return to a program on this machine.

use bursar_client::{CallbackError, CallbackListener, Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Far longer than any of this takes; nothing waits for it to pass.
const AMPLE: Duration = Duration::from_secs(60);

async fn browse(listener: &CallbackListener, target: &str) -> String {
    let url = url::Url::parse(listener.url()).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", url.port().unwrap())).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn the_return_is_received_among_other_requests() {
    for bound in ["http://localhost:0/done", "http://127.0.0.1:0/done"] {
        let listener = CallbackListener::bind(bound).await.unwrap();
        assert!(!listener.url().contains(":0/"), "{}", listener.url());
        let visits = async {
            let port = url::Url::parse(listener.url()).unwrap().port().unwrap();
            // As browsers do: a connection that is not used, which must not keep the others waiting.
            let idle = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let icon = browse(&listener, "/favicon.ico").await;
            let back = browse(&listener, "/done?hash=a%2B&interact_ref=r").await;
            drop(idle);
            (icon, back)
        };
        let (received, (icon, back)) = tokio::join!(listener.wait(AMPLE), visits);
        assert_eq!(received.unwrap(), format!("{}?hash=a%2B&interact_ref=r", listener.url()));
        assert!(icon.starts_with("HTTP/1.1 404"), "{icon}");
        assert!(back.starts_with("HTTP/1.1 200 OK") && back.contains("Your decision has arrived"), "{back}");
    }
}

#[tokio::test]
async fn requests_without_end_are_cut_off() {
    let listener = CallbackListener::bind("http://127.0.0.1:0").await.unwrap();
    let port = url::Url::parse(listener.url()).unwrap().port().unwrap();
    let flood = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let _ = stream.write_all(&[b'a'; 64 * 1024]).await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        let answer = browse(&listener, "/?result=grant_rejected").await;
        (rest, answer)
    };
    let (received, (rest, _)) = tokio::join!(listener.wait(AMPLE), flood);
    assert!(received.unwrap().ends_with("/?result=grant_rejected"));
    assert!(rest.is_empty());
}

#[tokio::test]
async fn waiting_has_an_end() {
    let listener = CallbackListener::bind("http://127.0.0.1:0").await.unwrap();
    assert!(matches!(listener.wait(Duration::ZERO).await, Err(CallbackError::TimedOut(_))));
}

#[tokio::test]
async fn only_this_machine_is_listened_on() {
    for url in ["https://localhost:1", "http://example.com", "http://0.0.0.0:0", "http://[::]:0", "localhost:3344", ""]
    {
        assert!(matches!(CallbackListener::bind(url).await, Err(CallbackError::Url(_))), "{url}");
    }
    let first = CallbackListener::bind("http://127.0.0.1:0").await.unwrap();
    let error = CallbackListener::bind(first.url()).await.unwrap_err();
    assert!(matches!(error, CallbackError::Listen { .. }), "{error}");
}
