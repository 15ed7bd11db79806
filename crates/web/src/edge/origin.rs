//! Where a request comes from, when there are proxies in front of the server.

use axum::http::{HeaderMap, HeaderName, header};
use bursar_app::config::Config;
use bursar_app::net::is_public;
use std::net::{IpAddr, SocketAddr};
use std::sync::Once;

/// Hops that are looked at, from the nearest.
const HOPS_MAX: usize = 32;
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that a request comes from, unless that cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) Option<IpAddr>);

impl ClientAddress {
    /// The address of whoever asks: the peer's, or, if that is a trusted proxy, the nearest address before it that is
    /// not one. Proxies tell by `X-Forwarded-For` or, where that is missing, `Forwarded` (RFC 7239 §5.2).
    ///
    /// Without trusted proxies the peer may still be a proxy that nobody told us of: always where callers come over
    /// TLS, which this server does not speak itself, and else if it is private and names somebody else. Then neither
    /// the peer, which is everybody, nor whom it names, which anybody can claim, is held to anything.
    pub(crate) fn find(config: &Config, peer: Option<IpAddr>, headers: &HeaderMap) -> Self {
        let trusted = &config.trusted_proxies;
        let Some(peer) = peer.map(|peer| peer.to_canonical()) else { return Self(None) };
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
        if !is_trusted(peer) {
            let names_others = headers.contains_key(FORWARDED_FOR) || headers.contains_key(header::FORWARDED);
            let is_proxy = config.is_secure() || (names_others && !is_public(peer));
            let is_unknown_proxy = trusted.is_empty() && is_proxy;
            if is_unknown_proxy {
                warn_once(peer);
            }
            return Self((!is_unknown_proxy).then_some(peer));
        }
        let mut nearest = None;
        for hop in hops(headers) {
            match hop {
                Some(address) if is_trusted(address) => nearest = Some(address),
                Some(address) => return Self(Some(address)),
                // A trusted proxy does not say for whom it asks.
                None => break,
            }
        }
        Self(nearest)
    }

    /// The neighbourhood whose log-in attempts are counted together; empty if it cannot be told.
    pub(crate) fn neighbourhood(self) -> String {
        match self.0.map(bursar_app::rate_limits::neighbourhood) {
            Some(network) if network.prefix_len() == network.max_prefix_len() => network.addr().to_string(),
            Some(network) => network.to_string(),
            None => String::new(),
        }
    }
}

fn warn_once(peer: IpAddr) {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!(
            "requests come through a proxy at {peer}: while it is not among trusted_proxies in the settings file, \
             log-ins are limited by name only, and requests by key only"
        );
    });
}

/// The addresses that the headers name, the nearest first; none where something else stands.
fn hops(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let name = if headers.contains_key(FORWARDED_FOR) { FORWARDED_FOR } else { header::FORWARDED };
    let read = if name == FORWARDED_FOR { address } else { forwarded_for };
    let lines: Vec<&str> = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or_default()).collect();
    lines.into_iter().rev().flat_map(|line| line.rsplit(',')).take(HOPS_MAX).map(read)
}

/// The `for` of one element of `Forwarded` (RFC 7239 §4). Commas in quotes would end an element too early, but no
/// address has any.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(value.trim().trim_matches('"'))
}

