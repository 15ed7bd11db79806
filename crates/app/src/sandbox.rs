//! The sandbox: a clock that can be moved, and decisions without a browser. Only for tests of apps.

use crate::interactions::{self, Answer, Choice, Finished};
use crate::{App, Clock, Error};
use bursar_core::Code;
use bursar_store::{Store, setting};
use jiff::{SignedDuration, Timestamp, civil, tz::TimeZone};

const CLOCK_OFFSET: &str = "sandbox_clock_offset_microseconds";

/// The sandbox's clock as it was left: moved clocks stay moved when the server is started again.
///
/// # Errors
/// When the database fails.
pub async fn stored_clock(store: &Store) -> Result<Clock, Error> {
    let offset = store.read(|tx| setting::get(tx, CLOCK_OFFSET).map_err(Error::from)).await?;
    let microseconds = offset.and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(Clock::system(SignedDuration::from_micros(microseconds)))
}

/// How the clock shall be moved.
#[derive(Debug, Clone)]
pub enum Move {
    /// By a period of the calendar.
    Advance(jiff::Span),
    /// To an instant.
    Set(Timestamp),
}

/// Moves the clock; what it shows then. It never goes back: windows and expiries would make no sense.
///
/// # Errors
/// [`Code::InvalidResourceRequest`] for a move backwards or out of the calendar.
pub async fn move_clock(app: &App, to: Move) -> Result<Timestamp, Error> {
    let invalid = |text: &'static str| Error::refused(Code::InvalidResourceRequest, text);
    let now = app.clock.now();
    let target = match to {
        Move::Set(target) => target,
        Move::Advance(span) => {
            let local = TimeZone::UTC.to_datetime(now);
            let moved: civil::DateTime =
                local.checked_add(span).map_err(|_| invalid("the clock cannot go that far"))?;
            TimeZone::UTC.to_timestamp(moved).map_err(|_| invalid("the clock cannot go that far"))?
        }
    };
    let last: Timestamp = Timestamp::MAX - SignedDuration::from_hours(24 * 366 * 100);
    if target < now {
        return Err(invalid("the clock cannot go back: delete the data to begin anew"));
    }
    if target > last {
        return Err(invalid("the clock cannot go that far"));
    }
    app.clock.set(target);
    let offset = i64::try_from(app.clock.offset().as_micros()).unwrap_or(0).to_string();
    app.store.write(Vec::new(), move |tx| setting::put(tx, CLOCK_OFFSET, &offset).map_err(Error::from)).await?;
    Ok(app.clock.now())
}

/// What a person would decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The owner of the wallet agrees to what this makes of the request.
    Approve(Choice),
    /// Somebody refuses.
    Deny,
}

impl Decision {
    /// The owner of the wallet agrees to everything that was asked.
    pub fn approve() -> Self {
        Self::Approve(Choice::as_asked())
    }
}

/// Decides an interaction by the URL that the client was given for it; where the browser would be sent.
///
/// # Errors
/// Not found, when it is not an interaction's URL; [`Code::Conflict`] when it is no longer open.
pub async fn decide(app: &App, redirect: &str, decision: Decision) -> Result<Finished, Error> {
    let base = format!("{}/interact/", app.config.auth_url());
    let parts = redirect.strip_prefix(&base).and_then(|rest| rest.split_once('/'));
    let (id, path) = parts.ok_or_else(|| Error::not_found("interaction: redirect is not one of this server"))?;
    if interactions::view(app, id, path).await?.stage != interactions::Stage::Open {
        return Err(Error::refused(Code::Conflict, "the interaction has been decided already, or has expired"));
    }
    let answer = match decision {
        Decision::Approve(choice) => {
            let person = interactions::owner(app, id, path).await?;
            Answer::Approve { person, choice, shown: None }
        }
        Decision::Deny => Answer::Deny,
    };
    interactions::decide(app, id, path, answer).await
}
