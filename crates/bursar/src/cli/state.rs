//! Grants that are kept between commands: one file each, which only its owner can read.

use super::client::Known;
use super::failure::{Done, Failure};
use super::output::{note, warn};
use bursar_client::SavedGrant;
use bursar_types::WalletAddress;
use clap::Args;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::env;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Longest name of a grant, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Where grants are kept.
#[derive(Args, Debug, Clone)]
pub struct StateFolder {
    /// Folder in which grants are kept [default: $XDG_STATE_HOME/bursar or ~/.local/state/bursar]
    #[arg(long, value_name = "DIR", env = "BURSAR_STATE")]
    state: Option<PathBuf>,
}

/// A grant as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// When the grant was given.
    pub granted_at: Timestamp,
    /// Who the app was.
    pub client: Known,
    /// Who pays.
    pub payer: WalletAddress,
    /// The grant, with its secrets.
    pub grant: SavedGrant,
}

/// A grant that this process alone works with, until this is dropped: two at a time would take each other's token.
#[derive(Debug)]
pub struct Held {
    /// The grant's name.
    pub name: String,
    path: PathBuf,
    _lock: File,
}

impl StateFolder {
    fn grants(&self) -> Done<PathBuf> {
        let folder = self.state.clone().or_else(default_folder).ok_or_else(|| {
            Failure::new("there is no home folder to keep grants in").advise("name a folder with --state")
        })?;
        Ok(folder.join("grants"))
    }

    /// The names of the grants, in alphabetical order.
    pub fn names(&self) -> Done<Vec<String>> {
        let folder = self.grants()?;
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::io(format_args!("{} cannot be read", folder.display()), &error)),
        };
        let names = entries.filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.strip_suffix(".json").filter(|name| is_name(name)).map(str::to_owned)
        });
        let mut names: Vec<_> = names.collect();
        names.sort();
        Ok(names)
    }

    /// The name to use when none was given: that of the only grant.
    pub fn only(&self) -> Done<String> {
        let mut names = self.names()?;
        match (names.pop(), names.len()) {
            (Some(name), 0) => Ok(name),
            (None, _) => Err(nothing_kept()),
            (Some(last), _) => {
                names.push(last);
                Err(Failure::usage(format!("there are several grants: {}", names.join(", ")))
                    .advise("say which one to use with --grant"))
            }
        }
    }

    /// Takes a name for a grant to come.
    pub fn take(&self, name: &str) -> Done<Held> {
        let held = self.hold(name)?;
        if held.path.exists() {
            return Err(Failure::usage(format!("there is a grant named {name} already"))
                .advise(format!("choose another name with --name, or end that one: bursar grant revoke {name}")));
        }
        Ok(held)
    }

    /// Opens a grant.
    pub fn open(&self, name: &str) -> Done<(Held, Record)> {
        let unknown = |known: &[String]| match known {
            [] => nothing_kept(),
            known => Failure::new(format!("there is no grant named {name:?}"))
                .advise(format!("these are kept: {}", known.join(", "))),
        };
        if !self.names()?.iter().any(|known| known == name) {
            return Err(unknown(&self.names()?));
        }
        let held = self.hold(name)?;
        match self.read(name)? {
            Some(record) => Ok((held, record)),
            // Another process has ended it while this one waited.
            None => Err(unknown(&self.names()?)),
        }
    }

    /// Reads a grant to look at it, without holding it: its token may be exchanged meanwhile. `None` if there is none.
    pub fn read(&self, name: &str) -> Done<Option<Record>> {
        let path = self.grants()?.join(format!("{name}.json"));
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::io(format_args!("{} cannot be read", path.display()), &error)),
        };
        // Where the fault is, but not what stands there: it is secret.
        let record = serde_json::from_slice(&text).map_err(|error| {
            let (path, line) = (path.display(), error.line());
            Failure::new(format!("{path} is damaged at line {line}")).advise("remove the file, and ask for a new grant")
        })?;
        Ok(Some(record))
    }

    fn hold(&self, name: &str) -> Done<Held> {
        if !is_name(name) {
            return Err(Failure::usage(format!("{name:?} cannot be the name of a grant")).advise(format!(
                "use 1 to {NAME_BYTES_MAX} of the characters a-z, A-Z, 0-9, '.', '-' and '_', beginning with a letter or digit"
            )));
        }
        let folder = self.grants()?;
        make_private_folder(&folder)
            .map_err(|error| Failure::io(format_args!("the folder {} cannot be made", folder.display()), &error))?;
        let lock_path = folder.join(format!(".{name}.lock"));
        let lock = lock(&lock_path)
            .map_err(|error| Failure::io(format_args!("{} cannot be locked", lock_path.display()), &error))?;
        Ok(Held { name: name.to_owned(), path: folder.join(format!("{name}.json")), _lock: lock })
    }
}

fn nothing_kept() -> Failure {
    Failure::new("there are no grants yet").advise("ask an account holder for one: bursar grant request --help")
}

impl Held {
    /// Writes the grant, in place of what was there. Either all of it is there afterwards, or what was before.
    pub fn write(&self, record: &Record) -> Done {
        write_record(&self.path, record)
    }

