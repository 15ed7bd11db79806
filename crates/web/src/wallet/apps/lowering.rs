//! Lowering what an app may spend: the fields, the question whether that is meant, and the act.

use super::{path_of, shown};
use crate::wallet::confirm::{self, Question};
use crate::wallet::frame::{APP_LOWERED, Frame};
use crate::wallet::less::{self, Fault, Fields, Typing};
use crate::wallet::mandate::{Limit, when};
use crate::wallet::member::{Member, Sent};
use crate::wallet::page;
use crate::wallet::view::View;
use askama::Template;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use bursar_app::interactions::{Choice, Lowerable};
use bursar_app::mandates::{self, Act, Mandate, Standing};
use bursar_app::refusals::Code;
use bursar_app::{App, Error};
use std::sync::Arc;
use url::form_urlencoded;

#[derive(Template)]
#[template(path = "lower.html")]
struct LowerPage {
    frame: Frame,
    path: String,
    name: String,
    /// What is in force, and its fields.
    items: Vec<(Limit, Fields)>,
    notice: Option<&'static str>,
}

const NOTHING: &str = "This would change nothing. Type in what shall be less.";

/// What can be lowered, by the number of the access item.
fn lowerable(mandate: &Mandate) -> Vec<(usize, Lowerable<'_>)> {
    mandate
        .items
        .iter()
        .filter_map(|item| {
            let (spending, asset) = (item.spending.as_ref()?, item.asset?);
            Some((item.number, Lowerable { spending, asset, since: mandate.created_at, now: mandate.now }))
        })
        .collect()
}

/// The grant, if it can be lowered.
async fn find(app: &App, member: &Member, id: &str) -> Result<Mandate, Error> {
    let mandate = mandates::get(app, &member.person, id, None).await?.mandate;
    match mandate.standing {
        Standing::Active | Standing::Paused { .. } if !lowerable(&mandate).is_empty() => Ok(mandate),
        _ => Err(Error::refused(Code::Conflict, "there is nothing left that could be lowered")),
    }
}

fn form(
    app: &App,
    member: &Member,
    mandate: &Mandate,
    typing: &Typing,
    faults: &[(usize, Fault)],
    notice: Option<&'static str>,
) -> Response {
    let frame = member.frame(app);
    let view = frame.view.clone();
    let fields = |(number, of): (usize, Lowerable<'_>)| {
        let fault = faults.iter().find(|(at, _)| *at == number).map(|(_, fault)| fault.clone());
        Fields::new(number, &of, typing.of(number), fault, &view).map(|fields| (Limit::new(of.spending, &view), fields))
    };
    let items = lowerable(mandate).into_iter().filter_map(fields).collect();
    let (path, name) = (path_of(&mandate.id.to_string()), shown::name_of(mandate));
    let is_wrong = !faults.is_empty() || notice.is_some();
    let status = if is_wrong { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    page::show(app, &member.visitor, status, &LowerPage { frame, path, name, items, notice }, None)
}

fn typed(query: Option<String>) -> Typing {
    let pairs: Vec<_> = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    Typing::read(&pairs)
}

/// `GET /wallet/apps/{id}/lower`.
pub(in crate::wallet) async fn ask_less(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    member: Member,
) -> Response {
    match find(&app, &member, &id).await {
        Ok(mandate) => form(&app, &member, &mandate, &typed(query), &[], None),
        Err(error) => member.failed(&app, &error),
    }
}

/// `GET /wallet/apps/{id}/lower/confirm`: says what comes of it, and asks.
pub(in crate::wallet) async fn confirm_less(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    member: Member,
) -> Response {
    let typing = typed(query);
    let mandate = match find(&app, &member, &id).await {
        Ok(mandate) => mandate,
        Err(error) => return member.failed(&app, &error),
    };
    let view = &member.visitor.view;
    let of = lowerable(&mandate);
    let choice = match less::choose(&typing, &of, view) {
        Ok(choice) => choice,
        Err(faults) => return form(&app, &member, &mandate, &typing, &faults, None),
    };
    let text = effects(&of, &choice, view);
    if text.is_empty() {
        return form(&app, &member, &mandate, &typing, &[], Some(NOTHING));
    }
    let path = path_of(&mandate.id.to_string());
    let question = Question {
        title: format!("Lower what {} may spend?", shown::name_of(&mandate)),
        text: text.into_iter().chain([FINAL.to_owned()]).collect(),
        button: "Lower it",
        is_dangerous: false,
        action: format!("{path}/lower"),
        fields: typing.fields(),
        back: format!("{path}/lower?{}", typing.to_query()),
    };
    confirm::page(&app, &member, question)
}

const FINAL: &str = "This counts from now on, also for what was spent already. You cannot raise it again: for that the app has to \
                     ask you anew.";

/// What each item that changes is and becomes.
fn effects(of: &[(usize, Lowerable<'_>)], choice: &Choice, view: &View) -> Vec<String> {
    let effect = |(number, less): &(usize, _)| {
        let (_, lowerable) = of.iter().find(|(at, _)| at == number)?;
        let after = lowerable.less(less).ok()?;
        let said = |spending| {
            let (limit, when) = (Limit::new(spending, view), when(spending, view));
            let times: String = when.times.iter().map(|(word, moment)| format!("{word} {}", moment.text)).collect();
            let words = format!("{} {} {}", limit.before, limit.amount, limit.after);
            format!("{}. {times}{}", words.trim(), when.text)
        };
        let (was, becomes) = (said(lowerable.spending), said(&after));
        (was != becomes).then(|| [format!("Now: {was}."), format!("Then: {becomes}.")])
    };
    choice.less.iter().filter_map(effect).flatten().collect()
}

/// `POST /wallet/apps/{id}/lower`.
pub(in crate::wallet) async fn lower(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    sent: Sent<Vec<(String, String)>>,
) -> Response {
    let Sent { member, form: pairs } = sent;
    let typing = Typing::read(&pairs);
    let mandate = match find(&app, &member, &id).await {
        Ok(mandate) => mandate,
        Err(error) => return member.failed(&app, &error),
    };
    let choice = match less::choose(&typing, &lowerable(&mandate), &member.visitor.view) {
        Ok(choice) if !choice.less.is_empty() => choice,
        Ok(_) => return form(&app, &member, &mandate, &typing, &[], Some(NOTHING)),
        Err(faults) => return form(&app, &member, &mandate, &typing, &faults, None),
    };
    match mandates::act(&app, &member.person, &id, Act::Lower(choice.less)).await {
        Ok(()) => member.done(&app, &path_of(&id), &APP_LOWERED),
        Err(error) => member.failed(&app, &error),
    }
}
