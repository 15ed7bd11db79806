//! `bursar grant request`: asking an account holder.

use super::client::Identity;
use super::failure::{Done, Failure};
use super::output::{Out, access, limits, rows, say, warn};
use super::state::{Record, StateFolder, name_of};
use bursar_client::{
    CallbackListener, Clock, Duration, Error, Grant, GrantRequest, IssuedGrant, OutgoingAccess, PendingGrant,
};
use bursar_types::{Action, Amount, Asset, Interval, WalletAddress};
use clap::Args;
use owo_colors::OwoColorize;
use serde_json::json;

/// Ask an account holder for permission to pay out of an account.
#[derive(Args, Debug)]
#[command(after_help = "\
Prints the address of the provider's consent page, waits until the account holder has decided
there, and keeps the grant for bursar pay. With --json, the first line is {\"redirect\": …} and the
second tells the grant.

Examples:
  bursar grant request --wallet https://wallet.example/alice --debit 100.00 \\
      --interval R3/2025-05-20T13:00:00Z/P1M \\
      --client-wallet https://wallet.example/my-app --key private.pem --key-id my-key
      up to 100.00 a month for three months, to anyone
  bursar grant request … --debit 1.30 \\
      --receiver https://wallet.example/op/incoming-payments/2f1b0150
      1.30 in all, and only to that incoming payment")]
pub struct Request {
    /// Wallet address that shall pay.
    #[arg(long, value_name = "ADDRESS")]
    wallet: String,
    #[command(flatten)]
    identity: Identity,
    /// The most that may leave the account, fees included: in each window, or in all without --interval.
    #[arg(long, value_name = "AMOUNT")]
    debit: Option<String>,
    /// The most that may arrive: in each window, or in all without --interval.
    #[arg(long, value_name = "AMOUNT", conflicts_with = "debit")]
    receive: Option<String>,
    /// Asset of --receive, such as EUR/2 for euros and cents [default: the payer's]
    #[arg(long, value_name = "CODE/SCALE", requires = "receive", value_parser = asset)]
    receive_asset: Option<Asset>,
    /// Windows in which the amount can be spent anew; see bursar interval --help.
    #[arg(long, value_name = "INTERVAL", value_parser = Interval::parse)]
    interval: Option<Interval>,
    /// The only incoming payment (its URL) that may be paid.
    #[arg(long, value_name = "URL")]
    receiver: Option<String>,
    /// What the app may do with outgoing payments: create, read, read-all, list, list-all.
    #[arg(long, value_name = "ACTIONS", value_delimiter = ',', value_parser = action, default_value = "create,read")]
    actions: Vec<Action>,
    /// Address on this machine to which the browser comes back.
    #[arg(long, value_name = "URL", default_value = "http://localhost:3344")]
    callback: String,
    /// Ask the provider for the outcome instead of waiting for the browser: if that runs on another machine.
    #[arg(long, conflicts_with = "callback")]
    poll: bool,
    /// Open the consent page in the browser.
    #[arg(long)]
    open: bool,
    /// How long to wait for the decision, in minutes.
    #[arg(long, value_name = "MINUTES", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1440))]
    wait: u32,
    /// Name under which the grant is kept [default: the last part of the payer's wallet address]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    state: StateFolder,
}

fn action(text: &str) -> Result<Action, String> {
    let all = Action::ALL.map(Action::as_str).join(", ");
    Action::ALL.into_iter().find(|action| action.as_str() == text).ok_or_else(|| format!("the actions are {all}"))
}

fn asset(text: &str) -> Result<Asset, String> {
    let (code, scale) = text.split_once('/').ok_or("write the code and the decimal places, such as EUR/2")?;
    let scale = scale.parse().map_err(|_| "the decimal places are a number, such as 2 in EUR/2")?;
    Asset::new(code, scale).map_err(|error| error.to_string())
}

/// Runs it.
pub async fn run(request: Request, out: Out) -> Done {
    let open = request.open;
    ask(request, out, |url| send_to_consent_page(url, open, out)).await
}

/// Asks, and has the account holder sent to the consent page when there is one.
pub async fn ask(request: Request, out: Out, send: impl FnOnce(&str)) -> Done {
    let known = request.identity.known()?;
    let client = known.client()?;
    let payer = client.wallet_address(&request.wallet).get().await?;
    let own = payer.asset().map_err(|error| Failure::new(error.to_string()))?;
    let wanted = Ask {
        debit: amount(request.debit.as_deref(), own)?,
        receive: amount(request.receive.as_deref(), request.receive_asset.unwrap_or(own))?,
        interval: request.interval,
        receiver: request.receiver,
        actions: request.actions,
    };
    let held = request.state.take(&request.name.unwrap_or_else(|| name_of(&payer)))?;
    if wanted.debit.is_none() && wanted.receive.is_none() {
        warn("no amount is named: this asks for permission to pay without limit");
    }

    let way = if request.poll { Way::Poll } else { Way::Callback(CallbackListener::bind(&request.callback).await?) };
    let grant_request = match &way {
        Way::Poll => wanted.request(&payer).without_finish(),
        Way::Callback(callback) => wanted.request(&payer).finish(callback.url()),
    };
    let granted = client.grants().request(&payer.auth_server, grant_request).await;
    let grant = match granted {
        Ok(Grant::Pending(mut pending)) => {
            send(pending.redirect());
            match decided(&mut pending, &way, Duration::from_secs(u64::from(request.wait) * 60)).await {
                Ok(grant) => grant,
                Err(failure) => {
                    // Nobody waits for a decision any more, so none should be made. If one was, this does no harm.
                    let _ = pending.cancel().await;
                    return Err(failure);
                }
            }
        }
        Ok(Grant::Issued(grant)) => grant,
        Err(error) => return Err(known.explain(&client, error).await),
    };

    let now = Clock::system().now();
    // To the second: nobody reads the rest.
    let granted_at = jiff::Timestamp::from_second(now.as_second()).unwrap_or(now);
    let record = Record { granted_at, client: known, payer, grant: grant.save().await };
    if let Err(failure) = held.write(&record) {
        give_back(&grant).await;
        return Err(failure);
    }
    let result = json!({
        "name": held.name, "payer": record.payer.id, "grantedAt": record.granted_at,
        "access": record.grant.access(), "file": held.path(),
    });
    out.result(&result, || {
        say(format_args!("{} as {}.", "Granted, and kept".green().bold(), held.name.bold()));
        for item in record.grant.access() {
            rows(&[("payer", record.payer.id.clone()), ("may do", access(item)), ("may pay", limits(item))]);
        }
        say(format_args!("\nPay with it: bursar pay --grant {} --to <wallet address> --amount 5.00", held.name));
    });
    Ok(())
}

/// What is asked for.
struct Ask {
    debit: Option<Amount>,
    receive: Option<Amount>,
    interval: Option<Interval>,
    receiver: Option<String>,
    actions: Vec<Action>,
}

impl Ask {
    fn request(&self, payer: &WalletAddress) -> GrantRequest {
        let mut mandate = OutgoingAccess::new(&payer.id).actions(&self.actions);
        if let Some(debit) = self.debit {
            mandate = mandate.debit(debit);
        }
        if let Some(receive) = self.receive {
            mandate = mandate.receive(receive);
        }
        if let Some(interval) = &self.interval {
            mandate = mandate.interval(interval.as_str());
        }
        if let Some(receiver) = &self.receiver {
            mandate = mandate.receiver(receiver);
        }
        GrantRequest::new().access(mandate)
    }
}

fn amount(text: Option<&str>, asset: Asset) -> Done<Option<Amount>> {
    let parsed = text.map(|text| asset.parse_decimal(text)).transpose();
    parsed.map_err(|error| {
        Failure::usage(error.to_string()).advise(format!("write an amount of {asset} such as {}", example(asset)))
    })
}

/// Five of an asset, as it is written: `5.00`.
pub fn example(asset: Asset) -> String {
    asset.parse_decimal("5").map_or_else(|_| "5".to_owned(), |amount| amount.decimal())
}

/// How the outcome is learned.
enum Way {
    Callback(CallbackListener),
    Poll,
}

fn send_to_consent_page(url: &str, open: bool, out: Out) {
    if out.is_json() {
        say(json!({ "redirect": url }));
    } else if !open {
        let page = url.bold();
        say(format_args!("The account holder decides on this page. Please open it in a browser:\n\n  {page}\n"));
    }
    if open {
        match open_browser(url) {
            Ok(()) => {
                out.remark(&format!("The account holder decides on this page, which the browser opens:\n\n  {url}\n"))
            }
            Err(error) => warn(&format!("no browser can be opened ({error}); please open {url} yourself")),
        }
    }
    out.remark("Waiting for the decision …");
}

async fn decided(pending: &mut PendingGrant, way: &Way, at_most: Duration) -> Done<IssuedGrant> {
    let Way::Callback(callback) = way else { return Ok(pending.poll(at_most).await?) };
    loop {
        match pending.finish(&callback.wait(at_most).await?).await {
            // Any program on this machine can call, and any page can make the browser call.
            Err(error @ (Error::HashMismatch | Error::Redirect(_))) => warn(&format!("{error}; still waiting")),
            finished => return Ok(finished?),
        }
    }
}

/// Ends a grant that could not be kept, since nobody could end it later.
async fn give_back(grant: &IssuedGrant) {
    if grant.cancel().await.is_err() {
        warn("the grant could not be ended either; the account holder can end it at the provider");
    }
}

/// Opens a page in the person's browser. The client library has made sure that it is http or https.
fn open_browser(url: &str) -> std::io::Result<()> {
    let mut command = if cfg!(target_os = "macos") {
        std::process::Command::new("open")
    } else if cfg!(windows) {
        let mut command = std::process::Command::new("rundll32");
        command.arg("url.dll,FileProtocolHandler");
        command
    } else {
        std::process::Command::new("xdg-open")
    };
    let quiet = std::process::Stdio::null;
    command.arg(url).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assets_and_actions_are_read() {
        assert_eq!(asset("EUR/2"), Ok(Asset::new("EUR", 2).unwrap()));
        for text in ["EUR", "EUR/", "/2", "EUR/x", "EUR/99", "EUR/-1"] {
            assert!(asset(text).is_err(), "{text}");
        }
        assert_eq!(action("list-all"), Ok(Action::ListAll));
        assert_eq!(action("fly"), Err("the actions are create, complete, read, read-all, list, list-all".to_owned()));
    }

    #[test]
    fn amounts_are_read_in_the_asset() {
        let (cad, jpy) = (Asset::new("CAD", 2).unwrap(), Asset::new("JPY", 0).unwrap());
        assert_eq!(amount(Some("100.5"), cad).unwrap().unwrap().value(), 10050);
        assert_eq!(amount(None, cad).unwrap(), None);
        assert!(format!("{:?}", amount(Some("1.234"), cad).unwrap_err()).contains("such as 5.00"));
        assert!(format!("{:?}", amount(Some("-5"), jpy).unwrap_err()).contains("such as 5\""));
    }
}
