//! Grants at the authorization server: request, continue, cancel (GNAP, RFC 9635; Open Payments).

use crate::keys::KnownClient;
use crate::{App, Error, tokens, wallets};
use bursar_core::access::{ClientId, GrantedAccess};
use bursar_core::grant::{self as rule, Finish, Grant, Resumed, State};
use bursar_core::secret::Purpose;
use bursar_core::token::Token;
use bursar_core::{Code, Id};
use bursar_store::{LockKey, Tx, grant, token};
use bursar_types::{
    AccessItem, Continue, ContinueResponse, ContinueToken, GrantRequest, GrantResponse, InteractResponse, ResourceType,
    Subject, SubjectFormat, SubjectId,
};
use jiff::Timestamp;

/// The id of a grant.
pub type GrantId = Id;

/// A client asks for access. Without need of consent it gets its token at once.
///
/// # Errors
/// [`Code::InvalidRequest`], naming the fault.
pub async fn request(app: &App, request: GrantRequest, client: KnownClient) -> Result<GrantResponse, Error> {
    rule::check_request(&request)?;
    let (now, id) = app.now_and_id();
    let interactive = rule::needs_interaction(&request);
    let items = request.access_token.map(|token| token.access).unwrap_or_default();
    let ids: Vec<Id> = items.iter().map(|_| app.new_id(now)).collect();
    let subject = request.subject.and_then(|subject| subject.sub_ids.into_iter().next()).map(|subject| subject.id);
    let finish = request.interact.and_then(|interact| interact.finish);
    let asked = Grant {
        id,
        client: client.id,
        client_name: client.name,
        key: client.key,
        endpoint: app.config.auth_url(),
        access: Vec::new(),
        subject: None,
        finish: finish.map(|finish| Finish { uri: finish.uri, nonce: finish.nonce }),
        created_at: now,
        expires_at: now.saturating_add(app.config.interaction_lifetime).unwrap_or(now),
        polled_at: None,
        paused_at: None,
        revision: 0,
        state: if interactive { State::Pending } else { State::Issued { holder: None } },
    };
    let issue = (!interactive).then(|| tokens::new_token(app, id, now));
    let (grant, issued) = app
        .store
        .write(vec![LockKey::of(&id)], move |tx| {
            let mut grant = asked.clone();
            for (item, id) in items.iter().zip(&ids) {
                grant.access.push(checked(tx, item, *id)?);
            }
            if let Some(subject) = &subject {
                grant.subject = Some(wallets::find(tx, subject, |reason| invalid("subject", &reason))?.url);
            }
            grant::insert(tx, &grant)?;
            if let Some(token) = &issue {
                token::insert(tx, token, now)?;
            }
            Ok::<_, Error>((grant, issue))
        })
        .await?;
    Ok(match issued {
        Some(token) => GrantResponse::Issued {
            access_token: tokens::wire(app, &token, &grant.access, now),
            continuation: continuation(app, &grant.id, None),
        },
        None => GrantResponse::Pending {
            interact: InteractResponse {
                redirect: interaction_url(app, &grant.id),
                finish: grant.server_nonce(&app.secret),
            },
            continuation: continuation(app, &grant.id, Some(app.config.poll_wait.as_secs())),
        },
    })
}

fn invalid(field: &str, reason: &str) -> Error {
    Error::refused(Code::InvalidRequest, format!("{field}: {reason}"))
}

/// Checks an item against the wallet address that it names.
fn checked(tx: &mut Tx<'_>, item: &AccessItem, id: Id) -> Result<GrantedAccess, Error> {
    let wallet = match item.identifier() {
        Some(identifier) => Some(wallets::find(tx, identifier, |reason| invalid("identifier", &reason))?),
        None => None,
    };
    rule::check_item(item, wallet.as_ref().map(|wallet| wallet.asset))?;
    Ok(GrantedAccess {
        id,
        resource: item.resource_type(),
        actions: item.actions(),
        identifier: wallet.map(|wallet| wallet.url),
        limits: item.limits().cloned(),
    })
}

/// An item as it is told to clients.
pub(crate) fn wire_item(item: &GrantedAccess) -> AccessItem {
    let actions = item.actions;
    match item.resource {
        ResourceType::IncomingPayment => AccessItem::IncomingPayment { actions, identifier: item.identifier.clone() },
        ResourceType::OutgoingPayment => AccessItem::OutgoingPayment {
            actions,
            identifier: item.identifier.clone().unwrap_or_default(),
            limits: item.limits.clone(),
        },
        ResourceType::Quote => AccessItem::Quote { actions },
    }
}

