//! Runs other programs: plainly, or with their output passed through and read on the way.

use crate::tally::Tally;
use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How often a running program is looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// How long the output of a program may stay open after its end, before whoever holds it is left behind.
const OUTPUT_GRACE: Duration = Duration::from_secs(10);

/// The time now: for measuring how long a step takes and for nothing else.
#[expect(clippy::disallowed_methods, reason = "xtask measures how long its steps take")]
pub fn now() -> Instant {
    Instant::now()
}

/// Runs a program that writes to our own output.
///
/// # Errors
///
/// When it cannot be started, or fails.
pub fn run(command: &mut Command) -> Result<()> {
    announce(command);
    let status = command.status().with_context(|| format!("starting {}", name(command)))?;
    succeeded(command, status)
}

/// Runs a program silently and returns what it wrote to standard output, trimmed. `None` if it cannot be started or
/// fails.
pub fn ask(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a program whose output is passed on line by line, and counted as `read` understands it. It is killed when it
/// takes longer than `limit`.
///
/// The tally counts whatever was printed until the end, also when the program fails.
pub fn watch(command: &mut Command, limit: Duration, read: fn(&str) -> Tally) -> (Tally, Result<()>) {
    watch_with(command, limit, OUTPUT_GRACE, read)
}

fn watch_with(command: &mut Command, limit: Duration, grace: Duration, read: fn(&str) -> Tally) -> (Tally, Result<()>) {
    announce(command);
    let (sender, receiver) = mpsc::channel();
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match started.with_context(|| format!("starting {}", name(command))) {
        Ok(child) => child,
        Err(e) => return (Tally::default(), Err(e)),
    };
    if let Some(output) = child.stdout.take() {
        let sender = sender.clone();
        thread::spawn(move || pass_on(output, std::io::stdout(), read, &sender));
    }
    if let Some(output) = child.stderr.take() {
        let sender = sender.clone();
        thread::spawn(move || pass_on(output, std::io::stderr(), read, &sender));
    }
    drop(sender);

    let start = now();
    let mut tally = Tally::default();
    let mut ended: Option<(Instant, ExitStatus)> = None;
    let mut is_late = false;
    loop {
        match receiver.recv_timeout(LOOK_INTERVAL) {
            Ok(more) => tally = tally.plus(more),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if ended.is_none() {
            match child.try_wait() {
                Ok(status) => ended = status.map(|status| (now(), status)),
                Err(e) => return (tally, Err(e).context("waiting for the program")),
            }
        }
        match ended {
            // Something it started still holds its output open: its own end is what counts.
            Some((at, _)) if at.elapsed() > grace => break,
            None if start.elapsed() > limit && !is_late => {
                is_late = true;
                if let Err(e) = child.kill() {
                    return (tally, Err(e).context("stopping the program, which took too long"));
                }
            }
            _ => {}
        }
    }
    let status = match ended {
        Some((_, status)) => Ok(status),
        None => wait_until(&mut child, start, limit),
    };
    let result = status.and_then(|status| {
        if is_late {
            bail!("{} took longer than {} s and was stopped", name(command), limit.as_secs());
        }
        succeeded(command, status)
    });
    (tally, result)
}

/// Waits for a program that has closed its output but not ended.
fn wait_until(child: &mut std::process::Child, start: Instant, limit: Duration) -> Result<ExitStatus> {
    while start.elapsed() <= limit {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::park_timeout(LOOK_INTERVAL);
    }
    child.kill()?;
    child.wait()?;
    bail!("it took longer than {} s and was stopped", limit.as_secs())
}

/// Copies bytes as they are, so that what is no UTF-8 arrives unharmed as well.
fn pass_on(from: impl Read, mut to: impl Write, read: fn(&str) -> Tally, tallies: &mpsc::Sender<Tally>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while matches!(from.read_until(b'\n', &mut line), Ok(count) if count > 0) {
        // Nobody reads our output any more: the program's end still matters.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        let tally = read(String::from_utf8_lossy(&line).trim_end());
        if tally != Tally::default() && tallies.send(tally).is_err() {
            return;
        }
        line.clear();
    }
}

fn announce(command: &Command) {
    println!("$ {}", spelled(command));
}

/// The command as one would type it.
pub fn spelled(command: &Command) -> String {
    let program = Path::new(command.get_program());
    // Cargo tells its children where it is; nobody would type that.
    let program = if program.ends_with("cargo") { OsStr::new("cargo") } else { program.as_os_str() };
    let words = std::iter::once(program).chain(command.get_args());
    let words: Vec<String> = words.map(|word| quoted(&word.to_string_lossy())).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) { word.to_owned() } else { format!("'{word}'") }
}

fn name(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{} ended with {status}", spelled(command));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_is_counted_on_both_streams_and_after_a_failure() {
        fn check(script: &str, passed: u64, failed: u64, succeeds: bool) {
            let (tally, result) = watch(&mut shell(script), LONG, Tally::of_node_line);
            assert_eq!((tally, result.is_ok()), (Tally { passed, failed }, succeeds), "{script:?}: {result:?}");
        }
        check("echo '# pass 2'; echo '# pass 3' >&2", 5, 0, true);
        check("echo '# pass 2'; echo '# fail 1'; exit 3", 2, 1, false);
        check("printf '# pass 2'", 2, 0, true);
        check("printf '\\377\\n# pass 1\\n'", 1, 0, true);
        check("exec >&- 2>&-; exit 0", 0, 0, true);
        check("exec >&- 2>&-; exit 1", 0, 0, false);
    }

    #[test]
    fn a_program_that_does_not_end_is_stopped() {
        let (_, result) = watch(&mut shell("echo '# pass 1'; exec sleep 600"), Duration::ZERO, Tally::of_node_line);
        let message = result.expect_err("stopped").to_string();
        assert!(message.contains("took longer"), "{message}");
        let (_, result) = watch(&mut shell("exec >&- 2>&- sleep 600"), Duration::ZERO, Tally::of_node_line);
        let message = result.expect_err("stopped").to_string();
        assert!(message.contains("took longer"), "{message}");
    }

    #[test]
    fn what_a_program_leaves_running_is_not_waited_for() {
        // It holds the output open for as long as we live.
        let script = format!("while kill -0 {}; do sleep 1; done 2>/dev/null & echo '# pass 1'", std::process::id());
        let (tally, result) = watch_with(&mut shell(&script), LONG, Duration::ZERO, Tally::of_node_line);
        assert!(result.is_ok(), "{result:?}");
        assert_eq!(tally, Tally { passed: 1, failed: 0 });
    }

    #[test]
    fn what_cannot_be_started_is_an_error() {
        let mut command = Command::new("./no-such-program");
        assert!(run(&mut command).is_err());
        assert!(watch(&mut command, LONG, Tally::of_node_line).1.is_err());
        assert_eq!(ask(&mut command), None);
    }

    #[test]
    fn answers_are_trimmed() {
        assert_eq!(ask(&mut shell("echo ' a '")).as_deref(), Some("a"));
        assert_eq!(ask(&mut shell("echo a; exit 1")), None);
    }

    #[test]
    fn commands_are_shown_as_typed() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command.args(["test", "--", "a b", ""]);
        assert_eq!(spelled(&command), "cargo test -- 'a b' ''");
    }
}
