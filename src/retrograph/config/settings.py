"""Every setting: its meaning, its unit, and why its default is what it is.

The reference in the documentation is generated from this file, so each description is written for operators.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from retrograph.config.enrolment import DetectorSettings, EnrolmentSettings
from retrograph.config.entry import Admins, OidcSettings, ProxySettings, PublicUrl, SessionSettings
from retrograph.config.files import CredentialProfile, FilesSettings
from retrograph.config.flags import FlagsSettings
from retrograph.config.identity import IdentifierSettings, UsersSettings
from retrograph.config.live import (
    FactoidsSettings,
    IdentityEventsSettings,
    KafkaSettings,
    LiveSettings,
    ReceiptEventsSettings,
)
from retrograph.config.queue import QueueSettings, WorkerSettings
from retrograph.config.values import CacheUrl, GraphUrl, SecretFile, ServiceUrl, StoreUrl, Url, secret_of
from retrograph.errors import ConfigurationError

DATABASE_FILE = "sqlite:///retrograph.db"
SERVICES = ("purchase_history", "shop_orders", "products", "categories")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a service is and how to enter; the settings are named, because errors say what to change."""

    service: str
    url: str
    url_setting: str
    token_setting: str
    token: SecretStr | None
    token_file: Path | None


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class ServiceSettings(_Group):
    """One service that history is read from. What is missing here is taken from `RETROGRAPH_UPSTREAM…`."""

    url: ServiceUrl | None = Field(default=None, description="Its base URL. It wins over `RETROGRAPH_UPSTREAM`.")
    token: SecretStr | None = Field(
        default=None, description="Sent as `Authorization: Bearer …`. None: nothing is sent."
    )
    token_file: SecretFile | None = Field(
        default=None,
        description="A file that holds the token, as secret stores mount them. Instead of the token itself.",
    )

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.token and self.token_file:
            raise ValueError("the token and the token file are both set: keep one of them")
        return self


class HttpSettings(_Group):
    """How patient the clients of the services are."""

    connect_seconds: float = Field(
        default=5.0,
        gt=0,
        le=300,
        description="Seconds to wait for a connection. A host that lives answers in far less.",
    )
    read_seconds: float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="Seconds to wait for the next byte of an answer. Slow pages take a few.",
    )
    item_seconds: float = Field(
        default=600.0, gt=0, le=86_400, description="Seconds that one user may take in all, every retry included."
    )
    health_path: str = Field(
        default="/health",
        pattern=r"^/[^\s?#]*$",
        description="The path below each base URL that a ping asks for. Any answer below 500 counts as up.",
    )


