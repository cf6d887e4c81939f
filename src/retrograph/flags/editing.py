"""Ids added to what is written: to a list of ids, or into the file of flags, of which nothing else is touched. Pure."""

import json
from collections.abc import Sequence
from typing import Any, Final

import yaml

from retrograph.errors import NotFound, UsageError
from retrograph.flags.document import read_flags

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def list_with(content: bytes, ids: Sequence[str]) -> bytes:
    """A list, one a line or a CSV, with these ids at its end. Where a CSV has more columns, theirs stay empty."""
    columns = content.removeprefix(_BYTE_ORDER_MARK).split(b"\n", 1)[0].count(b",")
    ending = b"\r\n" if b"\r\n" in content else b"\n"
    head = content if not content or content.endswith(b"\n") else content + ending
    return head + b"".join(_cell(one).encode() + b"," * columns + ending for one in ids)


def _cell(user_id: str) -> str:
    return '"' + user_id.replace('"', '""') + '"' if any(sign in user_id for sign in '",') else user_id


def document_with(content: bytes, name: str, flag: str, segment: str, ids: Sequence[str]) -> bytes:
    """The file of flags with these ids in a segment that has ids written there; comments and order stay. Raises
    NotFound, UsageError, ConfigurationError."""
    flags = read_flags(content, name)
    found = next((one for one in _flag(flags.flags, flag, name).segments if one.name == segment), None)
    if found is None:
        raise NotFound(f"flag {flag} has no segment {segment}")
    if found.ids is None:
        raise UsageError(f"segment {segment} of {flag} has no ids of its own in the file of flags", field="segment")
    text = content.decode()
    node = _ids_node(yaml.compose(text, yaml.SafeLoader), flag, segment)
    wanted = [*found.ids, *ids]
    # Written as JSON, which YAML reads as well: one form for both, and nothing in an id can mean anything.
    written = json.dumps(", ".join(wanted)) if _joined(node, wanted) else json.dumps(wanted, ensure_ascii=False)
    begin, end = node.start_mark.index, node.end_mark.index
    end = begin + len(text[begin:end].rstrip())
    # What stands in one line must stand deeper than its key, while a list of lines need not.
    lead = "  " if isinstance(node, yaml.SequenceNode) and not node.flow_style else ""
    kept = (text[:begin] + lead + written + text[end:]).encode()
    now = next(one for one in read_flags(kept, name).flags[flag].segments if one.name == segment)
    if now.ids != tuple(dict.fromkeys(wanted)):
        raise UsageError(f"the ids of segment {segment} cannot be added by a program: write them into {name}")
    return kept


def _joined(node: Any, ids: Sequence[str]) -> bool:
    """Whether they are written as one text; an id with a comma in it needs a list."""
    return isinstance(node, yaml.ScalarNode) and not any("," in one for one in ids)


def _flag(flags: Any, flag: str, name: str) -> Any:
    if flag not in flags:
        raise NotFound(f"{name} has no flag {flag}")
    return flags[flag]


def _ids_node(document: Any, flag: str, segment: str) -> Any:
    for one in _value(_value(_value(document, "flags"), flag), "segments").value:
        if _value(one, "name").value == segment:
            return _value(one, "allowedIDs")
    raise NotFound(f"flag {flag} has no segment {segment}")


def _value(node: Any, key: str) -> Any:
    return next(value for name, value in node.value if name.value == key)
