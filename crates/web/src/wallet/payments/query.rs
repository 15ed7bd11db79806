//! What people look for among their payments, as it stands in a URL.

use super::super::view::View;
use super::PATH;
use bursar_app::activity::{Filter, Id, Part, Side, State};
use jiff::civil::Date;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

/// Longest text that is searched for, in characters.
const TEXT_LENGTH_MAX: usize = 100;

/// The fields of the search, as they were typed. What is empty is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(in super::super) struct Query {
    /// `in`, `out` or nothing.
    pub(super) side: String,
    pub(super) q: String,
    pub(super) app: String,
    pub(super) wallet: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) least: String,
    pub(super) most: String,
    pub(super) state: String,
    /// The page: what is older than this id.
    older: String,
    /// The page: what is newer than this id.
    newer: String,
}

/// A field that cannot be read, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) field: &'static str,
    pub(super) text: &'static str,
}

impl Query {
    /// A search for the payments of one app.
    pub(super) fn of_app(app: &str) -> String {
        Self { app: app.to_owned(), ..Self::default() }.link(PATH, None)
    }

    /// What is looked for, and what of it cannot be read.
    pub(super) fn filter(&self, view: &View) -> (Filter, Vec<Fault>) {
        let mut faults = Vec::new();
        let mut fault = |field, text| faults.push(Fault { field, text });
        let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut day = |field, text: &str| {
            let day: Option<Date> = given(text).map(|text| text.parse()).transpose().unwrap_or_else(|_| {
                fault(field, "A date is a year, a month and a day, such as 2025-05-20.");
                None
            });
            day
        };
        let (first, last) = (day("from", &self.from), day("to", &self.to));
        let mut amount = |field, text: &str| {
            let text = given(text)?;
            let amount = view.parse(&text).and_then(|plain| scale_18(&plain));
            if amount.is_none() {
                fault(field, "An amount is a number such as 12.50, without a currency.");
            }
            amount
        };
        let (least, most) = (amount("least", &self.least), amount("most", &self.most));
        if first.zip(last).is_some_and(|(first, last)| first > last) {
            fault("to", "The last day comes before the first.");
        }
        if least.zip(most).is_some_and(|(least, most)| least > most) {
            fault("most", "The largest amount is below the least.");
        }
        let filter = Filter {
            side: match self.side.as_str() {
                "in" => Some(Side::In),
                "out" => Some(Side::Out),
                _ => None,
            },
            text: self.q.chars().take(TEXT_LENGTH_MAX).collect(),
            app: given(&self.app),
            wallet: given(&self.wallet),
            least,
            most,
            from: first.and_then(|day| view.midnight(day, false)),
            until: last.and_then(|day| view.midnight(day, true)),
            state: State::from_stored(&self.state),
        };
        (filter, faults)
    }

    /// Which page is asked for. A cursor that is none counts as none.
    pub(super) fn part(&self) -> Part {
        match (self.older.parse(), self.newer.parse()) {
            (Ok(id), _) => Part::OlderThan(id),
            (_, Ok(id)) => Part::NewerThan(id),
            _ => Part::Newest,
        }
    }

    /// Whether anything but the side is asked for.
    pub(super) fn is_narrow(&self) -> bool {
        let Self { side: _, q, app, wallet, from, to, least, most, state, older: _, newer: _ } = self;
        [q, app, wallet, from, to, least, most, state].iter().any(|field| !field.is_empty())
    }

    /// Whether the fields are in use that are folded away otherwise.
    pub(super) fn is_detailed(&self) -> bool {
        let Self { app, wallet, from, to, least, most, state, .. } = self;
        [app, wallet, from, to, least, most, state].iter().any(|field| !field.is_empty())
    }

    /// The same search on another side.
    pub(super) fn with_side(&self, side: &str) -> String {
        Self { side: side.to_owned(), ..self.clone() }.link(PATH, None)
    }

    /// The page after this one.
    pub(super) fn older_than(&self, id: &Id) -> String {
        self.link(PATH, Some(("older", id)))
    }

    /// The page before this one.
    pub(super) fn newer_than(&self, id: &Id) -> String {
        self.link(PATH, Some(("newer", id)))
    }

    /// Everything that the search finds, as a file.
    pub(super) fn export(&self) -> String {
        self.link(super::export::PATH, None)
    }

