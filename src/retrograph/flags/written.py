"""The text of the file of flags as values: the only reader of YAML."""

from typing import Any

import yaml

from retrograph.errors import ConfigurationError


class _Loader(yaml.SafeLoader):
    """Refuses a key that is written twice: the one that loses would be lost without a word."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is written twice", key.start_mark
                )
            seen.add(key.value)
        found: dict[Any, Any] = super().construct_mapping(node, deep)
        return found


def written(content: bytes, name: str) -> Any:
    """What the document says; a JSON document is a YAML document as well. Raises ConfigurationError."""
    try:
        return yaml.load(content, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{name}, line {mark.line + 1}" if mark is not None else name
        raise ConfigurationError(f"{where}: {error.problem or error.context}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{name} is neither YAML nor JSON: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
