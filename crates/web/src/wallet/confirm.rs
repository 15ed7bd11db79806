//! Asking once more before something that matters is done. A page of its own, so that it works without scripts.

use super::member::Member;
use super::page::Frame;
use askama::Template;
use axum::response::Response;
use bursar_app::App;

/// A question with one way on and one way back.
#[derive(Debug, Clone, Default)]
pub(super) struct Question {
    /// As a question: `Log out?`
    pub(super) title: String,
    /// What will happen, one paragraph each.
    pub(super) text: Vec<String>,
    /// What the button says: the act itself, never just "OK".
    pub(super) button: &'static str,
    /// Whether it cannot be undone.
    pub(super) is_dangerous: bool,
    /// Where the form goes.
    pub(super) action: String,
    /// What the form carries, apart from its token.
    pub(super) fields: Vec<(&'static str, String)>,
    /// Where whoever does not want it goes.
    pub(super) back: String,
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage {
    frame: Frame,
    ask: Question,
}

/// The page that asks.
pub(super) fn page(app: &App, member: &Member, ask: Question) -> Response {
    member.show(app, &ConfirmPage { frame: member.frame(app), ask })
}
