//! Requests signed as they should be, broken in each way, and pasted in each way.

use super::*;
use bursar_client::PrivateKey;
use bursar_httpsig::{SignOptions, sign};
use clap::Parser;
use http::{HeaderMap, HeaderValue};

const NOW: i64 = 1_747_746_000; // 20 May 2025 13:00 UTC
const TOKEN: &str = "OS9M2PMHKUR64TB8N6BW7OZB8CDFONP219RP1LT0";
const BODY: &str = r#"{"receiver":"https://wallet.example/op/incoming-payments/1","method":"ilp"}"#;

fn private() -> PrivateKey {
    PrivateKey::from_seed([7; 32])
}

fn x() -> String {
    private().public_key().to_base64url()
}

/// A signed request of 12 seconds ago, as text.
#[derive(Clone)]
struct Pasted(String);

impl Pasted {
    fn signed(method: &str, url: &str, token: Option<&str>, body: &str, options: &SignOptions<'_>) -> Self {
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            headers.insert("authorization", HeaderValue::from_str(&format!("GNAP {token}")).unwrap());
        }
        if !body.is_empty() {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
        }
        let request = Request { method, target_uri: url, headers: &headers, body: Some(body.as_bytes()) };
        sign(&private(), "key-1", &request, options).unwrap().apply_to(&mut headers);
        let (_, rest) = url.split_once("://").unwrap();
        let (host, path) = rest.split_at(rest.find('/').unwrap());
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n");
        for (name, value) in &headers {
            text += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
        Self(format!("{text}\r\n{body}"))
    }

    fn post() -> Self {
        let url = "https://wallet.example/op/quotes";
        Self::signed("POST", url, Some(TOKEN), BODY, &SignOptions::new(NOW - 12))
    }

    fn get() -> Self {
        let url = "http://localhost:4000/op/quotes/1";
        Self::signed("GET", url, Some(TOKEN), "", &SignOptions::new(NOW - 12))
    }

    fn replace(self, from: &str, to: &str) -> Self {
        assert!(self.0.contains(from), "{}", self.0);
        Self(self.0.replacen(from, to, 1))
    }

    fn without_line(self, start: &str) -> Self {
        let kept: Vec<_> = self.0.split("\r\n").filter(|line| !line.starts_with(start)).collect();
        assert!(kept.len() < self.0.split("\r\n").count(), "{start}");
        Self(kept.join("\r\n"))
    }

    /// Judges it with the words of a command line.
    fn report(&self, words: &str) -> Report {
        judge(self.0.as_bytes(), words).unwrap_or_else(|failure| panic!("{failure:?}\n{}", self.0))
    }

    /// Judges it with the key that it was signed with.
    fn judged(&self) -> Report {
        self.report(&format!("--key {}", x()))
    }
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    command: ExplainSignature,
}

fn judge(pasted: &[u8], words: &str) -> Done<Report> {
    let command = Line::try_parse_from(["explain"].into_iter().chain(words.split_whitespace())).unwrap().command;
    let request = RawRequest::parse(pasted).map_err(Failure::usage)?;
    let keys = command.key.as_deref().map_or(Ok(Keys::None), Keys::read)?;
    let body = command.body.as_deref().map(|path| read_bounded(path, 1000)).transpose()?;
    examine(&command, request, body, keys, NOW)
}

#[test]
fn what_a_server_would_accept() {
    for request in [Pasted::post(), Pasted::get()] {
        let report = request.judged();
        assert_eq!(report.verdict(), Verdict::Accepted, "{}", report.text());
        assert_eq!(report.notes, Vec::<String>::new());
        assert!(report.text().contains("20 May 2025 13:00 UTC (now); the signature was made 12 s before"));
    }
    assert_eq!(Pasted::get().judged().target_uri, "http://localhost:4000/op/quotes/1");
}

