//! What the operating system knows of a process: Linux's `/proc`, as proc(5) describes it.

use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// What `/proc/<pid>/stat` tells of a process, times in clock ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    parent: u32,
    /// User and system time of all its threads, also those that have ended.
    own: u64,
    /// The same of its children that have ended and were waited for.
    ended_children: u64,
}

impl Stat {
    /// The name in brackets may hold anything, brackets and spaces included; what follows the last bracket is plain.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        // The state is field 3 of proc(5), so that field n is the one of index n - 3 here.
        let number = |field: usize| fields.get(field - 3)?.parse::<i64>().ok().and_then(|n| u64::try_from(n).ok());
        let sum = |user, system| number(user)?.checked_add(number(system)?);
        Some(Self { parent: u32::try_from(number(4)?).ok()?, own: sum(14, 15)?, ended_children: sum(16, 17)? })
    }

    fn read(process: u32) -> Result<Self> {
        let path = format!("/proc/{process}/stat");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        Self::parse(&text).with_context(|| format!("{path} is not as it should be"))
    }
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Memory {
    /// Resident set size: all its pages that are in memory, shared ones in full.
    pub rss_bytes: u64,
    /// Proportional set size: a page that n processes share counts as 1/n.
    pub pss_bytes: u64,
}

impl Memory {
    fn plus(self, other: Self) -> Self {
        Self { rss_bytes: self.rss_bytes + other.rss_bytes, pss_bytes: self.pss_bytes + other.pss_bytes }
    }
}

/// The value of a line such as `Pss:     1234 kB`, in bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Some processes that belong together, such as all nodes of a provider.
#[derive(Debug, Clone, Default)]
pub struct Processes {
    roots: Vec<u32>,
    /// Whether their children are counted, too.
    families: bool,
}

impl Processes {
    /// These processes.
    pub fn only(roots: Vec<u32>) -> Self {
        Self { roots, families: false }
    }

    /// This process and all that it has started.
    pub fn family(root: u32) -> Self {
        Self { roots: vec![root], families: true }
    }

    /// User and system time so far.
    ///
    /// # Errors
    /// When a process is gone, or this is not Linux.
    pub fn cpu(&self, ticks: Ticks) -> Result<Duration> {
        let mut sum = 0;
        for root in &self.roots {
            // A child that ends between two readings moves from the second sum to the first: nothing is lost.
            let Stat { own, ended_children, .. } = Stat::read(*root)?;
            sum += own + if self.families { ended_children } else { 0 };
        }
        for child in self.descendants()? {
            if let Ok(Stat { own, ended_children, .. }) = Stat::read(child) {
                sum += own + ended_children;
            }
        }
        Ok(ticks.duration(sum))
    }

    /// Memory now.
    ///
    /// # Errors
    /// When a process is gone, belongs to somebody else, or this is not Linux.
    pub fn memory(&self) -> Result<Memory> {
        let mut sum = Memory::default();
        for process in self.roots.iter().copied().chain(self.descendants()?) {
            let path = format!("/proc/{process}/smaps_rollup");
            let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
            let (rss, pss) = (kilobytes(&text, "Rss"), kilobytes(&text, "Pss"));
            let (rss_bytes, pss_bytes) = rss.zip(pss).with_context(|| format!("{path} is not as it should be"))?;
            sum = sum.plus(Memory { rss_bytes, pss_bytes });
        }
        Ok(sum)
    }

    /// Bytes that were really sent to a disk so far.
    ///
    /// # Errors
    /// When a process is gone, belongs to somebody else, or this is not Linux.
    pub fn written_bytes(&self) -> Result<u64> {
        let mut sum = 0;
        for process in self.roots.iter().copied().chain(self.descendants()?) {
            let path = format!("/proc/{process}/io");
            let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
            let line = text.lines().find_map(|line| line.strip_prefix("write_bytes:"));
            sum += line.and_then(|value| value.trim().parse::<u64>().ok()).unwrap_or(0);
        }
        Ok(sum)
    }

    fn descendants(&self) -> Result<Vec<u32>> {
        if !self.families {
            return Ok(Vec::new());
        }
        let mut parents = HashMap::new();
        for entry in fs::read_dir("/proc").context("reading /proc")?.flatten() {
            let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            // Processes may end while they are looked at.
            if let Ok(stat) = Stat::read(process) {
                parents.insert(process, stat.parent);
            }
        }
        Ok(descendants_in(&parents, &self.roots))
    }
}

