//! What an account holder does to a grant that is in force.

use super::missing;
use crate::login::LoggedIn;
use crate::{App, Error, spending};
use bursar_core::Id;
use bursar_core::grant::{ACCESS_ITEMS_MAX, Grant};
use bursar_core::mandate::{self as rule, Act, Plan};
use bursar_store::grant_change::{self, GrantChange, Kind};
use bursar_store::{LockKey, Tx, grant, spend, token};
use jiff::Timestamp;

/// Pauses, resumes, lowers or revokes a grant that a person has given. In force for every payment that is not settled
/// when this answers, on every node. Harmless when repeated.
///
/// # Errors
/// Not found, also when it is somebody else's; [`bursar_core::Code::Conflict`] when it has ended;
/// [`bursar_core::Code::InvalidResourceRequest`] for what would not be less.
pub async fn act(app: &App, person: &LoggedIn, id: &str, what: Act) -> Result<(), Error> {
    let id: Id = id.parse().map_err(|_| missing())?;
    let (holder, now) = (person.holder, app.clock.now());
    let ids: Vec<Id> = (0..ACCESS_ITEMS_MAX).map(|_| app.new_id(now)).collect();
    app.store
        .write(vec![LockKey::of(&id)], move |tx| {
            let grant = grant::by_id(tx, &id)?.ok_or_else(missing)?;
            let assets = spending::assets(tx, &grant.access)?;
            let plan = rule::act(&grant, &assets, &holder, &what, now)?;
            write(tx, &grant, plan, &ids, now)
        })
        .await?;
    app.callers.forget(|caller| caller.grant == id);
    Ok(())
}

fn write(tx: &mut Tx<'_>, grant: &Grant, plan: Plan, ids: &[Id], now: Timestamp) -> Result<(), Error> {
    let mut ids = ids.iter();
    let mut note = |tx: &mut Tx<'_>, kind| {
        let id = *ids.next().ok_or_else(|| Error::Internal("a grant has too many access items".to_owned()))?;
        grant_change::insert(tx, &GrantChange { id, grant: grant.id, kind, created_at: now }).map_err(Error::from)
    };
    match plan {
        Plan::Nothing => Ok(()),
        Plan::Pause => {
            grant::set_paused(tx, grant, Some(now))?;
            note(tx, Kind::Paused)
        }
        Plan::Resume => {
            grant::set_paused(tx, grant, None)?;
            note(tx, Kind::Resumed)
        }
        Plan::Revoke(state) => {
            grant::set_state(tx, &grant.id, grant.state, state)?;
            token::revoke_all(tx, &grant.id, now)?;
            note(tx, Kind::Revoked)
        }
        Plan::Lower(lowered) => {
            grant::set_revised(tx, grant)?;
            for change in lowered {
                let item = grant.access.get(change.item);
                let item = item.ok_or_else(|| Error::Internal("an access item that is not there".to_owned()))?;
                let spent = spend::get(tx, &item.id, change.window)?;
                grant::set_limits(tx, item, grant::Before::Granted, change.limits.as_ref())?;
                note(tx, Kind::lowered(item.id, item.limits.clone(), change.window, &spent))?;
            }
            Ok(())
        }
    }
}
