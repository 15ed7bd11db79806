//! Pages of lists: parameters by tables, pages by a model.

use bursar_core::page::{Ask, COUNT_DEFAULT, Part};
use bursar_core::{Code, Id};
use proptest::prelude::*;

const A: &str = "018f0000-0000-7000-8000-00000000000a";

fn id(number: u8) -> Id {
    let mut bytes = [0; 16];
    bytes[15] = number;
    Id::from_bytes(bytes)
}

#[test]
fn parameters() {
    #[track_caller]
    fn check(first: Option<&str>, last: Option<&str>, cursor: Option<&str>, expected: Result<(Part, u8), &str>) {
        match (Ask::read(first, last, cursor), expected) {
            (Ok(ask), Ok((part, count))) => assert_eq!(ask, Ask { part, count }),
            (Err(refusal), Err(part)) => {
                assert_eq!(refusal.code, Code::InvalidResourceRequest);
                assert!(refusal.description.contains(part), "{}", refusal.description);
            }
            (got, expected) => panic!("{got:?} instead of {expected:?}"),
        }
    }
    let a: Id = A.parse().unwrap();
    check(None, None, None, Ok((Part::Newest, COUNT_DEFAULT)));
    check(Some("1"), None, None, Ok((Part::Newest, 1)));
    check(Some("100"), None, Some(A), Ok((Part::OlderThan(a), 100)));
    check(None, None, Some(A), Ok((Part::OlderThan(a), COUNT_DEFAULT)));
    check(None, Some("7"), Some(A), Ok((Part::NewerThan(a), 7)));
    check(None, Some("7"), None, Err("last needs a cursor"));
    check(Some("7"), Some("7"), Some(A), Err("not both"));
    for bad in ["0", "101", "256", "99999999999999999999", "-1", "+1", "1.5", "", " 1", "ten", "1e1", "٣"] {
        check(Some(bad), None, None, Err("first must be a whole number from 1 to 100"));
        check(None, Some(bad), Some(A), Err("last must be a whole number from 1 to 100"));
    }
    for bad in ["", "x", "0", "018f0000", "018F0000-0000-7000-8000-00000000000A0"] {
        check(None, None, Some(bad), Err("cursor"));
    }
}

proptest! {
    /// Walking forwards from the newest, and backwards again, sees everything once and in order, whatever the sizes.
    #[test]
    fn walking_sees_everything_once(length in 0_u8..60, count in 1_u8..20) {
        // What a database does: rows nearest first, at most as many as asked for.
        let rows = |ask: &Ask| -> Vec<u8> {
            let most = usize::try_from(ask.rows()).unwrap();
            match ask.part {
                Part::Newest => (0..length).rev().take(most).collect(),
                Part::OlderThan(than) => (0..length).rev().filter(|row| id(*row) < than).take(most).collect(),
                Part::NewerThan(than) => (0..length).filter(|row| id(*row) > than).take(most).collect(),
            }
        };
        let page = |ask: Ask| ask.page(rows(&ask), |row| id(*row));
        let mut seen = Vec::new();
        let mut ask = Ask { part: Part::Newest, count };
        loop {
            let (result, info) = page(ask);
            prop_assert_eq!(info.has_previous_page, !seen.is_empty());
            prop_assert_eq!(info.start_cursor, result.first().map(|row| id(*row).to_string()));
            prop_assert!(result.len() <= count.into());
            seen.extend(&result);
            prop_assert_eq!(info.has_next_page, seen.len() < length.into());
            let Some(end) = info.end_cursor.filter(|_| info.has_next_page) else { break };
            ask = Ask { part: Part::OlderThan(end.parse().unwrap()), count };
        }
        prop_assert_eq!(&seen, &(0..length).rev().collect::<Vec<_>>());
        let Some(oldest) = seen.last() else { return Ok(()) };
        let (mut back, mut cursor) = (vec![*oldest], id(*oldest));
        loop {
            let (result, info) = page(Ask { part: Part::NewerThan(cursor), count });
            prop_assert!(info.has_next_page);
            back.splice(0..0, result);
            prop_assert_eq!(info.has_previous_page, back.len() < length.into());
            let Some(start) = info.start_cursor.filter(|_| info.has_previous_page) else { break };
            cursor = start.parse().unwrap();
        }
        prop_assert_eq!(back, seen);
    }
}