    /// Writes the grant's new tokens whenever they change, for as long as the client library reports them.
    pub fn writer(&self, record: &Record) -> impl Fn(&SavedGrant) + Send + Sync + 'static {
        let (path, record) = (self.path.clone(), record.clone());
        move |grant| {
            let record = Record { grant: grant.clone(), ..record.clone() };
            if write_record(&path, &record).is_err() {
                warn(&format!(
                    "the grant's new token cannot be written to {}; the grant can no longer be used with this program",
                    path.display()
                ));
            }
        }
    }

    /// Where the grant is kept.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Forgets the grant.
    pub fn remove(&self) -> Done {
        fs::remove_file(&self.path)
            .map_err(|error| Failure::io(format_args!("{} cannot be removed", self.path.display()), &error))
    }
}

fn write_record(path: &Path, record: &Record) -> Done {
    let failed = |error: io::Error| Failure::io(format_args!("{} cannot be written", path.display()), &error);
    let text = serde_json::to_vec_pretty(record).map_err(|error| failed(error.into()))?;
    let next = path.with_extension("json.new");
    match fs::remove_file(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    write_new(&next, &text).and_then(|()| fs::rename(&next, path)).map_err(failed)
}

/// Writes a file that was not there before, and that only its owner can read.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Waits until no other process works with the grant.
fn lock(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            note("Another bursar is working with this grant; waiting until it is done …");
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(file)
}

/// The folder for state of the XDG base directory specification, or its like.
fn default_folder() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .or_else(|| absolute("LOCALAPPDATA"))?;
    Some(base.join("bursar"))
}

/// Names that are files everywhere, and nothing else.
fn is_name(text: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// A name made of the payer's wallet address: its last part.
pub fn name_of(payer: &WalletAddress) -> String {
    let last = payer.id.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let name: String = last
        .chars()
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        .take(NAME_BYTES_MAX)
        .collect();
    if name.is_empty() { "grant".to_owned() } else { name }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A folder of a test's own, removed when it ends.
    pub struct Folder(PathBuf);

    impl Folder {
        pub fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = env::temp_dir().join(format!("bursar-cli-test-{}-{count}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn record() -> Record {
        serde_json::from_value(serde_json::json!({
            "grantedAt": "2025-05-20T13:00:00Z",
            "client": {"wallet_address": "https://a.example/app", "key_file": "/k.pem", "key_id": "k"},
            "payer": {"id": "https://a.example/alice", "assetCode": "CAD", "assetScale": 2,
                      "authServer": "https://a.example/auth", "resourceServer": "https://a.example/op"},
            "grant": {"continue": {"token": "s3cret", "uri": "https://a.example/auth/continue/1"}},
        }))
        .unwrap()
    }

    fn state(folder: &Folder) -> StateFolder {
        StateFolder { state: Some(folder.path().join("state")) }
    }

    #[test]
    fn a_grant_is_kept_for_its_owner_only() {
        let folder = Folder::new();
        let state = state(&folder);
        assert_eq!(state.names().unwrap(), Vec::<String>::new());
        let held = state.take("alice").unwrap();
        held.write(&record()).unwrap();
        held.write(&record()).unwrap();
        let path = held.path().to_owned();
        drop(held);
        assert_eq!(state.names().unwrap(), ["alice"]);
        assert_eq!(state.only().unwrap(), "alice");
        assert_eq!(state.open("alice").unwrap().1, record());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        }
        assert!(state.take("alice").is_err(), "a name is not taken twice");
        state.open("alice").unwrap().0.remove().unwrap();
        assert!(state.open("alice").is_err());
        assert!(state.take("alice").is_ok());
    }

    #[test]
    fn new_tokens_are_written_when_they_are_told() {
        let folder = Folder::new();
        let state = state(&folder);
        let held = state.take("alice").unwrap();
        let mut changed = record();
        let write = held.writer(&changed);
        let grant = serde_json::json!({"continue": {"token": "other", "uri": "https://a.example/auth/continue/1"}});
        changed.grant = serde_json::from_value(grant).unwrap();
        write(&changed.grant);
        drop(held);
        assert_eq!(state.open("alice").unwrap().1, changed);
    }

    #[test]
    fn what_is_damaged_is_told_without_its_secrets() {
        let folder = Folder::new();
        let state = state(&folder);
        let held = state.take("alice").unwrap();
        write_new(held.path(), br#"{"grant": "s3cret"}"#).unwrap();
        drop(held);
        let failure = format!("{:?}", state.open("alice").unwrap_err());
        assert!(failure.contains("damaged at line 1") && !failure.contains("s3cret"), "{failure}");
    }

    #[test]
    fn names_are_files_and_nothing_else() {
        let folder = Folder::new();
        for name in ["", ".", "..", "../alice", "a/b", "a\\b", ".hidden", "-x", "a b", "é", &"a".repeat(65)] {
            let failure = state(&folder).take(name).unwrap_err();
            assert_eq!(failure.tell(), std::process::ExitCode::from(2), "{name}");
        }
        for name in ["a", "alice.2", "A-b_c", &"a".repeat(64)] {
            state(&folder).take(name).unwrap();
        }
    }

    #[test]
    fn a_name_follows_from_the_payer() {
        fn check(id: &str, expected: &str) {
            let payer = WalletAddress { id: id.to_owned(), ..record().payer };
            assert_eq!(name_of(&payer), expected);
            assert!(is_name(&name_of(&payer)));
        }
        check("https://a.example/alice", "alice");
        check("https://a.example/users/alice/", "alice");
        check("https://a.example/.well-known/pay", "pay");
        check("https://a.example/_~x%20y", "x20y");
        check("https://a.example/~", "grant");
    }
}
