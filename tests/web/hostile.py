"""What somebody sends who means no good, or whose program is broken, and what the server answers to each.

Each is a request of somebody who may enter, unless it says otherwise. `field` is the one that the problem document
must name; `says` is in what it says.
"""

import gzip
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

JOBS: Final = "/api/v1/jobs"


class Hostile(NamedTuple):
    """A request, and its answer."""

    name: str
    status: int
    body: bytes = b""
    path: str = JOBS
    method: str = "POST"
    field: str | None = None
    says: str = ""
    headers: Mapping[str, str] = {}
    token: bool = True


def start(**wish: Any) -> bytes:
    """A dry run of purchases, but for what is given."""
    given = {"kind": "purchases", "user_ids": ["ann"], "dry_run": True, **wish}
    return json.dumps({name: value for name, value in given.items() if value is not ...}).encode()


def _ids() -> Iterator[Hostile]:
    """Ids follow the rule for ids; whatever else they look like, they are text."""
    good = {
        "html": "<script>alert(1)</script>",
        "an attribute that ends": '"><img src=x onerror=alert(1)>',
        "a template": "{{ 7 * 7 }}{% raw %}${7*7}",
        "sql": "'; DROP TABLE jobs; --",
        "cypher": "'}) MATCH (n) DETACH DELETE n //",
        "a path": "../../../../etc/passwd",
        "an address within an address": "http://127.0.0.1/%2e%2e/%00?a=b#c",
        "writing from right to left": "‮nna",
        "marks without an end": "a" + "̂" * 200,
        "a formula": "=HYPERLINK(1)",
        "an emoji of several parts": "👩‍👩‍👧",
    }
    for name, id_ in good.items():
        yield Hostile(f"an id that is {name}", 202, start(user_ids=[id_]))
    bad: dict[str, tuple[Any, str]] = {
        "with a NUL": ("an\x00n", "NUL"),
        "with a line break": ("an\nn", "control character"),
        "of 257 characters": ("a" * 257, "at most 256"),
        "that is a number": (1, "list of text"),
        "that is an object": ({"id": "ann"}, "list of text"),
        "that is null": (None, "list of text"),
    }
    for name, (id_, says) in bad.items():
        yield Hostile(f"an id {name}", 400, start(user_ids=[id_]), field="user_ids", says=says)
    yield Hostile("nothing but blank ids", 400, start(user_ids=["", " "]), field="user_ids")
    yield Hostile("ids that are text", 400, start(user_ids="ann"), field="user_ids", says="list of text")
    yield Hostile("half of a surrogate pair", 400, start(user_ids=["\ud800"]), says="surrogate")


def _sources() -> Iterator[Hostile]:
    yield Hostile("two sources", 400, start(source="neo4j"), field="source", says="together")
    yield Hostile("no source", 400, start(user_ids=...), field="user_ids")
    yield Hostile("a query as a source", 400, start(user_ids=..., source="graph'; DROP"), field="source")
    yield Hostile("a file as an S3 object", 400, start(user_ids=..., s3_uri="file:///etc/passwd"), field="s3_uri")
    yield Hostile("a bucket without a name", 400, start(user_ids=..., s3_uri="s3:///key"), field="s3_uri")
    yield Hostile("an upload outside", 404, start(user_ids=..., upload_id="../../etc/passwd"), field="upload_id")
    yield Hostile("a users table of one's own", 400, start(kind="identity"), field="user_ids", says="it takes none")
    yield Hostile("no kind", 400, start(kind=...), field="kind")
    yield Hostile("a kind that is a member of every object", 400, start(kind="__class__"), field="kind")
    yield Hostile("a kind that is a list", 400, start(kind=["purchases"]), field="kind")


def _keys() -> Iterator[Hostile]:
    keys = {
        "a path": "../jobs",
        "the folder above": "..",
        "a line break": "a\nb",
        "another alphabet": "jоbs",
        "html": "<b>",
        "129 characters": "k" * 129,
        "nothing": "",
    }
    for name, key in keys.items():
        yield Hostile(f"a key of {name}", 400, start(key=key), field="key")
    yield Hostile("a key that is a number", 400, start(key=7), field="key")


