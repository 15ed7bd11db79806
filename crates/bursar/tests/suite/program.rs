//! The program, started by a test.

use bursar_store::Location;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A provider in a process of its own.
pub struct Program {
    child: Child,
    /// Its public URL.
    pub url: String,
    port: String,
}

impl Program {
    /// Starts a sandbox on the given database; on the same port as an earlier one, if there was one.
    pub fn start(folder: &Path, location: &Location, before: Option<&str>) -> Self {
        let mut command = bursar();
        command.args(["serve", "--sandbox", "--listen", &format!("127.0.0.1:{}", before.unwrap_or("0"))]);
        command.arg("--data").arg(folder);
        if let Location::Server(url) = location {
            command.args(["--database", url]);
        }
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the program starts");
        let mut lines = BufReader::new(child.stderr.take().expect("its messages")).lines();
        let said = lines.find_map(|line| line.ok().filter(|line| line.contains(" serves "))).expect("it listens");
        let port = said.rsplit_once(':').expect("a port").1.trim().to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url: format!("http://localhost:{port}"), port }
    }

    /// Kills it as a power failure would; its port.
    pub fn kill(mut self) -> String {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it is gone");
        self.port.clone()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program.
pub fn bursar() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bursar"))
}

/// What `bursar doctor` says of a database.
pub fn doctor(folder: &Path, location: &Location) -> Output {
    let mut command = bursar();
    command.args(["doctor", "--json", "--data"]).arg(folder);
    if let Location::Server(url) = location {
        command.args(["--database", url]);
    }
    command.output().expect("the doctor comes")
}
