//! The consent page: what an app asks for, and the decision about it.

mod section;

use super::less::{Fault, Typing};
use super::login::{self, Notice};
use super::mandate::Step;
use super::names::{Address, Who};
use super::page::{self, Frame};
use super::view::{Moment, View};
use super::visitor::Visitor;
use super::wording;
use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use bursar_app::acquaintance;
use bursar_app::interactions::{self, Answer, Choice, Consent, Stage};
use bursar_app::login::LoggedIn;
use bursar_app::refusals::Code;
use bursar_app::{App, Error, consent_api};
use section::{Known, Section, choose};
use std::sync::Arc;
use url::form_urlencoded;

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
    known: Known,
    notice: Option<&'static str>,
    sections: Vec<Section>,
    subject: Option<Address>,
    decide_before: Moment,
    /// A name for exactly what the page says.
    terms: String,
    /// Whether a limit is missing, which has to be confirmed.
    is_unlimited: bool,
    /// Whether that was forgotten.
    is_unconfirmed: bool,
}

/// A request for nothing but proof that a wallet is somebody's.
#[derive(Template)]
#[template(path = "subject.html")]
struct SubjectPage {
    frame: Frame,
    ask: Ask,
    known: Known,
    notice: Option<&'static str>,
    wallet: Address,
    decide_before: Moment,
    terms: String,
}

/// How the page is looked at.
#[derive(Default)]
struct Look {
    /// What is in its fields.
    typing: Typing,
    /// What cannot be so.
    faults: Vec<(usize, Fault)>,
    notice: Option<&'static str>,
    /// Whether the confirmation was forgotten.
    is_unconfirmed: bool,
    status: StatusCode,
}

