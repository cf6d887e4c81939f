"""The sandbox's own routes."""

from typing import Any

import aiohttp
import pytest

from retrograph.sandbox import SERVICES, Faults, InvalidFaults, SandboxOptions, read_plan, user_ids
from tests.unit.sandbox.asking import asking, sql


async def test_the_index_names_every_service_and_route() -> None:
    async with asking() as asker:
        index = (await asker.ask("/")).json
        assert tuple(index["services"]) == SERVICES
        assert any("/sandbox/faults" in route for route in index["admin"])
        assert (await asker.ask("/health")).json == {"status": "up"}


@pytest.mark.parametrize("service", SERVICES)
async def test_each_service_has_a_base_url_of_its_own(service: str) -> None:
    paths = {
        "purchase-history": "/v1/users/hh-0001/purchases",
        "shop-orders": "/user/hh-0001/transaction",
        "categories": "/v1/categories/001ae436-65e7-51e5-b7fa-2e268e1ba758",
        "products": "/v1/products:batchGet",
    }
    async with asking() as asker:
        assert asker.sandbox.service_url(service) == f"{asker.sandbox.base_url}/{service}"
        assert (await asker.ask(f"/{service}/health")).status == 200
        for name, path in paths.items():
            method = "POST" if name == "products" else "GET"
            reply = await asker.ask(f"/{service}{path}", method, data=b'{"ids":[]}' if method == "POST" else None)
            assert reply.status == (200 if name == service else 404)


@pytest.mark.parametrize("path", ["/nothing", "/v1/users/a", "/sandbox", "/sandbox/nothing", "/products/sandbox/users"])
async def test_a_path_that_does_not_exist_is_not_found(path: str) -> None:
    async with asking() as asker:
        assert (await asker.ask(path)).status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/users/hh-0001/purchases"),
        ("GET", "/v1/products:batchGet"),
        ("POST", "/sandbox/faults"),
        ("PUT", "/sandbox/requests"),
        ("POST", "/sandbox/orders/bo-538509/status"),
        ("POST", "/sandbox/users"),
    ],
)
async def test_a_method_that_is_not_meant_is_refused(method: str, path: str) -> None:
    async with asking() as asker:
        reply = await asker.ask(path, method)
    assert reply.status == 405
    assert method not in reply.headers["Allow"].split(", ")


async def test_all_users_are_listed() -> None:
    options = SandboxOptions(users=3, unknown_users=1)
    expected = [row[0] for row in sql("SELECT user_id FROM receipts UNION SELECT user_id FROM shop_orders ORDER BY 1")]
    async with asking(options) as asker:
        reply = await asker.ask("/sandbox/users")
    assert reply.headers["Content-Type"] == "text/plain; charset=utf-8"
    listed = reply.body.decode().splitlines()
    assert listed == [*expected, "inv-0000001", "inv-0000002", "inv-0000003", "unknown-0000001"]
    assert list(user_ids(options)) == listed


async def test_a_token_guards_everything_but_index_and_health() -> None:
    options = SandboxOptions(token="s3cret-ü")
    paths = ["/v1/users/hh-0001/purchases", "/sandbox/faults", "/sandbox/users", "/products/v1/products:batchGet"]
    async with asking(options) as asker:
        for path in paths:
            reply = await asker.ask(path)
            assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert (await asker.ask("/")).status == 200
        assert (await asker.ask("/health")).status == 200
        assert (await asker.ask(paths[0], headers={"Authorization": "Bearer wrong"})).status == 401
        assert (await asker.ask(paths[0], headers={"Authorization": "Basic s3cret-ü"})).status == 401
    async with asking(options, headers={"Authorization": "Bearer s3cret-ü"}) as asker:
        assert (await asker.ask(paths[0])).status == 200
    assert "s3cret" not in repr(options)


async def test_requests_are_counted_by_service_and_answer() -> None:
    async with asking(SandboxOptions(faults={"categories": Faults(dropped=1.0)})) as asker:
        await asker.purchases("hh-0001")
        await asker.purchases("nobody")
        await asker.ask("/health")
        with pytest.raises((aiohttp.ClientConnectionError, aiohttp.ClientPayloadError)):
            await asker.ask("/v1/categories/a")
        counts = (await asker.ask("/sandbox/requests")).json
        assert counts["requests"] == 3
        assert counts["services"]["purchase-history"] == {
            "requests": 2,
            "answers": {"200": 1, "404": 1},
            "faults": {},
            "peak_under_way": 1,
        }
        assert counts["services"]["categories"]["answers"] == {"dropped": 1}
        assert counts["services"]["categories"]["faults"] == {"dropped": 1}
        assert counts["services"]["products"]["requests"] == 0
        assert (await asker.ask("/sandbox/requests", "DELETE")).json["requests"] == 0


