//! Test tools: several providers in one process, each with a database of its own, answering real HTTP on the
//! loopback; one clock that stands still until a test moves it; and apps that sign their requests.
//!
//! Everything fails by panicking, since only tests use it.

mod app;
mod database;
mod world;

pub use app::{Grant, Reply, TestApp, check_redirect};
pub use database::Engine;
pub use world::{Provider, World};
