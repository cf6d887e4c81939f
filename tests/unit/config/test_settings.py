"""Reading settings: where they come from, what wins, and how mistakes are told."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from retrograph.config import Url, load_settings, redacted
from retrograph.errors import ConfigurationError

Environment = Callable[..., None]


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("RETROGRAPH_"):
            monkeypatch.delenv(name)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    def set_variables(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(f"RETROGRAPH_{name}", value)

    return set_variables


def mistakes() -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    return [line.strip() for line in str(caught.value).splitlines()]


def test_without_any_configuration_everything_is_one_file_in_the_working_directory() -> None:
    settings = load_settings()
    assert {settings.graph, settings.store, settings.cache} == {Url("sqlite:///retrograph.db")}
    assert settings.graph.path == Path("retrograph.db")
    assert settings.endpoint("products") is None


def test_the_environment_wins_over_dotenv_and_dotenv_over_toml(environment: Environment) -> None:
    Path("retrograph.toml").write_text(
        'environment = "toml"\n[log]\nlevel = "error"\n[neo4j]\nuser = "toml"\ndatabase = "toml"\n'
    )
    Path(".env").write_text("RETROGRAPH_ENVIRONMENT=dotenv\nRETROGRAPH_NEO4J_USER=dotenv\nOTHER_TOOL=1\n")
    environment(ENVIRONMENT="environment")
    settings = load_settings()
    assert settings.environment == "environment"
    assert (settings.neo4j.user, settings.neo4j.database, settings.log.level) == ("dotenv", "toml", "error")


def test_another_toml_file_is_named_by_a_variable(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('environment = "other"\n')
    environment(CONFIG=str(tmp_path / "other.toml"))
    assert load_settings().environment == "other"


def test_a_variable_set_to_nothing_counts_as_not_set(environment: Environment) -> None:
    environment(GRAPH="", NEO4J_PASSWORD="")
    settings = load_settings()
    assert settings.neo4j.password is None
    assert settings.graph == Url("sqlite:///retrograph.db")


def test_the_store_and_the_cache_follow_the_graph_where_it_is_a_file(environment: Environment) -> None:
    environment(GRAPH="sqlite:////data/g.db")
    settings = load_settings()
    assert settings.store.path == settings.cache.path == Path("/data/g.db")


def test_the_store_of_a_neo4j_graph_is_a_file_of_its_own(environment: Environment) -> None:
    environment(GRAPH="neo4j+s://graph:7687")
    assert load_settings().store == Url("sqlite:///retrograph.db")


def test_the_cache_of_a_postgresql_store_is_a_file(environment: Environment) -> None:
    environment(STORE="postgresql://me@host/jobs")
    assert load_settings().cache == Url("sqlite:///retrograph.db")


def test_every_mistake_is_listed_at_once(environment: Environment) -> None:
    Path("retrograph.toml").write_text('stroe = "x"\n[neo4j]\nusr = "x"\nwrite_transactions = "many"\n')
    Path(".env").write_text("RETROGRAPH_JOBS_LEASE_SECONDS=soon\nRETROGRAPH_GRAHP=x\n")
    environment(GRAPH="mysql://host", UPSTREAM="ftp://host", HTTP_READ_SECONDS="-1", ENVIRONMENT="Not A Label")
    found = mistakes()
    assert found[0] == f"{len(found) - 1} settings are wrong:"
    assert "RETROGRAPH_GRAHP (in .env) is not a setting: did you mean RETROGRAPH_GRAPH?" in found
    assert "stroe (in retrograph.toml) is not a setting: did you mean store?" in found
    assert "neo4j.usr (in retrograph.toml) is not a setting: did you mean neo4j.user?" in found
    assert [line for line in found if line.startswith("RETROGRAPH_GRAPH has the scheme mysql://")]
    assert "RETROGRAPH_UPSTREAM has the scheme ftp://, which is not known here: use http:// or https://" in found
    assert "RETROGRAPH_HTTP_READ_SECONDS must be greater than 0" in found
    assert [line for line in found if line.startswith("RETROGRAPH_ENVIRONMENT ")]
    assert [line for line in found if line.startswith("neo4j.write_transactions (in retrograph.toml) must be")]
    assert [line for line in found if line.startswith("RETROGRAPH_JOBS_LEASE_SECONDS (in .env) must be")]
    assert len(found) == 10


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"GRAPH": "retrograph.db"}, "RETROGRAPH_GRAPH is not a URL"),
        ({"GRAPH": "sqlite://"}, "RETROGRAPH_GRAPH names no file: write sqlite:///FILE"),
        ({"GRAPH": "sqlite:///"}, "RETROGRAPH_GRAPH names no file"),
        ({"GRAPH": "bolt://"}, "RETROGRAPH_GRAPH names no host: write bolt://HOST:PORT"),
        ({"GRAPH": "bolt://host:port"}, "RETROGRAPH_GRAPH is not a URL"),
        ({"STORE": "bolt://host"}, "RETROGRAPH_STORE has the scheme bolt://"),
        ({"CACHE": "memcached://host"}, "RETROGRAPH_CACHE has the scheme memcached://"),
        ({"UPSTREAM": "http://user:secret@host"}, "RETROGRAPH_UPSTREAM holds a user or password"),
        ({"UPSTREAM": "http://host?x=1"}, "RETROGRAPH_UPSTREAM has a query or a fragment"),
        ({"UPSTREAM_TOKEN_FILE": "/none"}, "RETROGRAPH_UPSTREAM_TOKEN_FILE names /none, which does not exist"),
        ({"NEO4J_PASSWORD": "a", "NEO4J_TOKEN": "b"}, "RETROGRAPH_NEO4J: password and token are set together"),
        ({"NEO4J": "a"}, "RETROGRAPH_NEO4J (in the environment) is not a setting"),
        ({"LOG_LEVEL": "loud"}, "RETROGRAPH_LOG_LEVEL must be 'debug', 'info', 'warning' or 'error'"),
        ({"CONFIG": "none.toml"}, "RETROGRAPH_CONFIG names none.toml, which does not exist"),
    ],
)
def test_a_mistake_names_its_setting_and_what_to_do(
    environment: Environment, variables: dict[str, str], sentence: str
) -> None:
    environment(**variables)
    (told,) = mistakes()
    assert told.startswith(sentence)
    assert "secret" not in told


def test_a_file_that_is_not_toml_is_one_mistake_with_its_line() -> None:
    Path("retrograph.toml").write_text("graph = \n")
    (told,) = mistakes()
    assert told.startswith("retrograph.toml is not TOML") and "line 1" in told


def test_services_share_the_base_url_and_token_unless_they_have_their_own(
    environment: Environment, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("own\n")
    environment(UPSTREAM="http://all/", UPSTREAM_TOKEN="shared", PRODUCTS_URL="https://products/base/")
    environment(PRODUCTS_TOKEN_FILE=str(tmp_path / "token"))
    settings = load_settings()
    receipts, products = settings.required_endpoint("purchase_history"), settings.required_endpoint("products")
    assert (receipts.url, products.url) == ("http://all", "https://products/base")
    assert receipts.token and receipts.token.get_secret_value() == "shared"
    assert (products.token, products.token_file) == (None, tmp_path / "token")
    assert (receipts.url_setting, receipts.token_setting) == ("RETROGRAPH_UPSTREAM", "RETROGRAPH_UPSTREAM_TOKEN")
    assert (products.url_setting, products.token_setting) == ("RETROGRAPH_PRODUCTS_URL", "RETROGRAPH_PRODUCTS_TOKEN")


def test_a_service_that_is_needed_but_missing_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="RETROGRAPH_PRODUCTS_URL is not set"):
        load_settings().required_endpoint("products")


def test_categories_may_be_missing(environment: Environment) -> None:
    environment(PURCHASE_HISTORY_URL="http://a", SHOP_ORDERS_URL="http://b", PRODUCTS_URL="http://c")
    settings = load_settings()
    assert settings.endpoint("categories") is None
    assert settings.required_endpoint("shop_orders").url == "http://b"


def test_no_secret_is_shown(environment: Environment) -> None:
    environment(
        GRAPH="bolt://me:hunter2@host:7687",
        STORE="postgresql://me:hunter2@host/jobs?password=hunter2",
        NEO4J_PASSWORD="hunter2",
        UPSTREAM="http://host",
        UPSTREAM_TOKEN="hunter2",
    )
    settings = load_settings()
    shown = f"{settings!r} {settings} {settings.graph} {settings.required_endpoint('products')!r}"
    assert "hunter2" not in shown
    assert "hunter2" not in settings.model_dump_json()
    assert str(settings.graph) == "bolt://me:***@host:7687"


def test_redacting_leaves_a_url_without_secrets_alone() -> None:
    assert redacted("sqlite:////data/g.db") == "sqlite:////data/g.db"
    assert redacted("postgresql://me@host/db?sslmode=require") == "postgresql://me@host/db?sslmode=require"
    assert redacted("postgresql://h/db?password=x&sslkey=y") == "postgresql://h/db?password=***&sslkey=***"


@pytest.mark.parametrize(
    ("said", "kinds"),
    [(None, {"purchases"}), ("", {"purchases"}), ("none", set()), ("purchases, identity", {"purchases", "identity"})],
)
def test_kinds_that_run_one_at_a_time_are_named_or_none(
    environment: Environment, said: str | None, kinds: set[str]
) -> None:
    if said is not None:
        environment(JOBS_EXCLUSIVE_KINDS=said)
    assert load_settings().jobs.exclusive == kinds
