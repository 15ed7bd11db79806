//! The consent page: what an app asks for, and the decision about it.

use super::login::{self, Notice};
use super::mandate::{Mandate, Step};
use super::names::{Address, Who};
use super::page::{self, Frame};
use super::visitor::Visitor;
use super::wording::{self, Moment};
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use bursar_app::interactions::{self, Answer, Consent, Item, Stage};
use bursar_app::refusals::Code;
use bursar_app::{App, Error, consent_api};
use bursar_types::ResourceType;
use serde::Deserialize;
use std::sync::Arc;

/// Where an interaction is: the two parts of its path that tell it from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) id: String,
    pub(super) path: String,
}

const BASE: &str = "/auth/interact/";

impl Link {
    /// Reads a path that is the link of an interaction and nothing else.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let plain =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let (id, path) = path.strip_prefix(BASE)?.split_once('/')?;
        (plain(id) && plain(path)).then(|| Self { id: id.to_owned(), path: path.to_owned() })
    }

    pub(super) fn to_path(&self) -> String {
        format!("{BASE}{}/{}", self.id, self.path)
    }
}

/// What is told about a request on every page that belongs to it.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) who: Who,
    /// What it asks, to stand after the name.
    pub(super) headline: &'static str,
    /// Where the browser goes afterwards.
    pub(super) back_to: Option<Address>,
    /// The path of its page.
    pub(super) path: String,
}

impl Ask {
    pub(super) fn new(app: &App, consent: &Consent, link: &Link) -> Self {
        Self {
            who: Who::new(&consent.client_name, &consent.client_address, &app.config.public_url),
            headline: wording::headline(&consent.items, consent.subject.is_some()),
            back_to: consent.finish_origin.as_deref().map(Address::new),
            path: link.to_path(),
        }
    }
}

/// The request in full, for whoever can decide it.
#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentPage {
    frame: Frame,
    ask: Ask,
    notice: Option<&'static str>,
    sections: Vec<Section>,
    subject: Option<Address>,
    decide_before: Moment,
}

/// One thing that is asked for.
struct Section {
    title: &'static str,
    wallet: Option<Address>,
    mandate: Option<Mandate>,
    points: Vec<&'static str>,
}

impl Section {
    fn new(item: &Item) -> Self {
        Self {
            title: wording::title(item),
            wallet: item.wallet.as_deref().map(Address::new),
            mandate: item.spending.as_ref().map(Mandate::new),
            points: wording::points(item.resource, &item.actions),
        }
    }

    /// One section for each thing. Asking for prices is part of sending money, and not worth a section beside it.
    fn all(items: &[Item]) -> Vec<Self> {
        let (prices, others): (Vec<&Item>, Vec<&Item>) =
            items.iter().partition(|item| item.resource == ResourceType::Quote);
        let mut sections: Vec<Self> = others.into_iter().map(Self::new).collect();
        let prices = prices.into_iter().map(Self::new);
        match sections.iter_mut().find(|section| section.mandate.is_some()) {
            Some(sending) => sending.points.extend(prices.flat_map(|section| section.points)),
            None => sections.extend(prices),
        }
        sections
    }
}

/// For somebody who is logged in, but whose wallet it is not.
#[derive(Template)]
#[template(path = "foreign.html")]
struct ForeignPage {
    frame: Frame,
    ask: Ask,
    notice: Option<&'static str>,
    person: String,
    wallet: Address,
}

/// A request that is no longer open.
#[derive(Template)]
#[template(path = "closed.html")]
struct ClosedPage {
    frame: Frame,
    ask: Ask,
    title: &'static str,
    text: &'static str,
}

/// The way back to the app.
#[derive(Template)]
#[template(path = "onward.html")]
struct OnwardPage {
    frame: Frame,
    title: &'static str,
    url: String,
    to: Address,
}

