//! Explanations: the text, and the guesses at what went wrong.

use bursar_httpsig::{Explanation, Outcome, Rule, SignOptions, explain};

use crate::support::{KEY_ID, NOW, Sent, TOKEN, key};

fn explained(sent: &Sent) -> Explanation {
    explain(&sent.request(), Some(&sent.key), &sent.policy, sent.now)
}

#[test]
fn an_accepted_request() {
    let mut sent = Sent::get();
    sent.now = NOW + 12;
    let text = explained(&sent).to_string();
    let x = key().public_key().to_base64url();
    assert_eq!(
        text,
        format!(
            r#"Signature sig1, keyid "key-1": accepted
  ok    headers     well-formed; the signature covers "@method" "@target-uri" "authorization"
  ok    algorithm   not named; ed25519 is used
  ok    created     12 s ago, of 300 s accepted
  ok    expires     not given; the maximum age alone counts
  ok    nonce       not given, and not required
  ok    coverage    covers what it must: "@method" "@target-uri" "authorization"
  ok    components  everything covered is there
  ok    digest      no body, none needed
  ok    signature   verifies with {x}
Signature base, as computed here:
  "@method": GET
  "@target-uri": https://bank.example/op/quotes/1
  "authorization": GNAP (40 bytes, not shown here)
  "@signature-params": ("@method" "@target-uri" "authorization");keyid="key-1";created=1700000000
"#
        )
    );
}

#[test]
fn every_failure_is_listed() {
    let mut sent = Sent::post();
    sent.body = Some(b"x".to_vec());
    sent.now = NOW + 1000;
    sent.url.push('x');
    let explanation = explained(&sent);
    let failed: Vec<_> =
        explanation.steps.iter().filter(|step| step.outcome == Outcome::Failed).map(|step| step.rule).collect();
    assert_eq!(failed, [Rule::Created, Rule::Digest, Rule::Signature]);
    assert_eq!(explanation.first_failure().map(|step| step.rule), Some(Rule::Created));
    assert_eq!((explanation.label.as_deref(), explanation.key_id.as_deref()), (Some("sig1"), Some(KEY_ID)));
    assert!(explanation.to_string().contains("FAIL  created     the signature was created at"), "{explanation}");
}

#[test]
fn without_a_key_the_rest_is_checked() {
    let sent = Sent::post();
    let explanation = explain(&sent.request(), None, &sent.policy, sent.now);
    assert!(!explanation.accepted());
    assert_eq!(explanation.first_failure(), None);
    assert_eq!(
        explanation.steps.last().map(|step| (step.rule, step.outcome)),
        Some((Rule::Signature, Outcome::Skipped))
    );
    assert!(explanation.to_string().starts_with("Signature sig1, keyid \"key-1\": not verified\n"), "{explanation}");
}

#[test]
fn without_a_base_the_signature_is_skipped() {
    let mut sent = Sent::post();
    sent.headers.remove("content-length");
    let explanation = explained(&sent);
    assert_eq!(explanation.signature_base, None);
    assert_eq!(explanation.first_failure().map(|step| step.rule), Some(Rule::Components));
    assert_eq!(explanation.steps.last().map(|step| step.outcome), Some(Outcome::Skipped));
}

