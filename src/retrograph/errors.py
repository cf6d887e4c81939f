"""Every error that Retrograph raises on purpose.

RetrographError                 a sentence for a person: what, which item, what to do
├── UsageError                  wrong input; nothing was changed (exit code 2)
│   ├── ConfigurationError      a setting is wrong or missing; also 401 and 403 of a service
│   │   └── NotPermitted        our credentials do not allow to read that object
│   ├── OtherWork               the key stands for other work already
│   ├── TooLarge                more than is taken at once
│   ├── MissingExtra            a URL needs an optional dependency that is not installed
│   └── IncompatibleGraph       another graph than the job's, or a newer schema than this version knows
├── DependencyDown              a server does not answer (exit code 3); a job pauses, no item is charged
├── JobRefused                  the job cannot start now (exit code 4): held, or another one of its kind runs
├── NotFound                    no such job, user or object (exit code 2)
├── LeaseLost                   this process no longer holds the job: it must write nothing more
└── ItemError                   one item failed: it is charged, the job goes on
    ├── ServiceFailed           a service went on failing after every try
    ├── MalformedAnswer         a service answered with a document of the wrong shape
    ├── UndecodableEvent        an event is not what its contract says
    ├── ObjectFailed            an object of event files cannot be read, or is not what it says
    └── WriteFailed             the graph refused this item's data
"""


class RetrographError(Exception):
    """The root; its text is shown to people as it stands."""


class UsageError(RetrographError):
    """Wrong input: one sentence says what, where and what to do. `field` names the parameter that is wrong, if any."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class ConfigurationError(UsageError):
    """A setting is wrong or missing. A run that meets it fails; no item is charged."""


class OtherWork(UsageError):
    """A key exists, with another source or window than what was asked for."""


class TooLarge(UsageError):
    """More ids or bytes than are taken at once."""


class MissingExtra(UsageError):
    """The chosen backend needs an extra of the package."""

    def __init__(self, url_scheme: str, extra: str) -> None:
        super().__init__(f"{url_scheme}:// needs an optional dependency: pip install 'retrograph[{extra}]'")


class IncompatibleGraph(UsageError):
    """The graph at this URL is not the one the work belongs to, or is of a newer version."""


class DependencyDown(RetrographError):
    """A server that the work needs does not answer. `dependency` is its name, as `doctor` prints it."""

    def __init__(self, dependency: str, message: str) -> None:
        super().__init__(message)
        self.dependency = dependency


class JobRefused(RetrographError):
    """A job cannot start now. `reason` is `running`, `complete` or `other-job-running`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class NotPermitted(ConfigurationError):
    """The credentials of this installation do not allow to read that."""


class NotFound(UsageError):
    """There is no such thing under that name."""


class LeaseLost(RetrographError):
    """The lease ended or was taken over: whatever this process would still write could be stale."""


class ItemError(RetrographError):
    """One item failed. `dependency` names the server that failed it, if one did: when that one's own ping
    fails as well, the job pauses instead of charging the item."""

    def __init__(self, message: str, *, dependency: str | None = None) -> None:
        super().__init__(message)
        self.dependency = dependency


class ServiceFailed(ItemError):
    """A service went on failing after every try."""


class MalformedAnswer(ItemError):
    """A service answered with something else than its contract says."""


class UndecodableEvent(ItemError):
    """An event is no document of the shape that its contract says, or of a newer version."""


class ObjectFailed(ItemError):
    """An object of event files cannot be read to its end, or is not what it says."""


class WriteFailed(ItemError):
    """The graph refused what this item would have written."""
