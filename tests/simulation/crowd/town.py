"""The servers of a crowd's world, what happens to them, and how it is known that nothing is left to be done."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

from retrograph.cache.keys import enrolled_key
from retrograph.facts import Facts, Loaded
from tests.simulation.crowd.broker import Broker
from tests.simulation.crowd.cache import CacheServer
from tests.simulation.crowd.gates import GARBAGE, covered_at
from tests.simulation.crowd.plan import CrowdPlan, Trouble
from tests.simulation.crowd.queues import QueueServer
from tests.simulation.crowd.services import Services, history_of
from tests.simulation.loop import SimulatedLoop
from tests.simulation.process import Witness
from tests.simulation.store import StoreServer

LOOK_SECONDS: Final = 1.0
REDRIVE_SECONDS: Final = 20.0
LONGEST_SECONDS: Final = 1_500.0
QUIET_LOOKS: Final = 3


class Town:
    """Everything that the processes of a crowd share."""

    def __init__(
        self, plan: CrowdPlan, seed: str, loop: SimulatedLoop, witness: Witness, store: StoreServer, problems: list[str]
    ) -> None:
        self.plan = plan
        self.loop = loop
        self.store = store
        self.problems = problems
        self.over = asyncio.Event()
        self.promised: dict[str, str] = {}
        """Who was told to be enrolled, and by which request."""
        self._witness = witness
        self.broker = Broker(Random(f"{seed}:kafka"), witness, plan.partitions, problems)
        dead, given_up = (QueueServer(name, Random(f"{seed}:{name}"), witness) for name in ("dead", "given-up"))
        self.bulk = QueueServer("queue", Random(f"{seed}:queue"), witness, dead)
        self.enrolment = QueueServer("enrolments", Random(f"{seed}:enrolments"), witness, given_up)
        self.cache = CacheServer()
        self.services = Services(plan)

    @property
    def users(self) -> list[str]:
        """Everybody."""
        return sorted({one.user_id for one in self.plan.happenings})

    async def live(self) -> None:
        """What users do, what other systems do, and what becomes of the servers."""
        plan = self.plan
        done: list[tuple[float, int, Callable[[], object]]] = []
        for number, one in enumerate(plan.happenings):
            if one.at >= 0:
                payload = str(number).encode()
                done += [(one.at, number, self._event(one.user_id, payload)) for _ in range(one.copies)]
        done += [(at, 10_000, self._event("nobody", GARBAGE)) for at in plan.garbage]
        done += [(one.at, 10_001, self._key(one.user_id)) for one in plan.openings if one.by == "key"]
        done += [(one.at, 10_002, self._mishap(one)) for one in plan.troubles]
        for at, _, deed in sorted(done, key=lambda one: one[:2]):
            await asyncio.sleep(max(0.0, at - self.loop.time()))
            deed()
        await asyncio.sleep(max([0.0, *(one.at for one in plan.openings)]) - self.loop.time() + 0.001)

    def _event(self, user_id: str, payload: bytes) -> Callable[[], object]:
        return lambda: self.broker.append(user_id, payload, self.loop.time())

    def _key(self, user_id: str) -> Callable[[], object]:
        return lambda: self.cache.values.__setitem__(enrolled_key(user_id), "1")

    def _mishap(self, trouble: Trouble) -> Callable[[], object]:
        def befalls() -> None:
            self._witness.saw("town", f"{trouble.what} for {trouble.seconds:.3f} s")
            if trouble.what == "flush":
                self.cache.flush()
            elif trouble.what == "replay":
                self.broker.replay()
            else:
                self._outage(trouble)

        return befalls

    def _outage(self, trouble: Trouble) -> None:
        servers: dict[str, list[CacheServer | Broker | QueueServer]] = {
            "cache": [self.cache],
            "kafka": [self.broker],
            "queue": [self.bulk, self.enrolment],
        }
        for server in servers[trouble.what]:
            server.down = True
            self.loop.call_later(trouble.seconds, setattr, server, "down", False)

    async def watch(self, busy: Sequence["asyncio.Task[None]"]) -> None:
        """Looks after the group, gives dead letters of enrolments back, and says when all is done."""
        quiet = 0
        while quiet < QUIET_LOOKS:
            await asyncio.sleep(LOOK_SECONDS)
            self.broker.look(self.loop.time())
            given_up = self.enrolment.dead
            if given_up is not None and given_up.messages and self.loop.time() % REDRIVE_SECONDS < LOOK_SECONDS:
                self.enrolment.send([message.body for message in given_up.messages])
                given_up.messages.clear()
            quiet = quiet + 1 if all(task.done() for task in busy) and not self.left() else 0
            if self.loop.time() > LONGEST_SECONDS:
                self.problems.append(f"it never comes to an end: {', '.join(self.left()) or 'somebody is busy'}")
                break
        self._witness.saw("town", "all is done")
        self.over.set()

    def left(self) -> list[str]:
        """What is still to be done."""
        counted = {
            "events": self.broker.behind,
            "requests": len(self.bulk.messages) + len(self.enrolment.messages),
            "dead letters": len(self.enrolment.dead.messages) if self.enrolment.dead else 0,
            "enrolments": self._count("SELECT count(*) FROM enrolments WHERE settled_at IS NULL OR copied_at IS NULL"),
            "detections": self._count("SELECT count(*) FROM detections WHERE found > 0 AND settled_at IS NULL"),
            "unsealed": self._count("SELECT count(*) FROM detections WHERE sealed_at IS NULL"),
            "undetected": len(covered_at(self.plan, self.loop.time()) & set(self.users) - self._known()),
            "failures": self._count("SELECT count(*) FROM job_failures WHERE resolved_at IS NULL"),
            "jobs": self._count("SELECT count(*) FROM jobs WHERE state <> 'succeeded'"),
        }
        return [f"{count} {what}" for what, count in counted.items() if count]

    def enrolled(self) -> set[str]:
        """Who is, in the store."""
        return {user for (user,) in self.store.connection.execute("SELECT user_id FROM enrolments")}

    def _known(self) -> set[str]:
        return {user for (user,) in self.store.connection.execute("SELECT user_id FROM enabled_users")}

    def _count(self, statement: str) -> int:
        return int(self.store.connection.execute(statement).fetchone()[0])

    # --- the end

    def told(self) -> list[Facts]:
        """All that the graph must hold: everything that the users did whose gates are open, whenever it was."""
        open_ = (self.enrolled() | covered_at(self.plan, self.loop.time())).intersection(self.users)
        facts = [history_of(user, [], Loaded(at=0, by="crowd")) for user in sorted(open_)]
        return facts + [one.facts for one in self.plan.happenings if one.user_id in open_]

    def judge(self) -> list[str]:
        """What is wrong beside the graph."""
        problems = [f"{user} was promised an enrolment" for user in self.promised if user not in self.enrolled()]
        garbage = [letter for letter in self.broker.dead_letters if letter.value == GARBAGE]
        if len(garbage) != len(self.broker.dead_letters):
            problems.append(f"{len(self.broker.dead_letters) - len(garbage)} good events are dead letters")
        if len({(letter.partition, letter.offset) for letter in garbage}) != len(self.plan.garbage):
            problems.append(f"{len(garbage)} dead letters of {len(self.plan.garbage)} that are garbage")
        return problems
