"""`python -m tests.servers obtain` downloads every server; `... run NAME` starts one by hand, until Ctrl-C."""

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Callable

from tests.servers import downloads
from tests.servers.chromium import Chromium
from tests.servers.downloads import Unavailable
from tests.servers.elasticmq import ElasticMqServer
from tests.servers.kafka import KafkaServer
from tests.servers.keycloak import CLIENT, KeycloakServer
from tests.servers.neo4j import LTS, PRESENT, Neo4jServer
from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.servers.server import HOST, Server
from tests.servers.toxiproxy import ToxiproxyServer
from tests.servers.versitygw import VersitygwServer

SERVERS: dict[str, Callable[[], Server]] = {
    "elasticmq": ElasticMqServer,
    "kafka": KafkaServer,
    "keycloak": KeycloakServer,
    "neo4j-lts": lambda: Neo4jServer(LTS),
    "neo4j": lambda: Neo4jServer(PRESENT),
    "postgres": PostgresServer,
    "redis": RedisServer,
    "toxiproxy": ToxiproxyServer,
    "versitygw": VersitygwServer,
}


OBTAINED: dict[str, Callable[[], Server | Chromium]] = {**SERVERS, "chromium": Chromium}


def main() -> int:
    arguments = _arguments()
    if arguments.verb == "run":
        return run(SERVERS[arguments.name]())
    return obtain(arguments.names or list(OBTAINED))


def obtain(names: list[str]) -> int:
    """Downloads the servers; 1 if one of them cannot be had here."""
    missing = 0
    for name in names:
        server = OBTAINED[name]()
        began = time.monotonic()
        try:
            server.obtain()
        except Unavailable as reason:
            missing += 1
            print(f"  missing  {reason}", flush=True)
        else:
            print(f"  ready    {server.title} ({time.monotonic() - began:.1f} s)", flush=True)
    print(f"{len(names) - missing} of {len(names)} servers are ready in {downloads.folder()}")
    return 1 if missing else 0


def run(server: Server) -> int:
    """Starts one server, prints how to reach it, and ends it at Ctrl-C or SIGTERM."""
    try:
        with server:
            print("\n".join(_how_to_reach(server)), flush=True)
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    except (Unavailable, RuntimeError) as reason:
        print(reason, file=sys.stderr)
        return 1
    return 0


def _how_to_reach(server: Server) -> list[str]:
    match server:
        case Neo4jServer():
            access = [f"url       {server.uri}", f"user      {server.user}", f"password  {server.password}"]
        case KeycloakServer():
            access = [
                f"issuer    {server.issuer}",
                f"client    {CLIENT}, secret {server.client_secret}",
                f"people    ann, bob (not verified), eve; password {server.password}",
            ]
        case ElasticMqServer():
            access = [f"export {name}={value}" for name, value in server.client_environment.items()]
        case PostgresServer():
            access = [f"url       {server.create_database()}"]
        case VersitygwServer():
            access = [f"{name}={value}" for name, value in server.credentials().items()]
        case RedisServer():
            access = [f"url       {server.url}"]
        case _:
            access = [f"port      {HOST}:{server.port}"]
    return [f"{server.title} is running; Ctrl-C ends it and removes its data.", *access]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.servers", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("obtain", help="download servers").add_argument("names", nargs="*", metavar="NAME")
    verbs.add_parser("run", help="start one server by hand").add_argument("name", choices=sorted(SERVERS))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
