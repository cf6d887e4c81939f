"""Mistakes in the settings of who may enter, each told by its name before anything is served."""

import os
from pathlib import Path

import pytest

from retrograph.config import load_settings
from retrograph.errors import ConfigurationError


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("RETROGRAPH_"):
            monkeypatch.delenv(name)
    (tmp_path / "broken").write_text("ann@example.com\nbob\n")


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"ADMINS": "ann@example.com, bob@"}, "RETROGRAPH_ADMINS holds 'bob@': it is not an e-mail address"),
        ({"ADMINS": "*@example.com"}, "RETROGRAPH_ADMINS holds '*@example.com': a wildcard is not an address"),
        ({"ADMINS": "ann"}, "RETROGRAPH_ADMINS names the file ann, which does not exist"),
        ({"ADMINS": "./broken"}, "RETROGRAPH_ADMINS names the file broken, which holds 'bob'"),
        ({"PUBLIC_URL": "http://here.example.com"}, "RETROGRAPH_PUBLIC_URL must start with https://"),
        ({"PUBLIC_URL": "https://here.example.com/console"}, "RETROGRAPH_PUBLIC_URL has a path"),
        ({"PUBLIC_URL": "here"}, "RETROGRAPH_PUBLIC_URL is not a URL"),
        ({"OIDC_ISSUER": "https://id.example.com"}, "RETROGRAPH_OIDC: the issuer and the client id belong together"),
        ({"OIDC_ISSUER": "http://id.example.com", "OIDC_CLIENT_ID": "x"}, "RETROGRAPH_OIDC_ISSUER must start with"),
        ({"OIDC_CLOCK_SKEW_SECONDS": "3600"}, "RETROGRAPH_OIDC_CLOCK_SKEW_SECONDS must be less than"),
        ({"PROXY_HEADER": "X-Email"}, "RETROGRAPH_PROXY: the header counts on connections of proxies alone"),
        ({"PROXY_HEADER": "X-Forwarded-For", "PROXY_NETWORKS": "10.0.0.1"}, "RETROGRAPH_PROXY_HEADER is X-Forwarded"),
        ({"PROXY_HEADER": "X-Email", "PROXY_NETWORKS": "0.0.0.0/0"}, "RETROGRAPH_PROXY_NETWORKS holds 0.0.0.0/0"),
        ({"PROXY_HEADER": "X-Email", "PROXY_NETWORKS": "::/0"}, "RETROGRAPH_PROXY_NETWORKS holds ::/0"),
        ({"PROXY_HEADER": "X-Email", "PROXY_NETWORKS": "proxy"}, "RETROGRAPH_PROXY_NETWORKS holds 'proxy'"),
        ({"PROXY_HEADER": "X-Email", "PROXY_NETWORKS": "10.0.0.7/8"}, "RETROGRAPH_PROXY_NETWORKS holds '10.0.0.7/8'"),
        ({"SESSIONS_IDLE_MINUTES": "0"}, "RETROGRAPH_SESSIONS_IDLE_MINUTES must be greater than"),
    ],
)
def test_a_mistake_names_its_setting_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], sentence: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"RETROGRAPH_{name}", value)
    with pytest.raises(ConfigurationError) as caught:
        load_settings()
    assert str(caught.value).startswith(sentence)


def test_the_secret_of_a_client_may_be_kept_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    for name, value in {"ISSUER": "https://id.example.com/", "CLIENT_ID": "x", "CLIENT_SECRET_FILE": "secret"}.items():
        monkeypatch.setenv(f"RETROGRAPH_OIDC_{name}", value)
    oidc = load_settings().oidc
    assert oidc.secret is not None and oidc.secret.get_secret_value() == "hunter2"
    assert oidc.issuer == "https://id.example.com/"