    fn link(&self, path: &str, cursor: Option<(&str, &Id)>) -> String {
        let Self { side, q, app, wallet, from, to, least, most, state, older: _, newer: _ } = self;
        let fields = [
            ("side", side),
            ("q", q),
            ("app", app),
            ("wallet", wallet),
            ("from", from),
            ("to", to),
            ("least", least),
            ("most", most),
            ("state", state),
        ];
        let mut query = Serializer::new(String::new());
        query.extend_pairs(fields.into_iter().filter(|(_, value)| !value.is_empty()));
        if let Some((name, id)) = cursor {
            query.append_pair(name, &id.to_string());
        }
        let query = query.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

/// A plain decimal number in units of 10⁻¹⁸; none if it has more places or is too large.
fn scale_18(plain: &str) -> Option<u128> {
    let (whole, fraction) = plain.split_once('.').unwrap_or((plain, ""));
    let whole: u128 = whole.parse().ok()?;
    let digits = format!("{fraction:0<18}");
    let fraction: u128 = if digits.len() == 18 { digits.parse().ok()? } else { return None };
    whole.checked_mul(10_u128.pow(18))?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn view() -> View {
        View::unknown(Timestamp::UNIX_EPOCH)
    }

    fn at(text: &str) -> Option<Timestamp> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_search_is_read() {
        let query = Query {
            side: "in".to_owned(),
            q: " coffee ".to_owned(),
            from: "2025-05-20".to_owned(),
            to: "2025-05-20".to_owned(),
            least: "1,234.5".to_owned(),
            state: "completed".to_owned(),
            ..Query::default()
        };
        let (filter, faults) = query.filter(&view());
        assert_eq!(faults, []);
        assert_eq!((filter.side, filter.state), (Some(Side::In), Some(State::Completed)));
        assert_eq!((filter.from, filter.until), (at("2025-05-20T00:00:00Z"), at("2025-05-21T00:00:00Z")));
        assert_eq!((filter.least, filter.most), (Some(1_234_500_000_000_000_000_000), None));
        assert_eq!(Query::default().filter(&view()), (Filter::default(), Vec::new()));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        fn check(change: fn(&mut Query), expected: &[&str]) {
            let mut query = Query::default();
            change(&mut query);
            let (_, faults) = query.filter(&view());
            assert_eq!(faults.iter().map(|fault| fault.field).collect::<Vec<_>>(), expected, "{query:?}");
        }
        check(|q| q.from = "yesterday".to_owned(), &["from"]);
        check(|q| q.to = "2025-02-30".to_owned(), &["to"]);
        check(|q| q.least = "-5".to_owned(), &["least"]);
        check(|q| q.most = "5 CAD".to_owned(), &["most"]);
        check(|q| q.most = "1e5".to_owned(), &["most"]);
        check(|q| q.most = "0.0000000000000000001".to_owned(), &["most"]);
        check(|q| q.most = "9".repeat(40), &["most"]);
        check(
            |q| {
                q.from = "2025-05-21".to_owned();
                q.to = "2025-05-20".to_owned();
                q.least = "5".to_owned();
                q.most = "4.99".to_owned();
            },
            &["to", "most"],
        );
        check(|q| q.side = "sideways".to_owned(), &[]);
        check(|q| q.state = "unheard of".to_owned(), &[]);
        check(|q| q.older = "../..".to_owned(), &[]);
    }

    #[test]
    fn links_keep_the_search_and_only_one_cursor() {
        let id: Id = "0196e0c2-7f00-7000-8000-000000000000".parse().unwrap();
        let query = Query {
            q: "café & co".to_owned(),
            side: "out".to_owned(),
            older: "0196e0c2-7f00-7000-8000-000000000001".to_owned(),
            ..Query::default()
        };
        assert_eq!(query.with_side(""), "/wallet/payments?q=caf%C3%A9+%26+co");
        assert_eq!(
            query.newer_than(&id),
            "/wallet/payments?side=out&q=caf%C3%A9+%26+co&newer=0196e0c2-7f00-7000-8000-000000000000"
        );
        assert_eq!(query.export(), "/wallet/payments/export.csv?side=out&q=caf%C3%A9+%26+co");
        assert_eq!(Query::default().with_side(""), "/wallet/payments");
        assert!(query.is_narrow() && !query.is_detailed());
        let side_only = Query { q: String::new(), ..query };
        assert!(!side_only.is_narrow());
    }

    proptest! {
        #[test]
        fn anything_may_be_typed(text: String) {
            let field = || text.clone();
            let query = Query {
                side: field(), q: field(), app: field(), wallet: field(), from: field(), to: field(), least: field(),
                most: field(), state: field(), older: field(), newer: field(),
            };
            query.filter(&view());
            query.part();
            prop_assert!(query.export().is_ascii());
        }
    }
}
