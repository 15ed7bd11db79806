"""What an answer has to be: where we answer more than is specified, and what we check besides."""

import re
from dataclasses import dataclass

from schemathesis import Case, CheckContext, Response
from schemathesis.core.failures import AcceptedNegativeData, Failure, ServerError

AUTH, RESOURCE, WALLET = "auth-server", "resource-server", "wallet-address-server"
METHODS = ("get", "post", "delete")


@dataclass
class Wider:
    """A status, or codes of it, that the specification does not have for some operations."""

    surface: str
    operations: str
    """A pattern that their labels match as a whole."""
    status: int
    codes: list[str]
    because: str

    def has(self, label: str) -> bool:
        return re.fullmatch(self.operations, label) is not None


CREATING = r"POST /(incoming-payments|quotes|outgoing-payments)"
MANAGING = r"(POST|DELETE) /(token|continue)/\{id\}"
PAYMENT_FAULTS = [
    "invalid_request",
    "invalid_receiver",
    "invalid_quote",
    "amount_too_small",
    "amount_too_large",
    "no_rate",
]

WIDER = [
    Wider(
        AUTH,
        MANAGING,
        400,
        ["invalid_client"],
        "deployed clients see by this, wherever it is, that their key was revoked; the specification has it for some",
    ),
    Wider(AUTH, r"POST /continue/\{id\}", 400, ["invalid_request"], "the body is not JSON, or not of this form"),
    Wider(
        AUTH,
        "POST /",
        503,
        ["keys_unavailable"],
        "the client's own server does not answer: to say invalid_client would make clients give up their key",
    ),
    Wider(AUTH, "POST .*", 413, ["too_large"], "bodies are bounded"),
    Wider(RESOURCE, CREATING, 400, PAYMENT_FAULTS, "the specification has no status for requests that are wrong"),
    Wider(RESOURCE, CREATING, 409, ["idempotency_key_reused"], "an Idempotency-Key came with another body"),
    Wider(RESOURCE, "POST .*", 413, ["too_large"], "bodies are bounded"),
    Wider(RESOURCE, "GET /(incoming|outgoing)-payments", 400, ["invalid_request"], "a parameter of the list is wrong"),
    Wider(
        RESOURCE,
        r"POST /incoming-payments/\{id\}/complete",
        409,
        ["conflict"],
        "it is completed or expired: 403, which the specification has, would tell of the grant",
    ),
    Wider(AUTH, ".*", 429, ["too_many_requests"], "callers have budgets"),
    Wider(RESOURCE, ".*", 429, ["too_many_requests"], "callers have budgets"),
    Wider(WALLET, "GET /did.json", 404, ["not_found"], "there is no such wallet address; the others have this status"),
]


def is_failure(failure: Failure, case: Case, response: Response) -> bool:
    """Whether what schemathesis complains of is a fault."""
    if isinstance(failure, ServerError):
        code = error_of(response).get("code")
        label, status = case.operation.label, response.status_code
        return not any(one.status == status and code in one.codes and one.has(label) for one in WIDER)
    if isinstance(failure, AcceptedNegativeData):
        return not is_null_for_absent(failure, case)
    return True


def is_null_for_absent(failure: Failure, case: Case) -> bool:
    """Members that may be left out may be null: many JSON writers do so, and it can mean nothing else."""
    wrong = re.findall(r"in body - (\S+): Incorrect type", failure.message)
    return bool(wrong) and isinstance(case.body, dict) and all(case.body.get(name, "") is None for name in wrong)


def error_of(response: Response) -> dict:
    """`error` of a refusal; empty if there is none."""
    try:
        body = response.json()
    except ValueError:
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def header(response: Response, name: str) -> str:
    return ", ".join(response.headers.get(name, []))


def refusals_say_why(ctx: CheckContext, response: Response, case: Case) -> None:
    """Every refusal is JSON with a code and a description."""
    if response.status_code < 400 or case.method == "HEAD":
        return
    error = error_of(response)
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", str(error.get("code"))), "a refusal without error.code"
    description = error.get("description")
    assert isinstance(description, str) and description.strip(), "a refusal without error.description"
    assert header(response, "content-type").startswith("application/json"), "a refusal that is not JSON"


def grants_are_pointed_to(ctx: CheckContext, response: Response, case: Case) -> None:
    """401 of the resource server says where to get a grant (RFC 9635 §9.1)."""
    base = case.operation.schema.config.base_url
    if response.status_code != 401 or not base.endswith("/op"):
        return
    expected = f"GNAP as_uri={base.removesuffix('/op')}/auth"
    assert header(response, "www-authenticate") == expected, f"401 without WWW-Authenticate: {expected}"