/// The page on which a person decides.
pub fn interaction_url(app: &App, grant: &Id) -> String {
    format!(
        "{}/interact/{grant}/{}",
        app.config.auth_url(),
        app.secret.derive_text(Purpose::InteractPath, grant.as_bytes())
    )
}

fn continuation(app: &App, grant: &Id, wait: Option<i64>) -> Continue {
    Continue {
        access_token: ContinueToken { value: app.secret.derive_text(Purpose::ContinueToken, grant.as_bytes()) },
        uri: format!("{}/continue/{grant}", app.config.auth_url()),
        wait: wait.and_then(|seconds| u64::try_from(seconds).ok()),
    }
}

/// Finds the grant of a continuation URI, if the token is its continuation token.
///
/// # Errors
/// [`Code::InvalidContinuation`] for an unknown id as for a wrong token.
pub async fn find_continuation(app: &App, id: &str, value: &str) -> Result<Grant, Error> {
    let unknown =
        || Error::refused(Code::InvalidContinuation, "there is no such grant, or this is not its continuation token");
    let id: Id = id.parse().map_err(|_| unknown())?;
    if !app.secret.matches(Purpose::ContinueToken, id.as_bytes(), value) {
        return Err(unknown());
    }
    app.store.read(move |tx| grant::by_id(tx, &id).map_err(Error::from)).await?.ok_or_else(unknown)
}

/// The client comes back after the interaction, or asks how it stands. Of several at once exactly one gets the
/// token.
///
/// # Errors
/// As [`Grant::resume`] says.
pub async fn resume(app: &App, id: Id, interact_ref: Option<String>) -> Result<ContinueResponse, Error> {
    let now = app.clock.now();
    let (secret, wait) = (app.secret.clone(), app.config.poll_wait);
    let new = tokens::new_token(app, id, now);
    let (grant, issued) = app
        .store
        .write(vec![LockKey::of(&id)], move |tx| {
            let gone = || Error::refused(Code::InvalidContinuation, "there is no such grant");
            let grant = grant::by_id(tx, &id)?.ok_or_else(gone)?;
            match grant.resume(interact_ref.as_deref(), &secret, wait, now)? {
                Resumed::StillPending => {
                    grant::set_polled(tx, &id, now)?;
                    Ok::<_, Error>((grant, None))
                }
                Resumed::Issue { holder } => {
                    grant::set_state(tx, &id, grant.state, State::Issued { holder: Some(holder) })?;
                    if grant.access.is_empty() {
                        return Ok((grant, Some(None)));
                    }
                    token::insert(tx, &new, now)?;
                    Ok((grant, Some(Some(new))))
                }
            }
        })
        .await?;
    Ok(answer(app, &grant, issued, now))
}

fn answer(app: &App, grant: &Grant, issued: Option<Option<Token>>, now: Timestamp) -> ContinueResponse {
    let wait = issued.is_none().then(|| app.config.poll_wait.as_secs());
    let subject = grant.subject.as_ref().filter(|_| issued.is_some());
    ContinueResponse {
        access_token: issued.flatten().map(|token| tokens::wire(app, &token, &grant.access, now)),
        subject: subject
            .map(|url| Subject { sub_ids: vec![SubjectId { id: url.clone(), format: SubjectFormat::Uri }] }),
        continuation: continuation(app, &grant.id, wait),
    }
}

/// The client cancels: the grant and every token of it are dead at once. Harmless when repeated.
///
/// # Errors
/// When the database fails.
pub async fn cancel(app: &App, id: Id) -> Result<(), Error> {
    let now = app.clock.now();
    app.store
        .write(vec![LockKey::of(&id)], move |tx| {
            let Some(grant) = grant::by_id(tx, &id)? else { return Ok(()) };
            let holder = match grant.state {
                State::Ended { .. } => return Ok(()),
                State::Approved { holder, .. } => Some(holder),
                State::Issued { holder } => holder,
                State::Pending | State::Denied { .. } => None,
            };
            grant::set_state(tx, &id, grant.state, State::Ended { holder, at: now })?;
            token::revoke_all(tx, &id, now).map_err(Error::from)
        })
        .await?;
    app.callers.forget(|caller| caller.grant == id);
    Ok(())
}

/// The key a grant is bound to, unless its owner has revoked it.
///
/// # Errors
/// [`Code::ClientRejected`].
pub async fn public_key(
    app: &App,
    client: &ClientId,
    key: &rule::BoundKey,
) -> Result<bursar_httpsig::PublicKey, Error> {
    crate::keys::require_current(app, client, key, crate::callers::client_refusal).await
}
