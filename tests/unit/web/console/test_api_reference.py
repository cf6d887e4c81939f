"""The reference of the API says of every verb what the OpenAPI document says."""

from typing import Any

import pytest

from retrograph.web.console.api_reference import Part, groups, parts

DOCUMENT: dict[str, Any] = {
    "paths": {
        "/api/v1/uploads": {
            "post": {
                "tags": ["uploads"],
                "description": "Takes a list.\n\nIt is kept\nfor `a day`.",
                "requestBody": {"content": {"multipart/form-data": {"schema": {"properties": {"file": {}}}}}},
                "responses": {"201": {"description": "Taken."}},
            }
        },
        "/api/v1/jobs": {
            "get": {
                "tags": ["jobs"],
                "description": "Lists jobs.",
                "parameters": [
                    {
                        "name": "state",
                        "in": "query",
                        "schema": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
                    },
                    {"name": "limit", "in": "query", "required": True, "schema": {"type": "integer"}},
                ],
                "responses": {"400": {"description": "Wrong."}, "200": {"description": "A page."}},
            },
            "post": {
                "tags": ["jobs"],
                "description": "Starts.",
                "requestBody": {
                    "content": {
                        "application/json": {
                            "schema": {
                                "required": ["kind"],
                                "properties": {
                                    "kind": {"type": "string"},
                                    "mode": {"type": ["string", "null"], "enum": ["full", "cursor", None]},
                                },
                            }
                        }
                    }
                },
                "responses": {"202": {"description": "Runs."}},
            },
        },
        "/jobs": {"get": {"tags": ["pages"], "responses": {}}},
    }
}


def test_verbs_stand_by_what_they_are_about_jobs_first() -> None:
    found = groups(DOCUMENT)
    assert [(group.title, [one.method for one in group.operations]) for group in found] == [
        ("Jobs", ["GET", "POST"]),
        ("Lists of ids", ["POST"]),
    ]


def test_parameters_and_members_of_bodies_are_told_with_their_types() -> None:
    jobs, uploads = groups(DOCUMENT)
    listing, start = jobs.operations
    assert [(field.name, field.type, field.where, field.required) for field in listing.fields] == [
        ("state", "list of string", "query", False),
        ("limit", "integer", "query", True),
    ]
    assert [(field.name, field.type, field.where, field.required) for field in start.fields] == [
        ("kind", "string", "body", True),
        ("mode", "full | cursor", "body", False),
    ]
    assert [(field.name, field.where) for field in uploads.operations[0].fields] == [("file", "form")]


def test_paragraphs_and_answers_are_in_order() -> None:
    jobs, uploads = groups(DOCUMENT)
    assert uploads.operations[0].about == [
        [Part("Takes a list.", False)],
        [Part("It is kept for ", False), Part("a day", True), Part(".", False)],
    ]
    assert [status for status, _ in jobs.operations[0].answers] == ["200", "400"]


@pytest.mark.parametrize(
    ("text", "found"), [("", []), ("`a`", [Part("a", True)]), ("a `b", [Part("a ", False), Part("b", True)])]
)
def test_what_is_to_be_typed_stands_out(text: str, found: list[Part]) -> None:
    assert parts(text) == found
