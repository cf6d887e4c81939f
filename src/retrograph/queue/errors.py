"""What errors of the AWS client mean to a person: the only place that knows them, besides the adapter itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from retrograph.errors import ConfigurationError, DependencyDown, NotPermitted, RetrographError
from retrograph.jobs.courier import QUEUE
from retrograph.queue.queue import NoSuchQueue

_REFUSALS: Final = frozenset(
    {
        *("AccessDenied", "AccessDeniedException", "AuthFailure", "InvalidClientTokenId", "SignatureDoesNotMatch"),
        *(
            "ExpiredToken",
            "ExpiredTokenException",
            "UnrecognizedClientException",
            "InvalidAccessKeyId",
            "OptInRequired",
        ),
        *("MissingAuthenticationToken", "IncompleteSignature", "KmsAccessDenied", "KMS.AccessDeniedException"),
    }
)
_STALE: Final = ("ReceiptHandleIsInvalid", "MessageNotInflight", "InvalidParameterValue", "InvalidIdFormat")
_ABSENT: Final = ("QueueDoesNotExist", "NonExistentQueue")


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turns every error of the client into one of ours."""
    try:
        yield
    except ClientError as error:
        raise of_answer(error, where) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise NotPermitted(f"there are no credentials for the queue {where}: {_words(error)}") from error
    except (HTTPClientError, ConnectionError) as error:
        raise DependencyDown(QUEUE, f"the queue {where} does not answer: {_words(error)}") from error
    except BotoCoreError as error:
        raise ConfigurationError(f"the queue {where} cannot be used: {_words(error)}") from error
    except (OSError, TimeoutError) as error:
        raise DependencyDown(QUEUE, f"the queue {where} cannot be reached: {_words(error)}") from error


def of_answer(error: ClientError, where: str) -> RetrographError:
    """The sentence for an error that the service answered with."""
    response: Any = error.response
    code, status = _code(error), response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if is_absent(error):
        return NoSuchQueue(f"there is no queue {where}: make it with `retrograph queue create`, or name another one")
    if code in _REFUSALS or status in (401, 403):
        return NotPermitted(f"the queue {where} refuses our credentials ({code})")
    if status >= 500 or status == 429 or "Throttl" in code or code == "RequestLimitExceeded":
        return DependencyDown(QUEUE, f"the queue {where} fails: {code}")
    return ConfigurationError(f"the queue {where} refuses what it was asked ({code}): {_words(error)}")


def is_absent(error: ClientError) -> bool:
    """By its class: the code differs between the protocols."""
    return type(error).__name__ == _ABSENT[0] or _code(error).endswith(_ABSENT)


def is_stale(code: str) -> bool:
    """Whether a handle was refused because its time is over."""
    return code.endswith(_STALE)


def is_stale_answer(error: ClientError) -> bool:
    """The same of an answer to a single call."""
    return is_stale(_code(error)) or type(error).__name__ in _STALE


def _code(error: ClientError) -> str:
    response: Any = error.response
    return str(response.get("Error", {}).get("Code", "unknown"))


def _words(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
