//! The request as a signature sees it: method, public URL, header fields, body.

use std::borrow::Cow;
use std::fmt;

use http::HeaderMap;

/// What a signature covers, borrowed from whatever HTTP library carries it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The method exactly as sent; methods are case-sensitive (RFC 9110 §9.1).
    pub method: &'a str,
    /// The full **public** URL, exactly as the client addressed it: scheme, authority, path and query, no fragment.
    ///
    /// Behind a TLS proxy this is not what the listening socket sees; the caller knows the public origin.
    pub target_uri: &'a str,
    /// The header fields as received, or as they will be sent.
    pub headers: &'a HeaderMap,
    /// The body's bytes as received, before any decoding. `None` and an empty slice mean the same.
    pub body: Option<&'a [u8]>,
}

impl<'a> Request<'a> {
    /// The bytes of the body, empty when there is none.
    pub fn body_bytes(&self) -> &'a [u8] {
        self.body.unwrap_or_default()
    }

    pub(crate) fn has_body(&self) -> bool {
        !self.body_bytes().is_empty()
    }

    /// Checks what would otherwise let one line of the signature base pose as two.
    pub(crate) fn target(&self) -> Result<Target<'a>, RequestError> {
        if self.method.is_empty() || !self.method.bytes().all(is_token_byte) {
            return Err(RequestError::Method(self.method.to_owned()));
        }
        Target::parse(self.target_uri)
    }
}

/// Names the header fields but hides their values, which include access tokens, and the body.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("target_uri", &self.target_uri)
            .field("headers", &self.headers.keys().map(|name| name.as_str()).collect::<Vec<_>>())
            .field("body_bytes", &self.body_bytes().len())
            .finish()
    }
}

/// The method or the URL cannot be part of any signature.
///
/// On the verifying side this points at how the caller assembled the request, not at the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Not a token of RFC 9110 §5.6.2.
    #[error("the method {0:?} is not a legal HTTP method")]
    Method(String),
    /// Neither `http://…` nor `https://…`.
    #[error("the target URI must be the full public URL, beginning with https:// or http://")]
    NotAbsolute,
    /// No host between the scheme and the path.
    #[error("the target URI names no host")]
    NoHost,
    /// `user:password@host`, which RFC 9110 §4.2.4 forbids to generate.
    #[error("the target URI carries user information before the host, which an HTTP request must not")]
    UserInfo,
    /// Fragments are never sent, so the other side could not compute the same text.
    #[error("the target URI has a fragment (#…); fragments are not sent to the server and cannot be signed")]
    Fragment,
    /// A URI is visible ASCII; everything else is percent-encoded.
    #[error("the target URI has the byte 0x{byte:02x} at offset {offset}; it must be percent-encoded")]
    Byte {
        /// The offending byte.
        byte: u8,
        /// Its offset in bytes.
        offset: usize,
    },
}

/// The pieces of an absolute `http` or `https` URL, unchanged.
pub(crate) struct Target<'a> {
    scheme: &'a str,
    authority: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Target<'a> {
    fn parse(uri: &'a str) -> Result<Self, RequestError> {
        if let Some((offset, byte)) = uri.bytes().enumerate().find(|(_, byte)| !byte.is_ascii_graphic()) {
            return Err(RequestError::Byte { byte, offset });
        }
        if uri.contains('#') {
            return Err(RequestError::Fragment);
        }
        let (scheme, rest) = uri.split_once("://").ok_or(RequestError::NotAbsolute)?;
        if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
            return Err(RequestError::NotAbsolute);
        }
        let (authority, path_and_query) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(RequestError::UserInfo);
        }
        if authority.is_empty() || authority.starts_with(':') {
            return Err(RequestError::NoHost);
        }
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        Ok(Self { scheme, authority, path, query })
    }

    /// RFC 9421 §2.2.4: lower case.
    pub(crate) fn scheme(&self) -> Cow<'a, str> {
        lower(self.scheme)
    }

    /// RFC 9421 §2.2.3: lower case, without the scheme's default port.
    pub(crate) fn authority(&self) -> Cow<'a, str> {
        let default_port = if self.scheme.eq_ignore_ascii_case("https") { "443" } else { "80" };
        match self.authority.rsplit_once(':') {
            // What follows the last colon within an IPv6 address ends with a bracket, so it is neither of these.
            Some((host, port)) if port.is_empty() || port == default_port => lower(host),
            _ => lower(self.authority),
        }
    }

    /// RFC 9421 §2.2.6: before percent-decoding; an empty path is `/`.
    pub(crate) fn path(&self) -> &'a str {
        if self.path.is_empty() { "/" } else { self.path }
    }

    /// RFC 9421 §2.2.7: without the leading `?`, which the caller writes even when there is no query.
    pub(crate) fn query(&self) -> Option<&'a str> {
        self.query
    }

    /// RFC 9421 §2.2.8: the value of the only parameter of that (encoded) name, re-encoded.
    ///
    /// `Ok(None)` when there is none, `Err(())` when there are several: covering one of them would not
    /// say which.
    pub(crate) fn query_param(&self, name: &str) -> Result<Option<String>, Ambiguous> {
        let mut found = None;
        for pair in self.query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if form_normal(key) != name {
                continue;
            }
            if found.replace(value).is_some() {
                return Err(Ambiguous);
            }
        }
        Ok(found.map(form_normal))
    }
}

/// A query parameter that occurs more than once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ambiguous;

fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// Decodes one name or value of `application/x-www-form-urlencoded` and encodes it again in the one
/// form of RFC 9421 §2.2.8: everything but letters, digits and `*-._` as `%XX`, a space as `%20`.
fn form_normal(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, percent_value(tail)) {
            (b'+', _) => decoded.push(b' '),
            (b'%', Some(value)) => {
                decoded.push(value);
                rest = &tail[2..];
            }
            (other, _) => decoded.push(*other),
        }
    }
    let mut encoded = String::with_capacity(decoded.len());
    for byte in String::from_utf8_lossy(&decoded).bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_') {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.push(hex_digit(byte >> 4));
            encoded.push(hex_digit(byte & 15));
        }
    }
    encoded
}

/// The byte that two leading hexadecimal digits stand for.
fn percent_value(digits: &[u8]) -> Option<u8> {
    let [high, low, ..] = digits else { return None };
    let value = char::from(*high).to_digit(16)? * 16 + char::from(*low).to_digit(16)?;
    u8::try_from(value).ok()
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase()
}

/// `tchar` of RFC 9110 §5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_split() {
        fn check(uri: &str, expected: (&str, &str, &str, Option<&str>)) {
            let target = Target::parse(uri).unwrap();
            let (scheme, authority, path, query) = expected;
            assert_eq!(target.scheme(), scheme, "{uri}");
            assert_eq!(target.authority(), authority, "{uri}");
            assert_eq!(target.path(), path, "{uri}");
            assert_eq!(target.query(), query, "{uri}");
        }
        check("https://www.example.com/path?param=value", ("https", "www.example.com", "/path", Some("param=value")));
        check("HTTPS://WWW.Example.COM/Path", ("https", "www.example.com", "/Path", None));
        check("http://example.com", ("http", "example.com", "/", None));
        check("http://example.com?a=/b?c", ("http", "example.com", "/", Some("a=/b?c")));
        check("http://example.com/?", ("http", "example.com", "/", Some("")));
        check("https://example.com:443/", ("https", "example.com", "/", None));
        check("https://example.com:80/", ("https", "example.com:80", "/", None));
        check("http://example.com:80/", ("http", "example.com", "/", None));
        check("http://example.com:/", ("http", "example.com", "/", None));
        check("http://localhost:3000/a", ("http", "localhost:3000", "/a", None));
        check("https://[2001:DB8::80]/", ("https", "[2001:db8::80]", "/", None));
        check("https://[2001:db8::443]/", ("https", "[2001:db8::443]", "/", None));
        check("https://[2001:db8::1]:443/", ("https", "[2001:db8::1]", "/", None));
    }

    #[test]
    fn bad_targets_are_named() {
        fn check(uri: &str, expected: RequestError) {
            assert_eq!(Target::parse(uri).err(), Some(expected), "{uri:?}");
        }
        check("", RequestError::NotAbsolute);
        check("/alice", RequestError::NotAbsolute);
        check("ftp://example.com/", RequestError::NotAbsolute);
        check("example.com/x?y=http://z", RequestError::NotAbsolute);
        check("https://", RequestError::NoHost);
        check("https:///path", RequestError::NoHost);
        check("https://:443/", RequestError::NoHost);
        check("https://alice@example.com/", RequestError::UserInfo);
        check("https://example.com/#top", RequestError::Fragment);
        check("https://example.com/a b", RequestError::Byte { byte: b' ', offset: 21 });
        check("https://example.com/\n", RequestError::Byte { byte: b'\n', offset: 20 });
        check("https://example.com/é", RequestError::Byte { byte: 0xc3, offset: 20 });
    }

    #[test]
    fn methods_are_tokens() {
        let headers = HeaderMap::new();
        for (method, good) in
            [("GET", true), ("M-SEARCH", true), ("", false), ("GET ", false), ("GET\n\"x\": y", false)]
        {
            let request = Request { method, target_uri: "https://example.com/", headers: &headers, body: None };
            assert_eq!(request.target().is_ok(), good, "{method:?}");
        }
    }

    /// The values of RFC 9421 §2.2.8.
    #[test]
    fn query_parameters_are_normalised() {
        fn check(query: &str, name: &str, expected: Result<Option<&str>, Ambiguous>) {
            let uri = format!("https://www.example.com/parameters?{query}");
            let found = Target::parse(&uri).unwrap().query_param(name);
            assert_eq!(found, expected.map(|value| value.map(str::to_owned)), "{query} {name}");
        }
        check("param=value&foo=bar&baz=batman&qux=", "baz", Ok(Some("batman")));
        check("param=value&foo=bar&baz=batman&qux=", "qux", Ok(Some("")));
        check("param=value&foo=bar&baz=batman&qux", "qux", Ok(Some("")));
        let encoded =
            "var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something";
        check(encoded, "var", Ok(Some("this%20is%20a%20big%0Amultiline%20value")));
        check(encoded, "bar", Ok(Some("with%20plus%20whitespace")));
        check(encoded, "fa%C3%A7ade%22%3A%20", Ok(Some("something")));
        check("a=1&a=2", "a", Err(Ambiguous));
        check("a=1", "b", Ok(None));
        check("a=%zz%4&b=%4a~", "a", Ok(Some("%25zz%254")));
        check("a=%zz%4&b=%4a~", "b", Ok(Some("J%7E")));
        check("a=%ff", "a", Ok(Some("%EF%BF%BD")));
    }

    #[test]
    fn debug_hides_values() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", http::HeaderValue::from_static("GNAP verysecret"));
        let request =
            Request { method: "GET", target_uri: "https://example.com/", headers: &headers, body: Some(b"bodysecret") };
        let text = format!("{request:?}");
        assert!(text.contains("authorization") && text.contains("body_bytes: 10"), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
}
