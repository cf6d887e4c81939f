"""Whatever is sent to the API that its document allows or nearly allows, the answer is one that the document knows.

Requests are made up from the OpenAPI document by Schemathesis, with rights and without.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.server_process import ServerProcess

Case: TypeAlias = Any
"""A request that Schemathesis made up."""

DOCUMENT = "/api/v1/openapi.json"
STREAM = "/api/v1/events"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
bounded = settings(
    max_examples=10,
    deadline=None,
    database=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="session")
def document(server: ServerProcess, token: str) -> Any:
    """The document as the server gives it out."""
    with server.client(token) as client:
        answer = client.get(DOCUMENT)
    assert answer.status_code == 200, answer.text
    found = schemathesis.openapi.from_dict(answer.json())
    found.config.update(base_url=server.url)
    return found


def test_with_rights_every_answer_is_documented(document: Any, token: str) -> None:
    met: set[int] = set()

    def answered(case: Case) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        met.add(case.call_and_validate(headers=headers, checks=CHECKS).status_code)

    tried(document, answered, examples=40)
    assert {200, 400, 404} <= met


def test_without_rights_nothing_is_answered_but_that(document: Any) -> None:
    def refused(case: Case) -> None:
        status = case.call_and_validate(checks=CHECKS).status_code
        assert status == 401 or case.operation.path.startswith("/health/")

    tried(document, refused, examples=3)


def tried(document: Any, ask: Callable[[Case], None], *, examples: int) -> None:
    """Asks everything that the document offers, several times; tells of each operation that went wrong."""
    wrong: list[str] = []
    for found in document.get_all_operations():
        operation = found.ok()
        if operation.path == STREAM:  # it never ends: its answers are tested where it is read
            continue
        made_up: Any = given(operation.as_strategy())
        try:
            settings(parent=bounded, max_examples=examples)(made_up(ask))()
        except (AssertionError, FailureGroup, Failure) as error:
            wrong.append(f"{operation.label}: {error}")
    assert not wrong, "\n\n".join(wrong)


def test_the_document_holds_every_verb(document: Any) -> None:
    paths = document.raw_schema["paths"]
    assert {"/api/v1/jobs", "/api/v1/jobs/{key}", "/api/v1/jobs/{key}/stop", STREAM} <= paths.keys()
    assert len(paths) >= 10


def test_the_server_has_met_no_error_that_it_did_not_expect(server: ServerProcess) -> None:
    assert "Traceback" not in server.told()
