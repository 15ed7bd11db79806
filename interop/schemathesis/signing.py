"""HTTP Message Signatures (RFC 9421) with Ed25519, made over the bytes that `requests` is about to send."""

import base64
import hashlib
import time
from enum import Enum

import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class Flaw(Enum):
    """What is wrong with a signature."""

    UNSIGNED = "not signed"
    OTHER_KEY = "signed with a key that nobody knows"
    DAMAGED = "one bit of the signature is wrong"
    OTHER_BODY = "the digest is of other bytes"
    OTHER_TARGET = "signed for another URL"
    METHOD_NOT_COVERED = "the method is not covered"
    TOO_OLD = "made two hours ago"
    NONSENSE = "headers that are no signature"


# Values of `Signature-Input` and `Signature` that no reader may stumble over.
NONSENSE = [
    ("", ""),
    ("sig1", "sig1"),
    ("sig1=()", "sig1=::"),
    ('sig1=("@method" "@target-uri");keyid="shop-key"', "sig1=:AAAA:"),
    ('sig1=("@method" "@method" "@target-uri");created=1;keyid="shop-key"', "sig1=:AAAA:"),
    ('sig1=("@method" "@target-uri" "@status");created=1;keyid="shop-key"', "sig1=:AAAA:"),
    ('sig1=("@method" "@target-uri");created=99999999999999999999;keyid="shop-key"', "sig1=:AAAA:"),
    ('sig1=("@method" "@target-uri");created=-1;keyid="";alg="none"', f"sig1=:{'A' * 8000}:"),
    ('sig1=("@query-param";name="a" "@method";req "no-such-header";sf;key="k");created=1.5', "other=:AAAA:"),
    (", ".join(f'sig{number}=("@method")' for number in range(200)), "sig1=:!!!!:"),
    ('sig1=("@method\xe9");created=1', "\xff=:AAAA:"),
]


class Key:
    """An Ed25519 key with a name."""

    def __init__(self, kid: str) -> None:
        # From its name, so that two runs are alike; it protects play money for a minute.
        self.private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(kid.encode()).digest())
        raw = self.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        self.kid = kid
        self.jwk = {"kid": kid, "alg": "EdDSA", "use": "sig", "kty": "OKP", "crv": "Ed25519", "x": x}


class Signature(requests.auth.AuthBase):
    """Adds `Authorization`, if there is a token, and signs."""

    def __init__(self, key: Key, token: str | None = None, flaw: Flaw | None = None, nonsense: int = 0) -> None:
        self.key = key
        self.token = token
        self.flaw = flaw
        self.nonsense = NONSENSE[nonsense % len(NONSENSE)]

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        headers = request.headers
        if self.token is not None:
            headers["Authorization"] = f"GNAP {self.token}"
        if self.flaw is Flaw.UNSIGNED:
            return request
        if self.flaw is Flaw.NONSENSE:
            names = ("Signature-Input", "Signature")
            headers.update(zip(names, self.nonsense, strict=True))
            return request
        for name in ("Signature", "Signature-Input", "Content-Digest"):
            headers.pop(name, None)
        body = request.body.encode() if isinstance(request.body, str) else request.body
        if body:
            digested = body + b" " if self.flaw is Flaw.OTHER_BODY else body
            headers["Content-Digest"] = f"sha-512=:{base64.b64encode(hashlib.sha512(digested).digest()).decode()}:"
        covered = covered_components(headers, has_body=bool(body))
        if self.flaw is Flaw.METHOD_NOT_COVERED:
            covered.remove("@method")
        parameters = f'({" ".join(quoted(name) for name in covered)});created={self.created()};keyid="{self.key.kid}"'
        target = request.url + "/elsewhere" if self.flaw is Flaw.OTHER_TARGET else request.url
        derived = {"@method": request.method, "@target-uri": target}
        lines = [f"{quoted(name)}: {derived.get(name) or text(headers[name])}" for name in covered]
        base = "\n".join([*lines, f'"@signature-params": {parameters}'])
        signature = bytearray(self.private().sign(base.encode()))
        if self.flaw is Flaw.DAMAGED or (self.flaw is Flaw.OTHER_BODY and not body):
            signature[0] ^= 1
        headers["Signature-Input"] = f"sig1={parameters}"
        headers["Signature"] = f"sig1=:{base64.b64encode(signature).decode()}:"
        return request

    def private(self) -> Ed25519PrivateKey:
        return Key("nobody's").private if self.flaw is Flaw.OTHER_KEY else self.key.private

    def created(self) -> int:
        # The provider judges signatures by the real clock, which no sandbox moves.
        return int(time.time()) - (7200 if self.flaw is Flaw.TOO_OLD else 0)


def covered_components(headers: requests.structures.CaseInsensitiveDict, *, has_body: bool) -> list[str]:
    """What deployed clients cover."""
    with_body = ["content-digest", "content-length", "content-type"] if has_body else []
    fields = [name for name in ["authorization", *with_body] if name in headers]
    return ["@method", "@target-uri", *fields]


def quoted(name: str) -> str:
    return f'"{name}"'


def text(value: str | bytes) -> str:
    """A header's value as it goes into the signature base (RFC 9421 §2.1)."""
    return (value.decode("latin-1") if isinstance(value, bytes) else value).strip()
