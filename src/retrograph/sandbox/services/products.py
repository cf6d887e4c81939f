"""Product service: what is known of up to 100 products."""

from typing import Annotated

import msgspec

from retrograph.sandbox.answers import Answer, BadRequest, Question
from retrograph.sandbox.population import Population

GREATEST_BATCH = 100


class _Batch(msgspec.Struct):
    ids: Annotated[list[str], msgspec.Meta(max_length=GREATEST_BATCH)]


_decode = msgspec.json.Decoder(_Batch).decode


def batch_get(population: Population, question: Question) -> Answer:
    """`POST /v1/products:batchGet`: each known product once, in the order asked for; unknown ids are left out."""
    try:
        ids = _decode(question.body).ids
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise BadRequest(f"the body must be an object with at most {GREATEST_BATCH} ids: {problem}") from problem
    known = (population.catalogue.product(product_id) for product_id in dict.fromkeys(ids))
    return Answer(200, b'{"products":[%s]}' % b",".join(product for product in known if product is not None))