impl Look {
    fn told(status: StatusCode, notice: &'static str) -> Self {
        Self { notice: Some(notice), status, ..Self::default() }
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

/// `GET /auth/interact/{id}/{path}`. The query holds what was typed into the fields.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path((id, path)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Response {
    let link = Link { id, path };
    let pairs: Vec<(String, String)> =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    let look = Look { typing: Typing::read(&pairs), ..Look::default() };
    present(&app, &visitor, &link, look).await.unwrap_or_else(|error| page::failed(&app, &error))
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
async fn present(app: &App, visitor: &Visitor, link: &Link, look: Look) -> Result<Response, Error> {
    let consent = interactions::view(app, &link.id, &link.path).await?;
    if consent.stage == Stage::Open
        && let Some(url) = consent_api::page_url(app, &link.id, &link.path)
    {
        return Ok(page::see_other(&url));
    }
    let (ask, frame) = (Ask::new(app, &consent, link), Frame::new(app, visitor, &link.to_path()));
    let finish = consent.finish_origin.clone();
    let finish = finish.as_deref();
    let (status, notice) = (look.status, look.notice);
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
    let (consent, look) = narrowed(app, link, consent, look, &frame.view).await?;
    let known = acquaintance::of(app, &consent, person).await?;
    let decide_before = frame.view.moment(consent.expires_at);
    let (terms, status) = (consent.terms.clone(), look.status);
    let sections = Section::all(&consent, &look, &known, &frame.view);
    let known = Known::new(&known, &app.config.provider_name, &frame.view);
    let subject = consent.subject.as_deref().map(Address::new);
    if let (true, Some(wallet)) = (sections.is_empty(), subject.clone()) {
        let page = SubjectPage { frame, ask, known, notice, wallet, decide_before, terms };
        return Ok(page::show(app, visitor, status, &page, finish));
    }
    let page = ConsentPage {
        frame,
        ask,
        known,
        notice,
        sections,
        subject,
        decide_before,
        terms,
        is_unlimited: consent.is_unlimited,
        is_unconfirmed: look.is_unconfirmed,
    };
    Ok(page::show(app, visitor, status, &page, finish))
}

/// The request with what was typed taken away; as it was asked, if that is not possible.
async fn narrowed(
    app: &App,
    link: &Link,
    consent: Consent,
    mut look: Look,
    view: &View,
) -> Result<(Consent, Look), Error> {
    if look.typing.is_empty() {
        return Ok((consent, look));
    }
    match choose(&consent, &look.typing, view) {
        Ok(choice) => Ok((interactions::consider(app, &link.id, &link.path, &choice).await?, look)),
        Err(faults) => {
            look.faults = faults;
            look.status = StatusCode::UNPROCESSABLE_ENTITY;
            Ok((consent, look))
        }
    }
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

/// The form of the consent page: what is decided, what the page had shown, and what is in its fields.
struct Decided {
    decision: Decision,
    token: String,
    terms: String,
    accepts_no_limit: bool,
    typing: Typing,
}

impl Decided {
    fn read(pairs: &[(String, String)]) -> Option<Self> {
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        Some(Self {
            decision: Decision::of(&value("decision")?)?,
            token: value("token")?,
            terms: value("terms").unwrap_or_default(),
            accepts_no_limit: value("no-limit").is_some_and(|value| value == "yes"),
            typing: Typing::read(pairs),
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Decision {
    Approve,
    Deny,
    /// Look at what it comes to with what is typed.
    Preview,
    /// Go back to the app from a request that is no longer open.
    Leave,
}

impl Decision {
    fn of(word: &str) -> Option<Self> {
        match word {
            "approve" => Some(Self::Approve),
            "deny" => Some(Self::Deny),
            "preview" => Some(Self::Preview),
            "leave" => Some(Self::Leave),
            _ => None,
        }
    }
}

const STALE: &str = "Nothing was decided yet: this page had become out of date. Please look again, then decide. \
                     If you keep seeing this, your browser may be refusing cookies.";
const CHANGED: &str = "Nothing was decided yet: this is what it comes to now. Please look at it, then decide.";
const UNCONFIRMED: &str = "Nothing was decided yet: there is no limit. If that is what you want, confirm it below.";

/// `POST /auth/interact/{id}/{path}`.
pub(super) async fn decide(
    State(app): State<Arc<App>>,
    Path((id, path)): Path<(String, String)>,
    visitor: Visitor,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Response {
    let Some(form) = form.ok().and_then(|Form(pairs)| Decided::read(&pairs)) else { return page::unreadable(&app) };
    let link = Link { id, path };
    apply(&app, &visitor, &link, form).await.unwrap_or_else(|error| page::failed(&app, &error))
}

async fn apply(app: &App, visitor: &Visitor, link: &Link, form: Decided) -> Result<Response, Error> {
    let person = visitor.person.as_ref();
    match (form.decision, person) {
        // Changes nothing, so it needs no proof; and it can be loaded again.
        (Decision::Preview, _) => {
            let query = Some(form.typing.to_query()).filter(|query| !query.is_empty());
            Ok(page::see_other(&format!(
                "{}{}",
                link.to_path(),
                query.map(|query| format!("?{query}")).unwrap_or_default()
            )))
        }
        (Decision::Leave, _) => {
            let finished = interactions::leave(app, &link.id, &link.path, person).await?;
            let redirect = finished.redirect.filter(|_| finished.stage != Stage::Open);
            Ok(onward(app, visitor, link, redirect, "Back to the app"))
        }
        // Who sits there is known to the provider's own page alone.
        _ if app.config.consent_page.is_some() => present(app, visitor, link, Look::default()).await,
        (Decision::Approve, Some(person)) if visitor.sent(app, &form.token) => {
            approve(app, visitor, link, person.clone(), form).await
        }
        (Decision::Deny, _) if visitor.sent_unnamed(app, &form.token) => {
            finish_with(app, visitor, link, Answer::Deny, Stage::Denied).await
        }
        _ => present(app, visitor, link, Look::told(StatusCode::FORBIDDEN, STALE)).await,
    }
}

/// Approves what the page showed, if the fields still say the same.
async fn approve(
    app: &App,
    visitor: &Visitor,
    link: &Link,
    person: LoggedIn,
    form: Decided,
) -> Result<Response, Error> {
    let asked = interactions::view(app, &link.id, &link.path).await?;
    // A button pressed twice, or in two tabs: what was decided first counts.
    if asked.stage != Stage::Open {
        return finish_with(app, visitor, link, Answer::approve(person), Stage::Approved).await;
    }
    let again = |notice, is_unconfirmed| Look {
        typing: form.typing.clone(),
        is_unconfirmed,
        ..Look::told(StatusCode::UNPROCESSABLE_ENTITY, notice)
    };
    let Ok(choice) = choose(&asked, &form.typing, &visitor.view) else {
        return present(app, visitor, link, again(CHANGED, false)).await;
    };
    let choice = Choice { accepts_no_limit: form.accepts_no_limit, ..choice };
    let answer = Answer::Approve { person, choice, shown: Some(form.terms.clone()) };
    match finish_with(app, visitor, link, answer, Stage::Approved).await {
        Err(Error::Refused(refusal)) if refusal.code == Code::Conflict => {
            present(app, visitor, link, again(CHANGED, false)).await
        }
        Err(Error::Refused(refusal)) if refusal.code == Code::Unconfirmed => {
            present(app, visitor, link, again(UNCONFIRMED, true)).await
        }
        other => other,
    }
}

async fn finish_with(
    app: &App,
    visitor: &Visitor,
    link: &Link,
    answer: Answer,
    wanted: Stage,
) -> Result<Response, Error> {
    match interactions::decide(app, &link.id, &link.path, answer).await {
        Ok(finished) => {
            // Whoever finds it decided otherwise, or too late, is told so here instead of being sent on.
            let redirect = finished.redirect.filter(|_| finished.stage == wanted);
            Ok(onward(app, visitor, link, redirect, closed(wanted, true).0))
        }
        // The page itself tells whose wallet it is.
        Err(Error::Refused(refusal)) if refusal.code == Code::InsufficientGrant => {
            present(app, visitor, link, Look::default()).await
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
