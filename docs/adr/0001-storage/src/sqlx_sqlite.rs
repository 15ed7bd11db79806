//! What sqlx's driver needs to know of SQLite.

pub const LOCK: &str = "";
pub mod engine {
    use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
    pub type Db = sqlx::Sqlite;
    pub const BEGIN: &str = "BEGIN IMMEDIATE";
    pub fn options(path: &str) -> SqliteConnectOptions {
        let options = SqliteConnectOptions::new().filename(path).foreign_keys(true);
        options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full)
    }
    pub async fn control(connection: &mut sqlx::SqliteConnection, sql: &'static str) -> sqlx::Result<()> {
        for sql in sql.split("; ") {
            sqlx::query(sql).execute(&mut *connection).await?;
        }
        Ok(())
    }
}
#[path = "sqlx_driver.rs"]
mod driver;
pub use driver::Sqlx;
