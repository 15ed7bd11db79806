//! `bursar demo`: a provider with play money, and an app that gets a mandate and spends it, step by step.

mod scene;
mod story;

use crate::serve::stop_signal;
use clap::Args;
use owo_colors::OwoColorize;
use scene::Scene;
use std::net::SocketAddr;
use std::process::ExitCode;
use story::Told;

/// See the whole path: consent, payments, limits, windows, revocation.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  bursar demo                 you decide on the consent page in your browser; the provider stays up afterwards
  bursar demo --yes           decides by itself; then try the app's own page, whose address it tells
  bursar demo --yes --once    decides by itself and ends; exits with 0 only if every step did what it should")]
pub struct Demo {
    /// Agree to the request without asking you.
    #[arg(long)]
    yes: bool,
    /// End after the last step instead of staying up.
    #[arg(long)]
    once: bool,
    /// Where the provider listens; another port is taken if this one is in use.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4000")]
    listen: SocketAddr,
    /// Where the app's own page listens; another port is taken if this one is in use.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4100")]
    platform: SocketAddr,
}

/// Tells the story, and stays up.
pub async fn run(demo: Demo, json: bool) -> anyhow::Result<ExitCode> {
    let scene = Scene::open(demo.listen, demo.platform, json).await?;
    let told = story::tell(&scene, demo.yes).await.unwrap_or_else(|error| {
        scene.line(format!("\n{} {error:#}", "The story broke off:".red().bold()));
        Told { unexpected: vec![format!("the story broke off: {error:#}")], ..Told::default() }
    });
    let good = told.unexpected.is_empty();
    if json {
        let (provider, platform) = (&scene.app.config.public_url, &scene.platform);
        let (rows, unexpected) = (told.rows, told.unexpected);
        let line = serde_json::json!({ "good": good, "provider": provider, "platform": platform, "rows": rows, "unexpected": unexpected });
        println!("{line}");
    }
    if !demo.once {
        scene.what_next();
        stop_signal().await;
    }
    scene.close().await;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
