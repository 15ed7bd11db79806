//! Set-up, tests, tidy rules and measurements: `cargo xtask test` runs everything that CI runs.

mod bench;
mod instructions;
mod postgres;
mod process;
mod python;
mod rings;
mod setup;
mod tally;
mod tidy;

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
Usage:
  cargo xtask test [--ring NAME]...   run all rings of tests, or the named ones, installing what they need
  cargo xtask test --list             list the rings
  cargo xtask tidy                    check the house rules
  cargo xtask bench [--engine postgres] [...]
                                      measure the optimised program; --help lists the rest, docs/performance.md explains it
  cargo xtask screenshots [NAME]...   photograph the pages, or the named ones, into docs/screenshots
  cargo xtask instructions [--update] count the instructions of the hot pure parts, and compare with or write the table
  cargo xtask setup                   install what the tests need: PostgreSQL, Node, Chromium, Python, valgrind
";

#[derive(Debug, PartialEq, Eq)]
enum Task {
    Test { rings: Vec<String> },
    List,
    Tidy,
    Bench(bench::Ask),
    Screenshots { pages: Vec<String> },
    Instructions { update: bool },
    Setup,
    Help,
}

fn main() -> ExitCode {
    let task = match parse(std::env::args().skip(1)) {
        Ok(task) => task,
        Err(message) => {
            eprint!("error: {message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(task) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}

/// `false` when something failed that has been reported already.
fn run(task: Task) -> Result<bool> {
    let root = root()?;
    match task {
        Task::Test { rings } => return rings::run(&root, &rings),
        Task::List => rings::RINGS.iter().for_each(|ring| println!("{:<12} {}", ring.name, ring.about)),
        Task::Tidy => tidy::print(&root)?,
        Task::Bench(ask) => return bench::run(&root, &ask),
        Task::Screenshots { pages } => rings::screenshots(&root, &pages)?,
        Task::Instructions { update } => return rings::instructions(&root, update),
        Task::Setup => setup::Setup::new(&rings::target_folder(&root)?).all()?,
        Task::Help => print!("{USAGE}"),
    }
    Ok(true)
}

fn parse(args: impl Iterator<Item = String>) -> Result<Task, String> {
    let args: Vec<String> = args.collect();
    let (task, rest) = match args.split_first() {
        None => return Err("say what to do".to_owned()),
        Some((task, rest)) => (task.as_str(), rest),
    };
    let alone = |task: Task| match rest.first() {
        None => Ok(task),
        Some(extra) => Err(format!("`{extra}` is too much")),
    };
    match task {
        "test" => parse_test(rest),
        "tidy" => alone(Task::Tidy),
        "bench" => bench::Ask::parse(rest).map(Task::Bench),
        "screenshots" => Ok(Task::Screenshots { pages: rest.to_vec() }),
        "instructions" => match rest.split_first() {
            Some((word, [])) if word == "--update" => Ok(Task::Instructions { update: true }),
            _ => alone(Task::Instructions { update: false }),
        },
        "setup" => alone(Task::Setup),
        "help" | "--help" | "-h" => Ok(Task::Help),
        other => Err(format!("there is no `{other}`")),
    }
}

fn parse_test(args: &[String]) -> Result<Task, String> {
    let mut rings = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let ring = match arg.as_str() {
            "--list" => return Ok(Task::List),
            "--help" | "-h" => return Ok(Task::Help),
            "--ring" => args.next().ok_or("--ring needs a name")?.as_str(),
            other => other.strip_prefix("--ring=").ok_or_else(|| format!("there is no `{other}`"))?,
        };
        if !rings::RINGS.iter().any(|known| known.name == ring) {
            return Err(format!("there is no ring `{ring}`; --list shows them"));
        }
        rings.push(ring.to_owned());
    }
    Ok(Task::Test { rings })
}

/// The folder of the workspace.
fn root() -> Result<PathBuf> {
    // As cargo tells it when it runs us; a program that was moved here with its checkout was built elsewhere.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest).parent().map(Path::to_owned).context("the workspace has no folder")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        fn check(args: &str, expected: Result<Task, &str>) {
            let found = parse(args.split_whitespace().map(str::to_owned));
            assert_eq!(found, expected.map_err(str::to_owned), "{args:?}");
        }
        let rings = |names: &[&str]| Task::Test { rings: names.iter().map(|name| (*name).to_owned()).collect() };
        check("test", Ok(rings(&[])));
        check("test --ring fmt --ring=rust", Ok(rings(&["fmt", "rust"])));
        check("test --list", Ok(Task::List));
        check("test --help", Ok(Task::Help));
        check("tidy", Ok(Task::Tidy));
        check("instructions", Ok(Task::Instructions { update: false }));
        check("instructions --update", Ok(Task::Instructions { update: true }));
        check("instructions --update now", Err("`--update` is too much"));
        check("setup", Ok(Task::Setup));
        check("screenshots", Ok(Task::Screenshots { pages: Vec::new() }));
        check("screenshots home login", Ok(Task::Screenshots { pages: vec!["home".to_owned(), "login".to_owned()] }));
        check("help", Ok(Task::Help));
        check("", Err("say what to do"));
        check("bench --engine paper", Err("there is no engine `paper`, only embedded and postgres"));
        check("bake", Err("there is no `bake`"));
        check("tidy now", Err("`now` is too much"));
        check("test now", Err("there is no `now`"));
        check("test --ring", Err("--ring needs a name"));
        check("test --ring bake", Err("there is no ring `bake`; --list shows them"));
    }
}
