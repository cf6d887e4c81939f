"""Button Transaction Service: the shop orders of a user in summary, and one of them in full."""

import msgspec

from retrograph.sandbox.answers import Answer, Question, error, ok, whole_number
from retrograph.sandbox.population import Population

CHANNEL = "SHOP"


def transactions(population: Population, question: Question) -> Answer:
    """`GET /user/{user_id}/transaction`: every order since `startTimeMs`; none for a user nobody knows."""
    start = whole_number(question, "startTimeMs", 0)
    return ok(
        {
            "transactions": [
                {
                    "buttonOrderId": order.order_id,
                    "status": population.status(order),
                    "createdAtMs": order.created_at,
                }
                for order in population.orders(question.key)
                if order.created_at >= start
            ]
        }
    )


def transaction(population: Population, question: Question) -> Answer:
    """`GET /internal/transaction/{buttonOrderId}/button`: one order with its lines."""
    order = population.order(question.key)
    if order is None:
        return error(404, "no such transaction")
    return ok(
        {
            "buttonOrderId": order.order_id,
            "userId": order.user_id,
            "status": population.status(order),
            "createdAtMs": order.created_at,
            "retailer": {"name": order.retailer, "channel": CHANNEL},
            "lineItems": msgspec.Raw(order.line_items),
        }
    )
