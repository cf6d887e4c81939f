"""What a dry run does with an item: nothing, and it says so."""

from retrograph.jobs.work import Outcome, Permit, unconditionally

_SKIPPED = Outcome(status="skipped", reason="dry-run")


class DryLoad:
    """A `Load` that writes nothing and calls nobody."""

    async def load(self, key: str, permit: Permit = unconditionally) -> Outcome:
        del key, permit
        return _SKIPPED

    async def ping(self, dependency: str) -> bool:
        del dependency
        return True

    async def finish(self) -> None:
        return None

    async def close(self) -> None:
        return None
