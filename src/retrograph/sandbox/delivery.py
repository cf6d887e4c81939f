"""Puts an answer on the wire, or something that is wrong in the way a fault says."""

import time
from email.utils import formatdate
from typing import Final

from aiohttp import web

from retrograph.sandbox.answers import Answer, error
from retrograph.sandbox.fault_board import Verdict
from retrograph.sandbox.faults import Flaw

_HTML: Final = b"<!doctype html>\n<html><head><title>Welcome</title></head><body><h1>It works</h1></body></html>\n"
_WRONG_TYPES: Final = {
    "purchase-history": b'{"purchases":"none","next_cursor":0}',
    "shop-orders": b'{"transactions":{},"buttonOrderId":7,"lineItems":"none"}',
    "products": b'{"products":[17]}',
    "categories": b'{"categoryId":null,"hierarchy":"none"}',
}


def refusal(verdict: Verdict, status: int) -> Answer:
    """The error that a fault answers with."""
    headers: dict[str, str] = {}
    if verdict.retry_after == "seconds":
        headers["Retry-After"] = str(verdict.retry_after_seconds)
    elif verdict.retry_after == "date":
        headers["Retry-After"] = formatdate(time.time() + verdict.retry_after_seconds, usegmt=True)
    return error(status, f"the sandbox was told to fail: {verdict.name}", headers)


def spoiled(answer: Answer, flaw: Flaw, service: str) -> Answer:
    """The answer with status 200 and a body that breaks the contract."""
    match flaw:
        case "truncated":
            return Answer(200, answer.body[: len(answer.body) // 2])
        case "html":
            return Answer(200, _HTML, "text/html; charset=utf-8")
        case "wrong-type":
            return Answer(200, _WRONG_TYPES[service])
        case "not-utf-8":
            return Answer(200, answer.body[:-1] + b',"\xff\xfe":0}')
        case "empty":
            return Answer(200, b"")


def response(answer: Answer) -> web.Response:
    """The answer as the web server sends it."""
    headers = {"Content-Type": answer.content_type, **answer.headers}
    return web.Response(body=answer.body, status=answer.status, headers=headers)


def cut(request: web.BaseRequest) -> web.Response:
    """Cuts the connection before anything is answered. What is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def cut_within(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Announces the whole answer, sends half of it and cuts the connection."""
    partial = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
    partial.content_length = len(answer.body)
    await partial.prepare(request)
    await partial.write(answer.body[: len(answer.body) // 2])
    if request.transport is not None:
        request.transport.close()
    return partial
