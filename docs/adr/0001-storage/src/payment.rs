//! The transaction that is measured: a local payment under a grant, eleven statements, the same SQL text for both engines.
//!
//! Parameters appear in the text in the order of their numbers: SQLite numbers `$1` by first appearance, not by its digits.

/// Accounts, grants and incoming payments in the database.
pub const ROWS: u64 = 1000;

/// The three rows a decision is made from: `[grant counter, ledger account, incoming payment]`. PostgreSQL adds a lock suffix.
pub const READS: [&str; 3] = [
    "SELECT spent, spend_max FROM grant_spend WHERE id = $1",
    "SELECT balance, reserved FROM ledger_account WHERE id = $1",
    "SELECT received, amount FROM incoming_payment WHERE id = $1",
];

/// The seven rows a payment writes, each exactly one row.
pub const WRITES: [&str; 7] = [
    "INSERT INTO outgoing_payment (id, grant_id, account_id, incoming_id, debit, receive, state, receiver, metadata, created_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    "UPDATE grant_spend SET spent = spent + $1 WHERE id = $2 AND spent = $3",
    "INSERT INTO transfer (id, debit_account, credit_account, amount, created_at) VALUES ($1, $2, $3, $4, $5)",
    "INSERT INTO event (id, subject, kind, body, created_at) VALUES ($1, $2, $3, $4, $5)",
    "UPDATE ledger_account SET balance = balance - $1 WHERE id = $2 AND balance - reserved >= $3",
    "UPDATE ledger_account SET balance = balance + $1 WHERE id = $2",
    "UPDATE incoming_payment SET received = received + $1 WHERE id = $2 AND state = 'pending'",
];

/// Texts of realistic length that every payment stores.
pub const STATE: &str = "completed";
pub const RECEIVER: &str = "https://wallet.example.com/op/incoming-payments/0192f1c2-6f0e-7c3a-9d43-6c2a5c1e7b55";
pub const METADATA: &str = r#"{"description":"Two coffees","externalRef":"INV-2041"}"#;
pub const EVENT: &str = "outgoing_payment.completed";

const SCHEMA: &str = "
CREATE TABLE grant_spend (id BYTEA PRIMARY KEY, spent BIGINT NOT NULL, spend_max BIGINT NOT NULL);
CREATE TABLE ledger_account (id BYTEA PRIMARY KEY, balance BIGINT NOT NULL, reserved BIGINT NOT NULL);
CREATE TABLE incoming_payment (id BYTEA PRIMARY KEY, amount BIGINT NOT NULL, received BIGINT NOT NULL, state TEXT NOT NULL);
CREATE TABLE outgoing_payment (id BYTEA PRIMARY KEY, grant_id BYTEA NOT NULL REFERENCES grant_spend,
  account_id BYTEA NOT NULL REFERENCES ledger_account, incoming_id BYTEA NOT NULL, debit BIGINT NOT NULL, receive BIGINT NOT NULL,
  state TEXT NOT NULL, receiver TEXT NOT NULL, metadata TEXT NOT NULL, created_at BIGINT NOT NULL);
CREATE INDEX outgoing_payment_list ON outgoing_payment (account_id, id);
CREATE TABLE transfer (id BYTEA PRIMARY KEY, debit_account BYTEA NOT NULL REFERENCES ledger_account,
  credit_account BYTEA NOT NULL REFERENCES ledger_account, amount BIGINT NOT NULL, created_at BIGINT NOT NULL);
CREATE TABLE event (id BYTEA PRIMARY KEY, subject BYTEA NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, created_at BIGINT NOT NULL);
";

/// A row's key: its table's letter and its number, scattered as random ids are.
pub fn key(table: char, n: u64) -> Vec<u8> {
    let high = scatter(u64::from(u32::from(table)) << 32 | n);
    (u128::from(high) << 64 | u128::from(scatter(high))).to_be_bytes().to_vec()
}

/// SplitMix64's output function: enough randomness to choose rows with.
pub fn scatter(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// SQL that makes and fills the tables. `blob` opens a literal of bytes: `x'` in SQLite, `'\x` in PostgreSQL.
pub fn schema(blob: &str) -> String {
    let mut sql = SCHEMA.to_owned();
    for (table, letter, rest) in [
        ("grant_spend", 'g', "0, 1000000000000"),
        ("ledger_account", 'a', "1000000000000, 0"),
        ("incoming_payment", 'i', "1000000000000, 0, 'pending'"),
    ] {
        let rows: Vec<String> = (0..ROWS)
            .map(|n| {
                format!(
                    "({blob}{:032x}', {rest})",
                    u128::from_be_bytes(key(letter, n).try_into().expect("sixteen bytes"))
                )
            })
            .collect();
        sql += &format!("INSERT INTO {table} VALUES {};\n", rows.join(","));
    }
    sql
}

/// After a run: payments stored, debited and received minus what they should be. Each of the three must be zero, given `$1` payments.
pub const AUDIT: &str = "SELECT
  (SELECT COUNT(*) FROM outgoing_payment) - $1,
  (SELECT CAST(SUM(balance) AS BIGINT) FROM ledger_account) - 1000000000000000,
  (SELECT CAST(SUM(received) AS BIGINT) FROM incoming_payment) - (SELECT CAST(SUM(spent) AS BIGINT) FROM grant_spend)";

/// One payment's ids and amount.
pub struct Payment {
    pub id: Vec<u8>,
    pub transfer: Vec<u8>,
    pub event: Vec<u8>,
    pub grant: Vec<u8>,
    pub sender: Vec<u8>,
    pub receiver: Vec<u8>,
    pub incoming: Vec<u8>,
    pub amount: i64,
    pub now: i64,
}

impl Payment {
    /// The `n`-th payment of a run: ids ascend as UUIDv7s do; `hot` takes every payment from one account under one grant.
    pub fn new(n: u64, hot: bool) -> Self {
        let random = scatter(n);
        let sender = if hot { 0 } else { random % ROWS };
        let receiver = (sender + 1 + (random >> 32) % (ROWS - 1)) % ROWS;
        let id =
            |kind: u64| (u128::from(n) << 64 | u128::from(scatter(random.wrapping_add(kind)))).to_be_bytes().to_vec();
        Self {
            id: id(1),
            transfer: id(2),
            event: id(3),
            grant: key('g', sender),
            sender: key('a', sender),
            receiver: key('a', receiver),
            incoming: key('i', receiver),
            amount: 1 + (random % 500) as i64,
            now: 1_790_000_000_000_000 + n as i64,
        }
    }

    /// Both accounts in the one order in which everybody locks them; two orders would be a deadlock.
    pub fn accounts(&self) -> [&Vec<u8>; 2] {
        if self.sender < self.receiver { [&self.sender, &self.receiver] } else { [&self.receiver, &self.sender] }
    }

    /// The decision, here only that the numbers are there to decide with.
    ///
    /// `rows` are `(first, second)` columns of the grant, both accounts and the incoming payment.
    pub fn decide(&self, rows: [(i64, i64); 4]) -> Result<(), String> {
        let [(spent, spend_max), a, b, (received, amount)] = rows;
        let enough = if self.sender < self.receiver { a.0 - a.1 } else { b.0 - b.1 } >= self.amount;
        if spent + self.amount > spend_max || !enough || received + self.amount > amount {
            return Err("refused".into());
        }
        Ok(())
    }
}
