//! Finds the programs that the tests need, and installs what is missing with the system's package manager where that
//! can be done without asking anybody.

use crate::postgres;
use crate::process::{ask, run};
use crate::python::PYTHON;
use anyhow::{Context, Result, anyhow, bail};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest major version of Node that the interop tests run on.
const NODE_VERSION_MIN: u32 = 20;

/// What is taken from the npm registry where the system packages an older Node than that (Debian 12 does). npm comes
/// along, since a distribution's npm only runs on the distribution's Node.
const NODE_PACKAGE_VERSION: &str = "24.21.0";
const NPM_PACKAGE: &str = "npm@11.21.2";

/// How long to wait for another package manager that is at work, in seconds.
const APT_LOCK_TIMEOUT_SECONDS: u32 = 300;

/// Names under which Chromium goes.
const CHROMIUM_NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/// A program that the tests need: what to call it, and the Debian packages that have it.
pub struct Wanted {
    pub title: &'static str,
    pub packages: &'static [&'static str],
    /// What it is where packages have other names.
    pub elsewhere: &'static str,
}

const POSTGRES: Wanted = Wanted {
    title: "PostgreSQL 15 or newer",
    packages: &["postgresql"],
    elsewhere: "the server with initdb and pg_ctl, and pg_config or initdb in PATH",
};

const NODE: Wanted =
    Wanted { title: "Node 20 or newer with npm", packages: &["nodejs", "npm"], elsewhere: "node and npm in PATH" };

const CHROMIUM: Wanted = Wanted {
    title: "Chromium",
    packages: &["chromium", "fonts-liberation"],
    elsewhere: "chromium in PATH, or its path in the environment variable CHROMIUM",
};

const VALGRIND: Wanted =
    Wanted { title: "valgrind", packages: &["valgrind"], elsewhere: "valgrind with callgrind in PATH" };

/// Node and npm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The folder of both, if it is not in `PATH`.
    folder: Option<PathBuf>,
    version: String,
}

impl Node {
    /// A command for npm that finds this Node.
    pub fn npm(&self) -> Command {
        let program = self.folder.as_ref().map_or_else(|| PathBuf::from("npm"), |folder| folder.join("npm"));
        self.command(&program)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some(folder) = &self.folder {
            command.env("PATH", path_with(folder));
        }
        command
    }
}

/// Finds and installs.
#[derive(Debug)]
pub struct Setup {
    /// Where programs go that only the tests use.
    tools: PathBuf,
    is_apt_updated: bool,
}

impl Setup {
    /// `target` is cargo's folder for what is built.
    pub fn new(target: &Path) -> Setup {
        Setup { tools: target.join("xtask"), is_apt_updated: false }
    }

    /// Finds or installs everything, and says what it has.
    ///
    /// # Errors
    ///
    /// What is missing and what to type, after everything else has been seen to.
    pub fn all(&mut self) -> Result<()> {
        let postgres = self.postgres().map(|bin| bin.display().to_string());
        let node = self.node().map(|node| match node.folder {
            Some(folder) => format!("{} in {}", node.version, folder.display()),
            None => node.version,
        });
        let chromium = self.chromium().map(|path| path.display().to_string());
        let python = self.python().map(|python| python.title());
        let valgrind = self.valgrind().map(|path| path.display().to_string());
        let mut missing = Vec::new();
        let all = [
            (POSTGRES.title, postgres),
            (NODE.title, node),
            (CHROMIUM.title, chromium),
            (PYTHON.title, python),
            (VALGRIND.title, valgrind),
        ];
        for (title, found) in all {
            match found {
                Ok(found) => println!("{title}: {found}"),
                Err(e) => missing.push(format!("{e:#}")),
            }
        }
        if !missing.is_empty() {
            bail!("{}", missing.join("\n\n"));
        }
        Ok(())
    }

    /// The folder with PostgreSQL's programs.
    ///
    /// # Errors
    ///
    /// What is missing and what to type.
    pub fn postgres(&mut self) -> Result<PathBuf> {
        find_postgres()
            .or_else(|_| {
                self.install(&POSTGRES)?;
                find_postgres().map_err(|e| still_missing(&POSTGRES, &e))
            })
            .map(|(bin, _)| bin)
    }

    /// Node and npm.
    ///
    /// # Errors
    ///
    /// What is missing and what to type.
    pub fn node(&mut self) -> Result<Node> {
        let local = self.tools.join("node");
        let find = || find_node(None).or_else(|_| find_node(Some(&local.join("node_modules/.bin"))));
        if let Ok(node) = find() {
            return Ok(node);
        }
        // With some Node and npm here, the system has given what it has; a newer Node comes from the registry.
        let has_any = ["node", "npm"].iter().all(|name| ask(Command::new(name).arg("--version")).is_some());
        if !has_any {
            self.install(&NODE)?;
        }
        find()
            .or_else(|_| {
                install_node(&local)?;
                find()
            })
            .map_err(|e| still_missing(&NODE, &e))
    }

