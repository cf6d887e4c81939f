"""The OpenAPI document: what FastAPI finds out, less what is never answered, with problem documents for the rest."""

from typing import Any, Final

from fastapi import FastAPI

from retrograph.web.api import answers

_ABOUT: Final = (
    "The verbs of the job engine, and what the graph holds. Errors are problem documents (RFC 9457); `field` names "
    "what is wrong. JSON is accepted whatever the content type says. Enter with `Authorization: Bearer TOKEN`; "
    "`retrograph tokens create` makes one."
)


def describe(app: FastAPI) -> None:
    """Makes `app.openapi()` say what is true."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _mended(made())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _mended(document: dict[str, Any]) -> dict[str, Any]:
    document["info"]["description"] = _ABOUT
    for path in document["paths"].values():
        for operation in path.values():
            # What FastAPI would answer with 422 is a 400 here.
            operation["responses"].pop("422", None)
            if not path_is_free(operation):
                operation["security"] = [{"token": []}]
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    problem = answers.document()
    schemas.update(problem.pop("$defs", {}))
    schemas["Problem"] = problem
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


def path_is_free(operation: dict[str, Any]) -> bool:
    """Whether nobody needs to sign in for it."""
    return "health" in operation.get("tags", ())
