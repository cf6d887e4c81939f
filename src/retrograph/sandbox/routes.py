"""Which service a path belongs to. Paths are split before they are decoded, so that an id may hold a slash."""

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from retrograph.sandbox.answers import Answer, BadRequest, Question
from retrograph.sandbox.faults import SERVICES
from retrograph.sandbox.population import Population
from retrograph.sandbox.services import categories, products, purchase_history, shop_orders

Handler = Callable[[Population, Question], Answer]


class Route(NamedTuple):
    """Where a request goes, and the id in its path."""

    service: str
    method: str
    handler: Handler
    key: str = ""


def split(raw_path: str) -> tuple[list[str], dict[str, str]]:
    """The decoded segments of a path, and its query. Raises `BadRequest` where they are not UTF-8."""
    path, _, query = raw_path.partition("?")
    try:
        segments = [unquote(part, errors="strict") if "%" in part else part for part in path.split("/")[1:]]
        return segments, dict(parse_qsl(query, keep_blank_values=True, errors="strict")) if query else {}
    except UnicodeDecodeError as problem:
        raise BadRequest("the path or the query is not UTF-8") from problem


def without_prefix(segments: list[str]) -> tuple[str | None, list[str]]:
    """Takes away the service's name in front: each service has a base URL of its own besides the common one."""
    if segments[0] in SERVICES:
        return segments[0], segments[1:]
    return None, segments


def find(segments: list[str]) -> Route | None:
    """The route of a path; `None` where no service has it."""
    match segments:
        case ["v1", "users", user_id, "purchases"] if user_id:
            return Route("purchase-history", "GET", purchase_history.purchases, user_id)
        case ["user", user_id, "transaction"] if user_id:
            return Route("shop-orders", "GET", shop_orders.transactions, user_id)
        case ["internal", "transaction", order_id, "button"] if order_id:
            return Route("shop-orders", "GET", shop_orders.transaction, order_id)
        case ["v1", "products:batchGet"]:
            return Route("products", "POST", products.batch_get)
        case ["v1", "categories", category_id] if category_id:
            return Route("categories", "GET", categories.category, category_id)
        case _:
            return None


def user_of(route: Route, population: Population) -> str | None:
    """The user a request is about: the one in its path, or the one whose order it asks for."""
    if route.handler is shop_orders.transaction:
        order = population.order(route.key)
        return order.user_id if order else None
    return route.key if route.service in ("purchase-history", "shop-orders") else None
