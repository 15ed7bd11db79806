//! `cargo xtask instructions`: how many instructions the hot pure parts take, compared with a committed table. Unlike
//! times, counts are the same on a busy machine, so that a regression can fail the build.

use crate::process::{self, ask};
use crate::rings;
use crate::setup::Setup;
use crate::tally::Tally;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use toml::{Table, Value};

/// The package whose program runs one part, and the profile that it is built with.
const PACKAGE: &str = "bursar-pure";
const PROFILE: &str = "counted";
/// What is counted: this function of that program, with all that it calls.
const COUNTED: &str = "*counted_by_callgrind*";
/// The committed table.
const TABLE: &str = "crates/pure/instructions.toml";
/// More than this is a regression, in percent; less than this asks for a new table.
const TOLERANCE_PERCENT: u64 = 3;
/// How to make a new table.
const UPDATE: &str = "cargo xtask instructions --update";

/// Values by name.
type Named<T> = BTreeMap<String, T>;

/// What came of comparing.
#[derive(Debug)]
pub enum Found {
    /// Parts that are as they were, or better, and those that are not.
    Compared(Tally),
    /// Here counts mean nothing, and why.
    Skipped(String),
}

/// Counts and compares with the table, or writes a new one.
///
/// # Errors
///
/// When the program cannot be built or counted, or the table is missing or cannot be read.
pub fn run(root: &Path, setup: &mut Setup, update: bool) -> Result<Found> {
    if !cfg!(target_os = "linux") {
        return Ok(Found::Skipped("instructions are only counted on Linux".to_owned()));
    }
    let path = root.join(TABLE);
    let old = match fs::read_to_string(&path) {
        Ok(text) if !update => Some(Counted::parse(&text).with_context(|| format!("{TABLE}; a new one: {UPDATE}"))?),
        Err(_) if !update => bail!("there is no {TABLE}: {UPDATE}"),
        Ok(_) | Err(_) => None,
    };
    let mut new = Counted { conditions: compiler(root)?, ..Counted::default() };
    if let Some(why) = old.as_ref().and_then(|old| old.differs(&new)) {
        return Ok(Found::Skipped(why));
    }
    // Before anything is built: what is missing should be told at once.
    let valgrind = setup.valgrind()?;
    let target = rings::target_folder(root)?;
    let mut build = rings::cargo(root);
    process::run(build.args(["build", "--profile", PROFILE, "--package", PACKAGE])).context("building the parts")?;
    let program = target.join(PROFILE).join(PACKAGE);
    let folder = target.join("xtask").join("instructions");
    fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let names = ask(&mut Command::new(&program)).context("the parts have no names")?;
    for name in names.lines() {
        let (processor, count) = count(&valgrind, &program, name, &folder)?;
        new.conditions.insert("processor".to_owned(), processor);
        new.instructions.insert(name.to_owned(), count);
    }
    let Some(old) = old else {
        fs::write(&path, new.to_string()).with_context(|| format!("writing {TABLE}"))?;
        println!("written: {TABLE}");
        return Ok(Found::Compared(Tally { passed: new.instructions.len() as u64, failed: 0 }));
    };
    if let Some(why) = old.differs(&new) {
        return Ok(Found::Skipped(why));
    }
    let (text, tally) = compare(&old.instructions, &new.instructions);
    println!("{text}");
    Ok(Found::Compared(tally))
}

