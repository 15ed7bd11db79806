//! What account holders do about themselves, on both engines, many at once and on several nodes.

use crate::cad;
use bursar_app::login::{self, Entry, Here, Pending, Place};
use bursar_app::people::{self, Profile, SignUp};
use bursar_app::{App, Error, closing};
use bursar_core::Id;
use bursar_store::account_holder;
use bursar_store::passkey::{self, Passkey};
use bursar_testkit::{Engine, Provider, World};
use bursar_types::Asset;
use futures_util::future::join_all;
use serde_json::json;

const PASSWORD: &str = "correct horse battery";

fn place(from: &str) -> Place {
    Place { neighbourhood: from.to_owned(), browser: from.to_owned(), ..Place::default() }
}

/// Logs in with a password that is enough: the token, and the seat.
async fn sit_down(app: &App, name: &str, password: &str) -> (String, Here) {
    match login::log_in(app, name, password, &place("here"), "/wallet").await.expect("a log-in") {
        Entry::In(token) => {
            let here = login::here(app, &token).await.expect("a look").expect("a session");
            (token, here)
        }
        Entry::Second(_) => panic!("a password is enough"),
    }
}

/// Gives somebody a passkey, as far as the rules about second proofs look.
async fn give_passkey(provider: &Provider, holder: Id) {
    let (now, id) = provider.app.now_and_id();
    let passkey = Passkey {
        id,
        holder,
        credential_id: id.as_bytes().to_vec(),
        public_key: Vec::new(),
        sign_count: 0,
        label: "Phone".to_owned(),
        created_at: now,
        used_at: None,
    };
    let given = provider.app.store.write(Vec::new(), move |tx| Ok::<_, Error>(passkey::insert(tx, &passkey)?)).await;
    given.expect("a passkey");
}

async fn pending(app: &App, name: &str, from: &str) -> Pending {
    match login::log_in(app, name, &format!("{name}-password"), &place(from), "/wallet").await.expect("a first proof") {
        Entry::Second(ticket) => login::pending(app, &ticket, &place(from)).await.expect("a look").expect("a ticket"),
        Entry::In(_) => panic!("a password is not enough"),
    }
}

#[tokio::test]
async fn a_recovery_code_lets_in_one_of_many() {
    for engine in Engine::BOTH {
        let world = World::new();
        let provider = world.provider(engine).await;
        let second = world.second_node(&provider).await;
        provider.account("user", "CAD", 2, 0).await;
        let (_, here) = sit_down(&provider.app, "user", "user-password").await;
        give_passkey(&provider, here.person.holder).await;
        let codes = people::new_codes(&provider.app, &here).await.expect("codes");
        people::set_second(&provider.app, &here, true).await.expect("a second step");
        let mut begun = Vec::new();
        for number in 0..4 {
            let app = if number % 2 == 0 { &provider.app } else { &second.app };
            let from = format!("place {number}");
            begun.push((app, pending(app, "user", &from).await, place(&from)));
        }
        let tries = begun.iter().map(|(app, pending, place)| login::second_with_code(app, pending, &codes[0], place));
        let done = join_all(tries).await;
        assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "{done:?}");
        for refused in done.iter().filter_map(|done| done.as_ref().err()) {
            assert!(matches!(refused, Error::Refused(_)), "{refused:?}");
        }
        // The failures of the others are forgotten with the success, or wait with it: another code works by now or then.
        world.advance("PT16M");
        let (late, here) = (pending(&second.app, "user", "late").await, place("late"));
        login::second_with_code(&second.app, &late, &codes[1], &here).await.expect("a session");
    }
}

#[tokio::test]
async fn a_new_password_ends_sessions_on_every_node() {
    for engine in Engine::BOTH {
        let world = World::new();
        let provider = world.provider(engine).await;
        let second = world.second_node(&provider).await;
        provider.account("user", "CAD", 2, 0).await;
        let (elsewhere, _) = sit_down(&second.app, "user", "user-password").await;
        let (token, here) = sit_down(&provider.app, "user", "user-password").await;
        let desk = place("here");
        let change = |present: &'static str, new: &'static str| {
            people::change_password(&provider.app, &here, &token, present, new, &desk)
        };
        let refused = change("wrong", PASSWORD).await.expect_err("the present one is wrong");
        assert!(matches!(&refused, Error::Refused(refusal) if refusal.code.as_str() == "unauthenticated"));
        assert!(login::who(&second.app, &elsewhere).await.expect("a look").is_some());
        // Twice at once: one of them, and the other is told.
        let done = join_all([change("user-password", PASSWORD), change("user-password", "another good one")]).await;
        assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "{done:?}");
        assert!(done.iter().all(|done| done.is_ok() || matches!(done, Err(Error::Refused(_)))), "{done:?}");
        assert!(login::who(&second.app, &elsewhere).await.expect("a look").is_none());
        assert!(login::who(&provider.app, &token).await.expect("a look").is_none(), "the token before");
        let new = done.into_iter().find_map(Result::ok).expect("the new token");
        assert!(login::who(&second.app, &new).await.expect("a look").is_some());
    }
}

