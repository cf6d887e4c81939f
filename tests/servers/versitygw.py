"""versitygw: S3 with real signatures over a folder: wrong keys, wrong secrets and forbidden buckets are refused."""

import subprocess
import urllib.request
from pathlib import Path
from secrets import token_hex
from typing import Any

from tests.servers import downloads
from tests.servers.server import HOST, Server

VERSION = "1.8.0"
MODULE = f"github.com/versity/versitygw/cmd/versitygw@v{VERSION}"
REGION = "us-east-1"


class VersitygwServer(Server):
    """One gateway with an administrator (`access_key`, `secret_key`); `add_user` makes others."""

    def __init__(self) -> None:
        super().__init__()
        self.access_key = "root-access-key"
        self.secret_key = token_hex(20)

    @property
    def title(self) -> str:
        return f"versitygw {VERSION}"

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    def obtain(self) -> None:
        self._binary()

    def prepare(self) -> None:
        for name in ("data", "iam"):
            (self.folder / name).mkdir()

    def command(self) -> list[str]:
        listening = ["--port", f"{HOST}:{self.port}", "--region", REGION, "--health", "/health", "--quiet"]
        return [str(self._binary()), *listening, "--iam-dir", str(self.folder / "iam"), "posix", str(self._data)]

    def environment(self) -> dict[str, str]:
        return {"ROOT_ACCESS_KEY": self.access_key, "ROOT_SECRET_KEY": self.secret_key}

    def ping(self) -> bool:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                f"{self.endpoint}/health", timeout=5
            ):
                return True
        except OSError:
            return False

    def credentials(self, **other: str) -> dict[str, str]:
        """The environment of a program that may do everything here; `other` replaces parts of it."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            **other,
        }

    def add_user(self, access_key: str) -> dict[str, str]:
        """A user who may do nothing with the buckets of others; answers the environment of their programs."""
        secret = token_hex(20)
        self._admin("create-user", "--access", access_key, "--secret", secret, "--role", "user")
        return self.credentials(AWS_ACCESS_KEY_ID=access_key, AWS_SECRET_ACCESS_KEY=secret)

    def client(self) -> Any:
        """A boto3 client of the administrator."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
        )

    def new_bucket(self, owner: str | None = None) -> str:
        """A bucket of its own for a test; that user may read and write it as well as the administrator."""
        name = f"bucket-{token_hex(6)}"
        self.client().create_bucket(Bucket=name)
        if owner is not None:
            self._admin("change-bucket-owner", "--bucket", name, "--owner", owner)
        return name

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _admin(self, *words: str) -> None:
        access = ["--access", self.access_key, "--secret", self.secret_key, "--endpoint-url", self.endpoint]
        subprocess.run([str(self._binary()), "admin", *access, *words], check=True, capture_output=True, timeout=30)

    def _binary(self) -> Path:
        return downloads.obtain(f"versitygw-{VERSION}", self._install) / "versitygw"

    def _install(self, target: Path) -> None:
        go = downloads.tool(self.title, "go")
        downloads.run(self.title, [go, "install", MODULE], {"GOBIN": str(target), "GOFLAGS": "-trimpath"})
