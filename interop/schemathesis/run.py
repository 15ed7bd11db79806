"""Requests generated from the Open Payments specification against a running provider; README.md in interop/ says more.

Prints what it found and, as its last line, `N passed, M failed`.
"""

import argparse
import os
import shlex
import sys
import tempfile
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path

import expected
import schemathesis
import specification
from app import App
from expected import AUTH, RESOURCE, WALLET
from generated import Aim
from provider import Provider
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

SEED = 20250520
EXAMPLES = 60
SPECS = Path(__file__).resolve().parent.parent / "node_modules/@interledger/open-payments/dist/openapi/specs"

# How many requests of each operation have to succeed.
SERVED_MIN = 3

# Faults of one kind that are shown in full.
SHOWN_MAX = 2
MESSAGE_CHARACTERS_MAX = 800
LOG_LINES_MAX = 60

# What schemathesis could check and does not here.
UNCHECKED = {
    "positive_data_acceptance": "rules that no schema can say refuse much of what is valid",
    "ignored_auth": "signatures are made for every request; `strangers_are_refused` checks the same and more",
    "missing_required_header": "the only headers that are required are the signature's, which we make",
}


@dataclass
class Report:
    """What has passed and failed."""

    passed: int = 0
    failed: int = 0
    seen: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def add(self, what: str, fault: str | None = None) -> None:
        """One more result."""
        self.passed += fault is None
        self.failed += fault is not None
        print(f"{'ok  ' if fault is None else 'FAIL'} {what}" + (f"\n{fault}" if fault else ""), flush=True)

    def add_scenario(self, event: events.ScenarioFinished, aim: Aim) -> None:
        """One operation in one phase."""
        if event.status is Status.SKIP:
            return
        fault = None
        if event.status is not Status.SUCCESS:
            fault = "\n".join(self.faults(event.label, event.recorder, aim)) or f"it ended with {event.status}"
        self.add(f"{event.phase.value} {event.label}, {len(event.recorder.cases)} requests", fault)

    def faults(self, label: str, recorder: ScenarioRecorder, aim: Aim) -> list[str]:
        """What the checks found, each kind in full a few times only."""
        told = []
        for case_id, checks in recorder.checks.items():
            for check in checks:
                if check.failure_info is None:
                    continue
                failure = check.failure_info.failure
                interaction = recorder.interactions[case_id]
                status = interaction.response.status_code if interaction.response else None
                kind = (label, check.name, failure.title, str(status))
                self.seen[kind] += 1
                if self.seen[kind] <= SHOWN_MAX:
                    body = interaction.response.content.decode(errors="replace") if interaction.response else ""
                    told += [
                        f"  {check.name}: {failure.title}",
                        indented(failure.message[:MESSAGE_CHARACTERS_MAX]),
                        f"    sent: {aim.sent.get(case_id)}",
                        f"    {check.failure_info.code_sample}",
                        f"    → {status} {body[:MESSAGE_CHARACTERS_MAX]}",
                    ]
        return told


def main() -> int:
    arguments = parsed_arguments()
    program = os.environ.get("BURSAR_BIN")
    if not program:
        sys.exit("set BURSAR_BIN to the provider's program: cargo build --package bursar makes target/debug/bursar")
    if not (arguments.specs / f"{AUTH}.yaml").is_file():
        sys.exit(f"there is no {arguments.specs}: npm ci in interop/ brings the specification")
    program = str(Path(program).resolve())
    print(f"seed {arguments.seed}, {arguments.examples} examples", flush=True)
    report = Report()
    with tempfile.TemporaryDirectory(prefix="bursar-schemathesis-") as folder:
        # What schemathesis leaves behind goes where everything else does.
        os.chdir(folder)
        try:
            try_provider(Path(folder), program, arguments, report)
        finally:
            os.chdir("/")
    for (label, check, title, status), count in sorted(report.seen.items()):
        print(f"{count} of {label}: {check}: {title} ({status})")
    if report.failed:
        only = f" --only {shlex.quote(arguments.only)}" if arguments.only else ""
        print(f"again: interop/schemathesis/run.py --seed {arguments.seed} --examples {arguments.examples}{only}")
    print(f"{report.passed} passed, {report.failed} failed", flush=True)
    return 1 if report.failed else 0


