"""Takes every request in: token, route, fault, answer, count.

It sits on aiohttp's bare server, because an application's own routing would decode a path before it is split, and costs
more than the answers do.
"""

import asyncio
from collections.abc import Iterable
from hmac import compare_digest
from itertools import islice
from zlib import crc32

from aiohttp import web

from retrograph.sandbox import delivery, routes
from retrograph.sandbox.admin import INDEX, Admin, not_allowed
from retrograph.sandbox.answers import Answer, BadRequest, Question, error, ok
from retrograph.sandbox.fault_board import SOUND, FaultBoard, Verdict
from retrograph.sandbox.faults import SERVICES
from retrograph.sandbox.population import Population
from retrograph.sandbox.tally import Tally

_NO_ROUTE = error(404, "no such route; GET / lists them")
_UNAUTHORIZED = error(401, "the bearer token is missing or wrong", {"WWW-Authenticate": "Bearer"})
_USERS_AT_ONCE = 1_000


class Front:
    """The request handler of the web server."""

    def __init__(self, population: Population, board: FaultBoard, tally: Tally, token: str | None) -> None:
        self._population = population
        self._board = board
        self._tally = tally
        self._admin = Admin(population, board, tally)
        self._authorization = None if token is None else f"Bearer {token}".encode()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request; what is wrong with it comes back as a 400 with its reason."""
        try:
            segments, query = routes.split(request.raw_path)
            return await self._dispatch(request, segments, query)
        except BadRequest as problem:
            return delivery.response(error(400, str(problem)))

    async def _dispatch(
        self, request: web.BaseRequest, segments: list[str], query: dict[str, str]
    ) -> web.StreamResponse:
        service, segments = routes.without_prefix(segments)
        if segments in ([], [""]):
            return delivery.response(ok(INDEX))
        if segments == ["health"]:
            return self._health(request, SERVICES if service is None else (service,))
        if not self._authorized(request):
            return delivery.response(_UNAUTHORIZED)
        if segments[0] == "sandbox" and service is None:
            return await self._administer(request, segments[1:], query)
        route = routes.find(segments)
        if route is None or service not in (None, route.service):
            return delivery.response(_NO_ROUTE)
        with self._tally.under_way(route.service):
            return await self._ask(request, route, query)

    def _authorized(self, request: web.BaseRequest) -> bool:
        if self._authorization is None:
            return True
        given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
        return compare_digest(given, self._authorization)

    def _health(self, request: web.BaseRequest, services: Iterable[str]) -> web.StreamResponse:
        """Up, unless a service it speaks for is down."""
        verdicts = {service: self._board.down(service) for service in services}
        down = [service for service, verdict in verdicts.items() if verdict is not SOUND]
        if any(verdict.cut for verdict in verdicts.values()):
            return delivery.cut(request)
        if down:
            return delivery.response(error(503, f"down: {', '.join(down)}"))
        return delivery.response(ok({"status": "up"}))

    async def _administer(
        self, request: web.BaseRequest, segments: list[str], query: dict[str, str]
    ) -> web.StreamResponse:
        if segments == ["users"]:
            return await self._list_users(request)
        question = Question(query=query, body=await request.read())
        return delivery.response(self._admin.answer(request.method, segments, question))

    async def _list_users(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "GET":
            return delivery.response(not_allowed("GET"))
        stream = web.StreamResponse(headers={"Content-Type": "text/plain; charset=utf-8"})
        await stream.prepare(request)
        ids = self._population.user_ids()
        while some := list(islice(ids, _USERS_AT_ONCE)):
            await stream.write("".join(f"{user_id}\n" for user_id in some).encode())
        return stream

    async def _ask(self, request: web.BaseRequest, route: routes.Route, query: dict[str, str]) -> web.StreamResponse:
        question = Question(key=route.key, query=query, body=await request.read())
        verdict = self._judge(request, route, question)
        if verdict.delay:
            await asyncio.sleep(verdict.delay)
        answer = self._answer(request, route, question, verdict)
        self._tally.answered(route.service, "dropped" if verdict.cut else str(answer.status), verdict.name)
        if verdict.cut == "before":
            return delivery.cut(request)
        if verdict.cut == "within":
            return await delivery.cut_within(request, answer)
        return delivery.response(answer)

    def _judge(self, request: web.BaseRequest, route: routes.Route, question: Question) -> Verdict:
        if self._board.idle(route.service):
            return SOUND
        asked = f"{request.method} {route.handler.__name__} {route.key} {crc32(question.body)}"
        return self._board.judge(route.service, asked, routes.user_of(route, self._population))

    def _answer(self, request: web.BaseRequest, route: routes.Route, question: Question, verdict: Verdict) -> Answer:
        if verdict.status is not None:
            return delivery.refusal(verdict, verdict.status)
        answer = self._sound(request, route, question)
        return delivery.spoiled(answer, verdict.flaw, route.service) if verdict.flaw else answer

    def _sound(self, request: web.BaseRequest, route: routes.Route, question: Question) -> Answer:
        if request.method != route.method:
            return not_allowed(route.method)
        try:
            return route.handler(self._population, question)
        except BadRequest as problem:
            return error(400, str(problem))
