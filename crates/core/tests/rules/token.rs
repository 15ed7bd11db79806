//! Tokens: until when they are taken, and who gets a new one.

use crate::support::{id, seconds};
use bursar_core::Code;
use bursar_core::token::{ROTATION_GRACE, Rotation, State, Token};

const GRACE: i64 = 60;

fn token(state: State) -> Token {
    Token { id: id(1), grant: id(2), expires_at: seconds(600), state }
}

#[test]
fn a_token_is_taken_while_it_is_active_and_young() {
    #[track_caller]
    fn check(state: State, second: i64, expected: bool) {
        assert_eq!(token(state).is_usable(seconds(second)), expected, "{state:?} at {second}");
    }
    let rotated = State::Rotated { successor: id(3), at: seconds(10) };
    check(State::Active, -1_000, true);
    check(State::Active, 0, true);
    check(State::Active, 599, true);
    check(State::Active, 600, false);
    check(State::Active, 1_000_000, false);
    check(rotated, 5, false);
    check(rotated, 10, false);
    check(rotated, 599, false);
    check(State::Revoked, 0, false);
    check(State::Revoked, 599, false);
}

#[test]
fn a_token_is_rotated_unless_it_is_dead() {
    #[track_caller]
    fn check(state: State, second: i64, expected: Result<Rotation, &str>) {
        match (token(state).rotate(seconds(second)), expected) {
            (Ok(rotation), Ok(expected)) => assert_eq!(rotation, expected, "{state:?} at {second}"),
            (Err(refusal), Err(word)) => {
                assert_eq!(refusal.code, Code::InvalidRotation);
                assert!(refusal.description.contains(word), "{refusal:?}");
            }
            (other, _) => panic!("{state:?} at {second}: {other:?}"),
        }
    }
    assert_eq!(ROTATION_GRACE.as_secs(), GRACE);
    check(State::Active, 0, Ok(Rotation::New));
    check(State::Active, 599, Ok(Rotation::New));
    // Long expired: that is how clients live on a grant of a year.
    check(State::Active, 600, Ok(Rotation::New));
    check(State::Active, 366 * 86_400, Ok(Rotation::New));
    let rotated = State::Rotated { successor: id(3), at: seconds(1_000) };
    let repeat = Ok(Rotation::Repeat { successor: id(3) });
    check(rotated, 1_000, repeat);
    check(rotated, 1_000 + GRACE, repeat);
    check(rotated, 1_001 + GRACE, Err("rotated before"));
    check(rotated, 366 * 86_400, Err("rotated before"));
    // A node whose clock is a little behind.
    check(rotated, 995, repeat);
    check(State::Revoked, 0, Err("revoked"));
    check(State::Revoked, 366 * 86_400, Err("revoked"));
}
