//! HTTP/1.1 as bytes: requests to be sent as they are, and where an answer ends (RFC 9112 §6).

use anyhow::{Context, Result, bail, ensure};
use http::HeaderMap;
use httparse::{EMPTY_HEADER, Response, Status};
use std::borrow::Cow;
use std::ops::Range;

/// More header lines than the provider ever sends.
const HEADERS_MAX: usize = 48;
/// No answer of the provider is nearly as long.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A request as it travels. The length of the body must be among the headers.
pub fn request(method: &str, path: &str, headers: &HeaderMap, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1024 + body.len());
    bytes.extend_from_slice(method.as_bytes());
    bytes.push(b' ');
    bytes.extend_from_slice(path.as_bytes());
    bytes.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// Where the parts of an answer are that has arrived completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Its status.
    pub status: u16,
    /// All its bytes, head and body.
    pub length: usize,
    /// Whether the connection can be used again.
    pub keeps_open: bool,
    body: Vec<Range<usize>>,
}

impl Frame {
    /// The body within the bytes that were framed, put together if it came in several chunks.
    pub fn body<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        match self.body.as_slice() {
            [] => Cow::Borrowed(&[]),
            [only] => Cow::Borrowed(bytes.get(only.clone()).unwrap_or_default()),
            parts => Cow::Owned(parts.iter().filter_map(|part| bytes.get(part.clone())).flatten().copied().collect()),
        }
    }
}

/// How the end of a body is found.
enum Length {
    Known(usize),
    Chunked,
}

/// Finds the answer at the beginning of the bytes; `None` until all of it is there.
///
/// # Errors
/// When it is no answer of HTTP/1.1, or one that only ends with the connection.
pub fn frame(bytes: &[u8]) -> Result<Option<Frame>> {
    ensure!(bytes.len() <= ANSWER_BYTES_MAX, "an answer is longer than {ANSWER_BYTES_MAX} bytes");
    let mut headers = [EMPTY_HEADER; HEADERS_MAX];
    let mut response = Response::new(&mut headers);
    let Status::Complete(head) = response.parse(bytes).context("an answer is no HTTP")? else { return Ok(None) };
    let status = response.code.context("an answer has no status")?;
    let mut length = if matches!(status, 204 | 304) { Some(Length::Known(0)) } else { None };
    let mut keeps_open = response.version == Some(1);
    for header in response.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or_default().trim();
        if header.name.eq_ignore_ascii_case("content-length") && length.is_none() {
            length = Some(Length::Known(value.parse().context("an answer's length is no number")?));
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            ensure!(value.eq_ignore_ascii_case("chunked"), "an answer is encoded as {value:?}");
            length = Some(Length::Chunked);
        } else if header.name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close") {
            keeps_open = false;
        }
    }
    let body = match length {
        Some(Length::Known(length)) => {
            let end = head.checked_add(length).context("an answer is too long")?;
            ensure!(end <= ANSWER_BYTES_MAX, "an answer is longer than {ANSWER_BYTES_MAX} bytes");
            (bytes.len() >= end).then(|| (std::iter::once(head..end).filter(|part| !part.is_empty()).collect(), end))
        }
        Some(Length::Chunked) => chunks(bytes, head)?,
        None => bail!("an answer has neither a length nor chunks"),
    };
    Ok(body.map(|(body, length)| Frame { status, length, keeps_open, body }))
}

/// The chunks that begin at `at`, and where the answer ends after the last one (RFC 9112 §7.1).
fn chunks(bytes: &[u8], mut at: usize) -> Result<Option<(Vec<Range<usize>>, usize)>> {
    let mut parts = Vec::new();
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let size = httparse::parse_chunk_size(rest).map_err(|_| anyhow::anyhow!("a chunk's size is no number"))?;
        let Status::Complete((line, size)) = size else { return Ok(None) };
        let size = usize::try_from(size).context("a chunk is too long")?;
        ensure!(size <= ANSWER_BYTES_MAX, "an answer is longer than {ANSWER_BYTES_MAX} bytes");
        let end = at + line + size;
        let Some(after) = bytes.get(end..end + 2) else { return Ok(None) };
        // Trailers, which would stand here after the last chunk, are nothing that the provider sends.
        ensure!(after == b"\r\n", "a chunk does not end where it should");
        if size == 0 {
            return Ok(Some((parts, end + 2)));
        }
        parts.push(at + line..end);
        at = end + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    #[test]
    fn requests_are_written() {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("bursar.test"));
        headers.insert("content-length", HeaderValue::from_static("2"));
        let text = request("POST", "/op/quotes", &headers, b"{}");
        assert_eq!(text, b"POST /op/quotes HTTP/1.1\r\nhost: bursar.test\r\ncontent-length: 2\r\n\r\n{}");
    }

    #[test]
    fn answers_end_where_they_say() {
        #[track_caller]
        fn check(text: &str, expected: (u16, usize, bool, &str)) {
            let frame = frame(text.as_bytes()).unwrap().unwrap();
            let body = String::from_utf8(frame.body(text.as_bytes()).into_owned()).unwrap();
            assert_eq!((frame.status, frame.length, frame.keeps_open, body.as_str()), expected, "{text:?}");
        }
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", (200, 40, true, "{}"));
        check("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", (200, 38, true, ""));
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1", (200, 40, true, "{}"));
        check("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1", (204, 27, true, ""));
        check("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx", (400, 67, false, "x"));
        check("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", (200, 38, false, ""));
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        check(&format!("{chunked}0\r\n\r\n"), (200, 52, true, ""));
        check(&format!("{chunked}2\r\n{{}}\r\n0\r\n\r\n"), (200, 59, true, "{}"));
        check(&format!("{chunked}1;x=y\r\na\r\nA\r\nbcdefghijk\r\n0\r\n\r\nHTTP"), (200, 77, true, "abcdefghijk"));
    }

    #[test]
    fn what_has_not_arrived_is_waited_for() {
        let whole = [
            "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 3\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
        ];
        for text in whole {
            for end in 0..text.len() {
                assert_eq!(frame(&text.as_bytes()[..end]).unwrap(), None, "{:?}", &text[..end]);
            }
            assert_eq!(frame(text.as_bytes()).unwrap().unwrap().length, text.len());
        }
    }

    #[test]
    fn what_cannot_be_framed_is_refused() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let error = frame(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
        check("SSH-2.0-OpenSSH\r\n", "no HTTP");
        check("HTTP/1.1 200 OK\r\n\r\n", "neither a length nor chunks");
        check("HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\n", "no number");
        check("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n", "longer than");
        check("HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n", "too long");
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", "gzip");
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", "no number");
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", "does not end");
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfffffffffffffff\r\n", "longer than");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), chunked in any::<bool>()) {
            let mut text = b"HTTP/1.1 200 OK\r\n".to_vec();
            if chunked {
                text.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
            }
            text.extend_from_slice(&bytes);
            if let Ok(Some(frame)) = frame(&text) {
                prop_assert!(frame.length <= text.len());
                prop_assert!(frame.body(&text).len() <= text.len());
            }
        }
    }
}
