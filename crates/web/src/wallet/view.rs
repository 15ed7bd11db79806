//! How a reader wants to see numbers and times: the one place where both are written for people.
//!
//! The words of the pages are English, so months are written in words and days come first: such a date cannot be
//! misread anywhere. What differs between readers is how digits are grouped and separated (CLDR, through ICU4X) and in
//! which time zone they live. An amount always ends with the code of its asset: symbols such as `$` stand for several
//! currencies, and most assets have none.

use axum::http::{HeaderMap, header};
use bursar_types::{Amount, Asset};
use icu_decimal::DecimalFormatter;
use icu_decimal::input::Decimal;
use icu_locale_core::Locale;
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, Zoned};
use std::sync::Arc;

/// Longest language tag that is looked at (RFC 5646 §4.4.1 expects 35 characters to be enough).
const TAG_LENGTH_MAX: usize = 35;
/// Longest name of a time zone that is looked up.
const ZONE_LENGTH_MAX: usize = 64;
/// Most languages of a browser that are looked at.
const LANGUAGES_MAX: usize = 16;

/// What a reader has chosen, or a browser has told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// The language tag whose way to write numbers is used (BCP 47).
    pub(super) numbers: Option<String>,
    /// The name of a time zone (IANA).
    pub(super) zone: Option<String>,
}

impl Choice {
    /// Keeps only what is known, however it came here.
    pub(super) fn known(numbers: &str, zone: &str) -> Self {
        Self {
            numbers: locale(numbers).map(|_| numbers.to_owned()),
            zone: zone_named(zone).and_then(|zone| zone.iana_name().map(str::to_owned)),
        }
    }
}

impl Choice {
    /// This choice, but for what is chosen elsewhere.
    pub(super) fn unless(self, numbers: Option<&str>, zone: Option<&str>) -> Self {
        let other = Self::known(numbers.unwrap_or_default(), zone.unwrap_or_default());
        Self { numbers: other.numbers.or(self.numbers), zone: other.zone.or(self.zone) }
    }
}

/// How numbers and times are written for one reader.
#[derive(Clone)]
pub(super) struct View {
    /// None only if there were no data at all; then digits stay as they are.
    numbers: Option<Arc<DecimalFormatter>>,
    zone: TimeZone,
    /// The zone's name, unless it had to be guessed: then times are written in UTC, and say so.
    zone_name: Option<String>,
    now: Timestamp,
    /// What the reader chose.
    pub(super) chosen: Choice,
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View").field("zone", &self.zone_name).field("chosen", &self.chosen).finish_non_exhaustive()
    }
}

impl View {
    /// For a reader of whom nothing is known.
    pub(super) fn unknown(now: Timestamp) -> Self {
        Self::new(Choice::default(), None, None, now)
    }

    /// For a reader who chose something, and whose browser tells its languages and its time zone.
    pub(super) fn new(
        chosen: Choice,
        languages: Option<&HeaderMap>,
        browser_zone: Option<&str>,
        now: Timestamp,
    ) -> Self {
        let formatter = chosen.numbers.as_deref().and_then(locale);
        let formatter = formatter.or_else(|| languages.and_then(accepted)).or_else(|| locale("en"));
        let zone = chosen.zone.as_deref().and_then(zone_named).or_else(|| browser_zone.and_then(zone_named));
        Self {
            numbers: formatter.map(Arc::new),
            zone_name: zone.as_ref().and_then(|zone| zone.iana_name().map(str::to_owned)),
            zone: zone.unwrap_or(TimeZone::UTC),
            now,
            chosen,
        }
    }

    /// An amount: digits in groups, the asset's code behind, and no more zeros after the separator than cents have.
    pub(super) fn money(&self, amount: &Amount) -> String {
        format!("{} {}", self.decimal(shortest(&amount.decimal())), amount.asset().code())
    }

    /// The same without groups and code, as it can be read again: for forms.
    pub(super) fn plain(&self, amount: &Amount) -> String {
        let plain = shortest(&amount.decimal()).to_owned();
        self.own_separator().map_or(plain.clone(), |own| plain.replace('.', &own.to_string()))
    }

    /// Reads an amount that somebody typed, with or without the asset's code behind.
    pub(super) fn read_amount(&self, typed: &str, asset: Asset) -> Option<Amount> {
        let number = typed.trim();
        let number = number.strip_suffix(asset.code()).unwrap_or(number);
        asset.parse_decimal(&self.parse(number)?).ok()
    }

    /// A number of things.
    pub(super) fn number(&self, number: u64) -> String {
        self.decimal(&number.to_string())
    }

