//! The rings of `cargo xtask test`: from what takes a second to what takes the whole program.

use crate::bench;
use crate::instructions::{self, Found};
use crate::postgres::Cluster;
use crate::process::{self, ask};
use crate::setup::{Node, Setup};
use crate::tally::Tally;
use crate::tidy;
use anyhow::{Context, Result, anyhow, bail};
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// After this a test run is taken for stuck, so that CI still gets a summary.
const TESTS_LIMIT: Duration = Duration::from_secs(20 * 60);
const NPM_LIMIT: Duration = Duration::from_secs(10 * 60);
const SCHEMATHESIS_LIMIT: Duration = Duration::from_secs(10 * 60);
const DEMO_LIMIT: Duration = Duration::from_secs(2 * 60);
const BENCH_LIMIT: Duration = Duration::from_secs(5 * 60);

/// A ring: what it is called, what it does, and how.
pub struct Ring {
    pub name: &'static str,
    pub about: &'static str,
    run: fn(&mut Workshop) -> Outcome,
}

/// The rings in the order in which they run.
pub const RINGS: &[Ring] = &[
    Ring { name: "fmt", about: "the code is formatted", run: |workshop| workshop.fmt().into() },
    Ring { name: "tidy", about: "the house rules hold", run: |workshop| workshop.tidy().into() },
    Ring { name: "clippy", about: "no warnings", run: |workshop| workshop.clippy().into() },
    Ring {
        name: "docs",
        about: "the API documentation builds without warnings",
        run: |workshop| workshop.docs().into(),
    },
    Ring { name: "rust", about: "all Rust tests, with SQLite and a private PostgreSQL", run: Workshop::rust },
    Ring {
        name: "interop",
        about: "clients from npm and real pages in Chromium against the program",
        run: Workshop::interop,
    },
    Ring {
        name: "schemathesis",
        about: "requests generated from the specification, signed, against the program",
        run: Workshop::schemathesis,
    },
    Ring { name: "demo", about: "the demo runs through", run: |workshop| workshop.demo().into() },
    Ring { name: "bench", about: "measuring works, in a quick run whose figures mean nothing", run: Workshop::bench },
    Ring {
        name: "instructions",
        about: "the hot pure parts take no more instructions than they did",
        run: |workshop| workshop.instructions(false),
    },
    Ring { name: "deny", about: "licences, sources and advisories, if cargo-deny is installed", run: Workshop::deny },
];

/// What came of a ring.
struct Outcome {
    tally: Tally,
    end: End,
}

enum End {
    Passed,
    Failed(anyhow::Error),
    /// Not run, and why that is no failure.
    Skipped(String),
}

impl From<Result<()>> for Outcome {
    fn from(result: Result<()>) -> Outcome {
        Outcome::of(Tally::default(), result)
    }
}

impl Outcome {
    fn of(tally: Tally, result: Result<()>) -> Outcome {
        let end = match result {
            Err(e) => End::Failed(e),
            // A runner that reports failures but ends well is not believed.
            Ok(()) if tally.failed > 0 => End::Failed(anyhow!("it ended well though tests had failed")),
            Ok(()) => End::Passed,
        };
        Outcome { tally, end }
    }

    fn skipped(why: String) -> Outcome {
        Outcome { tally: Tally::default(), end: End::Skipped(why) }
    }

    /// What the ring adds to the sum: its tests where they could be counted, else the ring itself. A ring that failed
    /// without a failed test counts as one failure.
    fn counted(&self) -> Tally {
        match &self.end {
            End::Skipped(_) => Tally::default(),
            End::Passed => Tally { passed: self.tally.passed.max(1), failed: 0 },
            End::Failed(_) => Tally { passed: self.tally.passed, failed: self.tally.failed.max(1) },
        }
    }
}

