//! The examples printed in RFC 9421. (Those of RFC 9530, RFC 8037 and RFC 9421 §2.2.8 are unit tests.)

use bursar_httpsig::{PrivateKey, Request, parse, verify_content_digest};
use http::HeaderMap;

use crate::support::Sent;

/// `test-key-ed25519` of Appendix B.1.4.
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n";
const DIGEST: &str =
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";

/// The request of Appendix B.2.
fn test_request() -> Sent {
    Sent::new("POST", "https://example.com/foo?param=Value&Pet=dog", Some(b"{\"hello\": \"world\"}"))
        .with("host", "example.com")
        .with("date", "Tue, 20 Apr 2021 02:07:55 GMT")
        .with("content-type", "application/json")
        .with("content-digest", DIGEST)
        .with("content-length", "18")
}

fn base(sent: &mut Sent, input: &str) -> String {
    sent.sign_as(input);
    parse(&sent.headers).unwrap()[0].signature_base(&sent.request()).unwrap()
}

#[test]
fn appendix_b_2_6_ed25519() {
    let mut sent = test_request();
    let input = r#"sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519""#;
    sent.set("signature-input", input);
    sent.set(
        "signature",
        "sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
    );
    let parsed = parse(&sent.headers).unwrap().remove(0);
    assert_eq!((parsed.label(), parsed.key_id()), ("sig-b26", "test-key-ed25519"));
    assert_eq!((parsed.created(), parsed.expires(), parsed.nonce()), (Some(1_618_884_473), None, None));
    let base = parsed.signature_base(&sent.request()).unwrap();
    assert_eq!(
        base,
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\
         \"@method\": POST\n\
         \"@path\": /foo\n\
         \"@authority\": example.com\n\
         \"content-type\": application/json\n\
         \"content-length\": 18\n\
         \"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
         ;created=1618884473;keyid=\"test-key-ed25519\""
    );
    let key = PrivateKey::from_pem(KEY).unwrap();
    let signature = key.sign(base.as_bytes());
    assert_eq!(signature.as_slice(), sent.signature_bytes(), "Ed25519 is deterministic");
    assert!(key.public_key().verify(base.as_bytes(), &signature));
    assert_eq!(verify_content_digest(sent.headers.get_all("content-digest"), sent.request().body_bytes()), Ok(()));
}

#[test]
fn section_2_5_signature_base() {
    let mut sent = test_request();
    let input = r#"sig1=("@method" "@authority" "@path" "content-digest" "content-length" "content-type");created=1618884473;keyid="test-key-rsa-pss""#;
    assert_eq!(
        base(&mut sent, input),
        format!(
            "\"@method\": POST\n\"@authority\": example.com\n\"@path\": /foo\n\"content-digest\": {DIGEST}\n\
             \"content-length\": 18\n\"content-type\": application/json\n\"@signature-params\": {}",
            &input["sig1=".len()..]
        )
    );
}

/// Only the last line, as in Appendix B.2.1; the parameters keep their order.
#[test]
fn appendix_b_2_1_nothing_covered() {
    let input = r#"sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd""#;
    assert_eq!(base(&mut test_request(), input), format!("\"@signature-params\": {}", &input["sig-b21=".len()..]));
}