    /// Plain digits, perhaps with a point among them, as this reader writes them.
    pub(super) fn decimal(&self, plain: &str) -> String {
        let written = self.numbers.as_ref().zip(plain.parse::<Decimal>().ok());
        written.map_or_else(|| plain.to_owned(), |(numbers, number)| numbers.format(&number).to_string())
    }

    /// The name of the zone in which times are written, and whether it is the reader's.
    pub(super) fn zone_name(&self) -> (&str, bool) {
        self.zone_name.as_deref().map_or(("UTC", false), |name| (name, true))
    }

    /// An instant in full: `20 May 2025 15:00 CEST`.
    pub(super) fn moment(&self, at: Timestamp) -> Moment {
        let local = self.local(at);
        Moment { text: local.strftime("%-d %B %Y %H:%M %Z").to_string(), iso: at.to_string() }
    }

    /// An instant where few words do: `Today 15:00`, `Yesterday 15:00`, `20 May 15:00`, `20 May 2024`.
    pub(super) fn recent(&self, at: Timestamp) -> Moment {
        let (local, today) = (self.local(at), self.local(self.now).date());
        let utc = if self.zone_name.is_some() { "" } else { " UTC" };
        let text = match relative(local.date(), today) {
            Some(word) => format!("{word} {}{utc}", local.strftime("%H:%M")),
            None if local.year() == today.year() => format!("{}{utc}", local.strftime("%-d %B %H:%M")),
            None => local.strftime("%-d %B %Y").to_string(),
        };
        Moment { text, iso: at.to_string() }
    }

    /// The day of an instant: `Today`, `Yesterday`, `Tuesday 20 May 2025`.
    pub(super) fn day(&self, at: Timestamp) -> Moment {
        let (day, today) = (self.local(at).date(), self.local(self.now).date());
        let text = relative(day, today).map_or_else(|| day.strftime("%A %-d %B %Y").to_string(), str::to_owned);
        Moment { text, iso: day.to_string() }
    }

    /// The time of day: `15:00`.
    pub(super) fn time(&self, at: Timestamp) -> Moment {
        let utc = if self.zone_name.is_some() { "" } else { " UTC" };
        Moment { text: format!("{}{utc}", self.local(at).strftime("%H:%M")), iso: at.to_string() }
    }

    /// The first instant of a day in this reader's zone; of the day after it if `after`.
    pub(super) fn midnight(&self, day: Date, after: bool) -> Option<Timestamp> {
        let day = if after { day.tomorrow().ok()? } else { day };
        day.to_zoned(self.zone.clone()).ok().map(|zoned| zoned.timestamp())
    }

    /// An instant in this reader's zone, for programs (RFC 3339).
    pub(super) fn rfc3339(&self, at: Timestamp) -> String {
        if self.zone_name.is_none() {
            return self.local(at).timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        }
        self.local(at).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// A number that somebody typed, with this reader's separators or plain, as digits with at most one point.
    pub(super) fn parse(&self, typed: &str) -> Option<String> {
        let plain = |c: char| match c {
            '\'' | '\u{2019}' | '_' => None,
            c if c.is_whitespace() => None,
            c => Some(c),
        };
        let typed: String = typed.chars().filter_map(plain).collect();
        let (whole, fraction) = match self.separator(&typed) {
            Some(at) => (&typed[..at], &typed[at + 1..]),
            None => (typed.as_str(), ""),
        };
        let whole = ungrouped(whole)?;
        let is_number = fraction.bytes().all(|b| b.is_ascii_digit());
        match fraction {
            _ if !is_number => None,
            "" => Some(whole),
            fraction => Some(format!("{whole}.{fraction}")),
        }
    }

    /// Where the decimal separator stands, if there is one. A lone point or comma is it, unless this reader writes
    /// another one and it stands where a group of three begins; of several, only a last one of another kind can be.
    fn separator(&self, typed: &str) -> Option<usize> {
        let own = self.own_separator()?;
        let marks: Vec<(usize, char)> = typed.char_indices().filter(|(_, c)| matches!(c, '.' | ',')).collect();
        match marks.as_slice() {
            [(at, mark)] => (*mark == own || typed.len() - at != 4).then_some(*at),
            [others @ .., (at, mark)] => others.iter().all(|(_, other)| other != mark).then_some(*at),
            [] => None,
        }
    }

    /// What this reader writes before decimals.
    fn own_separator(&self) -> Option<char> {
        self.decimal("0.5").chars().nth(1)
    }

    /// The end of a day that a form names (`2025-05-20`), in the reader's zone.
    pub(super) fn end_of_day(&self, text: &str) -> Option<Timestamp> {
        let day: Date = text.parse().ok().filter(|day: &Date| day.to_string() == text)?;
        self.midnight(day, true)
    }

    fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }
}

