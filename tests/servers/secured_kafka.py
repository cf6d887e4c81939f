"""A Kafka that lets nobody in without TLS and a sign-in, with an authority of its own, made by openssl."""

import secrets
import subprocess
from pathlib import Path
from typing import ClassVar

from tests.servers import downloads
from tests.servers.kafka import KafkaServer
from tests.servers.server import HOST

SECURED = """
listener.name.secured.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secured.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secured.ssl.keystore.type=PEM
listener.name.secured.ssl.keystore.location={keystore}
"""


class SecuredKafkaServer(KafkaServer):
    """Clients enter at `entrance` as `user` with `password`, and trust `authority`. Topics are made at the back door,
    `brokers`."""

    listener: ClassVar[str] = "SECURED"

    def __init__(self) -> None:
        super().__init__()
        self.user = "retrograph"
        self.password = secrets.token_hex(12)
        self.proxied = self.behind_proxy

    @property
    def title(self) -> str:
        return f"{super().title} with TLS and SCRAM"

    @property
    def entrance(self) -> str:
        """What clients are told."""
        return f"{HOST}:{self.behind_proxy}"

    @property
    def authority(self) -> Path:
        """The certificate of who has signed the broker's."""
        return self.folder / "authority.pem"

    def obtain(self) -> None:
        super().obtain()
        downloads.tool(self.title, "openssl")

    def prepare(self) -> None:
        self._certify()
        super().prepare()

    def secured(self) -> str:
        return SECURED.format(keystore=self.folder / "broker.pem")

    def accounts(self) -> list[str]:
        return ["--add-scram", f"SCRAM-SHA-512=[name={self.user},password={self.password}]"]

    def _certify(self) -> None:
        signed = ["-CA", "authority.pem", "-CAkey", "authority.key", "-addext", f"subjectAltName=IP:{HOST}"]
        self._certificate("authority", "/CN=an authority of tests")
        self._certificate("certificate", f"/CN={HOST}", *signed)
        parts = [(self.folder / name).read_text() for name in ("certificate.key", "certificate.pem", "authority.pem")]
        (self.folder / "broker.pem").write_text("".join(parts))

    def _certificate(self, name: str, subject: str, *options: str) -> None:
        key = ["-newkey", "rsa:2048", "-noenc", "-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", "2"]
        command = ["openssl", "req", "-x509", *key, "-subj", subject, *options]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=60)