async def test_faults_are_put_patched_and_deleted_while_it_runs() -> None:
    async with asking() as asker:
        put = await asker.ask("/sandbox/faults", "PUT", json={"service": "products", "dropped": 0.1, "malformed": 0.2})
        assert put.status == 200
        assert _fields(put.json["products"], "dropped", "malformed") == [0.1, 0.2]
        assert _fields(put.json["categories"], "dropped", "malformed") == [0, 0]

        users = {"failing_users": {"a": 500, "b": 500}, "latency": {"fixed_ms": 5, "jitter_ms": 3}}
        await asker.ask("/sandbox/faults", "PATCH", json={"service": "products", "malformed": 0.3, **users})
        change = {"failing_users": {"a": None}, "latency": None, "dropped": None}
        patched = (await asker.ask("/sandbox/faults?service=products", "PATCH", json=change)).json["products"]
        assert _fields(patched, "dropped", "malformed", "failing_users", "latency") == [0, 0.3, {"b": 500}, None]

        replaced = (await asker.ask("/sandbox/faults", "PUT", json={"down": "refused"})).json
        assert {_fields(faults, "down", "malformed")[0] for faults in replaced.values()} == {"refused"}
        assert replaced["products"]["malformed"] == 0

        one = (await asker.ask("/sandbox/faults?service=products", "DELETE")).json
        assert [one[service]["down"] for service in SERVICES] == ["refused", "refused", None, "refused"]
        await asker.ask("/sandbox/faults", "DELETE")
        assert {faults["down"] for faults in (await asker.ask("/sandbox/faults")).json.values()} == {None}
        assert (await asker.purchases("hh-0001")).status == 200


def _fields(faults: dict[str, Any], *names: str) -> list[Any]:
    return [faults[name] for name in names]


WRONG: list[tuple[Any, str]] = [
    ({"dropped": 2}, "dropped"),
    ({"dropped": -0.1}, "dropped"),
    ({"malformed": "a lot"}, "malformed"),
    ({"too_many_requests": True}, "too_many_requests"),
    ({"retry_after": "soon"}, "retry_after"),
    ({"retry_after_seconds": -1}, "retry_after_seconds"),
    ({"server_error_statuses": [404]}, "server_error_statuses"),
    ({"server_error_statuses": []}, "server_error_statuses"),
    ({"flaws": ["ugly"]}, "flaws"),
    ({"flaws": []}, "flaws"),
    ({"failing_users": {"a": 200}}, "failing_users"),
    ({"failing_users": ["a"]}, "failing_users"),
    ({"down": "a bit"}, "down"),
    ({"slow": 1}, "slow"),
    ({"latency": 5}, "latency"),
    ({"latency": {}}, "latency"),
    ({"latency": {"fixed_ms": -1}}, "latency.fixed_ms"),
    ({"latency": {"fixed_ms": 1, "p99_ms": 2}}, "fixed_ms"),
    ({"latency": {"min_ms": 1, "median_ms": 2}}, "p99_ms"),
    ({"latency": {"min_ms": 3, "median_ms": 2, "p99_ms": 9}}, "median_ms"),
    ({"latency": {"min_ms": 3, "median_ms": 3, "p99_ms": 9}}, "median_ms"),
    ({"latency": {"min_ms": 1, "median_ms": 2, "p99_ms": 9, "jitter_ms": 1}}, "jitter_ms"),
    ({"latency": {"fixed": 1}}, "fixed"),
    ({"dropped": 0.6, "malformed": 0.6}, "dropped"),
    ({"service": "printing"}, "service"),
    ({"service": None}, "service"),
    ([], "object"),
]


@pytest.mark.parametrize(("document", "named"), WRONG)
async def test_a_wrong_field_is_refused_by_name_and_changes_nothing(document: Any, named: str) -> None:
    async with asking() as asker:
        before = (await asker.ask("/sandbox/faults")).json
        for method in ("PUT", "PATCH"):
            reply = await asker.ask("/sandbox/faults", method, json=document)
            assert reply.status == 400
            assert named in reply.json["error"]
        assert (await asker.ask("/sandbox/faults")).json == before


async def test_a_body_that_is_no_json_is_refused() -> None:
    async with asking() as asker:
        for body in (b"", b"{", b"\xff"):
            assert (await asker.ask("/sandbox/faults", "PUT", data=body)).status == 400
        assert (await asker.ask("/sandbox/faults?service=none", "DELETE")).status == 400


@pytest.mark.parametrize("plan", [[], {"all": {"dropped": 2}}, {"some": {}}, {"products": {"slow": 1}}])
def test_a_plan_for_the_start_is_checked_too(plan: object) -> None:
    with pytest.raises(InvalidFaults):
        read_plan(plan)
