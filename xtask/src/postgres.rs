//! A throw-away PostgreSQL cluster for tests and measurements: made in a temporary folder, listening on a free port of 127.0.0.1,
//! gone when it is dropped or when this program dies, however it dies.

use crate::process;
use anyhow::{Context, Result, bail};
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The oldest major version that the tests run on.
pub const VERSION_MIN: u32 = 15;

/// How many test processes with a few connections each may run side by side.
const CONNECTIONS_MAX: u32 = 200;

/// A free port may be taken by somebody else before the server has it.
const START_ATTEMPTS_MAX: u32 = 5;

/// Users the server may run as when we are root, which PostgreSQL refuses.
const UNPRIVILEGED_USERS: &[&str] = &["postgres", "nobody"];

/// Waits until the pipe to it is closed, that is until the cluster is dropped or we have died, and clears away.
const KEEPER: &str = r#"while read -r _; do :; done
"$1/pg_ctl" stop --pgdata "$2/data" --mode immediate --silent >/dev/null 2>&1
rm -rf "$2""#;

/// A running cluster.
#[derive(Debug)]
pub struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
    user: Option<User>,
    keeper: Child,
    port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct User {
    uid: u32,
    gid: u32,
}

impl Cluster {
    /// Makes and starts a cluster with the programs in `bin` (the folder of `initdb` and `pg_ctl`). Connections are
    /// trusted; the superuser is `postgres`.
    ///
    /// # Errors
    ///
    /// When a program fails, with its own words; when we are root and there is no user to run the server as.
    pub fn start(bin: &Path) -> Result<Cluster> {
        Cluster::start_in(bin, &std::env::temp_dir())
    }

    /// The same, with its folder in this one, which other users must be able to enter if we are root.
    ///
    /// # Errors
    ///
    /// As for [`Cluster::start`].
    pub fn start_in(bin: &Path, parent: &Path) -> Result<Cluster> {
        let user = unprivileged_user()?;
        let folder = make_folder(parent, user)?;
        // From here on the keeper clears away, also while the cluster is still being made.
        let keeper = match keeper(bin, &folder, user) {
            Ok(keeper) => keeper,
            Err(e) => {
                // Only an empty folder is left behind if this fails too.
                let _ = fs::remove_dir(&folder);
                return Err(e);
            }
        };
        let mut cluster = Cluster { bin: bin.to_owned(), folder, user, keeper, port: 0 };
        cluster.make()?;
        cluster.serve()?;
        Ok(cluster)
    }

    /// Where the cluster listens, as the tests are told.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// The folder of the server's data.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The id of the server's first process, which all others descend from.
    ///
    /// # Errors
    ///
    /// When the server has not written it down.
    pub fn process(&self) -> Result<u32> {
        let path = self.data().join("postmaster.pid");
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let id = text.lines().next().and_then(|line| line.trim().parse().ok());
        id.with_context(|| format!("{} does not begin with a number", path.display()))
    }