#[tokio::test]
async fn a_name_is_given_to_one_of_many() {
    for engine in Engine::BOTH {
        let world = World::new();
        let asset = Asset::new("CAD", 2).expect("an asset");
        let provider = world.provider_with(engine, |config| config.sign_up = vec![asset]).await;
        let new = || SignUp {
            name: "carol".to_owned(),
            public_name: "Carol".to_owned(),
            password: PASSWORD.to_owned(),
            asset,
        };
        let done = join_all((0..4).map(|_| async { people::sign_up(&provider.app, new(), &place("")).await })).await;
        assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1, "{done:?}");
        assert!(done.iter().all(|done| done.is_ok() || matches!(done, Err(Error::Refused(_)))), "{done:?}");
        let (_, here) = sit_down(&provider.app, "carol", PASSWORD).await;
        let profile =
            Profile { display_name: "Caz".to_owned(), time_zone: "Asia/Tokyo".to_owned(), ..Profile::default() };
        people::set_profile(&provider.app, &here, profile).await.expect("a profile");
        let (_, here) = sit_down(&provider.app, "carol", PASSWORD).await;
        assert_eq!((here.display_name.as_deref(), here.time_zone.as_deref()), (Some("Caz"), Some("Asia/Tokyo")));
        provider.audit().await;
    }
}

#[tokio::test]
async fn whoever_leaves_takes_their_mandates_along() {
    for engine in Engine::BOTH {
        let world = World::new();
        let provider = world.provider(engine).await;
        let app = provider.client("app", &world.clock).await;
        let wallet = provider.account("user", "CAD", 2, 10_000).await;
        let carol = provider.account("carol", "CAD", 2, 0).await;
        let receiver = app.receiver(&provider, &carol).await;
        let into = app.receiver(&provider, &wallet).await;
        let grant = app.mandate(&provider, &wallet, json!({ "debitAmount": cad(20_000) })).await;
        let (token, here) = sit_down(&provider.app, "user", "user-password").await;
        let refused = closing::close(&provider.app, &here).await.expect_err("there is money on it");
        assert!(refused.to_string().contains("there is money"), "{refused}");
        app.pay(&provider, &grant.token, &wallet, &receiver, cad(10_000)).await.expect(201);
        let view = closing::view(&provider.app, &here).await.expect("a view");
        assert_eq!((view.addresses, view.left), (vec![wallet.clone()], Vec::new()));

        // Not without a fresh proof.
        world.advance("PT10M");
        let stale = login::here(&provider.app, &token).await.expect("a look").expect("a session");
        let refused = closing::close(&provider.app, &stale).await.expect_err("the proof is old");
        assert!(matches!(&refused, Error::Refused(refusal) if refusal.code.as_str() == "login_required"));
        let (token, here) = sit_down(&provider.app, "user", "user-password").await;
        closing::close(&provider.app, &here).await.expect("it is closed");
        closing::close(&provider.app, &here).await.expect("harmless when repeated");
        assert!(login::who(&provider.app, &token).await.expect("a look").is_none());
        let rotated = app.post(&grant.manage, Some(&grant.token), &serde_json::Value::Null).await;
        assert!(rotated.status >= 400, "the mandate is over: {rotated:?}");
        let paying = provider.account("dave", "CAD", 2, 5_000).await;
        let other = app.mandate(&provider, &paying, json!({ "debitAmount": cad(5_000) })).await;
        app.pay(&provider, &other.token, &paying, &into, cad(100)).await.refused(
            400,
            "invalid_receiver",
            "invalid receiver",
        );
        let known = provider.app.store.read(|tx| Ok::<_, Error>(account_holder::by_name(tx, "user")?)).await;
        let known = known.expect("a look").expect("the name stays");
        assert!(known.closed_at.is_some() && known.display_name.is_none());
        let gone = app.get(&wallet, None).await;
        assert_eq!(gone.status, 404);
        provider.audit().await;
    }
}
