//! SQL: where it may stand, and which words of it both engines understand alike.

use super::source::{Literal, words};
use super::{Report, Tree};

/// Where SQL may stand. The test kit prepares databases for tests and reads the ledger behind the store's back.
const PLACES: &[&str] = &["crates/store/", "crates/testkit/", "docs/"];

/// Where an engine is spoken to in its own way, in named functions such as the one that locks: a bound array is
/// allowed there, the rest is not.
const ENGINE_PLACES: &[&str] = &["crates/store/src/db*"];

/// Only the store holds SQL.
pub fn outside_store(tree: &Tree, report: &mut Report<'_>) {
    const INSTEAD: &str = "give crates/store a function for it: only the store holds SQL";
    for (path, _) in tree.files().filter(|(path, _)| path.ends_with(".sql") && !super::is_in(path, PLACES)) {
        report.add(path, 1, INSTEAD);
    }
    for (path, source) in tree.product().filter(|(path, _)| !super::is_in(path, PLACES)) {
        for literal in source.product_literals().filter(|literal| is_statement(&literal.text)) {
            report.add(path, literal.line, INSTEAD);
        }
    }
}

/// The store's SQL keeps to words and types that mean the same in both engines.
pub fn vocabulary(tree: &Tree, report: &mut Report<'_>) {
    let mut check = |path: &str, literal: &Literal| {
        let is_engine = super::is_in(path, ENGINE_PLACES);
        for (offset, line) in strip_comments_and_values(&literal.text).lines().enumerate() {
            let array = || array_word(line).filter(|_| !is_engine);
            if let Some((word, instead)) = foreign_word(line).or_else(array) {
                report.add(path, literal.line + offset, format!("do without `{word}`: {instead}"));
            }
        }
    };
    for (path, text) in tree.files().filter(|(path, _)| path.starts_with("crates/store/") && path.ends_with(".sql")) {
        check(path, &Literal { line: 1, text: text.to_owned() });
    }
    for (path, source) in tree.product().filter(|(path, _)| path.starts_with("crates/store/src/")) {
        source.product_literals().filter(|literal| is_fragment(&literal.text)).for_each(|literal| check(path, literal));
    }
}

/// Does the text begin like an SQL statement? Keywords count in capitals and in small letters, but not as the
/// beginning of a sentence ("Select an account").
fn is_statement(text: &str) -> bool {
    let all: Vec<&str> = text.split_whitespace().collect();
    let [first, rest @ ..] = all.as_slice() else { return false };
    let Some(second) = rest.first() else { return false };
    let is_upper = first.chars().all(|c| c.is_ascii_uppercase());
    if !is_upper && !first.chars().all(|c| c.is_ascii_lowercase()) {
        return false;
    }
    let (first, second) = (first.to_ascii_uppercase(), second.to_ascii_uppercase());
    let has = |word: &str| rest.iter().any(|other| other.eq_ignore_ascii_case(word));
    let has_any = |marks: &[char]| rest.iter().any(|word| word.contains(marks));
    match first.as_str() {
        "SELECT" => is_upper || (has("from") && (has("where") || has_any(&['*', '$', '(']))),
        "INSERT" => second == "INTO" || second == "OR",
        "UPDATE" => has("set") && (is_upper || has_any(&['='])),
        "DELETE" => second == "FROM" && (is_upper || has("where")),
        "CREATE" | "ALTER" | "DROP" => matches!(
            second.as_str(),
            "TABLE" | "INDEX" | "UNIQUE" | "TRIGGER" | "VIEW" | "DATABASE" | "SCHEMA" | "TYPE" | "SEQUENCE" | "ROLE"
        ),
        "WITH" => has("as") && has_any(&['(']) && (has("select") || rest.iter().any(|w| w.starts_with("(SELECT"))),
        "PRAGMA" => true,
        "BEGIN" => matches!(second.as_str(), "IMMEDIATE" | "TRANSACTION" | "ISOLATION"),
        "TRUNCATE" | "LOCK" => second == "TABLE",
        _ => false,
    }
}

/// Does the text look like SQL or a part of it, as it stands in the store?
fn is_fragment(text: &str) -> bool {
    const KEYWORDS: &[&str] = &[
        "SELECT",
        "FROM",
        "WHERE",
        "INSERT",
        "UPDATE",
        "SET",
        "DELETE",
        "VALUES",
        "RETURNING",
        "CREATE",
        "ALTER",
        "TABLE",
        "ORDER",
        "JOIN",
        "AND",
        "CONFLICT",
    ];
    is_statement(text)
        || words(&text.replace('\n', " ")).any(|word| KEYWORDS.contains(&word.text))
        || called(text, &["now", "random"]).is_some()
}

/// Removes `-- comments` and `'quoted values'`, which may say anything. Lines stay where they were.
fn strip_comments_and_values(sql: &str) -> String {
    let mut kept = String::with_capacity(sql.len());
    let mut quoted = false;
    for line in sql.lines() {
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\'' => quoted = !quoted,
                '-' if !quoted && chars.peek() == Some(&'-') => break,
                _ if quoted => {}
                _ => kept.push(c),
            }
        }
        kept.push('\n');
    }
    kept
}

