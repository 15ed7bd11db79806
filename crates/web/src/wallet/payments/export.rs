//! Payments as a file for spreadsheets: comma-separated values (RFC 4180), written while they are read.

use super::super::member::Member;
use super::super::view::View;
use super::query::Query;
use super::standing;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as Form, State as Shared};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bursar_app::activity::{self, Ask, Entry, Part, Side};
use bursar_app::login::LoggedIn;
use bursar_app::{App, Error};
use csv::{Terminator, WriterBuilder};
use futures_util::stream;
use std::borrow::Cow;
use std::sync::Arc;

/// Where the file is.
pub(super) const PATH: &str = "/wallet/payments/export.csv";
/// Most payments in one file. Whoever has more asks for some of the days.
pub(super) const ROWS_MAX: usize = 20_000;
/// Payments that are read at a time.
const CHUNK: u8 = 250;
/// Most reads for one file: also a search that finds little comes to an end.
const READS_MAX: usize = 1_000;

const HEADINGS: [&str; 14] = [
    "Time",
    "State",
    "Paid in",
    "Paid out",
    "Asset",
    "Fee",
    "Arrived",
    "Arrived in",
    "Other address",
    "Other name",
    "Note",
    "App",
    "Own address",
    "Payment",
];

/// `GET /wallet/payments/export.csv`.
pub(in super::super) async fn get(
    Shared(app): Shared<Arc<App>>,
    member: Member,
    query: Result<Form<Query>, QueryRejection>,
) -> Response {
    let query = query.map(|Form(query)| query).unwrap_or_default();
    let frame = member.frame(&app);
    let (filter, faults) = query.filter(&frame.view);
    if !faults.is_empty() {
        // The page with the search says what is wrong.
        return super::super::page::see_other(&query.with_side(&query.side));
    }
    let start = Reading {
        app,
        person: member.person,
        view: frame.view,
        ask: Some(Ask { filter, part: Part::Newest, count: CHUNK }),
        rows: 0,
        reads: 0,
    };
    let chunks = stream::unfold(Some(start), |reading| async move {
        let mut reading = reading?;
        match reading.next().await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some(reading))),
            Ok(None) => None,
            // The connection breaks off, so that nobody takes what is there for everything.
            Err(error) => Some((Err(error), None)),
        }
    });
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8; header=present")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"payments.csv\"")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, Body::from_stream(chunks)).into_response()
}

/// How far a file has been written.
struct Reading {
    app: Arc<App>,
    person: LoggedIn,
    view: View,
    /// What is still to be read.
    ask: Option<Ask>,
    rows: usize,
    reads: usize,
}

impl Reading {
    /// The next part of the file; none after the last.
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(ask) = self.ask.take() else { return Ok(None) };
        let found = activity::list(&self.app, &self.person, ask.clone()).await?;
        let left = ROWS_MAX - self.rows;
        let entries = &found.entries[..found.entries.len().min(left)];
        let is_first = self.reads == 0;
        self.rows += entries.len();
        self.reads += 1;
        let goes_on = self.rows < ROWS_MAX && self.reads < READS_MAX;
        self.ask = found.older.filter(|_| goes_on).map(|id| Ask { part: Part::OlderThan(id), ..ask });
        write(entries, &self.view, is_first).map(Some)
    }
}

/// Lines for these payments, under headings if they are the first. A mark at the beginning tells spreadsheets that it is
/// UTF-8 (Unicode §23.8).
fn write(entries: &[Entry], view: &View, with_headings: bool) -> Result<Bytes, Error> {
    let failed = |error: csv::Error| Error::Internal(format!("a line could not be written: {error}"));
    let mut bytes = Vec::new();
    if with_headings {
        bytes.extend_from_slice("\u{feff}".as_bytes());
    }
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(&mut bytes);
    if with_headings {
        writer.write_record(HEADINGS).map_err(failed)?;
    }
    for entry in entries {
        writer.write_record(cells(entry, view).iter().map(|cell| harmless(cell).into_owned())).map_err(failed)?;
    }
    writer.flush().map_err(|error| failed(error.into()))?;
    drop(writer);
    Ok(bytes.into())
}