    /// A setting, as the running server has it.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub fn setting(&self, name: &str) -> Result<String> {
        let mut psql = self.command("psql");
        psql.args(["--no-psqlrc", "--tuples-only", "--no-align", "--command", &format!("SHOW {name}"), &self.url()]);
        process::ask(&mut psql).with_context(|| format!("asking the server for {name}"))
    }

    fn make(&self) -> Result<()> {
        let mut initdb = self.command("initdb");
        initdb.arg("--pgdata").arg(self.data());
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]);
        self.complete(&mut initdb)
    }

    fn serve(&mut self) -> Result<()> {
        let mut attempt = 1;
        loop {
            self.port = free_port()?;
            self.configure()?;
            let mut pg_ctl = self.command("pg_ctl");
            pg_ctl.arg("start").arg("--pgdata").arg(self.data()).arg("--log").arg(self.log());
            pg_ctl.args(["--wait", "--timeout=60", "--silent"]);
            match self.complete(&mut pg_ctl) {
                Ok(()) => return Ok(()),
                Err(_) if attempt < START_ATTEMPTS_MAX && self.log_text().contains("could not bind") => attempt += 1,
                Err(e) => return Err(e.context(self.log_text())),
            }
        }
    }

    /// Later lines of the file win, so an attempt with another port only adds to it.
    fn configure(&self) -> Result<()> {
        let mut lines = String::new();
        writeln!(lines, "listen_addresses = '127.0.0.1'")?;
        writeln!(lines, "port = {}", self.port)?;
        writeln!(lines, "unix_socket_directories = '{}'", self.folder.display().to_string().replace('\'', "''"))?;
        writeln!(lines, "max_connections = {CONNECTIONS_MAX}")?;
        let path = self.data().join("postgresql.conf");
        let mut file = OpenOptions::new().append(true).open(&path).with_context(|| path.display().to_string())?;
        file.write_all(lines.as_bytes()).with_context(|| path.display().to_string())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        // A working folder that the user may not enter makes the programs complain.
        command.current_dir(&self.folder).env("LC_ALL", "C").stdin(Stdio::null());
        // Settings for clients would be taken for the server's.
        for name in ["PGDATA", "PGPORT", "PGHOST", "PGUSER", "PGOPTIONS"] {
            command.env_remove(name);
        }
        run_as(&mut command, self.user);
        command
    }

    /// Runs a program to its end; its output goes to a file, since the server would hold a pipe open.
    fn complete(&self, command: &mut Command) -> Result<()> {
        let path = self.folder.join("output");
        let output = fs::File::create(&path).with_context(|| path.display().to_string())?;
        let errors = output.try_clone().context("the output file")?;
        let name = command.get_program().to_string_lossy().into_owned();
        let status = command.stdout(output).stderr(errors).status().with_context(|| format!("starting {name}"))?;
        if !status.success() {
            let said = fs::read(&path).unwrap_or_default();
            bail!("{name} ended with {status}: {}", String::from_utf8_lossy(&said).trim());
        }
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn log_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.log()).unwrap_or_default()).trim().to_owned()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        match self.keeper.wait() {
            Ok(status) if status.success() => {}
            other => eprintln!("clearing away {} failed: {other:?}", self.folder.display()),
        }
    }
}

/// Starts the keeper in a process group of its own: Ctrl-C, which the terminal sends to our whole group, must not end
/// it before it has done its work.
fn keeper(bin: &Path, folder: &Path, user: Option<User>) -> Result<Child> {
    let mut command = Command::new("sh");
    command.args(["-c", KEEPER, "keeper"]).arg(bin).arg(folder);
    command.current_dir(std::env::temp_dir()).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.process_group(0);
    run_as(&mut command, user);
    command.spawn().context("starting a shell that clears away the cluster")
}

/// The same process continues as that user: the ids of processes stay as they are, and no `su` is needed.
fn run_as(command: &mut Command, user: Option<User>) {
    if let Some(User { uid, gid }) = user {
        command.uid(uid).gid(gid);
    }
}

/// PostgreSQL refuses to run as root, so root runs it as somebody else. `None` for everybody else.
fn unprivileged_user() -> Result<Option<User>> {
    let id = |what: &str, name: Option<&str>| {
        let answer = process::ask(Command::new("id").arg(what).args(name))?;
        answer.parse::<u32>().ok()
    };
    if id("-u", None).context("`id -u` gives no number")? != 0 {
        return Ok(None);
    }
    let find = |name: &&str| Some(User { uid: id("-u", Some(name))?, gid: id("-g", Some(name))? });
    match UNPRIVILEGED_USERS.iter().find_map(find) {
        Some(user) => Ok(Some(user)),
        None => bail!("PostgreSQL does not run as root, and there is no user {}", UNPRIVILEGED_USERS.join(" or ")),
    }
}

