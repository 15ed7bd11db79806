//! Apps: the grants that somebody has given, what was spent under each, and changing that.

mod lowering;
mod shown;

pub(super) use lowering::{ask_less, confirm_less, lower};

use super::confirm::{self, Question};
use super::frame::{APP_PAUSED, APP_RESUMED, APP_REVOKED, Flash, Frame};
use super::member::{Member, Sent};
use super::pager::Pages;
use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use bursar_app::mandates::{self, Act, Search, Show};
use bursar_app::{App, Error};
use serde::Deserialize;
use shown::{Detail, Listed};
use std::sync::Arc;
use url::form_urlencoded;

/// Longest text that is searched for, in characters.
const SEARCH_LENGTH_MAX: usize = 100;

/// Which grants are listed, by the word in the query and on the page.
const SHOWN: [(Show, &str, &str); 4] = [
    (Show::All, "", "All"),
    (Show::Active, "active", "Active"),
    (Show::Paused, "paused", "Paused"),
    (Show::Ended, "ended", "Ended"),
];

#[derive(Template)]
#[template(path = "apps.html")]
struct ListPage {
    frame: Frame,
    /// What is searched for.
    text: String,
    /// The ways to filter: path, words, and whether it is the one in force.
    tabs: Vec<(String, &'static str, bool)>,
    /// The word of the one in force.
    show: &'static str,
    listed: Vec<Listed>,
    pages: Pages,
}

/// The last value of each name in a query.
fn values(query: Option<String>, names: [&str; 3]) -> [String; 3] {
    let mut values: [String; 3] = Default::default();
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        if let Some(place) = names.iter().position(|wanted| *wanted == name) {
            values[place] = value.into_owned();
        }
    }
    values
}

/// The list with these filters; empty ones are left out.
fn list_path(fields: [(&str, &str); 3]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(fields.into_iter().filter(|(_, value)| !value.is_empty()));
    match query.finish() {
        query if query.is_empty() => "/wallet/apps".to_owned(),
        query => format!("/wallet/apps?{query}"),
    }
}

/// `GET /wallet/apps`.
pub(super) async fn list(State(app): State<Arc<App>>, RawQuery(query): RawQuery, member: Member) -> Response {
    let [text, word, older] = values(query, ["q", "show", "older"]);
    let text: String = text.trim().chars().take(SEARCH_LENGTH_MAX).collect();
    let (show, word, _) = SHOWN.into_iter().find(|(_, known, _)| *known == word).unwrap_or(SHOWN[0]);
    let older_than = match older.as_str() {
        "" => Ok(None),
        id => mandates::cursor(id).map(Some),
    };
    let found = match older_than {
        Ok(older_than) => mandates::list(&app, &member.person, Search { show, text: text.clone(), older_than }).await,
        Err(error) => Err(error),
    };
    let page = match found {
        Ok(page) => page,
        Err(error) => return member.failed(&app, &error),
    };
    let frame = member.frame(&app);
    let pages = Pages {
        newer: (!older.is_empty()).then(|| list_path([("q", &text), ("show", word), ("older", "")])),
        older: page.next.map(|next| list_path([("q", &text), ("show", word), ("older", &next.to_string())])),
    };
    let tab = |(_, known, label): (Show, &'static str, &'static str)| {
        (list_path([("q", &text), ("show", known), ("older", "")]), label, known == word)
    };
    let listed = page.found.iter().map(|mandate| Listed::new(mandate, &app.config.public_url, &frame.view)).collect();
    let tabs = SHOWN.into_iter().map(tab).collect();
    member.show(&app, &ListPage { frame, text, tabs, show: word, listed, pages })
}

#[derive(Template)]
#[template(path = "app.html")]
struct DetailPage {
    frame: Frame,
    path: String,
    detail: Detail,
    pages: Pages,
}

/// `GET /wallet/apps/{id}`.
pub(super) async fn show(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    member: Member,
) -> Response {
    let [older, ..] = values(query, ["older", "-", "-"]);
    let older_than = match older.as_str() {
        "" => Ok(None),
        id => mandates::cursor(id).map(Some),
    };
    let found = match older_than {
        Ok(older_than) => mandates::get(&app, &member.person, &id, older_than).await,
        Err(error) => Err(error),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => return member.failed(&app, &error),
    };
    let frame = member.frame(&app);
    let path = path_of(&found.mandate.id.to_string());
    let pages = Pages {
        newer: (!older.is_empty()).then(|| format!("{path}#payments")),
        older: found.payments.next.map(|next| format!("{path}?older={next}#payments")),
    };
    let detail = Detail::new(&found, &app.config.public_url, &frame.view);
    member.show(&app, &DetailPage { frame, path, detail, pages })
}

fn path_of(id: &str) -> String {
    format!("/wallet/apps/{id}")
}

/// What is asked before an act, and told afterwards.
struct Asked {
    act: Act,
    question: fn(&str) -> Question,
    flash: &'static Flash,
}

/// The act of this name.
fn act_named(word: &str) -> Option<Asked> {
    Some(match word {
        "pause" => Asked { act: Act::Pause, question: pausing, flash: &APP_PAUSED },
        "resume" => Asked { act: Act::Resume, question: resuming, flash: &APP_RESUMED },
        "revoke" => Asked { act: Act::Revoke, question: revoking, flash: &APP_REVOKED },
        _ => return None,
    })
}

fn pausing(name: &str) -> Question {
    Question {
        title: format!("Pause {name}?"),
        text: vec![
            "From this moment on it can pay nothing, until you resume it.".to_owned(),
            "It is told that you have paused it when it tries, and it can still look up what it made. Periods go on: what \
             is not spent in them is not made up for later."
                .to_owned(),
        ],
        button: "Pause",
        ..Question::default()
    }
}

fn resuming(name: &str) -> Question {
    Question {
        title: format!("Resume {name}?"),
        text: vec!["It can pay again at once, within its limits.".to_owned()],
        button: "Resume",
        ..Question::default()
    }
}

fn revoking(name: &str) -> Question {
    Question {
        title: format!("End what {name} may do?"),
        text: vec![
            "From this moment on it can pay nothing and look up nothing with this permission.".to_owned(),
            "This cannot be undone. If you want it again later, the app has to ask you anew.".to_owned(),
        ],
        button: "End it",
        is_dangerous: true,
        ..Question::default()
    }
}

/// `GET /wallet/apps/{id}/{act}`: asks once more.
pub(super) async fn ask(
    State(app): State<Arc<App>>,
    Path((id, word)): Path<(String, String)>,
    member: Member,
) -> Response {
    let Some(known) = act_named(&word) else { return member.failed(&app, &Error::not_found("page")) };
    match mandates::get(&app, &member.person, &id, None).await {
        Ok(found) => {
            let question = (known.question)(&shown::name_of(&found.mandate));
            let path = path_of(&id);
            confirm::page(&app, &member, Question { action: format!("{path}/{word}"), back: path, ..question })
        }
        Err(error) => member.failed(&app, &error),
    }
}

/// A form with nothing but its token.
#[derive(Deserialize)]
pub(super) struct Nothing {}

/// `POST /wallet/apps/{id}/{act}`.
pub(super) async fn act(
    State(app): State<Arc<App>>,
    Path((id, word)): Path<(String, String)>,
    sent: Sent<Nothing>,
) -> Response {
    let member = sent.member;
    let Some(known) = act_named(&word) else { return member.failed(&app, &Error::not_found("page")) };
    match mandates::act(&app, &member.person, &id, known.act).await {
        Ok(()) => member.done(&app, &path_of(&id), known.flash),
        Err(error) => member.failed(&app, &error),
    }
}