fn cells(entry: &Entry, view: &View) -> [String; 14] {
    let amount = entry.amount.decimal();
    let (paid_in, paid_out) = match entry.side {
        Side::In => (amount, String::new()),
        Side::Out => (String::new(), amount),
        // Between two addresses of one person: it left one and came to the other.
        Side::Own => (entry.receive.decimal(), amount),
    };
    let went = entry.side != Side::In;
    let of_debit = |text: String| if went { text } else { String::new() };
    [
        view.rfc3339(entry.at),
        standing(entry.state).0.to_owned(),
        paid_in,
        paid_out,
        entry.amount.asset().code().to_owned(),
        of_debit(entry.fee.decimal()),
        of_debit(entry.receive.decimal()),
        of_debit(entry.receive.asset().code().to_owned()),
        entry.other.url.clone(),
        entry.other.name.clone().unwrap_or_default(),
        entry.note.clone().unwrap_or_default(),
        entry.app.name.clone().unwrap_or_else(|| entry.app.id.clone()),
        entry.wallet.clone(),
        entry.id.to_string(),
    ]
}

/// A cell that no spreadsheet takes for a formula: what begins like one gets an apostrophe, which makes it text. Control
/// characters go, since some programs skip them before they look.
fn harmless(cell: &str) -> Cow<'_, str> {
    let cell: Cow<'_, str> = if cell.chars().any(char::is_control) {
        cell.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().into()
    } else {
        cell.into()
    };
    let begins_like_a_formula =
        cell.trim_start().starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
    if begins_like_a_formula { format!("'{cell}").into() } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_app::activity::{Maker, Other, State};
    use bursar_types::Asset;
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn entry(note: &str) -> Entry {
        let cad = Asset::new("CAD", 2).unwrap();
        Entry {
            id: "0196e0c2-7f00-7000-8000-000000000000".parse().unwrap(),
            side: Side::Out,
            at: "2025-05-20T13:00:00Z".parse().unwrap(),
            amount: cad.amount(1_250).unwrap(),
            fee: cad.amount(5).unwrap(),
            receive: Asset::new("JPY", 0).unwrap().amount(1_494).unwrap(),
            wallet: "https://bank.test/alice".to_owned(),
            other: Other { url: "https://bank.test/hiro".to_owned(), name: Some("Hiro, \"the\" poet".to_owned()) },
            app: Maker { id: "https://app.example/me".to_owned(), name: None, grant: None },
            note: Some(note.to_owned()),
            state: State::Completed,
        }
    }

    fn written(note: &str, with_headings: bool) -> String {
        let view = View::unknown(Timestamp::UNIX_EPOCH);
        String::from_utf8(write(&[entry(note)], &view, with_headings).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn lines_are_as_the_standard_has_them() {
        let expected = "\u{feff}Time,State,Paid in,Paid out,Asset,Fee,Arrived,Arrived in,Other address,Other name,Note,App,\
                        Own address,Payment\r\n2025-05-20T13:00:00Z,Completed,,12.50,CAD,0.05,1494,JPY,\
                        https://bank.test/hiro,\"Hiro, \"\"the\"\" poet\",Three lines,https://app.example/me,\
                        https://bank.test/alice,0196e0c2-7f00-7000-8000-000000000000\r\n";
        assert_eq!(written("Three lines", true), expected);
        assert!(written("Three lines", false).starts_with("2025-05-20"));
    }

    #[test]
    fn no_cell_is_a_formula() {
        fn check(cell: &str, expected: &str) {
            assert_eq!(harmless(cell), expected);
        }
        check("=1+1", "'=1+1");
        check("+1", "'+1");
        check("-1", "'-1");
        check("@SUM(A1)", "'@SUM(A1)");
        check("  =1", "'  =1");
        check("\t=1", "' =1");
        check("a\r\n=1", "a  =1");
        check("\u{ff1d}1", "'\u{ff1d}1");
        check("1=1", "1=1");
        check("", "");
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(note: String) {
            let text = written(&note, false);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
            let records: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
            prop_assert_eq!(records.len(), 1);
            prop_assert_eq!(records[0].len(), HEADINGS.len());
            let expected = harmless(&note);
            prop_assert_eq!(&records[0][10], expected.as_ref());
            prop_assert!(!records[0].iter().any(|cell| cell.starts_with(['=', '+', '-', '@'])));
        }
    }
}
