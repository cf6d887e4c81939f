"""How far a consumer group is behind: advice for people. No load has to wait for it, since a join needs no order."""

from dataclasses import dataclass
from typing import Any, Final, Literal

State = Literal["caught up", "behind", "not consuming", "offset lost"]
MILLIS_PER_MINUTE: Final = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the cluster says of one partition. Offsets: `first` and `end` are the topic's, `committed` the group's
    (`None`: it has not committed any). `oldest_at`: when the next record to be read was made, milliseconds."""

    partition: int
    first: int
    end: int
    committed: int | None
    consumed: bool
    oldest_at: int | None = None

    @property
    def behind(self) -> int:
        """Records that are there and not done with."""
        return self.end - (self.first if self.committed is None else max(self.first, min(self.committed, self.end)))

    @property
    def lost(self) -> bool:
        """Whether the topic no longer holds what the group would read next."""
        return self.committed is not None and not self.first <= self.committed <= self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """One partition of one group, judged. `minutes`: how old the oldest unread record is."""

    form: str
    topic: str
    group: str
    partition: int
    state: State
    behind: int
    minutes: float | None

    @property
    def words(self) -> str:
        """For people."""
        if self.state == "behind":
            return "behind by " + self._behind
        return (
            self.state if self.behind == 0 or self.state == "caught up" else f"{self.state}, behind by {self._behind}"
        )

    @property
    def _behind(self) -> str:
        if self.minutes is None:
            return f"{self.behind:,}"
        unit = "minute" if round(self.minutes) == 1 else "minutes"
        about = "less than a minute" if self.minutes < 1 else f"about {self.minutes:,.0f} {unit}"
        return f"{self.behind:,} ({about})"

    def as_json(self) -> dict[str, Any]:
        """As doors print it."""
        return {
            "form": self.form,
            "topic": self.topic,
            "group": self.group,
            "partition": self.partition,
            "state": self.state,
            "behind": self.behind,
            "minutes": None if self.minutes is None else round(self.minutes, 1),
            "words": self.words,
        }


def judged(form: str, topic: str, group: str, seen: Seen, *, poll: int, now: int) -> Lag:
    """What one poll of `poll` records can clear counts as caught up; a lost offset and an absent consumer do not."""
    minutes = None
    if seen.behind and seen.oldest_at is not None:
        minutes = max(0, now - seen.oldest_at) / MILLIS_PER_MINUTE
    return Lag(
        form=form,
        topic=topic,
        group=group,
        partition=seen.partition,
        state=_state(seen, poll),
        behind=seen.behind,
        minutes=minutes,
    )


def _state(seen: Seen, poll: int) -> State:
    if seen.lost:
        return "offset lost"
    if not seen.consumed:
        return "not consuming"
    return "caught up" if seen.behind <= poll else "behind"
