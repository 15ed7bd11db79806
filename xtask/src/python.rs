//! Python for the tests that are written in it: found, installed if need be, and given the packages they are pinned to.

use crate::process::{ask, run};
use crate::setup::{Setup, Wanted, still_missing};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest version of Python that the tests run on: major, minor.
const VERSION_MIN: (u32, u32) = (3, 11);

/// Names under which Python goes, the system's own first. It may be older than what is installed beside it.
const NAMES: &[&str] = &["python3", "python3.14", "python3.13", "python3.12", "python3.11"];

/// Prints the version if everything is there that a virtual environment needs: Debian has it in a package of its own.
const PROBE: &str = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])";

/// What is asked for if there is no Python.
pub const PYTHON: Wanted = Wanted {
    title: "Python 3.11 or newer with venv",
    packages: &["python3", "python3-venv"],
    elsewhere: "python3 in PATH, with the modules venv and ensurepip",
};

/// A Python that can make virtual environments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Python {
    program: &'static str,
    version: String,
}

impl Python {
    /// Its name and version, for people.
    pub fn title(&self) -> String {
        format!("{} ({})", self.version, self.program)
    }

    /// The Python of a virtual environment in `folder` with the packages of a requirements file, which must give
    /// hashes. What is there already is kept if it was made from the same file by the same Python.
    ///
    /// # Errors
    ///
    /// When the packages cannot be had or written down.
    pub fn environment(&self, folder: &Path, requirements: &Path) -> Result<PathBuf> {
        let python = folder.join("bin/python");
        let wanted = fs::read_to_string(requirements).with_context(|| requirements.display().to_string())?;
        let wanted = format!("# Python {}\n{wanted}", self.version);
        let stamp = folder.join("installed.txt");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && works(&python) {
            return Ok(python);
        }
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
        }
        run(Command::new(self.program).args(["-m", "venv"]).arg(folder)).context("making a virtual environment")?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--require-hashes"]);
        run(pip.arg("--requirement").arg(requirements)).context("installing the Python packages of the tests")?;
        // Last, so that what was interrupted is made anew.
        fs::write(&stamp, wanted).with_context(|| stamp.display().to_string())?;
        Ok(python)
    }
}

impl Setup {
    /// Python, installed if it is missing.
    ///
    /// # Errors
    ///
    /// What is missing and what to type.
    pub fn python(&mut self) -> Result<Python> {
        find().or_else(|_| {
            self.install(&PYTHON)?;
            find().map_err(|e| still_missing(&PYTHON, &e))
        })
    }
}

/// The first Python in `PATH` that is new enough.
fn find() -> Result<Python> {
    let mut too_old = None;
    for program in NAMES {
        let Some(text) = ask(Command::new(program).args(["-c", PROBE])) else { continue };
        match version(&text) {
            Some(version) if version >= VERSION_MIN => return Ok(Python { program, version: text }),
            _ => too_old = too_old.or(Some(text)),
        }
    }
    match too_old {
        Some(text) => bail!("only Python {text} was found"),
        None => bail!("no Python with venv was found"),
    }
}

/// `3.11` as numbers.
fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Whether it runs: a virtual environment is of no use any more once the Python that made it is gone.
fn works(python: &Path) -> bool {
    ask(Command::new(python).args(["-c", ""])).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        fn check(text: &str, expected: bool) {
            assert_eq!(version(text).is_some_and(|version| version >= VERSION_MIN), expected, "{text:?}");
        }
        check("3.11", true);
        check("3.9", false);
        check("3.100", true);
        check("4.0", true);
        check("2.7", false);
        check("3", false);
        check("", false);
        check("3.11.7", false);
    }

    #[test]
    fn what_is_no_python_does_not_work() {
        assert!(!works(Path::new("no/such/python")));
    }

    #[test]
    fn requirements_have_to_be_there() {
        let python = Python { program: "no-such-python", version: "3.11".to_owned() };
        let error = python.environment(Path::new("no/such/folder"), Path::new("no/such/file")).expect_err("no file");
        assert!(format!("{error:#}").contains("no/such/file"), "{error:#}");
    }
}
