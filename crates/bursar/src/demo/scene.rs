//! The demo's provider, its people, and the app.

use crate::serve::serve_until;
use crate::settings::File;
use anyhow::Context;
use axum::extract::Request;
use axum::middleware::{self, Next};
use bursar_app::accounts::{self, NewAccount};
use bursar_app::{App, Clock, Config, Random};
use bursar_client::{AuthenticatedClient, Client, PrivateKey, generate_key};
use bursar_core::Secret;
use bursar_store::{Location, Store};
use bursar_types::Asset;
use jiff::SignedDuration;
use owo_colors::OwoColorize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Who gets money: name, name shown, asset, scale.
pub const RECIPIENTS: [(&str, &str, &str, u8); 4] = [
    ("carol", "Carol's Coffee", "CAD", 2),
    ("dave", "Dave's Diner", "USD", 2),
    ("emma", "Emma's Essays", "EUR", 2),
    ("hiro", "Hiro's Haiku", "JPY", 0),
];
const PASSWORD: &str = "demo";
const KEY_ID: &str = "payment-platform-key";

/// A running provider with play money, and an app that knows how to sign.
pub struct Scene {
    /// The provider's use cases.
    pub app: Arc<App>,
    /// The app's client.
    pub client: AuthenticatedClient,
    key_file: PathBuf,
    /// The URL of the app's own page.
    pub platform: String,
    exchanges: Arc<Mutex<Vec<String>>>,
    stop: watch::Sender<bool>,
    servers: [JoinHandle<()>; 2],
    // Last, so that the folder is removed after everything in it is closed.
    folder: TempDir,
    aside: bool,
}

impl Scene {
    /// Starts the provider in a folder that is removed afterwards, and makes the accounts. `aside`: the story is told on
    /// the error output, since the other one is for a program.
    pub async fn open(listen: SocketAddr, platform: SocketAddr, aside: bool) -> anyhow::Result<Self> {
        let (listener, page) = (bind(listen).await?, bind(platform).await?);
        let folder = tempfile::Builder::new().prefix("bursar-demo-").tempdir().context("cannot make a folder")?;
        let url = format!("http://localhost:{}", listener.local_addr()?.port());
        let mut config = Config::new(&url, true, false)?;
        config.provider_name = "Cloud Nine Bank".to_owned();
        File::default().apply(&mut config)?;
        let (random, clock) = (Random::system(), Clock::system(SignedDuration::ZERO));
        let secret = Secret::new(random.bytes());
        let store = Store::open(&Location::in_folder(folder.path()), clock.now())?;
        let app = Arc::new(App::new(config, store, clock, random, secret)?);

        let exchanges = Arc::new(Mutex::new(Vec::new()));
        let log = exchanges.clone();
        let router = bursar_web::router(app.clone())
            .layer(middleware::from_fn(move |request, next| note(log.clone(), request, next)));
        let (stop, stopped) = watch::channel(false);
        let server = tokio::spawn(serve_until(router, listener, until(stopped.clone())));

        let key = generate_key()?;
        let key_file = folder.path().join("payment-platform.pem");
        std::fs::write(&key_file, key.to_pem().as_bytes())?;
        let client = make_accounts(&app, key).await?;
        // At another host than the provider: browsers share cookies between the ports of one.
        let platform = format!("http://{}", page.local_addr()?);
        let site = payment_platform::router(settings_of_page(&app, &client, &platform));
        let servers = [server, tokio::spawn(serve_until(site, page, until(stopped)))];
        Ok(Self { app, client, key_file, platform, exchanges, stop, servers, folder, aside })
    }

    /// Tells a line.
    pub fn line(&self, text: impl std::fmt::Display) {
        if self.aside {
            anstream::eprintln!("{text}");
        } else {
            anstream::println!("{text}");
        }
    }

    /// The URL of somebody's wallet address.
    pub fn address(&self, name: &str) -> String {
        self.app.config.wallet_address_url(name)
    }

