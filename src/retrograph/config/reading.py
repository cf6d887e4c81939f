"""Reading the settings: the environment over `.env` over a TOML file, with every mistake in one error.

A misspelled name is a mistake like a wrong value: it would otherwise be a default that nobody asked for.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
    TomlConfigSettingsSource,
)
from pydantic_settings.sources import DotEnvSettingsSource, EnvSettingsSource

from retrograph.config.queue import FAMILIAR
from retrograph.config.settings import Settings
from retrograph.errors import ConfigurationError

ENVIRONMENT_PREFIX = "RETROGRAPH_"
TOML_FILE = "retrograph.toml"
DOTENV_FILE = ".env"
CONFIG_VARIABLE = "RETROGRAPH_CONFIG"

_CONSEQUENCES = ("default_factory_not_called", "model_type")
"""Problems that only follow from one that is listed already."""


def load_settings() -> Settings:
    """Reads and checks everything. Raises ConfigurationError that lists every mistake."""
    dotenv = {name.upper(): text for name, text in dotenv_values(DOTENV_FILE, interpolate=False).items()}
    environ = {name.upper(): text for name, text in os.environ.items()}
    file, tables = _toml(environ.get(CONFIG_VARIABLE) or dotenv.get(CONFIG_VARIABLE))
    mistakes = [
        *_unknown_variables(environ, "the environment"),
        *_unknown_variables(dotenv, DOTENV_FILE),
        *_unknown_keys(tables, file),
    ]
    try:
        settings = _bound_to(file)()
    except ValidationError as error:
        mistakes += _wrong_values(error, environ, dotenv, file)
    except SettingsError as error:  # a variable with the name of a whole group: it is among the unknown ones
        mistakes = mistakes or [str(error)]
    else:
        if not mistakes:
            return settings
    raise ConfigurationError(_listed(mistakes))


def _bound_to(file: Path) -> type[Settings]:
    class Bound(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (
                EnvSettingsSource(settings_cls),
                DotEnvSettingsSource(settings_cls, env_file=DOTENV_FILE),
                InitSettingsSource(settings_cls, init_kwargs=_familiar(os.environ)),
                TomlConfigSettingsSource(settings_cls, toml_file=file),
            )

    return Bound


def _familiar(environ: Mapping[str, str]) -> dict[str, Any]:
    """What is set under names that other programs share with us."""
    found: dict[str, Any] = {}
    for name, (group, field) in FAMILIAR.items():
        if text := environ.get(name):
            found.setdefault(group, {})[field] = text
    return found


def _toml(named: str | None) -> tuple[Path, dict[str, Any]]:
    file = Path(named or TOML_FILE)
    try:
        return file, tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        if named:
            raise ConfigurationError(f"{CONFIG_VARIABLE} names {file}, which does not exist") from None
        return file, {}
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {getattr(error, 'strerror', 'it is not text')}") from None


def setting_fields() -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every single setting with its path: `("graph",)`, `("neo4j", "user")`."""
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from (((name, inner), value) for inner, value in field.annotation.model_fields.items())
        else:
            yield (name,), field


def variable(path: tuple[str, ...]) -> str:
    """The environment variable of a setting."""
    return ENVIRONMENT_PREFIX + "_".join(path).upper()


def _unknown_variables(given: Mapping[str, str | None], where: str) -> list[str]:
    known = [CONFIG_VARIABLE, *(variable(path) for path, _ in setting_fields())]
    strays = sorted(name for name in given if name.startswith(ENVIRONMENT_PREFIX) and name not in known)
    return [f"{name} (in {where}) is not a setting{_nearest(name, known)}" for name in strays]


def _unknown_keys(tables: Mapping[str, Any], file: Path) -> list[str]:
    known = [".".join(path) for path, _ in setting_fields()]
    groups = {name.partition(".")[0] for name in known if "." in name}
    given: list[str] = []
    for name, value in tables.items():
        opened = isinstance(value, dict) and (name in groups or name not in known)
        given += [f"{name}.{inner}" for inner in value] if opened and value else [name]
    strays = [name for name in given if name not in known and not (name in groups and not tables[name])]
    return [f"{name} (in {file.name}) is not a setting{_nearest(name, known)}" for name in strays]


def _nearest(name: str, known: list[str]) -> str:
    tails = {other.removeprefix(ENVIRONMENT_PREFIX): other for other in known}
    close = get_close_matches(name.removeprefix(ENVIRONMENT_PREFIX), tails, n=1, cutoff=0.6)
    return f": did you mean {tails[close[0]]}?" if close else ": remove it, or look it up in docs/configuration.md"


def _wrong_values(
    error: ValidationError, environ: Mapping[str, str], dotenv: Mapping[str, str | None], file: Path
) -> Iterator[str]:
    singles = {path for path, _ in setting_fields()}
    for problem in error.errors(include_input=False, include_url=False):
        path = tuple(str(part) for part in problem["loc"])
        if problem["type"] in _CONSEQUENCES:
            continue
        name = variable(path)
        text = problem["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        if path not in singles:
            yield f"{name}: {text}" if path else text
        elif name in environ:
            yield f"{name} {text}"
        elif (shared := _shared_name(path)) in environ:
            yield f"{shared} {text}"
        elif name in dotenv:
            yield f"{name} (in {DOTENV_FILE}) {text}"
        else:
            yield f"{'.'.join(path)} (in {file.name}) {text}"


def _shared_name(path: tuple[str, ...]) -> str | None:
    return next((name for name, known in FAMILIAR.items() if known == path), None)


def _listed(mistakes: list[str]) -> str:
    if len(mistakes) == 1:
        return mistakes[0]
    return f"{len(mistakes)} settings are wrong:\n" + "\n".join(f"  {mistake}" for mistake in mistakes)
