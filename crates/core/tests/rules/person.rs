//! Account holders: names, passwords, and ways in.

use bursar_core::person::{self, Arrival, Meeting, Met, Next, Proof, Ways};
use bursar_core::{Code, Id};
use jiff::{SignedDuration, Timestamp};

#[test]
fn names_that_strangers_may_choose() {
    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        let refused = person::check_chosen_name(name).err();
        match expected {
            None => assert_eq!(refused, None, "{name}"),
            Some(part) => {
                let refusal = refused.unwrap_or_else(|| panic!("{name} must be refused"));
                assert_eq!(refusal.code, Code::InvalidResourceRequest);
                assert!(refusal.description.contains(part), "{name}: {refusal}");
            }
        }
    }
    for good in ["bob", "alice.smith", "a-b_c.d", "0xbob", "x".repeat(32).as_str(), "supporter", "my-bank-ok"] {
        check(good, None);
    }
    check("", Some("3 to 32"));
    check("ab", Some("3 to 32"));
    check(&"x".repeat(33), Some("3 to 32"));
    check("Alice", Some("lower case"));
    check("álice", Some("lower case"));
    check("a b c", Some("lower case"));
    check("-bob", Some("begins and ends"));
    check("bob.", Some("begins and ends"));
    check("a..b", Some("two marks"));
    check("a-_b", Some("two marks"));
    check("12345", Some("one letter"));
    for ours in ["admin", "support", "bursar", "sup.port", "customer_service", "customerservice"] {
        check(ours, Some("taken for ours"));
    }
}

#[test]
fn passwords_that_may_be_chosen() {
    #[track_caller]
    fn check(password: &str, name: &str, expected: Option<&str>) {
        let refused = person::check_new_password(password, name).err();
        let said = refused.as_ref().map(ToString::to_string);
        assert_eq!(said.is_some(), expected.is_some(), "{password}: {said:?}");
        assert!(said.unwrap_or_default().contains(expected.unwrap_or_default()), "{password}");
    }
    check("correct horse battery", "alice", None);
    check("ein Satz, den nur ich kenne", "alice", None);
    check("🦀🦊🐻🐼🐨🐯🦁🐮🐷🐸", "alice", None);
    check(&"ab cd ef ".repeat(22), "alice", None);
    check("short", "alice", Some("at least 10"));
    check("123456789", "alice", Some("at least 10"));
    check(&"abcde".repeat(41), "alice", Some("at most 200"));
    check("Password123", "alice", Some("everybody tries"));
    check("aaaaaaaaaaaa", "alice", Some("everybody tries"));
    check("abababababab", "alice", Some("everybody tries"));
    check("alice.smith1", "alice.smith", Some("your name"));
    check("AliceAlice12", "alice", Some("your name"));
    // A very short name is in many words.
    check("abundant oranges", "ab", None);
}

#[test]
fn names_that_are_shown() {
    #[track_caller]
    fn check(name: &str, fits: bool) {
        assert_eq!(person::check_shown_name(name).is_ok(), fits, "{name:?}");
    }
    for good in ["", "Alice", "Zoë O’Neill 🦀", "爱丽丝", &"x".repeat(100)] {
        check(good, true);
    }
    for bad in ["\n", "a\0", " Alice", "Alice ", "\u{202e}ecila", "a\u{200b}b", &"x".repeat(101)] {
        check(bad, false);
    }
}

#[test]
fn what_follows_a_password() {
    let check = |ways: Ways, next: Next| assert_eq!(ways.after_password(), next, "{ways:?}");
    let all = Ways { has_password: true, passkeys: 1, identities: 1, codes: 10, needs_second: true };
    check(all, Next::Second);
    check(Ways { needs_second: false, ..all }, Next::In);
    check(Ways { codes: 0, ..all }, Next::Second);
    check(Ways { passkeys: 0, ..all }, Next::In);
    assert!(!all.code_is_enough() && Ways { has_password: false, ..all }.code_is_enough());
}

