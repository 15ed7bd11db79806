//! Grants and their access items.

use crate::columns::corrupt;
use crate::{Ask, Error, Row, Tx};
use bursar_core::Id;
use bursar_core::access::{ClientId, GrantedAccess};
use bursar_core::grant::{BoundKey, Finish, Grant, State};
use bursar_types::{Action, Actions, Limits, ResourceType};
use jiff::Timestamp;

/// Adds a grant with its access items.
///
/// # Errors
/// When the database fails.
pub fn insert(tx: &mut Tx<'_>, grant: &Grant) -> Result<(), Error> {
    let (state, holder, decided_at) = stored_state(grant.state);
    tx.insert(
        "INSERT INTO op_grant (id, state, client, client_name, key_kid, key_x, endpoint, subject, finish_uri,
             finish_nonce, holder_id, created_at, expires_at, decided_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        &[
            (&grant.id).into(),
            state.into(),
            (&grant.client.to_string()).into(),
            grant.client_name.as_deref().into(),
            (&grant.key.kid).into(),
            (&grant.key.x).into(),
            (&grant.endpoint).into(),
            grant.subject.as_deref().into(),
            grant.finish.as_ref().map(|finish| finish.uri.as_str()).into(),
            grant.finish.as_ref().map(|finish| finish.nonce.as_str()).into(),
            holder.as_ref().into(),
            grant.created_at.into(),
            grant.expires_at.into(),
            decided_at.into(),
        ],
    )?;
    for (place, item) in grant.access.iter().enumerate() {
        insert_access(tx, &grant.id, place as u64, item)?;
    }
    Ok(())
}

fn insert_access(tx: &mut Tx<'_>, grant: &Id, place: u64, item: &GrantedAccess) -> Result<(), Error> {
    let limits = stored_limits(item.limits.as_ref())?;
    tx.insert(
        "INSERT INTO grant_access (id, grant_id, place, resource, actions, identifier, limits)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        &[
            (&item.id).into(),
            grant.into(),
            place.into(),
            item.resource.as_str().into(),
            (&stored_actions(item.actions)).into(),
            item.identifier.as_deref().into(),
            limits.as_deref().into(),
        ],
    )?;
    Ok(())
}

/// Finds a grant.
///
/// # Errors
/// When the database fails.
pub fn by_id(tx: &mut Tx<'_>, id: &Id) -> Result<Option<Grant>, Error> {
    let grant = tx.one(
        "SELECT id, state, client, client_name, key_kid, key_x, endpoint, subject, finish_uri, finish_nonce,
             holder_id, created_at, expires_at, polled_at, decided_at, paused_at, revision
         FROM op_grant WHERE id = $1",
        &[id.into()],
        read,
    )?;
    let Some(mut grant) = grant else { return Ok(None) };
    grant.access = access(tx, id)?;
    Ok(Some(grant))
}

/// How a grant in force stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Whether its account holder has paused it.
    pub is_paused: bool,
    /// Counts what its account holder has changed: with the same number, the access items are the same.
    pub revision: u64,
}

/// Asks how a grant stands.
pub fn ask_standing(id: &Id) -> Ask<'_> {
    Ask::new("SELECT paused_at, revision FROM op_grant WHERE id = $1 AND state = 'issued'", &[id.into()])
}

/// How a grant stands, if it is in force: its client has its token, and nobody has ended it.
///
/// # Errors
/// When the database fails.
pub fn standing(tx: &mut Tx<'_>, id: &Id) -> Result<Option<Standing>, Error> {
    tx.ask(&ask_standing(id), |row| {
        Ok(Standing { is_paused: row.opt_instant(0)?.is_some(), revision: row.unsigned(1)? })
    })
}

