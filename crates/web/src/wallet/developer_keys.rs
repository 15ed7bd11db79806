//! The keys with which programs sign in the name of a wallet address: list, paste, make and download, remove.

use super::addresses::{Address, Nothing, PATH};
use super::confirm::{self, Question};
use super::frame::{Frame, KEY_ADDED, KEY_REMOVED};
use super::member::{Member, Sent};
use super::names::visible;
use super::page;
use super::view::Moment;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bursar_app::developer_keys::{self, NAME_LENGTH_MAX, Unusable};
use bursar_app::refusals::Code;
use bursar_app::{App, Error};
use serde::Deserialize;
use std::sync::Arc;

/// Longest `kid` that a key made here can have, in characters.
const KID_LENGTH_MAX: usize = 64;

/// A key as its owner reads it.
struct Key {
    name: String,
    kid: String,
    x: String,
    created: Moment,
    /// None if it was never used.
    used: Option<Moment>,
    /// Where one is asked whether to remove it.
    remove: String,
}

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    frame: Frame,
    address: Address,
    keys: Vec<Key>,
    typed: Typed,
    problem: Option<Problem>,
}

/// What is wrong with a form.
enum Problem {
    /// A private key was pasted: this is not to be overlooked, and the key is not shown again.
    Private,
    /// The key cannot be read.
    Key(String),
    /// Its name cannot be used.
    Name(String),
}

/// The form for a key that somebody has.
#[derive(Deserialize, Default)]
pub(super) struct Typed {
    #[serde(default)]
    key: String,
    #[serde(default)]
    kid: String,
    #[serde(default)]
    name: String,
}

async fn keys_page(app: &App, member: &Member, id: &str, typed: Typed, problem: Option<Problem>) -> Response {
    let (own, keys) = match developer_keys::list(app, &member.person, id).await {
        Ok(found) => found,
        Err(error) => return member.failed(app, &error),
    };
    let frame = member.frame(app);
    let address = Address::from(&own);
    let keys = keys.into_iter().map(|key| Key {
        remove: format!("{}/keys/{}/remove", address.path, key.id),
        name: key.name.as_deref().map_or_else(|| "Without a name".to_owned(), |name| visible(name, NAME_LENGTH_MAX)),
        kid: key.kid,
        x: key.x,
        created: frame.view.recent(key.created_at),
        used: key.used_at.map(|at| frame.view.recent(at)),
    });
    let keys = keys.collect();
    let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page::show(app, &member.visitor, status, &KeysPage { frame, address, keys, typed, problem }, None)
}

/// `GET /wallet/addresses/{id}/keys`.
pub(super) async fn list(State(app): State<Arc<App>>, Path(id): Path<String>, member: Member) -> Response {
    keys_page(&app, &member, &id, Typed::default(), None).await
}

/// `POST /wallet/addresses/{id}/keys`: adds a key that somebody has pasted.
pub(super) async fn add(State(app): State<Arc<App>>, Path(id): Path<String>, sent: Sent<Typed>) -> Response {
    let Sent { member, form } = sent;
    let pasted = match developer_keys::read(&form.key) {
        Ok(pasted) => pasted,
        Err(Unusable::Private) => {
            // What is secret is not sent back either.
            let typed = Typed { key: String::new(), ..form };
            return keys_page(&app, &member, &id, typed, Some(Problem::Private)).await;
        }
        Err(Unusable::Other(error)) => {
            let problem = Problem::Key(page::sentence(&error.to_string()));
            return keys_page(&app, &member, &id, form, Some(problem)).await;
        }
    };
    let kid = Some(form.kid.trim().to_owned()).filter(|kid| !kid.is_empty()).or(pasted.kid);
    let kid = kid.unwrap_or_else(|| developer_keys::proposed_kid(pasted.key));
    match developer_keys::add(&app, &member.person, &id, pasted.key, &kid, &form.name).await {
        Ok(()) => member.done(&app, &format!("{PATH}/{id}/keys"), &KEY_ADDED),
        Err(Error::Refused(refusal)) if matches!(refusal.code, Code::InvalidResourceRequest | Code::Conflict) => {
            let problem = Problem::Name(page::sentence(&refusal.description));
            keys_page(&app, &member, &id, Typed { kid, ..form }, Some(problem)).await
        }
        Err(error) => member.failed(&app, &error),
    }
}

#[derive(Template)]
#[template(path = "key_new.html")]
struct NewPage {
    frame: Frame,
    address: Address,
    kid: String,
    name: String,
    /// What the file is called that the browser keeps.
    file: String,
    error: Option<String>,
}

