//! What a person sees and decides (protocol §3, Interaction).

use crate::{cad, text};
use bursar_app::interactions::{self, Answer, Stage};
use bursar_app::login::{self, Entry, Place};
use bursar_app::{App, Error};
use bursar_testkit::{Engine, World};
use serde_json::json;

/// Logs in from an address, with a password that is enough.
async fn log_in(app: &App, name: &str, password: &str, from: &str) -> Result<String, Error> {
    let place = Place { neighbourhood: from.to_owned(), ..Place::default() };
    match login::log_in(app, name, password, &place, "/wallet").await? {
        Entry::In(token) => Ok(token),
        Entry::Second(_) => panic!("a password is enough"),
    }
}

#[tokio::test]
async fn decisions_are_final_and_only_the_owners() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    let app = provider.client("app", &world.clock).await;
    let wallet = provider.account("user", "CAD", 2, 100_000).await;
    provider.account("mallory", "CAD", 2, 0).await;
    let access = json!([{ "type": "outgoing-payment", "actions": ["create"], "identifier": wallet,
                          "limits": { "debitAmount": cad(10_000), "interval": "R3/2025-05-20T12:00:00Z/P1M" } }]);
    let pending = app.request(&provider, access, Some(bursar_testkit::TestApp::interact())).await.expect(200);
    let redirect = text(&pending["interact"]["redirect"]).to_owned();
    let path = redirect.strip_prefix(&format!("{}/interact/", provider.app.config.auth_url())).expect("our page");
    let (id, secret) = path.split_once('/').expect("two parts");

    let consent = interactions::view(&provider.app, id, secret).await.expect("a consent");
    assert_eq!((consent.client_name.as_str(), consent.stage), ("app (test)", Stage::Open));
    assert_eq!(consent.finish_origin.as_deref(), Some("http://localhost:3344"));
    let spending = consent.items[0].spending.clone().expect("spending");
    assert_eq!(spending.total.expect("a total").value(), 30_000);
    let schedule = spending.schedule.expect("windows");
    let starts = |window: Option<bursar_types::Window>| window.map(|window| window.start.to_string());
    assert_eq!(starts(schedule.current).as_deref(), Some("2025-05-20T12:00:00Z"));
    assert_eq!(starts(schedule.next).as_deref(), Some("2025-06-20T12:00:00Z"));
    assert_eq!(starts(schedule.last).as_deref(), Some("2025-07-20T12:00:00Z"));

    assert!(interactions::view(&provider.app, id, "guessed").await.is_err());
    let log_in = async |name: &str| {
        let token = log_in(&provider.app, name, &format!("{name}-password"), "test").await.expect("a session");
        login::who(&provider.app, &token).await.expect("a look").expect("somebody")
    };
    let mallory = log_in("mallory").await;
    let refused = interactions::decide(&provider.app, id, secret, Answer::approve(mallory)).await;
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
    let user = log_in("user").await;
    let done = interactions::decide(&provider.app, id, secret, Answer::approve(user)).await.expect("a decision");
    assert!(done.redirect.expect("an URL").contains("interact_ref="));
    let denied = interactions::decide(&provider.app, id, secret, Answer::Deny).await.expect("no change");
    assert_eq!(denied.stage, Stage::Approved, "the first decision stands");
}

#[tokio::test]
async fn failed_log_ins_are_limited() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    provider.account("user", "CAD", 2, 0).await;
    for _ in 0..5 {
        assert!(log_in(&provider.app, "user", "wrong", "somewhere").await.is_err());
    }
    let Err(Error::Refused(refusal)) = log_in(&provider.app, "user", "user-password", "elsewhere").await else {
        panic!("the right password must wait, too");
    };
    assert!(refusal.description.contains("too many"), "{refusal}");
    world.advance("PT16M");
    log_in(&provider.app, "user", "user-password", "elsewhere").await.expect("a session after waiting");
    assert!(log_in(&provider.app, "nobody", "x", "elsewhere").await.is_err());
}

#[tokio::test]
async fn sessions_end() {
    let world = World::new();
    let provider = world.provider(Engine::Embedded).await;
    provider.account("user", "CAD", 2, 0).await;
    let token = log_in(&provider.app, "user", "user-password", "x").await.expect("a session");
    assert!(login::who(&provider.app, &token).await.expect("a look").is_some());
    login::log_out(&provider.app, &token).await.expect("gone");
    assert!(login::who(&provider.app, &token).await.expect("a look").is_none());
    let token = log_in(&provider.app, "user", "user-password", "x").await.expect("a session");
    world.advance("PT12H");
    assert!(login::who(&provider.app, &token).await.expect("a look").is_none());
    bursar_app::jobs::clean(&provider.app).await.expect("a round of cleaning");
}
