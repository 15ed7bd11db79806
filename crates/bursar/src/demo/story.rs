//! The demo's story: each step says what it does, shows the requests, and checks what came of it.

use super::scene::{RECIPIENTS, Scene};
use anyhow::{Context, bail};
use bursar_app::sandbox::{self, Decision, Move};
use bursar_client::types::{Action, Amount, Interval, WalletAddress};
use bursar_client::{
    CallbackListener, Client, Duration, Error, GrantRequest, IncomingAccess, IssuedGrant, NewIncomingPayment,
    NewOutgoingPayment, OutgoingAccess, PendingGrant,
};
use bursar_store::audit;
use comfy_table::{CellAlignment, Table, presets};
use owo_colors::OwoColorize;
use serde::Serialize;

/// The app's page to which people come back, as the guide has it.
const CALLBACK: &str = "http://localhost:3344/finish/42";
/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// How a payment went.
enum Paid {
    /// So much arrived.
    Arrived(Amount),
    /// It was refused with this code.
    Refused(String),
}

/// One line of the summary.
#[derive(Debug, Serialize)]
pub struct Row {
    month: &'static str,
    to: String,
    asked: String,
    arrived: String,
    spent: String,
    result: String,
}

/// What came of the story.
#[derive(Debug, Default, Serialize)]
pub struct Told {
    /// The summary.
    pub rows: Vec<Row>,
    /// What did not go as it should.
    pub unexpected: Vec<String>,
}

struct Story<'a> {
    scene: &'a Scene,
    step: u32,
    told: Told,
}

/// Tells the story; what came of it.
pub async fn tell(scene: &Scene, yes: bool) -> anyhow::Result<Told> {
    let mut story = Story { scene, step: 0, told: Told::default() };
    scene.line("Cloud Nine Bank and the Payment Platform".bold());
    scene.line("Una banks with Cloud Nine Bank. She lets an app spend up to 100.00 CAD a month, three times,");
    scene.line("to anyone. The app then pays people whom nobody knew when she agreed.");
    scene.line(format!("Rather click than read? The app's own page is at {}", scene.platform.underline()));
    scene.exchanges();

    story.heading("The app looks up Una's wallet address");
    let payer = scene.client.wallet_address(scene.address("user")).get().await?;
    story.say(format!("{} keeps {} and asks {} for consent.", payer.id, payer.asset_code, payer.auth_server));
    let grant = story.consent(&payer, yes).await?;
    story.first_month(&grant, &payer).await?;
    story.later_months(&grant, &payer).await?;
    story.end(&grant, &payer).await?;
    story.conclude().await
}

