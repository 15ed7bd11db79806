//! Which room may use which: the walls of the house.

use super::source::words;
use super::{Report, Tree, is_in, room};
use std::collections::BTreeMap;
use toml::{Table, Value};

/// A crate below `crates/` and what its `[dependencies]` may hold. Dev-dependencies are free.
struct Room {
    name: &'static str,
    /// The rooms it may use.
    rooms: &'static [&'static str],
    /// The groups of crates it never sees.
    never: &'static [&'static [&'static str]],
}

const ASYNC: &[&str] = &["tokio", "tokio-util", "futures", "futures-util", "async-trait", "async-std", "smol"];
const OUTBOUND: &[&str] = &["reqwest", "ureq", "isahc"];
/// Of hyper and hyper-util only what serves: see [`outbound_http`].
const SERVER: &[&str] =
    &["axum", "axum-core", "axum-extra", "hyper", "hyper-util", "tower", "tower-http", "tower-service"];
const TEMPLATES: &[&str] = &["askama", "minijinja", "maud", "tera"];
const DRIVERS: &[&str] = &["rusqlite", "postgres", "tokio-postgres", "deadpool-postgres", "sqlx", "diesel"];
const RANDOMNESS: &[&str] = &["getrandom", "rand", "rand_core", "fastrand"];
const SOCKETS: &[&str] = &["mio", "socket2"];

const ROOMS: &[Room] = &[
    Room { name: "types", rooms: &[], never: &[ASYNC, OUTBOUND, SERVER, TEMPLATES, DRIVERS, RANDOMNESS, SOCKETS] },
    Room { name: "httpsig", rooms: &[], never: &[ASYNC, OUTBOUND, SERVER, TEMPLATES, DRIVERS, SOCKETS] },
    Room {
        name: "core",
        rooms: &["types"],
        never: &[ASYNC, OUTBOUND, SERVER, TEMPLATES, DRIVERS, RANDOMNESS, SOCKETS],
    },
    Room { name: "ilp", rooms: &[], never: &[ASYNC, OUTBOUND, SERVER, TEMPLATES, DRIVERS, SOCKETS] },
    Room { name: "store", rooms: &["core", "types"], never: &[OUTBOUND, SERVER, TEMPLATES] },
    Room {
        name: "app",
        rooms: &["core", "store", "ilp", "types", "httpsig", "client"],
        never: &[SERVER, TEMPLATES, DRIVERS],
    },
    Room { name: "web", rooms: &["app", "types", "httpsig"], never: &[OUTBOUND, DRIVERS] },
    Room { name: "client", rooms: &["types", "httpsig"], never: &[SERVER, TEMPLATES, DRIVERS] },
    Room { name: "pure", rooms: &["types", "httpsig", "core"], never: &[ASYNC, OUTBOUND, SERVER, TEMPLATES, DRIVERS] },
    Room {
        name: "bench",
        rooms: &["types", "httpsig", "core", "store", "app"],
        never: &[OUTBOUND, TEMPLATES, DRIVERS],
    },
    Room { name: "bursar", rooms: &["types", "httpsig", "client", "core", "ilp", "store", "app", "web"], never: &[] },
];

/// A tool for tests, which may use everything and which only dev-dependencies may name.
const TESTKIT: &str = "testkit";

/// Rooms whose code is pure: no executor ever runs it.
const PURE: &[&str] = &["types", "httpsig", "core", "ilp"];

/// Where the database engines may be named: the one place that tells them apart, and the configuration, which reads
/// the scheme of a URL.
const ENGINE_PLACES: &[&str] = &["crates/store/src/db*", "crates/bursar/src/config*", "crates/testkit/", "xtask/"];

/// Where requests leave the house: behind the guard of `net`, and in the client library.
const OUTBOUND_PLACES: &[&str] = &["crates/app/src/net.rs", "crates/app/src/net/", "crates/client/", "crates/testkit/"];

/// `[dependencies]` keep to the table of rooms.
pub fn dependencies(tree: &Tree, report: &mut Report<'_>) {
    let aliases = workspace_aliases(tree);
    for name in tree.crates() {
        let path = format!("crates/{name}/Cargo.toml");
        let Some(text) = tree.text(&path) else { continue };
        let manifest: Table = match toml::from_str(text) {
            Ok(manifest) => manifest,
            Err(e) => {
                report.add(&path, 1, format!("write valid TOML: {}", e.message()));
                continue;
            }
        };
        if name == TESTKIT {
            continue;
        }
        let Some(room) = ROOMS.iter().find(|room| room.name == name) else {
            report.add(&path, 1, "give the new room a row in ROOMS (xtask/src/tidy/rooms.rs) and in ARCHITECTURE.md");
            continue;
        };
        for (key, package) in packages(&manifest, &aliases) {
            if let Some(instead) = judge(room, &package) {
                report.add(&path, line_of_key(text, &key), instead);
            }
        }
    }
}

