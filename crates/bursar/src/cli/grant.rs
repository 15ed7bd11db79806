//! `bursar grant`: permissions to pay.

use super::failure::{Done, Failure};
use super::grant_request::{self, Request};
use super::output::{Out, access, instant, limits, rows, say, warn};
use super::state::{Record, StateFolder};
use bursar_client::{Clock, Error, IssuedGrant};
use bursar_types::{AccessItem, Amount, LimitAmount, SpentAmounts};
use clap::{Args, Subcommand};
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use owo_colors::OwoColorize;
use serde_json::json;

/// Ask account holders for permission to pay, and manage the grants they gave.
#[derive(Args, Debug)]
pub struct Grant {
    #[command(subcommand)]
    command: GrantCommand,
}

#[derive(Subcommand, Debug)]
enum GrantCommand {
    /// Ask an account holder for permission to pay out of an account.
    Request(Box<Request>),
    /// List the grants that are kept.
    List {
        #[command(flatten)]
        state: StateFolder,
    },
    /// Show a grant: what it allows, and what is left of it.
    Show(Named),
    /// Exchange a grant's access token for a new one.
    ///
    /// Not needed in daily use: tokens that have expired are exchanged without being asked.
    Rotate(Named),
    /// End a grant for good, and forget it.
    Revoke(Named),
}

#[derive(Args, Debug)]
struct Named {
    /// Name of the grant; bursar grant list shows them.
    name: String,
    #[command(flatten)]
    state: StateFolder,
}

/// Runs it.
pub async fn run(grant: Grant, out: Out) -> Done {
    match grant.command {
        GrantCommand::Request(request) => grant_request::run(*request, out).await,
        GrantCommand::List { state } => list(&state, out),
        GrantCommand::Show(named) => show(&named, out).await,
        GrantCommand::Rotate(named) => rotate(&named, out).await,
        GrantCommand::Revoke(named) => revoke(&named, out).await,
    }
}

fn list(state: &StateFolder, out: Out) -> Done {
    let mut grants = Vec::new();
    for name in state.names()? {
        match state.read(&name) {
            Ok(Some(record)) => grants.push((name, record)),
            // Ended by another process a moment ago.
            Ok(None) => {}
            // The others are worth showing all the same.
            Err(failure) => warn(failure.message()),
        }
    }
    let result: Vec<_> = grants.iter().map(|(name, record)| summary(name, record)).collect();
    out.result(&result, || {
        if grants.is_empty() {
            say("There are no grants yet. Ask an account holder for one: bursar grant request --help");
            return;
        }
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(["NAME", "PAYER", "MAY PAY"]);
        for (name, record) in &grants {
            let may: Vec<_> = record.grant.access().iter().map(limits).collect();
            table.add_row([name.as_str(), record.payer.id.as_str(), &may.join("\n")]);
        }
        say(table.trim_fmt());
    });
    Ok(())
}

fn summary(name: &str, record: &Record) -> serde_json::Value {
    json!({
        "name": name, "payer": record.payer.id, "grantedAt": record.granted_at, "access": record.grant.access(),
        "tokenExpiresAt": record.grant.token_expires_at(),
    })
}

async fn show(named: &Named, out: Out) -> Done {
    let (held, record) = named.state.open(&named.name)?;
    let client = record.client.client()?;
    let grant = client.grants().restore(record.grant.clone());
    grant.on_change(held.writer(&record));
    let spent = match spent(&grant, &record).await {
        Ok(spent) => Some(spent),
        Err(error @ Error::NoAccess) => return Err(error.into()),
        Err(error) => {
            warn(&format!("what was spent is not known: {error}"));
            None
        }
    };
    let mandate = mandate(&record)?;
    let left = spent.as_ref().and_then(|spent| left(mandate, spent));
    let mut result = summary(&named.name, &record);
    result["spent"] = json!(spent);
    result["left"] = json!(left);
    out.result(&result, || {
        say(named.name.bold());
        let amount = |amount: Option<Amount>| amount.map_or_else(|| "nothing".to_owned(), |amount| amount.to_string());
        let mut lines = vec![
            ("payer", record.payer.id.clone()),
            ("granted", instant(record.granted_at)),
            ("may do", access(mandate)),
            ("may pay", limits(mandate)),
        ];
        if let Some(window) = window(mandate) {
            lines.push(("window", window));
        }
        if let Some(spent) = &spent {
            lines.push(("spent", amount(spent.spent_debit_amount)));
        }
        if let Some(left) = left {
            lines.push(("left", left.to_string()));
        }
        rows(&lines);
    });
    Ok(())
}