    /// The requests that the provider has answered since the last call.
    pub fn exchanges(&self) -> Vec<String> {
        std::mem::take(&mut *self.exchanges.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says what can be done with the provider while it stays up.
    pub fn what_next(&self) {
        let url = &self.app.config.public_url;
        self.line(format!("\n{}", "The provider stays up until you press Ctrl-C.".bold()));
        self.line(format!(
            "  Its clock was moved ahead: it shows {}.",
            self.app.clock.now().strftime("%-d %B %Y %H:%M UTC")
        ));
        self.line(format!("\n{}", "The app’s own page, with every request that it sends:".bold()));
        self.line(format!(
            "  {}  (its mandates are yours to approve: log in as user, password {PASSWORD})",
            self.platform
        ));
        self.line(format!(
            "\n  {:<16} {:<40} {}",
            "log in as".dimmed(),
            "wallet address".dimmed(),
            "password".dimmed()
        ));
        for name in ["user", "carol", "dave", "emma", "hiro", "paymentplatform"] {
            self.line(format!("  {name:<16} {:<40} {PASSWORD}", self.address(name)));
        }
        self.line(format!("\n{}", "Things to try next:".bold()));
        self.line("  Get a mandate from the command line, and spend it:");
        self.line(format!(
            "    bursar grant request --wallet {} --client-wallet {} \\\n        --key {} --key-id {KEY_ID} \\\n        --debit 20.00 --interval R/$(date -u +%Y-%m-%dT%H:%M:%SZ)/P1D --name daily",
            self.address("user"),
            self.address("paymentplatform"),
            self.key_file.display()
        ));
        self.line(format!("    bursar pay --grant daily --to {} --amount 5.00", self.address("dave")));
        self.line("  Move the provider's clock by a month:");
        self.line(format!("    curl -X POST {url}/sandbox/clock -d '{{\"advance\":\"P1M\"}}'"));
        self.line(format!("  Look at a wallet address: curl {}", self.address("user")));
    }

    /// Stops the provider and removes its data.
    pub async fn close(self) {
        let _ = self.stop.send(true);
        for server in self.servers {
            let _ = Clock::within(std::time::Duration::from_secs(3), server).await;
        }
        drop(self.client);
        drop(self.app);
        // What cannot be removed now lies in the system's folder for temporary files.
        let _ = self.folder.close();
    }
}

/// Listens there, or on another port.
async fn bind(listen: SocketAddr) -> anyhow::Result<TcpListener> {
    match TcpListener::bind(listen).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(SocketAddr::new(listen.ip(), 0)).await.context("no port is free"),
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The page of the pretend app, which pays out of Una's account.
fn settings_of_page(app: &Arc<App>, client: &AuthenticatedClient, url: &str) -> payment_platform::Settings {
    let address = |name: &str| app.config.wallet_address_url(name);
    let person = |(name, shown, ..): (&str, &str, &str, u8)| payment_platform::Person {
        name: shown.to_owned(),
        address: address(name),
    };
    let clock = app.clock.clone();
    payment_platform::Settings {
        client: client.clone(),
        url: url.to_owned(),
        payer: address("user"),
        people: RECIPIENTS.map(person).to_vec(),
        // The provider's, which the story moves: mandates begin now as the provider sees it.
        now: Arc::new(move || clock.now()),
    }
}

async fn make_accounts(app: &App, key: PrivateKey) -> anyhow::Result<AuthenticatedClient> {
    let account = async |name: &str, shown: &str, code: &str, scale: u8, balance: u64| {
        let new = NewAccount {
            wallet_address: None,
            name: name.to_owned(),
            public_name: Some(shown.to_owned()),
            asset: Asset::new(code, scale)?,
            balance,
            password: PASSWORD.to_owned(),
        };
        anyhow::Ok(accounts::create(app, new).await?.wallet_address)
    };
    account("user", "Una User", "CAD", 2, 100_000).await?;
    for (name, shown, code, scale) in RECIPIENTS {
        account(name, shown, code, scale, 0).await?;
    }
    let address = account("paymentplatform", "Payment Platform", "CAD", 2, 0).await?;
    accounts::add_key(app, "paymentplatform", KEY_ID, &key.public_key()).await?;
    Ok(Client::builder().wallet_address(address).key_id(KEY_ID).private_key(key).build()?)
}

/// Notes a request and how it was answered.
async fn note(log: Arc<Mutex<Vec<String>>>, request: Request, next: Next) -> axum::response::Response {
    let asked = format!("{} {}", request.method(), shorten(request.uri().path()));
    let response = next.run(request).await;
    let line = format!("{asked} → {}", response.status());
    log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    response
}

/// A path with its long random parts cut off.
fn shorten(path: &str) -> String {
    let part = |part: &str| {
        if part.len() > 24 { format!("{}…", &part[..part.floor_char_boundary(8)]) } else { part.to_owned() }
    };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}