/// Runs the rings of these names, or all if there are none, and prints a summary whose last line is the sum. `true`
/// if none failed.
///
/// # Errors
///
/// When the workspace cannot be read at all.
pub fn run(root: &Path, names: &[String]) -> Result<bool> {
    let mut workshop = Workshop::new(root)?;
    let is_chosen = |ring: &&Ring| names.is_empty() || names.iter().any(|name| name == ring.name);
    let mut rows = Vec::new();
    for ring in RINGS.iter().filter(is_chosen) {
        workshop.heading(ring);
        let start = process::now();
        let outcome = (ring.run)(&mut workshop);
        let row = Row { name: ring.name, time: start.elapsed(), outcome };
        if let End::Failed(e) = &row.outcome.end {
            println!("\n{e:#}");
        }
        println!("\n{row}");
        rows.push(row);
    }
    let sum = rows.iter().map(|row| row.outcome.counted()).fold(Tally::default(), Tally::plus);
    println!("\n{}", workshop.bold("Summary"));
    for row in &rows {
        println!("  {row}");
    }
    println!("  exit code {}", u8::from(sum.failed > 0));
    println!("{} passed, {} failed", sum.passed, sum.failed);
    Ok(sum.failed == 0)
}

/// Photographs the pages of these names, or all of them, for the documentation.
///
/// # Errors
///
/// When something it needs is missing, or a page cannot be shown.
pub fn screenshots(root: &Path, pages: &[String]) -> Result<()> {
    let mut workshop = Workshop::new(root)?;
    let words = ["run", "screenshots", "--"].into_iter().chain(pages.iter().map(String::as_str));
    let mut take = workshop.with_pages(&words.collect::<Vec<_>>())?;
    process::watch(&mut take, NPM_LIMIT, Tally::of_node_line).1
}

/// Counts instructions outside the rings, or writes their table anew. `true` if they are as they should be.
///
/// # Errors
///
/// When they cannot be counted.
pub fn instructions(root: &Path, update: bool) -> Result<bool> {
    let outcome = Workshop::new(root)?.instructions(update);
    match outcome.end {
        End::Passed => Ok(true),
        End::Skipped(why) => {
            println!("skipped: {why}");
            Ok(true)
        }
        End::Failed(e) => Err(e),
    }
}

struct Row {
    name: &'static str,
    time: Duration,
    outcome: Outcome,
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (word, remark) = match &self.outcome.end {
            End::Passed => ("passed", String::new()),
            End::Failed(e) => ("failed", format!("{e:#}")),
            End::Skipped(why) => ("skipped", why.clone()),
        };
        write!(f, "{:<12} {word:<8} {:>4}.{} s", self.name, self.time.as_secs(), self.time.subsec_millis() / 100)?;
        if self.outcome.tally != Tally::default() {
            write!(f, "  {} passed, {} failed", self.outcome.tally.passed, self.outcome.tally.failed)?;
        }
        // The whole explanation stands where the ring ended; a row keeps to its beginning.
        if let Some(line) = remark.lines().find(|line| !line.trim().is_empty()) {
            write!(f, "  {line}")?;
        }
        Ok(())
    }
}

/// What the rings share.
struct Workshop {
    root: PathBuf,
    target: PathBuf,
    setup: Setup,
    binary: Option<PathBuf>,
    /// Whether the clients from npm have been installed, with the specification that comes with them.
    has_clients: bool,
    colours: Colours,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colours {
    Always,
    Never,
    /// Our output goes to no terminal and nobody has said anything: every program decides for itself.
    Undecided,
}

impl Colours {
    fn choose(ci: Option<&str>, no_color: Option<&str>, is_terminal: bool) -> Colours {
        if ci == Some("true") || no_color.is_some_and(|value| !value.is_empty()) {
            Colours::Never
        } else if is_terminal {
            Colours::Always
        } else {
            Colours::Undecided
        }
    }