def _parameters() -> Iterator[Hostile]:
    def wrong(name: str, value: Any, says: str = "") -> Hostile:
        shown = str(value)[:20]
        return Hostile(f"{name} of {type(value).__name__} {shown}", 400, start(**{name: value}), field=name, says=says)

    yield wrong("batch_size", "500", "must be a number")
    yield wrong("batch_size", True, "must be a number")
    yield wrong("batch_size", 2.5, "whole number")
    yield wrong("rate_limit", {}, "must be a number")
    yield wrong("dry_run", "true", "true or false")
    yield wrong("dry_run", 1, "true or false")
    yield wrong("mode", "DROP", "must be one of")
    yield wrong("executor", "pigeon", "must be one of")
    yield wrong("as_of", "tomorrow", "instant")
    yield wrong("as_of", "1969-12-31", "between")
    yield wrong("as_of", 1e300, "instant")
    yield Hostile("a parameter that is none", 400, start(is_admin=True), field="is_admin", says="is not a parameter")
    yield Hostile("a batch of a googol", 202, start(batch_size=10**100, user_ids=["clamped"]))
    yield Hostile("a rate below zero", 202, start(rate_limit=-1, user_ids=["clamped too"]))
    digits = start(batch_size=...).replace(b"}", b', "batch_size": ' + b"9" * 5_000 + b"}")
    yield Hostile("a number of 5,000 digits", 400, digits)
    endless = start(rate_limit=...).replace(b"}", b', "rate_limit": 1e999}')
    yield Hostile("a number beyond all numbers", 202, endless.replace(b"ann", b"clamped as well"))


def _bodies() -> Iterator[Hostile]:
    yield Hostile("no body", 400, field="kind")
    yield Hostile("a list", 400, b"[]", says="JSON object")
    yield Hostile("no JSON", 400, b"kind=purchases", says="not JSON")
    yield Hostile("a name twice", 400, b'{"kind": "identity", "kind": "purchases"}', field="kind", says="twice")
    yield Hostile("NaN", 400, b'{"kind": "identity", "rate_limit": NaN}', says="no JSON number")
    yield Hostile("JSON of great depth", 400, b'{"kind": ' + b"[" * 100_000, says="deep")
    yield Hostile("depth that ends", 400, b'{"kind": ' + b"[" * 30_000 + b"]" * 30_000 + b"}")
    yield Hostile("UTF-16", 400, start().decode().encode("utf-16"), says="UTF-8")
    yield Hostile("broken UTF-8", 400, b'{"kind": "\xff"}', says="UTF-8")
    packed = gzip.compress(start())
    yield Hostile("a packed body", 400, packed, headers={"Content-Encoding": "gzip"}, says="UTF-8")
    yield Hostile("a form's content type", 202, start(), headers={"Content-Type": "application/x-www-form-urlencoded"})
    yield Hostile("more than may be sent", 413, b" " * (51 * 1024 * 1024))


def _questions() -> Iterator[Hostile]:
    def ask(query: str, status: int, field: str | None = None, name: str = "") -> Hostile:
        return Hostile(name or f"?{query[:40]}", status, path=f"{JOBS}?{query}", method="GET", field=field)

    yield ask("limit=all", 400, "limit")
    yield ask("limit=" + "9" * 400, 200, name="a limit of 400 digits, which is clamped")
    yield ask("sort=secret", 400, "sort")
    yield ask("sort=key;DROP TABLE jobs", 400, "sort")
    yield ask("state=flying", 400, "state")
    yield ask("after=../../x", 400, "after")
    yield ask("created_after=yesterday", 400, "created_after")
    yield ask("q=%25%27%20OR%201=1--", 200)
    yield ask("q=%00", 200, name="?q=NUL")
    yield ask("q=" + "a" * 6_000, 200, name="a search of 6,000 characters")
    yield ask("nothing=1", 400, "nothing", name="a filter that is none")


