//! Providers, accounts and time.

use crate::app::TestApp;
use crate::database::Engine;
use bursar_app::accounts::{self, AccountView, NewAccount};
use bursar_app::interactions::Choice;
use bursar_app::login::LoggedIn;
use bursar_app::rates::RateSource;
use bursar_app::sandbox::{self, Decision};
use bursar_app::{App, Clock, Config, Error, Random};
use bursar_core::Secret;
use bursar_core::rate::Rates;
use bursar_httpsig::PrivateKey;
use bursar_store::{Location, Store, account_holder, audit};
use bursar_types::Asset;
use bursar_web::server;
use jiff::{Span, Timestamp, tz::TimeZone};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;

/// Some providers, their databases, and the time.
pub struct World {
    /// The clock of everybody.
    pub clock: Clock,
    folder: TempDir,
}

/// A running provider.
pub struct Provider {
    /// Its use cases, for looking inside.
    pub app: Arc<App>,
    /// Where its data is.
    pub location: Location,
}

impl World {
    /// A world in which it is noon on 20 May 2025.
    pub fn new() -> Self {
        let noon: Timestamp = "2025-05-20T12:00:00Z".parse().expect("an instant");
        Self { clock: Clock::manual(noon), folder: TempDir::new().expect("a folder for tests") }
    }

    /// Starts a provider with a database of its own.
    pub async fn provider(&self, engine: Engine) -> Provider {
        self.provider_with(engine, |_| {}).await
    }

    /// Starts a provider with a database of its own and settings of its own.
    pub async fn provider_with(&self, engine: Engine, change: impl FnOnce(&mut Config)) -> Provider {
        let location = engine.create(self.folder.path()).await;
        self.node(location, None, change).await
    }

    /// Starts one more node of a provider, on the same database and under the same public URL.
    pub async fn second_node(&self, of: &Provider) -> Provider {
        self.node(of.location.clone(), Some(of.app.config.clone()), |_| {}).await
    }

    async fn node(&self, location: Location, config: Option<Config>, change: impl FnOnce(&mut Config)) -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let url = format!("http://localhost:{port}");
        let mut config = config.unwrap_or_else(|| {
            let mut config = Config::new(&url, true, false).expect("a configuration");
            let rates = [("CAD", "1.25"), ("EUR", "0.8"), ("JPY", "150")];
            config.rates = RateSource::Table(Arc::new(Rates::parse("USD", rates).expect("rates")));
            config
        });
        change(&mut config);
        let (now, opened) = (self.clock.now(), location.clone());
        let store = tokio::task::spawn_blocking(move || Store::open(&opened, now)).await.expect("it is opened");
        let store = store.expect("the database can be opened");
        let app = App::new(config, store, self.clock.clone(), Random::system(), Secret::new([7; 32])).expect("an app");
        let app = Arc::new(app);
        let router = bursar_web::router(app.clone());
        tokio::spawn(server::serve(router, listener, server::Limits::default(), std::future::pending()));
        Provider { app, location }
    }

    /// Moves the clock by a period of the calendar, such as `P1M`.
    pub fn advance(&self, period: &str) {
        let span: Span = period.parse().expect("a period");
        let local = TimeZone::UTC.to_datetime(self.clock.now());
        let moved = local.checked_add(span).expect("in the calendar");
        self.clock.set(TimeZone::UTC.to_timestamp(moved).expect("in the calendar"));
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl Provider {
    /// Its public URL.
    pub fn url(&self) -> &str {
        &self.app.config.public_url
    }

    /// Makes an account with play money; its wallet address.
    pub async fn account(&self, name: &str, code: &str, scale: u8, balance: u64) -> String {
        self.account_at(None, name, code, scale, balance).await
    }

    /// Makes an account with play money at a wallet address of one's choice.
    pub async fn account_at(&self, at: Option<String>, name: &str, code: &str, scale: u8, balance: u64) -> String {
        let new = NewAccount {
            name: name.to_owned(),
            wallet_address: at,
            public_name: Some(format!("{name} (test)")),
            asset: Asset::new(code, scale).expect("an asset"),
            balance,
            password: format!("{name}-password"),
        };
        accounts::create(&self.app, new).await.expect("an account").wallet_address
    }

    /// Makes an account for an app, with a key; the app.
    pub async fn client(&self, name: &str, clock: &Clock) -> TestApp {
        let address = self.account(name, "USD", 2, 0).await;
        let key = PrivateKey::from_seed(self.app.random.bytes());
        accounts::add_key(&self.app, name, "key-1", &key.public_key()).await.expect("a key");
        TestApp::new(address, key, "key-1", clock.clone())
    }

    /// An account as it stands.
    pub async fn balance(&self, name: &str) -> u64 {
        let AccountView { balance, .. } = accounts::get(&self.app, name).await.expect("an account");
        balance.value()
    }

    /// Agrees to an interaction as the wallet's owner would; where the browser would be sent.
    pub async fn approve(&self, redirect: &str) -> Option<String> {
        self.approve_less(redirect, Choice::as_asked()).await.expect("a decision")
    }

    /// Agrees to what this choice makes of a request, as the wallet's owner would; where the browser would be sent.
    pub async fn approve_less(&self, redirect: &str, choice: Choice) -> Result<Option<String>, Error> {
        Ok(sandbox::decide(&self.app, redirect, Decision::Approve(choice)).await?.redirect)
    }

    /// An account holder as logged in.
    pub async fn person(&self, name: &str) -> LoggedIn {
        let wanted = name.to_owned();
        let found = self.app.store.read(move |tx| account_holder::by_name(tx, &wanted).map_err(Error::from)).await;
        let holder = found.expect("a look").expect("somebody of this name");
        LoggedIn { holder: holder.id, name: holder.name }
    }

    /// Refuses an interaction.
    pub async fn deny(&self, redirect: &str) -> Option<String> {
        sandbox::decide(&self.app, redirect, Decision::Deny).await.expect("a decision").redirect
    }

    /// Asks the auditor, who must find nothing.
    pub async fn audit(&self) -> audit::Report {
        let report = self.app.store.snapshot(audit::audit).await.expect("an audit");
        assert_eq!(report.faults, Vec::<String>::new(), "the auditor finds no fault");
        report
    }
}