#[test]
fn every_rule_is_named_when_it_is_broken() {
    fn check(request: Pasted, words: &str, rule: &str, expected: &str) {
        let report = request.report(&format!("--key {} {words}", x()));
        let text = report.text();
        assert_eq!(report.verdict(), Verdict::Refused, "{text}");
        let failed = report.explanation.first_failure().unwrap();
        assert_eq!(failed.rule.to_string(), rule, "{text}");
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
        assert_eq!(report.json()["failed"], rule);
    }
    let post = Pasted::post;
    let url = "https://wallet.example/op/quotes";
    let signed = |token: Option<&str>, options: SignOptions<'_>| Pasted::signed("POST", url, token, BODY, &options);
    check(post().without_line("signature:"), "", "headers", "no signature header");
    check(post().without_line("signature-input:").without_line("signature:"), "", "headers", "is not signed");
    check(
        post().replace("signature: sig1=:", "signature: sig1=").replace("==:\r\n\r\n", "==\r\n\r\n"),
        "",
        "headers",
        "stands between colons",
    );
    check(post().replace("signature: sig1", "signature: sig2"), "", "headers", "sig2");
    check(
        post().replace(";keyid=", r#";alg="rsa-pss-sha512";keyid="#),
        "",
        "algorithm",
        r#"only "ed25519" is supported"#,
    );
    check(post(), "--at 2025-05-20T13:06:00Z", "created", "apart from its age nothing is wrong with it");
    check(post(), "--max-age 11", "created", "at most 11 s are accepted");
    check(post(), "--at 1747745900", "created", "1 min 28 s after that");
    check(post(), "--at 1747745985 --max-skew 2", "created", "at most 2 s are tolerated");
    check(
        signed(None, SignOptions { expires: Some(NOW - 1), ..SignOptions::new(NOW - 12) }),
        "",
        "expires",
        "expired at",
    );
    check(post(), "--require-nonce", "nonce", "no nonce parameter");
    let late_token =
        signed(None, SignOptions::new(NOW - 12)).replace("content-type:", "authorization: GNAP a\r\ncontent-type:");
    check(late_token, "", "coverage", r#"does not cover "authorization", although the request has that header"#);
    check(Pasted::get().replace("\r\n\r\n", "\r\n\r\nbody"), "", "coverage", "although the request has a body");
    check(post().without_line("content-type:"), "", "components", "content-type");
    check(post().replace("\"ilp\"", "\"ILP\""), "", "digest", "serialise the body once");
    check(
        post().replace("POST /op/quotes", "POST /op/quotes/"),
        "",
        "signature",
        "signed the target URI https://wallet.example/op/quotes, but",
    );
    check(post().replace("POST", "post"), "", "signature", "signed the method POST, but the request has post");
    check(
        post(),
        "--url http://wallet.example/op/quotes",
        "signature",
        "signed the target URI https://wallet.example/op/quotes",
    );
}

#[test]
fn another_key_is_recognised_in_the_set() {
    let own = private().public_jwk("mine").unwrap();
    let other = PrivateKey::from_seed([8; 32]).public_jwk("key-1").unwrap();
    let set = |keys: serde_json::Value| serde_json::json!({ "keys": keys }).to_string();
    let report = Pasted::post().report(&format!("--key {}", set(serde_json::json!([other, own]))));
    assert_eq!(report.verdict(), Verdict::Refused);
    assert!(report.text().contains("is published as \"mine\": sign with keyid=\"mine\""), "{}", report.text());

    let report = Pasted::post().report(&format!("--key {}", set(serde_json::json!([own]))));
    assert_eq!(report.verdict(), Verdict::NotVerified);
    assert!(report.text().contains("has no key named \"key-1\", but \"mine\""), "{}", report.text());
    assert!(report.text().contains("sign with keyid=\"mine\""), "{}", report.text());
    assert_eq!(Pasted::post().report(&format!("--key {}", set(serde_json::json!([])))).verdict(), Verdict::NotVerified);
}

#[test]
fn without_a_key_the_rest_is_judged() {
    let report = Pasted::post().report("");
    assert_eq!(report.verdict(), Verdict::NotVerified);
    assert!(report.text().contains("give one with --key"), "{}", report.text());
    assert_eq!(Pasted::post().replace("\"ilp\"", "\"ILP\"").report("").verdict(), Verdict::Refused);

    // A grant request names its client, by wallet address or by the key itself.
    let asked = |client: &str| {
        let body = format!(r#"{{"client":{client}}}"#);
        Pasted::signed("POST", "https://auth.example/", None, &body, &SignOptions::new(NOW)).report("")
    };
    for client in [r#""https://wallet.example/app""#, r#"{"walletAddress":"https://wallet.example/app"}"#] {
        let report = asked(client);
        assert!(report.text().contains("try --key-from https://wallet.example/app"), "{}", report.text());
    }
    let jwk = serde_json::to_string(&private().public_jwk("key-1").unwrap()).unwrap();
    let report = asked(&format!(r#"{{"jwk":{jwk}}}"#));
    assert_eq!(report.verdict(), Verdict::Accepted, "{}", report.text());
    assert!(report.key_told.contains("client.jwk"));
}

#[test]
fn requests_are_read_as_they_are_pasted() {
    fn check(pasted: &str, words: &str, note: &str) {
        let report = judge(pasted.as_bytes(), &format!("--key {} {words}", x())).unwrap();
        assert_eq!(report.verdict(), Verdict::Accepted, "{pasted}\n{}", report.text());
        match note {
            "" => assert_eq!(report.notes, Vec::<String>::new(), "{pasted}"),
            note => assert!(report.notes.iter().any(|told| told.contains(note)), "{note}: {:?}", report.notes),
        }
    }
    let (post, get) = (Pasted::post().0, Pasted::get().0);
    check(&post.replace('\r', ""), "", "");
    check(&format!("\u{feff}\r\n\r\n{post}"), "", "");
    check(&format!("{post}\n"), "", "the line end after the body");
    check(&format!("{post}\r\n"), "", "the line end after the body");
    check(&format!("{post} and more"), "", "a server reads the first 75 only");
    check(&get.replace("\r\n\r\n", "\r\n"), "", "");
    check(&format!("{get}\n\n"), "", "");
    check(&post.replace(" HTTP/1.1", ""), "", "");
    check(
        &post.replace("POST /op", "POST https://wallet.example/op").replace("Host: wallet.example", "Host: proxy"),
        "",
        "",
    );
    check(&post.replace("Host: wallet.example", "Host: proxy"), "--url https://wallet.example/op/quotes", "");
    check(&post.replace("Host: wallet.example", "Host: proxy"), "--url https://wallet.example", "");
    check(&post.replace("/op/quotes HTTP", "/internal HTTP"), "--url https://wallet.example/op/quotes", "--url counts");
    let folded = post.replace("application/json", "\r\n application/json");
    check(&folded, "", "begins with white space");
    let two = post.replace(
        "POST /op/quotes HTTP/1.1\r\nHost: wallet.example",
        ":path: /op/quotes\r\n:method: POST\r\n:scheme: https\r\n:authority: wallet.example",
    );
    check(&two, "", "");
    let curl: String = get.lines().map(|line| format!("> {line}\r\n")).collect();
    let curl = format!(
        "* Trying 127.0.0.1:4000...\n* Connected\n{curl}>\n< HTTP/1.1 401 Unauthorized\n< Content-Length: 0\n<\n"
    );
    check(&curl, "", "");
    check(&format!("{curl}{curl}"), "", "several requests");
}

#[test]
fn a_body_may_come_from_a_file() {
    let head: String =
        Pasted::post().0.lines().take_while(|line| !line.is_empty()).map(|line| format!("> {line}\n")).collect();
    let lost = judge(head.as_bytes(), &format!("--key {}", x())).unwrap();
    assert_eq!(lost.verdict(), Verdict::Refused);
    assert!(lost.text().contains("a server would wait for the rest"), "{}", lost.text());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), BODY).unwrap();
    let report = judge(head.as_bytes(), &format!("--key {} --body {}", x(), file.path().display())).unwrap();
    assert_eq!((report.verdict(), report.notes.len()), (Verdict::Accepted, 0), "{}", report.text());
}

#[test]
fn lengths_that_do_not_fit_are_told() {
    fn check(length: &str, body: &str, expected: &str) {
        let text = format!("POST / HTTP/1.1\nHost: a.example\nContent-Length: {length}\n\n{body}");
        let report = judge(text.as_bytes(), "").unwrap();
        assert!(report.notes.iter().any(|note| note.contains(expected)), "{expected}: {:?}", report.notes);
    }
    check("2", "abcd", "a server reads the first 2 only");
    check("5", "abcd", "the body has 4 bytes, but Content-Length says 5");
    check("3", "für", "counts characters where it has to count bytes");
    check("many", "abcd", "Content-Length is not a number");
    let chunked = b"POST / HTTP/1.1\nHost: a.example\nTransfer-Encoding: chunked\n\n0\n\n";
    assert!(judge(chunked, "").unwrap().notes[0].contains("without decoding"));
}

/// An editor ends the file with a line end, and nothing tells the length but the digest.
#[test]
fn without_a_length_the_digest_decides() {
    let signed = Pasted::post();
    let input = signed.0.lines().find(|line| line.starts_with("signature-input")).unwrap().to_owned();
    let without =
        Pasted(signed.0.replace(&input, &input.replace(r#" "content-length""#, ""))).without_line("content-length");
    let report = Pasted(format!("{}\n", without.0)).judged();
    let digest = report.explanation.steps.iter().find(|step| step.rule == Rule::Digest).unwrap();
    assert_eq!((digest.outcome, report.body_bytes), (Outcome::Passed, BODY.len()), "{}", report.text());
}

#[test]
fn what_cannot_be_read_is_told_with_its_line() {
    fn check(pasted: &[u8], expected: &str) {
        let failure = judge(pasted, "").unwrap_err();
        assert!(failure.message().contains(expected), "{failure:?}");
        assert_eq!(failure.tell(), std::process::ExitCode::from(2));
    }
    check(b"", "there is no request here");
    check(b"\r\n \n", "there is no request here");
    check(b"HTTP/1.1 401 Unauthorized\n\n", "this is an answer");
    check(b"curl -X POST https://wallet.example/", "this is a command");
    check(b"{\"error\":{}}", "the first line is \"{\\\"error\\\":{}}\"");
    check(b"\xff\xfe\x00", "the first line is");
    check(b"GET / HTTP/1.1\nHost: a.example\nnonsense\n", "line 3 is no header");
    check(b"GET / HTTP/1.1\nHost: a.example\nno name: x\n", "line 3: \"no name\" cannot be the name");
    check(b"GET / HTTP/1.1\nHost: a.example\nx: a\x00b\n", "line 3: the value of x has bytes");
    check(b":method: GET\n:path: /\n:shape: round\n", "line 3: HTTP/2 knows no :shape");
    check(b":method: GET\n:authority: a.example\n", "no :method or no :path");
    check(b"GET / HTTP/1.1\n\n", "no Host header");
    check(b"GET / HTTP/1.1\nHost: a\nHost: b\n\n", "more than one Host header");
    check(b"OPTIONS * HTTP/1.1\nHost: a\n\n", "\"*\" is neither a path nor a URL");
    check(&[b"GET / HTTP/1.1\n".as_slice(), "x: y\n".repeat(1000).as_bytes()].concat(), "more than 1000 lines");
    let failure = judge(b"GET / HTTP/1.1\n\n", "--url wallet.example").unwrap_err();
    assert!(failure.message().contains("--url is a whole URL"), "{failure:?}");
}

#[test]
fn tokens_are_not_told_unless_asked_for() {
    let cookie = Pasted::post().replace("content-type:", "cookie: session=s3cret\r\ncontent-type:");
    for request in [Pasted::post(), Pasted::get(), cookie, Pasted::post().replace("POST", "PUT")] {
        let report = request.judged();
        let shown = format!("{}{}", report.text(), report.json());
        assert!(!shown.contains(TOKEN) && !shown.contains("s3cret"), "{shown}");
        assert!(shown.contains("GNAP (40 bytes, not shown here)"));
        let report = request.report(&format!("--show-secrets --key {}", x()));
        assert!(report.text().contains(&format!("\"authorization\": GNAP {TOKEN}")), "{}", report.text());
        assert!(report.json()["signatureBase"].as_str().unwrap().contains(TOKEN));
    }
}

#[test]
fn the_time_to_judge_by_can_be_chosen() {
    assert_eq!(read_at("created"), Ok(At::Created));
    assert_eq!(read_at("1747746000"), Ok(At::Second(NOW)));
    assert_eq!(read_at("2025-05-20T13:00:00Z"), Ok(At::Second(NOW)));
    assert_eq!(read_at("2025-05-20T15:00:00.5+02:00"), Ok(At::Second(NOW)));
    for text in ["", "yesterday", "2025-05-20", "99999999999999999"] {
        assert!(read_at(text).is_err(), "{text}");
    }
    let report = Pasted::post().report(&format!("--at created --key {}", x()));
    assert_eq!((report.verdict(), report.at), (Verdict::Accepted, NOW - 12));
    assert!(report.text().contains("made at that very second"), "{}", report.text());
}

#[test]
fn programs_get_the_same_report() {
    let json = Pasted::post().judged().json();
    assert_eq!(json["verdict"], "accepted");
    assert_eq!((&json["label"], &json["keyId"], &json["ageSeconds"]), (&"sig1".into(), &"key-1".into(), &12.into()));
    assert_eq!(json["targetUri"], "https://wallet.example/op/quotes");
    assert_eq!(json["steps"].as_array().unwrap().len(), 9);
    assert_eq!((&json["steps"][0]["outcome"], &json["key"]), (&"passed".into(), &x().into()));
    assert_eq!(Pasted::post().report("").json()["verdict"], "not_verified");
}

#[test]
fn bytes_of_any_kind_are_read_without_panic() {
    use proptest::prelude::*;
    proptest!(|(noise in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..400, cut in 0_usize..400)| {
        let _ = judge(&noise, "");
        let mut text = Pasted::post().0.into_bytes();
        let at = at.min(text.len());
        text.splice(at..(at + cut).min(text.len()), noise);
        let _ = judge(&text, "");
    });
}