/// An instant or a day, for people and for programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    /// `20 May 2025 13:00 UTC`.
    pub(super) text: String,
    /// As RFC 3339 writes it, for `<time datetime>`.
    pub(super) iso: String,
}

fn relative(day: Date, today: Date) -> Option<&'static str> {
    if day == today {
        return Some("Today");
    }
    (Some(day) == today.yesterday().ok()).then_some("Yesterday")
}

/// Digits without the one kind of mark between their groups, which must be groups: of two or three digits, the last of
/// three.
fn ungrouped(whole: &str) -> Option<String> {
    let mark = whole.chars().find(|c| !c.is_ascii_digit());
    let groups: Vec<&str> = mark.map_or_else(|| vec![whole], |mark| whole.split(mark).collect());
    let is_number = |group: &&str| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit());
    let is_grouped = match groups.as_slice() {
        [first, middle @ .., last] => {
            first.len() <= 3 && last.len() == 3 && middle.iter().all(|group| (2..=3).contains(&group.len()))
        }
        _ => true,
    };
    let is_mark = mark.is_none_or(|mark| matches!(mark, '.' | ','));
    (is_mark && is_grouped && groups.iter().all(is_number)).then(|| groups.concat())
}

/// Without zeros at the end, but for as many as cents have.
fn shortest(decimal: &str) -> &str {
    let Some((whole, fraction)) = decimal.split_once('.') else { return decimal };
    let kept = fraction.trim_end_matches('0').len().max(fraction.len().min(2));
    if kept == 0 { whole } else { &decimal[..whole.len() + 1 + kept] }
}

/// How numbers are written in a language. Always with the digits 0 to 9, like the rest of the page.
fn locale(tag: &str) -> Option<DecimalFormatter> {
    if tag.is_empty() || tag.len() > TAG_LENGTH_MAX {
        return None;
    }
    let language = Locale::try_from_str(tag).ok()?.id;
    let locale = Locale::try_from_str(&format!("{language}-u-nu-latn")).ok()?;
    DecimalFormatter::try_new(locale.into(), Default::default()).ok()
}

/// The language that a browser would like best (RFC 9110 §12.5.4).
fn accepted(headers: &HeaderMap) -> Option<DecimalFormatter> {
    let lines = headers.get_all(header::ACCEPT_LANGUAGE).into_iter().filter_map(|line| line.to_str().ok());
    let weighed = |range: &str| {
        let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
        let weight = crate::wallet_address::thousandths(weight.trim().strip_prefix("q=")?)?;
        Some((tag.trim().to_owned(), weight))
    };
    let mut ranges: Vec<(String, u16)> =
        lines.flat_map(|line| line.split(',')).take(LANGUAGES_MAX).filter_map(weighed).collect();
    // Stable: of equal wishes the first counts.
    ranges.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    ranges.iter().filter(|(tag, weight)| *weight > 0 && tag != "*").find_map(|(tag, _)| locale(tag))
}