#[test]
fn tokens_are_hidden_in_texts_only() {
    let mut sent = Sent::get().with("cookie", "session=s3cret; a=b");
    sent.sign_as(r#"sig1=("@method" "@target-uri" "authorization" "cookie" "authorization";bs);keyid="key-1";created=1700000000"#);
    let explanation = explained(&sent);
    assert!(explanation.accepted(), "{explanation}");
    let base = explanation.signature_base.clone().unwrap();
    assert!(base.contains(TOKEN) && base.contains("s3cret"));
    let bytes = base.lines().nth(4).unwrap().split(": ").nth(1).unwrap();
    for text in [explanation.to_string(), format!("{explanation:?}"), explanation.shown_base().unwrap()] {
        assert!(!text.contains(&TOKEN[5..]) && !text.contains("s3cret") && !text.contains(bytes), "{text}");
    }
    assert!(explanation.to_string().contains("\"cookie\": (19 bytes, not shown here)"), "{explanation}");
}

/// Signs one request and sends another, as clients do by mistake.
fn signed_as(change: impl FnOnce(&mut Sent)) -> Sent {
    let sent = Sent::post().unsigned();
    let mut signed = sent.clone();
    change(&mut signed);
    let signed = signed.signed(&SignOptions::new(NOW));
    let mut sent = sent;
    for name in ["signature", "signature-input"] {
        sent.set(name, &signed.text(name));
    }
    sent
}

#[test]
fn usual_mistakes_are_recognised() {
    fn check(sent: &Sent, expected: &str) {
        let explanation = explained(sent);
        assert!(!explanation.accepted(), "{expected}");
        assert!(explanation.hints.iter().any(|hint| hint.contains(expected)), "{expected}: {:?}", explanation.hints);
        assert!(explanation.to_string().contains(expected), "{explanation}");
    }
    let url = |url: &str| signed_as(|signed| signed.url = url.to_owned());
    check(&url("https://bank.example/op/quotes/"), "signed the target URI https://bank.example/op/quotes/, but");
    check(&url("http://bank.example/op/quotes"), "signed the target URI http://bank.example/op/quotes, but");
    check(&url("https://bank.example:443/op/quotes"), "signed the target URI https://bank.example:443/op/quotes, but");
    check(&url("https://bank.example/op/quotes?"), "signed the target URI https://bank.example/op/quotes?, but");
    let mut query = Sent::get();
    query.url.push_str("?first=3");
    check(&query, "signed the target URI https://bank.example/op/quotes/1, but the request is for");
    let mut port = url("https://bank.example/op/quotes");
    port.url = "https://bank.example:8443/op/quotes".to_owned();
    check(&port, "signed the target URI https://bank.example/op/quotes, but");
    check(&signed_as(|signed| signed.method = "post".to_owned()), "signed the method post, but the request has POST");
    let charset = signed_as(|signed| signed.set("content-type", "application/json; charset=utf-8"));
    check(&charset, "signed the Content-Type application/json; charset=utf-8");

    // A path alone cannot be signed by this crate, nor a base with a line feed at its end.
    let sign_text = |change: &dyn Fn(&str) -> String| {
        let mut sent = Sent::post();
        let base = explained(&sent).signature_base.unwrap();
        sent.set_signature("sig1", &key().sign(change(&base).as_bytes()));
        sent
    };
    check(&sign_text(&|base| base.replace("https://bank.example/", "/")), "signed the target URI /op/quotes, but");
    check(&sign_text(&|base| format!("{base}\n")), "ends with a line feed");
    check(&sign_text(&|base| base.replace("POST", "PATCH")), "line by line");
    let spaced = r#"("@method"  "@target-uri" "authorization" "content-digest" ); created=1700000000;keyid="key-1""#;
    let mut sent = Sent::post();
    sent.sign_as(&format!("sig1={spaced}"));
    let base = explained(&sent).signature_base.unwrap();
    let (lines, _) = base.rsplit_once('\n').unwrap();
    let raw = format!("{lines}\n\"@signature-params\": {spaced}");
    sent.set_signature("sig1", &key().sign(raw.as_bytes()));
    check(&sent, "wants it serialised strictly");

    let body = |body: &str| {
        let mut sent = Sent::post();
        sent.body = Some(body.as_bytes().to_vec());
        sent
    };
    check(&body("{\"method\":\"ilp\"}\n"), "of the body without the white space around it");
    check(&body("{\"method\": \"ilp\"}"), "serialise the body once");
    let mut line_end = Sent::post();
    line_end.set("content-digest", &bursar_httpsig::content_digest_sha512(b"{\"method\":\"ilp\"}\n"));
    check(&line_end, "followed by a line feed");
    line_end.set("content-digest", &bursar_httpsig::content_digest_sha512(b""));
    check(&line_end, "of an empty body");

    let cavage = r#"keyId="key-1",algorithm="ed25519",headers="(request-target)",signature="AAAA""#;
    check(&Sent::get().unsigned().with("signature", cavage), "the older draft");
    check(&Sent::get().unsigned().with("authorization", &format!("Signature {cavage}")), "the older draft");
    check(&Sent::get().with("signature", "sig1=AAAA/AAA="), "between colons");
    check(&Sent::get().with("signature-input", "sig1=('@method');keyid='a'"), "double quotes");
}

#[test]
fn of_several_signatures_the_acceptable_one_is_explained() {
    let mut sent = Sent::get();
    for (name, value) in [
        ("signature-input", r#"other=("@method");keyid="o""#.to_owned()),
        ("signature", format!("other=:{}==:", "A".repeat(86))),
    ] {
        let client = sent.text(name);
        sent.set(name, &value);
        sent.append(name, &client);
    }
    let explanation = explained(&sent);
    assert!(explanation.accepted(), "{explanation}");
    assert_eq!(explanation.label.as_deref(), Some("sig1"));
    assert_eq!(explain(&sent.request(), None, &sent.policy, NOW).label.as_deref(), Some("sig1"));
    sent.url.push('x');
    assert_eq!(explained(&sent).label.as_deref(), Some("other"), "else the first");
}

#[test]
fn an_unsigned_request() {
    let sent = Sent::get().unsigned();
    let explanation = explained(&sent);
    assert_eq!(
        explanation.to_string(),
        "Signature: refused\n  FAIL  headers     the request is not signed: it has neither a Signature-Input nor a Signature header\n"
    );
    assert_eq!((explanation.label, explanation.signature_base), (None, None));
}
