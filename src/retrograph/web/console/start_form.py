"""The form that starts a kind of job, made of the parameters' own definitions; and what was typed, read back. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, TypeAlias

from retrograph.clock import iso
from retrograph.errors import UsageError
from retrograph.jobs import parameters
from retrograph.jobs.definitions import DEFINITIONS, Definition
from retrograph.jobs.job import Job
from retrograph.jobs.keys import DRY_RUN_SUFFIX
from retrograph.jobs.state import JobState
from retrograph.jobs.uploads import Upload
from retrograph.jobs.wording import counted
from retrograph.web.console import file_form
from retrograph.web.console.formatting import capitalised
from retrograph.web.console.start_kinds import KINDS, StartKind

USERS: Final[Mapping[str, str]] = {
    "paste": "Paste ids",
    "upload": "Upload a file",
    "s3": "From S3",
    "graph": "All of the graph",
}
EXECUTORS: Final[Mapping[str, str]] = {
    "": "As the job has it; a new one: this server",
    "inline": "In this server",
    "queue": "By workers, through the queue",
}
_RESUMED: Final = ("mode", "retry_failed_before_cursor", "reset_cursor")
_LEFT_OUT: Final = ("dry_run", "executor", *_RESUMED)
Choices: TypeAlias = Mapping[str, Mapping[str, str]]
"""What may be chosen in a field, where that is known only to the server: values and their words, by field."""
_FIELD_OF: Final[Mapping[str, str]] = {"user_ids": "ids", "upload_id": "file", "source": "users", "job": "users"}
"""Where an error of the API's field belongs in the form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One parameter's field, with what was typed and what is wrong with it."""

    known: Definition
    label: str
    unit: str
    help: str
    value: str
    problem: str
    placeholder: str
    bounds: str
    choices: Mapping[str, str]
    """Values and their words; none where it is typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The form as it is shown. `values` is what was typed, by field."""

    kind: StartKind
    values: Mapping[str, str]
    problems: Mapping[str, str]
    own: Sequence[Field]
    own_further: Sequence[Field]
    first: Sequence[Field]
    further: Sequence[Field]
    modes: Mapping[str, str]
    executors: Mapping[str, str]
    """Where users may be loaded; empty where there is no choice."""
    users: Mapping[str, str]
    chosen: str
    upload: str
    """The file that was uploaded already, in words."""
    like: str
    """The job whose users are taken, in words."""

    @property
    def further_open(self) -> bool:
        """Whether the folded part has something to look at."""
        return any(one.problem or one.value for one in self.further)

    @property
    def own_open(self) -> bool:
        """The same for what is folded of where its items come from."""
        return any(one.problem or one.value for one in self.own_further)

    def value(self, name: str) -> str:
        """What was typed there."""
        return self.values.get(name, "")

    def problem(self, name: str) -> str:
        """What is wrong there; an empty name stands for the form as a whole."""
        return self.problems.get(name, "")

    def is_set(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.values.get(name) == "on"


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What was typed, as a start takes it, and what is wrong, by field."""

    parameters: Mapping[str, object]
    own: Mapping[str, object] = field(default_factory=dict)
    """Where its items come from, for kinds that have fields of their own."""
    problems: Mapping[str, str] = field(default_factory=dict)


def form_of(
    kind: StartKind,
    values: Mapping[str, str],
    problems: Mapping[str, str] | None = None,
    *,
    upload: Upload | None = None,
    like: Job | None = None,
    sends: bool = False,
    choices: Choices | None = None,
) -> Form:
    """The form, filled in; `upload` and `like` are the file and the job that it goes on with. `sends`: this server
    knows a queue."""
    wrong = problems or {}
    filling = _Filling(kind, values, wrong, choices or {})
    names = [name for name, known in DEFINITIONS.items() if name not in _LEFT_OUT and _fits(known, kind)]
    users = dict(USERS)
    if like is not None:
        users = {"same": f"Those of {like.key}", **users}
    fallback = "same" if like is not None else "upload" if upload is not None else "paste"
    return Form(
        kind=kind,
        values={"retry_failed_before_cursor": "on", "mode": "full", **values} if not values.get("sent") else values,
        problems=wrong,
        own=[filling.field(kind.own[name]) for name in kind.own_first],
        own_further=[filling.field(known) for name, known in kind.own.items() if name not in kind.own_first],
        first=[filling.field(DEFINITIONS[name]) for name in kind.first],
        further=[filling.field(DEFINITIONS[name]) for name in names if name not in kind.first],
        modes=_words(DEFINITIONS["mode"]),
        executors=EXECUTORS if sends and kind.takes_users else {},
        users=users,
        chosen=values["users"] if values.get("users") in users else fallback,
        upload="" if upload is None else _upload_text(upload),
        like="" if like is None else counted(like.kind, like.total or 0),
    )


