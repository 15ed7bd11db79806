//! Ids: one spelling, and an order that is that of time.

use crate::support::{at, id};
use bursar_core::Id;
use bursar_core::ids::InvalidId;
use jiff::Timestamp;
use proptest::prelude::*;

#[test]
fn only_the_usual_spelling_is_read() {
    #[track_caller]
    fn check(text: &str, expected: bool) {
        let read: Result<Id, InvalidId> = text.parse();
        assert_eq!(read.is_ok(), expected, "{text:?}");
        if let Ok(read) = read {
            assert_eq!(read.to_string(), text);
        }
    }
    check("0198f2a1-c0de-7abc-8def-0123456789ab", true);
    check("00000000-0000-0000-0000-000000000000", true);
    check("ffffffff-ffff-ffff-ffff-ffffffffffff", true);
    check("0198F2A1-C0DE-7ABC-8DEF-0123456789AB", false);
    check("0198f2a1-c0de-7abc-8def-0123456789aB", false);
    check("0198f2a1c0de7abc8def0123456789ab", false);
    check("{0198f2a1-c0de-7abc-8def-0123456789ab}", false);
    check("urn:uuid:0198f2a1-c0de-7abc-8def-0123456789ab", false);
    check(" 0198f2a1-c0de-7abc-8def-0123456789ab", false);
    check("0198f2a1-c0de-7abc-8def-0123456789ab\n", false);
    check("0198f2a1-c0de-7abc-8def-0123456789a", false);
    check("0198f2a1-c0de-7abc-8def-0123456789abc", false);
    check("0198f2a1-c0de-7abc-8def-0123456789ag", false);
    check("0198f2a1_c0de_7abc_8def_0123456789ab", false);
    check("0198f2a-1c0de-7abc-8def-0123456789ab", false);
    check("", false);
    check("new", false);
    check("../0198f2a1-c0de-7abc-8def-0123456789", false);
}

#[test]
fn an_id_is_a_uuid_of_version_7() {
    // 2022-02-22T14:22:22-05:00 is 0x017f22e279b0 milliseconds after 1970 (the example in RFC 9562, appendix A.6).
    let random = [0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f];
    let made = Id::new(at("2022-02-22T14:22:22-05:00"), random).to_string();
    assert_eq!(made, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    // Before 1970 there is no such number; the id is still unique.
    assert!(Id::new(at("1969-07-20T20:17:40Z"), random).to_string().starts_with("00000000-0000-7"));
    assert!(Id::new(Timestamp::MAX, [255; 10]).to_string().starts_with("e677cc8b-a6e7-7"));
}

#[test]
fn an_id_is_stored_and_shown_as_it_is() {
    assert_eq!(Id::from_bytes(*id(5).as_bytes()), id(5));
    assert_eq!(id(5).to_string(), "00000000-0000-0000-0000-000000000005");
    assert_eq!(format!("{:?}", id(5)), id(5).to_string());
}

proptest! {
    #[test]
    fn every_id_is_read_as_it_is_written(bytes: [u8; 16]) {
        let id = Id::from_bytes(bytes);
        prop_assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn other_text_is_refused_without_a_panic(text in "[0-9a-fA-F-]{30,40}|\\PC{0,50}") {
        if let Ok(id) = text.parse::<Id>() {
            prop_assert_eq!(id.to_string(), text);
        }
    }

    /// The order of ids is that of their instants, whatever their random part; in one instant it is that part's.
    #[test]
    fn ids_ascend_with_time(
        first in 0_i64..=253_402_207_199_999,
        later in 0_i64..1_000_000_000,
        randoms: ([u8; 10], [u8; 10]),
    ) {
        let instant = |milliseconds| Timestamp::from_millisecond(milliseconds).unwrap();
        let second = (first + later).min(253_402_207_199_999);
        let (one, other) = (Id::new(instant(first), randoms.0), Id::new(instant(second), randoms.1));
        if first < second {
            prop_assert!(one < other);
            prop_assert!(one.to_string() < other.to_string());
        }
        prop_assert_eq!(Id::new(instant(first), randoms.0), one);
        prop_assert_eq!(one.to_string().as_bytes()[14], b'7');
    }
}

#[test]
fn an_id_can_be_made_to_come_after_another() {
    #[track_caller]
    fn check(id: &str, last: Option<&str>, expected: &str) {
        let read = |text: &str| text.parse::<Id>().expect("an id");
        let last = last.map(read);
        let after = read(id).after(last.as_ref());
        assert_eq!(after.to_string(), expected);
        assert!(last.is_none_or(|last| after > last));
    }
    let (low, high) = ("0198f2a1-c0de-7abc-8def-000000000001", "0198f2a1-c0de-7abc-8def-000000000002");
    check(low, None, low);
    check(high, Some(low), high);
    // Of the same millisecond, or of a later one: one millisecond after it, and still its own chance.
    check(low, Some(high), "0198f2a1-c0df-7abc-8def-000000000001");
    check(low, Some(low), "0198f2a1-c0df-7abc-8def-000000000001");
    check(low, Some("0198f2a1-ffff-7fff-bfff-ffffffffffff"), "0198f2a2-0000-7abc-8def-000000000001");
}
