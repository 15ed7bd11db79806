//! Names and addresses of others, shown so that a look-alike cannot mislead.

use url::Url;

/// Longest name that is shown, in characters.
const NAME_LENGTH_MAX: usize = 60;

/// Whoever asks for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Who {
    /// The name it gave itself, made harmless; none if it has none.
    pub(super) name: Option<String>,
    /// Its wallet address, which the provider checked.
    pub(super) address: Address,
    /// Whether it is an account at this very provider, which people could mistake for the provider itself.
    pub(super) is_customer: bool,
}

impl Who {
    /// Whoever has this wallet address and calls itself by this name, as the provider at `public_url` sees it.
    pub(super) fn new(name: &str, address: &str, public_url: &str) -> Self {
        let rest = address.strip_prefix(public_url);
        Self {
            // A client without a name is given to us under its address.
            name: (name != address).then(|| harmless(name)).flatten(),
            address: Address::new(address),
            is_customer: rest.is_some_and(|rest| rest.starts_with('/')),
        }
    }
}

/// A name that strangers chose, without what could disguise it: line breaks, invisible characters, and those that
/// change the direction of writing. None if nothing is left.
pub(super) fn harmless(name: &str) -> Option<String> {
    let visible: String = name.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(is_visible).collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let name = words.join(" ");
    if name.chars().count() > NAME_LENGTH_MAX {
        let short: String = name.chars().take(NAME_LENGTH_MAX).collect();
        return Some(format!("{}…", short.trim_end()));
    }
    (!name.is_empty()).then_some(name)
}

/// A text of a stranger's at length: without what could disguise it, cut off after so many characters.
pub(super) fn visible(text: &str, length_max: usize) -> String {
    let shown = |c: char| if c.is_whitespace() { ' ' } else { c };
    let mut letters = text.chars().map(shown).filter(is_visible);
    let short: String = letters.by_ref().take(length_max).collect();
    if letters.next().is_some() { format!("{short}…") } else { short }
}

fn is_visible(c: &char) -> bool {
    !matches!(*c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' // control characters
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}') // tags, variation selectors, private use
}

/// A wallet address or another URL, taken apart so that its host can stand out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// `http://` when it is not secure; nothing for https, which goes without saying.
    pub(super) scheme: &'static str,
    /// Host and port, in ASCII: names in other scripts stay in their `xn--` form, which imitates nothing.
    pub(super) host: String,
    /// What follows: path and query.
    pub(super) path: String,
}

impl Address {
    /// Takes an URL apart. What is none, such as a key's thumbprint, is all path.
    pub(super) fn new(text: &str) -> Self {
        let Some((url, host)) = Url::parse(text).ok().and_then(|url| Some((url.clone(), url.host_str()?.to_owned())))
        else {
            return Self { scheme: "", host: String::new(), path: text.to_owned() };
        };
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let path = if url.path() == "/" { "" } else { url.path() };
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Self {
            scheme: if url.scheme() == "https" { "" } else { "http://" },
            host: format!("{host}{port}"),
            path: format!("{path}{query}"),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}{}", self.scheme, self.host, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_made_harmless() {
        fn check(name: &str, expected: Option<&str>) {
            assert_eq!(harmless(name).as_deref(), expected, "{name:?}");
        }
        check("Shop of Bob", Some("Shop of Bob"));
        check("  Bob's \n\t Shop ", Some("Bob's Shop"));
        check("Café Zürich – 東京", Some("Café Zürich – 東京"));
        check("", None);
        check(" \u{200b}\u{2060} ", None);
        check("Bank\u{202e}kcatta", Some("Bankkcatta"));
        check("My\u{a0}Bank\u{2028}is safe", Some("My Bank is safe"));
        check("pay\u{200d}pal\u{ad}\u{e0041}", Some("paypal"));
        check(&"a".repeat(60), Some(&"a".repeat(60)));
        check(&"a".repeat(61), Some(&format!("{}…", "a".repeat(60))));
    }

    #[test]
    fn long_texts_are_shown_as_they_are() {
        assert_eq!(visible("Invoice \u{202e}gnp.exe\n12", 100), "Invoice gnp.exe 12");
        assert_eq!(visible(&"a".repeat(10), 10), "a".repeat(10));
        assert_eq!(visible(&"a".repeat(11), 10), format!("{}…", "a".repeat(10)));
    }

    #[test]
    fn hosts_stand_apart() {
        fn check(text: &str, scheme: &str, host: &str, path: &str) {
            let address = Address::new(text);
            assert_eq!((address.scheme, address.host.as_str(), address.path.as_str()), (scheme, host, path), "{text}");
        }
        check("https://wallet.example/alice", "", "wallet.example", "/alice");
        check("https://wallet.example", "", "wallet.example", "");
        check("http://localhost:4000/alice", "http://", "localhost:4000", "/alice");
        check("https://bank.example.evil.example/bank.example", "", "bank.example.evil.example", "/bank.example");
        check("https://bank.example@evil.example/", "", "evil.example", "");
        check("https://bаnk.example/a", "", "xn--bnk-6cd.example", "/a");
        check("https://a.example/p?q=1", "", "a.example", "/p?q=1");
        check("key 3q2-7w", "", "", "key 3q2-7w");
    }

    #[test]
    fn who_asks_is_told_by_address_and_own_name() {
        fn check(name: &str, address: &str, expected: (Option<&str>, bool)) {
            let who = Who::new(name, address, "https://bank.example");
            assert_eq!((who.name.as_deref(), who.is_customer), expected, "{name} {address}");
        }
        check("Shop", "https://shop.example/app", (Some("Shop"), false));
        check("https://shop.example/app", "https://shop.example/app", (None, false));
        check("Bank", "https://bank.example/mallory", (Some("Bank"), true));
        check("Bank", "https://bank.example.evil.example/", (Some("Bank"), false));
    }

    proptest! {
        #[test]
        fn no_name_is_long_or_disguised(name: String) {
            if let Some(shown) = harmless(&name) {
                prop_assert!(shown.chars().count() <= NAME_LENGTH_MAX + 1);
                prop_assert!(shown.chars().all(|c| !c.is_control() && is_visible(&c)));
                prop_assert!(!shown.trim().is_empty());
            }
        }

        #[test]
        fn any_text_can_be_an_address(text: String) {
            prop_assert!(!Address::new(&text).to_string().is_empty() || text.is_empty());
        }
    }
}
