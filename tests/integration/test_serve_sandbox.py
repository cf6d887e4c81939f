"""`retrograph serve --sandbox`: everything to try the server out, from one command."""

import re
from pathlib import Path

from tests.integration.command_line import CommandLine
from tests.integration.server_process import ServerProcess, job_of, wait_for

AS_OF = "2018-01-02"


def test_the_server_brings_its_own_history_along(tmp_path: Path) -> None:
    cli = CommandLine(tmp_path)
    server = ServerProcess(cli).start("--sandbox")
    try:
        told = wait_for(lambda: re.search(r"tokens create --email (\S+) ", server.told()), "its words")
        assert told is not None
        assert re.search(r"a sandbox at http://127\.0\.0\.1:\d+", server.told())
        with server.client(server.token(email="eve@example.com", name="eve")) as client:
            assert client.get("/api/v1/jobs").status_code == 403
        users = (tmp_path / "sandbox-users.txt").read_text().split()
        assert len(users) == 2_377
        with server.client(server.token(email=told[1])) as client:
            started = client.post(
                "/api/v1/jobs",
                json={"kind": "purchases", "key": "some", "user_ids": users[:20], "as_of": AS_OF, "rate_limit": 1_000},
            )
            assert started.status_code == 202, started.text
            job = wait_for(
                lambda: found if (found := job_of(client, "some"))["state"] == "succeeded" else None,
                "the job to end",
                server.told,
            )
            assert job is not None and (job["processed"], job["failed"]) == (20, 0)
            tried = {"kind": "purchases", "key": "tried", "user_ids": users[:3], "as_of": AS_OF, "dry_run": True}
            dry = client.post("/api/v1/jobs", json=tried).json()["job"]
            wait_for(lambda: client.get(f"/api/v1/jobs/{dry['job_id']}").json()["state"] == "succeeded", "the dry run")
            for_real = client.post("/api/v1/jobs", json={"kind": "purchases", "key": dry["job_id"]})
            assert for_real.status_code == 202, for_real.text
            begun = for_real.json()["job"]
            assert (begun["key"], begun["total"], begun["spec"]["as_of"][:10]) == ("tried", 3, AS_OF)
            assert begun["spec"]["dry_run"] is False
        assert server.stop() == 0
    finally:
        server.close()


def test_services_that_are_configured_are_not_replaced_without_a_word(tmp_path: Path) -> None:
    ended = CommandLine(tmp_path, upstream="http://127.0.0.1:9").run("serve", "--sandbox", "--port", "0")
    assert ended.code == 2 and "unset RETROGRAPH_UPSTREAM" in ended.err
    assert CommandLine(tmp_path).left() == []
