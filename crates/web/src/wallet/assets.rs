//! What pages refer to: their style, their script and their mark, inside the program.

use axum::extract::Path;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A file inside the program. Its URL holds a hash of its content, so browsers may keep it for ever.
struct Asset {
    stem: &'static str,
    extension: &'static str,
    content_type: &'static str,
    content: &'static [u8],
    hash: u64,
}

impl Asset {
    const fn new(
        stem: &'static str,
        extension: &'static str,
        content_type: &'static str,
        content: &'static [u8],
    ) -> Self {
        Self { stem, extension, content_type, content, hash: fingerprint(content) }
    }

    fn file(&self) -> String {
        format!("{}-{:016x}.{}", self.stem, self.hash, self.extension)
    }

    fn url(&self) -> String {
        format!("/assets/{}", self.file())
    }
}

/// All style sheets as one, in the order in which later rules win.
const STYLES: &str = concat!(
    include_str!("../../assets/css/tokens.css"),
    include_str!("../../assets/css/frame.css"),
    include_str!("../../assets/css/components.css"),
    include_str!("../../assets/css/forms.css"),
    include_str!("../../assets/css/consent.css"),
    include_str!("../../assets/css/account.css"),
    include_str!("../../assets/css/pay.css"),
);

static STYLE: Asset = Asset::new("wallet", "css", "text/css; charset=utf-8", STYLES.as_bytes());
static SCRIPT: Asset =
    Asset::new("wallet", "js", "text/javascript; charset=utf-8", include_bytes!("../../assets/wallet.js"));
static CONSENT: Asset =
    Asset::new("consent", "js", "text/javascript; charset=utf-8", include_bytes!("../../assets/consent.js"));
static PASSKEY_SCRIPT: Asset =
    Asset::new("passkey", "js", "text/javascript; charset=utf-8", include_bytes!("../../assets/passkey.js"));
static MARK: Asset = Asset::new("mark", "svg", "image/svg+xml", include_bytes!("../../assets/mark.svg"));
/// Everything that is served below `/assets/`.
static ASSETS: [&Asset; 5] = [&STYLE, &SCRIPT, &CONSENT, &PASSKEY_SCRIPT, &MARK];

/// FNV-1a: tells versions of our own files apart, nothing more.
const fn fingerprint(content: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut index = 0;
    while index < content.len() {
        hash = (hash ^ content[index] as u64).wrapping_mul(0x100_0000_01b3);
        index += 1;
    }
    hash
}

/// The URLs of all files, for templates.
#[derive(Debug, Clone)]
pub(super) struct Urls {
    pub(super) style: String,
    pub(super) script: String,
    pub(super) consent: String,
    pub(super) passkey_script: String,
    pub(super) mark: String,
}

impl Urls {
    pub(super) fn new() -> Self {
        Self {
            style: STYLE.url(),
            script: SCRIPT.url(),
            consent: CONSENT.url(),
            passkey_script: PASSKEY_SCRIPT.url(),
            mark: MARK.url(),
        }
    }
}

/// `GET /assets/{file}`.
pub(super) async fn get(Path(file): Path<String>) -> Response {
    let Some(asset) = ASSETS.into_iter().find(|asset| asset.file() == file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, asset.content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_fnv_1a() {
        // From the reference test suite of the hash.
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fingerprint(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[tokio::test]
    async fn files_are_kept_for_ever_under_their_hash() {
        async fn check(file: &str, status: StatusCode) {
            let response = get(Path(file.to_owned())).await;
            assert_eq!(response.status(), status, "{file}");
            let cached = response.headers().get(header::CACHE_CONTROL).is_some();
            assert_eq!(cached, status == StatusCode::OK, "{file}");
        }
        let urls = Urls::new();
        for url in [&urls.style, &urls.script, &urls.consent, &urls.passkey_script, &urls.mark] {
            check(url.strip_prefix("/assets/").unwrap(), StatusCode::OK).await;
        }
        check("wallet.css", StatusCode::NOT_FOUND).await;
        check("wallet-0000000000000000.css", StatusCode::NOT_FOUND).await;
        check("../Cargo.toml", StatusCode::NOT_FOUND).await;
    }
}