/// The compiler, what it compiles for, and the C library, whose allocator and copying are counted as well.
fn compiler(root: &Path) -> Result<Named<String>> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    // In the folder of the workspace, where another one may be chosen.
    let told = ask(Command::new(rustc).arg("-vV").current_dir(root)).context("rustc does not say what it is")?;
    let version = told.lines().next().unwrap_or_default();
    let target = told.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let library = ask(Command::new("getconf").arg("GNU_LIBC_VERSION")).unwrap_or_else(|| "another".to_owned());
    let named = [("c_library", library.as_str()), ("compiler", version), ("target", target)];
    Ok(named.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Runs one part: what the processor can do, as callgrind shows it, and the instructions.
fn count(valgrind: &Path, program: &Path, name: &str, folder: &Path) -> Result<(String, u64)> {
    let out = folder.join(name);
    let mut command = Command::new(valgrind);
    command.args(["--tool=callgrind", "--quiet", "--collect-atstart=no"]);
    command.arg(format!("--toggle-collect={COUNTED}")).arg(format!("--callgrind-out-file={}", out.display()));
    // The environment lies on the stack, where it would move what is counted.
    command.arg(program).arg(name).env_clear();
    let output = command.output().context("starting valgrind")?;
    if !output.status.success() {
        bail!("counting {name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let text = fs::read_to_string(&out).with_context(|| out.display().to_string())?;
    let count = total(&text).filter(|count| *count > 0);
    let count = count.with_context(|| format!("callgrind has counted nothing of {name}: does {COUNTED} exist?"))?;
    Ok((String::from_utf8_lossy(&output.stdout).trim().to_owned(), count))
}

/// The sum that callgrind writes at the end of its file.
fn total(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

/// A table: counts, and what they are true of.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    conditions: Named<String>,
    instructions: Named<u64>,
}

impl Counted {
    fn parse(text: &str) -> Result<Counted> {
        let table: Table = text.parse()?;
        let mut counted = Counted::default();
        for (name, value) in table {
            match value {
                Value::String(value) => _ = counted.conditions.insert(name, value),
                Value::Table(counts) => {
                    for (name, count) in counts {
                        let count = count.as_integer().and_then(|count| u64::try_from(count).ok());
                        let count = count.filter(|count| *count > 0).with_context(|| format!("{name} is no count"))?;
                        counted.instructions.insert(name, count);
                    }
                }
                _ => bail!("{name} is neither text nor a table"),
            }
        }
        Ok(counted)
    }

    /// Why what was counted under these conditions cannot be compared, as far as they are known yet.
    fn differs(&self, now: &Counted) -> Option<String> {
        let (name, value) = now.conditions.iter().find(|(name, value)| self.conditions.get(*name) != Some(*value))?;
        let before = self.conditions.get(name).map_or("unknown", String::as_str);
        Some(format!(
            "counted with another {}: `{before}`, here `{value}`; to count anew: {UPDATE}",
            name.replace('_', " ")
        ))
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# Instructions of one run of each hot pure part, as callgrind counts them: `{UPDATE}` writes them."
        )?;
        writeln!(
            f,
            "# `cargo xtask test --ring instructions` fails when a part takes over {TOLERANCE_PERCENT} % more."
        )?;
        for (name, value) in &self.conditions {
            writeln!(f, "{name} = \"{}\"", value.escape_default())?;
        }
        writeln!(f, "\n[instructions]")?;
        self.instructions.iter().try_for_each(|(name, count)| writeln!(f, "{name} = {count}"))
    }
}

/// What has become of one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Same,
    More,
    Less,
    New,
    Gone,
}

impl Change {
    fn of(old: Option<u64>, new: Option<u64>) -> Change {
        let Some(old) = old else { return Change::New };
        let Some(new) = new else { return Change::Gone };
        if u128::from(new.abs_diff(old)) * 100 <= u128::from(old) * u128::from(TOLERANCE_PERCENT) {
            Change::Same
        } else if new > old {
            Change::More
        } else {
            Change::Less
        }
    }

    /// Only a fall passes without being as it was: it is no reason to stop anybody's work.
    fn is_failure(self) -> bool {
        !matches!(self, Change::Same | Change::Less)
    }

    fn remark(self) -> &'static str {
        match self {
            Change::Same => "",
            Change::More => "  MORE than before: mend it, or say why in the commit that changes the table",
            Change::Less => "  less than before: change the table, so that it stays",
            Change::New => "  NEW: not in the table",
            Change::Gone => "  GONE: only in the table",
        }
    }
}

