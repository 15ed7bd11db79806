//! Wallet addresses.

use bursar_types::WalletAddressUrl;
use proptest::prelude::*;

#[test]
fn spellings() {
    let cases = [
        ("https://wallet.example/alice", "https://wallet.example/alice", "$wallet.example/alice"),
        ("https://Wallet.Example/Alice", "https://wallet.example/alice", "$wallet.example/alice"),
        ("https://wallet.example/alice/", "https://wallet.example/alice", "$wallet.example/alice"),
        ("$wallet.example/alice", "https://wallet.example/alice", "$wallet.example/alice"),
        ("$wallet.example", "https://wallet.example/.well-known/pay", "$wallet.example"),
        ("https://wallet.example/", "https://wallet.example/.well-known/pay", "$wallet.example"),
        ("https://wallet.example:443/alice", "https://wallet.example/alice", "$wallet.example/alice"),
        ("http://localhost:4000/alice", "http://localhost:4000/alice", "$localhost:4000/alice"),
        ("https://wallet.example/a/../b", "https://wallet.example/b", "$wallet.example/b"),
        ("https://wallet.example/a%2Fb", "https://wallet.example/a%2fb", "$wallet.example/a%2fb"),
    ];
    for (text, url, pointer) in cases {
        let address = WalletAddressUrl::parse(text).unwrap();
        assert_eq!((address.as_str(), address.payment_pointer().as_str()), (url, pointer), "{text}");
    }
    for text in [
        "",
        "alice",
        "ftp://wallet.example/alice",
        "https://",
        "$",
        "$/alice",
        "https://user@wallet.example/alice",
        "https://u:p@wallet.example/alice",
        "https://wallet.example/alice?x=1",
        "https://wallet.example/alice#x",
        "javascript:alert(1)",
    ] {
        assert!(WalletAddressUrl::parse(text).is_err(), "{text:?}");
    }
    assert!(WalletAddressUrl::parse(&format!("https://wallet.example/{}", "a".repeat(2048))).is_err());
}

#[test]
fn origins() {
    let check = |text: &str, origin: &str, public: bool| {
        let address = WalletAddressUrl::parse(text).unwrap();
        assert_eq!((address.origin(), address.is_public()), (origin, public), "{text}");
    };
    check("https://wallet.example/alice", "https://wallet.example", true);
    check("https://wallet.example:8443/alice", "https://wallet.example:8443", false);
    check("http://wallet.example/alice", "http://wallet.example", false);
    check("http://[::1]:4000/alice", "http://[::1]:4000", false);
}

proptest! {
    #[test]
    fn canonical_text_stays_as_it_is(text in "(https?://|\\$)[a-zA-Z0-9.-]{1,20}(:[0-9]{1,4})?(/[a-zA-Z0-9._~%-]{0,12}){0,3}") {
        if let Ok(address) = WalletAddressUrl::parse(&text) {
            prop_assert_eq!(WalletAddressUrl::parse(address.as_str()).unwrap(), address);
        }
    }

    #[test]
    fn no_text_panics(text in ".{0,80}") {
        let _ = WalletAddressUrl::parse(&text);
    }
}
