//! One connection that is kept open, over which requests go as bytes.

use crate::framing;
use anyhow::{Context, Result, bail, ensure};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest wait for an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 8 * 1024;

/// A connection to one node.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// How many of the received bytes belong to the answer that was given out last.
    used: usize,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true).context("setting a connection up")?;
        Ok(Self { stream, received: Vec::with_capacity(READ_BYTES), used: 0 })
    }

    /// Sends a request and waits for its answer: status and body.
    ///
    /// # Errors
    /// When the connection fails, the answer is none, or it takes too long. The connection is of no use any more.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<(u16, Cow<'_, [u8]>)> {
        tokio::time::timeout(ANSWER_TIME_MAX, self.exchange_at_leisure(request)).await.context("no answer in time")?
    }

    async fn exchange_at_leisure(&mut self, request: &[u8]) -> Result<(u16, Cow<'_, [u8]>)> {
        ensure!(self.used == self.received.len(), "the server sent more than it was asked for");
        self.received.clear();
        self.used = 0;
        self.stream.write_all(request).await.context("sending a request")?;
        let frame = loop {
            self.received.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.received).await.context("waiting for an answer")? == 0 {
                bail!("the server closed the connection instead of answering");
            }
            if let Some(frame) = framing::frame(&self.received)? {
                break frame;
            }
        };
        ensure!(frame.keeps_open, "the server closes the connection after an answer of status {}", frame.status);
        self.used = frame.length;
        Ok((frame.status, frame.body(&self.received)))
    }
}