/// A time zone by its name, from the data in the program: never from the machine's, which may have none.
fn zone_named(name: &str) -> Option<TimeZone> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+');
    let is_name = (1..=ZONE_LENGTH_MAX).contains(&name.len()) && name.bytes().all(plain);
    is_name.then(|| TimeZoneDatabase::bundled().get(name).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use bursar_types::VALUE_MAX;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn view(numbers: &str, zone: &str) -> View {
        View::new(Choice::known(numbers, zone), None, None, at("2025-05-21T09:30:00Z"))
    }

    #[test]
    fn amounts_are_written_as_the_reader_writes_them() {
        fn check(tag: &str, value: u64, code: &str, scale: u8, expected: &str) {
            let amount = Asset::new(code, scale).unwrap().amount(value).unwrap();
            assert_eq!(view(tag, "").money(&amount), expected, "{tag}");
        }
        check("en", 123_450, "CAD", 2, "1,234.50 CAD");
        check("en-IN", 123_456_789, "INR", 2, "12,34,567.89 INR");
        check("de", 123_450, "EUR", 2, "1.234,50 EUR");
        check("de-CH", 123_450, "CHF", 2, "1'234.50 CHF");
        check("fr", 123_450, "EUR", 2, "1\u{202f}234,50 EUR");
        check("es", 123_450, "EUR", 2, "1234,50 EUR");
        check("es", 1_234_500, "EUR", 2, "12.345,00 EUR");
        // Digits are the same as in all other places of the page.
        check("ar-EG", 123_450, "EGP", 2, "1,234.50 EGP");
        check("fa-u-nu-arabext", 5, "IRR", 0, "5 IRR");
        check("en", 0, "JPY", 0, "0 JPY");
        check("en", 5, "USD", 1, "0.5 USD");
        check("en", 5_120_000_000, "USD", 9, "5.12 USD");
        check("de", 5_123_400_000, "USD", 9, "5,1234 USD");
        check("en", VALUE_MAX, "ETH", 18, "9.223372036854775807 ETH");
        check("en", VALUE_MAX, "XRP", 0, "9,223,372,036,854,775,807 XRP");
        // A language without data is written like no language in particular.
        check("tlh", 123_450, "CAD", 2, "1,234.50 CAD");
    }

    #[test]
    fn the_browsers_best_language_counts() {
        fn check(lines: &[&'static str], expected: &str) {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::ACCEPT_LANGUAGE, HeaderValue::from_static(line));
            }
            let view = View::new(Choice::default(), Some(&headers), None, Timestamp::UNIX_EPOCH);
            assert_eq!(view.number(1_234_567), expected, "{lines:?}");
        }
        check(&[], "1,234,567");
        check(&["de"], "1.234.567");
        check(&["en;q=0.5, de;q=0.9"], "1.234.567");
        check(&["en;q=0.5", "de-CH;q=0.9"], "1'234'567");
        check(&["de;q=0, en"], "1,234,567");
        check(&["*, de;q=0.1"], "1.234.567");
        check(&["not a language, de;q=0.1"], "1.234.567");
        check(&["*"], "1,234,567");
        check(&[";;;,,=,de;q=two"], "1,234,567");
    }

    #[test]
    fn times_are_told_in_the_readers_zone() {
        fn check(zone: &str, instant: &str, full: &str, recent: &str, day: &str) {
            let view = view("", zone);
            let told = [view.moment(at(instant)).text, view.recent(at(instant)).text, view.day(at(instant)).text];
            assert_eq!(told, [full, recent, day], "{zone} {instant}");
            assert_eq!(view.moment(at(instant)).iso, instant);
        }
        let [today, berlin] = ["2025-05-21T07:05:00Z", "Europe/Berlin"];
        check("", today, "21 May 2025 07:05 UTC", "Today 07:05 UTC", "Today");
        check("UTC", today, "21 May 2025 07:05 UTC", "Today 07:05", "Today");
        check(berlin, today, "21 May 2025 09:05 CEST", "Today 09:05", "Today");
        check("Asia/Tokyo", "2025-05-20T14:59:59Z", "20 May 2025 23:59 JST", "Yesterday 23:59", "Yesterday");
        check("Asia/Tokyo", "2025-05-20T15:00:00Z", "21 May 2025 00:00 JST", "Today 00:00", "Today");
        check(berlin, "2025-01-02T23:30:00Z", "3 January 2025 00:30 CET", "3 January 00:30", "Friday 3 January 2025");
        check(
            berlin,
            "2024-12-31T12:00:00Z",
            "31 December 2024 13:00 CET",
            "31 December 2024",
            "Tuesday 31 December 2024",
        );
        check("", "2025-05-22T00:00:00Z", "22 May 2025 00:00 UTC", "22 May 00:00 UTC", "Thursday 22 May 2025");
    }

    #[test]
    fn what_people_type_is_understood() {
        fn check(tag: &str, typed: &str, expected: Option<&str>) {
            assert_eq!(view(tag, "").parse(typed).as_deref(), expected, "{tag} {typed}");
        }
        check("en", "12.50", Some("12.50"));
        check("en", "12,50", Some("12.50"));
        check("en", "1,234", Some("1234"));
        check("en", "1,234.50", Some("1234.50"));
        check("en", "1.234,50", Some("1234.50"));
        check("en", "1,234,567", Some("1234567"));
        check("en", " 1 234.5 ", Some("1234.5"));
        check("en", "0.125", Some("0.125"));
        check("de", "12,50", Some("12.50"));
        check("de", "12.50", Some("12.50"));
        check("de", "1.234", Some("1234"));
        check("de", "0,125", Some("0.125"));
        check("de", "1.234,50", Some("1234.50"));
        check("de-CH", "1'234.50", Some("1234.50"));
        check("de-CH", "1\u{2019}234.50", Some("1234.50"));
        check("fr", "1\u{202f}234,50", Some("1234.50"));
        check("en-IN", "12,34,567.5", Some("1234567.5"));
        for odd in
            ["", ".", ",", ".5", "-5", "+5", "5 CAD", "1e5", "1.2.3,4,5", "1,2345,678", "1.5,5.5", "5,,000", "\u{0665}"]
        {
            check("en", odd, None);
        }
        check("en", "5.", Some("5"));
    }

    #[test]
    fn typed_amounts_may_have_their_code() {
        fn check(tag: &str, typed: &str, expected: Option<u64>) {
            let read = view(tag, "").read_amount(typed, Asset::new("EUR", 2).unwrap());
            assert_eq!(read.map(|amount| amount.value()), expected, "{tag} {typed}");
        }
        check("en", "25", Some(2_500));
        check("en", " 25.5 EUR ", Some(2_550));
        check("de", "25,50EUR", Some(2_550));
        check("en", "1,000", Some(100_000));
        for odd in ["", "EUR", "25.50 USD", "25.505", "-1", "9".repeat(30).as_str()] {
            check("en", odd, None);
        }
    }

    proptest! {
        #[test]
        fn what_a_form_shows_is_read_again(value in 0..=VALUE_MAX, scale in 0_u8..=18, tag in "en|de|fr|de-CH|en-IN|sv|es") {
            let (asset, view) = (Asset::new("CAD", scale).unwrap(), view(&tag, ""));
            let amount = asset.amount(value).unwrap();
            prop_assert_eq!(view.read_amount(&view.plain(&amount), asset), Some(amount));
        }
    }

    #[test]
    fn days_end_in_the_readers_zone() {
        fn check(zone: &str, day: &str, end: &str) {
            let view = view("", zone);
            assert_eq!(view.end_of_day(day), Some(at(end)), "{zone} {day}");
        }
        check("", "2025-05-20", "2025-05-21T00:00:00Z");
        check("Europe/Berlin", "2025-05-20", "2025-05-20T22:00:00Z");
        check("Europe/Berlin", "2025-10-26", "2025-10-26T23:00:00Z");
        check("America/Sao_Paulo", "2018-11-03", "2018-11-04T03:00:00Z");
        for odd in ["", "20 May", "2025-02-30", "2025-13-01", "9999-12-31", "2025-05-20T00:00:00Z[UTC]x"] {
            assert_eq!(view("", "").end_of_day(odd), None, "{odd}");
        }
    }

    #[test]
    fn only_what_is_known_is_chosen() {
        fn check(numbers: &str, zone: &str, expected: (Option<&str>, Option<&str>)) {
            let known = Choice::known(numbers, zone);
            assert_eq!((known.numbers.as_deref(), known.zone.as_deref()), expected, "{numbers} {zone}");
        }
        check("de-CH", "Europe/Zurich", (Some("de-CH"), Some("Europe/Zurich")));
        check("", "", (None, None));
        check("x", "Mars/Olympus", (None, None));
        check("de_CH\"", "../Europe/Zurich", (None, None));
        check("de\n", "Europe/Zurich\n", (None, None));
        check(&"a".repeat(36), &"a".repeat(65), (None, None));
    }

    proptest! {
        #[test]
        fn no_digit_is_lost(value in 0..=VALUE_MAX, scale in 0_u8..=18, tag in "en|de|fr|de-CH|en-IN|sv|es") {
            let amount = Asset::new("CAD", scale).unwrap().amount(value).unwrap();
            let written = view(&tag, "").money(&amount);
            let digits: String = written.chars().filter(char::is_ascii_digit).collect();
            let plain = amount.decimal();
            let plain: String = plain.chars().filter(char::is_ascii_digit).collect();
            prop_assert!(plain.starts_with(&digits) && plain[digits.len()..].bytes().all(|b| b == b'0'), "{}", written);
        }

        #[test]
        fn any_instant_can_be_told(second in Timestamp::MIN.as_second()..Timestamp::MAX.as_second(), name in "Europe/Berlin|Pacific/Apia|") {
            let (view, instant) = (view("", &name), Timestamp::from_second(second).unwrap());
            for moment in [view.moment(instant), view.recent(instant), view.day(instant)] {
                prop_assert!(!moment.text.is_empty());
            }
        }

        #[test]
        fn any_choice_is_read(numbers: String, zone: String) {
            let known = Choice::known(&numbers, &zone);
            prop_assert!(known.numbers.is_none_or(|tag| tag == numbers));
        }
    }
}
