"""The OpenAPI documents of the three surfaces, as they ship with the official client, made ready for schemathesis."""

from pathlib import Path

import yaml
from expected import METHODS, WIDER, Wider

SIGNATURE_PARAMETERS = {"signature", "signature-input", "optional-signature", "optional-signature-input"}


# A parameter that no operation has: unknown ones are ignored, but signed, whatever is in them. It also makes requests
# differ that have no parameters of their own.
ANYTHING = {"name": "anything", "in": "query", "schema": {"type": "string"}}


def load(folder: Path, surface: str) -> dict:
    """The document of a surface: our own statuses added, and without signatures and tokens, which are not generated
    but made for each request."""
    document = yaml.safe_load((folder / f"{surface}.yaml").read_text())
    document = merged(document, document)
    document.pop("security", None)
    for label, item, operation in operations(document):
        operation.pop("security", None)
        for holder in (item, operation):
            holder["parameters"] = [one for one in holder.get("parameters", []) if not is_of_signature(one)]
        operation["parameters"].append(ANYTHING)
        for one in WIDER:
            if one.surface == surface and one.has(label):
                widen(operation["responses"], one)
    return document


def operations(document: dict) -> list[tuple[str, dict, dict]]:
    """Each operation: its label, its path item and itself."""
    return [
        (f"{method.upper()} {path}", item, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def is_of_signature(parameter: dict) -> bool:
    return parameter.get("$ref", "").rsplit("/", 1)[-1] in SIGNATURE_PARAMETERS


def merged(node: object, root: dict) -> object:
    """References that have something beside them, resolved and put together with it.

    JSON Schema judges both sides alone, so that a reference beside `additionalProperties: false` allows nothing at
    all. The official client puts them together, and the specification means it so.
    """
    if isinstance(node, list):
        return [merged(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    own = {key: merged(value, root) for key, value in node.items()}
    if "additionalProperties" not in own or not isinstance(own.get("$ref"), str):
        return own
    target = root
    for key in own.pop("$ref").removeprefix("#/").split("/"):
        target = target[key]
    return merged(target, root) | own


def widen(responses: dict, one: Wider) -> None:
    """Adds a status, or what it may say."""
    found = responses.get(str(one.status), {}).get("content", {}).get("application/json", {}).get("schema")
    error = {
        "type": "object",
        "required": ["code", "description"],
        "properties": {"code": {"enum": one.codes}, "description": {"type": "string"}},
    }
    schema = {"type": "object", "required": ["error"], "properties": {"error": error}}
    schema = {"anyOf": [found, schema]} if found else schema
    responses[str(one.status)] = {"description": one.because, "content": {"application/json": {"schema": schema}}}
