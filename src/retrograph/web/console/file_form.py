"""Which event files a start is for: what was typed into the form, read back field by field. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from retrograph.config.files import CredentialProfile
from retrograph.errors import UsageError
from retrograph.web.console.formatting import capitalised
from retrograph.wiring.file_fields import FILE_FIELDS
from retrograph.wiring.files_chosen import chosen_of

_SOMEWHERE: Final = "file:///"
"""Stands for an address while another field is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What was typed, as a start takes it, and what is wrong, by field."""

    given: Mapping[str, object] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


def typed(values: Mapping[str, str]) -> Files:
    """Each field is read by itself, so that everything that is wrong is told at once. What is as it would be anyway
    counts as not given: a key alone goes on with its own files."""
    given: dict[str, object] = {}
    problems: dict[str, str] = {}
    for name, known in FILE_FIELDS.items():
        try:
            value = _read(name, values.get(name, "").strip())
            if value is None or value == known.default:
                continue
            chosen_of({"uri": _SOMEWHERE, name: value})
        except UsageError as error:
            problems[name] = str(error).replace(f"{name} ", "", 1)
        else:
            given[name] = value
    return Files(given=given, problems=problems)


def values_of(source: Mapping[str, Any]) -> dict[str, str]:
    """The fields as they are filled in for another start of a job with that source."""
    found: dict[str, str] = {}
    for name, known in FILE_FIELDS.items():
        value = source.get(name)
        if value is None or value == (known.default_text if name == "pattern" else known.default):
            continue
        if isinstance(value, Mapping):
            found[name] = ", ".join(f"{ours}={theirs}" for ours, theirs in value.items())
        else:
            found[name] = "on" if value is True else _short(str(value))
    return found


def credentials(profiles: Mapping[str, CredentialProfile]) -> Mapping[str, str]:
    """The configured ones, each with its role; the first stands for none of them."""
    named = {name: f"{name} ({known.role_arn})" if known.role_arn else name for name, known in sorted(profiles.items())}
    return {"": capitalised(FILE_FIELDS["credentials"].default_text or ""), **named}


def _read(name: str, text: str) -> object:
    if not text:
        return None
    if FILE_FIELDS[name].type == "flag":
        return text == "on"
    return _mapping(text) if name == "mapping" else text


def _mapping(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.replace("\n", ",").split(","))):
        ours, equals, theirs = (part.strip() for part in pair.partition("="))
        if not (ours and equals and theirs):
            raise UsageError(f"each column is ours=theirs, such as user_id=member, not {pair[:50]!r}")
        found[ours] = theirs
    return found


def _short(text: str) -> str:
    """An instant as somebody would type it."""
    return text.replace("T00:00:00.000Z", "").replace(".000Z", "Z")
