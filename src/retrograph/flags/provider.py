"""Flags through OpenFeature: our file as its provider, and any other provider that an installation has instead.

OpenFeature's own way to an answer takes some microseconds for each user. Where the file answers and nobody has hooked
anything in between, a whole batch is looked up at once, to the same end.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from importlib import import_module
from typing import Final, NoReturn
from uuid import uuid4

from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import (
    FlagNotFoundError,
    OpenFeatureError,
    ProviderNotReadyError,
    TargetingKeyMissingError,
    TypeMismatchError,
)
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, FeatureProvider, Metadata

from retrograph.errors import ConfigurationError, DependencyDown
from retrograph.flags.coverage import Coverage

DOMAIN: Final = "retrograph"
"""The domain of OpenFeature under which code that embeds Retrograph may set a provider of its own."""
DEPENDENCY: Final = "flags"


class FileProvider(AbstractProvider):
    """Answers whether a flag covers a user, who is the targeting key. `coverage` raises DependencyDown until the
    flags could be read for the first time."""

    def __init__(self, coverage: Callable[[], Coverage]) -> None:
        super().__init__()
        self._coverage = coverage

    def get_metadata(self) -> Metadata:
        return Metadata(name="retrograph-file")

    def covered(self, flag: str, user_ids: Collection[str]) -> frozenset[str]:
        """Those of the users that the flag covers. Raises DependencyDown where there is no such flag: a gate that is
        not there can neither be shut nor open."""
        found = self._coverage().of(flag)
        if found is None:
            raise DependencyDown(DEPENDENCY, f"there is no flag {flag} in the file of flags: add it")
        return found.covered(user_ids)

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        if evaluation_context is None or not evaluation_context.targeting_key:
            raise TargetingKeyMissingError("a flag is asked about a user: give the user's id as the targeting key")
        try:
            found = self._coverage().of(flag_key)
        except DependencyDown as error:
            raise ProviderNotReadyError(str(error)) from error
        if found is None:
            raise FlagNotFoundError(f"there is no flag {flag_key}")
        return FlagResolutionDetails(
            value=found.covers(evaluation_context.targeting_key), reason=Reason.TARGETING_MATCH
        )

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        _only_boolean(flag_key)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        _only_boolean(flag_key)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        _only_boolean(flag_key)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        _only_boolean(flag_key)


def _only_boolean(flag_key: str) -> NoReturn:
    raise TypeMismatchError(f"flag {flag_key} is on or off: ask for a boolean")


class OpenFeatureFlags:
    """Asks whichever provider is set: ours, or another one's."""

    def __init__(self, provider: FeatureProvider | None = None) -> None:
        """Without a provider, whoever is set for the domain `retrograph`, or for all of them, answers."""
        domain = DOMAIN
        if provider is not None:
            # A domain of its own: two installations in one process, as in tests, answer each for itself.
            domain = f"{DOMAIN}-{uuid4()}"
            api.set_provider_and_wait(provider, domain)
        self._client = api.get_client(domain)

    async def covered(self, flag: str, user_ids: Collection[str]) -> frozenset[str]:
        """Those of the users that the flag covers. Raises DependencyDown where that cannot be known."""
        provider = self._client.provider
        if isinstance(provider, FileProvider) and not api.get_hooks() and not self._client.hooks:
            return provider.covered(flag, user_ids)
        return frozenset([user_id for user_id in user_ids if await self._covers(flag, user_id)])

    async def _covers(self, flag: str, user_id: str) -> bool:
        # A default stands for an answer that could not be had, and is never taken for one.
        found = await self._client.get_boolean_details_async(flag, False, EvaluationContext(targeting_key=user_id))
        if found.error_code is not None:
            why = found.error_message or str(found.error_code)
            raise DependencyDown(DEPENDENCY, f"whether flag {flag} covers a user cannot be known: {why}")
        return found.value


def named_provider(name: str) -> FeatureProvider:
    """The provider that `module:callable` makes. Raises ConfigurationError."""
    module, _, attribute = name.partition(":")
    try:
        made = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError, TypeError, ValueError, OpenFeatureError) as error:
        raise ConfigurationError(f"RETROGRAPH_FLAGS_PROVIDER names {name}, which makes no provider: {error}") from error
    if not hasattr(made, "resolve_boolean_details"):
        raise ConfigurationError(f"RETROGRAPH_FLAGS_PROVIDER names {name}, which makes no provider of OpenFeature")
    provider: FeatureProvider = made
    return provider
