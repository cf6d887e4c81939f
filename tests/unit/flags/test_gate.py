"""Who passes the gate, whoever answers for the flags."""

from collections.abc import Collection
from pathlib import Path

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.flag_evaluation import FlagResolutionDetails
from openfeature.hook import Hook
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from retrograph.clock import SystemClock
from retrograph.config import Settings
from retrograph.errors import ConfigurationError, DependencyDown
from retrograph.flags.gate import INGESTION, FlagGate, OpenGate
from retrograph.flags.provider import FileProvider, OpenFeatureFlags
from retrograph.wiring.flags import OpenedGate, open_gate

FLAGS = "flags: {consumer_graph_ingestion: {segments: [{name: team, allowedIDs: 'ann, bob'}]}}"


class Some:
    """Enrolled are these, and it is noted who was asked for."""

    def __init__(self, *users: str) -> None:
        self.users = frozenset(users)
        self.asked: list[frozenset[str]] = []

    async def among(self, user_ids: Collection[str]) -> frozenset[str]:
        self.asked.append(frozenset(user_ids))
        return self.users & frozenset(user_ids)


def settings(file: Path | None = None, **flags: object) -> Settings:
    return Settings.model_validate(
        {
            "flags": {"file": str(file) if file else None, **flags},
            "graph": f"sqlite:///{file.parent / 'retrograph.db'}" if file else "sqlite:///retrograph.db",
        }
    )


async def admitted(opened: OpenedGate, *users: str) -> set[str]:
    return set(await opened.gate.admits(users))


def write(file: Path, text: str) -> None:
    file.write_text(text)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "flags.yaml"
    made.write_text(FLAGS)
    return made


async def test_whom_the_flag_covers_passes(file: Path) -> None:
    async with open_gate(settings(file), SystemClock()) as opened:
        assert await admitted(opened, "ann", "bob", "cho") == {"ann", "bob"}


async def test_the_enrolled_pass_as_well_and_only_about_the_others_anybody_is_asked(file: Path) -> None:
    enrolled = Some("cho", "ann")
    async with open_gate(settings(file), SystemClock(), enrolled) as opened:
        assert await admitted(opened, "ann", "cho", "dan") == {"ann", "cho"}
        assert await admitted(opened, "ann", "bob") == {"ann", "bob"}
    assert enrolled.asked == [frozenset({"cho", "dan"})]


async def test_without_flags_everybody_passes() -> None:
    async with open_gate(settings(), SystemClock()) as opened:
        assert isinstance(opened.gate, OpenGate)
        assert await admitted(opened, "ann") == {"ann"}


async def test_flags_that_were_never_read_let_nobody_in_and_drop_nobody(tmp_path: Path) -> None:
    file = tmp_path / "flags.yaml"
    async with open_gate(settings(file), SystemClock()) as opened:
        assert opened.flags is not None
        with pytest.raises(DependencyDown, match="could not be read yet"):
            await opened.gate.admits(["ann"])
        assert not await opened.flags.ping()
        write(file, FLAGS)
        await opened.flags.look()
        assert await admitted(opened, "ann", "cho") == {"ann"}
        assert await opened.flags.ping() and opened.flags.looked_at is not None


async def test_a_refresh_that_fails_keeps_the_last_good_flags_and_says_so(file: Path) -> None:
    async with open_gate(settings(file), SystemClock()) as opened:
        assert opened.flags is not None
        write(file, "flags: [")
        await opened.flags.look()
        assert await admitted(opened, "ann", "cho") == {"ann"}
        assert [problem.location for problem in opened.flags.problems] == [str(file)]
        assert not await opened.flags.ping()


async def test_a_change_is_seen_within_the_interval(file: Path) -> None:
    async with open_gate(settings(file, refresh_seconds=1), SystemClock()) as opened:
        write(file, FLAGS.replace("bob", "bob, cho"))
        while "cho" not in await opened.gate.admits(["cho"]):
            await SystemClock().sleep(0.02)


async def test_a_file_without_the_flag_is_no_open_and_no_shut_gate(tmp_path: Path) -> None:
    file = tmp_path / "flags.yaml"
    write(file, "flags: {other: {segments: []}}")
    async with open_gate(settings(file), SystemClock()) as opened:
        with pytest.raises(DependencyDown, match="no flag consumer_graph_ingestion"):
            await opened.gate.admits(["ann"])


class Noting(Hook):
    """Somebody's hook: notes whom a flag was asked about."""

    def __init__(self) -> None:
        self.users: list[str | None] = []

    def after(self, hook_context, details, hints):  # type: ignore[no-untyped-def]
        self.users.append(hook_context.evaluation_context.targeting_key)


async def test_hooks_are_told_of_every_user(file: Path) -> None:
    noting = Noting()
    async with open_gate(settings(file), SystemClock()) as opened:
        api.add_hooks([noting])
        try:
            assert await admitted(opened, "ann", "cho") == {"ann"}
        finally:
            api.clear_hooks()
    assert noting.users == ["ann", "cho"]


def of_ann() -> InMemoryProvider:
    """Another provider: on for Ann."""

    def asked(flag: InMemoryFlag[bool], context: EvaluationContext) -> FlagResolutionDetails[bool]:
        return FlagResolutionDetails(value=context.targeting_key == "ann")

    return InMemoryProvider({INGESTION: InMemoryFlag("off", {"on": True, "off": False}, context_evaluator=asked)})


async def test_another_provider_answers_instead_of_the_file(file: Path) -> None:
    async with open_gate(settings(file, provider=f"{__name__}:of_ann"), SystemClock()) as opened:
        assert await admitted(opened, "ann", "bob") == {"ann"}


@pytest.mark.parametrize("name", ["no_such_module:made", f"{__name__}:nothing", "json:JSONDecoder"])
async def test_a_name_that_makes_no_provider_is_a_mistake(name: str) -> None:
    with pytest.raises(ConfigurationError, match="RETROGRAPH_FLAGS_PROVIDER"):
        async with open_gate(settings(provider=name), SystemClock()):
            pass


async def test_another_providers_error_is_never_taken_for_a_shut_gate() -> None:
    gate = FlagGate(OpenFeatureFlags(InMemoryProvider({})))
    with pytest.raises(DependencyDown, match="cannot be known"):
        await gate.admits(["ann"])


async def test_the_file_speaks_openfeature_to_whoever_asks(file: Path) -> None:
    async with open_gate(settings(file), SystemClock()) as opened:
        flags = opened.flags
        assert flags is not None
        api.set_provider_and_wait(FileProvider(lambda: flags.coverage), "somebody")
        client = api.get_client("somebody")
        assert client.get_boolean_value(INGESTION, False, EvaluationContext("ann"))
        assert not client.get_boolean_value(INGESTION, True, EvaluationContext("cho"))
        assert client.get_boolean_details("other", True, EvaluationContext("ann")).error_code == "FLAG_NOT_FOUND"
        assert client.get_boolean_details(INGESTION, True).error_code == "TARGETING_KEY_MISSING"
        assert client.get_string_details(INGESTION, "", EvaluationContext("ann")).error_code == "TYPE_MISMATCH"