/// Sends the browser back to the app, or else to the request's own page.
///
/// A redirect would be enough, if browsers did not apply the `form-action` of the page with the form to all
/// redirects that follow: they would stop at an app whose callback leads to yet another origin, with the decision
/// made and nothing to be seen. So they get a page that leads on by itself, which is no form.
fn onward(app: &App, visitor: &Visitor, link: &Link, redirect: Option<String>, title: &'static str) -> Response {
    match redirect {
        Some(url) if visitor.is_browser => {
            let (frame, to) = (Frame::new(app, visitor, &link.to_path()), Address::new(&url));
            page::show(app, visitor, StatusCode::OK, &OnwardPage { frame, title, url, to }, None)
        }
        Some(url) => page::see_other(&url),
        None => page::see_other(&link.to_path()),
    }
}

/// `GET /auth/interact/{id}/{path}`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path((id, path)): Path<(String, String)>,
    visitor: Visitor,
) -> Response {
    let link = Link { id, path };
    present(&app, &visitor, &link, None).await.unwrap_or_else(|error| page::failed(&app, &error))
}

/// `GET /auth/interact/{id}/{path}/finish/{ticket}`: the way back to the app from a consent page of the provider's own.
pub(super) async fn finish(
    State(app): State<Arc<App>>,
    Path((id, path, ticket)): Path<(String, String, String)>,
    visitor: Visitor,
) -> Response {
    match consent_api::finish(&app, &id, &path, &ticket).await {
        Ok(finished) => {
            let title = closed(finished.stage, true).0;
            onward(&app, &visitor, &Link { id, path }, finished.redirect, title)
        }
        Err(error) => page::failed(&app, &error),
    }
}

/// The page that fits where the request stands and who looks at it.
async fn present(app: &App, visitor: &Visitor, link: &Link, notice: Option<&'static str>) -> Result<Response, Error> {
    let consent = interactions::view(app, &link.id, &link.path).await?;
    if consent.stage == Stage::Open
        && let Some(url) = consent_api::page_url(app, &link.id, &link.path)
    {
        return Ok(page::see_other(&url));
    }
    let (ask, frame) = (Ask::new(app, &consent, link), Frame::new(app, visitor, &link.to_path()));
    let finish = consent.finish_origin.as_deref();
    let status = if notice.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    if consent.stage != Stage::Open {
        let (title, text) = closed(consent.stage, finish.is_some());
        return Ok(page::show(app, visitor, status, &ClosedPage { frame, ask, title, text }, finish));
    }
    let Some(person) = &visitor.person else {
        return Ok(login::page(app, visitor, (ask, finish), "", notice.map(Notice::Stale)));
    };
    if let Some(wallet) = interactions::foreign_wallet(app, &consent, person).await? {
        let (person, wallet) = (person.name.clone(), Address::new(&wallet));
        return Ok(page::show(app, visitor, status, &ForeignPage { frame, ask, notice, person, wallet }, finish));
    }
    let page = ConsentPage {
        frame,
        ask,
        notice,
        sections: Section::all(&consent.items),
        subject: consent.subject.as_deref().map(Address::new),
        decide_before: Moment::new(consent.expires_at),
    };
    Ok(page::show(app, visitor, status, &page, finish))
}

fn closed(stage: Stage, can_go_back: bool) -> (&'static str, &'static str) {
    match (stage, can_go_back) {
        (Stage::Approved, true) => ("Approved", "This request has been approved. There is nothing left to decide."),
        (Stage::Approved, false) => {
            ("Approved", "This request has been approved. You can close this page and go back to the app.")
        }
        (Stage::Denied, true) => ("Denied", "This request has been denied. The app gets nothing."),
        (Stage::Denied, false) => {
            ("Denied", "This request has been denied. The app gets nothing. You can close this page.")
        }
        (Stage::Open | Stage::Over, _) => (
            "This request is over",
            "It was not finished in time, or it was withdrawn. If you still want it, start again in the app.",
        ),
    }
}

