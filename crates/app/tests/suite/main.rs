//! What use cases rest on: the guard of outbound requests, the clock, the configuration.

mod clock;
mod config;
mod net;
