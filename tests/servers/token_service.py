"""AWS's token service, as far as roles are taken on there: it knows one role, and the external id that goes with it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from tests.servers.server import HOST

ROLE = "arn:aws:iam::123456789012:role/reads-events"
EXTERNAL_ID = "known-to-both"
_SPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


@contextmanager
def token_service(access_key: str, secret_key: str) -> Iterator[str]:
    """Its address: for `AWS_ENDPOINT_URL_STS`. Whoever may take the role on gets these keys."""
    given = (
        f'<AssumeRoleResponse xmlns="{_SPACE}"><AssumeRoleResult><Credentials><AccessKeyId>{access_key}</AccessKeyId>'
        f"<SecretAccessKey>{secret_key}</SecretAccessKey><SessionToken></SessionToken>"
        "<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
    refused = (
        f'<ErrorResponse xmlns="{_SPACE}"><Error><Type>Sender</Type><Code>AccessDenied</Code>'
        "<Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>"
    )

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            allowed = (asked.get("RoleArn"), asked.get("ExternalId")) == ([ROLE], [EXTERNAL_ID])
            content = (given if allowed else refused).encode()
            self.send_response_only(200 if allowed else 403)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
