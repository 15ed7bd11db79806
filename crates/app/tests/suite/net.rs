//! Outbound requests at URLs chosen by strangers (protocol §9).

use bursar_app::net::{FetchError, Net, is_public};
use serde_json::Value;

#[test]
fn which_addresses_are_public() {
    for address in [
        "1.1.1.1",
        "93.184.216.34",
        "172.15.255.255",
        "172.32.0.1",
        "100.63.255.255",
        "100.128.0.1",
        "2606:4700::1111",
        "2a00::1",
    ] {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd00::1",
        "ff02::1",
        "2001:db8::1",
        "2001::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2002:a00:1::",
    ] {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
    assert!(is_public("::ffff:1.1.1.1".parse().unwrap()));
}

#[tokio::test]
async fn urls_that_are_not_asked() {
    let net = Net::new(false).unwrap();
    for url in [
        "http://wallet.example/a",
        "https://wallet.example:8443/a",
        "https://127.0.0.1/a",
        "https://[::1]/a",
        "https://[::ffff:10.0.0.1]/a",
        "https://169.254.169.254/latest",
        "https://2130706433/a",
        "https://0x7f.1/a",
        "file:///etc/passwd",
        "ftp://wallet.example/",
        "nonsense",
    ] {
        let answer = net.get_json::<Value>(url).await;
        assert!(matches!(answer, Err(FetchError::Forbidden(_))), "{url}: {answer:?}");
    }
    // A name that leads to a private address is found out when it is resolved.
    assert_eq!(net.get_json::<Value>("https://localhost/a").await, Err(FetchError::Unreachable));
}

/// Answers one connection with exactly this.
async fn server(answer: Vec<u8>) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut head = [0; 2048];
        let _ = connection.read(&mut head).await;
        let _ = connection.write_all(&answer).await;
    });
    url
}

#[tokio::test]
async fn answers_that_are_not_taken() {
    let net = Net::new(true).unwrap();
    let good = server(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"a\": 1}".to_vec()).await;
    assert_eq!(net.get_json::<Value>(&good).await.unwrap()["a"], 1);
    let elsewhere = format!("HTTP/1.1 302 Found\r\nlocation: {good}\r\ncontent-length: 0\r\n\r\n");
    let redirect = server(elsewhere.into_bytes()).await;
    assert_eq!(net.get_json::<Value>(&redirect).await, Err(FetchError::Status(302)));
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n\"".to_vec();
    endless.resize(1 << 20, b'a');
    assert!(matches!(net.get_json::<Value>(&server(endless).await).await, Err(FetchError::Unreadable(_))));
    let cut = server(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec()).await;
    assert_eq!(net.get_json::<Value>(&cut).await, Err(FetchError::Unreachable));
    let text = server(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_vec()).await;
    assert!(matches!(net.get_json::<Value>(&text).await, Err(FetchError::Unreadable(_))));
}