def try_provider(folder: Path, program: str, arguments: argparse.Namespace, report: Report) -> None:
    """Tries a provider from its start to the audit of its books."""
    provider = Provider(program, folder)
    try:
        generate(provider, arguments, report)
        report.add("the provider is still running", None if provider.is_running() else "  it has ended")
        code = provider.stop()
        report.add("the provider ends cleanly", None if code == 0 else f"  exit code {code}")
        try:
            report.add(provider.audit().splitlines()[-1])
        except RuntimeError as error:
            report.add("bursar doctor", indented(str(error)))
    finally:
        provider.stop()
        if report.failed or sys.exc_info()[0]:
            with provider.log.open(errors="replace") as log:
                print("--- the end of the provider's log ---", *deque(map(str.rstrip, log), LOG_LINES_MAX), sep="\n")


def parsed_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Requests generated from the specification against a provider")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SCHEMATHESIS_SEED") or SEED))
    parser.add_argument("--examples", type=int, default=int(os.environ.get("SCHEMATHESIS_EXAMPLES") or EXAMPLES))
    parser.add_argument("--only", help="a part of the label of the operations to try, as in `POST /quotes`")
    parser.add_argument("--specs", type=Path, default=SPECS, help="folder with the specification")
    return parser.parse_args()


def generate(provider: Provider, arguments: argparse.Namespace, report: Report) -> None:
    """Tries all operations of all surfaces."""
    aim = Aim(App(provider), arguments.seed)
    register(aim)
    surfaces = [
        (AUTH, provider.auth, ""),
        (RESOURCE, provider.resource, ""),
        (WALLET, aim.app.wallet, " of an app"),
        (WALLET, f"{provider.url}/nobody", " of nobody"),
    ]
    for surface, base, which in surfaces:
        document = specification.load(arguments.specs, surface)
        schema = schemathesis.openapi.from_dict(document, config=settings(base, arguments))
        if arguments.only:
            schema = schema.include(lambda context: arguments.only in context.operation.label)
        print(f"{surface}{which}", flush=True)
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                report.add_scenario(event, aim)
            elif isinstance(event, events.NonFatalError):
                report.add(f"{surface}: {event.label}", indented(str(event.info.format())))
            elif isinstance(event, events.FatalError):
                raise event.exception
    for label, statuses in aim.statuses.items():
        counts = ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items()))
        served = sum(count for status, count in statuses.items() if 200 <= status < 300)
        fault = None if served >= SERVED_MIN else f"  only {served} got through: there is little to learn from refusals"
        report.add(f"{label} was served and refused ({counts})", fault)


def register(aim: Aim) -> None:
    """Has schemathesis ask us before and after each request."""

    @schemathesis.hook
    def before_call(context, case, kwargs):
        aim.before_call(case, kwargs)

    @schemathesis.hook
    def after_call(context, case, response):
        aim.after_call(case, response)

    @schemathesis.hook
    def filter_failure(context, failure, case, response):
        return expected.is_failure(failure, case, response)

    schemathesis.check(expected.refusals_say_why)
    schemathesis.check(expected.grants_are_pointed_to)

    @schemathesis.check
    def strangers_are_refused(ctx, response, case):
        """Nothing is done for a request whose signature or token is not right."""
        sent = aim.sent.get(case.id)
        if sent is not None and sent.must_be_refused:
            assert response.status_code >= 400, f"served, though {sent}"


def settings(base: str, arguments: argparse.Namespace) -> SchemathesisConfig:
    """Everything that could make two runs differ, or leave something behind, is off."""
    phase = {"extra-data-sources": {"responses": False}}
    return SchemathesisConfig.from_dict(
        {
            "seed": arguments.seed,
            "base-url": base,
            "continue-on-failure": True,
            "request-timeout": 10,
            "generation": {"max-examples": arguments.examples, "no-shrink": True, "database": "none"},
            "checks": {
                **{name: {"enabled": False} for name in UNCHECKED},
                "negative_data_rejection": {"expected-statuses": ["4xx", "503"]},
            },
            "phases": {
                "examples": phase,
                "coverage": phase,
                # What is not valid has had its turn in the coverage phase, one thing wrong at a time.
                "fuzzing": {**phase, "error-feedback": {"enabled": False}, "generation": {"mode": "positive"}},
                "stateful": {"enabled": False},
            },
            "cache": {"enabled": False},
            "output": {"sanitization": {"enabled": False}},
        }
    )


def indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines() if line.strip())


if __name__ == "__main__":
    # The order of Python's sets is one more thing that may differ from run to run.
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
