"""An app with real grants: what generated requests need to get past the door."""

from collections import deque
from dataclasses import dataclass
from random import Random
from urllib.parse import parse_qs, urlsplit

from provider import ANSWER_SECONDS_MAX, Provider, plain_session
from signing import Flaw, Key, Signature

FINISH = {"method": "redirect", "uri": "http://localhost/back", "nonce": "n-1"}

# Resources of each kind that are remembered.
REMEMBERED_MAX = 20


@dataclass
class Target:
    """What a request may name and present: the part of the path, the token that goes with it, the reference."""

    id: str | None = None
    token: str | None = None
    interact_ref: str | None = None


class App:
    """Owns the wallet `shop`, whose key signs. Alice (CAD) pays, bob (CAD) and carol (USD) are paid."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.session = plain_session()
        self.key = Key("shop-key")
        self.wallet = provider.account("shop", "CAD", 2, "0")
        self.alice = provider.account("alice", "CAD", 2, "1000000000000")
        self.bob = provider.account("bob", "CAD", 2, "50000")
        self.carol = provider.account("carol", "USD", 2, "50000")
        provider.add_key("shop", self.key.jwk)
        self.tokens = self._tokens()
        self.incoming: deque[str] = deque(maxlen=REMEMBERED_MAX)
        self.quotes: deque[str] = deque(maxlen=REMEMBERED_MAX)
        self.outgoing: deque[str] = deque(maxlen=REMEMBERED_MAX)
        self._first_resources()

    # Grants

    def _tokens(self) -> dict[str, list[str]]:
        """Tokens that allow every action on a kind of resource, and some that allow less."""
        incoming_most = ["create", "complete", "read", "read-all", "list"]
        outgoing_all = ["create", "read", "read-all", "list", "list-all"]
        amount = {"assetCode": "CAD", "assetScale": 2}
        wide = {"debitAmount": {"value": "100000000000", **amount}, "interval": "R/2060-05-20T00:00:00Z/P1M"}
        narrow = {"debitAmount": {"value": "500", **amount}}
        later = {"debitAmount": {"value": "500", **amount}, "interval": "R3/2061-01-01T00:00:00Z/P1D"}

        def incoming(wallet: str, *more: str) -> dict:
            return {"type": "incoming-payment", "actions": [*incoming_most, *more], "identifier": wallet}

        def outgoing(limits: dict | None) -> str:
            item = {"type": "outgoing-payment", "actions": outgoing_all, "identifier": self.alice}
            return self.consented(item | ({"limits": limits} if limits else {}))

        return {
            "incoming": [
                self.granted(incoming(self.bob), incoming(self.carol)),
                self.granted(incoming(self.carol), incoming(self.bob)),
                self.consented(incoming(self.bob, "list-all")),
            ],
            "outgoing": [outgoing(wide), outgoing(wide), outgoing(None), outgoing(narrow), outgoing(later)],
            "quote": [self.granted({"type": "quote", "actions": ["create", "read", "read-all"]})],
            "less": [self.granted({"type": "incoming-payment", "actions": ["read"], "identifier": self.bob})],
        }

    def granted(self, *items: dict) -> str:
        """A token that needs no consent."""
        return self.grant(*items)["access_token"]["value"]

    def consented(self, *items: dict) -> str:
        """A token that needs consent, which is given."""
        target = self.decided("approve", *items)
        return self.continued(target)["access_token"]["value"]

    def grant(self, *items: dict, interact: dict | None = None) -> dict:
        """Asks for a grant."""
        body = {"client": self.wallet, "access_token": {"access": items}}
        return self.send("POST", self.provider.auth, body=body | ({"interact": interact} if interact else {}))

    def pending(self, *items: dict, finish: bool = True) -> dict:
        """A grant that waits for consent; to spend of alice's money, unless told otherwise."""
        spend = {"type": "outgoing-payment", "actions": ["create", "read"], "identifier": self.alice}
        interact = {"start": ["redirect"]} | ({"finish": FINISH} if finish else {})
        return self.grant(*(items or [spend]), interact=interact)

    def decided(self, decision: str, *items: dict) -> Target:
        """A grant that was agreed to or refused, and not continued."""
        pending = self.pending(*items)
        finish = self.provider.decide(pending["interact"]["redirect"], decision)
        reference = parse_qs(urlsplit(finish).query).get("interact_ref", [None])[0]
        return continuation(pending, reference)

    def continued(self, target: Target) -> dict:
        """Continues a grant request."""
        url = f"{self.provider.auth}/continue/{target.id}"
        return self.send("POST", url, token=target.token, body={"interact_ref": target.interact_ref})

    # What generated requests are aimed at

    def continuation(self, rng: Random) -> Target:
        """A grant at any stage."""
        match rng.choice(["pending", "polled", "approved", "approved", "denied", "issued", "at once"]):
            case "pending":
                return continuation(self.pending())
            case "polled":
                return continuation(self.pending(finish=False))
            case "approved":
                return self.decided("approve")
            case "denied":
                return self.decided("deny")
            case "issued":
                target = self.decided("approve")
                self.continued(target)
                return target
            case _:
                return continuation(self.grant({"type": "quote", "actions": ["create"]}))

    def managed(self, rng: Random) -> Target:
        """A token that can be replaced or ended; seldom one that has been."""
        token = self.grant({"type": "quote", "actions": ["create"]})["access_token"]
        target = Target(last_part(token["manage"]), token["value"])
        if rng.random() < 0.2:
            self.send("POST", token["manage"], token=target.token)
        return target

    def fresh_quote(self, rng: Random) -> str:
        """A quote that has not been used."""
        body = {"walletAddress": self.alice, "receiver": rng.choice(self.incoming), "method": "ilp"}
        debit = {"value": "1000", "assetCode": "CAD", "assetScale": 2}
        answer = self.try_send(
            "POST", f"{self.provider.resource}/quotes", self.tokens["quote"][0], body | {"debitAmount": debit}
        )
        return answer.json()["id"] if answer.status_code == 201 else rng.choice(self.quotes)

    def _first_resources(self) -> None:
        resource = self.provider.resource
        token = self.tokens["incoming"][0]
        for wallet, asset in ((self.bob, "CAD"), (self.carol, "USD")):
            for value in (None, "1", "5000000"):
                body = {"walletAddress": wallet}
                if value:
                    body["incomingAmount"] = {"value": value, "assetCode": asset, "assetScale": 2}
                made = self.send("POST", f"{resource}/incoming-payments", token=token, body=body)
                self.incoming.append(made["id"])
        debit = {"value": "100", "assetCode": "CAD", "assetScale": 2}
        for receiver in [self.incoming[0], self.incoming[3]]:
            quote = {"walletAddress": self.alice, "receiver": receiver, "method": "ilp", "debitAmount": debit}
            made = self.send("POST", f"{resource}/quotes", token=self.tokens["quote"][0], body=quote)
            self.quotes.append(made["id"])
            payment = {"walletAddress": self.alice, "quoteId": made["id"]}
            made = self.send("POST", f"{resource}/outgoing-payments", token=self.tokens["outgoing"][0], body=payment)
            self.outgoing.append(made["id"])

    # Requests

    def try_send(self, method: str, url: str, token: str | None, body: dict | None, flaw: Flaw | None = None):
        """Sends a signed request."""
        signature = Signature(self.key, token, flaw)
        return self.session.request(method, url, json=body, auth=signature, timeout=ANSWER_SECONDS_MAX)

    def send(self, method: str, url: str, *, token: str | None = None, body: dict | None = None) -> dict:
        """Sends a signed request that has to succeed."""
        answer = self.try_send(method, url, token, body)
        if not answer.ok:
            raise RuntimeError(f"{method} {url} → {answer.status_code} {answer.text}")
        return answer.json()


def continuation(answer: dict, reference: str | None = None) -> Target:
    return Target(last_part(answer["continue"]["uri"]), answer["continue"]["access_token"]["value"], reference)


def last_part(url: str) -> str:
    return url.rsplit("/", 1)[-1]