/// What to do instead of depending on `package`, if the room must not.
fn judge(room: &Room, package: &str) -> Option<String> {
    let name = room.name;
    match package.strip_prefix("bursar-") {
        Some(TESTKIT) => Some("move bursar-testkit to [dev-dependencies]: it is for tests only".to_owned()),
        Some(other) if !room.rooms.contains(&other) => Some(match room.rooms {
            [] => format!("do without {package}: {name} uses no other room"),
            rooms => format!("do without {package}: of the rooms, {name} may use {}", rooms.join(", ")),
        }),
        Some(_) => None,
        None => room
            .never
            .iter()
            .any(|group| group.contains(&package))
            .then(|| format!("do without {package}: {name} never sees it (ROOMS in xtask/src/tidy/rooms.rs)")),
    }
}

/// The names under which the workspace renames packages: `pg = { package = "postgres" }`.
fn workspace_aliases(tree: &Tree) -> BTreeMap<String, String> {
    let manifest: Table = tree.text("Cargo.toml").and_then(|text| toml::from_str(text).ok()).unwrap_or_default();
    let dependencies = manifest.get("workspace").and_then(|workspace| workspace.get("dependencies"));
    dependencies
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.get("package")?.as_str()?.to_owned())))
        .collect()
}

/// The (key, package) of every dependency that is built into the crate, whatever the platform.
fn packages(manifest: &Table, aliases: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let tables = std::iter::once(manifest).chain(platforms.filter_map(Value::as_table));
    tables
        .flat_map(|table| ["dependencies", "build-dependencies"].map(|section| table.get(section)))
        .filter_map(|section| section.and_then(Value::as_table))
        .flatten()
        .map(|(key, value)| {
            let renamed = value.get("package").and_then(Value::as_str).map(str::to_owned);
            (key.clone(), renamed.or_else(|| aliases.get(key).cloned()).unwrap_or_else(|| key.clone()))
        })
        .collect()
}

fn line_of_key(text: &str, key: &str) -> usize {
    let names_key = |line: &str| {
        let line = line.trim_start();
        let rest = line.strip_prefix('"').unwrap_or(line).strip_prefix(key);
        rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=', '"']))
            || (line.starts_with('[') && line.trim_end().ends_with(&format!(".{key}]")))
    };
    text.lines().position(names_key).map_or(1, |index| index + 1)
}

/// Every crate takes the lints of the workspace; without that line, none of them guards it.
pub fn lints(tree: &Tree, report: &mut Report<'_>) {
    let crates = tree.crates().into_iter().map(|name| format!("crates/{name}/Cargo.toml"));
    for path in crates.chain(std::iter::once("xtask/Cargo.toml".to_owned())) {
        let Some(text) = tree.text(&path) else { continue };
        let manifest: Table = toml::from_str(text).unwrap_or_default();
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(Value::as_bool);
        if inherits != Some(true) {
            report.add(&path, 1, "add `[lints] workspace = true`");
        }
    }
}

/// Pure rooms have no `async` and no `.await`.
pub fn pure_rooms_are_not_async(tree: &Tree, report: &mut Report<'_>) {
    for (path, source) in tree.product().filter(|(path, _)| room(path).is_some_and(|room| PURE.contains(&room))) {
        for (line, code) in source.product_lines() {
            let waits = |word: super::source::Word<'_>| {
                word.text == "async" || (word.text == "await" && word.before.ends_with('.'))
            };
            if words(code).any(waits) {
                report.add(path, line, "make it a plain function: what it needs to know is an argument, loaded before");
            }
        }
    }
}

/// Only the store's `db` tells the engines apart.
pub fn engine_names(tree: &Tree, report: &mut Report<'_>) {
    for (path, source) in tree.product().filter(|(path, _)| !is_in(path, ENGINE_PLACES)) {
        for (line, code) in source.product_lines() {
            let engine = words(code).find(|word| {
                word.text.starts_with("Sqlite")
                    || word.text.starts_with("Postgres")
                    || matches!(word.text, "rusqlite" | "tokio_postgres")
                    || (word.text == "postgres" && (word.after.starts_with("::") || word.before.ends_with("use ")))
            });
            if let Some(engine) = engine {
                let name = engine.text;
                report.add(path, line, format!("call a named function of crates/store/src/db instead of `{name}`"));
            }
        }
    }
}

