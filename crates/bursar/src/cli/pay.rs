//! `bursar pay`: paying with a grant.

use super::client::Known;
use super::failure::{Done, Failure};
use super::grant::{left, mandate};
use super::grant_request::example;
use super::output::{Out, instant, rows, say};
use super::state::StateFolder;
use bursar_client::{
    AuthenticatedClient, Duration, Error, GrantRequest, IncomingAccess, NewIncomingPayment, NewOutgoingPayment,
};
use bursar_types::{AccessItem, Action, Metadata, OutgoingPayment, SpentAmounts, WalletAddress};
use clap::Args;
use owo_colors::OwoColorize;
use serde_json::json;

/// How long to wait for the payment to settle.
const SETTLE_TIME: Duration = Duration::from_secs(60);

/// Pay somebody with a grant.
#[derive(Args, Debug)]
#[command(after_help = "\
Creates an incoming payment at the receiver, pays it out of the payer's account, and waits until
the money has arrived.

Examples:
  bursar pay --to https://wallet.example/bob --amount 5.00
  bursar pay --grant alice --to '$wallet.example/bob' --amount 5.00 --note 'Lunch on Friday'")]
pub struct Pay {
    /// Grant to pay with [default: the only one that is kept]
    #[arg(long, value_name = "NAME")]
    grant: Option<String>,
    /// Wallet address to be paid.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// What leaves the payer's account, in its currency, fees included.
    #[arg(long)]
    amount: String,
    /// What the payment is for; both sides see it.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    #[command(flatten)]
    state: StateFolder,
}

/// Runs it.
pub async fn run(pay: Pay, out: Out) -> Done {
    let name = pay.grant.map_or_else(|| pay.state.only(), Ok)?;
    let (held, record) = pay.state.open(&name)?;
    let mandate = mandate(&record)?;
    let asset = record.payer.asset().map_err(|error| Failure::new(error.to_string()))?;
    let amount = asset.parse_decimal(&pay.amount).map_err(|error| {
        Failure::usage(error.to_string()).advise(format!("write an amount of {asset} such as {}", example(asset)))
    })?;
    let client = record.client.client()?;
    let grant = client.grants().restore(record.grant.clone());
    grant.on_change(held.writer(&record));

    let receiver = client.wallet_address(&pay.to).get().await?;
    let metadata = pay.note.map(|note| Metadata::from_iter([("description".to_owned(), json!(note))]));
    let place = place_to_pay(&client, &record.client, &receiver, metadata.clone()).await?;

    let payments = grant.session()?.outgoing_payments();
    let mut new = NewOutgoingPayment::to_incoming_payment(place, amount);
    if let Some(metadata) = metadata {
        new = new.metadata(metadata);
    }
    let created = match payments.create(&record.payer, new).await {
        Ok(created) => created,
        Err(error @ (Error::Network(_) | Error::InvalidResponse { .. })) => {
            return Err(Failure::new(format!("it is not known whether the payment was made: {error}"))
                .advise(format!("see what was spent before you pay again: bursar grant show {name}")));
        }
        Err(error) => return Err(record.client.explain(&client, error).await),
    };
    let spent = SpentAmounts {
        spent_debit_amount: created.grant_spent_debit_amount,
        spent_receive_amount: created.grant_spent_receive_amount,
    };
    let payment = settled(&grant, created.payment).await?;
    let result = json!({
        "id": payment.id, "payer": record.payer.id, "receiver": receiver.id, "incomingPayment": payment.receiver,
        "debitAmount": payment.debit_amount, "receiveAmount": payment.receive_amount,
        "sentAmount": payment.sent_amount, "spent": spent, "left": left(mandate, &spent),
    });
    out.result(&result, || tell(&payment, &record.payer, &receiver, mandate, &spent));
    Ok(())
}

/// A new incoming payment at the receiver: its URL. Nobody is asked for it.
async fn place_to_pay(
    client: &AuthenticatedClient,
    known: &Known,
    receiver: &WalletAddress,
    metadata: Option<Metadata>,
) -> Done<String> {
    let access = IncomingAccess::new([Action::Create, Action::Read]).wallet_address(&receiver.id);
    let request = GrantRequest::new().access(access);
    let grant = match client.grants().request(&receiver.auth_server, request).await {
        Ok(grant) => grant.issued()?,
        Err(error) => return Err(known.explain(client, error).await),
    };
    let new = match metadata {
        Some(metadata) => NewIncomingPayment::new().metadata(metadata),
        None => NewIncomingPayment::new(),
    };
    Ok(grant.session()?.incoming_payments().create(receiver, new).await?.payment.id)
}

/// The payment when it has ended well.
async fn settled(grant: &bursar_client::IssuedGrant, payment: OutgoingPayment) -> Done<OutgoingPayment> {
    let id = payment.id.clone();
    let under_way = |why: String| {
        Failure::new(format!("the payment {id} was accepted, but has not settled yet{why}"))
            .advise("do not pay again before you know: the money may still arrive")
    };
    let payment = match grant.session()?.outgoing_payments().settled(payment, SETTLE_TIME).await {
        Ok(payment) => payment,
        Err(Error::StillPending) => return Err(under_way(String::new())),
        Err(error) => return Err(under_way(format!(" as far as is known: {error}"))),
    };
    if payment.failed {
        return Err(Failure::new(format!(
            "the payment {} has failed: {} of {} left the account",
            payment.id, payment.sent_amount, payment.debit_amount
        )));
    }
    Ok(payment)
}

fn tell(
    payment: &OutgoingPayment,
    payer: &WalletAddress,
    receiver: &WalletAddress,
    mandate: &AccessItem,
    spent: &SpentAmounts,
) {
    say(format_args!("{} to {}.", format!("Paid {}", payment.sent_amount).green().bold(), receiver.id.bold()));
    let mut lines = vec![
        ("from", payer.id.clone()),
        ("debited", payment.debit_amount.to_string()),
        ("received", payment.receive_amount.to_string()),
    ];
    if let Some(left) = left(mandate, spent) {
        // By the provider's clock, of which the payment tells.
        let interval = mandate.limits().and_then(|limits| limits.interval.as_ref());
        let window = interval.and_then(|interval| interval.window_at(payment.created_at));
        let until = window.map(|window| format!(" until {}", instant(window.end))).unwrap_or_default();
        lines.push(("left", format!("{left}{until}")));
    }
    lines.push(("payment", payment.id.clone()));
    rows(&lines);
}
