//! Databases for tests: a file of their own, or a fresh database on the server that `cargo xtask test` starts.

use bursar_store::Location;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

/// Names the server for tests.
pub const SERVER: &str = "BURSAR_TEST_POSTGRES";

/// Which kind of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// A file.
    Embedded,
    /// A database server.
    Server,
}

static MADE: AtomicU32 = AtomicU32::new(0);

impl Engine {
    /// Both kinds.
    pub const BOTH: [Self; 2] = [Self::Embedded, Self::Server];

    /// A new, empty database. Files are put into `folder`.
    ///
    /// # Panics
    /// When there is no server for tests.
    pub async fn create(self, folder: &Path) -> Location {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        match self {
            Self::Embedded => Location::parse(&folder.join(format!("{number}.db")).display().to_string()),
            Self::Server => {
                let server = std::env::var(SERVER)
                    .unwrap_or_else(|_| panic!("{SERVER} names no server; `cargo xtask test` starts one and sets it"));
                let name = format!("world_{}_{number}", std::process::id());
                let (url, _) = server.rsplit_once('/').expect("a server's URL ends in a database's name");
                let location = Location::parse(&format!("{url}/{name}"));
                tokio::task::spawn_blocking(move || {
                    let mut client = postgres::Client::connect(&server, postgres::NoTls).expect("the server answers");
                    client.batch_execute(&format!("CREATE DATABASE {name}")).expect("a database can be made");
                })
                .await
                .expect("the database is made");
                location
            }
        }
    }
}
