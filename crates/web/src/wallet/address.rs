//! The page at a wallet address, for people: whose it is, and how to write it down or scan it.

use super::names::harmless;
use super::page::{self, Frame};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use bursar_app::refusals::Code;
use bursar_app::{App, Error};
use bursar_types::{WalletAddress, WalletAddressUrl};
use qrcodegen::{QrCode, QrCodeEcc};
use std::fmt::Write as _;

/// The page of a wallet address.
#[derive(Template)]
#[template(path = "address.html")]
struct AddressPage {
    frame: Frame,
    /// The name that its owner gave it.
    name: Option<String>,
    url: String,
    pointer: String,
    asset: String,
    code: Option<Code2d>,
}

/// A QR code (ISO/IEC 18004) as one path of unit squares.
pub(super) struct Code2d {
    /// Modules along a side, the quiet zone of four on each side included.
    pub(super) side: i32,
    pub(super) path: String,
}

const QUIET: i32 = 4;

impl Code2d {
    /// None for text that is too long for one.
    pub(super) fn new(text: &str) -> Option<Self> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
        let mut path = String::new();
        for y in 0..code.size() {
            let mut x = 0;
            while x < code.size() {
                let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count();
                let run = i32::try_from(run).ok()?;
                if run > 0 {
                    let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
                }
                x += run.max(1);
            }
        }
        Some(Self { side: code.size() + 2 * QUIET, path })
    }
}

/// The page of a wallet address, or one that says why there is none.
pub(crate) fn address_page(app: &App, found: Result<WalletAddress, Error>) -> Response {
    let wallet = match found {
        Ok(wallet) => wallet,
        Err(Error::Refused(refusal)) if refusal.code == Code::NotFound => return page::nobody(app),
        Err(error) => return page::failed(app, &error),
    };
    let pointer = WalletAddressUrl::parse(&wallet.id).map(|url| url.payment_pointer()).unwrap_or_default();
    let template = AddressPage {
        frame: Frame::bare(app),
        name: wallet.public_name.as_deref().and_then(harmless),
        pointer,
        asset: wallet.asset_code,
        code: Code2d::new(&wallet.id),
        url: wallet.id,
    };
    page::draw(StatusCode::OK, &template, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_drawn_with_its_quiet_zone() {
        // 20 bytes at level M need version 2, which has 25 modules a side.
        let code = Code2d::new("https://w.example/al").unwrap();
        assert_eq!(code.side, 25 + 8);
        // The finder pattern at the upper left begins with seven dark modules.
        assert!(code.path.starts_with("M4 4h7v1h-7z"), "{}", &code.path[..40]);
        assert!(code.path.bytes().all(|b| b.is_ascii_digit() || b"M hvz-".contains(&b)));
        assert!(Code2d::new(&"x".repeat(2_048)).is_some(), "the longest wallet address fits");
        assert!(Code2d::new(&"x".repeat(3_000)).is_none());
    }
}