    fn apply(self, command: &mut Command) {
        let (set, clear): (&[(&str, &str)], &[&str]) = match self {
            // The output of tests passes through us, so programs would not see the terminal behind it.
            Colours::Always => (&[("CARGO_TERM_COLOR", "always"), ("FORCE_COLOR", "1")], &["NO_COLOR"]),
            Colours::Never => (&[("CARGO_TERM_COLOR", "never"), ("NO_COLOR", "1")], &["FORCE_COLOR", "CLICOLOR_FORCE"]),
            Colours::Undecided => (&[], &[]),
        };
        command.envs(set.iter().copied());
        for name in clear {
            command.env_remove(name);
        }
    }
}

impl Workshop {
    fn new(root: &Path) -> Result<Workshop> {
        let target = target_folder(root)?;
        let setup = Setup::new(&target);
        let variable = |name: &str| std::env::var(name).ok();
        let colours = Colours::choose(
            variable("CI").as_deref(),
            variable("NO_COLOR").as_deref(),
            std::io::stdout().is_terminal(),
        );
        Ok(Workshop { root: root.to_owned(), target, setup, binary: None, has_clients: false, colours })
    }

    fn fmt(&mut self) -> Result<()> {
        process::run(self.cargo().args(["fmt", "--all", "--check"])).context("cargo fmt mends it")
    }

    fn tidy(&mut self) -> Result<()> {
        tidy::print(&self.root)
    }

