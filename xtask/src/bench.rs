//! `cargo xtask bench`: builds the optimised programs, starts PostgreSQL if asked, and lets `bursar-bench` measure.

use crate::postgres::Cluster;
use crate::process;
use crate::rings;
use crate::setup::Setup;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The package that measures.
pub const PACKAGE: &str = "bursar-bench";

/// Without these a commit may be lost in a power failure, and costs next to nothing.
const DURABLE: &[&str] = &["fsync", "synchronous_commit", "full_page_writes"];

/// Kinds of file systems that are in memory.
const IN_MEMORY: &[&str] = &["tmpfs", "ramfs"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Embedded,
    Postgres,
}

/// What to measure.
#[derive(Debug, PartialEq, Eq)]
pub struct Ask {
    engine: Engine,
    /// What `bursar-bench` is told.
    rest: Vec<String>,
}

impl Ask {
    /// Reads the arguments: the engine is for us, everything else is passed on.
    ///
    /// # Errors
    ///
    /// When there is no such engine.
    pub fn parse(args: &[String]) -> Result<Ask, String> {
        let mut ask = Ask { engine: Engine::Embedded, rest: Vec::new() };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let engine = match arg.as_str() {
                "--engine" => args.next().ok_or("--engine needs a name")?,
                other => match other.strip_prefix("--engine=") {
                    Some(engine) => engine,
                    None => {
                        ask.rest.push(arg.clone());
                        continue;
                    }
                },
            };
            ask.engine = match engine {
                "embedded" => Engine::Embedded,
                "postgres" => Engine::Postgres,
                other => return Err(format!("there is no engine `{other}`, only embedded and postgres")),
            };
        }
        Ok(ask)
    }
}

/// Builds and measures. `false` when a run was made and found something wrong.
///
/// # Errors
///
/// When something cannot be built or started.
pub fn run(root: &Path, ask: &Ask) -> Result<bool> {
    let target = rings::target_folder(root)?;
    let mut build = rings::cargo(root);
    build.args(["build", "--release", "--package", "bursar", "--package", PACKAGE]);
    process::run(&mut build).context("building what is measured")?;
    let mut bench = command(&target, "release");
    let cluster = match ask.engine {
        Engine::Embedded => None,
        Engine::Postgres => Some(start_postgres(&target)?),
    };
    if let Some(cluster) = &cluster {
        bench.args(["--database", &cluster.url(), "--database-process", &cluster.process()?.to_string()]);
        bench.arg("--database-folder").arg(cluster.data());
    }
    bench.args(&ask.rest);
    let status = bench.status().with_context(|| format!("starting {PACKAGE}"))?;
    Ok(status.success())
}

/// The program that measures, as built with this profile. Its data is below cargo's folder, which is rarely in memory.
pub fn command(target: &Path, profile: &str) -> Command {
    let program = target.join(profile).join(format!("{PACKAGE}{}", std::env::consts::EXE_SUFFIX));
    let mut command = Command::new(program);
    command.arg("--folder").arg(target.join("xtask").join("bench"));
    command
}

/// A cluster that keeps what it commits.
fn start_postgres(target: &Path) -> Result<Cluster> {
    let bin = Setup::new(target).postgres()?;
    let cluster = Cluster::start_in(&bin, &on_disk()).context("starting a private PostgreSQL")?;
    for name in DURABLE {
        let value = cluster.setting(name)?;
        if value != "on" {
            bail!("the server's {name} is {value}, so that its commits would not be durable");
        }
    }
    println!("PostgreSQL in {}", cluster.data().display());
    Ok(cluster)
}

/// A folder for temporary files that is not in memory, if there is one. Unlike cargo's folder it can be entered by the
/// user that root runs the server as.
fn on_disk() -> PathBuf {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let usual = std::env::temp_dir();
    let lasting = Path::new("/var/tmp");
    if is_in_memory(&mounts, &usual) && lasting.is_dir() { lasting.to_owned() } else { usual }
}

/// Whether the innermost mount that holds the folder is in memory (fstab(5): device, place, type).
fn is_in_memory(mounts: &str, folder: &Path) -> bool {
    let mount = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let place = fields.next()?;
        folder.starts_with(place).then_some((place.len(), fields.next().is_some_and(|kind| IN_MEMORY.contains(&kind))))
    };
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).is_some_and(|(_, in_memory)| in_memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_is_ours_and_the_rest_is_passed_on() {
        fn check(args: &str, expected: Result<(Engine, &str), &str>) {
            let args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
            let found = Ask::parse(&args).map(|ask| (ask.engine, ask.rest.join(" ")));
            let expected = expected.map(|(engine, rest)| (engine, rest.to_owned())).map_err(str::to_owned);
            assert_eq!(found, expected, "{args:?}");
        }
        check("", Ok((Engine::Embedded, "")));
        check("--only payment --engine postgres --nodes 2", Ok((Engine::Postgres, "--only payment --nodes 2")));
        check("--engine=embedded --quick", Ok((Engine::Embedded, "--quick")));
        check("--help", Ok((Engine::Embedded, "--help")));
        check("--engine", Err("--engine needs a name"));
        check("--engine oracle", Err("there is no engine `oracle`, only embedded and postgres"));
    }

    #[test]
    fn memory_is_told_from_disks() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /run tmpfs rw 0 0\n/dev/b /run/disk xfs rw 0 0\n";
        let check = |folder: &str, expected: bool| {
            assert_eq!(is_in_memory(mounts, Path::new(folder)), expected, "{folder}");
        };
        check("/srv/data", false);
        check("/run/data", true);
        check("/runner", false);
        check("/run/disk/data", false);
        assert!(!is_in_memory("", Path::new("/")));
    }
}
