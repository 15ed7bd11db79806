//! `bursar demo`: a provider with play money, and an app that gets a mandate and spends it, step by step.

mod scene;
mod story;

use clap::Args;
use owo_colors::OwoColorize;
use scene::Scene;
use std::net::SocketAddr;
use std::process::ExitCode;

/// See the whole path: consent, payments, limits, windows, revocation.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  bursar demo                 you decide on the consent page in your browser; the provider stays up afterwards
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
}

/// Tells the story, and stays up.
pub async fn run(demo: Demo) -> anyhow::Result<ExitCode> {
    let scene = Scene::open(demo.listen).await?;
    let told = story::tell(&scene, demo.yes).await;
    let good = match &told {
        Ok(unexpected) => unexpected.is_empty(),
        Err(error) => {
            anstream::println!("\n{} {error:#}", "The story broke off:".red().bold());
            false
        }
    };
    if !demo.once {
        scene.what_next();
        // Either way the program ends now.
        let _ = tokio::signal::ctrl_c().await;
    }
    scene.close().await;
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
