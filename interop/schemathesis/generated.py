"""What becomes of a generated request before it is sent: real names in place of some, a token, a signature.

Everything is drawn from a generator that is seeded with the seed of the run, the operation and the number of the
request, so that two runs with one seed send the same requests, but for what the provider has named by chance.
"""

from collections import Counter
from dataclasses import dataclass
from random import Random
from urllib.parse import urlsplit

from app import App, Target, last_part
from schemathesis import Case, Response
from signing import Flaw, Signature

# Those that may do stand first: they are chosen more often.
AMOUNTS = ["100", "2500", "1", "2", "99"] * 5
AMOUNTS += ["0", "9223372036854775807", "9223372036854775808", "18446744073709551615", "007", "-1", "1e3", "", "١"]
AMOUNTS += ["9" * 400]
ASSETS = [("CAD", 2)] * 9 + [("USD", 2)] * 3 + [("JPY", 0), ("CAD", 9), ("cad", 2), ("XXX", 255)]
INTERVALS = ["R/2060-05-20T00:00:00Z/P1M"] * 12 + [
    "R3/2060-05-20T12:00:00+14:00/PT1S",
    "R1/2060-05-20T00:00:00Z/2060-06-20T00:00:00Z",
    "R-1/P1Y2M10DT2H30M/2062-05-11T15:30:00Z",
    "R/P1D/9999-12-31T23:59:59Z",
    "R/0001-01-01T00:00:00Z/P9999Y",
    "R99999999999999999999/2060-05-20T00:00:00Z/P1D",
    "R/2060-05-20T00:00:00Z/PT0.000000001S",
    "R/2060-02-30T00:00:00Z/P1M",
    "R0/2060-05-20T00:00:00Z/P1M",
    "R/2060-05-20T00:00:00Z/P0D",
    "R/2060-05-20T00:00:00Z/-P1D",
    "R/-009999-01-01T00:00:00Z/P1Y",
    "R//",
]
INSTANTS = ["2060-05-20T12:10:00Z"] * 4 + [
    "2060-05-20T12:10:00.000000001+00:00",
    "2060-05-20T11:59:59.999Z",
    "2060-05-20T12:00:01+14:00",
    "9999-12-31T23:59:59Z",
]

# Tokens that are none. What is no HTTP at all never gets to the provider's own code and is left out.
NONSENSE_TOKENS = ["", " ", "a b", '"x"', "x" * 8000, "\xe9", "ÿ;?"]
IDEMPOTENCY_KEYS = ["k-1", "k-2", "k-3", "", "k" * 300, "\xe9"]

CREATING = ("POST /incoming-payments", "POST /quotes", "POST /outgoing-payments")

# More than a body may have.
TOO_LONG = "x" * 70_000

# A place where nobody listens.
NOBODY = "http://localhost:1"


@dataclass
class Sent:
    """How a request was sent: with what wrong, if anything."""

    flaw: Flaw | None
    token: str

    must_be_refused: bool = False

    def __str__(self) -> str:
        signature = self.flaw.value if self.flaw else "rightly signed"
        return f"{signature}, {self.token} token"


