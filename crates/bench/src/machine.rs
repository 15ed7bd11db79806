//! Where a measurement was made, as far as figures depend on it.

use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The machine and the state of the sources.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's model.
    pub processor: String,
    /// How many of its cores we may use.
    pub cores: u64,
    /// The kernel's release.
    pub kernel: String,
    /// The file system below the database, such as `ext4`.
    pub filesystem: String,
    /// The load average of one minute before the run: other people's work.
    pub load_average: String,
    /// The commit of the sources, with a `+` if they differ from it.
    pub commit: String,
}

impl Machine {
    /// This one, with the database in the given folder. What cannot be found out is empty.
    pub fn with_data_in(folder: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let mounts = read("/proc/mounts");
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        Self {
            processor: processor(&read("/proc/cpuinfo")).unwrap_or_default().to_owned(),
            cores: std::thread::available_parallelism().map_or(0, |cores| cores.get() as u64),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            filesystem: filesystem(&mounts, &folder).unwrap_or_default().to_owned(),
            load_average: read("/proc/loadavg").split_whitespace().next().unwrap_or_default().to_owned(),
            commit: commit().unwrap_or_default(),
        }
    }
}

fn processor(cpuinfo: &str) -> Option<&str> {
    cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map(|(_, name)| name.trim())
}

/// The type of the innermost mount that holds the folder (fstab(5): device, place, type; spaces are `\040`).
fn filesystem<'a>(mounts: &'a str, folder: &Path) -> Option<&'a str> {
    let mount = |line: &'a str| {
        let mut fields = line.split(' ');
        let place = fields.nth(1)?.replace("\\040", " ");
        let kind = fields.next()?;
        folder.starts_with(&place).then_some((place.len(), kind))
    };
    // Of several at one place the last one hides the others.
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

fn commit() -> Option<String> {
    let git = |words: &[&str]| {
        let answer = Command::new("git").args(words).output().ok().filter(|answer| answer.status.success())?;
        Some(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
    };
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    Some(format!("{}{}", git(&["rev-parse", "--short=12", "HEAD"])?, if changed { "+" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_has_a_name() {
        let text = "processor\t: 0\nmodel name\t: Some CPU @ 2.00GHz\nflags\t: fpu\nmodel name\t: Other\n";
        assert_eq!(processor(text), Some("Some CPU @ 2.00GHz"));
        assert_eq!(processor("processor: 0"), None);
    }

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /data tmpfs rw 0 0\n/dev/b /data/disk xfs rw 0 0\n\
                      /dev/c /data/my\\040disk btrfs rw 0 0\n/dev/d /data/disk zfs rw 0 0\nbroken\n";
        let check = |folder: &str, expected: &str| {
            assert_eq!(filesystem(mounts, Path::new(folder)), Some(expected), "{folder}");
        };
        check("/srv", "ext4");
        check("/data", "tmpfs");
        check("/database", "ext4");
        check("/data/disk/x", "zfs");
        check("/data/my disk", "btrfs");
        assert_eq!(filesystem("", Path::new("/")), None);
    }
}
