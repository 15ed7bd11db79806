//! House rules that the compiler and clippy cannot check, each a plain function over the files of the repository.
//!
//! The rooms of the house and their walls are described in `ARCHITECTURE.md`; here they are enforced.

mod code;
mod docs;
mod money;
mod rooms;
mod source;
mod sql;

use anyhow::{Context, Result, bail};
use source::Source;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::process::Command;

/// A broken rule, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    path: String,
    /// Counted from 1.
    line: usize,
    rule: &'static str,
    instead: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path, self.line, self.rule, self.instead)
    }
}

/// A rule: its name, as violations show it, and its function.
type Rule = (&'static str, fn(&Tree, &mut Report<'_>));

const RULES: &[Rule] = &[
    ("room", rooms::dependencies),
    ("lints", rooms::lints),
    ("async", rooms::pure_rooms_are_not_async),
    ("engine", rooms::engine_names),
    ("reqwest", rooms::outbound_http),
    ("sql", sql::outside_store),
    ("sql-word", sql::vocabulary),
    ("float", money::floats),
    ("clock", code::clock),
    ("size", code::size),
    ("leftover", code::leftovers),
    ("print", code::prints),
    ("map", docs::map),
    ("adr", docs::decision_names),
    ("machine-path", docs::machine_paths),
];

/// What is wrong in the repository at `root`, in the order of paths and lines.
///
/// # Errors
///
/// When git cannot list the files or one of them cannot be read.
fn check(root: &Path) -> Result<Vec<Violation>> {
    Ok(violations(&Tree::read(root)?))
}

/// Checks the repository at `root` and prints what is wrong.
///
/// # Errors
///
/// When git cannot list the files, when one of them cannot be read, and when something is wrong.
pub fn print(root: &Path) -> Result<()> {
    let violations = check(root)?;
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => Ok(()),
        count => bail!("violations of the house rules: {count}"),
    }
}

fn violations(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for (rule, run) in RULES {
        run(tree, &mut Report { rule, found: &mut found });
    }
    found.sort();
    found.dedup();
    found
}

/// Where a rule puts what it finds.
struct Report<'a> {
    rule: &'static str,
    found: &'a mut Vec<Violation>,
}

impl Report<'_> {
    fn add(&mut self, path: &str, line: usize, instead: impl Into<String>) {
        self.found.push(Violation { path: path.to_owned(), line, rule: self.rule, instead: instead.into() });
    }
}

/// The text files of the repository: tracked ones, and new ones that git does not ignore.
struct Tree {
    files: BTreeMap<String, String>,
    rust: BTreeMap<String, Source>,
    /// Files and folders that hold test code though their own text does not say so.
    tests: Vec<String>,
}

impl Tree {
    fn read(root: &Path) -> Result<Tree> {
        let mut files = BTreeMap::new();
        for path in list(root)? {
            match std::fs::read(root.join(&path)) {
                // Bytes that are not text (a picture, say) hold nothing that the rules speak of.
                Ok(bytes) => {
                    if let Ok(text) = String::from_utf8(bytes) {
                        files.insert(path, text);
                    }
                }
                // Tracked but deleted, or a submodule's folder.
                Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::IsADirectory) => {}
                Err(e) => return Err(e).with_context(|| format!("reading {path}")),
            }
        }
        Ok(Tree::of(files))
    }

    fn of(files: BTreeMap<String, String>) -> Tree {
        let rust: BTreeMap<String, Source> = files
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| (path.clone(), Source::scan(text)))
            .collect();
        let tests = rust.iter().flat_map(|(path, source)| test_module_paths(path, &source.test_modules)).collect();
        Tree { files, rust, tests }
    }

    /// Every text file, by path.
    fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// The names of the folders below `crates/`.
    fn crates(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .files
            .keys()
            .filter_map(|path| path.strip_prefix("crates/")?.split_once('/'))
            .map(|(name, _)| name)
            .collect();
        names.dedup();
        names
    }

    /// Every Rust file outside `docs/`: measurements kept beside a decision are no part of the product.
    fn rust(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.rust.iter().map(|(path, source)| (path.as_str(), source)).filter(|(path, _)| !path.starts_with("docs/"))
    }

    /// The Rust files that end up in the product and its tools: those in a `src` folder that are not tests.
    fn product(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.rust().filter(|(path, _)| path.contains("/src/") && !self.is_test(path))
    }

    /// Is the whole file test code?
    fn is_test(&self, path: &str) -> bool {
        ["/tests/", "/benches/", "/examples/"].iter().any(|part| {
            // Only beside `src`: a folder of that name inside `src` is test code when `#[cfg(test)]` says so.
            path.find(part).is_some_and(|at| !path[..at].contains("/src"))
        }) || self.tests.iter().any(|test| path == test || (test.ends_with('/') && path.starts_with(test.as_str())))
    }
}

