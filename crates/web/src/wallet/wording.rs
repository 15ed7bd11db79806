//! What an app asks for, in sentences: pure functions from access to plain words.

use bursar_app::interactions::Item;
use bursar_types::{Action, ResourceType};

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
