"""Which event files a start is for, and how they are read: out of a body, a command line or a job."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast, get_args

import msgspec

from retrograph.clock import iso
from retrograph.errors import UsageError
from retrograph.events.files.tables import COLUMNS
from retrograph.jobs.job import Json
from retrograph.jobs.parameters import read_instant

Events = Literal["receipts", "factoids", "identity", "auto"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesChosen:
    """Which files a start is for, and how they are read. `since` and `until` bound when they were last modified, in
    milliseconds; `again`: also those that were ingested before; `gate`: only events of users whom the gate admits."""

    uri: str
    pattern: str = "*"
    events: Events = "auto"
    credentials: str | None = None
    since: int | None = None
    until: int | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    again: bool = False
    gate: bool = False
    same_as: str | None = None
    """The key of an earlier job over the same choice: told to the operator, and no part of the choice."""
    entered: bool = False
    """Whether the access has been checked a moment ago, by whoever starts it; nothing that is read can say so."""

    def as_source(self) -> dict[str, Json]:
        """What the job shows of it; read again by `chosen_of`."""
        words: dict[str, Json] = {"uri": self.uri, "pattern": self.pattern, "events": self.events}
        words["credentials"] = self.credentials
        words["since"] = None if self.since is None else iso(self.since)
        words["until"] = None if self.until is None else iso(self.until)
        words["mapping"] = cast("dict[str, Json]", dict(sorted(self.mapping.items()))) or None
        words["again"] = self.again or None
        words["gate"] = self.gate or None
        return {name: word for name, word in words.items() if word is not None}

    @property
    def digest(self) -> str:
        """Tells one choice from another: whether it is done again is no part of it."""
        words = {name: word for name, word in self.as_source().items() if name != "again"}
        return f"sha256:{hashlib.sha256(msgspec.json.encode(words, order='deterministic')).hexdigest()}"


def chosen_of(given: Mapping[str, Any]) -> FilesChosen:
    """Out of a body, a command line or a job. Raises UsageError naming the field."""
    uri, pattern, events = (_text(given, name) for name in ("uri", "pattern", "events"))
    if uri is None:
        raise UsageError("say where the files lie: uri, such as s3://bucket/prefix or file:///folder", field="uri")
    if events is not None and events not in get_args(Events):
        raise UsageError(f"events is one of {', '.join(get_args(Events))}, not {events[:50]!r}", field="events")
    mapping = {} if given.get("mapping") is None else given["mapping"]
    if not isinstance(mapping, Mapping) or not all(isinstance(word, str) for pair in mapping.items() for word in pair):
        raise UsageError("mapping must say what the file calls our columns, as text", field="mapping")
    if strange := sorted(set(mapping) - set(COLUMNS)):
        raise UsageError(f"there is no column {strange[0][:50]!r} to map: {', '.join(COLUMNS)}", field="mapping")
    return FilesChosen(
        uri=uri.strip(),
        pattern=pattern or "*",
        events=cast(Events, events or "auto"),
        credentials=_text(given, "credentials"),
        since=_instant(given, "since"),
        until=_instant(given, "until"),
        mapping=dict(mapping),
        again=_flag(given, "again"),
        gate=_flag(given, "gate"),
    )


FIELDS: Final = ("uri", "pattern", "events", "credentials", "since", "until", "mapping", "again", "gate")


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = False if given.get(name) is None else given[name]
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be true or false", field=name)
    return value


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and (not isinstance(value, str) or "\0" in value or len(value) > 2_000):
        raise UsageError(f"{name} must be text", field=name)
    return value or None


def _instant(given: Mapping[str, Any], name: str) -> int | None:
    return None if given.get(name) is None else read_instant(given[name], name)