    fn clippy(&mut self) -> Result<()> {
        process::run(self.cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
    }

    fn docs(&mut self) -> Result<()> {
        process::run(self.cargo().args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
    }

    fn rust(&mut self) -> Outcome {
        let prepared = self.prepare_rust();
        let (cluster, binary) = match prepared {
            Ok(prepared) => prepared,
            Err(e) => return Err(e).into(),
        };
        let has_nextest = ask(self.cargo().args(["nextest", "--version"])).is_some();
        let runs: &[&[&str]] = if has_nextest {
            &[&["nextest", "run", "--workspace", "--no-fail-fast"], &["test", "--workspace", "--doc", "--no-fail-fast"]]
        } else {
            &[&["test", "--workspace", "--no-fail-fast"]]
        };
        let mut tally = Tally::default();
        let mut result = Ok(());
        for words in runs {
            let mut cargo = self.cargo();
            cargo.args(*words).env("BURSAR_TEST_POSTGRES", cluster.url()).env("BURSAR_BIN", &binary);
            let (more, ended) = process::watch(&mut cargo, TESTS_LIMIT, Tally::of_cargo_line);
            tally = tally.plus(more);
            result = result.and(ended);
        }
        Outcome::of(tally, result)
    }

    fn prepare_rust(&mut self) -> Result<(Cluster, PathBuf)> {
        let bin = self.setup.postgres()?;
        let binary = self.binary()?;
        let cluster = Cluster::start(&bin).context("starting a private PostgreSQL")?;
        println!("PostgreSQL for the tests: {}", cluster.url());
        Ok((cluster, binary))
    }

    fn interop(&mut self) -> Outcome {
        let mut test = match self.prepare_interop() {
            Ok(test) => test,
            Err(e) => return Err(e).into(),
        };
        let (tally, result) = process::watch(&mut test, NPM_LIMIT, Tally::of_node_line);
        Outcome::of(tally, result)
    }

    fn prepare_interop(&mut self) -> Result<Command> {
        self.with_pages(&["test"])
    }

    /// npm with these words, the program built and a browser at hand.
    fn with_pages(&mut self, words: &[&str]) -> Result<Command> {
        let node = self.clients()?;
        let chromium = self.setup.chromium()?;
        let binary = self.binary()?;
        let mut test = self.npm(&node, words);
        test.env("BURSAR_BIN", binary).env("CHROMIUM", chromium);
        Ok(test)
    }

    fn schemathesis(&mut self) -> Outcome {
        let mut driver = match self.prepare_schemathesis() {
            Ok(driver) => driver,
            Err(e) => return Err(e).into(),
        };
        let (tally, result) = process::watch(&mut driver, SCHEMATHESIS_LIMIT, Tally::of_sum_line);
        Outcome::of(tally, result)
    }

    fn prepare_schemathesis(&mut self) -> Result<Command> {
        let folder = self.root.join("interop").join("schemathesis");
        let python = self.setup.python()?;
        self.clients()?;
        let binary = self.binary()?;
        let environment = self.target.join("xtask").join("python");
        let python = python.environment(&environment, &folder.join("requirements.txt"))?;
        let mut driver = Command::new(python);
        driver.arg(folder.join("run.py")).env("BURSAR_BIN", binary).env("PYTHONDONTWRITEBYTECODE", "1");
        self.colours.apply(&mut driver);
        Ok(driver)
    }

    /// Has the clients from npm installed, once; the Node that runs them.
    fn clients(&mut self) -> Result<Node> {
        if !self.root.join("interop").join("package.json").is_file() {
            bail!("there is no interop/package.json: the tests with clients from npm are missing");
        }
        let node = self.setup.node()?;
        if !self.has_clients {
            let mut install = self.npm(&node, &["ci", "--no-audit", "--no-fund"]);
            let (_, installed) = process::watch(&mut install, NPM_LIMIT, Tally::of_no_line);
            installed.context("installing the clients")?;
            self.has_clients = true;
        }
        Ok(node)
    }

    fn npm(&self, node: &Node, words: &[&str]) -> Command {
        let mut npm = node.npm();
        npm.args(words).current_dir(self.root.join("interop")).env("npm_config_update_notifier", "false");
        self.colours.apply(&mut npm);
        npm
    }

    /// In an empty folder, as somebody's first try.
    fn demo(&mut self) -> Result<()> {
        let binary = self.binary()?;
        let folder = self.target.join("xtask").join("demo");
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
        let mut demo = Command::new(binary);
        demo.args(["demo", "--yes", "--once"]).current_dir(&folder);
        self.colours.apply(&mut demo);
        let (_, result) = process::watch(&mut demo, DEMO_LIMIT, Tally::of_no_line);
        result
    }

    fn bench(&mut self) -> Outcome {
        if !cfg!(target_os = "linux") {
            return Outcome::skipped("processor time is read from /proc, which only Linux has".to_owned());
        }
        self.bench_quickly().into()
    }

    /// Both programs as the tests have them: nothing is optimised for figures that nobody reads.
    fn bench_quickly(&mut self) -> Result<()> {
        let binary = self.binary()?;
        process::run(self.cargo().args(["build", "--package", bench::PACKAGE])).context("building the benchmark")?;
        let mut quick = bench::command(&self.target, "debug");
        quick.arg("--quick").arg("--bursar").arg(&binary);
        process::watch(&mut quick, BENCH_LIMIT, Tally::of_no_line).1?;
        let mut soak = bench::command(&self.target, "debug");
        soak.args(["--quick", "--soak-briefly"]).arg("--bursar").arg(binary);
        process::watch(&mut soak, BENCH_LIMIT, Tally::of_no_line).1
    }

    fn instructions(&mut self, update: bool) -> Outcome {
        match instructions::run(&self.root, &mut self.setup, update) {
            Ok(Found::Compared(Tally { passed, failed: 0 })) => Outcome::of(Tally { passed, failed: 0 }, Ok(())),
            Ok(Found::Compared(tally)) => Outcome::of(tally, Err(anyhow!("some parts are not as the table has them"))),
            Ok(Found::Skipped(why)) => Outcome::skipped(why),
            Err(e) => Err(e).into(),
        }
    }

    fn deny(&mut self) -> Outcome {
        if ask(self.cargo().args(["deny", "--version"])).is_none() {
            return Outcome::skipped("cargo-deny is not installed: cargo install --locked cargo-deny".to_owned());
        }
        process::run(self.cargo().args(["deny", "check"])).into()
    }

    /// The program, built once.
    fn binary(&mut self) -> Result<PathBuf> {
        if let Some(binary) = &self.binary {
            return Ok(binary.clone());
        }
        process::run(self.cargo().args(["build", "--package", "bursar"])).context("building the program")?;
        let binary = self.target.join("debug").join(format!("bursar{}", std::env::consts::EXE_SUFFIX));
        if !binary.is_file() {
            bail!("cargo has built no {}", binary.display());
        }
        Ok(self.binary.insert(binary).clone())
    }

    fn cargo(&self) -> Command {
        let mut command = cargo(&self.root);
        self.colours.apply(&mut command);
        command
    }

    fn heading(&self, ring: &Ring) {
        println!("\n{}", self.bold(&format!("== {}: {} ==", ring.name, ring.about)));
    }

    fn bold(&self, text: &str) -> String {
        match self.colours {
            Colours::Always => format!("\u{1b}[1m{text}\u{1b}[0m"),
            Colours::Never | Colours::Undecided => text.to_owned(),
        }
    }
}

/// The cargo that runs us, without what it has told us about our own package.
pub fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root);
    let ours = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).filter(|name| ours(name)) {
        command.env_remove(name);
    }
    command
}

