//! Forgetting what has expired: all of it, on one node or several, and nothing else.

use bursar_app::jobs::clean;
use bursar_store::{nonce, setting};
use bursar_testkit::{Engine, Provider, World};
use jiff::{SignedDuration, Timestamp};

/// Writes nonces down that expire then.
async fn put_nonces(provider: &Provider, count: u32, expires_at: Timestamp) {
    let put = move |tx: &mut bursar_store::Tx<'_>| -> Result<(), bursar_store::Error> {
        for number in 0..count {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&number.to_be_bytes());
            hash[4..12].copy_from_slice(&expires_at.as_microsecond().to_be_bytes());
            nonce::use_once(tx, &hash, expires_at)?;
        }
        Ok(())
    };
    provider.app.store.write(Vec::new(), put).await.expect("nonces");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_is_forgotten_once_however_many_nodes_look_for_it() {
    for engine in Engine::BOTH {
        let world = World::new();
        let first = world.provider(engine).await;
        let second = world.second_node(&first).await;
        let later = world.clock.now() + SignedDuration::from_secs(60);
        // Many steps' worth, and some that have not expired.
        put_nonces(&first, 1000, world.clock.now()).await;
        put_nonces(&first, 10, later).await;
        let (one, other) = tokio::join!(clean(&first.app), clean(&second.app));
        let (one, other) = (one.expect("a round of cleaning"), other.expect("a round of cleaning"));
        assert_eq!(one + other, 1000);
        assert_eq!(clean(&second.app).await.expect("a round of cleaning"), 0);
        world.advance("PT1M");
        assert_eq!(clean(&second.app).await.expect("a round of cleaning"), 10);
    }
}

#[tokio::test]
async fn nodes_clean_one_at_a_time_and_wait_for_a_lost_one_only_for_a_while() {
    let world = World::new();
    let provider = world.provider(Engine::Server).await;
    put_nonces(&provider, 3, world.clock.now()).await;
    let take = async |until: i64| {
        let put = move |tx: &mut bursar_store::Tx<'_>| setting::put(tx, "cleaning_until_seconds", &until.to_string());
        provider.app.store.write(Vec::new(), put).await.expect("a turn");
    };
    let clean = async || clean(&provider.app).await.expect("a round of cleaning");
    take(world.clock.wire_seconds() + 100).await;
    assert_eq!(clean().await, 0, "another node is at it");
    world.advance("PT1M41S");
    assert_eq!(clean().await, 3, "it was lost");
    put_nonces(&provider, 3, world.clock.now()).await;
    assert_eq!(clean().await, 3, "the turn was given back");
    put_nonces(&provider, 3, world.clock.now() + SignedDuration::from_micros(1)).await;
    take(world.clock.wire_seconds() + 1_000_000).await;
    world.advance("PT1S");
    assert_eq!(clean().await, 3, "no turn is as long as that");
}
