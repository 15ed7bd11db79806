//! What goes wrong, and what to do next.

use super::output::note;
use bursar_client::{BuildError, CallbackError, Error, Refusal};
use owo_colors::OwoColorize;
use std::fmt;
use std::process::ExitCode;

/// A command that did not do what it was asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong: a sentence without capital and full stop, as it stands after `error:`.
    message: String,
    /// What to do next.
    advice: Option<String>,
    is_usage: bool,
}

/// What a command comes to.
pub type Done<T = ()> = Result<T, Failure>;

impl Failure {
    /// It did not work.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), advice: None, is_usage: false }
    }

    /// It was not asked for in the right way.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { is_usage: true, ..Self::new(message) }
    }

    /// Adds what to do next.
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// What went wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// A file or folder that cannot be used.
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::new(format!("{what}: {error}"))
    }

    /// Tells it on standard error, and gives the exit code.
    pub fn tell(&self) -> ExitCode {
        note(format_args!("{} {}", "error:".red().bold(), self.message));
        if let Some(advice) = &self.advice {
            note(format_args!("{} {advice}", " next:".cyan().bold()));
        }
        ExitCode::from(if self.is_usage { 2 } else { 1 })
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<CallbackError> for Failure {
    fn from(error: CallbackError) -> Self {
        let failure = Self::new(error.to_string());
        match error {
            CallbackError::Listen { .. } => {
                failure.advise("choose another port, such as --callback http://localhost:3345, or wait with --poll")
            }
            CallbackError::TimedOut(_) => failure.advise("ask again, and open the page before the time is over"),
            _ => failure,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = match &error {
            Error::Refused(refusal) => Self::new(refused(refusal)),
            Error::TokenEnded(refusal) => Self::new(format!("the grant no longer works: {}", told(refusal))),
            _ => Self::new(error.to_string()),
        };
        match advice(&error) {
            Some(advice) => failure.advise(advice),
            None => failure,
        }
    }
}

/// The provider's words alone, or what stands for them.
fn told(refusal: &Refusal) -> String {
    if refusal.description.is_empty() { refusal.to_string() } else { refusal.description.clone() }
}

/// A refusal in the provider's words, and its reason if it gives one.
fn refused(refusal: &Refusal) -> String {
    let reason = refusal.details.as_ref().and_then(|details| details.get("reason")).and_then(|reason| reason.as_str());
    match reason {
        Some(reason) => format!("{refusal} ({reason})"),
        None => refusal.to_string(),
    }
}

fn advice(error: &Error) -> Option<String> {
    Some(match error {
        Error::Refused(refusal) => return refusal_advice(refusal),
        Error::Network(_) => "check the address, and that its server is running".to_owned(),
        Error::WalletAddress(_) => {
            "write a wallet address as an URL (https://wallet.example/alice) or as '$wallet.example/alice'".to_owned()
        }
        Error::TokenEnded(_) => "ask the account holder again: bursar grant request …".to_owned(),
        Error::Denied(_) | Error::InteractionInvalid => {
            "nothing can be paid; ask again if that was a mistake".to_owned()
        }
        Error::StillPending => "the account holder can still be asked again: bursar grant request …".to_owned(),
        _ => return None,
    })
}

fn refusal_advice(refusal: &Refusal) -> Option<String> {
    if let Some(least) = refusal.minimum_send_amount() {
        return Some(format!("pay at least {least}"));
    }
    Some(
        match refusal.code.as_str() {
            "limit_exceeded" => "pay less, or wait for the next window; bursar grant show tells what is left",
            "outside_interval" => "wait for the next window; bursar grant show tells when the grant can be used",
            "insufficient_funds" => "the payer's account needs more money",
            "receiver_not_allowed" => "this grant is for one receiver only; ask for another grant",
            "insufficient_grant" => {
                "ask for a grant with the actions that this needs: bursar grant request --actions …"
            }
            "no_rate" => {
                "the payer's provider does not convert into the receiver's currency; there is nothing to do here"
            }
            "invalid_rotation" | "invalid_continuation" => {
                "the grant seems to have ended; ask the account holder again: bursar grant request …"
            }
            "invalid_client" | "invalid_signature" => {
                "check that the public key is published: bursar wallet get <the app's wallet address>"
            }
            _ => match refusal.status {
                404 => "check the spelling of the address",
                429 => "wait a moment, and try again",
                500..=599 => "this is the server's fault; try again later",
                _ => return None,
            },
        }
        .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_next_follows_from_what_went_wrong() {
        let failure = Failure::from(Error::InteractionInvalid);
        assert_eq!(failure.advice.as_deref(), Some("nothing can be paid; ask again if that was a mistake"));
        let parse = bursar_types::WalletAddressUrl::parse("alice").unwrap_err();
        let failure = Failure::from(Error::WalletAddress(parse));
        assert!(failure.message.contains("\"alice\"") && failure.advice.is_some(), "{failure:?}");
    }
}
