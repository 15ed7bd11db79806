//! Documents that people find their way by, and texts that hold only on one machine.

use super::{Report, Tree, is_in};
use std::collections::BTreeMap;

const MAP: &str = "ARCHITECTURE.md";
const DECISIONS: &str = "docs/adr/";

/// Folders that belong to somebody's machine.
const MACHINE_FOLDERS: &[&str] = &["/root/", "/home/", "/tmp/", "/Users/"];

/// Files that are not ours to word.
const FOREIGN_TEXTS: &[&str] = &["LICENSE", "Cargo.lock", "interop/package-lock.json"];

/// Places where such a folder is meant in general, with the reason.
const MACHINE_FOLDERS_MEANT: &[(&str, &str)] = &[("xtask/src/tidy/docs.rs", "the rule itself and its tests")];

/// The map shows every room.
pub fn map(tree: &Tree, report: &mut Report<'_>) {
    let Some(text) = tree.text(MAP) else {
        report.add(MAP, 1, "write it: a map of the crates, what each may use, and the invariants");
        return;
    };
    for name in tree.crates() {
        let spellings = [format!("crates/{name}"), format!("bursar-{name}"), format!("`{name}`"), format!("{name}/")];
        if !spellings.iter().any(|spelling| text.contains(spelling.as_str())) {
            report.add(MAP, 1, format!("say what crates/{name} is for"));
        }
    }
}

/// Decisions are numbered, each number once: `docs/adr/0001-storage.md`, with `docs/adr/0001-storage/` for whatever
/// belongs to it.
pub fn decision_names(tree: &Tree, report: &mut Report<'_>) {
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    for (path, _) in tree.files() {
        let Some(rest) = path.strip_prefix(DECISIONS).filter(|rest| *rest != "README.md") else { continue };
        let stem = match rest.split_once('/') {
            Some((folder, _)) => Some(folder),
            None => rest.strip_suffix(".md"),
        };
        let Some((number, title)) = stem.and_then(number_and_title) else {
            report.add(path, 1, "name it NNNN-title.md, in small letters, digits and hyphens");
            continue;
        };
        let known = numbers.entry(number).or_insert(title);
        if *known != title {
            report.add(path, 1, format!("take the next free number: {number} is taken by {number}-{known}"));
        }
    }
}

fn number_and_title(stem: &str) -> Option<(&str, &str)> {
    let (number, title) = stem.split_once('-')?;
    let is_number = number.len() == 4 && number.chars().all(|c| c.is_ascii_digit());
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    (is_number && title.split('-').all(is_word)).then_some((number, title))
}

/// Nothing names a folder of somebody's machine.
pub fn machine_paths(tree: &Tree, report: &mut Report<'_>) {
    for (path, text) in tree.files() {
        if is_in(path, FOREIGN_TEXTS) || MACHINE_FOLDERS_MEANT.iter().any(|(meant, _)| *meant == path) {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| names_folder(line, folder)) {
                let instead = format!("name a path relative to the repository or to a temporary folder, not {folder}");
                report.add(path, index + 1, instead);
            }
        }
    }
}

/// Does the line hold the folder as the beginning of a path, not as the middle of one or of a URL?
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.~/})*".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::super::check_rule;
    use super::*;

    #[test]
    fn the_map_shows_every_crate() {
        let crates = [("crates/core/src/lib.rs", ""), ("crates/web/src/lib.rs", "")];
        let check = |text: &str, expected: &[&str]| {
            check_rule(map, &[crates[0], crates[1], ("ARCHITECTURE.md", text)], expected);
        };
        check("`core` and crates/web", &[]);
        check("bursar-core, web/", &[]);
        check("the core of the matter; `web`", &["ARCHITECTURE.md:1"]);
        check_rule(map, &crates, &["ARCHITECTURE.md:1"]);
    }

    #[test]
    fn decisions_are_numbered() {
        fn check(path: &str, allowed: bool) {
            let expected = format!("{path}:1");
            let expected: &[&str] = if allowed { &[] } else { &[&expected] };
            check_rule(decision_names, &[(path, "")], expected);
        }
        check("docs/adr/0001-storage.md", true);
        check("docs/adr/0012-group-commit-2.md", true);
        check("docs/adr/0001-storage/src/main.rs", true);
        check("docs/adr/README.md", true);
        check("docs/guide.md", true);
        check("docs/adr/storage.md", false);
        check("docs/adr/001-storage.md", false);
        check("docs/adr/0001_storage.md", false);
        check("docs/adr/0001-Storage.md", false);
        check("docs/adr/0001-.md", false);
        check("docs/adr/0001-storage.txt", false);
        check("docs/adr/notes/a.md", false);
        let twice = [("docs/adr/0001-storage.md", ""), ("docs/adr/0001-time.md", "")];
        check_rule(decision_names, &twice, &["docs/adr/0001-time.md:1"]);
    }

    #[test]
    fn no_machine_is_named() {
        fn check(line: &str, allowed: bool) {
            let expected: &[&str] = if allowed { &[] } else { &["docs/guide.md:2"] };
            check_rule(machine_paths, &[("docs/guide.md", &format!("a\n{line}\n"))], expected);
        }
        check("cd /root/bursar", false);
        check("let a = \"/home/ada/a\";", false);
        check("(/tmp/bursar.db)", false);
        check("cp /Users/ada/a b", false);
        check("https://wallet.example/home/ada", true);
        check("$HOME/tmp/a, ./tmp/a, ~/home/a", true);
        check("/usr/bin/chromium", true);
        check("the root/branch", true);
        check_rule(machine_paths, &[("Cargo.lock", "/home/ada")], &[]);
        check_rule(machine_paths, &[("a.sh", "cd /tmp/x")], &["a.sh:1"]);
    }
}