/// A new folder for the cluster, which nobody but its user may enter.
fn make_folder(parent: &Path, user: Option<User>) -> Result<PathBuf> {
    let id = std::process::id();
    let mut attempt = 0;
    let folder = loop {
        let folder = parent.join(format!("bursar-postgres-{id}-{attempt}"));
        match DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => break folder,
            Err(e) if e.kind() == ErrorKind::AlreadyExists && attempt < 1000 => attempt += 1,
            Err(e) => return Err(e).with_context(|| format!("making {}", folder.display())),
        }
    };
    let Some(User { uid, gid }) = user else { return Ok(folder) };
    chown(&folder, Some(uid), Some(gid)).with_context(|| format!("giving {} to another user", folder.display()))?;
    // Without the right to enter the parent, initdb would fail with less helpful words.
    let mode = fs::metadata(parent).with_context(|| parent.display().to_string())?.mode();
    if mode & 0o001 == 0 {
        let _ = fs::remove_dir(&folder);
        bail!("other users cannot enter {}; set TMPDIR to a folder that they can", parent.display());
    }
    Ok(folder)
}

fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// The major version out of `postgres (PostgreSQL) 15.18 (Debian …)`.
pub fn major_version(text: &str) -> Option<u32> {
    let (_, version) = text.split_once("(PostgreSQL) ")?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::TcpStream;

    #[test]
    fn versions_are_read() {
        let check = |text: &str, expected: Option<u32>| assert_eq!(major_version(text), expected, "{text:?}");
        check("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", Some(15));
        check("postgres (PostgreSQL) 18beta1", Some(18));
        check("postgres (PostgreSQL) devel", None);
        check("pg_ctl", None);
        check("", None);
    }

    /// The programs, if they are here. In the ring `rust` they are, and then they must be found.
    fn programs() -> Option<PathBuf> {
        let found = crate::setup::find_postgres();
        if std::env::var_os("BURSAR_TEST_POSTGRES").is_some() {
            return Some(found.expect("the ring has found it before").0);
        }
        found.ok().map(|(bin, _)| bin)
    }

    #[test]
    fn a_cluster_lives_as_long_as_its_value() {
        let Some(bin) = programs() else { return };
        let first = Cluster::start(&bin).expect("start");
        let second = Cluster::start(&bin).expect("start a second one beside it");
        assert_ne!(first.url(), second.url());
        let folder = first.folder.clone();
        let port = first.port;
        let process = first.process().expect("the server's id");
        assert_eq!(first.setting("fsync").expect("an answer"), "on");

        drop(first);
        assert!(!folder.exists(), "{} is gone", folder.display());
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(), "nobody listens any more");
        assert!(!is_running(process), "the server has ended");
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, second.port)).is_ok(), "the other one is untouched");
    }

    #[test]
    fn a_failed_start_leaves_nothing_behind() {
        let empty = std::env::temp_dir().join(format!("bursar-no-programs-{}", std::process::id()));
        fs::create_dir(&empty).expect("folder");
        let message = format!("{:#}", Cluster::start(&empty).expect_err("there is no initdb"));
        fs::remove_dir(&empty).expect("remove");
        assert!(message.contains("initdb"), "{message}");
    }

    #[test]
    fn the_keeper_outlives_a_killed_parent() {
        let user = unprivileged_user().expect("user");
        let folder = make_folder(&std::env::temp_dir(), user).expect("folder");
        let mut keeper = keeper(Path::new("."), &folder, user).expect("keeper");
        let mut stdin = keeper.stdin.take().expect("pipe");
        stdin.write_all(b"anything\n").expect("it reads");
        assert!(keeper.try_wait().expect("state").is_none(), "it waits");
        assert!(folder.exists());
        // What the kernel does for a program that dies, whatever kills it.
        drop(stdin);
        assert!(keeper.wait().expect("end").success());
        assert!(!folder.exists());
    }

    fn is_running(process: u32) -> bool {
        let mut state = String::new();
        fs::File::open(format!("/proc/{process}/stat")).and_then(|mut file| file.read_to_string(&mut state)).is_ok()
            && !state.contains(") Z ")
    }
}
