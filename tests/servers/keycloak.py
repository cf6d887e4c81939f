"""Keycloak, an identity provider that speaks OpenID Connect, as published to Maven; it needs Java 17 or newer.

It starts with one realm: one client, and people whose addresses are verified or not.
"""

import json
import secrets
import shutil
import urllib.request
import zipfile
from pathlib import Path
from typing import Any, ClassVar

from tests.servers import downloads
from tests.servers.java import DEPENDENCY_PLUGIN, find_java
from tests.servers.server import HOST, Server

VERSION = "26.4.0"
ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
REALM = "retrograph"
CLIENT = "console"


class KeycloakServer(Server):
    """One Keycloak without encryption, for this machine alone, reached at `issuer`."""

    start_timeout: ClassVar[float] = 240.0

    def __init__(self, *, access_minutes: int = 5) -> None:
        super().__init__()
        self.client_secret = secrets.token_hex(16)
        self.password = secrets.token_hex(12)
        self._access_minutes = access_minutes

    @property
    def title(self) -> str:
        return f"Keycloak {VERSION}"

    @property
    def issuer(self) -> str:
        return f"http://{HOST}:{self.port}/realms/{REALM}"

    def obtain(self) -> None:
        self._java()
        self._distribution()

    def prepare(self) -> None:
        shutil.copytree(self._distribution(), self.folder / "keycloak", symlinks=True)
        imports = self.folder / "keycloak" / "data" / "import"
        imports.mkdir(parents=True)
        (imports / "realm.json").write_text(json.dumps(self._realm()))

    def environment(self) -> dict[str, str]:
        return {
            "JAVA_HOME": str(Path(self._java()).parent.parent),
            "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
            "KC_BOOTSTRAP_ADMIN_PASSWORD": self.password,
            "JAVA_OPTS_KC_HEAP": "-Xms128m -Xmx400m",
            "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
        }

    def command(self) -> list[str]:
        plain = ["--http-enabled=true", "--hostname-strict=false", f"--http-host={HOST}", f"--http-port={self.port}"]
        options = ["--optimized", *plain, "--import-realm", "--log-level=warn"]
        return ["/bin/sh", str(self.folder / "keycloak" / "bin" / "kc.sh"), "start", *options]

    def ping(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.issuer}/.well-known/openid-configuration", timeout=3) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _realm(self) -> dict[str, Any]:
        return {
            "realm": REALM,
            "enabled": True,
            "sslRequired": "none",
            "accessTokenLifespan": self._access_minutes * 60,
            "clients": [
                {
                    "clientId": CLIENT,
                    "enabled": True,
                    "protocol": "openid-connect",
                    "publicClient": False,
                    "secret": self.client_secret,
                    "standardFlowEnabled": True,
                    "directAccessGrantsEnabled": False,
                    "redirectUris": ["http://127.0.0.1:*", "http://localhost:*"],
                    "attributes": {
                        "pkce.code.challenge.method": "S256",
                        "post.logout.redirect.uris": "http://127.0.0.1:*##http://localhost:*",
                    },
                }
            ],
            "users": [
                self._person("ann", verified=True),
                self._person("bob", verified=False),
                self._person("eve", verified=True),
            ],
        }

    def _person(self, name: str, *, verified: bool) -> dict[str, Any]:
        return {
            "username": name,
            "enabled": True,
            "email": f"{name}@example.com",
            "emailVerified": verified,
            "firstName": name.title(),
            "lastName": "Example",
            "credentials": [{"type": "password", "value": self.password, "temporary": False}],
        }

    def _java(self) -> str:
        return find_java(self.title, 17)

    def _distribution(self) -> Path:
        return downloads.obtain(f"keycloak-{VERSION}", self._download) / f"keycloak-{VERSION}"

    def _download(self, target: Path) -> None:
        maven = downloads.tool(self.title, "mvn")
        goal = [f"{DEPENDENCY_PLUGIN}:copy", f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={target}"]
        downloads.run(self.title, [maven, "-B", "-q", "--strict-checksums", *goal])
        (archive,) = target.glob("*.zip")
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(target)
        archive.unlink()
        self._augment(target / f"keycloak-{VERSION}")

    def _augment(self, distribution: Path) -> None:
        """A start in development mode builds it anew, which takes most of it; that is done once, here."""
        environment = {"JAVA_HOME": str(Path(self._java()).parent.parent)}
        downloads.run(
            self.title, ["/bin/sh", str(distribution / "bin" / "kc.sh"), "build", "--db=dev-file"], environment
        )