/// A line for each part, and how many are as they should be.
fn compare(old: &Named<u64>, new: &Named<u64>) -> (String, Tally) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let (mut text, mut tally, mut asks) = (String::new(), Tally::default(), false);
    for name in names {
        let (old, new) = (old.get(name).copied(), new.get(name).copied());
        let change = Change::of(old, new);
        asks |= change != Change::Same;
        let one = if change.is_failure() { Tally { passed: 0, failed: 1 } } else { Tally { passed: 1, failed: 0 } };
        tally = tally.plus(one);
        let figure = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
        let percent = old.zip(new).map_or_else(String::new, |(old, new)| percent(old, new));
        let line = format!("{name:<28} {:>9} -> {:>9} {percent:>9}{}", figure(old), figure(new), change.remark());
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if asks {
        text.push_str(&format!("A new table is made by: {UPDATE}\n"));
    }
    (text, tally)
}

/// By how much it has changed, such as `+1.25 %`.
fn percent(old: u64, new: u64) -> String {
    let hundredths = u128::from(new.abs_diff(old)) * 10_000 / u128::from(old.max(1));
    let sign = if new >= old { '+' } else { '-' };
    format!("{sign}{}.{:02} %", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named<T: Clone>(pairs: &[(&str, T)]) -> Named<T> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn sums_are_read() {
        let check = |text: &str, expected: Option<u64>| assert_eq!(total(text), expected, "{text:?}");
        check("events: Ir\nfn=(1) a\n0 5\n\nsummary: 7\ntotals: 5\n", Some(5));
        check("summary: 7\n", None);
        check("totals: many\n", None);
    }

    #[test]
    fn a_table_comes_back() {
        let conditions = named(&[("compiler", "rustc \"1\"".to_owned()), ("target", "here".to_owned())]);
        let counted = Counted { conditions, instructions: named(&[("a-part", 12), ("b", 1)]) };
        assert_eq!(Counted::parse(&counted.to_string()).unwrap(), counted);
        for bad in ["a = 1", "[instructions]\na = -1", "[instructions]\na = 0", "[instructions]\na = \"1\"", "a"] {
            assert!(Counted::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn counts_of_elsewhere_are_not_compared() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs: Vec<_> = pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            Counted { conditions: named(&pairs), ..Counted::default() }
        };
        let old = of(&[("compiler", "1.95"), ("processor", "avx2")]);
        assert_eq!(old.differs(&of(&[("compiler", "1.95")])), None, "the rest is not known yet");
        assert_eq!(old.differs(&of(&[("compiler", "1.95"), ("processor", "avx2")])), None);
        let why = old.differs(&of(&[("compiler", "1.95"), ("processor", "")])).unwrap();
        assert!(why.starts_with("counted with another processor: `avx2`, here ``"), "{why}");
        assert!(old.differs(&of(&[("c_library", "glibc 2")])).unwrap().contains("another c library: `unknown`"));
    }

    #[test]
    fn only_what_takes_more_fails() {
        let check = |old: Option<u64>, new: Option<u64>, expected: Change, is_failure: bool| {
            let change = Change::of(old, new);
            assert_eq!((change, change.is_failure()), (expected, is_failure), "{old:?} {new:?}");
        };
        check(Some(1000), Some(1000), Change::Same, false);
        check(Some(1000), Some(1030), Change::Same, false);
        check(Some(1000), Some(1031), Change::More, true);
        check(Some(1000), Some(970), Change::Same, false);
        check(Some(1000), Some(969), Change::Less, false);
        check(Some(u64::MAX), Some(1), Change::Less, false);
        check(None, Some(1), Change::New, true);
        check(Some(1), None, Change::Gone, true);
    }

    #[test]
    fn every_part_has_a_line() {
        let (text, tally) = compare(&named(&[("a", 100), ("b", 100), ("c", 7)]), &named(&[("a", 100), ("b", 120)]));
        assert_eq!(tally, Tally { passed: 1, failed: 2 });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("a ") && lines[0].ends_with("100   +0.00 %"), "{text}");
        assert!(
            lines[1].contains("+20.00 %  MORE") && lines[2].contains("GONE") && lines[3].contains(UPDATE),
            "{text}"
        );
        assert!(!compare(&named(&[("a", 100)]), &named(&[("a", 101)])).0.contains(UPDATE));
    }
}
