//! `bursar serve`: the provider.

use crate::settings::{Data, File};
use anyhow::Context;
use axum::Router;
use bursar_app::{App, Clock, Config, Random, jobs, rates, sandbox};
use bursar_store::{Location, Store};
use bursar_web::server;
use clap::Args;
use jiff::{SignedDuration, Timestamp};
use owo_colors::OwoColorize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Run a wallet provider.
#[derive(Args, Debug, Clone)]
#[command(after_help = "\
Examples:
  bursar serve --sandbox
      a sandbox with play money at http://localhost:4000, data in ./bursar-data
  bursar serve --public-url https://wallet.example --listen 127.0.0.1:4000 --data /var/lib/bursar
      behind a TLS proxy that passes https://wallet.example on to port 4000")]
pub struct Serve {
    /// Address and port to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4000", env = "BURSAR_LISTEN")]
    listen: SocketAddr,
    /// URL under which clients reach this server [default: http://localhost and the port, in the sandbox]
    #[arg(long, value_name = "URL", env = "BURSAR_PUBLIC_URL")]
    public_url: Option<String>,
    #[command(flatten)]
    data: Data,
    /// Settings file (TOML): name, rates, fees, proxies, limits (docs/settings.md).
    #[arg(long, value_name = "FILE", env = "BURSAR_CONFIG")]
    config: Option<PathBuf>,
    /// Play money, an API to make accounts and move the clock, http and private addresses allowed.
    #[arg(long)]
    sandbox: bool,
    /// Allow a sandbox at a public URL. Anybody who reaches it can do anything.
    #[arg(long, requires = "sandbox")]
    force_sandbox: bool,
}

/// Serves until it is told to stop. With `json` a program is told where, in one line, once the server listens.
pub async fn run(serve: Serve, json: bool) -> anyhow::Result<ExitCode> {
    start_log();
    let listener =
        TcpListener::bind(serve.listen).await.with_context(|| format!("cannot listen on {}", serve.listen))?;
    let app = Arc::new(open(&serve, &listener).await?);
    announce(&app, &serve, listener.local_addr()?);
    remind(&app);
    if json {
        let (url, sandbox) = (&app.config.public_url, app.config.sandbox);
        println!("{}", serde_json::json!({ "url": url, "listen": listener.local_addr()?, "sandbox": sandbox }));
    }
    tokio::spawn(jobs::run(app.clone()));
    tokio::spawn(rates::keep_fresh(app.clone()));
    serve_until(bursar_web::router(app), listener, stop_signal()).await;
    Ok(ExitCode::SUCCESS)
}

/// Answers requests until `stop`, then finishes those under way, as far as that takes no longer than it should.
pub async fn serve_until(router: Router, listener: TcpListener, stop: impl Future<Output = ()> + Send + 'static) {
    server::serve(router, listener, server::Limits::default(), stop).await;
}

async fn open(serve: &Serve, listener: &TcpListener) -> anyhow::Result<App> {
    let local = format!("http://localhost:{}", listener.local_addr()?.port());
    let public_url = match &serve.public_url {
        Some(url) => url.clone(),
        None if serve.sandbox => local,
        None => {
            anyhow::bail!("tell under which URL clients reach this server: --public-url https://… (or try --sandbox)")
        }
    };
    let mut config = Config::new(&public_url, serve.sandbox, serve.force_sandbox)?;
    let file = serve.config.as_deref().map(File::read).transpose()?.unwrap_or_default();
    file.apply(&mut config)?;
    serve.data.make_folder()?;
    let (random, system) = (Random::system(), Clock::system(SignedDuration::ZERO));
    let secret = serve.data.secret(random.bytes())?;
    let location = serve.data.location();
    let store = open_store(&location, system.now()).await?;
    let clock = if config.sandbox { sandbox::stored_clock(&store).await? } else { system };
    Ok(App::new(config, store, clock, random, secret)?)
}

/// Opens the database on a thread that may block.
pub async fn open_store(location: &Location, now: Timestamp) -> anyhow::Result<Store> {
    let cannot = format!("cannot open the {}", location.describe());
    let location = location.clone();
    tokio::task::spawn_blocking(move || Store::open(&location, now)).await?.context(cannot)
}

fn announce(app: &App, serve: &Serve, listening: SocketAddr) {
    let url = &app.config.public_url;
    anstream::eprintln!("{} serves {} on {}", "Bursar".bold(), url.bold(), listening);
    anstream::eprintln!("  data: {}", serve.data.location().describe());
    if app.config.sandbox {
        anstream::eprintln!(
            "  {} anybody who reaches this server can make money, open any account and move the clock.",
            "SANDBOX:".yellow().bold()
        );
        anstream::eprintln!("  make an account: curl -X POST {url}/sandbox/accounts -d \\");
        anstream::eprintln!(
            "    '{{\"name\":\"alice\",\"assetCode\":\"CAD\",\"assetScale\":2,\"balance\":\"50000\",\"password\":\"alice\"}}'"
        );
        let offset = app.clock.offset();
        if offset > SignedDuration::from_secs(1) {
            anstream::eprintln!("  its clock was moved: it shows {}", app.clock.now());
        }
    }
}

/// What the operator should know once more: without the first, everybody behind the proxy looks like one caller.
fn remind(app: &App) {
    if !app.config.sandbox && app.config.trusted_proxies.is_empty() {
        anstream::eprintln!(
            "  {} name the TLS proxy in trusted_proxies (docs/settings.md), so that callers can be told apart",
            "hint:".yellow()
        );
    }
}

fn start_log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("BURSAR_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A log may be there already when the program is part of another one.
    let _ =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).try_init();
}

/// Waits for Ctrl-C or, where there is such a thing, SIGTERM.
pub async fn stop_signal() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
