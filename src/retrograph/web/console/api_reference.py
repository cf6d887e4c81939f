"""The OpenAPI document as people read it: verbs by what they are about, their parameters, bodies and answers. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, NamedTuple

TITLES: Final[Mapping[str, str]] = {
    "jobs": "Jobs",
    "backfill": "Backfills, one at a time",
    "uploads": "Lists of ids",
    "events": "What happens, as it happens",
    "graph": "The graph",
    "health": "Health",
    "metrics": "Metrics",
}


class Part(NamedTuple):
    """A piece of a description: words, or something to type."""

    text: str
    code: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A parameter, or a member of a body."""

    name: str
    type: str
    where: str
    required: bool
    about: Sequence[Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One verb."""

    anchor: str
    method: str
    path: str
    about: Sequence[Sequence[Part]]
    """Its paragraphs."""
    fields: Sequence[Field]
    answers: Sequence[tuple[str, Sequence[Part]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The verbs about one thing."""

    title: str
    operations: Sequence[Operation]


def groups(document: Mapping[str, Any]) -> list[Group]:
    """All verbs of a document, in the order of `TITLES`."""
    found = sorted(_operations(document), key=lambda pair: [*TITLES].index(pair[0]))
    return [
        Group(title=TITLES[tag], operations=[operation for _, operation in pairs])
        for tag, pairs in groupby(found, key=lambda pair: pair[0])
    ]


def parts(text: str) -> list[Part]:
    """A description, taken apart where something to type stands between backticks."""
    return [Part(piece, number % 2 == 1) for number, piece in enumerate(text.split("`")) if piece]


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    for path, verbs in document["paths"].items():
        for method, verb in verbs.items():
            tag = next((tag for tag in verb.get("tags", ()) if tag in TITLES), None)
            if tag is not None:
                yield tag, _operation(path, method, verb)


def _operation(path: str, method: str, verb: Mapping[str, Any]) -> Operation:
    paragraphs = str(verb.get("description", verb.get("summary", ""))).split("\n\n")
    fields = [*(_parameter(given) for given in verb.get("parameters", ())), *_body(verb.get("requestBody", {}))]
    return Operation(
        anchor=f"{method}{path}".replace("/", "-").replace("{", "").replace("}", ""),
        method=method.upper(),
        path=path,
        about=[parts(" ".join(paragraph.split())) for paragraph in paragraphs],
        fields=fields,
        answers=[(status, parts(str(answer["description"]))) for status, answer in sorted(verb["responses"].items())],
    )


def _parameter(given: Mapping[str, Any]) -> Field:
    return Field(
        name=given["name"],
        type=_type(given.get("schema", {})),
        where=given["in"],
        required=bool(given.get("required")),
        about=parts(str(given.get("description", ""))),
    )


def _body(body: Mapping[str, Any]) -> Iterator[Field]:
    for media, content in body.get("content", {}).items():
        schema = content.get("schema", {})
        required = schema.get("required", ())
        for name, member in schema.get("properties", {}).items():
            where = "body" if media == "application/json" else "form"
            about = parts(str(member.get("description", "")))
            yield Field(name=name, type=_type(member), where=where, required=name in required, about=about)


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(str(choice) for choice in schema["enum"] if choice is not None)
    if "anyOf" in schema:
        return " | ".join(_type(choice) for choice in schema["anyOf"] if choice.get("type") != "null")
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    found = schema.get("type", "any")
    names = [name for name in ([found] if isinstance(found, str) else found) if name != "null"]
    return " | ".join(f"list of {_type(schema['items'])}" if name == "array" else name for name in names)
