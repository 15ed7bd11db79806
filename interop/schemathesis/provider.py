"""The provider's program with a data folder of its own: started, moved through time, stopped, audited."""

import json
import os
import subprocess
import threading
from pathlib import Path

import requests

START_SECONDS_MAX = 20
STOP_SECONDS_MAX = 5
ANSWER_SECONDS_MAX = 10

# Where the provider's clock begins: far enough ahead that it can be set there, whatever the day is.
BEGINNING = "2060-05-20T12:00:00Z"

# Rates that make the arithmetic easy to follow: 1 USD = 1.25 CAD = 150 JPY.
SETTINGS = """
name = "Interop Bank"
[rates]
base = "USD"
per_base = { CAD = "1.25", JPY = "150" }
"""


class Provider:
    """A sandbox on a free port of the loopback interface. Its log is the file `log` in `folder`."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program = program
        self.data = folder / "data"
        self.log = folder / "log"
        settings = folder / "settings.toml"
        settings.write_text(SETTINGS)
        self.environment = environment()
        self.session = plain_session()
        words = ["serve", "--sandbox", "--json", "--listen", "127.0.0.1:0", "--data", self.data, "--config", settings]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=self.environment
            )
        try:
            self.url = self._listening()["url"]
            self._ask("POST", "/sandbox/clock", {"set": BEGINNING})
        except BaseException:
            self.stop()
            raise

    def _listening(self) -> dict:
        """What the program says once it listens, which is its first line."""
        late = threading.Timer(START_SECONDS_MAX, self.process.kill)
        late.start()
        line = self.process.stdout.readline()
        late.cancel()
        if not line:
            raise RuntimeError(f"the provider did not start:\n{self.log.read_text(errors='replace')}")
        return json.loads(line)

    @property
    def auth(self) -> str:
        """Grant endpoint of the authorization server, as wallet addresses name it."""
        return f"{self.url}/auth"

    @property
    def resource(self) -> str:
        """Base of the resource server, as wallet addresses name it."""
        return f"{self.url}/op"

    def account(self, name: str, asset: str, scale: int, balance: str) -> str:
        """Makes an account; its wallet address."""
        account = {"name": name, "publicName": name.title(), "assetCode": asset, "assetScale": scale}
        return self._ask("POST", "/sandbox/accounts", {**account, "balance": balance, "password": name})[
            "walletAddress"
        ]

    def add_key(self, name: str, jwk: dict) -> None:
        """Publishes a key at an account's wallet address."""
        self._ask("POST", f"/sandbox/accounts/{name}/keys", {"jwk": jwk})

    def decide(self, redirect: str, decision: str) -> str | None:
        """Agrees to a grant, or refuses it, as the owner of the wallet would; where the browser would go."""
        return self._ask("POST", "/sandbox/interactions", {"redirect": redirect, "decision": decision})["finish"]

    def _ask(self, method: str, path: str, body: dict) -> dict:
        answer = self.session.request(method, self.url + path, json=body, timeout=ANSWER_SECONDS_MAX)
        if not answer.ok:
            raise RuntimeError(f"{method} {path} → {answer.status_code} {answer.text}")
        return answer.json()

    def is_running(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> int:
        """Ends the program, softly if it can; its exit code. Harmless when repeated."""
        if self.is_running():
            self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def audit(self) -> str:
        """What `bursar doctor` says of the books; raises if they are not sound."""
        words = [self.program, "doctor", "--data", self.data]
        doctor = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False)
        if doctor.returncode != 0:
            raise RuntimeError(f"the books are not sound:\n{doctor.stdout}{doctor.stderr}")
        return doctor.stdout.strip()


def plain_session() -> requests.Session:
    """A session that takes neither proxies nor credentials from its surroundings."""
    session = requests.Session()
    session.trust_env = False
    return session


def environment() -> dict[str, str]:
    """Ours, but for what would set the provider up differently."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BURSAR_") or name == "BURSAR_LOG"}
    return {**kept, "NO_COLOR": "1"}