/// Some grants of an account holder that are approved or in force, oldest first.
///
/// # Errors
/// When the database fails.
pub fn live_of(tx: &mut Tx<'_>, holder: &Id, most: u64) -> Result<Vec<Id>, Error> {
    tx.all(
        "SELECT id FROM op_grant WHERE holder_id = $1 AND state IN ('approved', 'issued') ORDER BY id LIMIT $2",
        &[holder.into(), most.into()],
        |row| row.id(0),
    )
}

/// The access items of a grant, in the order in which they were asked for.
///
/// # Errors
/// When the database fails.
pub fn access(tx: &mut Tx<'_>, grant: &Id) -> Result<Vec<GrantedAccess>, Error> {
    tx.all(
        "SELECT id, resource, actions, identifier, limits FROM grant_access WHERE grant_id = $1 ORDER BY place",
        &[grant.into()],
        |row| {
            Ok(GrantedAccess {
                id: row.id(0)?,
                resource: read_resource(&row.text(1)?)?,
                actions: read_actions(&row.text(2)?)?,
                identifier: row.opt_text(3)?,
                limits: row.opt_text(4)?.map(|text| serde_json::from_str(&text)).transpose().map_err(corrupt)?,
            })
        },
    )
}

/// Moves a grant from one state to another.
///
/// # Errors
/// [`Error::Guard`] when it is in another state by now.
pub fn set_state(tx: &mut Tx<'_>, id: &Id, from: State, to: State) -> Result<(), Error> {
    let (before, _, _) = stored_state(from);
    let (after, holder, decided_at) = stored_state(to);
    tx.change_one(
        "the grant is in another state",
        "UPDATE op_grant SET state = $3, holder_id = COALESCE($4, holder_id), decided_at = COALESCE($5, decided_at)
         WHERE id = $1 AND state = $2",
        &[id.into(), before.into(), after.into(), holder.as_ref().into(), decided_at.into()],
    )
}

/// Pauses a grant in force, or resumes it.
///
/// # Errors
/// [`Error::Guard`] when something has changed since the grant was read.
pub fn set_paused(tx: &mut Tx<'_>, read: &Grant, paused_at: Option<Timestamp>) -> Result<(), Error> {
    tx.change_one(
        "the grant has changed",
        "UPDATE op_grant SET paused_at = $3, revision = revision + 1
         WHERE id = $1 AND revision = $2 AND state = 'issued'",
        &[(&read.id).into(), read.revision.into(), paused_at.into()],
    )
}

/// Gives a grant in force a new revision, since its limits change.
///
/// # Errors
/// [`Error::Guard`] when something has changed since the grant was read.
pub fn set_revised(tx: &mut Tx<'_>, read: &Grant) -> Result<(), Error> {
    tx.change_one(
        "the grant has changed",
        "UPDATE op_grant SET revision = revision + 1 WHERE id = $1 AND revision = $2 AND state = 'issued'",
        &[(&read.id).into(), read.revision.into()],
    )
}

/// Whether limits are what was asked for, or came later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// What the client asked for: remembered as that.
    Asked,
    /// What was granted.
    Granted,
}

/// Replaces the limits of an access item.
///
/// # Errors
/// [`Error::Guard`] when it has other limits by now.
pub fn set_limits(tx: &mut Tx<'_>, read: &GrantedAccess, what: Before, limits: Option<&Limits>) -> Result<(), Error> {
    let before = stored_limits(read.limits.as_ref())?;
    let asked = match what {
        Before::Asked => Some(serde_json::to_string(&read.limits).map_err(corrupt)?),
        Before::Granted => None,
    };
    tx.change_one(
        "the access has other limits",
        "UPDATE grant_access SET limits = $3, asked = COALESCE(asked, $4)
         WHERE id = $1 AND COALESCE(limits, '') = $2",
        &[
            (&read.id).into(),
            before.as_deref().unwrap_or_default().into(),
            stored_limits(limits)?.as_deref().into(),
            asked.as_deref().into(),
        ],
    )
}

