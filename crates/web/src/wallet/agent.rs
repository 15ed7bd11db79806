//! What a browser is, in a few words for people: `Firefox on Windows`.
//!
//! Browsers pretend to be each other, so the order in which they are looked for matters. Versions are left out: people
//! tell their devices apart by other things.

use axum::http::{HeaderMap, header};

/// A mark of a browser, and its name.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];

/// A mark of a system, and its name.
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "Mac"),
    ("Linux", "Linux"),
];

/// What the sender of these headers is.
pub(super) fn summary(headers: &HeaderMap) -> String {
    let text = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let find =
        |marks: &[(&str, &'static str)]| marks.iter().find(|(mark, _)| text.contains(mark)).map(|(_, name)| *name);
    match (find(BROWSERS), find(SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(system)) => format!("A browser on {system}"),
        (None, None) => "A program".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn browsers_are_told_apart() {
        fn check(text: &str, expected: &str) {
            let mut headers = HeaderMap::new();
            headers.insert(header::USER_AGENT, HeaderValue::from_bytes(text.as_bytes()).unwrap());
            assert_eq!(summary(&headers), expected, "{text}");
        }
        let webkit = "AppleWebKit/537.36 (KHTML, like Gecko)";
        check(&format!("Mozilla/5.0 (X11; Linux x86_64) {webkit} Chrome/140.0 Safari/537.36"), "Chrome on Linux");
        check(
            &format!("Mozilla/5.0 (Windows NT 10.0; Win64) {webkit} Chrome/140.0 Safari/537.36 Edg/140.0"),
            "Edge on Windows",
        );
        check(
            &format!("Mozilla/5.0 (Linux; Android 15) {webkit} Chrome/140.0 Mobile Safari/537.36"),
            "Chrome on Android",
        );
        check("Mozilla/5.0 (Macintosh; Intel Mac OS X 15.0; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Mac");
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Version/18.0 Mobile Safari/604",
            "Safari on iPhone",
        );
        check("curl/8.9.1", "A program");
        check("", "A program");
        check("\u{e4}\u{202e}<b>", "A program");
        assert_eq!(summary(&HeaderMap::new()), "A program");
    }
}