#[test]
fn nobody_locks_themselves_out() {
    let none = Ways::default();
    #[track_caller]
    fn check(ways: Ways, built_in: bool, expected: Option<Code>) {
        assert_eq!(ways.check_left(built_in).err().map(|refusal| refusal.code), expected, "{ways:?} {built_in}");
    }
    check(none, true, Some(Code::Conflict));
    check(Ways { codes: 10, ..none }, true, Some(Code::Conflict));
    check(Ways { has_password: true, ..none }, true, None);
    check(Ways { passkeys: 1, ..none }, true, None);
    check(Ways { identities: 1, ..none }, true, None);
    check(Ways { has_password: true, passkeys: 3, ..none }, false, Some(Code::Conflict));
    check(Ways { identities: 1, ..none }, false, None);
}

#[test]
fn who_may_change_a_password() {
    let (with, without) = (Ways { has_password: true, ..Ways::default() }, Ways::default());
    #[track_caller]
    fn check(ways: Ways, right: Option<bool>, proof: Proof, fresh: bool, expected: Option<Code>) {
        let refused = person::check_password_change(&ways, right, proof, fresh);
        assert_eq!(refused.err().map(|refusal| refusal.code), expected, "{right:?} {proof:?} {fresh}");
    }
    for proof in Proof::ALL {
        for fresh in [true, false] {
            check(with, Some(true), proof, fresh, None);
            let by_passkey = fresh && proof.has_passkey();
            check(with, Some(false), proof, fresh, (!by_passkey).then_some(Code::Unauthenticated));
            check(with, None, proof, fresh, (!by_passkey).then_some(Code::LogInAgain));
            check(without, None, proof, fresh, (!fresh).then_some(Code::LogInAgain));
        }
        assert_eq!(Proof::from_stored(proof.as_str()), Some(proof));
    }
    assert_eq!(Proof::from_stored("magic"), None);
}

#[test]
fn a_proof_is_fresh_for_ten_minutes() {
    let then = Timestamp::from_second(1_750_000_000).unwrap();
    let check = |seconds, fresh| {
        assert_eq!(person::is_fresh(then, then + SignedDuration::from_secs(seconds)), fresh, "{seconds}");
    };
    check(0, true);
    check(599, true);
    check(600, false);
    check(86_400, false);
}

#[test]
fn whom_an_identity_is_taken_for() {
    let (alice, bob) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
    let nobody = Arrival { linked: None, name: None, named: None };
    #[track_caller]
    fn check(meeting: Meeting, arrival: Arrival<'_>, expected: Option<Met>) {
        let met = person::meet(meeting, &arrival);
        assert!(met.as_ref().err().is_none_or(|refusal| refusal.code == Code::Conflict));
        assert_eq!(met.ok(), expected, "{meeting:?} {arrival:?}");
    }
    use Meeting::{Known, Linked, Newcomers};
    for meeting in [Linked, Known, Newcomers] {
        // Who is linked is linked, whatever the name.
        check(meeting, Arrival { linked: Some(alice), ..nobody }, Some(Met::Holder(alice)));
        let both = Arrival { linked: Some(alice), name: Some("bob"), named: Some((bob, false)) };
        check(meeting, both, Some(Met::Holder(alice)));
        check(meeting, nobody, None);
    }
    let named = |other| Arrival { name: Some("bob"), named: Some((bob, other)), ..nobody };
    let new = Arrival { name: Some("carol"), ..nobody };
    check(Linked, named(false), None);
    check(Linked, new, None);
    check(Known, named(false), Some(Met::Link(bob)));
    check(Known, named(true), None);
    check(Known, new, None);
    check(Newcomers, named(false), None);
    check(Newcomers, named(true), None);
    check(Newcomers, new, Some(Met::Open("carol".to_owned())));
}
