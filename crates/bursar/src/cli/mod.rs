//! The client's commands: what an app does, by hand.

mod client;
mod explain_signature;
mod failure;
mod grant;
mod grant_request;
mod interval;
mod keys;
mod output;
mod pay;
mod state;
#[cfg(test)]
mod tests;
mod wallet;

use clap::Subcommand;
use std::process::ExitCode;

/// A client's command.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Make a key for an app.
    Keys(keys::Keys),
    /// Look up a wallet address.
    Wallet(wallet::Wallet),
    /// Ask account holders for permission to pay, and manage the grants they gave.
    Grant(grant::Grant),
    /// Pay somebody with a grant.
    Pay(pay::Pay),
    /// Explain a repeating interval, and list its windows.
    Interval(interval::Interval),
    /// Say what a server makes of a request's signature, rule by rule.
    ExplainSignature(explain_signature::ExplainSignature),
}

/// Runs a command. What went wrong has been told when this returns: exit code 0 means done, 1 that it did not work, 2
/// that it was not asked for in the right way.
///
/// # Errors
/// None; the commands tell their failures themselves, with what to do next.
pub async fn run(command: Command, json: bool) -> anyhow::Result<ExitCode> {
    let out = output::Out::new(json);
    let done = match command {
        Command::Keys(keys) => keys::run(keys, out),
        Command::Wallet(wallet) => wallet::run(wallet, out).await,
        Command::Grant(grant) => grant::run(grant, out).await,
        Command::Pay(pay) => pay::run(pay, out).await,
        Command::Interval(interval) => interval::run(&interval, out),
        Command::ExplainSignature(explain) => match explain_signature::run(&explain, out).await {
            Ok(verdict) => return Ok(verdict.exit_code()),
            Err(failure) => Err(failure),
        },
    };
    Ok(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    })
}

#[cfg(test)]
mod command_lines {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Program {
        #[arg(long, global = true)]
        json: bool,
        #[command(subcommand)]
        command: Command,
    }

    #[test]
    fn command_lines_are_read() {
        fn check(line: &str, expected: bool) {
            let words = ["bursar"].into_iter().chain(line.split_whitespace());
            let read = Program::try_parse_from(words);
            assert_eq!(read.is_ok(), expected, "{line}: {:?}", read.err().map(|error| error.to_string()));
            if let Err(error) = read {
                assert_eq!(error.exit_code(), 2, "{line}");
            }
        }
        check("keys generate", true);
        check("keys generate --out a.pem --kid my-key --json", true);
        check("keys", false);
        check("wallet get $wallet.example/alice", true);
        check("wallet get", false);
        check("interval R3/2025-05-20T13:00:00Z/P1M --at 2025-05-20T13:00:00Z --count 3", true);
        check("interval R3/2025-05-20T13:00:00Z/P1M --at yesterday", false);
        check("interval R3/2025-05-20T13:00:00Z/P1M --count 0", false);
        check("interval R3/2025-05-20T13:00:00Z/P1M --count 1001", false);
        check("interval", false);
        let ask = "grant request --wallet https://a.example/b --client-wallet https://a.example/c --key k.pem";
        check(&format!("{ask} --debit 100.00"), true);
        check(&format!("{ask} --receive 100.00 --receive-asset EUR/2 --interval R/2025-04-22T08:00:00Z/P1D"), true);
        check(&format!("{ask} --actions create,read,list-all --name a --open"), true);
        check(&format!("{ask} --debit 1 --receive 1"), false);
        check(&format!("{ask} --receive-asset EUR/2"), false);
        check(&format!("{ask} --receive 1 --receive-asset EUR"), false);
        check(&format!("{ask} --interval R0/2025-04-22T08:00:00Z/P1D"), false);
        check(&format!("{ask} --actions create,fly"), false);
        check(&format!("{ask} --poll --callback http://localhost:1"), false);
        check("grant list --state folder", true);
        check("grant show alice", true);
        check("grant rotate", false);
        check("grant revoke alice", true);
        check("pay --grant alice --to $wallet.example/bob --amount 5.00 --note lunch", true);
        check("pay --to $wallet.example/bob --amount 5.00", true);
        check("pay --grant alice --to $wallet.example/bob", false);
        check("explain-signature", true);
        check("explain-signature - --key k.pem --at 2025-05-20T13:00:00Z --max-age 10 --max-skew 0 --json", true);
        check("explain-signature a.http --key-from $wallet.example/app --at created --show-secrets", true);
        check("explain-signature --at 1700000000 --url https://a.example --body b.json --require-nonce", true);
        check("explain-signature --key a --key-from b", false);
        check("explain-signature --at yesterday", false);
        check("explain-signature --max-age -1", false);
    }

    #[test]
    fn the_commands_are_put_together_soundly() {
        <Program as clap::CommandFactory>::command().debug_assert();
    }
}
