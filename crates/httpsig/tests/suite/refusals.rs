//! Wrong signatures: one change each, and the exact refusal.

use bursar_httpsig::{
    ComponentError, DigestError, Failure, MAX_COMPONENTS, MAX_HEADER_BYTES, MAX_SIGNATURES, Malformed, Policy,
    PrivateKey, RequestError, SIGNATURE, SIGNATURE_INPUT, SignOptions,
};

use crate::support::{KEY_ID, NOW, Refusal, Sent, TOKEN, key};

/// Applies one change to a good POST and checks the refusal.
fn check(name: &str, change: impl FnOnce(&mut Sent), expected: impl Into<Refusal>) {
    let mut sent = Sent::post();
    assert_eq!(sent.verify().map(|verified| verified.key_id), Ok(KEY_ID.to_owned()), "{name}");
    change(&mut sent);
    assert_eq!(sent.verify(), Err(expected.into()), "{name}");
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

fn does_not_verify() -> Failure {
    Failure::Signature { label: "sig1".to_owned(), key_id: KEY_ID.to_owned() }
}

const COVERED: &str = r#""@method" "@target-uri" "authorization" "content-digest""#;
const PARAMS: &str = r#"keyid="key-1";created=1700000000"#;

#[test]
fn changed_requests() {
    check("method", |sent| sent.method = "PUT".to_owned(), does_not_verify());
    check("method's case", |sent| sent.method = "post".to_owned(), does_not_verify());
    check("scheme", |sent| sent.url = sent.url.replace("https", "http"), does_not_verify());
    check("host", |sent| sent.url = sent.url.replace("bank", "bonk"), does_not_verify());
    check("port", |sent| sent.url = sent.url.replace(".example", ".example:443"), does_not_verify());
    check("path", |sent| sent.url.push('/'), does_not_verify());
    check("query", |sent| sent.url.push_str("?a"), does_not_verify());
    check("token", |sent| sent.replace("authorization", "OS9", "OS8"), does_not_verify());
    check("second token", |sent| sent.append("authorization", "GNAP x"), does_not_verify());
    check("content type", |sent| sent.set("content-type", "text/plain"), does_not_verify());
    check("content length", |sent| sent.set("content-length", "17"), does_not_verify());
    check("key", |sent| sent.key = PrivateKey::from_seed([8; 32]).public_key(), does_not_verify());
    let digest = |body: &[u8]| bursar_httpsig::content_digest_sha512(body)[9..97].to_owned();
    let mismatch = |body: &[u8]| {
        Failure::Digest(DigestError::Mismatch {
            algorithm: bursar_httpsig::digest::Algorithm::Sha512,
            body_bytes: body.len(),
            computed: digest(body),
            claimed: digest(br#"{"method":"ilp"}"#),
        })
    };
    let body: &[u8] = br#"{"method":"ilp" }"#;
    check("body", |sent| sent.body = Some(body.to_vec()), mismatch(body));
    check("no body", |sent| sent.body = None, mismatch(b""));
    check("empty body", |sent| sent.body = Some(Vec::new()), mismatch(b""));
    let forge = |sent: &mut Sent| {
        sent.body = Some(body.to_vec());
        sent.set("content-digest", &bursar_httpsig::content_digest_sha512(body));
    };
    check("body and digest", forge, does_not_verify());
    let absent = |component: &str| {
        let component = format!("\"{component}\"");
        Failure::Component(ComponentError::Absent { component, kind: "header" })
    };
    for name in ["authorization", "content-digest", "content-length", "content-type"] {
        check(name, |sent| drop(sent.headers.remove(name)), absent(name));
    }
    let raw = http::HeaderValue::from_bytes(b"application/\xffjson").unwrap();
    let unusable = ComponentError::Unusable {
        component: "\"content-type\"".to_owned(),
        reason: "its value has bytes outside printable ASCII",
    };
    check("bytes", |sent| drop(sent.headers.insert("content-type", raw)), Failure::Component(unusable));
    let request = |error| Failure::Component(ComponentError::Request(error));
    check("no URL", |sent| sent.url = "/op/quotes".to_owned(), request(RequestError::NotAbsolute));
    check("fragment", |sent| sent.url.push_str("#a"), request(RequestError::Fragment));
    let injected = "POST\n\"x\": y";
    let method = request(RequestError::Method(injected.to_owned()));
    check("injection", |sent| sent.method = injected.to_owned(), method);
}

#[test]
fn changed_signatures() {
    for byte in 0..64 {
        let flip = |sent: &mut Sent| {
            let mut signature = sent.signature_bytes();
            signature[byte] ^= 1;
            sent.set_signature("sig1", &signature);
        };
        check(&format!("byte {byte}"), flip, does_not_verify());
    }
    check("zeros", |sent| sent.set_signature("sig1", &[0; 64]), does_not_verify());
    // R the neutral element and S zero: satisfies the equation for keys of small order.
    let mut small = [0; 64];
    small[0] = 1;
    check("small order", |sent| sent.set_signature("sig1", &small), does_not_verify());
    check("S plus the group order", add_group_order, does_not_verify());
    check("created", |sent| sent.replace("signature-input", "1700000000", "1700000001"), does_not_verify());
    let other_key = Failure::Signature { label: "sig1".to_owned(), key_id: "key-2".to_owned() };
    check("keyid", |sent| sent.replace("signature-input", KEY_ID, "key-2"), other_key);
    check("added nonce", |sent| sent.replace("signature-input", ";created", ";nonce=\"a\";created"), does_not_verify());
    check("added tag", |sent| sent.replace("signature-input", ";created", ";tag=\"a\";created"), does_not_verify());
    let swap =
        |sent: &mut Sent| sent.replace("signature-input", "\"@method\" \"@target-uri\"", "\"@target-uri\" \"@method\"");
    check("order", swap, does_not_verify());
    check("fewer", |sent| sent.replace("signature-input", " \"content-type\"", ""), does_not_verify());
}

/// Signatures with S beyond the group order verify under careless rules; then one signature has two forms.
fn add_group_order(sent: &mut Sent) {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut signature = sent.signature_bytes();
    let mut carry = 0;
    for (byte, order) in signature[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
    sent.set_signature("sig1", &signature);
}

#[test]
fn missing_coverage() {
    fn not_covered(components: &str, missing: &[&'static str]) {
        let sign = |sent: &mut Sent| sent.sign_as(&format!("sig1=({components});{PARAMS}"));
        check(components, sign, Failure::NotCovered(missing.to_vec()));
    }
    not_covered(r#""@target-uri" "authorization" "content-digest""#, &["@method"]);
    not_covered(r#""@method" "authorization" "content-digest""#, &["@target-uri"]);
    not_covered(r#""@method" "@target-uri" "content-digest""#, &["authorization"]);
    not_covered(r#""@method" "@target-uri" "authorization""#, &["content-digest"]);
    not_covered("", &["@method", "@target-uri", "authorization", "content-digest"]);
    not_covered(r#""@method" "@authority" "@path" "@query" "authorization" "content-digest""#, &["@target-uri"]);
    not_covered(r#""@method" "@target-uri" "authorization" "content-digest";key="sha-512""#, &["content-digest"]);
    not_covered(r#""@method" "@target-uri" "authorization";bs "content-digest""#, &["authorization"]);
    not_covered(r#""@method";req "@target-uri" "authorization" "content-digest""#, &["@method"]);
}

/// The least that is accepted, and more than clients send.
#[test]
fn sufficient_coverage() {
    for components in
        [COVERED.to_owned(), format!(r#"{COVERED} "@authority" "content-type";bs "content-digest";key="sha-512""#)]
    {
        let mut sent = Sent::post();
        sent.sign_as(&format!("sig1=({components});{PARAMS}"));
        assert!(sent.verify().is_ok(), "{components}: {:?}", sent.verify());
    }
    let mut bare = Sent::new("GET", "https://bank.example/", None).with("content-digest", "not covered, no body");
    bare.sign_as(&format!(r#"x=("@method" "@target-uri");{PARAMS}"#));
    assert!(bare.verify().is_ok());
}

#[test]
fn components_that_have_no_value() {
    fn check_component(component: &str, expected: ComponentError) {
        let sign = |sent: &mut Sent| {
            sent.url.push_str("?a=1&a=2&b=3");
            sent.set("x-list", "(1 2");
            sent.sign_as(&format!("sig1=({COVERED} {component});{PARAMS}"));
        };
        check(component, sign, Failure::Component(expected));
    }
    let unsupported = |component: &str, reason: &'static str| {
        check_component(component, ComponentError::Unsupported { component: component.to_owned(), reason });
    };
    let absent = |component: &str, kind: &'static str| {
        check_component(component, ComponentError::Absent { component: component.to_owned(), kind });
    };
    let unusable = |component: &str, reason: &'static str| {
        check_component(component, ComponentError::Unusable { component: component.to_owned(), reason });
    };
    unsupported(r#""@status""#, "is for responses only");
    unsupported(r#""@signature-params""#, "is always the last line of the signature base and must not be listed");
    unsupported(r#""@request-response""#, "is not a derived component of RFC 9421");
    unsupported(r#""@Method""#, "is not a derived component of RFC 9421");
    unsupported(r#""@""#, "is not a derived component of RFC 9421");
    unsupported(r#""""#, "is not a header field name in lower case");
    unsupported(r#""Content-Type""#, "is not a header field name in lower case");
    unsupported(r#""content type""#, "is not a header field name in lower case");
    unsupported(r#""@method";req"#, "has the parameter req, which is for responses only");
    unsupported(r#""@method";x"#, "has a parameter that RFC 9421 does not define");
    unsupported(r#""content-type";req"#, "has the parameter req, which is for responses only");
    unsupported(r#""content-type";tr"#, "has the parameter tr, but trailers are not read");
    unsupported(
        r#""content-type";sf"#,
        "has the parameter sf, which is not supported; cover the field as it is, or with key or bs",
    );
    let combination = "has a combination of parameters, or a parameter value, that is not supported";
    unsupported(r#""content-digest";key="a";bs"#, combination);
    unsupported(r#""content-digest";key=a"#, combination);
    unsupported(r#""content-digest";bs=?0"#, combination);
    let needs_name = "needs one parameter, name, with the name of the query parameter";
    unsupported(r#""@query-param""#, needs_name);
    unsupported(r#""@query-param";name=a"#, needs_name);
    unsupported(r#""@query-param";name="a";req"#, "has the parameter req, which is for responses only");
    absent(r#""@query-param";name="c""#, "query parameter");
    unusable(r#""@query-param";name="a""#, "that parameter occurs more than once in the query");
    absent(r#""x-none""#, "header");
    absent(r#""x-none";bs"#, "header");
    absent(r#""x-none";key="a""#, "header");
    absent(r#""content-digest";key="sha-256""#, "dictionary member");
    unusable(r#""x-list";key="a""#, "that header is not a structured dictionary");
}

#[test]
fn time() {
    fn check_time(params: &str, now: i64, expected: Option<Failure>) {
        let mut sent = Sent::post();
        sent.sign_as(&format!("sig1=({COVERED});keyid=\"key-1\"{params}"));
        sent.now = now;
        assert_eq!(sent.verify().err(), expected.map(Refusal::Failure), "{params} at {now}");
    }
    let created = format!(";created={NOW}");
    let future = |created: i64, now: i64| Some(Failure::CreatedInFuture { created, now, max_skew_seconds: 60 });
    let too_old = |created: i64, now: i64| Some(Failure::TooOld { created, now, max_age_seconds: 300 });
    check_time(&created, NOW, None);
    check_time(&created, NOW - 60, None);
    check_time(&created, NOW - 61, future(NOW, NOW - 61));
    check_time(&created, NOW + 300, None);
    check_time(&created, NOW + 301, too_old(NOW, NOW + 301));
    check_time(&created, i64::MIN, future(NOW, i64::MIN));
    check_time(&created, i64::MAX, too_old(NOW, i64::MAX));
    check_time("", NOW, Some(Failure::MissingCreated));
    check_time(&format!(";created={NOW}000"), NOW, future(NOW * 1000, NOW));
    check_time(";created=-5", NOW, too_old(-5, NOW));
    let expires = |at: i64| format!(";created={NOW};expires={at}");
    check_time(&expires(NOW + 10), NOW + 10, None);
    check_time(&expires(NOW + 10), NOW + 11, Some(Failure::Expired { expires: NOW + 10, now: NOW + 11 }));
    check_time(&expires(0), NOW, Some(Failure::Expired { expires: 0, now: NOW }));
    check_time(&expires(NOW + 9999), NOW + 301, too_old(NOW, NOW + 301));
}

#[test]
fn policy() {
    let strict = Policy { require_nonce: true, ..Policy::default() };
    check("nonce", |sent| sent.policy = strict, Failure::MissingNonce);
    let mut sent = Sent::post().signed(&SignOptions { nonce: Some("n-1"), ..SignOptions::new(NOW) });
    sent.policy = strict;
    assert_eq!(sent.verify().unwrap().nonce.as_deref(), Some("n-1"));
    sent.policy = Policy { max_age_seconds: 0, max_skew_seconds: 0, require_nonce: false };
    assert!(sent.verify().is_ok());
    sent.now = NOW + 1;
    let too_old = Failure::TooOld { created: NOW, now: NOW + 1, max_age_seconds: 0 };
    assert_eq!(sent.verify(), Err(Refusal::Failure(too_old)));
}

#[test]
fn algorithms() {
    for (alg, good) in [("ed25519", true), ("EdDSA", false), ("Ed25519", false), ("hmac-sha256", false), ("", false)] {
        let mut sent = Sent::post();
        sent.sign_as(&format!("sig1=({COVERED});{PARAMS};alg=\"{alg}\""));
        let expected = if good { None } else { Some(Refusal::Failure(Failure::Algorithm(alg.to_owned()))) };
        assert_eq!(sent.verify().err(), expected, "{alg}");
    }
}

#[test]
fn headers_that_cannot_be_read() {
    use Malformed::*;
    let label = || "sig1".to_owned();
    let input = |sent: &mut Sent, text: &str| sent.set("signature-input", text);
    let neither = |sent: &mut Sent| *sent = sent.clone().unsigned();
    check("neither", neither, NotSigned);
    check("no input", |sent| drop(sent.headers.remove(SIGNATURE_INPUT)), MissingHeader(SIGNATURE_INPUT));
    check("no signature", |sent| drop(sent.headers.remove(SIGNATURE)), MissingHeader(SIGNATURE));
    let no_label =
        |inputs: &str, signatures: &str| NoCommonLabel { inputs: inputs.to_owned(), signatures: signatures.to_owned() };
    check("label", |sent| sent.replace("signature", "sig1", "sig2"), no_label("sig1", "sig2"));
    check("empty", |sent| sent.set("signature", ""), no_label("sig1", "none"));
    check("not a list", |sent| input(sent, "sig1=\"@method\""), NotAList(label()));
    check("bare label", |sent| input(sent, "sig1;keyid=\"a\""), NotAList(label()));
    check("token", |sent| sent.set("signature", "sig1=abc"), NotBytes(label()));
    check("list", |sent| sent.set("signature", "sig1=(:AAAA:)"), NotBytes(label()));
    check("short", |sent| sent.set_signature("sig1", &[1; 63]), SignatureLength { label: label(), actual: 63 });
    check("long", |sent| sent.set_signature("sig1", &[1; 65]), SignatureLength { label: label(), actual: 65 });
    check("no key", |sent| input(sent, &format!("sig1=({COVERED});created=1")), MissingKeyId(label()));
    let wrong = |parameter, expected| ParameterType { label: label(), parameter, expected };
    let (string, integer) = ("a string in double quotes", "an integer (Unix seconds, without quotes)");
    check("keyid", |sent| input(sent, "sig1=();keyid=abc"), wrong("keyid", string));
    check("created", |sent| input(sent, "sig1=();keyid=\"a\";created=\"1\""), wrong("created", integer));
    check("decimal", |sent| input(sent, "sig1=();keyid=\"a\";created=1.0"), wrong("created", integer));
    check("expires", |sent| input(sent, "sig1=();keyid=\"a\";expires"), wrong("expires", integer));
    check("nonce", |sent| input(sent, "sig1=();keyid=\"a\";nonce=1"), wrong("nonce", string));
    check("alg", |sent| input(sent, "sig1=();keyid=\"a\";alg=ed25519"), wrong("alg", string));
    check("tag", |sent| input(sent, "sig1=();keyid=\"a\";tag=x"), wrong("tag", string));
    let length = |parameter, actual| ParameterLength { label: label(), parameter, actual, max: 256 };
    check("empty keyid", |sent| input(sent, "sig1=();keyid=\"\""), length("keyid", 0));
    let long = format!("sig1=();keyid=\"{}\"", "k".repeat(257));
    check("long keyid", |sent| input(sent, &long), length("keyid", 257));
    let long = format!("sig1=();keyid=\"k\";nonce=\"{}\"", "n".repeat(257));
    check("long nonce", |sent| input(sent, &long), length("nonce", 257));
    check("component", |sent| input(sent, "sig1=(method);keyid=\"a\""), ComponentNotAString(label()));
    let duplicate = |component: &str| DuplicateComponent { label: label(), component: component.to_owned() };
    let twice = |sent: &mut Sent| sent.replace("signature-input", "\"@method\"", "\"@method\" \"@method\"");
    check("duplicate", twice, duplicate("\"@method\""));
    let twice = "sig1=(\"x\";req;key=\"a\" \"y\" \"x\";key=\"a\";req);keyid=\"a\"";
    check("duplicate in other order", |sent| input(sent, twice), duplicate("\"x\";key=\"a\";req"));
    let many: String = (0..=MAX_COMPONENTS).map(|index| format!("\"x-{index}\" ")).collect();
    let too_many = TooManyComponents { label: label(), actual: MAX_COMPONENTS + 1 };
    check("components", |sent| input(sent, &format!("sig1=({many});keyid=\"a\"")), too_many);
    let many: Vec<_> = (0..=MAX_SIGNATURES).map(|index| format!("s{index}=()")).collect();
    check("signatures", |sent| input(sent, &many.join(", ")), TooManySignatures(MAX_SIGNATURES + 1));
    let long = "x".repeat(MAX_HEADER_BYTES + 1);
    let too_long = |header| TooLong { header, actual: MAX_HEADER_BYTES + 1 };
    check("long input", |sent| input(sent, &long), too_long(SIGNATURE_INPUT));
    check("long signature", |sent| sent.set("signature", &long), too_long(SIGNATURE));
}

#[test]
fn headers_with_bad_syntax() {
    fn check_syntax(name: &'static str, value: &str) {
        let mut sent = Sent::post();
        sent.set(name, value);
        let refusal = sent.verify();
        assert!(
            matches!(&refusal, Err(Refusal::Malformed(Malformed::Syntax { header, .. })) if header.as_str() == name),
            "{value}: {refusal:?}"
        );
    }
    let good = Sent::post();
    let signature = good.text("signature");
    check_syntax("signature", &signature[..signature.len() - 1]); // no closing colon
    check_syntax("signature", &format!("{}:", &signature[..signature.len() - 4])); // truncated base64
    check_syntax("signature", &signature.replace("sig1=:", "sig1=:-_")); // the other alphabet
    check_syntax("signature", &signature.replace("sig1", "Sig1"));
    check_syntax("signature", &format!("{signature},"));
    check_syntax("signature", &format!("{signature} x"));
    check_syntax("signature", "é");
    let input = good.text("signature-input");
    check_syntax("signature-input", &input.replace(')', ""));
    check_syntax("signature-input", &input.replace('(', ""));
    check_syntax("signature-input", &input.replace('"', "'"));
    check_syntax("signature-input", &input.replace("\" \"", "\"\""));
    check_syntax("signature-input", &input.replace("created=", "created= "));
    check_syntax("signature-input", &input.replace("created=", "created=99999999999999999999"));
    check_syntax("signature-input", &input.replace("created=", "created=@"));
    check_syntax("signature-input", &input.replace("key-1", "clé"));
    check_syntax("signature-input", "{\"keyid\": 1}");
}

/// Messages are read by strangers' developers; each names what is wrong, and none repeats a token.
#[test]
fn messages() {
    fn check_message(change: impl FnOnce(&mut Sent), expected: &str) {
        let mut sent = Sent::post();
        change(&mut sent);
        let message = match sent.verify() {
            Err(Refusal::Malformed(malformed)) => malformed.to_string(),
            Err(Refusal::Failure(failure)) => failure.to_string(),
            Ok(verified) => panic!("{verified:?}"),
        };
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains(&TOKEN[5..]), "{message}");
    }
    let sign = |components: &str| {
        let input = format!("sig1=({components});{PARAMS}");
        move |sent: &mut Sent| sent.sign_as(&input)
    };
    check_message(
        sign(r#""@method" "@target-uri" "content-digest""#),
        "does not cover \"authorization\", although the request has that header",
    );
    check_message(
        sign(r#""@method" "@target-uri" "authorization""#),
        "does not cover \"content-digest\", although the request has a body",
    );
    check_message(sign(r#""authorization" "content-digest""#), "does not cover \"@method\", \"@target-uri\"");
    check_message(|sent| sent.now = NOW + 400, "created at 1700000000, 400 s before the server's time 1700000400");
    check_message(|sent| sent.now = NOW - 400, "400 s after the server's time 1699999600; at most 60 s are tolerated");
    check_message(|sent| sent.now = NOW / 1000, "this looks like milliseconds");
    check_message(|sent| sent.replace("authorization", "OS9", "OS8"), "does not verify with the key key-1");
    check_message(|sent| sent.body = Some(vec![0]), "but Content-Digest says");
    check_message(|sent| *sent = sent.clone().unsigned(), "not signed");
    assert_eq!(key().public_key(), Sent::post().key, "the table's key is the signer's");
}
