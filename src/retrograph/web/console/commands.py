"""A job as a command line and as a call of the API: quoted so that whatever is pasted means what was submitted."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

from retrograph.clock import iso
from retrograph.jobs.definitions import DEFINITIONS, SERVICE_RATE
from retrograph.jobs.job import Job

_OPTIONS: Final[Mapping[str, str]] = {"retry_failed_before_cursor": "--retry-failed"}
_OF_ONE_START: Final = ("mode", "queue")
"""Said anew at each start, as the mode is, or with the executor."""

_TOLD: Final = ("role_arn", "same_as")
"""What a source says beside what was chosen."""


def command_line(job: Job) -> str:
    """What starts or resumes this job at a command line."""
    words = ["retrograph", "backfill", job.kind, *_users_option(job), "--key", job.key]
    if job.kind == "purchases":
        words += ["--as-of", iso(job.spec.as_of), "--lookback-days", str(job.spec.lookback_days)]
    for name, value in chosen(job).items():
        option = _OPTIONS.get(name, "--" + name.replace("_", "-"))
        if isinstance(value, bool):
            words.append(option if value else option.replace("--", "--no-", 1))
        else:
            words += [option, _text(value)]
    if job.spec.dry_run:
        words.append("--dry-run")
    return shlex.join(words)


def curl(job: Job, base: str) -> str:
    """The same as a call of the API at `base`; the token comes from the environment of whoever pastes it."""
    lines = [
        f"curl --fail-with-body {shlex.quote(base.rstrip('/') + '/api/v1/jobs')}",
        '-H "Authorization: Bearer $TOKEN"',
        "-H 'Content-Type: application/json'",
        f"-d {shlex.quote(json.dumps(body(job), ensure_ascii=False))}",
    ]
    return " \\\n  ".join(lines)


def body(job: Job) -> dict[str, Any]:
    """What `POST /api/v1/jobs` takes to start or resume this job."""
    document: dict[str, Any] = {"kind": job.kind, "key": job.key, **_users_member(job)}
    if job.kind == "purchases":
        document |= {"as_of": iso(job.spec.as_of), "lookback_days": job.spec.lookback_days}
    document |= chosen(job)
    return document | ({"dry_run": True} if job.spec.dry_run else {})


def chosen(job: Job) -> dict[str, Any]:
    """The parameters that differ from what a new job has by default."""
    usual = {name: known.default for name, known in DEFINITIONS.items()}
    if job.kind == "purchases":
        usual["rate_limit"] = SERVICE_RATE
    kept = {name: value for name, value in asdict(job.parameters).items() if name not in _OF_ONE_START}
    return {name: value for name, value in kept.items() if value is not None and value != usual[name]}


def _files_option(source: Mapping[str, Any]) -> Iterator[str]:
    for name in ("uri", "pattern", "events", "credentials", "since", "until"):
        if name in source:
            yield from (f"--{name}", str(source[name]))
    for ours, theirs in dict(source.get("mapping") or {}).items():
        yield from ("--map", f"{ours}={theirs}")
    if source.get("again"):
        yield "--again"
    if source.get("gate"):
        yield "--gate"


def _users_option(job: Job) -> Iterator[str]:
    """A job that named its users one by one, or by a file of its own, is known by its key: it has frozen them."""
    source = job.spec.source
    if "uri" in source:
        yield from _files_option(source)
        return
    if "file" in source:
        yield from ("--user-file", str(source["file"]))
    elif "object" in source:
        yield from ("--s3-uri", str(source["object"]))
    elif "graph" in source:
        yield from ("--source", "neo4j")


def _users_member(job: Job) -> dict[str, Any]:
    source = job.spec.source
    if "uri" in source:
        return {name: value for name, value in source.items() if name not in _TOLD}
    if "object" in source:
        return {"s3_uri": source["object"]}
    return {"source": "neo4j"} if "graph" in source else {}


def _text(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