/// `reqwest` stands behind the guard of `app::net`, and in the client library.
pub fn outbound_http(tree: &Tree, report: &mut Report<'_>) {
    for (path, source) in tree.product().filter(|(path, _)| !is_in(path, OUTBOUND_PLACES)) {
        for (line, code) in source.product_lines() {
            let sends = |word: super::source::Word<'_>| {
                word.text == "reqwest"
                    || (matches!(word.text, "hyper" | "hyper_util") && word.after.starts_with("::client"))
            };
            if words(code).any(sends) {
                report.add(path, line, "send through app::net, which guards against requests to the inside");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check_rule;
    use super::*;

    fn manifest(dependencies: &str) -> String {
        format!("[package]\nname = \"x\"\n\n[dependencies]\n{dependencies}")
    }

    #[test]
    fn rooms_use_what_the_table_allows() {
        fn check(name: &str, dependency: &str, allowed: bool) {
            let path = format!("crates/{name}/Cargo.toml");
            let expected = if allowed { vec![] } else { vec![format!("{path}:5")] };
            let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
            check_rule(dependencies, &[(&path, &manifest(dependency))], &expected);
        }
        check("types", "serde.workspace = true", true);
        check("types", "tokio.workspace = true", false);
        check("types", "bursar-httpsig.workspace = true", false);
        check("httpsig", "http = \"1\"", true);
        check("httpsig", "bursar-types.workspace = true", false);
        check("httpsig", "axum.workspace = true", false);
        check("httpsig", "reqwest.workspace = true", false);
        check("core", "bursar-types.workspace = true", true);
        check("core", "bursar-store.workspace = true", false);
        check("core", "rusqlite = { version = \"0.41\" }", false);
        check("core", "getrandom.workspace = true", false);
        check("ilp", "bytes.workspace = true", true);
        check("ilp", "tokio.workspace = true", false);
        check("ilp", "bursar-store.workspace = true", false);
        check("store", "postgres.workspace = true", true);
        check("store", "bursar-app.workspace = true", false);
        check("store", "reqwest.workspace = true", false);
        check("app", "reqwest.workspace = true", true);
        check("app", "bursar-client.workspace = true", true);
        check("app", "axum.workspace = true", false);
        check("app", "askama.workspace = true", false);
        check("app", "bursar-web.workspace = true", false);
        check("web", "axum.workspace = true", true);
        check("web", "hyper-util.workspace = true", true);
        check("web", "reqwest.workspace = true", false);
        check("app", "hyper-util.workspace = true", false);
        check("web", "bursar-store.workspace = true", false);
        check("web", "rusqlite.workspace = true", false);
        check("web", "postgres.workspace = true", false);
        check("web", "bursar-ilp.workspace = true", false);
        check("client", "reqwest.workspace = true", true);
        check("client", "bursar-core.workspace = true", false);
        check("client", "bursar-app.workspace = true", false);
        check("bursar", "bursar-web.workspace = true", true);
        check("bursar", "rusqlite.workspace = true", true);
        check("bursar", "bursar-testkit.workspace = true", false);
        check("bench", "bursar-store.workspace = true", true);
        check("bench", "reqwest.workspace = true", false);
        check("bench", "rusqlite.workspace = true", false);
        check("bursar", "bursar-bench.workspace = true", false);
        check("testkit", "bursar-web.workspace = true", true);
        check("testkit", "postgres.workspace = true", true);
    }

    #[test]
    fn sections_names_and_rows_do_not_hide_a_dependency() {
        let check = |files: &[(&str, &str)], expected: &[&str]| check_rule(dependencies, files, expected);
        let path = "crates/core/Cargo.toml";
        check(&[(path, "[dev-dependencies]\ntokio = \"1\"")], &[]);
        check(&[(path, "[build-dependencies]\ntokio = \"1\"")], &["crates/core/Cargo.toml:2"]);
        check(&[(path, "[target.'cfg(unix)'.dependencies]\ntokio = \"1\"")], &["crates/core/Cargo.toml:2"]);
        check(&[(path, "[dependencies.tokio]\nversion = \"1\"")], &["crates/core/Cargo.toml:1"]);
        check(&[(path, "[dependencies]\nrt = { package = \"tokio\" }")], &["crates/core/Cargo.toml:2"]);
        let workspace = ("Cargo.toml", "[workspace.dependencies]\nrt = { package = \"tokio\" }");
        check(&[workspace, (path, "[dependencies]\nrt.workspace = true")], &["crates/core/Cargo.toml:2"]);
        check(&[("crates/cellar/Cargo.toml", "[package]")], &["crates/cellar/Cargo.toml:1"]);
        check(&[(path, "[dependencies")], &["crates/core/Cargo.toml:1"]);
    }

    #[test]
    fn the_table_names_rooms_that_it_has() {
        for room in ROOMS {
            for other in room.rooms {
                assert!(
                    ROOMS.iter().any(|known| known.name == *other),
                    "{} may use {other}, which has no row",
                    room.name
                );
            }
        }
    }

    #[test]
    fn every_crate_takes_the_lints_of_the_workspace() {
        let good = "[lints]\nworkspace = true\n";
        check_rule(lints, &[("crates/core/Cargo.toml", good), ("xtask/Cargo.toml", good)], &[]);
        check_rule(lints, &[("crates/core/Cargo.toml", "[package]\n")], &["crates/core/Cargo.toml:1"]);
        check_rule(lints, &[("xtask/Cargo.toml", "[lints]\nworkspace = false\n")], &["xtask/Cargo.toml:1"]);
    }

    #[test]
    fn pure_rooms_do_not_wait() {
        let check = |path: &str, text: &str, expected: &[&str]| {
            check_rule(pure_rooms_are_not_async, &[(path, text)], expected);
        };
        check("crates/core/src/fee.rs", "fn a() {}\nasync fn b() {}", &["crates/core/src/fee.rs:2"]);
        check("crates/core/src/fee.rs", "let a = b.await;", &["crates/core/src/fee.rs:1"]);
        check("crates/ilp/src/lib.rs", "let a = async { 1 };", &["crates/ilp/src/lib.rs:1"]);
        check("crates/core/src/fee.rs", "// async\nlet asynchronous = \"async\";\nlet r#await = 1;", &[]);
        check("crates/core/src/fee.rs", "#[cfg(test)]\nmod tests {\nasync fn b() {}\n}", &[]);
        check("crates/core/tests/fee.rs", "async fn b() {}", &[]);
        check("crates/app/src/lib.rs", "async fn b() {}", &[]);
    }

    #[test]
    fn engines_are_named_in_the_store_only() {
        let check = |path: &str, text: &str, expected: &[&str]| check_rule(engine_names, &[(path, text)], expected);
        check("crates/app/src/grants.rs", "use rusqlite::Row;", &["crates/app/src/grants.rs:1"]);
        check("crates/store/src/grant.rs", "match e {\nEngine::Sqlite => 1,\n}", &["crates/store/src/grant.rs:2"]);
        check("crates/store/src/grant.rs", "fn f(row: postgres::Row) {}", &["crates/store/src/grant.rs:1"]);
        check("crates/store/src/grant.rs", "use postgres as pg;", &["crates/store/src/grant.rs:1"]);
        check("crates/bursar/src/serve.rs", "let p = PostgresPool::new();", &["crates/bursar/src/serve.rs:1"]);
        check("crates/store/src/db.rs", "use rusqlite::Row;", &[]);
        check("crates/store/src/db/lite.rs", "Engine::Postgres", &[]);
        check("crates/bursar/src/config.rs", "Engine::Postgres", &[]);
        check("crates/bursar/src/serve.rs", "// Sqlite\nlet postgres = \"postgres::\";", &[]);
        check("crates/testkit/src/lib.rs", "use postgres::Client;", &[]);
        check("crates/store/tests/suite.rs", "Engine::Sqlite", &[]);
        check("docs/adr/0001-storage/src/main.rs", "use rusqlite::Row;", &[]);
    }

    #[test]
    fn requests_leave_through_the_guard() {
        let check = |path: &str, text: &str, expected: &[&str]| check_rule(outbound_http, &[(path, text)], expected);
        check("crates/app/src/grants.rs", "use a;\nuse reqwest::Client;", &["crates/app/src/grants.rs:2"]);
        check("crates/app/src/network.rs", "reqwest::get(url)", &["crates/app/src/network.rs:1"]);
        check("crates/bursar/src/doctor.rs", "reqwest::get(url)", &["crates/bursar/src/doctor.rs:1"]);
        check("crates/web/src/server.rs", "use hyper_util::client::legacy::Client;", &["crates/web/src/server.rs:1"]);
        check("crates/web/src/server.rs", "use hyper_util::rt::TokioIo;\nuse hyper::server::conn;", &[]);
        check("crates/app/src/net.rs", "use reqwest::Client;", &[]);
        check("crates/app/src/net/guard.rs", "use reqwest::Client;", &[]);
        check("crates/client/src/lib.rs", "use reqwest::Client;", &[]);
        check("crates/app/src/grants.rs", "// reqwest\nlet a = \"reqwest\";", &[]);
    }
}
