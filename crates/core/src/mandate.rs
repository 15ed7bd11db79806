//! What account holders do with the grants that they have given: pause, resume, lower, revoke. Never raise.

use crate::grant::{Grant, State};
use crate::limits::WHOLE_LIFE;
use crate::narrow::{self, Assets, Choice, Less, NotLess, Terms};
use crate::{Code, Id, Refusal};
use bursar_types::Limits;
use jiff::Timestamp;

/// What is done to a grant in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Nothing is paid until it is resumed. Tokens stay what they are.
    Pause,
    /// Payments are possible again.
    Resume,
    /// Less may be spent from now on, by the number of the access item.
    Lower(Vec<(usize, Less)>),
    /// The grant and all its tokens are dead.
    Revoke,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: it is so already, as when somebody presses a button twice.
    Nothing,
    /// It is paused.
    Pause,
    /// It is resumed.
    Resume,
    /// Access items get other limits.
    Lower(Vec<Lowered>),
    /// It ends.
    Revoke(State),
}

/// An access item that gets other limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lowered {
    /// The number of the item.
    pub item: usize,
    /// Its limits from now on.
    pub limits: Option<Limits>,
    /// The window of the present, or the first if none has begun: whatever was spent in it stays spent.
    pub window: i64,
}

/// Whether an account holder has given this grant, and its client has taken it.
pub fn is_own(grant: &Grant, holder: &Id) -> bool {
    match grant.state {
        State::Issued { holder: Some(given_by) } | State::Ended { holder: Some(given_by), .. } => given_by == *holder,
        _ => false,
    }
}

/// Decides what comes of an act of an account holder.
///
/// # Errors
/// [`Code::NotFound`] for somebody else's grant; [`Code::Conflict`] for one that has ended;
/// [`Code::InvalidResourceRequest`] for what would not be less, see [`NotLess`].
pub fn act(grant: &Grant, assets: Assets<'_>, holder: &Id, act: &Act, now: Timestamp) -> Result<Plan, Refusal> {
    if !is_own(grant, holder) {
        return Err(Refusal::new(Code::NotFound, "there is no such grant"));
    }
    if matches!(grant.state, State::Ended { .. }) {
        return match act {
            Act::Revoke => Ok(Plan::Nothing),
            _ => Err(Refusal::new(Code::Conflict, "this grant has ended")),
        };
    }
    match act {
        Act::Pause if grant.paused_at.is_some() => Ok(Plan::Nothing),
        Act::Resume if grant.paused_at.is_none() => Ok(Plan::Nothing),
        Act::Pause => Ok(Plan::Pause),
        Act::Resume => Ok(Plan::Resume),
        Act::Revoke => Ok(Plan::Revoke(State::Ended { holder: Some(*holder), at: now })),
        Act::Lower(less) => Ok(lower(grant, assets, less, now)?),
    }
}

fn lower(grant: &Grant, assets: Assets<'_>, less: &[(usize, Less)], now: Timestamp) -> Result<Plan, NotLess> {
    let choice = Choice { less: less.to_vec(), accepts_no_limit: true };
    let terms = Terms::new(&grant.access, assets, &choice, grant.created_at, now)?;
    let mut lowered = Vec::new();
    for (item, (before, after)) in grant.access.iter().zip(terms.access).enumerate() {
        if before.limits == after.limits {
            continue;
        }
        let interval = before.limits.as_ref().and_then(|limits| limits.interval.as_ref());
        let window = match interval {
            Some(interval) => narrow::earliest_left(interval, now).ok_or(NotLess::Over)?.index,
            None => WHOLE_LIFE,
        };
        lowered.push(Lowered { item, limits: after.limits, window });
    }
    Ok(if lowered.is_empty() { Plan::Nothing } else { Plan::Lower(lowered) })
}
