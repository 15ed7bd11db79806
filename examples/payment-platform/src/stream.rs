//! Whether to go on paying: a state, and what becomes of it. Pure.

use std::time::Duration;

/// How long to wait before trying again what was refused.
pub const TRY_AGAIN: Duration = Duration::from_secs(2);

/// Where a stream of payments stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stream {
    /// It was not started, or was stopped.
    #[default]
    Stopped,
    /// It pays.
    Paying,
    /// It does not pay now, but goes on by itself when it can.
    Waiting(Hindrance),
    /// It was stopped since nobody had looked for a while.
    Unwatched,
    /// It cannot go on: another mandate is needed.
    Ended(End),
}

/// What keeps a stream from paying for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// The payment would go beyond what is left in this window.
    Limit,
    /// No window is open now.
    Window,
    /// The account holder has paused the mandate.
    Paused,
    /// There is not enough money in the account.
    Funds,
    /// Something else was refused or failed, and may go better later.
    Trouble,
}

/// Why a stream has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The account holder or the provider has ended the mandate.
    Revoked,
    /// Everything is spent, and no window will follow.
    Spent,
    /// The mandate is for somebody else only.
    Receiver,
}

/// What happened to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// The visitor wants it to go on.
    Start,
    /// The visitor wants it to stop.
    Stop,
    /// A payment was made.
    Paid,
    /// The provider refused a payment.
    Refused {
        /// Its word for why.
        code: &'a str,
        /// Whether there is something left to spend, now or in a window that is still to come.
        has_future: bool,
    },
    /// The provider refused to renew the token.
    TokenEnded,
    /// The provider could not be reached, or was in trouble.
    Failed,
    /// Nobody has looked for a while.
    NobodyLooks,
}

impl Stream {
    /// Where it stands after an event. Answers that come after the stream was stopped change nothing, except that the
    /// mandate is known to have ended.
    #[must_use]
    pub fn after(self, event: Event<'_>) -> Self {
        match (self, event) {
            (Self::Ended(End::Revoked), Event::Start | Event::Stop) => self,
            (_, Event::Start) => Self::Paying,
            (Self::Ended(_), _) => self,
            (_, Event::TokenEnded) => Self::Ended(End::Revoked),
            (_, Event::Stop) => Self::Stopped,
            (Self::Stopped | Self::Unwatched, _) => self,
            (_, Event::Paid) => Self::Paying,
            (_, Event::Failed) => Self::Waiting(Hindrance::Trouble),
            (_, Event::NobodyLooks) => Self::Unwatched,
            (_, Event::Refused { code, has_future }) => match code {
                "limit_exceeded" | "outside_interval" if !has_future => Self::Ended(End::Spent),
                "limit_exceeded" => Self::Waiting(Hindrance::Limit),
                "outside_interval" => Self::Waiting(Hindrance::Window),
                "grant_paused" => Self::Waiting(Hindrance::Paused),
                "insufficient_funds" => Self::Waiting(Hindrance::Funds),
                "receiver_not_allowed" => Self::Ended(End::Receiver),
                _ => Self::Waiting(Hindrance::Trouble),
            },
        }
    }

    /// Whether it pays, or will by itself.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Paying | Self::Waiting(_))
    }

    /// How long to wait before the next try; `None` if there is none.
    pub fn wait(self, pace: Duration) -> Option<Duration> {
        match self {
            Self::Paying => Some(pace),
            Self::Waiting(_) => Some(pace.max(TRY_AGAIN)),
            Self::Stopped | Self::Unwatched | Self::Ended(_) => None,
        }
    }

    /// Whether to ask the provider now, given whether the payment fits into what the app knows is left. What is known to
    /// be refused is not asked again and again.
    pub fn tries(self, fits: bool) -> bool {
        match self {
            Self::Paying => true,
            Self::Waiting(Hindrance::Limit | Hindrance::Window) => fits,
            Self::Waiting(_) => true,
            Self::Stopped | Self::Unwatched | Self::Ended(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str) -> Event<'_> {
        Event::Refused { code, has_future: true }
    }

    #[test]
    fn each_answer_has_its_consequence() {
        fn check(events: &[Event<'_>], expected: Stream) {
            let end = events.iter().fold(Stream::default(), |stream, event| stream.after(*event));
            assert_eq!(end, expected, "{events:?}");
        }
        use Event::{Failed, NobodyLooks, Paid, Start, Stop, TokenEnded};
        check(&[], Stream::Stopped);
        check(&[Start], Stream::Paying);
        check(&[Start, Paid, Stop], Stream::Stopped);
        // The answer to a payment that was under way.
        check(&[Start, Stop, Paid], Stream::Stopped);
        check(&[Start, Stop, refused("limit_exceeded")], Stream::Stopped);
        check(&[Start, Stop, TokenEnded], Stream::Ended(End::Revoked));
        check(&[Start, refused("limit_exceeded")], Stream::Waiting(Hindrance::Limit));
        check(&[Start, refused("limit_exceeded"), Paid], Stream::Paying);
        check(&[Start, refused("outside_interval")], Stream::Waiting(Hindrance::Window));
        check(&[Start, refused("grant_paused")], Stream::Waiting(Hindrance::Paused));
        check(&[Start, refused("grant_paused"), Paid], Stream::Paying);
        check(&[Start, refused("insufficient_funds")], Stream::Waiting(Hindrance::Funds));
        check(&[Start, refused("no_rate")], Stream::Waiting(Hindrance::Trouble));
        check(&[Start, Failed], Stream::Waiting(Hindrance::Trouble));
        check(&[Start, NobodyLooks], Stream::Unwatched);
        check(&[Start, NobodyLooks, Start], Stream::Paying);
        check(&[Start, refused("receiver_not_allowed"), Start], Stream::Paying);
        check(&[Start, TokenEnded, Start], Stream::Ended(End::Revoked));
        for code in ["limit_exceeded", "outside_interval"] {
            check(&[Start, Event::Refused { code, has_future: false }], Stream::Ended(End::Spent));
        }
    }

    #[test]
    fn what_is_known_to_be_refused_is_not_tried() {
        fn check(stream: Stream, when_it_fits: bool, when_not: bool) {
            assert_eq!((stream.tries(true), stream.tries(false)), (when_it_fits, when_not), "{stream:?}");
        }
        check(Stream::Paying, true, true);
        check(Stream::Waiting(Hindrance::Limit), true, false);
        check(Stream::Waiting(Hindrance::Window), true, false);
        check(Stream::Waiting(Hindrance::Paused), true, true);
        check(Stream::Stopped, false, false);
        check(Stream::Ended(End::Revoked), false, false);
    }

    #[test]
    fn trying_again_is_never_faster_than_paying() {
        let (fast, slow) = (Duration::from_millis(200), Duration::from_secs(9));
        assert_eq!(Stream::Paying.wait(fast), Some(fast));
        assert_eq!(Stream::Waiting(Hindrance::Paused).wait(fast), Some(TRY_AGAIN));
        assert_eq!(Stream::Waiting(Hindrance::Paused).wait(slow), Some(slow));
        assert_eq!(Stream::Unwatched.wait(fast), None);
    }
}