class Neo4jSettings(_Group):
    """How to enter Neo4j. Only read where the graph's URL is one of Neo4j's.

    Give a password (or a file that holds it) for the user, or a token (or a file that holds it); without either nobody
    signs in. A user and password in the URL win over these. Encryption is chosen by the URL: `bolt+s://` and
    `neo4j+s://` check the server's certificate, `+ssc` accepts a self-signed one.
    """

    user: str = Field(
        default="neo4j", min_length=1, description="The user's name. `neo4j` is the one a new server has."
    )
    password: SecretStr | None = Field(default=None, description="The user's password.")
    password_file: SecretFile | None = Field(default=None, description="A file that holds the password.")
    token: SecretStr | None = Field(
        default=None, description="A bearer token of single sign-on, instead of a password."
    )
    token_file: SecretFile | None = Field(default=None, description="A file that holds the bearer token.")
    database: str | None = Field(
        default=None, min_length=1, description="The database's name. None: the one that the server gives this user."
    )
    write_transactions: int = Field(
        default=4,
        ge=1,
        le=64,
        description="How many write transactions may be open at once. More of them mostly wait for the same locks.",
    )

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        given = [name for name in ("password", "password_file", "token", "token_file") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are set together: keep one of them")
        return self

    @property
    def secret(self) -> SecretStr | None:
        """The password, wherever it is kept."""
        return secret_of(self.password_file) if self.password_file else self.password

    @property
    def bearer(self) -> SecretStr | None:
        """The token, wherever it is kept."""
        return secret_of(self.token_file) if self.token_file else self.token


class JobSettings(_Group):
    """How jobs are held and kept apart."""

    lease_seconds: float = Field(
        default=15.0,
        ge=3,
        le=600,
        description="Seconds after which a job whose process died can be taken over. It is renewed three times in "
        "that time, so it also bounds how long the store may be away without interrupting a job.",
    )
    exclusive_kinds: str = Field(
        default="purchases",
        pattern=r"^[a-z, -]*$",
        description="The kinds, separated by commas, of which only one job may run at a time. Two bulk loads would "
        "share the pace that the services allow. `none`: any number of each.",
    )

    @property
    def exclusive(self) -> frozenset[str]:
        # An empty variable counts as one that is not set, so that there is a word for none of them.
        return frozenset(kind.strip() for kind in self.exclusive_kinds.split(",")) - {"", "none"}


class LogSettings(_Group):
    """What is logged. Everything goes to standard error; standard output is for data."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe level that is written."
    )
    format: Literal["text", "json"] = Field(
        default="text",
        description="`text`: lines for people (coloured on a terminal, `event key=value` with a time stamp elsewhere). "
        "`json`: one JSON object a line, messages of commands included. Where it is not set, a server whose standard "
        "error is no terminal writes `json`.",
    )


def _store_beside_graph(found: dict[str, Any]) -> Url:
    graph = found.get("graph")
    return graph if isinstance(graph, Url) and graph.scheme == "sqlite" else Url(DATABASE_FILE)


def _cache_beside_store(found: dict[str, Any]) -> Url:
    store = found.get("store")
    return store if isinstance(store, Url) and store.scheme == "sqlite" else Url(DATABASE_FILE)


class Settings(BaseSettings):
    """A URL chooses the technology; a part that is not installed says what to install."""

    model_config = SettingsConfigDict(
        env_prefix="RETROGRAPH_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    graph: GraphUrl = Field(
        default=Url(DATABASE_FILE),
        description="The graph: `sqlite:///FILE`, or a Neo4j server as `bolt://HOST:7687`, `neo4j://HOST:7687` "
        "(a cluster), each also with `+s` or `+ssc`. The default needs no server.",
    )
    store: StoreUrl = Field(
        default_factory=_store_beside_graph,
        description="Jobs, their failures and their log: `sqlite:///FILE` or `postgresql://USER@HOST/DATABASE`. "
        "Default: the graph's file if it is one, because a power cut then takes both back together; "
        "else `sqlite:///retrograph.db`.",
    )
    cache: CacheUrl = Field(
        default_factory=_cache_beside_store,
        description="Where processes share what they could do without: `sqlite:///FILE`, or a Valkey or Redis server "
        "as `valkey://HOST:6379/0` (`valkeys://` with TLS). Default: the store's file if it is one, else "
        "`sqlite:///retrograph.db`. It holds fast copies (who is enrolled) and spares work (who was loaded within a "
        "week); it may be flushed at any time. Answers of the product and category services are remembered in "
        "memory, for a day.",
    )
    environment: str = Field(
        default="local",
        pattern=r"^[a-z0-9][a-z0-9-]{0,31}$",
        description="What this installation is called (`stage`, `prod`, …): a label on every log line.",
    )
    admins: Admins | None = Field(
        default=None,
        description="Who may use the server: e-mail addresses, separated by commas, or the path of a file that holds "
        "them, one a line (it begins with `/`, `./` or `../`, and is read again at each request). An address counts "
        "if it is the verified one letter by letter, upper and lower case included.",
    )
    listen_port: int = Field(
        default=8080,
        ge=0,
        le=65_535,
        description="The port that `serve` listens on unless `--port` says otherwise, and that `tokens link` names.",
    )
    public_url: PublicUrl | None = Field(
        default=None,
        description="The server's address as browsers see it, such as `https://retrograph.example.com`. Sign-in by "
        "OIDC needs it; requests for another host are then refused.",
    )
    upstream: ServiceUrl | None = Field(
        default=None,
        description="One base URL for all four services, as the sandbox prints it. Each can have its own below.",
    )
    upstream_token: SecretStr | None = Field(
        default=None, description="A token for all services that have none of their own."
    )
    upstream_token_file: SecretFile | None = Field(default=None, description="A file that holds that token.")
    purchase_history: ServiceSettings = ServiceSettings()
    shop_orders: ServiceSettings = ServiceSettings()
    products: ServiceSettings = ServiceSettings()
    categories: ServiceSettings = ServiceSettings()
    users: UsersSettings = UsersSettings()
    identifiers: IdentifierSettings = IdentifierSettings()
    flags: FlagsSettings = FlagsSettings()
    live: LiveSettings = LiveSettings()
    kafka: KafkaSettings = KafkaSettings()
    receipt_events: ReceiptEventsSettings = ReceiptEventsSettings()
    factoids: FactoidsSettings = FactoidsSettings()
    identity_events: IdentityEventsSettings = IdentityEventsSettings()
    queue: QueueSettings = QueueSettings()
    worker: WorkerSettings = WorkerSettings()
    files: FilesSettings = FilesSettings()
    credentials: dict[str, CredentialProfile] = Field(
        default_factory=dict,
        description="Named ways into buckets of event files: tables `[credentials.NAME]` of the TOML file (or one JSON "
        "object in the variable), each with `role_arn` and `external_id`, or `access_key_id` and one of "
        "`secret_access_key`, `secret_access_key_file`, `secret_access_key_variable`; and `region`, `endpoint`. "
        "None: the usual `AWS_…` variables, or the machine's own role.",
    )
    enrolment: EnrolmentSettings = EnrolmentSettings()
    detector: DetectorSettings = DetectorSettings()
    http: HttpSettings = HttpSettings()
    neo4j: Neo4jSettings = Neo4jSettings()
    oidc: OidcSettings = OidcSettings()
    proxy: ProxySettings = ProxySettings()
    sessions: SessionSettings = SessionSettings()
    jobs: JobSettings = JobSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.upstream_token and self.upstream_token_file:
            raise ValueError("upstream_token and upstream_token_file are both set: keep one of them")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is built in code reads nothing else: only `load_settings` looks into the environment and files."""
        return (init_settings,)

    def endpoint(self, service: str) -> Endpoint | None:
        """Where a service is; `None` where neither it nor all of them are configured."""
        own: ServiceSettings = getattr(self, service)
        url = own.url or self.upstream
        if url is None:
            return None
        enters_by_itself = own.token is not None or own.token_file is not None
        return Endpoint(
            service=service.replace("_", "-"),
            url=url.get_secret_value(),
            url_setting=f"RETROGRAPH_{service.upper()}_URL" if own.url else "RETROGRAPH_UPSTREAM",
            token_setting=f"RETROGRAPH_{service.upper() if enters_by_itself else 'UPSTREAM'}_TOKEN",
            token=own.token if enters_by_itself else self.upstream_token,
            token_file=own.token_file if enters_by_itself else self.upstream_token_file,
        )

    def required_endpoint(self, service: str) -> Endpoint:
        """The same for a service that the work cannot do without; its absence is the user's to mend."""
        found = self.endpoint(service)
        if found is None:
            name = f"RETROGRAPH_{service.upper()}_URL"
            raise ConfigurationError(f"{name} is not set: set it, or RETROGRAPH_UPSTREAM for all services at once")
        return found
