//! What sqlx's driver needs to know of PostgreSQL.

pub const LOCK: &str = " FOR UPDATE";
pub mod engine {
    pub type Db = sqlx::Postgres;
    pub const BEGIN: &str = "BEGIN";
    /// `target` is `host=… user=…`, as for the other drivers.
    pub fn options(target: &str) -> sqlx::postgres::PgConnectOptions {
        let config: tokio_postgres::Config = target.parse().expect("a connection string");
        let mut options = sqlx::postgres::PgConnectOptions::new_without_pgpass();
        if let Some(user) = config.get_user() {
            options = options.username(user);
        }
        if let Some(name) = config.get_dbname() {
            options = options.database(name);
        }
        match config.get_hosts().first() {
            Some(tokio_postgres::config::Host::Unix(path)) => options.socket(path),
            Some(tokio_postgres::config::Host::Tcp(host)) => options.host(host),
            None => options,
        }
    }
    pub async fn control(connection: &mut sqlx::PgConnection, sql: &'static str) -> sqlx::Result<()> {
        sqlx::raw_sql(sql).execute(connection).await.map(drop)
    }
}
#[path = "sqlx_driver.rs"]
mod driver;
pub use driver::Sqlx;