def _fits(known: Definition, kind: StartKind) -> bool:
    return kind.takes_users or not known.windowed_only


@dataclass(frozen=True, slots=True)
class _Filling:
    """What a form is filled in with."""

    kind: StartKind
    values: Mapping[str, str]
    problems: Mapping[str, str]
    choices: Choices

    def field(self, known: Definition) -> Field:
        """One of its fields."""
        return Field(
            known=known,
            label=self.kind.said(known.label),
            unit=self.kind.said(known.unit or ""),
            help=self.kind.said(known.help),
            value=self.values.get(known.name, ""),
            problem=self.problems.get(known.name, ""),
            placeholder=self._placeholder(known),
            bounds="" if known.range is None else known.range.text().replace("-", "–"),
            choices=self.choices.get(known.name) or _words(known),
        )

    def _placeholder(self, known: Definition) -> str:
        limited = known.name == "rate_limit" and self.kind.rate_limit is not None
        usual = self.kind.rate_limit if limited else known.default
        if usual is None:
            return known.default_text or ""
        return f"{usual:,.12g}" if isinstance(usual, int | float) else ""


def _words(known: Definition) -> Mapping[str, str]:
    return {name: f"{name.capitalize()}: {text}" for name, text in known.choices.items()}


def _upload_text(upload: Upload) -> str:
    left_out = [
        f"{count:,} {word}" for count, word in ((upload.repeated, "repeated"), (upload.blank, "blank")) if count
    ]
    return f"{upload.name}: {upload.ids:,} ids" + (f" ({', '.join(left_out)})" if left_out else "")


def typed(kind: StartKind, values: Mapping[str, str]) -> Typed:
    """Each field is read by itself, so that everything that is wrong is told at once."""
    given: dict[str, object] = {}
    problems: dict[str, str] = {}
    for name, known in DEFINITIONS.items():
        if name == "dry_run" or not _fits(known, kind):
            continue
        value: object = values.get(name) == "on" if known.type == "flag" else _without_commas(values.get(name), known)
        if value is None or value == "":
            continue
        try:
            parameters.read({name: value}, from_text=True)
        except UsageError as error:
            problems[name] = sentence(str(error).replace(f"{name} ", "", 1))
        else:
            given[name] = value
    own = file_form.typed(values) if kind.own else file_form.Files()
    told = {name: sentence(words) for name, words in own.problems.items()}
    return Typed(parameters=given, own=own.given, problems={**told, **problems})


def _without_commas(value: str | None, known: Definition) -> str:
    """Thousands may be separated, as the form itself shows them."""
    text = (value or "").strip()
    return text.replace(",", "") if known.type == "number" else text


def problem_of(error: UsageError) -> tuple[str, str]:
    """The field that an error belongs to, and its words; an empty name stands for the form as a whole."""
    name = error.field or ""
    words = str(error).replace("(--reset-cursor)", "").replace("reset_cursor", "Reset cursor").replace(" ,", ",")
    return _FIELD_OF.get(name, name), sentence(words)


def sentence(words: str) -> str:
    """With a capital and a full stop."""
    text = capitalised(" ".join(words.split()))
    return text + ("" if text.endswith((".", "!", "?")) else ".")


def pasted(text: str) -> list[str]:
    """Ids from a text field: one a line, or separated by commas, semicolons or blanks."""
    return text.replace(",", " ").replace(";", " ").split()


def values_like(job: Job) -> dict[str, str]:
    """The form for another start of a job: a dry run's becomes the real one, over the same users and window."""
    differing = {name: value for name, value in asdict(job.parameters).items() if _is_asked(name, value, job.kind)}
    values: dict[str, Any] = {name: f"{value:.12g}" for name, value in differing.items()}
    values |= {"key": job.key.removesuffix(DRY_RUN_SUFFIX) if job.spec.dry_run else job.key, "like": job.job_id}
    if job.spec.dry_run and KINDS[job.kind].takes_users:
        values |= {"as_of": _instant(job.spec.as_of), "lookback_days": str(job.spec.lookback_days)}
    if job.parameters.executor == "queue":
        values["executor"] = "queue"
    if job.state is JobState.CANCELED:
        values["reset_cursor"] = "on"
    return {**file_form.values_of(job.spec.source), **values} if KINDS[job.kind].own else values


def _instant(millis: int) -> str:
    """An instant as somebody would type it: `2018-06-01` for a midnight, and no fraction where there is none."""
    return iso(millis).replace("T00:00:00.000Z", "").replace(".000Z", "Z")


def _is_asked(name: str, value: object, kind: str) -> bool:
    known = DEFINITIONS.get(name)
    if known is None:
        return False
    usual = KINDS[kind].rate_limit if name == "rate_limit" else known.default
    return known.type == "number" and value is not None and value != usual
