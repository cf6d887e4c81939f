"""Jobs in every state, and the pages to look at: for checks of accessibility, and for photographs."""

from collections.abc import Callable
from typing import Final, NamedTuple

from tests.browser.archive import upload, write_files
from tests.browser.looking import ended
from tests.browser.stage import READER, Stage
from tests.integration.server_process import wait_for

SOMEBODY: Final = "user-0000003"
RUNNING: Final = "purchases-nightly"


class Scene(NamedTuple):
    """A page, and how it answers."""

    name: str
    address: str
    signed_in: bool = True
    status: int = 200


def furnish(stage: Stage) -> list[Scene]:
    """Starts jobs, waits until each is in its state, and tells the pages that show them."""
    _detected(stage)
    jobs = {name: make(stage) for name, make in _JOBS.items()}
    wait_for(lambda: stage.job(RUNNING)["processed"] >= 40, "some users")
    return [
        Scene("sign-in", "/sign-in", signed_in=False),
        Scene("jobs", "/jobs"),
        Scene("jobs-empty", "/jobs?q=nothing-is-called-so"),
        Scene("purchases", "/purchases"),
        Scene("identity", "/identity"),
        Scene("event-files", "/event-files"),
        Scene("start", "/start"),
        Scene("start-purchases", "/start/purchases"),
        Scene("start-identity", "/start/identity"),
        Scene("start-events", f"/start/events?like={jobs['archive-2017']}"),
        Scene("job-events", f"/jobs/{jobs['archive-2017-again']}"),
        Scene("job-objects", f"/jobs/{jobs['archive-2017']}/objects"),
        Scene("job", f"/jobs/{jobs[RUNNING]}"),
        Scene("job-stopped", f"/jobs/{jobs['purchases-2016']}"),
        Scene("job-dry-run", f"/jobs/{jobs['purchases-2017:dry-run']}"),
        Scene("job-failures", f"/jobs/{jobs['purchases-2017']}/failures"),
        Scene("job-spec", f"/jobs/{jobs['purchases-2017']}/spec"),
        Scene("job-runs", f"/jobs/{jobs['purchases-2017']}/runs"),
        Scene("job-log", f"/jobs/{jobs['purchases-2016']}/log"),
        Scene("cancel", f"/actions/cancel?job={jobs[RUNNING]}"),
        Scene("graph", "/graph"),
        Scene("graph-user", f"/graph?user={SOMEBODY}"),
        Scene("graph-purchases", f"/graph?user={stage.history.some[30]}"),
        Scene("graph-counts", "/graph/counts?clusters=1"),
        Scene("flags", "/flags?user=hh-0001"),
        Scene("flags-detector", "/flags/detector"),
        Scene("live", "/live/lag"),
        Scene("health", "/health"),
        Scene("not-found", "/jobs/nobody-knows-it", status=404),
    ]


def _detected(stage: Stage) -> None:
    with stage.server.client(stage.token) as client:
        assert client.post("/flags/detector").status_code == 303
    found = "/jobs?kind=newly-enabled&state=succeeded"
    wait_for(lambda: stage.ask("GET", found)["items"], "the load of the newly enabled")


def _identity(stage: Stage) -> str:
    job = stage.start("identity")
    wait_for(lambda: ended(stage, "identity"), "all users")
    return str(job["job_id"])


def _files(stage: Stage) -> str:
    folder = stage.files / "archive-2017"
    write_files(folder, 24, broken=2)
    uri = upload(stage.gateway, folder)
    job = stage.start("archive-2017", "events", uri=uri, events="receipts", credentials=READER)
    wait_for(lambda: ended(stage, "archive-2017"), "the files")
    return str(job["job_id"])


def _files_again(stage: Stage) -> str:
    """Without a key, so that they are known to be the same."""
    uri = stage.job("archive-2017")["spec"]["source"]["uri"]
    body = {"kind": "events", "uri": uri, "pattern": "*.gz", "events": "receipts", "credentials": READER}
    first = stage.ask("POST", "/jobs", body)["job"]["key"]
    wait_for(lambda: ended(stage, first), "the files")
    again = stage.ask("POST", "/jobs", body)["job"]
    wait_for(lambda: ended(stage, again["key"]), "the files again")
    return str(again["job_id"])


def _with_failures(stage: Stage) -> str:
    broken, limited = stage.history.some[5:9], stage.history.some[20:22]
    stage.history.misbehave("shop-orders", failing_users=dict.fromkeys(broken, 422))
    stage.history.misbehave("products", failing_users=dict.fromkeys(limited, 404))
    job = stage.purchases("purchases-2017", 120, rate_limit=1_000)
    wait_for(lambda: ended(stage, "purchases-2017"), "the load")
    for service in ("shop-orders", "products"):
        stage.history.misbehave(service)
    return str(job["job_id"])


def _dry(stage: Stage) -> str:
    job = stage.purchases("purchases-2017:dry-run", 120, rate_limit=1_000, dry_run=True)
    wait_for(lambda: ended(stage, "purchases-2017:dry-run"), "the dry run")
    return str(job["job_id"])


def _stopped(stage: Stage) -> str:
    job = stage.purchases("purchases-2016", 400, rate_limit=40, batch_size=20, as_of="2017-01-02")
    wait_for(lambda: stage.job("purchases-2016")["processed"] >= 60, "some users")
    stage.server.cli.run("jobs", "stop", "purchases-2016")
    wait_for(lambda: ended(stage, "purchases-2016"), "the stop")
    return str(job["job_id"])


def _canceled(stage: Stage) -> str:
    job = stage.start("identity-trial", rate_limit=50)
    stage.server.cli.run("jobs", "cancel", "identity-trial")
    wait_for(lambda: ended(stage, "identity-trial"), "the end")
    return str(job["job_id"])


def _paused(stage: Stage) -> str:
    job = stage.start("identity-again", rate_limit=400, max_runtime_ms=2_000)
    wait_for(lambda: stage.job("identity-again")["state"] == "paused", "the cap")
    return str(job["job_id"])


def _running(stage: Stage) -> str:
    """It is the last: one job of its kind runs at a time."""
    return str(stage.purchases(RUNNING, len(stage.history.some), rate_limit=6, batch_size=10)["job_id"])


_JOBS: Final[dict[str, Callable[[Stage], str]]] = {
    "identity": _identity,
    "archive-2017": _files,
    "archive-2017-again": _files_again,
    "purchases-2017": _with_failures,
    "purchases-2017:dry-run": _dry,
    "purchases-2016": _stopped,
    "identity-trial": _canceled,
    "identity-again": _paused,
    RUNNING: _running,
}
