//! What use cases rest on: the guard of outbound requests, the clock, the configuration, the limits of requests.

mod activity;
mod clock;
mod config;
mod net;
mod rate_limits;
