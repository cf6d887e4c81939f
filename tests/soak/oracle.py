"""What must be so after every round: the graph of all facts joined at once, and exact counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from retrograph.jobs.state import EDGES, JobState
from tests.integration.story import FAST, ended
from tests.soak.company import Company
from tests.soak.play import Round, as_lines
from tests.soak.stage import WINDOW, Stage, load_known_user


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came out right."""

    users: int
    events: int
    facts: int
    retried: int
    """Users whose first message was given up or whose load failed, and whom a retry loaded."""


class Oracle:
    """Joins the same facts at once, in one file, where nothing happens."""

    def __init__(self, stage: Stage, enrolled: Sequence[str]) -> None:
        """`enrolled`: who is loaded before the first round."""
        self._stage = stage
        self._place = stage.alone()
        self._events = self._place.directory / "events"
        load_known_user(stage, self._place)
        self._place.load(enrolled, *FAST, *WINDOW, key="enrolled")

    def add(self, *rounds: Round) -> None:
        """The facts of these rounds: histories of those who were loaded, and every event that the gate lets in."""
        users = [user for play in rounds for user in play.cast.with_history]
        key = rounds[0].key
        self._place.load(users, *FAST, *WINDOW, key=key)
        folder = self._events / key
        folder.mkdir(parents=True)
        for play in rounds:
            (folder / f"{play.key}.jsonl").write_text(as_lines(play.told.accepted))
        read = self._place.cli.run("backfill", "events", "--uri", folder.as_uri(), "--events", "auto", "--json")
        job = ended(read)
        assert (job["state"], job["failed"]) == ("succeeded", 0), job

    def judge(self, company: Company, *rounds: Round) -> Verdict:
        """Raises AssertionError unless everything is as if nothing had happened."""
        retried = sum(self._counted(company, play) for play in rounds)
        stage = self._stage
        assert stage.queues.left() == 0, "messages are left"
        assert not company.surprises, company.surprises
        assert "Traceback" not in "".join(actor.told for actor in company.everybody)
        assert stage.stream.dead_letters() == 0, "events have become dead letters"
        found, wanted = self._digest_at_rest(), self._place.digest()
        assert found == wanted, (found, wanted)
        return Verdict(
            users=sum(len(play.cast.with_history) + len(play.cast.streamed) for play in rounds),
            events=sum(play.published for play in rounds),
            facts=wanted["facts"],
            retried=retried,
        )

    def _counted(self, company: Company, play: Round) -> int:
        """How many needed a retry."""
        job, users = play.job, len(play.cast.sent)
        assert job["state"] == "succeeded", job
        assert (job["total"], job["processed"], job["failed"], job["skipped"]) == (users, users, 0, 0), job
        assert job["sent"] == job["answered"] >= users, job
        log: list[Any] = company.ask("GET", f"/api/v1/jobs/{play.key}/events")["items"]
        moves = [(JobState(event["from"]), JobState(event["to"])) for event in log if event["from"]]
        assert all(move in EDGES for move in moves), moves
        return int(job["sent"]) - users

    def _digest_at_rest(self) -> Any:
        """Marks that the last events left are walked at a job's end; one of a known user changes nothing else."""
        place = self._stage.place
        found = ended(place.cli.run("graph", "digest", "--json"))
        if found.pop("recount_pending"):
            load_known_user(self._stage, place)
            return place.digest()
        return found