/// The form of the consent page.
#[derive(Deserialize)]
pub(super) struct Decided {
    decision: Decision,
    token: String,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Decision {
    Approve,
    Deny,
    /// Go back to the app from a request that is no longer open.
    Leave,
}

const STALE: &str = "Nothing was decided yet: this page had become out of date. Please look again, then decide. \
                     If you keep seeing this, your browser may be refusing cookies.";

/// `POST /auth/interact/{id}/{path}`.
pub(super) async fn decide(
    State(app): State<Arc<App>>,
    Path((id, path)): Path<(String, String)>,
    visitor: Visitor,
    form: Result<Form<Decided>, FormRejection>,
) -> Response {
    let Ok(Form(form)) = form else { return page::unreadable(&app) };
    let link = Link { id, path };
    apply(&app, &visitor, &link, &form).await.unwrap_or_else(|error| page::failed(&app, &error))
}

async fn apply(app: &App, visitor: &Visitor, link: &Link, form: &Decided) -> Result<Response, Error> {
    let person = visitor.person.as_ref();
    let (answer, wanted) = match (form.decision, person) {
        // Who sits there is known to the provider's own page alone.
        (Decision::Approve | Decision::Deny, _) if app.config.consent_page.is_some() => {
            return present(app, visitor, link, None).await;
        }
        // Changes nothing, so it needs no proof.
        (Decision::Leave, _) => {
            let finished = interactions::leave(app, &link.id, &link.path, person).await?;
            let redirect = finished.redirect.filter(|_| finished.stage != Stage::Open);
            return Ok(onward(app, visitor, link, redirect, "Back to the app"));
        }
        (Decision::Approve, Some(person)) if visitor.sent(app, &form.token) => {
            (Answer::approve(person.clone()), Stage::Approved)
        }
        (Decision::Deny, _) if visitor.sent_unnamed(app, &form.token) => (Answer::Deny, Stage::Denied),
        _ => return present(app, visitor, link, Some(STALE)).await,
    };
    match interactions::decide(app, &link.id, &link.path, answer).await {
        Ok(finished) => {
            // Whoever finds it decided otherwise, or too late, is told so here instead of being sent on.
            let redirect = finished.redirect.filter(|_| finished.stage == wanted);
            Ok(onward(app, visitor, link, redirect, closed(wanted, true).0))
        }
        // The page itself tells whose wallet it is.
        Err(Error::Refused(refusal)) if refusal.code == Code::InsufficientGrant => {
            present(app, visitor, link, None).await
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_of_interactions_are_links() {
        fn check(path: &str, expected: Option<(&str, &str)>) {
            let link = Link::parse(path);
            assert_eq!(link.as_ref().map(|link| (link.id.as_str(), link.path.as_str())), expected, "{path}");
            assert!(link.is_none_or(|link| link.to_path() == path));
        }
        check("/auth/interact/0196e0c2-7f/aB-_9", Some(("0196e0c2-7f", "aB-_9")));
        check("/auth/interact/a", None);
        check("/auth/interact/a/", None);
        check("/auth/interact//b", None);
        check("/auth/interact/a/b/c", None);
        check("/auth/interact/a/b?c", None);
        check("/auth/interact/a/..", None);
        check("//evil.example/auth/interact/a/b", None);
        check("https://evil.example/auth/interact/a/b", None);
        check("/\\evil.example", None);
        check("", None);
    }

    #[test]
    fn every_end_is_explained() {
        for (stage, title) in
            [(Stage::Approved, "Approved"), (Stage::Denied, "Denied"), (Stage::Over, "This request is over")]
        {
            for can_go_back in [true, false] {
                let (shown, text) = closed(stage, can_go_back);
                assert_eq!(shown, title);
                assert_eq!(text.contains("close this page"), !can_go_back && stage != Stage::Over);
            }
        }
    }
}
