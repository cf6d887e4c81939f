"""What a graph must hold, from the facts alone and at once: written as plainly as possible, with nothing of ours."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from retrograph.facts import UNKNOWN_TIME, Facts
from tests.simulation.state import State

Lines = dict[str, str]
"""One line for each element of a graph."""


def expected(facts: Iterable[Facts]) -> Lines:
    """The elements of a graph into which all these facts were joined."""
    told = list(facts)
    products = _fields(told, "products", ("name", "brand", "category_id"))
    categories = _fields(told, "categories", ("name", "hierarchy"))
    retailers = _fields(told, "retailers", ("channel",))
    lines = _user_lines(told, {key: _value(node["category_id"]) for key, node in products.items()})
    for node in products.values():
        for named in node["category_id"]:
            categories.setdefault(named[2], {"name": [], "hierarchy": []})
    for node in list(categories.values()):
        for named in node["hierarchy"]:
            for key in named[2]:
                categories.setdefault(key, {"name": [], "hierarchy": []})
    for key, node in products.items():
        category = _value(node["category_id"])
        path = _value(categories[category]["hierarchy"]) if category is not None else None
        lines[f"Product {key}"] = product_line(
            _value(node["name"]), _value(node["brand"]), category, path, [category] if category else []
        )
    for key, node in categories.items():
        path = _value(node["hierarchy"])
        lines[f"Category {key}"] = category_line(_value(node["name"]), path, list((path or ())[-2:-1]))
    for key, node in retailers.items():
        lines[f"Retailer {key}"] = str(_value(node["channel"]))
    return lines


def _fields(told: Sequence[Facts], label: str, names: Sequence[str]) -> dict[str, dict[str, list[Any]]]:
    """Every word about every field of every node."""
    nodes: dict[str, dict[str, list[Any]]] = {}
    for facts in told:
        for key, fact in getattr(facts.shared, label).items():
            node = nodes.setdefault(key, {name: [] for name in names})
            for name in names:
                field = getattr(fact, name)
                if field is not None:
                    node[name].append(tuple(field))
    return nodes


def _value(words: Sequence[Any]) -> Any:
    """Of (rank, day, value), the greatest wins."""
    return max(words)[2] if words else None


def _user_lines(told: Sequence[Facts], category_of: dict[str, Any]) -> Lines:
    lines: Lines = {}
    for user_id in sorted({facts.user.user_id for facts in told}):
        mine = [facts.user for facts in told if facts.user.user_id == user_id]
        retracted = {receipt for facts in mine for receipt in facts.retracted}
        seen = [facts.first_seen_at for facts in mine if facts.first_seen_at is not None]
        lines[f"User {user_id}"] = user_line(min(seen) if seen else None, retracted)
        counts: Counter[str] = Counter()
        for product in sorted({product for facts in mine for product in facts.purchases}):
            times: dict[str, int] = {}
            for facts in mine:
                for receipt, at in facts.purchases.get(product, {}).items():
                    if receipt not in retracted:
                        times[receipt] = min(at, times.get(receipt, at))
            if times:
                lines[f"{user_id} PURCHASED {product}"] = purchase_line(times)
            if times and category_of[product] is not None:
                counts[category_of[product]] += len(times)
        for retailer in sorted({retailer for facts in mine for retailer in facts.visits}):
            receipts = {receipt for facts in mine for receipt in facts.visits.get(retailer, ())} - retracted
            if receipts:
                lines[f"{user_id} SHOPS_AT {retailer}"] = visit_line(receipts, len(receipts))
        for category, count in counts.items():
            lines[f"{user_id} SHOPS_IN {category}"] = str(count)
    return lines


def held(state: State) -> Lines:
    """The elements of a graph as they are stored, derived numbers included; parallel edges spoil their line."""
    lines: Lines = {}

    def add(key: str, line: str) -> None:
        lines[key] = f"{lines[key]} AND IN PARALLEL {line}" if key in lines else line

    for user_id, user in state.users.items():
        add(f"User {user_id}", user_line(user.first_seen_at, set(user.retracted)))
        for edge in user.purchases:
            add(
                f"{user_id} PURCHASED {edge.product_id}", f"{list(edge.receipt_ids)} {list(edge.timestamps)} {edge[3:]}"
            )
        for visit in user.visits:
            add(f"{user_id} SHOPS_AT {visit.retailer}", visit_line(visit.receipt_ids, visit.frequency))
        for count in user.counts:
            add(f"{user_id} SHOPS_IN {count.category_id}", str(count.purchase_count))
    for key, product in state.products.items():
        fact = product.fact
        name, brand, category = (field.value if field else None for field in (fact.name, fact.brand, fact.category_id))
        add(f"Product {key}", product_line(name, brand, category, product.hierarchy, product.in_category))
    for key, node in state.categories.items():
        name = node.fact.name.value if node.fact.name else None
        path = node.fact.hierarchy.value if node.fact.hierarchy else None
        add(f"Category {key}", category_line(name, path, node.child_of))
    for key, shop in state.retailers.items():
        add(f"Retailer {key}", str(shop.fact.channel.value if shop.fact.channel else None))
    return lines


def user_line(first_seen_at: int | None, retracted: Iterable[str]) -> str:
    return f"first seen at {first_seen_at}, retracted {sorted(retracted)}"


def purchase_line(times: dict[str, int]) -> str:
    ordered = sorted((at, receipt) for receipt, at in times.items())
    known = [at for at, _ in ordered if at != UNKNOWN_TIME]
    first, last = (known[0], known[-1]) if known else (None, None)
    average = (known[-1] - known[0]) / (len(known) - 1) / 86_400_000 if len(known) > 1 else 0.0
    count = len(ordered)
    derived = (count, first, last, average, (count - 1.0) / count)
    return f"{[receipt for _, receipt in ordered]} {[at for at, _ in ordered]} {derived}"


def visit_line(receipts: Iterable[str], frequency: int | None) -> str:
    return f"{sorted(receipts)} {frequency}"


def product_line(name: Any, brand: Any, category: Any, path: Any, edges: Sequence[str]) -> str:
    return f"{name}, {brand}, in {category} at {path}, edges to {edges}"


def category_line(name: Any, path: Any, edges: Sequence[str]) -> str:
    return f"{name} at {path}, edges to {edges}"


def differences(found: Lines, wanted: Lines) -> list[str]:
    """What differs, a sentence each."""
    return [
        f"{key}: the graph holds {found.get(key, 'nothing')}; the facts say {wanted.get(key, 'nothing')}"
        for key in sorted(found.keys() | wanted.keys())
        if found.get(key) != wanted.get(key)
    ]
