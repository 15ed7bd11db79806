//! Reading an HTTP request as people paste it (RFC 9112, and what tools make of it).

use bursar_httpsig::{CONTENT_DIGEST, verify_content_digest};
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};

const LINE_END_LEFT_OUT: &str = "the line end after the body is left out, since it is not part of it";
/// Header lines that are read of one request.
const HEADER_LINES_MAX: usize = 1000;

/// A request as it was pasted.
#[derive(Debug)]
pub struct RawRequest {
    /// The method, as written.
    pub method: String,
    /// What stands in the request line: a path with its query, or a whole URL.
    target: String,
    /// HTTP/2 only (RFC 9113 §8.3.1).
    scheme: Option<String>,
    /// HTTP/2 only; else it is the `Host` header.
    authority: Option<String>,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body's bytes.
    pub body: Vec<u8>,
    /// What was mended while reading.
    pub notes: Vec<String>,
}

/// The URL that the request was sent to, and how it is known.
#[derive(Debug, PartialEq, Eq)]
pub struct TargetUri {
    /// The URL.
    pub uri: String,
    /// Where it was taken from.
    pub from: &'static str,
    /// What is odd about it.
    pub note: Option<String>,
}

impl RawRequest {
    /// Reads a request. Whatever can be mended without doubt is, and told in the notes.
    ///
    /// # Errors
    /// What is wrong, and in which line.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut notes = Vec::new();
        let of_curl = request_of_curl(bytes, &mut notes);
        let mut lines = Lines::new(of_curl.as_deref().unwrap_or(bytes));
        let first = loop {
            let line = lines.next().ok_or("there is no request here: it begins with a line such as POST / HTTP/1.1")?;
            if !line.trim_ascii().is_empty() {
                break text(line);
            }
        };
        let mut request = Self {
            method: String::new(),
            target: String::new(),
            scheme: None,
            authority: None,
            headers: HeaderMap::new(),
            body: Vec::new(),
            notes,
        };
        if first.starts_with(':') {
            request.read_field(first.as_bytes(), lines.number)?;
        } else {
            (request.method, request.target) = request_line(first.trim())?;
        }
        request.read_fields(&mut lines)?;
        if request.method.is_empty() || request.target.is_empty() {
            return Err("the request has no :method or no :path".to_owned());
        }
        request.read_body(lines.rest);
        Ok(request)
    }

    /// Puts another body into its place.
    pub fn set_body(&mut self, body: Vec<u8>) {
        self.notes.retain(|note| note != LINE_END_LEFT_OUT);
        self.body = body;
    }

    fn read_fields(&mut self, lines: &mut Lines<'_>) -> Result<(), String> {
        let mut field: Vec<u8> = Vec::new();
        let mut number = 0;
        while let Some(line) = lines.next() {
            if lines.number > HEADER_LINES_MAX {
                return Err(format!("the request has more than {HEADER_LINES_MAX} lines before its body"));
            }
            let folded = line.starts_with(b" ") || line.starts_with(b"\t");
            let content = line.trim_ascii();
            if content.is_empty() {
                break;
            }
            if folded && !field.is_empty() {
                let at = lines.number;
                self.notes.push(format!("line {at} begins with white space and is read as part of the line before"));
                field.push(b' ');
                field.extend_from_slice(content);
                continue;
            }
            if !field.is_empty() {
                self.read_field(&field, number)?;
            }
            (field, number) = (content.to_vec(), lines.number);
        }
        if field.is_empty() { Ok(()) } else { self.read_field(&field, number) }
    }

    fn read_field(&mut self, line: &[u8], number: usize) -> Result<(), String> {
        let pseudo = usize::from(line.starts_with(b":"));
        let colon = line[pseudo..].iter().position(|byte| *byte == b':').map(|at| at + pseudo);
        let colon = colon.ok_or_else(|| {
            format!(
                "line {number} is no header, since it has no colon; an empty line divides the headers from the body"
            )
        })?;
        let (name, value) = (line[..colon].trim_ascii_end(), line[colon + 1..].trim_ascii());
        if pseudo == 1 {
            let slot = match name {
                b":method" => &mut self.method,
                b":path" => &mut self.target,
                b":scheme" => self.scheme.get_or_insert_default(),
                b":authority" => self.authority.get_or_insert_default(),
                _ => return Err(format!("line {number}: HTTP/2 knows no {}", text(name))),
            };
            *slot = text(value);
            return Ok(());
        }
        let header = HeaderName::from_bytes(name)
            .map_err(|_| format!("line {number}: {:?} cannot be the name of a header", text(name)))?;
        let value = HeaderValue::from_bytes(value)
            .map_err(|_| format!("line {number}: the value of {header} has bytes that no header can carry"))?;
        self.headers.append(header, value);
        Ok(())
    }

    fn read_body(&mut self, rest: &[u8]) {
        if self.headers.contains_key(TRANSFER_ENCODING) {
            self.body = rest.to_vec();
            self.notes.push(
                "the request has a Transfer-Encoding: its body is taken as it stands here, without decoding".to_owned(),
            );
            return;
        }
        // Files end with a line end; bodies usually do not.
        let shorter = rest.strip_suffix(b"\n").map(|rest| rest.strip_suffix(b"\r").unwrap_or(rest));
        let (body, is_shorter) = match (self.content_length(), shorter) {
            (None | Some(0), _) if rest.trim_ascii().is_empty() => (&rest[..0], false),
            (Some(length), Some(shorter)) if shorter.len() == length => (shorter, true),
            (None, Some(shorter)) if self.digest_fits(shorter) && !self.digest_fits(rest) => (shorter, true),
            _ => (rest, false),
        };
        self.body = body.to_vec();
        if is_shorter {
            self.notes.push(LINE_END_LEFT_OUT.to_owned());
        }
    }

    fn digest_fits(&self, body: &[u8]) -> bool {
        verify_content_digest(self.headers.get_all(CONTENT_DIGEST), body).is_ok()
    }

    fn content_length(&self) -> Option<usize> {
        self.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    /// Takes of the body as much as a server would read, and tells if that is another length.
    pub fn compare_length(&mut self) {
        let Some(length) = self.content_length() else {
            if self.headers.contains_key(CONTENT_LENGTH) {
                self.notes.push("Content-Length is not a number".to_owned());
            }
            return;
        };
        let found = self.body.len();
        if found < length {
            let there = if found == 0 { "there is no body".to_owned() } else { format!("the body has {found} bytes") };
            self.notes.push(format!(
                "{there}, but Content-Length says {length}: a server would wait for the rest. If it was lost in copying \
                 (curl -v does not show it), --body reads it from a file"
            ));
        }
        if found > length {
            let characters = std::str::from_utf8(&self.body).map(|body| body.chars().count());
            let why =
                if characters == Ok(length) { ", which counts characters where it has to count bytes" } else { "" };
            self.notes.push(format!(
                "the body has {found} bytes, but Content-Length says {length}{why}: a server reads the first {length} \
                 only, and so does this"
            ));
            self.body.truncate(length);
        }
    }

    /// The URL that the request was sent to (RFC 9110 §7.1). `given` is the whole public URL, or its scheme and host
    /// alone.
    ///
    /// # Errors
    /// When neither the request nor `given` tells it.
    pub fn target_uri(&self, given: Option<&str>) -> Result<TargetUri, String> {
        let known = |uri: String, from: &'static str| TargetUri { uri, from, note: None };
        if let Some(given) = given {
            let Some((_, rest)) = given.split_once("://").filter(|(scheme, rest)| is_http(scheme) && !rest.is_empty())
            else {
                return Err(format!("--url is a whole URL such as https://wallet.example/op/quotes, not {given:?}"));
            };
            if !rest.contains(['/', '?']) && self.target.starts_with('/') {
                return Ok(known(format!("{given}{}", self.target), "--url and the request line"));
            }
            let path = rest.find(['/', '?']).map_or("/", |at| &rest[at..]);
            let note = (self.target.starts_with('/') && path != self.target)
                .then(|| format!("the request line says {}, but --url says {path}; --url counts", self.target));
            return Ok(TargetUri { note, ..known(given.to_owned(), "--url") });
        }
        if self.target.split_once("://").is_some_and(|(scheme, _)| is_http(scheme)) {
            return Ok(known(self.target.clone(), "the request line"));
        }
        if !self.target.starts_with('/') {
            return Err(format!("{:?} is neither a path nor a URL; say what was asked for with --url", self.target));
        }
        let host = match (&self.authority, self.headers.get_all(HOST).iter().collect::<Vec<_>>().as_slice()) {
            (Some(authority), _) => authority.clone(),
            (None, [host]) => text(host.as_bytes()),
            (None, []) => return Err("the request has no Host header; give its URL with --url".to_owned()),
            (None, _) => return Err("the request has more than one Host header; give its URL with --url".to_owned()),
        };
        let (scheme, from) = match &self.scheme {
            Some(scheme) => (scheme.as_str(), "the pseudo-headers"),
            None if is_this_machine(&host) => ("http", "the request line and Host; http is a guess, see --url"),
            None => ("https", "the request line and Host; https is a guess, see --url"),
        };
        Ok(known(format!("{scheme}://{host}{}", self.target), from))
    }
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
}