/// The limits that the client had asked for, of those access items of a grant that were granted less.
///
/// # Errors
/// When the database fails.
pub fn asked(tx: &mut Tx<'_>, grant: &Id) -> Result<Vec<(Id, Option<Limits>)>, Error> {
    tx.all(
        "SELECT id, asked FROM grant_access WHERE grant_id = $1 AND asked IS NOT NULL ORDER BY place",
        &[grant.into()],
        |row| Ok((row.id(0)?, serde_json::from_str(&row.text(1)?).map_err(corrupt)?)),
    )
}

/// Grants that an account holder has given and their clients have taken, newest first, from an id on.
///
/// # Errors
/// When the database fails.
pub fn of_holder(tx: &mut Tx<'_>, holder: &Id, older_than: Option<&Id>, most: u64) -> Result<Vec<Grant>, Error> {
    let from = older_than.copied().unwrap_or(Id::from_bytes([u8::MAX; 16]));
    let mut grants = tx.all(
        "SELECT id, state, client, client_name, key_kid, key_x, endpoint, subject, finish_uri, finish_nonce,
             holder_id, created_at, expires_at, polled_at, decided_at, paused_at, revision
         FROM op_grant
         WHERE holder_id >= $1 AND (holder_id, id) < ($1, $2) AND state IN ('issued', 'ended')
         ORDER BY holder_id DESC, id DESC LIMIT $3",
        &[holder.into(), (&from).into(), most.into()],
        read,
    )?;
    for grant in &mut grants {
        grant.access = access(tx, &grant.id)?;
    }
    Ok(grants)
}

/// An app that an account holder has given a grant to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownClient {
    /// The app.
    pub client: ClientId,
    /// The name it had when it was first given one.
    pub name: Option<String>,
    /// When it asked for that.
    pub since: Timestamp,
}

/// The apps that an account holder has given grants to, by their addresses; at most so many.
///
/// # Errors
/// When the database fails.
pub fn known_clients(tx: &mut Tx<'_>, holder: &Id, most: usize) -> Result<Vec<KnownClient>, Error> {
    let mut known: Vec<KnownClient> = Vec::new();
    // One look into the index for each app, however many grants it has.
    while known.len() < most {
        let last = known.last().map(|client| client.client.to_string()).unwrap_or_default();
        let next = tx.one(
            "SELECT client, client_name, created_at FROM op_grant
             WHERE holder_id = $1 AND client > $2 AND state IN ('issued', 'ended') ORDER BY client, id LIMIT 1",
            &[holder.into(), last.as_str().into()],
            |row| {
                let client = ClientId::from_stored(row.text(0)?);
                Ok(KnownClient { client, name: row.opt_text(1)?, since: row.instant(2)? })
            },
        )?;
        let Some(next) = next else { break };
        known.push(next);
    }
    Ok(known)
}

/// When an app asked for the first grant that the account holder gave it.
///
/// # Errors
/// When the database fails.
pub fn known_since(tx: &mut Tx<'_>, holder: &Id, client: &ClientId) -> Result<Option<Timestamp>, Error> {
    let client = client.to_string();
    // The first of this app or of the next one, so that one look into the index is enough.
    let first = tx.one(
        "SELECT client, created_at FROM op_grant
         WHERE holder_id = $1 AND client >= $2 AND state IN ('issued', 'ended') ORDER BY client, id LIMIT 1",
        &[holder.into(), (&client).into()],
        |row| Ok((row.text(0)?, row.instant(1)?)),
    )?;
    Ok(first.filter(|(found, _)| *found == client).map(|(_, since)| since))
}

/// Notes that the client asked while nothing was decided.
///
/// # Errors
/// When the database fails.
pub fn set_polled(tx: &mut Tx<'_>, id: &Id, now: Timestamp) -> Result<(), Error> {
    tx.change_one(
        "the grant is no longer pending",
        "UPDATE op_grant SET polled_at = $2 WHERE id = $1 AND state = 'pending'",
        &[id.into(), now.into()],
    )
}

