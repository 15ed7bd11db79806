//! Tickets and recovery codes: what browsers and people carry for us.

use bursar_core::recovery::{self, CODE_BYTES};
use bursar_core::secret::Purpose;
use bursar_core::{Id, Secret};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_750_000_000 + second).unwrap()
}

#[test]
fn a_ticket_is_for_one_purpose_browser_and_time() {
    let secret = Secret::new([7; 32]);
    let id = Id::new(at(0), [3; 10]);
    let text = secret.seal_text(Purpose::SecondStep, "browser", &id, "alice");
    let check = |secret: &Secret, purpose, browser: &str, text: &str, second, expected: Option<&str>| {
        let opened = secret.open_text(purpose, browser, text, at(second), LIFETIME);
        assert_eq!(opened.as_ref().map(|ticket| ticket.text.as_str()), expected, "{browser} {second}");
        assert!(opened.is_none_or(|ticket| ticket.id == id));
    };
    let step = Purpose::SecondStep;
    check(&secret, step, "browser", &text, 0, Some("alice"));
    check(&secret, step, "browser", &text, 599, Some("alice"));
    check(&secret, step, "browser", &text, 600, None);
    // Another node's clock may be behind, a little.
    check(&secret, step, "browser", &text, -60, Some("alice"));
    check(&secret, step, "browser", &text, -61, None);
    check(&secret, Purpose::PasskeyAssertion, "browser", &text, 0, None);
    check(&secret, step, "browsers", &text, 0, None);
    check(&secret, step, "", &text, 0, None);
    check(&Secret::new([8; 32]), step, "browser", &text, 0, None);
    for odd in ["", "A", "%", &text[1..], &text[..64], &text[..40], &format!("{text}AAAA"), &"A".repeat(5000)] {
        check(&secret, step, "browser", odd, 0, None);
    }
    // What belongs to the browser and what belongs to the text cannot be exchanged.
    let moved = secret.seal(step, "ab", &id, "c");
    assert!(secret.open(step, "a", &moved, at(0), LIFETIME).is_none());
    let first = secret.open(step, "ab", &moved, at(0), LIFETIME).unwrap();
    assert_ne!(first.hash(step).as_bytes(), first.hash(Purpose::PasskeyAssertion).as_bytes());
}

proptest! {
    /// No byte of a ticket can be changed.
    #[test]
    fn a_changed_ticket_is_worth_nothing(text in "[a-z]{0,30}", place in 0_usize..200, change in 1_u8..=255) {
        let secret = Secret::new([7; 32]);
        let mut sealed = secret.seal(Purpose::IdentityState, "b", &Id::new(at(0), [1; 10]), &text);
        let place = place % sealed.len();
        sealed[place] ^= change;
        prop_assert!(secret.open(Purpose::IdentityState, "b", &sealed, at(0), LIFETIME).is_none());
    }

    /// A code is found again however it is spelled, and only by its holder.
    #[test]
    fn a_recovery_code_comes_back(random in any::<[u8; CODE_BYTES]>()) {
        let (alice, bob) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        let code = recovery::code(random);
        prop_assert_eq!(code.len(), 19);
        let hash = recovery::hash(&alice, &code);
        prop_assert!(hash.is_some());
        for spelled in [code.to_uppercase(), code.replace('-', " "), code.replace('-', ""), code.replace('0', "o").replace('1', "L")] {
            prop_assert_eq!(recovery::hash(&alice, &spelled), hash, "{}", spelled);
        }
        prop_assert_ne!(recovery::hash(&bob, &code), hash);
    }
}

#[test]
fn what_is_no_recovery_code() {
    assert_eq!(recovery::code([0; CODE_BYTES]), "0000-0000-0000-0000");
    assert_eq!(recovery::code([255; CODE_BYTES]), "zzzz-zzzz-zzzz-zzzz");
    assert_eq!(recovery::code([0, 0, 0, 0, 0, 0, 0, 0, 0, 33]), "0000-0000-0000-0011");
    let holder = Id::from_bytes([1; 16]);
    for odd in ["", "0000-0000-0000-000", "0000-0000-0000-00000", "uuuu-uuuu-uuuu-uuuu", "0000-0000-0000-000ü", "🦀"]
    {
        assert!(recovery::hash(&holder, odd).is_none(), "{odd}");
    }
}
