//! A server that does nothing: the same HTTP library as the provider's, without its limits, and answers of a given size.
//! What a request costs here no handler can save.

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use axum::serve::ListenerExt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, RwLock};
use tokio::net::TcpListener;

/// The name of the hidden subcommand that serves it.
pub const COMMAND: &str = "empty-handler";
/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

type Answer = Arc<RwLock<Bytes>>;

/// The path that sets how long answers are.
pub fn size_path(bytes: u64) -> String {
    format!("/answer-bytes/{bytes}")
}

/// Serves until it is killed.
///
/// # Errors
/// When it cannot listen.
pub async fn serve() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listening")?;
    println!("{}", serde_json::json!({ "listen": listener.local_addr()? }));
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    let router =
        Router::new().route("/answer-bytes/{bytes}", post(set_size)).fallback(answer).with_state(Answer::default());
    // Whoever started it kills it; that it could stop is part of what connections cost.
    axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(std::future::pending())
        .await
        .context("serving")
}

async fn set_size(State(answer): State<Answer>, Path(bytes): Path<usize>) -> Result<StatusCode, StatusCode> {
    let filled = Bytes::from(vec![b'x'; bytes.min(ANSWER_BYTES_MAX)]);
    *answer.write().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)? = filled;
    Ok(StatusCode::NO_CONTENT)
}

/// Reads the body as the provider does, and answers.
async fn answer(State(answer): State<Answer>, _body: Bytes) -> impl IntoResponse {
    let body = answer.read().map(|answer| answer.clone()).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], body)
}

/// Sets how long the answers of such a server are.
///
/// # Errors
/// When it does not answer as it should.
pub async fn set_answer_bytes(connection: &mut crate::connection::Connection, bytes: u64) -> Result<()> {
    let request = format!("POST {} HTTP/1.1\r\nhost: bench\r\ncontent-length: 0\r\n\r\n", size_path(bytes));
    let (status, _) = connection.exchange(request.as_bytes()).await?;
    ensure!(status == 204, "the empty server answers {status}");
    Ok(())
}
