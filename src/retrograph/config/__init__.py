"""What an operator can set: grouped settings, and one way to read them that lists every mistake at once."""

from retrograph.config.entry import OidcSettings, ProxySettings, SessionSettings
from retrograph.config.identity import IdentifierSettings, UsersSettings
from retrograph.config.reading import ENVIRONMENT_PREFIX, TOML_FILE, load_settings
from retrograph.config.settings import (
    Endpoint,
    HttpSettings,
    JobSettings,
    LogSettings,
    Neo4jSettings,
    ServiceSettings,
    Settings,
)
from retrograph.config.values import Url, redacted

__all__ = [
    "ENVIRONMENT_PREFIX",
    "TOML_FILE",
    "Endpoint",
    "HttpSettings",
    "IdentifierSettings",
    "JobSettings",
    "LogSettings",
    "Neo4jSettings",
    "OidcSettings",
    "ProxySettings",
    "ServiceSettings",
    "SessionSettings",
    "Settings",
    "Url",
    "UsersSettings",
    "load_settings",
    "redacted",
]
