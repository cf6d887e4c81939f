"""The sandbox's own routes: faults, counts and the status of orders, changed while it runs."""

from collections.abc import Mapping
from typing import Any

import msgspec

from retrograph.sandbox.answers import Answer, BadRequest, Question, error, ok
from retrograph.sandbox.data import STATUSES
from retrograph.sandbox.fault_board import FaultBoard
from retrograph.sandbox.faults import ALL, NO_FAULTS, SERVICES, InvalidFaults, checked_service, merged, read
from retrograph.sandbox.histories import Order
from retrograph.sandbox.population import Population
from retrograph.sandbox.tally import Tally

INDEX: Mapping[str, object] = {
    "sandbox": "the four services that purchase history is read from",
    "services": {
        "purchase-history": ["GET /v1/users/{user_id}/purchases?since&until&limit&cursor"],
        "shop-orders": [
            "GET /user/{user_id}/transaction?startTimeMs",
            "GET /internal/transaction/{buttonOrderId}/button",
        ],
        "products": ["POST /v1/products:batchGet"],
        "categories": ["GET /v1/categories/{category_id}"],
    },
    "base_urls": "each path stands under / and under /{service}/, and so does GET /health",
    "admin": [
        "GET /sandbox/users",
        "GET, PUT, PATCH, DELETE /sandbox/faults",
        "GET, DELETE /sandbox/requests",
        "GET, PUT, DELETE /sandbox/orders/{buttonOrderId}/status",
    ],
}


class Admin:
    """Answers what lies below `/sandbox`, but for the list of users, which is a stream."""

    def __init__(self, population: Population, board: FaultBoard, tally: Tally) -> None:
        self._population = population
        self._board = board
        self._tally = tally

    def answer(self, method: str, segments: list[str], question: Question) -> Answer:
        """Routes a request. Raises `BadRequest` where its document is wrong."""
        match segments:
            case ["faults"]:
                return self._faults(method, question)
            case ["requests"]:
                return self._requests(method)
            case ["orders", order_id, "status"]:
                return self._status(method, order_id, question)
            case _:
                return error(404, "no such route; GET / lists them")

    def _faults(self, method: str, question: Question) -> Answer:
        try:
            match method:
                case "GET":
                    pass
                case "PUT":
                    service, fields = _addressed(question)
                    self._board.set(service, read(fields))
                case "PATCH":
                    self._patch(*_addressed(question))
                case "DELETE":
                    self._board.set(checked_service(question.query.get("service", ALL)), NO_FAULTS)
                case _:
                    return not_allowed("GET, PUT, PATCH, DELETE")
        except InvalidFaults as problem:
            raise BadRequest(str(problem)) from problem
        return ok({service: self._board.of(service) for service in SERVICES})

    def _patch(self, service: str, patch: Mapping[str, Any]) -> None:
        names = SERVICES if service == ALL else (service,)
        changed = {name: merged(self._board.of(name), patch) for name in names}
        for name, faults in changed.items():
            self._board.set(name, faults)

    def _requests(self, method: str) -> Answer:
        match method:
            case "GET":
                return ok(self._tally.document())
            case "DELETE":
                self._tally.reset()
                return ok(self._tally.document())
            case _:
                return not_allowed("GET, DELETE")

    def _status(self, method: str, order_id: str, question: Question) -> Answer:
        order = self._population.order(order_id)
        if order is None:
            return error(404, "no such order")
        match method:
            case "GET":
                pass
            case "PUT":
                self._population.change_status(order, _checked_status(question))
            case "DELETE":
                self._population.restore_status(order)
            case _:
                return not_allowed("GET, PUT, DELETE")
        return self._shown(order)

    def _shown(self, order: Order) -> Answer:
        return ok({"buttonOrderId": order.order_id, "userId": order.user_id, "status": self._population.status(order)})


def not_allowed(methods: str) -> Answer:
    """A route that exists, asked by another method."""
    return error(405, f"only {methods}", {"Allow": methods})


def _document(question: Question) -> dict[str, Any]:
    try:
        document = msgspec.json.decode(question.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise BadRequest(f"the body is no JSON: {problem}") from problem
    if not isinstance(document, dict):
        raise BadRequest("the body must be an object")
    return document


def _addressed(question: Question) -> tuple[str, dict[str, Any]]:
    """The service a fault document is for, named in it or in the query, and its other fields."""
    document = _document(question)
    return checked_service(document.pop("service", question.query.get("service", ALL))), document


def _checked_status(question: Question) -> str:
    document = _document(question)
    status = document.get("status")
    if status not in STATUSES or len(document) > 1:
        raise BadRequest(f"the body must be an object with one field, status: one of {', '.join(STATUSES)}")
    return str(status)