async fn spent(grant: &IssuedGrant, record: &Record) -> Result<SpentAmounts, Error> {
    grant.session()?.outgoing_payments().spent(&record.payer).await
}

/// The item of the grant that allows to pay.
pub fn mandate(record: &Record) -> Done<&AccessItem> {
    let mut items = record.grant.access().iter();
    items
        .find(|item| matches!(item, AccessItem::OutgoingPayment { .. }))
        .ok_or_else(|| Failure::new("this grant does not allow to pay"))
}

/// What the mandate has left, where it has a limit and what was spent is known; nothing spent is told as no amount.
pub fn left(mandate: &AccessItem, spent: &SpentAmounts) -> Option<Amount> {
    let (limit, spent) = match mandate.limits()?.amount? {
        LimitAmount::Debit(limit) => (limit, spent.spent_debit_amount),
        LimitAmount::Receive(limit) => (limit, spent.spent_receive_amount),
    };
    match spent {
        Some(spent) => limit.checked_sub(&spent).ok(),
        None => Some(limit),
    }
}

/// The window of this moment, by this machine's clock.
fn window(mandate: &AccessItem) -> Option<String> {
    let interval = mandate.limits()?.interval.as_ref()?;
    let now = Clock::system().now();
    Some(match (interval.window_at(now), interval.starts_at()) {
        (Some(window), _) => format!("now, until {}", instant(window.end)),
        (None, Some(start)) if now < start => format!("the first begins on {}", instant(start)),
        (None, _) => "the last has ended; nothing can be paid any more".to_owned(),
    })
}

async fn rotate(named: &Named, out: Out) -> Done {
    let (held, record) = named.state.open(&named.name)?;
    let client = record.client.client()?;
    let grant = client.grants().restore(record.grant.clone());
    let token = match grant.rotate().await {
        Ok(token) => token,
        Err(error) => return Err(record.client.explain(&client, error).await),
    };
    held.write(&Record { grant: grant.save().await, ..record })?;
    let result = json!({ "name": named.name, "tokenExpiresAt": token.expires_at() });
    out.result(&result, || match token.expires_at() {
        Some(at) => say(format_args!("{} has a new access token, which expires on {}.", named.name, instant(at))),
        None => say(format_args!("{} has a new access token.", named.name)),
    });
    Ok(())
}

async fn revoke(named: &Named, out: Out) -> Done {
    let (held, record) = named.state.open(&named.name)?;
    let client = record.client.client()?;
    let grant = client.grants().restore(record.grant.clone());
    if let Err(error) = grant.cancel().await {
        // A grant that the provider no longer knows has ended already.
        let ended = error.refusal().is_some_and(|refusal| refusal.code == "invalid_continuation");
        if !ended {
            return Err(record.client.explain(&client, error).await);
        }
        out.remark("The provider no longer knows this grant: it had ended already.");
    }
    held.remove()?;
    out.result(&json!({ "name": named.name, "revoked": true }), || {
        say(format_args!("{} has ended: nothing more can be paid with it.", named.name));
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_types::Asset;

    #[test]
    fn what_is_left_follows_from_the_limit_and_what_was_spent() {
        fn check(limits: &str, spent: (Option<u64>, Option<u64>), expected: Option<&str>) {
            let cad = Asset::new("CAD", 2).unwrap();
            let json = format!(
                r#"{{"type":"outgoing-payment","actions":["create"],"identifier":"https://a.example/b"{limits}}}"#
            );
            let amount = |value: Option<u64>| value.map(|value| cad.amount(value).unwrap());
            let spent = SpentAmounts { spent_debit_amount: amount(spent.0), spent_receive_amount: amount(spent.1) };
            let left = left(&serde_json::from_str(&json).unwrap(), &spent);
            assert_eq!(left.map(|left| left.to_string()).as_deref(), expected, "{limits}");
        }
        let debit = r#","limits":{"debitAmount":{"value":"10000","assetCode":"CAD","assetScale":2}}"#;
        let receive = r#","limits":{"receiveAmount":{"value":"10000","assetCode":"CAD","assetScale":2}}"#;
        check("", (Some(1), Some(1)), None);
        check(debit, (Some(500), Some(300)), Some("95.00 CAD"));
        check(receive, (Some(500), Some(300)), Some("97.00 CAD"));
        check(debit, (None, None), Some("100.00 CAD"));
        check(debit, (Some(10000), None), Some("0.00 CAD"));
        check(debit, (Some(10001), None), None);
    }
}