/// Everybody whose line of parents leads to one of the roots.
fn descendants_in(parents: &HashMap<u32, u32>, roots: &[u32]) -> Vec<u32> {
    let mut found: Vec<u32> = Vec::new();
    loop {
        let is_new = |(child, parent): &(&u32, &u32)| {
            (roots.contains(parent) || found.contains(parent)) && !roots.contains(child) && !found.contains(child)
        };
        let more: Vec<u32> = parents.iter().filter(is_new).map(|(child, _)| *child).collect();
        if more.is_empty() {
            found.sort_unstable();
            return found;
        }
        found.extend(more);
    }
}

/// How many clock ticks the kernel counts in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticks(u64);

impl Ticks {
    /// Asks the system.
    ///
    /// # Errors
    /// When this is not Linux, whose `/proc` everything here reads.
    pub fn of_this_system() -> Result<Self> {
        if !cfg!(target_os = "linux") {
            bail!("processor time and memory are read from /proc, which only Linux has");
        }
        let answer = Command::new("getconf").arg("CLK_TCK").output().context("starting getconf")?;
        let number = String::from_utf8_lossy(&answer.stdout).trim().parse::<u64>();
        Ok(Self(number.context("getconf CLK_TCK gives no number")?.max(1)))
    }

    fn duration(self, ticks: u64) -> Duration {
        let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(self.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stat_is_read() {
        #[track_caller]
        fn check(text: &str, expected: Option<(u32, u64, u64)>) {
            let found = Stat::parse(text).map(|stat| (stat.parent, stat.own, stat.ended_children));
            assert_eq!(found, expected, "{text:?}");
        }
        let rest = "S 17 4711 4711 0 -1 4194560 2048 99 3 0 120 30 7 2 20 0 5 0 123456 1000000 2000";
        check(&format!("4711 (bursar) {rest}"), Some((17, 150, 9)));
        check(&format!("4711 (a ) b (c)) {rest}\n"), Some((17, 150, 9)));
        // The kernel prints the times of children as signed numbers.
        check("1 (a) S 0 1 1 0 -1 4 0 0 0 0 1 2 -1 0 20", None);
        check("1 (a) S 0 1 1 0 -1 4 0 0 0 0 1", None);
        check("4711 bursar S 17", None);
        check("", None);
    }

    #[test]
    fn memory_is_read() {
        let text = "55d0-7ffc ---p 00000000 00:00 0   [rollup]\nRss:     13456 kB\nPss:      9000 kB\nPss_Anon: 1 kB\n";
        let check = |name: &str, expected: Option<u64>| assert_eq!(kilobytes(text, name), expected, "{name}");
        check("Rss", Some(13_456 * 1024));
        check("Pss", Some(9000 * 1024));
        check("Swap", None);
        assert_eq!(kilobytes("Rss: 12 pages", "Rss"), None);
        assert_eq!(kilobytes("Rss: 99999999999999999999 kB", "Rss"), None);
    }

    #[test]
    fn families_are_found_over_generations() {
        fn check(parents: &[(u32, u32)], roots: &[u32], expected: &[u32]) {
            assert_eq!(descendants_in(&parents.iter().copied().collect(), roots), expected);
        }
        check(&[(2, 1), (3, 1), (4, 3), (5, 9)], &[1], &[2, 3, 4]);
        check(&[(2, 1), (3, 2), (4, 3)], &[2], &[3, 4]);
        check(&[(2, 1)], &[7], &[]);
        check(&[(1, 2), (2, 1)], &[1], &[2]);
    }

    #[test]
    fn ticks_are_parts_of_a_second() {
        assert_eq!(Ticks(100).duration(250), Duration::from_millis(2500));
        assert_eq!(Ticks(1024).duration(1), Duration::from_nanos(976_562));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn our_own_figures_are_there() {
        let ticks = Ticks::of_this_system().unwrap();
        let us = Processes::only(vec![std::process::id()]);
        let before = us.cpu(ticks).unwrap();
        while us.cpu(ticks).unwrap() == before {
            std::hint::black_box((0..1_000_000_u64).sum::<u64>());
        }
        assert!(us.memory().unwrap().rss_bytes > 0);
        assert!(Processes::family(std::process::id()).cpu(ticks).unwrap() > before);
        assert!(Processes::only(vec![u32::MAX]).cpu(ticks).is_err());
    }
}