/// Cargo's folder for what is built, wherever its configuration has put it.
///
/// # Errors
///
/// When cargo cannot read the workspace.
pub fn target_folder(root: &Path) -> Result<PathBuf> {
    let mut command = cargo(root);
    let output = command.args(["metadata", "--format-version", "1", "--no-deps"]).output().context("cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let folder = metadata.get("target_directory").and_then(|folder| folder.as_str());
    Ok(folder.context("cargo metadata names no target_directory")?.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_count_their_tests_or_themselves() {
        fn check(tally: (u64, u64), result: Result<()>, expected: (u64, u64)) {
            let counted = Outcome::of(Tally { passed: tally.0, failed: tally.1 }, result).counted();
            assert_eq!((counted.passed, counted.failed), expected, "{tally:?}");
        }
        check((0, 0), Ok(()), (1, 0));
        check((7, 0), Ok(()), (7, 0));
        check((0, 0), Err(anyhow!("no")), (0, 1));
        check((7, 2), Err(anyhow!("no")), (7, 2));
        check((7, 0), Err(anyhow!("stopped")), (7, 1));
        check((7, 2), Ok(()), (7, 2));
        let skipped = Outcome::skipped("why".to_owned());
        assert_eq!(skipped.counted(), Tally::default());
    }

    #[test]
    fn rows_say_what_happened() {
        fn check(outcome: Outcome, expected: &str) {
            let row = Row { name: "rust", time: Duration::from_millis(12_345), outcome };
            assert_eq!(row.to_string(), expected);
        }
        let tests = Tally { passed: 7, failed: 2 };
        check(Ok(()).into(), "rust         passed     12.3 s");
        check(Outcome::of(tests, Err(anyhow!("a\nb"))), "rust         failed     12.3 s  7 passed, 2 failed  a");
        check(Outcome::skipped("why".to_owned()), "rust         skipped    12.3 s  why");
    }

    #[test]
    fn rings_have_names_of_their_own() {
        let mut names: Vec<&str> = RINGS.iter().map(|ring| ring.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), RINGS.len());
    }

    #[test]
    fn ci_has_no_colours() {
        let check = |ci: Option<&str>, no_color: Option<&str>, is_terminal: bool, expected: Colours| {
            assert_eq!(Colours::choose(ci, no_color, is_terminal), expected, "{ci:?} {no_color:?} {is_terminal}");
        };
        check(Some("true"), None, true, Colours::Never);
        check(None, Some("1"), true, Colours::Never);
        check(None, Some(""), true, Colours::Always);
        check(Some("false"), None, true, Colours::Always);
        check(None, None, false, Colours::Undecided);
    }

    #[test]
    fn cargo_does_not_see_our_package() {
        let removed = |name: &str| cargo(Path::new(".")).get_envs().any(|(n, v)| n == name && v.is_none());
        // Cargo sets both for tests.
        assert!(removed("CARGO_MANIFEST_DIR") && removed("CARGO_PKG_NAME"));
    }
}
