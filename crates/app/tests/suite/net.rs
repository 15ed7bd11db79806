//! Outbound requests at URLs chosen by strangers (protocol §9).

use bursar_app::Clock;
use bursar_app::net::{FetchError, Net, Resolver, Rules, is_public};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Barrier, oneshot};

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
    assert_eq!(net.get_json::<Value>("https://localhost/a").await, Err(FetchError::NoPublicAddress));
}

/// An address that stands for the public internet, and everything else for what must not be reached.
const PUBLIC: Ipv4Addr = Ipv4Addr::LOCALHOST;
const PRIVATE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// The rules for real money, but for an internet that is one address of this machine.
fn rules() -> Rules {
    Rules { http_and_ports: true, may_connect: |address| address == IpAddr::V4(PUBLIC), ..Rules::PUBLIC }
}

fn impatient(rules: Rules) -> Rules {
    Rules { timeout: Duration::from_millis(100), ..rules }
}

/// A way out on which every name has these addresses.
fn named(rules: Rules, look_up: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> Net {
    Net::with(rules, Resolver::Table(Arc::new(look_up))).unwrap()
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

async fn listen(address: Ipv4Addr, port: u16) -> TcpListener {
    TcpListener::bind((address, port)).await.unwrap()
}

/// Reads the head of a request.
async fn read_head(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if connection.read(&mut byte).await.unwrap_or(0) == 0 {
            break;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Answers every connection with exactly these bytes, and closes it.
async fn serve(listener: TcpListener, answer: Vec<u8>) {
    loop {
        let (mut connection, _) = listener.accept().await.unwrap();
        read_head(&mut connection).await;
        let _ = connection.write_all(&answer).await;
    }
}

/// A server in the open that always answers this; its URL.
async fn server(answer: impl Into<Vec<u8>>) -> String {
    let listener = listen(PUBLIC, 0).await;
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, answer.into()));
    url
}

const GOOD: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 8\r\n\r\n{\"a\": 1}";

/// A place that nobody should come to.
fn trap(port: u16) -> std::io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind((PRIVATE, port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A server in the open and a trap, on the same port.
async fn pair() -> (TcpListener, std::net::TcpListener, u16) {
    loop {
        let open = listen(PUBLIC, 0).await;
        let port = open.local_addr().unwrap().port();
        // The port may be taken there.
        if let Ok(trap) = trap(port) {
            return (open, trap, port);
        }
    }
}

#[track_caller]
fn assert_untouched(trap: &std::net::TcpListener) {
    let error = trap.accept().expect_err("nobody connects");
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
}

#[tokio::test]
async fn names_that_lead_inside_are_not_followed() {
    let insides = [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "169.254.1.1",
        // Where clouds tell their machines secrets.
        "169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "2002:a00:1::",
        "2002:a9fe:a9fe::1",
        "2001:0:7f00:1::",
    ];
    // A name for each of them: the number of a row.
    let net = named(Rules::PUBLIC, move |name| {
        let row: usize =
            name.strip_prefix('n').and_then(|name| name.strip_suffix(".example")).unwrap().parse().unwrap();
        addresses(&[insides[row]])
    });
    for (row, inside) in insides.iter().enumerate() {
        let answer = net.get_json::<Value>(&format!("https://n{row}.example/a")).await;
        assert_eq!(answer, Err(FetchError::NoPublicAddress), "{inside}");
        assert!(answer.unwrap_err().may_pass(), "it says nothing of what the server would say");
    }
    let nowhere = named(Rules::PUBLIC, |_| Vec::new());
    assert_eq!(nowhere.get_json::<Value>("https://wallet.example/a").await, Err(FetchError::Unreachable));
}

#[tokio::test]
async fn of_several_addresses_only_public_ones_are_tried() {
    let (open, inside, port) = pair().await;
    let url = format!("http://wallet.example:{port}/");
    let net = named(rules(), |_| vec![PRIVATE.into(), PUBLIC.into(), Ipv4Addr::new(127, 0, 0, 3).into()]);
    tokio::spawn(serve(open, GOOD.to_vec()));
    assert_eq!(net.get_json::<Value>(&url).await.unwrap()["a"], 1);
    assert_untouched(&inside);
    // Not even when the public one does not answer: somebody has that port there, but does not listen.
    let net = named(rules(), |_| vec![PRIVATE.into(), PUBLIC.into()]);
    let (_deaf, inside, port) = loop {
        let deaf = TcpSocket::new_v4().unwrap();
        deaf.bind((PUBLIC, 0).into()).unwrap();
        let port = deaf.local_addr().unwrap().port();
        if let Ok(trap) = trap(port) {
            break (deaf, trap, port);
        }
    };
    let url = format!("http://wallet.example:{port}/");
    assert_eq!(net.get_json::<Value>(&url).await, Err(FetchError::Unreachable));
    assert_untouched(&inside);
}

#[tokio::test]
async fn a_name_that_changes_its_address_gains_nothing() {
    let (open, inside, port) = pair().await;
    tokio::spawn(serve(open, GOOD.to_vec()));
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let net = named(rules(), move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => vec![PUBLIC.into()],
        _ => vec![PRIVATE.into()],
    });
    let url = format!("http://wallet.example:{port}/");
    // What was checked is what is connected to: the name is asked once, not once to check and once to connect.
    assert_eq!(net.get_json::<Value>(&url).await.unwrap()["a"], 1);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(net.get_json::<Value>(&url).await, Err(FetchError::NoPublicAddress));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    assert_untouched(&inside);
}

#[tokio::test]
async fn redirects_lead_nowhere() {
    let (inside, elsewhere) = (trap(0).unwrap(), std::net::TcpListener::bind((PUBLIC, 0)).unwrap());
    elsewhere.set_nonblocking(true).unwrap();
    let (inside_url, elsewhere_url) = (inside.local_addr().unwrap(), elsewhere.local_addr().unwrap());
    let net = Net::with(rules(), Resolver::System).unwrap();
    for status in [301, 302, 303, 307, 308] {
        for target in [inside_url, elsewhere_url] {
            let answer = format!("HTTP/1.1 {status} Go\r\nlocation: http://{target}/\r\ncontent-length: 0\r\n\r\n");
            let url = server(answer).await;
            assert_eq!(net.get_json::<Value>(&url).await, Err(FetchError::Status(status)), "{status} {target}");
            assert_eq!(net.get_configured(&url).await, Err(FetchError::Status(status)), "{status} {target}");
        }
    }
    assert_untouched(&inside);
    assert_untouched(&elsewhere);
}

#[tokio::test]
async fn answers_that_are_not_taken() {
    let net = Net::with(rules(), Resolver::System).unwrap();
    let get = async |answer: Vec<u8>| net.get_json::<Value>(&server(answer).await).await;
    assert_eq!(get(GOOD.to_vec()).await.unwrap()["a"], 1);
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n\"".to_vec();
    endless.resize(1 << 20, b'a');
    assert!(matches!(get(endless).await, Err(FetchError::Unreadable(_))));
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec();
    assert_eq!(get(cut).await, Err(FetchError::Unreachable));
    let text = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi".to_vec();
    assert!(matches!(get(text).await, Err(FetchError::Unreadable(_))));
    for status in [204, 206, 400, 404, 500] {
        let answer = format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n").into_bytes();
        assert_eq!(get(answer).await, Err(FetchError::Status(status)));
    }
    // Eighty bytes that a browser would make a mebibyte of stay eighty bytes, which are no JSON.
    let mut packed = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 80\r\n\r\n\x1f\x8b\x08".to_vec();
    packed.resize(packed.len() + 77, 0);
    assert!(matches!(get(packed).await, Err(FetchError::Unreadable(_))));
    let plain = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}".to_vec();
    assert_eq!(get(plain).await.unwrap(), serde_json::json!({}), "nothing is unpacked");
}

#[tokio::test]
async fn nothing_but_json_is_read() {
    let net = Net::with(rules(), Resolver::System).unwrap();
    for (kind, taken) in [
        (Some("application/json"), true),
        (Some("application/json; charset=utf-8"), true),
        (Some("Application/JSON"), true),
        (Some("application/jwk-set+json"), true),
        (None, true),
        (Some("text/html"), false),
        (Some("text/plain"), false),
        (Some("application/octet-stream"), false),
        (Some("text/html; a=application/json"), false),
        (Some(""), false),
    ] {
        let field = kind.map(|kind| format!("content-type: {kind}\r\n")).unwrap_or_default();
        let url = server(format!("HTTP/1.1 200 OK\r\n{field}content-length: 2\r\n\r\n{{}}")).await;
        let answer = net.get_json::<Value>(&url).await;
        assert_eq!(answer.is_ok(), taken, "{kind:?}: {answer:?}");
        assert_eq!(net.get_configured(&url).await, Ok(b"{}".to_vec()), "the operator knows what is there");
    }
}

#[tokio::test]
async fn forms_are_posted_where_the_operator_says() {
    let net = Net::with(rules(), Resolver::System).unwrap();
    let listener = listen(PUBLIC, 0).await;
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    let (tell, heard) = oneshot::channel();
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"code=a+b%26c%3D%C3%BC&x=") {
            let mut part = [0; 1024];
            let read = connection.read(&mut part).await.unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&part[..read]);
        }
        connection.write_all(b"HTTP/1.1 400 No\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
        tell.send(String::from_utf8(seen).unwrap().to_lowercase()).unwrap();
    });
    // Refusals are answers as well.
    let form = [("code", "a b&c=ü"), ("x", "")];
    let answer = net.post_form_configured(&url, &form, Some(("me", "s:3 %"))).await;
    assert_eq!(answer, Ok((400, b"{}".to_vec())));
    let heard = heard.await.unwrap();
    assert!(heard.starts_with("post /token http/1.1\r\n"), "{heard}");
    assert!(heard.contains("content-type: application/x-www-form-urlencoded\r\n"), "{heard}");
    // Name and password are encoded before they are joined (RFC 6749 §2.3.1): me:s%3A3+%25.
    assert!(heard.contains(&"authorization: Basic bWU6cyUzQTMrJTI1".to_lowercase()), "{heard}");

    let moved = server("HTTP/1.1 307 Go\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n".to_owned()).await;
    assert_eq!(net.post_form_configured(&moved, &[], None).await, Ok((307, Vec::new())), "nobody is followed");
    let mut endless = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
    endless.resize(1 << 20, b'a');
    let answer = net.post_form_configured(&server(endless).await, &[], None).await;
    assert!(matches!(answer, Err(FetchError::Unreadable(_))), "{answer:?}");
    for url in ["file:///etc/passwd", "x", ""] {
        let answer = net.post_form_configured(url, &[], None).await;
        assert!(matches!(answer, Err(FetchError::Forbidden(_))), "{url}");
    }
}