/// The first word or sign of a line that only one engine knows, or that the two take differently.
fn foreign_word(line: &str) -> Option<(String, &'static str)> {
    const TIME: &str = "the instant is an argument";
    const COLUMNS: &str = "columns are 64-bit integers, text or bytes";
    if let Some(name) = called(line, &["now", "clock_timestamp", "datetime", "strftime", "julianday", "unixepoch"]) {
        return Some((format!("{name}()"), TIME));
    }
    if let Some(name) = called(line, &["random", "randomblob", "gen_random_uuid", "gen_random_bytes"]) {
        return Some((format!("{name}()"), "ids and random bytes are arguments"));
    }
    if let Some(name) = called(line, &["nextval", "currval", "setval", "last_insert_rowid"]) {
        return Some((format!("{name}()"), "ids are arguments, there are no sequences"));
    }
    if let Some(sign) = ["->>", "->", "#>", "@>", "<@"].into_iter().find(|sign| line.contains(sign)) {
        return Some((sign.to_owned(), "no JSON in SQL; what a query needs is a column"));
    }
    words(line).find_map(|word| {
        let small = word.text.to_ascii_lowercase();
        let instead = match small.as_str() {
            "current_timestamp" | "current_date" | "current_time" | "localtimestamp" => TIME,
            "real" | "float" | "float4" | "float8" | "double" => "there are no floats; amounts are integers",
            "json" | "jsonb" => "no JSON in SQL; what a query needs is a column, the rest is text",
            "boolean" | "bool" => "a flag is a nullable instant or a state word",
            "timestamp" | "timestamptz" | "timetz" => "an instant is an integer, microseconds UTC",
            "numeric" | "decimal" | "money" | "varchar" => COLUMNS,
            "serial" | "bigserial" | "autoincrement" | "identity" => "ids are arguments, there are no sequences",
            "sequence" | "type" | "enum" if line.to_ascii_lowercase().contains(&format!("create {small}")) => {
                "there are no sequences and no enums; a state is a word"
            }
            _ if small.starts_with("json_") || small.starts_with("jsonb_") => {
                "no JSON in SQL; what a query needs is a column"
            }
            _ => return None,
        };
        Some((word.text.to_owned(), instead))
    })
}

/// The first word or sign of a line that makes or takes an array apart.
fn array_word(line: &str) -> Option<(String, &'static str)> {
    const ARRAYS: &str = "there are no arrays; use a table, repeat the statement, or select by a key range";
    let function = called(line, &["any", "unnest", "array_agg"]).map(|name| format!("{name}()"));
    let sign = || line.contains('[').then(|| "[".to_owned());
    let word = || words(line).find(|word| word.text.eq_ignore_ascii_case("array")).map(|word| word.text.to_owned());
    function.or_else(sign).or_else(word).map(|word| (word, ARRAYS))
}