/// Sections 2.1 and 2.2: one component, its line.
#[test]
fn component_values() {
    let mut fields = Sent::new("POST", "https://www.example.com/path?param=value", None)
        .with("host", "www.example.com")
        .with("date", "Tue, 20 Apr 2021 02:07:56 GMT")
        .with("x-ows-header", "  Leading and trailing whitespace.\t")
        .with("cache-control", "max-age=60")
        .with("example-dict", " a=1,    b=2;x=1;y=2,   c=(a   b   c), d")
        .with("x-empty-header", "")
        .with("one-line", "value, with, lots, of, commas")
        .with("example-header", "value, with, lots");
    fields.append("cache-control", "   must-revalidate");
    fields.append("example-header", "of, commas");

    let check = |component: &str, expected: &str| {
        let mut sent = fields.clone();
        let base = base(&mut sent, &format!("sig1=({component});keyid=\"k\""));
        assert_eq!(
            base,
            format!("{component}: {expected}\n\"@signature-params\": ({component});keyid=\"k\""),
            "{component}"
        );
    };
    check(r#""host""#, "www.example.com");
    check(r#""date""#, "Tue, 20 Apr 2021 02:07:56 GMT");
    check(r#""x-ows-header""#, "Leading and trailing whitespace.");
    check(r#""cache-control""#, "max-age=60, must-revalidate");
    check(r#""example-dict""#, "a=1,    b=2;x=1;y=2,   c=(a   b   c), d");
    check(r#""x-empty-header""#, "");
    check(r#""example-dict";key="a""#, "1");
    check(r#""example-dict";key="b""#, "2;x=1;y=2");
    check(r#""example-dict";key="c""#, "(a b c)");
    check(r#""example-dict";key="d""#, "?1");
    check(r#""example-header""#, "value, with, lots, of, commas");
    check(r#""example-header";bs"#, ":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:");
    check(r#""one-line";bs"#, ":dmFsdWUsIHdpdGgsIGxvdHMsIG9mLCBjb21tYXM=:");
    check(r#""x-ows-header";bs"#, ":TGVhZGluZyBhbmQgdHJhaWxpbmcgd2hpdGVzcGFjZS4=:");
    check(r#""@method""#, "POST");
    check(r#""@target-uri""#, "https://www.example.com/path?param=value");
    check(r#""@authority""#, "www.example.com");
    check(r#""@scheme""#, "https");
    check(r#""@request-target""#, "/path?param=value");
    check(r#""@path""#, "/path");
    check(r#""@query""#, "?param=value");
    check(r#""@query-param";name="param""#, "value");
}

#[test]
fn component_values_of_other_targets() {
    fn check(url: &str, component: &str, expected: &str) {
        let mut sent = Sent::new("GET", url, None);
        let base = base(&mut sent, &format!("sig1=({component});keyid=\"k\""));
        assert_eq!(base.lines().next(), Some(format!("{component}: {expected}").as_str()), "{url}");
    }
    check("https://www.example.com/path?queryString", r#""@query""#, "?queryString");
    check("https://www.example.com/path", r#""@query""#, "?");
    check("https://www.example.com/path?", r#""@query""#, "?");
    check("https://www.example.com", r#""@path""#, "/");
    check("https://www.example.com", r#""@request-target""#, "/");
    check("https://www.example.com?a=b", r#""@request-target""#, "/?a=b");
    check("https://www.example.com", r#""@target-uri""#, "https://www.example.com");
    check("https://WWW.Example.COM:443/A%2fb", r#""@authority""#, "www.example.com");
    check("https://WWW.Example.COM:443/A%2fb", r#""@path""#, "/A%2fb");
    check("https://WWW.Example.COM:443/A%2fb", r#""@target-uri""#, "https://WWW.Example.COM:443/A%2fb");
    check("HTTP://localhost:3000/", r#""@scheme""#, "http");
    check("HTTP://localhost:3000/", r#""@authority""#, "localhost:3000");
}

/// §2.5: the last line is serialised strictly, whatever spaces the client wrote.
#[test]
fn parameters_are_serialised_strictly() {
    fn check(input: &str, expected: &str) {
        let mut sent = Sent::new("GET", "https://example.com/", None);
        let base = base(&mut sent, input);
        assert_eq!(base.lines().next_back(), Some(format!("\"@signature-params\": {expected}").as_str()), "{input}");
    }
    check(
        r#"  sig1=(  "@method"   "@target-uri" );   created=00017;  keyid="k\"\\"  "#.trim_start(),
        r#"("@method" "@target-uri");created=17;keyid="k\"\\""#,
    );
    check(
        r#"sig1=("@method");x=?1;y=1.50;z=tok;keyid="k";b=:AAA=:"#,
        r#"("@method");x;y=1.5;z=tok;keyid="k";b=:AAA=:"#,
    );
    check(r#"sig1=("@method");keyid="a";created=1;keyid="b""#, r#"("@method");keyid="b";created=1"#);
}

/// §4.3: a proxy signs the client's signature too.
#[test]
fn a_signature_can_be_covered() {
    let mut sent = test_request().with("signature", "sig1=:AQID:").with("signature-input", "sig1=()");
    sent.append("signature-input", r#"proxy=("signature";key="sig1");keyid="k""#);
    sent.append("signature", &format!("proxy=:{}==:", "A".repeat(86)));
    let parsed = parse(&sent.headers).unwrap();
    assert_eq!(parsed.len(), 1, "the other one is no Ed25519 signature");
    let base = parsed[0].signature_base(&sent.request()).unwrap();
    assert_eq!(base.lines().next(), Some(r#""signature";key="sig1": :AQID:"#));
}

#[test]
fn no_headers_no_signature() {
    let headers = HeaderMap::new();
    let request = Request { method: "GET", target_uri: "https://example.com/", headers: &headers, body: None };
    assert!(parse(request.headers).is_err());
}
