//! What an app asks for, in sentences: pure functions from access to plain words.

pub(super) use super::view::Moment;
use bursar_app::interactions::Item;
use bursar_types::{Action, Amount, ResourceType};

/// An amount as people write it: digits in groups, code behind, and no more zeros after the point than cents have.
pub(super) fn money(amount: &Amount) -> String {
    let decimal = amount.decimal();
    let (whole, fraction) = decimal.split_once('.').unwrap_or((&decimal, ""));
    let shortest = fraction.len().min(2);
    let fraction = match fraction.trim_end_matches('0') {
        short if short.len() < shortest => &fraction[..shortest],
        trimmed => trimmed,
    };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{}{point}{fraction} {}", grouped(whole), amount.asset().code())
}

/// Digits in groups of three: `1,234,567`.
pub(super) fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The whole request in one line, to stand after the name of whoever asks.
pub(super) fn headline(items: &[Item], asks_for_subject: bool) -> &'static str {
    let has = |wanted: fn(&Item) -> bool| items.iter().any(wanted);
    if has(|item| item.spending.is_some()) {
        "asks to send money from your wallet"
    } else if has(|item| item.resource != ResourceType::Quote && item.actions.contains(&Action::ListAll)) {
        "asks to look into your wallet"
    } else if asks_for_subject {
        "asks you to prove that a wallet is yours"
    } else {
        "asks for access to your wallet"
    }
}

/// What a kind of access is called.
pub(super) fn title(item: &Item) -> &'static str {
    match item.resource {
        ResourceType::OutgoingPayment if item.spending.is_some() => "Send money",
        ResourceType::OutgoingPayment => "See payments going out",
        ResourceType::IncomingPayment if item.actions.contains(&Action::Create) => "Request money",
        ResourceType::IncomingPayment => "See payments coming in",
        ResourceType::Quote => "Ask for prices",
    }
}

