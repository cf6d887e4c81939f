"""The file of flags as it is written, YAML or JSON: every mistake in it is named before anything is believed."""

from collections.abc import Mapping
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from retrograph.errors import ConfigurationError
from retrograph.facts import InvalidId, clean_id
from retrograph.flags.flag import Flag, FlagSet, InternalUsers, Segment

EVERYBODY: Final = 100


class _Segment(Struct, forbid_unknown_fields=True, frozen=True):
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    allowedIDs: str | list[str] | UnsetType = UNSET  # noqa: N815 - the file's own word
    allowedS3IDs: Annotated[str, Meta(min_length=1)] | UnsetType = UNSET  # noqa: N815
    internalUsers: bool | UnsetType = UNSET  # noqa: N815
    rollout: Annotated[int, Meta(ge=0, le=100)] | UnsetType = UNSET


class _Flag(Struct, forbid_unknown_fields=True, frozen=True):
    segments: list[_Segment]


class _InternalUsers(Struct, forbid_unknown_fields=True, frozen=True):
    ids: list[str] = []
    suffixes: list[Annotated[str, Meta(min_length=1)]] = []
    file: str | None = None


class _Document(Struct, forbid_unknown_fields=True, frozen=True):
    flags: dict[Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,128}$")], _Flag]
    internal_users: _InternalUsers = _InternalUsers()


def read_flags(content: bytes, name: str) -> FlagSet:
    """The flags of a document. Raises ConfigurationError, which says where the mistake is."""
    from retrograph.flags.written import written  # where no flags are configured, nobody needs the library of YAML

    try:
        document = msgspec.convert(written(content, name), _Document)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{name}: {error}") from error
    internal = document.internal_users
    return FlagSet(
        flags={key: _flag(key, flag, name) for key, flag in document.flags.items()},
        internal=InternalUsers(
            ids=_cleaned(internal.ids, f"{name}: internal_users"), suffixes=tuple(internal.suffixes), file=internal.file
        ),
    )


def _flag(key: str, flag: _Flag, name: str) -> Flag:
    segments: dict[str, Segment] = {}
    for written in flag.segments:
        where = f"{name}: segment {written.name!r} of {key}"
        if written.name in segments:
            raise ConfigurationError(f"{where} is written twice: give each a name of its own")
        segments[written.name] = _segment(written, where)
    return Flag(key=key, segments=tuple(segments.values()))


def _segment(written: _Segment, where: str) -> Segment:
    if written.internalUsers is False:
        raise ConfigurationError(f"{where}: internalUsers can only be true; leave it out otherwise")
    names = not isinstance(written.allowedIDs, UnsetType) or not isinstance(written.allowedS3IDs, UnsetType)
    if not names and isinstance(written.internalUsers, UnsetType) and isinstance(written.rollout, UnsetType):
        raise ConfigurationError(f"{where} names nobody and has no rollout: it would never cover anybody")
    return Segment(
        name=written.name,
        ids=None if isinstance(written.allowedIDs, UnsetType) else _cleaned(_listed(written.allowedIDs), where),
        file=None if isinstance(written.allowedS3IDs, UnsetType) else written.allowedS3IDs,
        internal=written.internalUsers is True,
        rollout=EVERYBODY if isinstance(written.rollout, UnsetType) else written.rollout,
    )


def _listed(ids: str | list[str]) -> list[str]:
    return ids.split(",") if isinstance(ids, str) else ids


def _cleaned(ids: list[str], where: str) -> tuple[str, ...]:
    kept: Mapping[str, None] = dict.fromkeys(_clean(raw, where) for raw in ids if raw.strip())
    return tuple(kept)


def _clean(raw: str, where: str) -> str:
    try:
        return clean_id(raw)
    except InvalidId as error:
        raise ConfigurationError(f"{where}, id {raw[:40]!r}: {error}") from error