impl Story<'_> {
    fn heading(&mut self, text: &str) {
        self.show_exchanges();
        self.step += 1;
        self.scene.line(format!("\n{} {}", format!("{}.", self.step).cyan().bold(), text.bold()));
    }

    fn say(&self, text: impl std::fmt::Display) {
        self.show_exchanges();
        self.scene.line(format!("   {text}"));
    }

    fn show_exchanges(&self) {
        for line in self.scene.exchanges() {
            self.scene.line(format!("   {}", line.dimmed()));
        }
    }

    fn check(&mut self, right: bool, expected: &str) {
        if right {
            return;
        }
        self.scene.line(format!("   {} expected: {expected}", "Not as it should be;".red().bold()));
        self.told.unexpected.push(expected.to_owned());
    }

    /// Steps 2 to 5 of the guide: request, interaction, hash, continuation.
    async fn consent(&mut self, payer: &WalletAddress, yes: bool) -> anyhow::Result<IssuedGrant> {
        let now = self.scene.app.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let interval = format!("R3/{now}/P1M");
        self.heading("It asks for a mandate: up to 100.00 CAD a month, three times, to anyone");
        self.say(format!("limits: debitAmount 100.00 CAD, interval {interval}"));
        self.say(format!("that is: {}", Interval::parse(&interval)?.describe()));
        let mandate = OutgoingAccess::new(&payer.id)
            .actions([Action::Read, Action::Create])
            .interval(&interval)
            .debit(payer.asset()?.parse_decimal("100.00")?);
        let callback = if yes { None } else { Some(CallbackListener::bind(CALLBACK).await?) };
        let finish = callback.as_ref().map_or(CALLBACK, CallbackListener::url);
        let request = GrantRequest::new().access(mandate).finish(finish);
        let pending = self.scene.client.grants().request(&payer.auth_server, request).await?.pending()?;

        self.heading("Una decides on the bank's consent page");
        let returned = match &callback {
            Some(callback) => {
                self.say("Open this page, log in as user with the password demo, read, and approve:");
                self.scene.line(format!("\n   {}\n", pending.redirect().underline()));
                callback.wait(PATIENCE).await?
            }
            None => self.decide(&pending).await?,
        };
        self.heading("The browser comes back; the app checks the hash and continues the grant");
        let grant = match pending.finish(&returned).await {
            Err(Error::Denied(_)) => {
                bail!("you denied the request, so there is nothing to spend; start again to approve it")
            }
            other => other?,
        };
        self.say("The hash is genuine: this answer belongs to this request. The app has its access token.");
        Ok(grant)
    }

    async fn decide(&self, pending: &PendingGrant) -> anyhow::Result<String> {
        self.say(format!("(--yes: agreeing for her to {})", shorten(pending.redirect())));
        let done = sandbox::decide(&self.scene.app, pending.redirect(), Decision::approve()).await?;
        done.redirect.context("the provider sends the browser nowhere")
    }

    async fn first_month(&mut self, grant: &IssuedGrant, payer: &WalletAddress) -> anyhow::Result<()> {
        self.heading("It pays people whom nobody knew, in four currencies");
        for (index, amount) in [(0, "20.00"), (1, "25.00"), (2, "30.00"), (3, "10.00")] {
            self.pays(1, grant, payer, index, amount).await?;
        }
        self.heading("It asks what it has spent");
        let spent = grant.session()?.outgoing_payments().spent(payer).await?;
        let debit = spent.spent_debit_amount.map_or_else(|| "nothing".to_owned(), |amount| amount.to_string());
        self.say(format!("{debit} of 100.00 CAD in this month's window"));
        self.check(debit == "85.00 CAD", "85.00 CAD are spent");
        self.heading("A payment over the limit is refused");
        self.refused(1, grant, payer, "15.01", "limit_exceeded").await
    }

    async fn later_months(&mut self, grant: &IssuedGrant, payer: &WalletAddress) -> anyhow::Result<()> {
        self.heading("A month later the budget is whole again, and the 15.00 left over are not added");
        self.a_month_later().await?;
        self.refused(2, grant, payer, "100.01", "limit_exceeded").await?;
        self.pays(2, grant, payer, 1, "100.00").await?;
        self.heading("The third and last month");
        self.a_month_later().await?;
        self.pays(3, grant, payer, 0, "60.00").await?;
        self.heading("After the third month nothing can be spent");
        self.a_month_later().await?;
        self.refused(4, grant, payer, "0.01", "outside_interval").await
    }

    async fn end(&mut self, grant: &IssuedGrant, payer: &WalletAddress) -> anyhow::Result<()> {
        self.heading("The app gives the mandate back; its token is dead at once");
        let token = grant.token().await?;
        grant.cancel().await?;
        self.say("The grant is revoked, and every token of it.");
        // A session that knows only the old token, as somebody who has stolen it would.
        let stolen = self.scene.client.session(token);
        let tried = stolen.outgoing_payments().spent(payer).await;
        let refused = matches!(&tried, Err(error) if error.refusal().is_some());
        if let Err(error) = tried {
            self.say(format!("trying it all the same: {error}"));
        }
        self.check(refused, "the revoked token is refused");
        self.row(4, "", "", "", "", if refused { "token refused" } else { "TOKEN STILL WORKS" });
        Ok(())
    }

    async fn a_month_later(&self) -> anyhow::Result<()> {
        let month = "P1M".parse().context("a month")?;
        let now = sandbox::move_clock(&self.scene.app, Move::Advance(month)).await?;
        self.say(format!("(the provider's clock is moved to {})", now.strftime("%-d %B %Y %H:%M UTC")));
        Ok(())
    }

    async fn pays(
        &mut self,
        month: u8,
        grant: &IssuedGrant,
        payer: &WalletAddress,
        to: usize,
        amount: &str,
    ) -> anyhow::Result<()> {
        let (name, shown, ..) = RECIPIENTS[to];
        match self.pay(grant, payer, name, amount).await? {
            Paid::Arrived(arrived) => {
                self.say(format!("{amount} CAD to {shown}: {} {arrived} arrived", "paid,".green()));
                let spent = grant.session()?.outgoing_payments().spent(payer).await?.spent_debit_amount;
                let spent = spent.map_or_else(String::new, |amount| amount.to_string());
                // Asking for the sum is only for the table.
                self.scene.exchanges();
                self.row(month, shown, amount, &arrived.to_string(), &spent, "paid");
            }
            Paid::Refused(code) => {
                self.row(month, shown, amount, "", "", &format!("refused: {code}"));
                self.check(false, &format!("{amount} CAD are paid to {shown}, not refused ({code})"));
            }
        }
        Ok(())
    }

    async fn refused(
        &mut self,
        month: u8,
        grant: &IssuedGrant,
        payer: &WalletAddress,
        amount: &str,
        expected: &str,
    ) -> anyhow::Result<()> {
        let (name, shown, ..) = RECIPIENTS[0];
        let got = match self.pay(grant, payer, name, amount).await? {
            Paid::Arrived(_) => "paid".to_owned(),
            Paid::Refused(code) => code,
        };
        self.say(format!("{amount} CAD to {shown}: {} {got}", "refused,".yellow()));
        self.row(month, shown, amount, "", "", &format!("refused: {got}"));
        self.check(got == expected, &format!("{amount} CAD are refused as {expected}, but: {got}"));
        Ok(())
    }

    /// Creates an incoming payment at the receiver, and pays it.
    async fn pay(&self, grant: &IssuedGrant, payer: &WalletAddress, to: &str, amount: &str) -> anyhow::Result<Paid> {
        let client = &self.scene.client;
        let receiver = client.wallet_address(self.scene.address(to)).get().await?;
        let access = IncomingAccess::new([Action::Create, Action::Read]).wallet_address(&receiver.id);
        let request = GrantRequest::new().access(access);
        let at_receiver = client.grants().request(&receiver.auth_server, request).await?.issued()?;
        let incoming = at_receiver.session()?.incoming_payments().create(&receiver, NewIncomingPayment::new()).await?;
        let debit = payer.asset()?.parse_decimal(amount)?;
        let payments = grant.session()?.outgoing_payments();
        let created =
            payments.create(payer, NewOutgoingPayment::to_incoming_payment(&incoming.payment.id, debit)).await;
        let payment = match created {
            Ok(created) => created.payment,
            Err(error) => match error.refusal() {
                Some(refusal) if refusal.is_over_limit() => return Ok(Paid::Refused(refusal.code.clone())),
                _ => return Err(error.into()),
            },
        };
        let settled = payments.settled(payment, Duration::from_secs(10)).await?;
        let public = Client::builder().build()?.incoming_payments().get_public(&incoming.payment.id).await?;
        Ok(Paid::Arrived(public.received_amount.unwrap_or(settled.receive_amount)))
    }

    fn row(&mut self, month: u8, to: &str, asked: &str, arrived: &str, spent: &str, result: &str) {
        let month = match month {
            1 => "first",
            2 => "second",
            3 => "third",
            _ => "after",
        };
        let asked = if asked.is_empty() { String::new() } else { format!("{asked} CAD") };
        let [to, arrived, spent, result] = [to, arrived, spent, result].map(str::to_owned);
        self.told.rows.push(Row { month, to, asked, arrived, spent, result });
    }

    /// The summary, and the auditor's word.
    async fn conclude(mut self) -> anyhow::Result<Told> {
        self.show_exchanges();
        self.scene.line("");
        for (index, line) in summary(&self.told.rows).lines().enumerate() {
            let line = line.trim_end();
            self.scene.line(if index == 0 { line.bold().to_string() } else { line.to_owned() });
        }
        let report = self.scene.app.store.snapshot(audit::audit).await?;
        self.told.unexpected.extend(report.faults);
        self.scene.line("");
        if self.told.unexpected.is_empty() {
            let text = "Every step did what it should, and the books balance.";
            self.scene.line(format!("{} ({} payments audited)", text.green().bold(), report.payments));
        }
        for text in &self.told.unexpected {
            self.scene.line(format!("{} {text}", "Not as it should be:".red().bold()));
        }
        Ok(self.told)
    }
}

fn summary(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["month", "to", "asked", "arrived", "spent", "result"]);
    for row in rows {
        table.add_row([row.month, &row.to, &row.asked, &row.arrived, &row.spent, &row.result]);
    }
    for column in 2..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// An interaction's URL with its secret parts cut off.
fn shorten(url: &str) -> String {
    url.split_once("/interact/").map_or_else(|| url.to_owned(), |(base, _)| format!("{base}/interact/…"))
}