/// What an app could do, one sentence each. Sending money is left out: it is told at length elsewhere.
pub(super) fn points(resource: ResourceType, actions: &[Action]) -> Vec<&'static str> {
    use Action::{Complete, Create, ListAll, ReadAll};
    use ResourceType::{IncomingPayment, OutgoingPayment, Quote};
    let has = |action| actions.contains(&action);
    let sees_own = has(Action::Read) || has(Action::List);
    let mut points = Vec::new();
    match resource {
        IncomingPayment if has(Create) => points.push("Make payment requests, with which others can pay in."),
        Quote if has(Create) => points.push("Ask what a payment would cost before it is made. Asking moves no money."),
        _ => {}
    }
    if resource == IncomingPayment && has(Complete) {
        points.push("Close payment requests, so that nothing more comes in on them.");
    }
    // Whoever sees everything sees the rest as well.
    if has(ListAll) {
        points.push(match resource {
            IncomingPayment => "See all money that comes in, whoever it is from.",
            OutgoingPayment => "See all payments that leave this wallet: your own and those of other apps.",
            Quote => "See all prices that were asked for.",
        });
        return points;
    }
    if sees_own {
        points.push(match resource {
            IncomingPayment => "See the payment requests that it made itself.",
            OutgoingPayment => "See the payments that it made itself.",
            Quote => "See the prices that it asked for itself.",
        });
    }
    if has(ReadAll) {
        points.push(match resource {
            IncomingPayment => "Look up a payment request of others, if it knows its link.",
            OutgoingPayment => "Look up a payment of yours or of another app, if it knows its link.",
            Quote => "Look up a price that others asked for, if it knows its link.",
        });
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_types::{Asset, VALUE_MAX};
    use proptest::prelude::*;

    fn amount(value: u64, code: &str, scale: u8) -> Amount {
        Asset::new(code, scale).unwrap().amount(value).unwrap()
    }

    #[test]
    fn amounts_are_written_as_people_write_them() {
        fn check(value: u64, code: &str, scale: u8, expected: &str) {
            assert_eq!(money(&amount(value, code, scale)), expected);
        }
        check(10_000, "CAD", 2, "100.00 CAD");
        check(0, "CAD", 2, "0.00 CAD");
        check(7, "CAD", 2, "0.07 CAD");
        check(123_456_789, "EUR", 2, "1,234,567.89 EUR");
        check(99_999, "EUR", 2, "999.99 EUR");
        check(100_000, "EUR", 2, "1,000.00 EUR");
        check(1_000, "JPY", 0, "1,000 JPY");
        check(5, "USD", 1, "0.5 USD");
        check(50, "USD", 1, "5.0 USD");
        check(5_000_000_000, "USD", 9, "5.00 USD");
        check(5_120_000_000, "USD", 9, "5.12 USD");
        check(5_123_400_000, "USD", 9, "5.1234 USD");
        check(1, "USD", 9, "0.000000001 USD");
        check(VALUE_MAX, "XRP", 0, "9,223,372,036,854,775,807 XRP");
        check(VALUE_MAX, "ETH", 18, "9.223372036854775807 ETH");
    }

    proptest! {
        #[test]
        fn no_digit_is_lost(value in 0..=VALUE_MAX, scale in 0_u8..=18) {
            let amount = amount(value, "CAD", scale);
            let written = money(&amount);
            let digits = written.strip_suffix(" CAD").unwrap().replace(',', "");
            prop_assert_eq!(amount.asset().parse_decimal(&digits).unwrap(), amount);
        }
    }

    #[test]
    fn instants_name_their_zone() {
        fn check(at: &str, text: &str, iso: &str) {
            let moment = Moment::new(at.parse().unwrap());
            assert_eq!((moment.text.as_str(), moment.iso.as_str()), (text, iso));
        }
        check("2025-05-20T13:00:00Z", "20 May 2025 13:00 UTC", "2025-05-20T13:00:00Z");
        check("2025-05-02T00:00:09+02:00", "1 May 2025 22:00 UTC", "2025-05-01T22:00:09Z");
        check("2025-05-20T13:00:00.25Z", "20 May 2025 13:00 UTC", "2025-05-20T13:00:00.25Z");
    }

    fn item(resource: ResourceType, actions: &[Action]) -> Item {
        Item { resource, actions: actions.to_vec(), wallet: None, spending: None, asked: None, asset: None }
    }

    #[test]
    fn the_headline_names_the_weightiest_thing() {
        use Action::{Create, List, ListAll, Read};
        use ResourceType::{IncomingPayment, OutgoingPayment, Quote};
        fn check(items: &[Item], subject: bool, expected: &str) {
            assert_eq!(headline(items, subject), expected);
        }
        let spending = bursar_app::interactions::Spending { amount: None, schedule: None, total: None, receiver: None };
        let send = Item { spending: Some(spending), ..item(OutgoingPayment, &[Create, ListAll]) };
        check(&[item(Quote, &[Create]), send], true, "asks to send money from your wallet");
        check(&[item(IncomingPayment, &[ListAll])], true, "asks to look into your wallet");
        check(&[item(OutgoingPayment, &[ListAll])], false, "asks to look into your wallet");
        check(&[item(Quote, &[Create])], true, "asks you to prove that a wallet is yours");
        check(&[], true, "asks you to prove that a wallet is yours");
        check(&[item(OutgoingPayment, &[Read, List])], false, "asks for access to your wallet");
    }

    #[test]
    fn each_action_has_its_sentence_once() {
        use Action::{Complete, Create, List, ListAll, Read, ReadAll};
        use ResourceType::{IncomingPayment, OutgoingPayment, Quote};
        fn check(resource: ResourceType, actions: &[Action], beginnings: &[&str]) {
            let points = points(resource, actions);
            assert_eq!(points.len(), beginnings.len(), "{actions:?}: {points:?}");
            for (point, beginning) in points.iter().zip(beginnings) {
                assert!(point.starts_with(beginning), "{point:?} is not {beginning:?}…");
                assert!(point.ends_with('.'));
            }
        }
        check(OutgoingPayment, &[Create], &[]);
        check(OutgoingPayment, &[Create, Read], &["See the payments that it made"]);
        check(OutgoingPayment, &[Read, List], &["See the payments that it made"]);
        check(OutgoingPayment, &[Read, ReadAll], &["See the payments that it made", "Look up a payment"]);
        check(OutgoingPayment, &[Create, Read, ReadAll, List, ListAll], &["See all payments"]);
        check(IncomingPayment, &[Create], &["Make payment requests"]);
        check(IncomingPayment, &[Create, Complete, Read], &["Make", "Close", "See the payment requests"]);
        check(IncomingPayment, &[ListAll, ReadAll], &["See all money"]);
        check(IncomingPayment, &[ReadAll], &["Look up a payment request"]);
        check(Quote, &[Create, Read], &["Ask what", "See the prices"]);
        check(Quote, &[ReadAll], &["Look up a price"]);
        for resource in [IncomingPayment, OutgoingPayment, Quote] {
            for action in resource.possible_actions().iter() {
                let told = !points(resource, &[action]).is_empty();
                assert_eq!(told, (resource, action) != (OutgoingPayment, Create), "{resource:?} {action:?}");
            }
        }
    }
}