/// Where people develop, which is where nothing is encrypted.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name == "localhost" || name.ends_with(".localhost") || name.starts_with("127.") || name == "[::1]"
}

fn request_line(line: &str) -> Result<(String, String), String> {
    let words: Vec<_> = line.split_ascii_whitespace().collect();
    let is_version = |word: &str| word.to_ascii_uppercase().starts_with("HTTP/");
    let is_method =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    match words.as_slice() {
        [version, ..] if is_version(version) => {
            Err(format!("this is an answer ({line}); what is signed is the request"))
        }
        ["curl", ..] => {
            Err("this is a command; run it with curl -v, and paste what that prints to standard error".to_owned())
        }
        [method, target] if is_method(method) && target.contains('/') => {
            Ok(((*method).to_owned(), (*target).to_owned()))
        }
        [method, target, version] if is_version(version) && is_method(method) => {
            Ok(((*method).to_owned(), (*target).to_owned()))
        }
        _ => {
            let line: String = line.chars().take(80).collect();
            Err(format!("the first line is {line:?}, where a request has something like POST /op/quotes HTTP/1.1"))
        }
    }
}

/// The request in what `curl -v` tells: lines that begin with `>`. The body is not among them.
fn request_of_curl(bytes: &[u8], notes: &mut Vec<String>) -> Option<Vec<u8>> {
    let sent = |line: &[u8]| {
        let line = line.strip_prefix(b">")?;
        Some(line.strip_prefix(b" ").unwrap_or(line).to_vec())
    };
    let begins = |line: &[u8]| sent(line).is_some_and(|line| request_line(text(&line).trim()).is_ok());
    let lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    let first = lines.iter().position(|line| begins(line))?;
    if lines[first + 1..].iter().any(|line| begins(line)) {
        notes.push("this has several requests; the first one is explained".to_owned());
    }
    let mut request = Vec::new();
    for line in lines[first..].iter().map_while(|line| sent(line)) {
        request.extend_from_slice(&line);
        request.push(b'\n');
        if line.trim_ascii().is_empty() {
            break;
        }
    }
    Some(request)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Lines that end with LF or CRLF, and what comes after them.
struct Lines<'a> {
    rest: &'a [u8],
    /// Of the line read last, counted from 1.
    number: usize,
}

impl<'a> Lines<'a> {
    fn new(rest: &'a [u8]) -> Self {
        Self { rest, number: 0 }
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        self.number += 1;
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        let (line, rest) = match end {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, &self.rest[self.rest.len()..]),
        };
        self.rest = rest;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}
