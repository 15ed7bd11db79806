//! Which set-ups are allowed.

use bursar_app::Config;
use bursar_app::config::InvalidConfig;

#[test]
fn public_urls() {
    let check =
        |url: &str, sandbox: bool, force: bool| Config::new(url, sandbox, force).map(|config| config.public_url);
    assert_eq!(check("https://wallet.example", false, false).as_deref(), Ok("https://wallet.example"));
    assert_eq!(check("https://Wallet.Example/", false, false).as_deref(), Ok("https://wallet.example"));
    for harmless in [
        "http://localhost:4000",
        "http://127.0.0.1:4000",
        "http://[::1]:4000",
        "https://wallet.test",
        "http://a.localhost",
    ] {
        assert!(check(harmless, true, false).is_ok(), "{harmless}");
    }
    assert!(matches!(check("http://wallet.example", false, false), Err(InvalidConfig::NotSecure(_))));
    for open in [
        "https://wallet.example",
        "http://192.168.1.1:4000",
        "http://0.0.0.0:4000",
        "https://test",
        "https://wallet.test.example",
    ] {
        assert!(matches!(check(open, true, false), Err(InvalidConfig::PublicSandbox(_))), "{open}");
        assert!(check(open, true, true).is_ok(), "{open}");
    }
    for nonsense in [
        "wallet.example",
        "https://wallet.example/path",
        "https://wallet.example?x",
        "https://u@wallet.example",
        "ftp://wallet.test",
        "",
    ] {
        assert!(matches!(check(nonsense, true, true), Err(InvalidConfig::PublicUrl(_))), "{nonsense:?}");
    }
}