fn read(row: &Row<'_>) -> Result<Grant, Error> {
    let state = read_state(&row.text(1)?, row.opt_id(10)?, row.opt_instant(14)?)?;
    let finish = row.opt_text(8)?.zip(row.opt_text(9)?);
    Ok(Grant {
        id: row.id(0)?,
        client: ClientId::from_stored(row.text(2)?),
        client_name: row.opt_text(3)?,
        key: BoundKey { kid: row.text(4)?, x: row.key(5)? },
        endpoint: row.text(6)?,
        access: Vec::new(),
        subject: row.opt_text(7)?,
        finish: finish.map(|(uri, nonce)| Finish { uri, nonce }),
        created_at: row.instant(11)?,
        expires_at: row.instant(12)?,
        polled_at: row.opt_instant(13)?,
        paused_at: row.opt_instant(15)?,
        revision: row.unsigned(16)?,
        state,
    })
}

fn stored_state(state: State) -> (&'static str, Option<Id>, Option<Timestamp>) {
    match state {
        State::Pending => ("pending", None, None),
        State::Approved { holder, at } => ("approved", Some(holder), Some(at)),
        State::Denied { at } => ("denied", None, Some(at)),
        State::Issued { holder } => ("issued", holder, None),
        State::Ended { holder, at } => ("ended", holder, Some(at)),
    }
}

fn read_state(word: &str, holder: Option<Id>, at: Option<Timestamp>) -> Result<State, Error> {
    let state = match (word, holder, at) {
        ("pending", _, _) => State::Pending,
        ("approved", Some(holder), Some(at)) => State::Approved { holder, at },
        ("denied", _, Some(at)) => State::Denied { at },
        ("issued", holder, _) => State::Issued { holder },
        ("ended", holder, Some(at)) => State::Ended { holder, at },
        _ => return Err(Error::Corrupt(format!("a grant's state {word:?} lacks who or when"))),
    };
    Ok(state)
}

fn stored_limits(limits: Option<&Limits>) -> Result<Option<String>, Error> {
    limits.map(serde_json::to_string).transpose().map_err(corrupt)
}

fn stored_actions(actions: Actions) -> String {
    actions.iter().map(Action::as_str).collect::<Vec<_>>().join(" ")
}

fn read_actions(text: &str) -> Result<Actions, Error> {
    let find = |word: &str| {
        let found = Action::ALL.into_iter().find(|action| action.as_str() == word);
        found.ok_or_else(|| Error::Corrupt(format!("unknown action {word:?}")))
    };
    Ok(Actions::of(&text.split(' ').map(find).collect::<Result<Vec<_>, _>>()?))
}

fn read_resource(word: &str) -> Result<ResourceType, Error> {
    [ResourceType::IncomingPayment, ResourceType::OutgoingPayment, ResourceType::Quote]
        .into_iter()
        .find(|resource| resource.as_str() == word)
        .ok_or_else(|| Error::Corrupt(format!("unknown resource type {word:?}")))
}

/// Deletes some requests that were never granted and ended before the given instant; how many.
///
/// # Errors
/// When the database fails.
pub fn delete_ungranted(tx: &mut Tx<'_>, before: Timestamp, most: u64) -> Result<u64, Error> {
    let ended = tx.all(FIND_UNGRANTED, &[before.into(), most.into()], |row| row.id(0))?;
    for id in &ended {
        tx.execute("DELETE FROM grant_access WHERE grant_id = $1", &[id.into()])?;
        tx.execute("DELETE FROM op_grant WHERE id = $1", &[id.into()])?;
    }
    Ok(ended.len() as u64)
}

pub(crate) const FIND_UNGRANTED: &str = "SELECT id FROM
     (SELECT id FROM op_grant WHERE state IN ('pending', 'approved', 'denied') AND expires_at <= $1
      ORDER BY expires_at LIMIT 256) AS oldest LIMIT $2";