/// An address, perhaps with a port, perhaps in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn config(url: &str, trusted: &[&str]) -> Config {
        let mut config = Config::new(url, true, false).unwrap();
        config.trusted_proxies = trusted.iter().map(|network| network.parse().unwrap()).collect();
        config
    }

    fn found(config: &Config, peer: &str, lines: &[(&'static str, &str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let found = ClientAddress::find(config, Some(peer.parse().unwrap()), &headers);
        found.0.map(|address| address.to_string())
    }

    const XFF: &str = "x-forwarded-for";

    #[test]
    fn without_trusted_proxies_the_peer_counts() {
        #[track_caller]
        fn check(peer: &str, lines: &[(&'static str, &str)], expected: Option<&str>) {
            let config = config("http://localhost:4000", &[]);
            assert_eq!(found(&config, peer, lines).as_deref(), expected, "{peer} {lines:?}");
        }
        check("9.9.9.9", &[], Some("9.9.9.9"));
        check("9.9.9.9", &[(XFF, "1.1.1.1")], Some("9.9.9.9"));
        check("9.9.9.9", &[("forwarded", "for=1.1.1.1")], Some("9.9.9.9"));
        check("::ffff:9.9.9.9", &[], Some("9.9.9.9"));
        check("127.0.0.1", &[], Some("127.0.0.1"));
        // A proxy that nobody told us of, or somebody who plays one: not to be told.
        check("127.0.0.1", &[(XFF, "1.1.1.1")], None);
        check("10.0.0.1", &[("forwarded", "for=1.1.1.1")], None);
        let config = config("http://localhost:4000", &[]);
        assert_eq!(ClientAddress::find(&config, None, &HeaderMap::new()), ClientAddress(None));
    }

    #[test]
    fn behind_tls_the_peer_is_never_the_caller() {
        let unset = config("https://wallet.test", &[]);
        for peer in ["127.0.0.1", "10.0.0.1", "9.9.9.9"] {
            assert_eq!(found(&unset, peer, &[]), None, "{peer}");
            assert_eq!(found(&unset, peer, &[(XFF, "1.1.1.1")]), None, "{peer}");
        }
        let set = config("https://wallet.test", &["127.0.0.1/32"]);
        assert_eq!(found(&set, "127.0.0.1", &[(XFF, "1.1.1.1")]).as_deref(), Some("1.1.1.1"));
        assert_eq!(found(&set, "9.9.9.9", &[(XFF, "1.1.1.1")]).as_deref(), Some("9.9.9.9"));
    }

    #[test]
    fn trusted_proxies_tell_for_whom_they_ask() {
        #[track_caller]
        fn check(lines: &[(&'static str, &str)], expected: Option<&str>) {
            let config = config("https://wallet.test", &["10.0.0.0/8", "fd00::/8", "127.0.0.1/32"]);
            assert_eq!(found(&config, "10.0.0.1", lines).as_deref(), expected, "{lines:?}");
        }
        check(&[], None);
        check(&[(XFF, "1.1.1.1")], Some("1.1.1.1"));
        // Whatever the client itself wrote stands further left.
        check(&[(XFF, "6.6.6.6, 1.1.1.1")], Some("1.1.1.1"));
        check(&[(XFF, "6.6.6.6"), (XFF, "1.1.1.1")], Some("1.1.1.1"));
        check(&[(XFF, "6.6.6.6, 1.1.1.1, 10.0.0.2,127.0.0.1")], Some("1.1.1.1"));
        check(&[(XFF, "10.0.0.9, 10.0.0.2")], Some("10.0.0.9"));
        check(&[(XFF, "1.1.1.1:4711")], Some("1.1.1.1"));
        check(&[(XFF, "2a00::1")], Some("2a00::1"));
        check(&[(XFF, "[2a00::1]")], Some("2a00::1"));
        check(&[(XFF, "[2a00::1]:4711")], Some("2a00::1"));
        check(&[(XFF, "::ffff:1.1.1.1")], Some("1.1.1.1"));
        check(&[(XFF, "2a00::1, fd00::7")], Some("2a00::1"));
        // Not an address: the nearest known hop, or nobody.
        check(&[(XFF, "1.1.1.1, unknown")], None);
        check(&[(XFF, "1.1.1.1, unknown, 10.0.0.2")], Some("10.0.0.2"));
        check(&[(XFF, "")], None);
        check(&[(XFF, "1.1.1.1,")], None);

        check(&[("forwarded", "for=1.1.1.1")], Some("1.1.1.1"));
        check(&[("forwarded", "For=\"1.1.1.1:80\";proto=https;by=10.0.0.1")], Some("1.1.1.1"));
        check(&[("forwarded", "by=10.0.0.1; for=\"[2a00::1]:80\"")], Some("2a00::1"));
        check(&[("forwarded", "for=6.6.6.6, for=1.1.1.1, for=10.0.0.2")], Some("1.1.1.1"));
        check(&[("forwarded", "for=_hidden")], None);
        check(&[("forwarded", "proto=https")], None);
        // One of the two counts, wherever both are.
        check(&[("forwarded", "for=6.6.6.6"), (XFF, "1.1.1.1")], Some("1.1.1.1"));
        check(&[("forwarded", "for=6.6.6.6"), (XFF, "unknown")], None);
        // Only so far.
        let long = format!("1.1.1.1{}", ", 10.0.0.2".repeat(HOPS_MAX));
        check(&[(XFF, &long)], Some("10.0.0.2"));
    }

    proptest::proptest! {
        /// What callers write themselves makes no difference behind a proxy that adds whom it sees.
        #[test]
        fn nobody_chooses_an_address(written in "[ -~]{0,60}|([0-9.,:a-f ]|\\[|\\]|for=|\"){0,40}", own_line: bool) {
            let proxy = ["127.0.0.1/32"];
            for (name, seen) in [(XFF, "192.0.2.7"), ("forwarded", "for=192.0.2.7")] {
                let joined = format!("{written}, {seen}");
                let lines = if own_line { vec![(name, &*written), (name, seen)] } else { vec![(name, &*joined)] };
                let found = found(&config("https://wallet.test", &proxy), "127.0.0.1", &lines);
                proptest::prop_assert_eq!(found.as_deref(), Some("192.0.2.7"));
            }
        }
    }

    #[test]
    fn peers_that_are_not_trusted_are_not_believed() {
        #[track_caller]
        fn check(peer: &str, expected: &str) {
            let config = config("http://localhost:4000", &["10.0.0.1/32"]);
            let found = found(&config, peer, &[(XFF, "1.1.1.1")]);
            assert_eq!(found.as_deref(), Some(expected), "{peer}");
        }
        check("10.0.0.2", "10.0.0.2");
        check("9.9.9.9", "9.9.9.9");
        check("10.0.0.1", "1.1.1.1");
        check("::ffff:10.0.0.1", "1.1.1.1");
    }

    #[test]
    fn attempts_are_counted_by_neighbourhood() {
        #[track_caller]
        fn check(address: Option<&str>, expected: &str) {
            let address = ClientAddress(address.map(|address| address.parse().unwrap()));
            assert_eq!(address.neighbourhood(), expected);
        }
        check(Some("192.0.2.7"), "192.0.2.7");
        check(Some("::ffff:192.0.2.7"), "192.0.2.7");
        check(Some("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        check(Some("2001:db8:1:2::"), "2001:db8:1:2::/64");
        check(None, "");
    }
}