/// Where the files of the test modules that `path` declares may be.
fn test_module_paths(path: &str, modules: &[String]) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let base = match file {
        "lib.rs" | "main.rs" | "mod.rs" => folder.to_owned(),
        _ => format!("{folder}/{}", file.trim_end_matches(".rs")),
    };
    modules.iter().flat_map(|name| [format!("{base}/{name}.rs"), format!("{base}/{name}/")]).collect()
}

/// Is the path one of a list of places? A place is a file, or a folder when it ends in `/`, or the beginning of
/// either when it ends in `*`.
fn is_in(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| match place.strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None if place.ends_with('/') => path.starts_with(place),
        None => path == *place,
    })
}

/// The room a file belongs to: `core` for `crates/core/src/fee.rs`, `xtask` for everything below `xtask/`.
fn room(path: &str) -> Option<&str> {
    match path.strip_prefix("crates/") {
        Some(rest) => rest.split_once('/').map(|(name, _)| name),
        None => path.starts_with("xtask/").then_some("xtask"),
    }
}

fn list(root: &Path) -> Result<Vec<String>> {
    let output = Command::new("git")
        // A checkout may belong to another user than the one who runs the tests in a container.
        .arg("-c")
        .arg(format!("safe.directory={}", root.display()))
        .arg("-C")
        .arg(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("tidy asks git for the list of files, and git cannot be run: install git")?;
    if !output.status.success() {
        bail!("git ls-files: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

/// Checks one rule against files given as (path, text), and compares `path:line` of what it finds.
#[cfg(test)]
fn check_rule(run: fn(&Tree, &mut Report<'_>), files: &[(&str, &str)], expected: &[&str]) {
    let tree = Tree::of(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect());
    let mut found = Vec::new();
    run(&tree, &mut Report { rule: "rule", found: &mut found });
    found.sort();
    found.dedup();
    let places: Vec<String> = found.iter().map(|v| format!("{}:{}", v.path, v.line)).collect();
    assert_eq!(places, expected, "files {files:?}, violations {found:?}");
    assert!(found.iter().all(|v| !v.instead.is_empty()), "every violation says what to do: {found:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_its_own_name() {
        let mut names: Vec<&str> = RULES.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn violations_say_where_what_and_what_instead() {
        let files = [
            ("crates/core/src/lib.rs", "fn a() { todo!() }\n\nasync fn b() {}\n"),
            ("ARCHITECTURE.md", "- `crates/core`\n"),
            ("crates/core/Cargo.toml", "[lints]\nworkspace = true\n"),
        ];
        let tree = Tree::of(files.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect());
        let lines: Vec<String> = violations(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[0].starts_with("crates/core/src/lib.rs:1: leftover: "), "{lines:?}");
        assert!(lines[1].starts_with("crates/core/src/lib.rs:3: async: "), "{lines:?}");
    }

    #[test]
    fn test_files_are_known_by_their_declaration() {
        fn check(path: &str, expected: bool) {
            let files = [
                ("crates/a/src/lib.rs", "#[cfg(test)]\nmod checks;\nmod tests;"),
                ("crates/a/src/b.rs", "#[cfg(test)]\nmod tests;"),
                ("crates/a/src/b/mod.rs", "#[cfg(test)]\nmod more;"),
            ];
            let tree = Tree::of(files.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect());
            assert_eq!(tree.is_test(path), expected, "{path}");
        }
        check("crates/a/src/checks.rs", true);
        check("crates/a/src/checks/deep.rs", true);
        check("crates/a/src/checks2.rs", false);
        check("crates/a/src/tests.rs", false);
        check("crates/a/src/b/tests.rs", true);
        check("crates/a/src/b/more.rs", true);
        check("crates/a/src/tests/c.rs", false);
        check("crates/a/tests/c.rs", true);
        check("crates/a/benches/c.rs", true);
        check("crates/a/examples/c.rs", true);
        check("crates/a/src/c.rs", false);
    }

    #[test]
    fn places_are_files_folders_or_beginnings() {
        assert!(is_in("a/b.rs", &["a/b.rs"]));
        assert!(!is_in("a/b.rs.old", &["a/b.rs"]));
        assert!(is_in("a/b/c.rs", &["a/b/"]));
        assert!(is_in("a/net.rs", &["a/net*"]) && is_in("a/net/guard.rs", &["a/net*"]));
        assert!(!is_in("a/b.rs", &[]));
    }

    #[test]
    fn rooms_are_read_off_paths() {
        assert_eq!(room("crates/core/src/fee.rs"), Some("core"));
        assert_eq!(room("xtask/src/main.rs"), Some("xtask"));
        assert_eq!(room("docs/adr/0001-storage/src/main.rs"), None);
        assert_eq!(room("crates/README.md"), None);
    }
}
