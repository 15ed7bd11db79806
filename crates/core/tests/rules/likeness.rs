//! Names that could be mistaken for others.

use bursar_core::likeness::Look;
use proptest::prelude::*;

#[test]
fn look_alikes_are_found() {
    #[track_caller]
    fn check(one: &str, other: &str, alike: bool) {
        assert_eq!(Look::of(one).resembles(&Look::of(other)), alike, "{one} / {other}");
        assert_eq!(Look::of(other).resembles(&Look::of(one)), alike, "{other} / {one}");
    }
    check("Payment Platform", "Payment Platform", true);
    check("Payment Platform", "payment-platform", true);
    check("Payment Platform", "PaymentPlatf0rm", true);
    check("Раyment Platform", "Payment Platform", true); // the first two letters are Cyrillic
    check("Ρayment Ρlatform", "Payment Platform", true); // both capitals are Greek
    check("Payment Platforms", "Payment Platform", true);
    check("Paymnet Platform", "Payment Platform", true);
    check("Payment Platf orm", "Payment Platform", true);
    check("Ｐａｙｍｅｎｔ Platform", "Payment Platform", true); // full-width letters
    check("Payment\u{200b} Platform", "Payment Platform", true);
    check("Payment Portal", "Payment Platform", false);
    // Short words differ in one letter by chance, but not in none.
    check("Bark", "Bank", false);
    check("B\u{430}nk", "Bank", true);
    check("Café", "Cafe", true);
    check("", "", false);
    check("!!!", "???", false);
    check("Bank", "", false);
}

#[test]
fn borrowed_names_are_found() {
    #[track_caller]
    fn check(name: &str, provider: &str, borrows: bool) {
        assert_eq!(Look::of(name).borrows_from(&Look::of(provider)), borrows, "{name} / {provider}");
    }
    check("Cloud Nine Bank", "Cloud Nine Bank", true);
    check("Cloud Nine Bank Support", "Cloud Nine Bank", true);
    check("Official c1oud nine b\u{430}nk", "Cloud Nine Bank", true);
    check("Cloud Storage", "Cloud Nine Bank", false);
    check("Nine Bank", "Cloud Nine Bank", false);
    check("Riverbank Shop", "Bank", false);
    check("Bank", "Bank", true);
}

proptest! {
    #[test]
    fn any_names_are_compared(one: String, other: String) {
        let (one, other) = (Look::of(&one), Look::of(&other));
        prop_assert_eq!(one.resembles(&other), other.resembles(&one));
        prop_assert!(!one.resembles(&other) || one.borrows_from(&other));
    }

    #[test]
    fn one_letter_makes_no_difference(name in "[a-z]{6,30}", at in any::<prop::sample::Index>(), letter in "[a-z]") {
        let at = at.index(name.len());
        let mut changed = name.clone();
        changed.replace_range(at..=at, &letter);
        let mut longer = name.clone();
        longer.insert_str(at, &letter);
        // Look-alikes may be written with two letters: then more than one has changed.
        for other in [changed, longer] {
            let seen = |text: &str| format!("{:?}", Look::of(text)).matches('\'').count() / 2;
            if seen(&name) == name.len() && seen(&other) == other.len() {
                prop_assert!(Look::of(&name).resembles(&Look::of(&other)), "{} / {}", name, other);
            }
        }
    }
}
