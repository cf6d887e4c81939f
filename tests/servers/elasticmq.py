"""ElasticMQ: the queue service SQS on this machine, as published to Maven. Any credentials are accepted."""

import urllib.error
import urllib.request
from pathlib import Path

from tests.servers import downloads
from tests.servers.java import copy_artifacts, find_java
from tests.servers.server import HOST, Server

VERSION = "1.7.1"
REGION = "us-east-1"
ACCOUNT = "000000000000"
CONFIGURATION = """\
include classpath("application.conf")
node-address {{ protocol=http, host="{host}", port={port}, context-path="" }}
rest-sqs {{ enabled=true, bind-port={port}, bind-hostname="{host}", sqs-limits=strict }}
rest-stats {{ enabled=false }}
aws {{ region="{region}", accountId="{account}" }}
"""


class ElasticMqServer(Server):
    """One ElasticMQ, which keeps its queues in memory: a restart forgets them."""

    @property
    def title(self) -> str:
        return f"ElasticMQ {VERSION}"

    @property
    def endpoint(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def client_environment(self) -> dict[str, str]:
        """What a client of AWS reads to talk to this server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "tests",
            "AWS_SECRET_ACCESS_KEY": "tests",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def queue_url(self, name: str) -> str:
        return f"{self.endpoint}/{ACCOUNT}/{name}"

    def obtain(self) -> None:
        self._java()
        self._jars()

    def prepare(self) -> None:
        text = CONFIGURATION.format(host=HOST, port=self.port, region=REGION, account=ACCOUNT)
        (self.folder / "elasticmq.conf").write_text(text)

    def command(self) -> list[str]:
        memory = ["-Xms32m", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        configuration = f"-Dconfig.file={self.folder / 'elasticmq.conf'}"
        return [self._java(), *memory, configuration, "-cp", f"{self._jars()}/*", "org.elasticmq.server.Main"]

    def ping(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            opener.open(f"{self.endpoint}/?Action=ListQueues", timeout=2).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def _java(self) -> str:
        return find_java(self.title, oldest=17)

    def _jars(self) -> Path:
        artifact = f"org.elasticmq:elasticmq-server_2.13:{VERSION}"
        return downloads.obtain(f"elasticmq-{VERSION}", lambda target: copy_artifacts(self.title, [artifact], target))
