//! The commands against a provider in this process, from the key to the payment and the end of the grant.

use super::Command;
use super::failure::Done;
use super::grant_request::{self, Request};
use super::output::Out;
use super::state::tests::Folder;
use bursar_app::accounts::{self, NewAccount};
use bursar_app::sandbox::{self, Decision};
use bursar_app::{App, Clock, Config, Random};
use bursar_core::Secret;
use bursar_store::{Location, Store};
use bursar_types::Asset;
use clap::Parser;
use jiff::SignedDuration;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::net::TcpListener;

#[derive(Parser)]
struct Line<T: clap::Args> {
    #[command(flatten)]
    command: T,
}

#[derive(Parser)]
struct Program {
    #[command(subcommand)]
    command: Command,
}

/// A provider with the accounts of alice, bob and an app, and a folder for files.
struct Scene {
    app: Arc<App>,
    url: String,
    folder: Folder,
}

impl Scene {
    async fn new() -> Self {
        let folder = Folder::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let clock = Clock::system(SignedDuration::ZERO);
        let (location, now) = (Location::in_folder(folder.path()), clock.now());
        let store = tokio::task::spawn_blocking(move || Store::open(&location, now)).await.unwrap().unwrap();
        let config = Config::new(&url, true, false).unwrap();
        let app = Arc::new(App::new(config, store, clock, Random::system(), Secret::new([7; 32])).unwrap());
        let router = bursar_web::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(axum::serve(listener, router).into_future());
        for name in ["alice", "bob", "shop"] {
            let asset = Asset::new("CAD", 2).unwrap();
            let password = name.to_owned();
            let new = NewAccount {
                name: name.to_owned(),
                wallet_address: None,
                public_name: None,
                asset,
                balance: 50_000,
                password,
            };
            accounts::create(&app, new).await.unwrap();
        }
        let scene = Self { app, url, folder };
        assert_eq!(scene.run(&format!("keys generate --kid k --out {}", scene.key_file().display())).await, 0);
        let key = std::fs::read_to_string(scene.key_file()).unwrap();
        let key = bursar_client::PrivateKey::parse(&key).unwrap().public_key();
        accounts::add_key(&scene.app, "shop", "k", &key).await.unwrap();
        scene
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn state(&self) -> String {
        self.folder.path().join("state").display().to_string()
    }

    async fn balance(&self, name: &str) -> String {
        accounts::get(&self.app, name).await.unwrap().balance.to_string()
    }

    /// Runs a command; its exit code.
    async fn run(&self, line: &str) -> u8 {
        let words = ["bursar"].into_iter().chain(line.split_whitespace());
        let program = Program::try_parse_from(words).unwrap();
        let code = super::run(program.command, true).await.unwrap();
        (0..=2).find(|number| ExitCode::from(*number) == code).unwrap()
    }

    /// Asks alice, who decides as told; her browser comes back if there is where to.
    async fn ask(&self, rest: &str, decision: Decision) -> Done {
        let (url, key, state) = (&self.url, self.key_file(), self.state());
        let line = format!(
            "request --wallet {url}/alice --client-wallet {url}/shop --key {} --key-id k --state {state} {rest}",
            key.display(),
        );
        let request = Line::<Request>::try_parse_from(line.split_whitespace()).unwrap().command;
        let app = self.app.clone();
        let decide = move |redirect: &str| {
            let redirect = redirect.to_owned();
            tokio::spawn(async move {
                if let Some(back) = sandbox::decide(&app, &redirect, decision).await.unwrap().redirect {
                    tokio::task::spawn_blocking(move || browse(&back)).await.unwrap();
                }
            });
        };
        grant_request::ask(request, Out::new(true), decide).await
    }
}

/// A browser that follows a redirect to this machine.
fn browse(url: &str) {
    let rest = url.strip_prefix("http://127.0.0.1:").unwrap();
    let (port, target) = rest.split_once('/').unwrap();
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
    write!(stream, "GET /{target} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test]
async fn from_the_key_to_the_end_of_the_grant() {
    let scene = Scene::new().await;
    let (url, state) = (scene.url.clone(), scene.state());
    assert_eq!(scene.run(&format!("wallet get {url}/shop")).await, 0);
    assert_eq!(scene.run(&format!("wallet get {url}/nobody")).await, 1);

    let callback = "--callback http://127.0.0.1:0/back";
    scene.ask(&format!("--debit 10.00 {callback}"), Decision::approve()).await.unwrap();
    let pay = |amount: &str| format!("pay --to {url}/bob --amount {amount} --note lunch --state {state}");
    assert_eq!(scene.run(&pay("4")).await, 0);
    assert_eq!(scene.run(&format!("grant rotate alice --state {state}")).await, 0);
    assert_eq!(scene.run(&pay("5.99")).await, 0);
    assert_eq!(scene.run(&pay("0.02")).await, 1, "one cent is left");
    assert_eq!(scene.run(&pay("0.001")).await, 2, "there is no such amount");
    assert_eq!((scene.balance("alice").await, scene.balance("bob").await), ("490.01 CAD".into(), "509.99 CAD".into()));
    for command in ["list", "show alice"] {
        assert_eq!(scene.run(&format!("grant {command} --state {state}")).await, 0, "{command}");
    }

    assert!(scene.ask(&format!("--debit 1 {callback}"), Decision::approve()).await.is_err(), "the name is taken");
    scene.ask(&format!("--debit 1 --name second {callback}"), Decision::approve()).await.unwrap();
    assert_eq!(scene.run(&pay("0.01")).await, 2, "which of the two grants?");
    for name in ["alice", "second"] {
        assert_eq!(scene.run(&format!("grant revoke {name} --state {state}")).await, 0);
    }
    assert_eq!(scene.run(&pay("0.01")).await, 1, "there is no grant");
    assert_eq!(scene.balance("bob").await, "509.99 CAD");
}

#[tokio::test]
async fn the_account_holder_may_refuse() {
    let scene = Scene::new().await;
    let failure = scene.ask("--debit 10.00 --callback http://127.0.0.1:0/", Decision::Deny).await.unwrap_err();
    assert!(format!("{failure:?}").contains("said no"), "{failure:?}");
    assert_eq!(scene.run(&format!("grant show alice --state {}", scene.state())).await, 1, "nothing is kept");
}

#[tokio::test]
async fn a_key_that_is_not_published_is_named() {
    let scene = Scene::new().await;
    accounts::revoke_key(&scene.app, "shop", "k").await.unwrap();
    let failure = scene.ask("--debit 10.00 --callback http://127.0.0.1:0/", Decision::approve()).await.unwrap_err();
    assert!(format!("{failure:?}").contains("does not publish a key named k, but no key at all"), "{failure:?}");
}

#[tokio::test]
async fn a_signature_is_explained_with_the_published_key() {
    let scene = Scene::new().await;
    let key = bursar_client::PrivateKey::parse(&std::fs::read_to_string(scene.key_file()).unwrap()).unwrap();
    let now = bursar_client::Clock::system().now().as_second();
    let file = scene.folder.path().join("request.http");
    let explain = async |key_id: &str, method: &str, from: &str| {
        let (headers, target_uri) = (http::HeaderMap::new(), format!("{}/op/quotes/1", scene.url));
        let request = bursar_httpsig::Request { method: "GET", target_uri: &target_uri, headers: &headers, body: None };
        let options = bursar_httpsig::SignOptions::new(now);
        let signed = bursar_httpsig::sign(&key, key_id, &request, &options).unwrap();
        let fields: String =
            signed.iter().map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect();
        let host = scene.url.strip_prefix("http://").unwrap();
        std::fs::write(&file, format!("{method} /op/quotes/1 HTTP/1.1\nHost: {host}\n{fields}\n")).unwrap();
        scene.run(&format!("explain-signature {} --key-from {}{from}", file.display(), scene.url)).await
    };
    assert_eq!(explain("k", "GET", "/shop").await, 0);
    assert_eq!(explain("k", "GET", "/shop/jwks.json").await, 0);
    assert_eq!(explain("k", "DELETE", "/shop").await, 1, "signed for another method");
    assert_eq!(explain("other", "GET", "/shop").await, 2, "no such key is published");
    assert_eq!(explain("k", "GET", "/nobody").await, 2, "there is no such wallet address");
}