    /// The program file of Chromium.
    ///
    /// # Errors
    ///
    /// What is missing and what to type.
    pub fn chromium(&mut self) -> Result<PathBuf> {
        find_chromium().or_else(|e| {
            if std::env::var_os("CHROMIUM").is_some() {
                return Err(e);
            }
            self.install(&CHROMIUM)?;
            find_chromium().map_err(|e| still_missing(&CHROMIUM, &e))
        })
    }

    /// The program file of valgrind.
    ///
    /// # Errors
    ///
    /// What is missing and what to type.
    pub fn valgrind(&mut self) -> Result<PathBuf> {
        let find = || ask(Command::new("valgrind").arg("--version")).map(|_| PathBuf::from("valgrind"));
        if let Some(path) = find() {
            return Ok(path);
        }
        self.install(&VALGRIND)?;
        find().ok_or_else(|| still_missing(&VALGRIND, &anyhow!("valgrind does not run")))
    }

    /// Installs packages of the system.
    ///
    /// # Errors
    ///
    /// When that cannot be done without asking anybody: what to type.
    pub fn install(&mut self, wanted: &Wanted) -> Result<()> {
        let means = Means::find();
        let prefix = match means {
            Means::Apt { prefix } => prefix,
            Means::AptWithPassword | Means::None => bail!("{}", advice(wanted, &means)),
        };
        println!("{} is missing and will be installed", wanted.title);
        if !self.is_apt_updated {
            // Package lists of one source that cannot be had do not mean that the package cannot be had.
            if let Err(e) = run(&mut apt_get(prefix, &["update"])) {
                println!("{e:#}");
            }
            self.is_apt_updated = true;
        }
        let mut words = vec!["install", "--yes", "--no-install-recommends"];
        words.extend(wanted.packages);
        run(&mut apt_get(prefix, &words))
            .with_context(|| format!("{} is missing and could not be installed", wanted.title))
    }
}

/// How packages can be installed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// With apt-get, the words of `prefix` before it.
    Apt { prefix: &'static [&'static str] },
    /// With apt-get, but only by somebody who types a password.
    AptWithPassword,
    /// In a way that we don't know.
    None,
}

impl Means {
    fn find() -> Means {
        if ask(Command::new("apt-get").arg("--version")).is_none() {
            Means::None
        } else if ask(Command::new("id").arg("-u")).as_deref() == Some("0") {
            Means::Apt { prefix: &[] }
        } else if ask(Command::new("sudo").args(["-n", "true"])).is_some() {
            Means::Apt { prefix: &["sudo", "-n"] }
        } else {
            Means::AptWithPassword
        }
    }
}

fn advice(wanted: &Wanted, means: &Means) -> String {
    let Wanted { title, packages, elsewhere } = wanted;
    match means {
        Means::None => format!("{title} is missing. Install it with your package manager ({elsewhere})."),
        _ => format!("{title} is missing. Type:\n  sudo apt-get install {}", packages.join(" ")),
    }
}

/// What to say when the system's packages were no help.
pub fn still_missing(wanted: &Wanted, found: &anyhow::Error) -> anyhow::Error {
    let Wanted { title, elsewhere, .. } = wanted;
    anyhow!("{title} is missing, and the system's packages do not have it: {found:#}. What is needed: {elsewhere}.")
}

