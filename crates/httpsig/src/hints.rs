//! Guesses at the usual mistakes, for [`explain`](crate::explain): each is tried, and told only if it fits.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use crate::digest::{DigestError, verify_content_digest};
use crate::key::PublicKey;
use crate::parsed::ParsedSignature;
use crate::request::Request;
use crate::{CONTENT_DIGEST, SIGNATURE, SIGNATURE_INPUT};

/// For headers that are missing or cannot be read.
pub(crate) fn malformed(headers: &HeaderMap) -> Vec<String> {
    let contains = |value: Option<&HeaderValue>, text: &str| {
        value.and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(text))
    };
    let old_draft = contains(headers.get(SIGNATURE), "keyId=") || contains(headers.get(AUTHORIZATION), "keyId=");
    if old_draft {
        return vec![
            "this looks like the older draft \"Signing HTTP Messages\" (keyId=…,headers=…); RFC 9421 has two headers, Signature-Input and Signature".to_owned(),
        ];
    }
    let mut hints = Vec::new();
    if contains(headers.get(SIGNATURE), "=") && !contains(headers.get(SIGNATURE), ":") {
        hints.push("the value of a signature stands between colons: sig1=:base64:".to_owned());
    }
    if contains(headers.get(SIGNATURE_INPUT), "'") {
        hints.push("strings in Signature-Input stand in double quotes".to_owned());
    }
    hints
}

/// For a digest of other bytes.
pub(crate) fn digest(request: &Request<'_>, error: &DigestError) -> Option<String> {
    if !matches!(error, DigestError::Mismatch { .. }) {
        return None;
    }
    let fits = |body: &[u8]| verify_content_digest(request.headers.get_all(CONTENT_DIGEST), body).is_ok();
    let body = request.body_bytes();
    let with_line_end = [body, b"\n"].concat();
    let found = if fits(body.trim_ascii()) {
        "the digest is of the body without the white space around it"
    } else if fits(&with_line_end) {
        "the digest is of the body followed by a line feed"
    } else if fits(b"") {
        "the digest is of an empty body"
    } else {
        "hash exactly the bytes that are sent: serialise the body once, and sign and send the same bytes"
    };
    Some(found.to_owned())
}

/// For a signature that does not verify over `base`.
pub(crate) fn signature(parsed: &ParsedSignature, request: &Request<'_>, base: &str, key: &PublicKey) -> String {
    let fits = |base: &str| key.verify(base.as_bytes(), &parsed.signature);
    let fits_with = |name: &str, value: &str| with_line(base, name, value).is_some_and(|base| fits(&base));
    if fits(&format!("{base}\n")) {
        return "the client signed a signature base that ends with a line feed; it ends without one".to_owned();
    }
    if let Some(raw) = raw_params(parsed, request.headers)
        && fits_with("@signature-params", raw)
    {
        return format!(
            "the client signed the text of Signature-Input as it wrote it; RFC 9421 §2.5 wants it serialised strictly: {}",
            parsed.params
        );
    }
    for target_uri in other_targets(request.target_uri) {
        if fits_with("@target-uri", &target_uri) {
            return format!(
                "the client signed the target URI {target_uri}, but the request is for {}",
                request.target_uri
            );
        }
    }
    for method in [request.method.to_ascii_uppercase(), request.method.to_ascii_lowercase()] {
        if fits_with("@method", &method) {
            return format!("the client signed the method {method}, but the request has {}", request.method);
        }
    }
    for content_type in ["application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"] {
        if fits_with("content-type", content_type) {
            return format!("the client signed the Content-Type {content_type}, but the request has another");
        }
    }
    "compare the signature base with the client's, line by line; if they are the same, the key published under this \
     keyid is not the one that signed"
        .to_owned()
}

/// The signature base with another value for one component.
fn with_line(base: &str, name: &str, value: &str) -> Option<String> {
    let head = format!("\"{name}\": ");
    let start = if base.starts_with(&head) { 0 } else { base.find(&format!("\n{head}"))? + 1 } + head.len();
    let end = base[start..].find('\n').map_or(base.len(), |length| start + length);
    Some([&base[..start], value, &base[end..]].concat())
}

/// The text after `label=`, when the signature is alone in its header.
fn raw_params<'a>(parsed: &ParsedSignature, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut lines = headers.get_all(SIGNATURE_INPUT).iter();
    let (line, None) = (lines.next()?.to_str().ok()?, lines.next()) else { return None };
    line.trim().strip_prefix(parsed.label())?.strip_prefix('=')
}

/// How a URL is often written differently on the two sides.
fn other_targets(uri: &str) -> Vec<String> {
    let (base, query) = match uri.split_once('?') {
        Some((base, query)) => (base, Some(query)),
        None => (uri, None),
    };
    let with_query = |base: &str| match query {
        Some(query) => format!("{base}?{query}"),
        None => base.to_owned(),
    };
    let mut others = Vec::with_capacity(8);
    others.push(match base.strip_suffix('/') {
        Some(shorter) => with_query(shorter),
        None => with_query(&format!("{base}/")),
    });
    if let Some((scheme, rest)) = uri.split_once("://") {
        let (other_scheme, port) = if scheme == "https" { ("http", ":443") } else { ("https", ":80") };
        others.push(format!("{other_scheme}://{rest}"));
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => others.push(format!("{scheme}://{host}{path}")),
            _ => others.push(format!("{scheme}://{authority}{port}{path}")),
        }
        others.push(format!("{scheme}://{}{path}", authority.to_ascii_lowercase()));
        others.push(if path.is_empty() { "/".to_owned() } else { path.to_owned() });
    }
    others.push(if query.is_some() { base.to_owned() } else { format!("{base}?") });
    others
}
