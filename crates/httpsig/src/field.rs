//! Header fields: combining their lines, and reading the few that are structured (RFC 8941).

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{Dictionary, Parser, Version};

/// The lines of one field as one value, for the structured-field parser (RFC 8941 §4.2).
pub(crate) fn join<'a>(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Cow<'a, [u8]> {
    let mut lines = lines.into_iter().map(HeaderValue::as_bytes).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let mut joined = Cow::Borrowed(first);
    for line in lines {
        let text = joined.to_mut();
        text.extend_from_slice(b", ");
        text.extend_from_slice(line);
    }
    joined
}

/// Reads a dictionary. RFC 9421 and RFC 9530 are written against RFC 8941, without its later types.
pub(crate) fn dictionary(text: &[u8]) -> Result<Dictionary, sfv::Error> {
    Parser::new(text).with_version(Version::Rfc8941).parse()
}

/// Appends the combined value of a field (RFC 9421 §2.1): each line trimmed, joined with `", "`.
///
/// Folded lines never get here: a [`HeaderValue`] cannot hold a line break. Returns whether the field
/// exists.
///
/// # Errors
/// [`NotAscii`]: a signature base is ASCII (RFC 9421 §2.5); such a value can only be covered with `;bs`.
pub(crate) fn push_combined(out: &mut String, headers: &HeaderMap, name: &HeaderName) -> Result<bool, NotAscii> {
    let mut present = false;
    for line in headers.get_all(name) {
        if present {
            out.push_str(", ");
        }
        present = true;
        out.push_str(trim(line.to_str().map_err(|_| NotAscii)?));
    }
    Ok(present)
}

/// A field value with bytes outside printable ASCII.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotAscii;

/// Only these two are white space in HTTP (RFC 9110 §5.6.3).
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_combined() {
        fn check(lines: &[&[u8]], expected: Result<Option<&str>, NotAscii>) {
            let name = HeaderName::from_static("x-test");
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(&name, HeaderValue::from_bytes(line).unwrap());
            }
            let mut out = String::new();
            let combined = push_combined(&mut out, &headers, &name);
            assert_eq!(combined.map(|present| present.then_some(out.as_str())), expected, "{lines:?}");
        }
        check(&[], Ok(None));
        check(&[b""], Ok(Some("")));
        check(&[b"  one \t"], Ok(Some("one")));
        check(&[b"one", b" two", b"three "], Ok(Some("one, two, three")));
        check(&[b"", b"two"], Ok(Some(", two")));
        check(&[b"a  b"], Ok(Some("a  b")));
        check(&["é".as_bytes()], Err(NotAscii));
    }

    #[test]
    fn folded_lines_cannot_be_represented() {
        for folded in ["a\r\n b", "a\n b", "a\rb"] {
            assert!(HeaderValue::from_str(folded).is_err(), "{folded:?}");
        }
    }

    #[test]
    fn structured_lines_are_joined() {
        let lines = ["a=1", "", "b=2"].map(HeaderValue::from_static);
        assert_eq!(&*join(&lines), b"a=1, b=2");
        assert!(matches!(join(&lines[..1]), Cow::Borrowed(b"a=1")));
        assert_eq!(&*join(&[]), b"");
        assert!(dictionary(b"a=@1").is_err(), "dates came after RFC 8941");
    }
}