fn apt_get(prefix: &[&str], words: &[&str]) -> Command {
    // `env` since sudo would not hand on our own environment.
    let mut all: Vec<&str> = prefix.to_vec();
    all.extend(["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    let mut command = Command::new(all[0]);
    command
        .args(&all[1..])
        .arg("-qq")
        .arg("-o")
        .arg(format!("DPkg::Lock::Timeout={APT_LOCK_TIMEOUT_SECONDS}"))
        .args(words);
    command
}

/// The folder of the oldest PostgreSQL that is new enough, and its major version.
///
/// # Errors
///
/// When there is none; says which ones are too old.
pub fn find_postgres() -> Result<(PathBuf, u32)> {
    let mut folders: Vec<PathBuf> = Vec::new();
    if let Some(folder) = ask(Command::new("pg_config").arg("--bindir")) {
        folders.push(folder.into());
    }
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    // Debian keeps each major version in a folder of its own, outside PATH.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    folders.extend(versions.map(|entry| entry.path().join("bin")));

    let mut found: Vec<(u32, PathBuf)> = folders.into_iter().filter_map(postgres_in).collect();
    found.sort();
    match found.iter().find(|(version, _)| *version >= postgres::VERSION_MIN) {
        Some((version, folder)) => Ok((folder.clone(), *version)),
        None => match found.last() {
            Some((version, folder)) => bail!("only PostgreSQL {version} was found, in {}", folder.display()),
            None => bail!("no initdb was found"),
        },
    }
}

/// The major version of the server whose programs are in the folder, which must have them all.
fn postgres_in(folder: PathBuf) -> Option<(u32, PathBuf)> {
    // A link stands for the folder in which the programs are together.
    let folder = fs::canonicalize(folder.join("initdb")).ok()?.parent()?.to_owned();
    if !folder.join("pg_ctl").is_file() {
        return None;
    }
    let version = ask(Command::new(folder.join("postgres")).arg("--version"))?;
    Some((postgres::major_version(&version)?, folder))
}

/// Node and npm in `PATH`, or in `folder`.
fn find_node(folder: Option<&Path>) -> Result<Node> {
    let mut node = Node { folder: folder.map(Path::to_owned), version: String::new() };
    let program = folder.map_or_else(|| PathBuf::from("node"), |folder| folder.join("node"));
    node.version = ask(node.command(&program).arg("--version")).context("no Node was found")?;
    let major = node_major_version(&node.version).with_context(|| format!("`{}` is no version", node.version))?;
    if major < NODE_VERSION_MIN {
        bail!("only Node {} was found", node.version);
    }
    ask(node.npm().arg("--version")).context("no npm was found")?;
    Ok(node)
}

/// Has the npm at hand fetch a newer Node into a folder of the tests' own. No script of a package is run.
fn install_node(folder: &Path) -> Result<()> {
    let machine = match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => "linux-x64",
        ("linux", "aarch64") => "linux-arm64",
        (os, arch) => bail!("the Node here is too old, and no newer one is known for {os} on {arch}"),
    };
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut npm = Command::new("npm");
    npm.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--prefix"]).arg(folder);
    npm.arg(format!("node-{machine}@{NODE_PACKAGE_VERSION}")).arg(NPM_PACKAGE);
    run(&mut npm).context("fetching a newer Node")
}

/// The major version out of `v20.20.2`.
fn node_major_version(text: &str) -> Option<u32> {
    text.strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn find_chromium() -> Result<PathBuf> {
    // Ubuntu has a script of that name that only says what to install, so each is asked.
    let works = |path: &Path| ask(Command::new(path).arg("--version")).is_some();
    if let Some(path) = std::env::var_os("CHROMIUM").map(PathBuf::from) {
        if works(&path) {
            return Ok(path);
        }
        bail!("the environment variable CHROMIUM names {}, which does not run", path.display());
    }
    let folders: Vec<PathBuf> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    CHROMIUM_NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file() && works(path))
        .context("no Chromium was found")
}

fn path_with(folder: &Path) -> OsString {
    let mut path = folder.as_os_str().to_owned();
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::spelled;

    #[test]
    fn versions_of_node_are_read() {
        let check = |text: &str, expected: Option<u32>| assert_eq!(node_major_version(text), expected, "{text:?}");
        check("v20.20.2", Some(20));
        check("v18.20.4", Some(18));
        check("v24.0.0-nightly", Some(24));
        check("20.1.0", None);
        check("v", None);
        check("", None);
    }

    #[test]
    fn the_package_manager_never_asks() {
        let check = |prefix: &[&str], expected: &str| {
            assert_eq!(spelled(&apt_get(prefix, &["install", "--yes", "a"])), expected);
        };
        check(&[], "env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install --yes a");
        check(
            &["sudo", "-n"],
            "sudo -n env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install --yes a",
        );
    }

    #[test]
    fn advice_is_what_to_type() {
        let check = |means: Means, expected: &str| {
            let text = advice(&CHROMIUM, &means);
            assert!(text.starts_with("Chromium is missing. ") && text.contains(expected), "{text}");
        };
        check(Means::AptWithPassword, "sudo apt-get install chromium fonts-liberation");
        check(Means::None, "with your package manager (chromium in PATH");
    }

    #[test]
    fn a_folder_without_the_programs_is_no_server() {
        assert_eq!(postgres_in(std::env::temp_dir()), None);
        assert_eq!(postgres_in(PathBuf::from("no/such/folder")), None);
    }

    #[test]
    fn a_node_of_its_own_comes_first_in_the_path() {
        let node = Node { folder: Some(PathBuf::from("/opt/node/bin")), version: "v24.0.0".to_owned() };
        let npm = node.npm();
        assert_eq!(spelled(&npm), "/opt/node/bin/npm");
        let path = npm.get_envs().find_map(|(name, value)| (name == "PATH").then_some(value?));
        let path = path.expect("PATH is set").to_string_lossy().into_owned();
        assert!(path.starts_with("/opt/node/bin:"), "{path}");
        let npm = Node { folder: None, version: "v24.0.0".to_owned() }.npm();
        assert_eq!((spelled(&npm).as_str(), npm.get_envs().count()), ("npm", 0));
    }
}