async fn new_page(app: &App, member: &Member, id: &str, form: Make, error: Option<String>) -> Response {
    let address = match bursar_app::addresses::get(app, &member.person, id).await {
        Ok(own) => Address::from(&own),
        Err(error) => return member.failed(app, &error),
    };
    let status = if error.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let Make { kid, name } = form;
    let template = NewPage { frame: member.frame(app), address, file: file_name(&kid), kid, name, error };
    page::show(app, &member.visitor, status, &template, None)
}

fn file_name(kid: &str) -> String {
    format!("{kid}.pem")
}

/// `GET /wallet/addresses/{id}/keys/new`: a name for the key, and what an app needs of it.
pub(super) async fn new(State(app): State<Arc<App>>, Path(id): Path<String>, member: Member) -> Response {
    let form = Make { kid: developer_keys::new_kid(&app), name: String::new() };
    new_page(&app, &member, &id, form, None).await
}

/// The form for a key that is to be made. Its `kid` is known before, so that sending it twice makes one key.
#[derive(Deserialize)]
pub(super) struct Make {
    #[serde(default)]
    kid: String,
    #[serde(default)]
    name: String,
}

impl Make {
    /// Whether the key's name can also be that of a file.
    fn is_plain(&self) -> bool {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        (1..=KID_LENGTH_MAX).contains(&self.kid.len()) && !self.kid.starts_with('.') && self.kid.bytes().all(plain)
    }
}

/// `POST /wallet/addresses/{id}/keys/new`: makes a key, and answers with its private half as a file. It is kept nowhere.
pub(super) async fn generate(State(app): State<Arc<App>>, Path(id): Path<String>, sent: Sent<Make>) -> Response {
    let Sent { member, form } = sent;
    let form = Make { kid: form.kid.trim().to_owned(), name: form.name };
    if !form.is_plain() {
        let text = "A key ID has 1 to 64 letters, digits, '-', '_' or '.', and does not begin with a point.";
        return new_page(&app, &member, &id, form, Some(text.to_owned())).await;
    }
    match developer_keys::generate(&app, &member.person, &id, &form.kid, &form.name).await {
        Ok(key) => download(&file_name(&form.kid), key.to_pem().as_bytes().to_vec()),
        Err(Error::Refused(refusal)) if refusal.code == Code::Conflict => {
            let text = "There is a key with this ID already. If you have just made it and its file has not arrived, remove \
                        that key and make another one: a private key can be fetched once only.";
            new_page(&app, &member, &id, form, Some(text.to_owned())).await
        }
        Err(Error::Refused(refusal)) if refusal.code == Code::InvalidResourceRequest => {
            new_page(&app, &member, &id, form, Some(page::sentence(&refusal.description))).await
        }
        Err(error) => member.failed(&app, &error),
    }
}

/// A file for the browser to keep, which no cache may.
fn download(name: &str, content: Vec<u8>) -> Response {
    let Ok(disposition) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/x-pem-file")),
        (header::CONTENT_DISPOSITION, disposition),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, content).into_response()
}

/// `GET /wallet/addresses/{id}/keys/{key}/remove`: asks first.
pub(super) async fn ask_remove(
    State(app): State<Arc<App>>,
    Path((id, key)): Path<(String, String)>,
    member: Member,
) -> Response {
    let (own, key) = match developer_keys::get(&app, &member.person, &id, &key).await {
        Ok(found) => found,
        Err(error) => return member.failed(&app, &error),
    };
    let back = format!("{}/keys", Address::from(&own).path);
    let used = match key.used_at {
        Some(at) => format!("It was last used: {}.", member.visitor.view.recent(at).text),
        None => "As far as we know it was never used.".to_owned(),
    };
    let ask = Question {
        title: format!("Remove the key {}?", key.kid),
        text: vec![
            "Programs that sign with it can no longer do anything in the name of this address, from their next request on: \
             also what people have granted them cannot be used until they have granted it to another key."
                .to_owned(),
            used,
        ],
        button: "Remove this key",
        is_dangerous: true,
        action: format!("{back}/{}/remove", key.id),
        back,
        ..Question::default()
    };
    confirm::page(&app, &member, ask)
}

/// `POST /wallet/addresses/{id}/keys/{key}/remove`. Doing it twice ends well.
pub(super) async fn remove(
    State(app): State<Arc<App>>,
    Path((id, key)): Path<(String, String)>,
    sent: Sent<Nothing>,
) -> Response {
    let member = sent.member;
    match developer_keys::remove(&app, &member.person, &id, &key).await {
        Ok(()) => member.done(&app, &format!("{PATH}/{id}/keys"), &KEY_REMOVED),
        Err(error) => member.failed(&app, &error),
    }
}