def _paths() -> Iterator[Hostile]:
    def get(path: str, status: int = 404, name: str = "", method: str = "GET") -> Hostile:
        return Hostile(name or f"{method} {path[:50]}", status, path=path, method=method)

    yield get(f"{JOBS}/%2e%2e%2f%2e%2e%2fetc%2fpasswd")
    yield get(f"{JOBS}/%00")
    yield get(f"{JOBS}/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    yield get(f"{JOBS}/a%0d%0aX-Evil:%201")
    yield get(f"{JOBS}/%ff%fe")
    yield get(f"{JOBS}/{'a' * 4_000}", name="a job's name of 4,000 characters")
    yield get("/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd")
    yield get("/static/..%2f..%2f..%2f..%2fetc/passwd")
    yield get("/static//etc/passwd")
    yield get("//evil.example/api/v1/jobs")
    yield get(JOBS, 405, method="PUT")
    yield get(JOBS, 405, method="TRACE")
    yield Hostile("a method within a method", 405, method="PUT", headers={"X-HTTP-Method-Override": "GET"})
    yield Hostile("a verb of a job that is none", 404, path=f"{JOBS}/nobody/stop")
    yield Hostile("a retry of what is no list", 400, b'{"items": "ann"}', path=f"{JOBS}/hostile/retry", field="items")


def _lookalikes() -> Iterator[Hostile]:
    """What a lenient reader would take for something else."""
    inline = b'{"kind": "purchases", "user_ids": ["ann"], "dry_run": true, '
    yield Hostile(
        "a name twice, once in escapes", 400, inline + b'"k\\u0069nd": "identity"}', field="kind", says="twice"
    )
    yield Hostile("a name twice within", 400, inline + b'"x": {"a": 1, "a": 2}}', field="a", says="twice")
    yield Hostile("a prototype", 400, inline + b'"__proto__": {"dry_run": false}}', field="__proto__")
    yield Hostile("less than all numbers", 400, inline + b'"rate_limit": -Infinity}', says="no JSON number")
    yield Hostile("a mark of byte order", 400, b"\xef\xbb\xbf" + start(), says="not JSON")
    yield Hostile("a source in a list", 400, start(user_ids=..., source=["neo4j"]), field="source", says="text")
    yield Hostile("an upload of NUL", 400, start(user_ids=..., upload_id="\0"), field="upload_id", says="NUL")
    yield Hostile("a key that ends with a line break", 400, start(key="abc\n"), field="key")
    yield Hostile("a day that was not", 400, start(as_of="2017-02-29"), field="as_of")
    yield Hostile("an hour that is not", 400, start(as_of="2017-01-01T24:00:00Z"), field="as_of")
    yield Hostile("an instant after the last", 400, start(as_of="9999-12-31T23:59:59-23:59"), field="as_of")
    yield Hostile("an instant as a number", 400, start(as_of=1_500_000_000_000), field="as_of")
    yield Hostile("a folder above a bucket", 400, start(user_ids=..., s3_uri="s3://../../x"), field="s3_uri")
    for query, field in {"limit=1e3": "limit", "limit=%D9%A1": "limit", "after=e30": "after"}.items():
        yield Hostile(f"?{query}", 400, path=f"{JOBS}?{query}", method="GET", field=field)
    early = f"{JOBS}?created_after=0001-01-01T00:00:00-23:59"
    yield Hostile("an instant before the first", 400, path=early, method="GET", field="created_after")
    stream = {"Last-Event-ID": "9" * 500 + "-" + "9" * 500}
    yield Hostile("news from the end of time", 400, path="/api/v1/events", method="GET", headers=stream)
    lists = {
        "with a NUL": (b"a\x00b\n", "control character"),
        "in UTF-16": ("user_id\nann\n".encode("utf-16"), "UTF-8"),
        "of one endless line": (b"a" * 3_000_000, "no end"),
        "that is packed": (gzip.compress(b"ann\n"), "UTF-8"),
        "of nothing": (b"", "no user ids"),
    }
    for name, (body, says) in lists.items():
        yield Hostile(f"a list {name}", 400, body, path="/api/v1/uploads?name=list", field="file", says=says)
    yield Hostile("a list with a path for a name", 201, b"ann\n", path="/api/v1/uploads?name=..%2F..%2Fetc%2Fpasswd%00")


def _strangers() -> Iterator[Hostile]:
    """Nobody who says so is somebody."""

    def nobody(name: str, status: int = 401, **headers: str) -> Hostile:
        named = {header.replace("_", "-"): value for header, value in headers.items()}
        return Hostile(name, status, method="GET", headers=named, token=False)

    yield nobody("nobody")
    yield nobody("a token that is none", Authorization="Bearer x")
    yield nobody("a token of 8,000 characters", Authorization="Bearer " + "a" * 8_000)
    yield nobody("a token beside the alphabet", Authorization="Bearer töken")
    yield nobody("a password", Authorization="Basic YW5uOmFubg==")
    yield nobody("a header of a proxy that is not trusted", X_Forwarded_Email="ann@example.com")
    yield nobody("an address that is claimed", X_Forwarded_For="127.0.0.1", X_Forwarded_User="ann@example.com")
    yield nobody("a cookie that was made up", Cookie="session=ann@example.com; __Host-session=1")
    yield nobody("another site's address", 421, Host="evil.example")


HOSTILE: Final = tuple(
    hostile
    for family in (_ids, _sources, _keys, _parameters, _bodies, _questions, _paths, _lookalikes, _strangers)
    for hostile in family()
)