/// A server that begins with `head` and then sends `drop` again and again, until the other side is gone; its URL, and
/// how much was sent in the end.
async fn dripping(head: &'static str, drop: Vec<u8>, pause: Duration) -> (String, oneshot::Receiver<usize>) {
    let listener = listen(PUBLIC, 0).await;
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (tell, sent) = oneshot::channel();
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        read_head(&mut connection).await;
        let mut bytes = 0;
        let mut next = head.as_bytes();
        while connection.write_all(next).await.is_ok() {
            bytes += next.len();
            next = &drop;
            Clock::real_sleep(pause).await;
        }
        let _ = tell.send(bytes);
    });
    (url, sent)
}

#[tokio::test]
async fn slow_servers_are_left() {
    let net = Net::with(impatient(rules()), Resolver::System).unwrap();
    let pause = Duration::from_millis(5);
    for head in
        ["", "HTTP/1.1 200 OK\r\na: ", "HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"]
    {
        let (url, sent) = dripping(head, b"a".to_vec(), pause).await;
        assert_eq!(net.get_json::<Value>(&url).await, Err(FetchError::Unreachable), "{head:?}");
        let (again, _) = dripping(head, b"a".to_vec(), pause).await;
        assert_eq!(net.get_configured(&again).await, Err(FetchError::Unreachable), "{head:?}");
        sent.await.expect("the connection is closed");
    }
    // One that says nothing at all.
    let silent = listen(PUBLIC, 0).await;
    let url = format!("http://{}/", silent.local_addr().unwrap());
    assert_eq!(net.get_json::<Value>(&url).await, Err(FetchError::Unreachable));
}

