"""Category service: a category's way from its root."""

from retrograph.sandbox.answers import Answer, Question, error
from retrograph.sandbox.population import Population


def category(population: Population, question: Question) -> Answer:
    """`GET /v1/categories/{category_id}`: the hierarchy, root first, the category itself last."""
    body = population.catalogue.hierarchy(question.key)
    return error(404, "no such category") if body is None else Answer(200, body)