class Aim:
    """Aims generated requests at what exists."""

    def __init__(self, app: App, seed: int) -> None:
        self.app = app
        self.seed = seed
        self.numbers: Counter[str] = Counter()
        self.sent: dict[str, Sent] = {}
        self.statuses: dict[str, Counter[int]] = {}

    def before_call(self, case: Case, kwargs: dict) -> None:
        """Changes a request and says how it is to be signed."""
        label = case.operation.label
        self.numbers[label] += 1
        rng = Random(f"{self.seed} {label} {self.numbers[label]}")
        # How much of what was generated gives way to what exists.
        share = rng.choice([1.0, 1.0, 0.9, 0.7, 0.0])
        target = self._target(label, rng)
        if target.id is not None and "id" in case.path_parameters and rng.random() < share:
            case.path_parameters["id"] = target.id
        if isinstance(case.body, dict):
            case.body = self._body(case.body, label, target, share, rng)
            if rng.random() < 0.02:
                case.body = {**case.body, "padding": TOO_LONG}
        if "wallet-address" in case.query and rng.random() < share:
            case.query = self._list_query(case.query, label, rng)
        if case.method == "POST" and label in CREATING and rng.random() < 0.1:
            case.headers["Idempotency-Key"] = rng.choice(IDEMPOTENCY_KEYS)
        sent = Sent(flaw=rng.choice([None] * 40 + list(Flaw)), token="right")
        token = target.token
        if token is not None:
            sent.token = rng.choices(["right", "other", "nonsense", "none"], [85, 7, 4, 4])[0]
            if sent.token == "other":
                token = rng.choice([*self.app.tokens["less"], "A" * 43])
            elif sent.token == "nonsense":
                token = rng.choice(NONSENSE_TOKENS)
            elif sent.token == "none":
                token = None
        sent.must_be_refused = must_be_refused(label, sent)
        kwargs["auth"] = Signature(self.app.key, token, sent.flaw, rng.randrange(1000))
        self.sent[case.id] = sent

    def after_call(self, case: Case, response: Response) -> None:
        """Remembers what was made."""
        status = response.status_code
        self.statuses.setdefault(case.operation.label, Counter())[status] += 1
        if status != 201:
            return
        made = {
            "POST /incoming-payments": self.app.incoming,
            "POST /quotes": self.app.quotes,
            "POST /outgoing-payments": self.app.outgoing,
        }.get(case.operation.label)
        if made is not None:
            made.append(response.json()["id"])

    def _target(self, label: str, rng: Random) -> Target:
        app = self.app
        match label.split(" ", 1)[1].split("/")[1:]:
            case ["continue", _]:
                return app.continuation(rng)
            case ["token", _]:
                return app.managed(rng)
            case ["incoming-payments", *_]:
                return Target(last_part(rng.choice(app.incoming)), rng.choice(app.tokens["incoming"]))
            case ["quotes", *_]:
                return Target(last_part(rng.choice(app.quotes)), rng.choice(app.tokens["quote"]))
            case ["outgoing-payments" | "outgoing-payment-grant", *_]:
                return Target(last_part(rng.choice(app.outgoing)), rng.choice(app.tokens["outgoing"]))
            case _:
                return Target()

    def _wallets(self, label: str) -> list[str]:
        """The wallet addresses that an operation may be about, the likeliest more often."""
        app = self.app
        likely = [app.bob, app.carol] if "incoming" in label else [app.alice]
        return likely * 4 + [app.bob, app.wallet, app.alice.upper(), f"{app.provider.url}/nobody"]

    def _list_query(self, query: dict, label: str, rng: Random) -> dict:
        """A page of a list: as often as not one that exists."""
        query = {**query, "wallet-address": rng.choice(self._wallets(label))}
        keep = rng.choice([{"first"}, {"first", "cursor"}, {"last", "cursor"}, {"first", "last", "cursor"}])
        query = {name: value for name, value in query.items() if name not in {"first", "last", "cursor"} - keep}
        if "cursor" in query or "last" in query:
            resources = self.app.incoming if "incoming" in label else self.app.outgoing
            query["cursor"] = last_part(rng.choice(resources))
        return query

    def _body(self, value: object, label: str, target: Target, share: float, rng: Random, name: str = "") -> object:
        """A body with what exists in place of some of what was generated."""
        if isinstance(value, list):
            return [self._body(item, label, target, share, rng, name) for item in value]
        if isinstance(value, dict) and "jwk" in value and rng.random() < share:
            return {**value, "jwk": self.app.key.jwk}
        if isinstance(value, dict):
            inner = {key: self._body(item, label, target, share, rng, key) for key, item in value.items()}
            if name.endswith("Amount") and rng.random() < share:
                code, scale = rng.choice(ASSETS)
                return {**inner, "value": rng.choice(AMOUNTS), "assetCode": code, "assetScale": scale}
            return inner
        if not isinstance(value, str):
            return value
        if rng.random() < share:
            found = self._text(name, label, target, rng)
            if found is not None:
                return found
        # The provider asks these places for keys or payments: nothing may leave this machine.
        if name in ("client", "walletAddress", "receiver", "incomingPayment"):
            return at_home(value)
        return value

    def _text(self, name: str, label: str, target: Target, rng: Random) -> str | None:
        app = self.app
        match name:
            case "client":
                return rng.choice([app.wallet] * 8 + [app.alice, NOBODY + "/x"])
            case "walletAddress" if label == "POST /":
                return app.wallet
            case "walletAddress":
                return rng.choice(self._wallets(label))
            case "identifier" | "id":
                return rng.choice([app.alice, app.bob, app.alice, f"{app.provider.url}/nobody"])
            case "receiver" | "incomingPayment":
                return rng.choice([*app.incoming, f"{app.provider.resource}/incoming-payments/x"])
            case "quoteId":
                return app.fresh_quote(rng) if rng.random() < 0.7 else rng.choice(app.quotes)
            case "interact_ref":
                return target.interact_ref
            case "interval":
                return rng.choice(INTERVALS)
            case "expiresAt":
                return rng.choice(INSTANTS)
            case _:
                return None


def must_be_refused(label: str, sent: Sent) -> bool:
    """Whether nothing may be done for a request that was sent so."""
    if label in ("GET /", "GET /jwks.json", "GET /did.json"):
        return False
    if label == "GET /incoming-payments/{id}":
        # Without a token there is the public view, signed or not; the other token may read it as well.
        return sent.token == "nonsense" or (sent.flaw is not None and sent.token != "none")
    return sent.flaw is not None or sent.token != "right"


def at_home(text: str) -> str:
    """A URL that leads to no other machine."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    if not parts.netloc:
        return text
    return NOBODY + text[text.index(parts.netloc) + len(parts.netloc) :]
