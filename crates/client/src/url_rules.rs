//! Which URLs a client may send requests to.

use url::{Host, Url};

/// Longest URL that is taken from a server or a caller, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// Why a URL is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidUrl {
    /// Not an absolute URL with a host.
    #[error("{0:?} is not a full URL such as https://wallet.example/alice")]
    NotAnUrl(String),
    /// Neither https nor http.
    #[error("{url:?} begins with {scheme}: and not with https:")]
    Scheme {
        /// The URL.
        url: String,
        /// Its scheme.
        scheme: String,
    },
    /// Tokens and amounts would travel in the clear.
    #[error(
        "{0:?} is not encrypted; use https (http is for localhost and *.test, unless the client is built to allow more)"
    )]
    PlainHttp(String),
    /// A document fetched over https points to a URL without.
    #[error("{url:?} is not encrypted although {base:?}, which names it, is; its provider has to correct this")]
    Downgrade {
        /// The URL.
        url: String,
        /// Where it was found.
        base: String,
    },
    /// `user:password@host`.
    #[error("the URL of {0:?} carries a user name or password")]
    UserInfo(String),
    /// More than 2,048 bytes.
    #[error("the URL is {0} bytes long; 2048 are the most")]
    TooLong(usize),
}

/// The rules, as the builder of the client has set them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct UrlRules {
    /// Whether http is allowed for every host.
    pub(crate) allow_http: bool,
}

impl UrlRules {
    /// Reads a URL that a caller or a server gave. A fragment is dropped, since it is never sent.
    pub(crate) fn check(self, text: &str) -> Result<Url, InvalidUrl> {
        if text.len() > URL_BYTES_MAX {
            return Err(InvalidUrl::TooLong(text.len()));
        }
        let mut url = Url::parse(text).map_err(|_| InvalidUrl::NotAnUrl(short(text)))?;
        url.set_fragment(None);
        if !matches!(url.scheme(), "https" | "http") {
            return Err(InvalidUrl::Scheme { url: short(text), scheme: url.scheme().to_owned() });
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidUrl::UserInfo(url.host_str().unwrap_or_default().to_owned()));
        }
        if url.scheme() == "http" && !self.allow_http && !is_local(&url) {
            return Err(InvalidUrl::PlainHttp(short(text)));
        }
        Ok(url)
    }

    /// Reads a URL found in a document that was fetched from `base`: what came encrypted must not lead to what is not.
    pub(crate) fn reference(self, base: &Url, text: &str) -> Result<Url, InvalidUrl> {
        let url = self.check(text)?;
        if base.scheme() == "https" && url.scheme() == "http" && !self.allow_http {
            return Err(InvalidUrl::Downgrade { url: short(text), base: short(base.as_str()) });
        }
        Ok(url)
    }

    /// A path below a resource server's URL, which is written with or without a trailing slash.
    pub(crate) fn below(self, resource_server: &str, path: &str) -> Result<Url, InvalidUrl> {
        let mut url = self.check(resource_server)?;
        let joined = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&joined);
        url.set_query(None);
        Ok(url)
    }
}

/// Whether the URL's host is this machine, or a name reserved for tests (RFC 6761 §6.2, §6.3).
fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name == "localhost" || name.ends_with(".localhost") || name.ends_with(".test")
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// For messages: bounded, and without the query, which may carry what is not for logs.
pub(crate) fn short(url: &str) -> String {
    url.split(['?', '#']).next().unwrap_or_default().chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_what_may_do_without() {
        fn check(text: &str, expected: Result<&str, &str>) {
            match (UrlRules::default().check(text), expected) {
                (Ok(url), Ok(expected)) => assert_eq!(url.as_str(), expected),
                (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{text}: {error}"),
                (found, expected) => panic!("{text}: {found:?} instead of {expected:?}"),
            }
        }
        check("https://wallet.example/alice", Ok("https://wallet.example/alice"));
        check("https://wallet.example", Ok("https://wallet.example/"));
        check("HTTPS://Wallet.Example:443/Alice", Ok("https://wallet.example/Alice"));
        check("https://wallet.example/a#part", Ok("https://wallet.example/a"));
        check("https://wallet.example/a?b=c", Ok("https://wallet.example/a?b=c"));
        check("http://localhost:3000/op", Ok("http://localhost:3000/op"));
        check("http://localhost./op", Ok("http://localhost./op"));
        check("http://bank.localhost/op", Ok("http://bank.localhost/op"));
        check("http://bank.test/op", Ok("http://bank.test/op"));
        check("http://127.0.0.1:1/", Ok("http://127.0.0.1:1/"));
        check("http://127.9.9.9/", Ok("http://127.9.9.9/"));
        check("http://2130706433/", Ok("http://127.0.0.1/"));
        check("http://[::1]:1/", Ok("http://[::1]:1/"));
        check("http://wallet.example/alice", Err("not encrypted"));
        check("http://10.0.0.1/", Err("not encrypted"));
        check("http://[::2]/", Err("not encrypted"));
        check("http://localhost.example/", Err("not encrypted"));
        check("http://mytest/", Err("not encrypted"));
        check("ftp://wallet.example/", Err("begins with ftp:"));
        check("javascript:alert(1)", Err("begins with javascript:"));
        check("wallet.example/alice", Err("not a full URL"));
        check("", Err("not a full URL"));
        check("https://user:secret@wallet.example/", Err("user name or password"));
        check(&format!("https://wallet.example/{}", "a".repeat(2048)), Err("bytes long"));
    }

    #[test]
    fn a_password_is_not_repeated_in_the_message() {
        let error = UrlRules::default().check("https://user:s3cret@wallet.example/").unwrap_err();
        assert!(!error.to_string().contains("s3cret"));
    }

    #[test]
    fn http_can_be_allowed() {
        let rules = UrlRules { allow_http: true };
        assert!(rules.check("http://wallet.example/alice").is_ok());
        let base = rules.check("https://wallet.example/").unwrap();
        assert!(rules.reference(&base, "http://wallet.example/op").is_ok());
    }

    #[test]
    fn what_came_encrypted_does_not_lead_to_what_is_not() {
        let rules = UrlRules::default();
        let secure = rules.check("https://wallet.example/").unwrap();
        let local = rules.check("http://localhost/").unwrap();
        assert!(matches!(rules.reference(&secure, "http://localhost:9200/"), Err(InvalidUrl::Downgrade { .. })));
        assert!(rules.reference(&secure, "https://auth.example/").is_ok());
        assert!(rules.reference(&local, "http://localhost:9200/").is_ok());
    }

    #[test]
    fn paths_are_put_below_the_resource_server() {
        fn check(server: &str, expected: &str) {
            assert_eq!(UrlRules::default().below(server, "quotes").unwrap().as_str(), expected);
        }
        check("https://bank.example/op", "https://bank.example/op/quotes");
        check("https://bank.example/op/", "https://bank.example/op/quotes");
        check("https://bank.example", "https://bank.example/quotes");
        check("https://bank.example/?a=b", "https://bank.example/quotes");
    }
}