#[tokio::test]
async fn endless_answers_are_cut() {
    let net = Net::with(rules(), Resolver::System).unwrap();
    let chunk = format!("1000\r\n{}\r\n", "a".repeat(0x1000)).into_bytes();
    for (head, drop) in [
        ("HTTP/1.1 200 OK\r\n\r\n", vec![b'a'; 0x1000]),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", chunk),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9000000000\r\n\r\n", vec![b'a'; 0x1000]),
    ] {
        for strangers in [true, false] {
            let (url, sent) = dripping(head, drop.clone(), Duration::ZERO).await;
            let answer = match strangers {
                true => net.get_json::<Value>(&url).await.map(|_| ()),
                false => net.get_configured(&url).await.map(|_| ()),
            };
            assert!(matches!(answer, Err(FetchError::Unreadable(_))), "{head:?}: {answer:?}");
            sent.await.expect("the connection is closed");
        }
    }
}

#[tokio::test]
async fn one_host_is_asked_a_few_times_at_once() {
    const AT_ONCE: usize = 4;
    let listener = listen(PUBLIC, 0).await;
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let most = Arc::new(AtomicUsize::new(0));
    let (seen, now) = (most.clone(), Arc::new(AtomicUsize::new(0)));
    // Nobody is answered before four are there: with fewer at once, nothing would ever be answered.
    let together = Arc::new(Barrier::new(AT_ONCE));
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let (seen, now, together) = (seen.clone(), now.clone(), together.clone());
            tokio::spawn(async move {
                read_head(&mut connection).await;
                seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                together.wait().await;
                now.fetch_sub(1, Ordering::SeqCst);
                connection.write_all(GOOD).await.unwrap();
            });
        }
    });
    let net = Arc::new(Net::with(Rules { timeout: Duration::from_secs(600), ..rules() }, Resolver::System).unwrap());
    let asking = (0..AT_ONCE * 4).map(|_| {
        let (net, url) = (net.clone(), url.clone());
        tokio::spawn(async move { net.get_json::<Value>(&url).await })
    });
    for answer in asking.collect::<Vec<_>>() {
        assert_eq!(answer.await.unwrap().unwrap()["a"], 1);
    }
    assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
}

#[tokio::test]
async fn what_the_operator_has_set_up_may_be_anywhere() {
    let listener = listen(PRIVATE, 0).await;
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(serve(listener, GOOD.to_vec()));
    let net = named(Rules::PUBLIC, |_| vec![PRIVATE.into()]);
    for host in ["127.0.0.2", "rates.internal"] {
        let url = format!("http://{host}:{port}/");
        assert_eq!(net.get_configured(&url).await, Ok(b"{\"a\": 1}".to_vec()), "{url}");
        assert!(matches!(net.get_json::<Value>(&url).await, Err(FetchError::Forbidden(_))), "{url}");
    }
    for url in ["nonsense", "file:///etc/passwd", "ftp://127.0.0.1/"] {
        assert!(matches!(net.get_configured(url).await, Err(FetchError::Forbidden(_))), "{url}");
    }
}