/// The first of the functions that the text calls.
fn called(text: &str, functions: &[&'static str]) -> Option<&'static str> {
    text.lines().find_map(|line| {
        words(line).find_map(|word| {
            let function = functions.iter().find(|name| word.text.eq_ignore_ascii_case(name))?;
            word.after.trim_start().starts_with('(').then_some(*function)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::check_rule;
    use super::*;

    #[test]
    fn statements_are_told_from_sentences() {
        fn check(text: &str, expected: bool) {
            assert_eq!(is_statement(text), expected, "{text:?}");
        }
        check("SELECT id FROM grants WHERE id = $1", true);
        check("\n    SELECT 1", true);
        check("select id from grants where id = $1", true);
        check("select count(*) from grants", true);
        check("INSERT INTO grants (id) VALUES ($1)", true);
        check("insert into grants (id) values ($1)", true);
        check("UPDATE grants SET state = $1 WHERE id = $2", true);
        check("update grants set state = $1", true);
        check("DELETE FROM grants", true);
        check("delete from grants where id = $1", true);
        check("CREATE TABLE a (b BIGINT)", true);
        check("CREATE UNIQUE INDEX a ON b (c)", true);
        check("alter table a add column b bigint", true);
        check("DROP INDEX a", true);
        check("WITH a AS (SELECT 1) SELECT * FROM a", true);
        check("PRAGMA journal_mode = WAL", true);
        check("BEGIN IMMEDIATE", true);
        check("Select an account from the list (where it stands)", false);
        check("select an account from the list", false);
        check("Delete from this device?", false);
        check("update the set of keys", false);
        check("UPDATE", false);
        check("DELETE", false);
        check("DELETE /token/{id}", false);
        check("create a wallet address", false);
        check("with interest", false);
        check("", false);
    }

    #[test]
    fn sql_stands_in_the_store() {
        let check = |path: &str, text: &str, expected: &[&str]| check_rule(outside_store, &[(path, text)], expected);
        let bad = "fn f() {\n  run(\"SELECT id FROM grants\");\n}";
        check("crates/app/src/grants.rs", bad, &["crates/app/src/grants.rs:2"]);
        check("crates/web/src/lib.rs", bad, &["crates/web/src/lib.rs:2"]);
        check("crates/bursar/migrations/a.sql", "CREATE TABLE a (b BIGINT)", &["crates/bursar/migrations/a.sql:1"]);
        check("crates/store/src/grant.rs", bad, &[]);
        check("crates/store/migrations/0001.sql", "CREATE TABLE a (b BIGINT)", &[]);
        check("crates/testkit/src/database.rs", bad, &[]);
        check("crates/app/tests/grants.rs", bad, &[]);
        check("crates/app/src/grants.rs", "#[cfg(test)]\nmod tests {\nconst A: &str = \"SELECT 1\";\n}", &[]);
        check("crates/app/src/grants.rs", "// \"SELECT id FROM grants\"", &[]);
        check("docs/adr/0001-storage/src/main.rs", bad, &[]);
    }

    #[test]
    fn the_store_speaks_what_both_engines_understand() {
        fn check(sql: &str, allowed: bool) {
            let expected: &[&str] = if allowed { &[] } else { &["crates/store/src/grant.rs:1"] };
            check_rule(vocabulary, &[("crates/store/src/grant.rs", &format!("const A: &str = \"{sql}\";"))], expected);
        }
        check("SELECT id, state FROM grants WHERE id = $1 AND created_at < $2 ORDER BY id LIMIT 20", true);
        check("CREATE TABLE a (id TEXT PRIMARY KEY, n BIGINT NOT NULL, raw BYTEA)", true);
        check("SELECT body_json, random_seed, now_at, realm, double_entry FROM a", true);
        check("SELECT 'real json now()' AS a", true);
        check("SELECT a FROM b UNION ALL (SELECT a FROM c)", true);
        check("UPDATE a SET sequence = $1 WHERE type = $2", true);
        check("only a message about now and json", true);
        check("UPDATE a SET at = now()", false);
        check("now()", false);
        check("SELECT random ()", false);
        check("INSERT INTO a VALUES (CURRENT_TIMESTAMP)", false);
        check("SELECT body->>'id' FROM a", false);
        check("SELECT json_extract(body, '$.id') FROM a", false);
        check("SELECT jsonb_array_length(body) FROM a", false);
        check("CREATE TABLE a (b JSONB)", false);
        check("SELECT id FROM a WHERE id = ANY ($1)", false);
        check("CREATE TABLE a (b TEXT[])", false);
        check("SELECT ARRAY(SELECT 1)", false);
        check("CREATE TABLE a (b REAL)", false);
        check("CREATE TABLE a (b double precision)", false);
        check("CREATE TABLE a (b BOOLEAN)", false);
        check("CREATE TABLE a (b TIMESTAMPTZ)", false);
        check("CREATE TABLE a (b NUMERIC(10, 2))", false);
        check("CREATE TABLE a (b BIGSERIAL)", false);
        check("CREATE SEQUENCE a", false);
        check("CREATE TYPE a AS ENUM ('b')", false);
        check("SELECT nextval('a') FROM b", false);
    }

    #[test]
    fn an_engine_may_be_handed_an_array_but_not_asked_for_the_time() {
        fn check(path: &str, sql: &str, expected: &[&str]) {
            check_rule(vocabulary, &[(path, &format!("const A: &str = \"{sql}\";"))], expected);
        }
        let lock = "SELECT pg_advisory_xact_lock(key) FROM unnest($1::bigint[]) AS t(key)";
        check("crates/store/src/db/postgres.rs", lock, &[]);
        check("crates/store/src/db.rs", lock, &[]);
        check("crates/store/src/grant.rs", lock, &["crates/store/src/grant.rs:1"]);
        check("crates/store/src/db/postgres.rs", "SELECT now()", &["crates/store/src/db/postgres.rs:1"]);
        check("crates/store/src/db/postgres.rs", "SELECT a -> 'b' FROM c", &["crates/store/src/db/postgres.rs:1"]);
    }

    #[test]
    fn the_line_within_the_statement_is_named() {
        let rust = "const A: &str = \"\n  SELECT id\n  FROM a -- now()\n  WHERE at < now()\";";
        check_rule(vocabulary, &[("crates/store/src/a.rs", rust)], &["crates/store/src/a.rs:4"]);
        let sql = "-- no json here\nCREATE TABLE a (\n  b BIGINT,\n  c JSON\n);";
        check_rule(vocabulary, &[("crates/store/migrations/1.sql", sql)], &["crates/store/migrations/1.sql:4"]);
        check_rule(vocabulary, &[("crates/store/tests/suite.rs", "const A: &str = \"SELECT now()\";")], &[]);
        check_rule(vocabulary, &[("crates/app/src/a.rs", "const A: &str = \"SELECT now()\";")], &[]);
    }
}
