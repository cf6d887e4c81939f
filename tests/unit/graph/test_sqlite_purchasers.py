"""Who bought what, in an embedded graph: noted beside edges, folded when asked, walked in pages."""

import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from retrograph.graph.model import PurchaseRow, UserChanges
from retrograph.graph.sqlite import purchasers, schema


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with the tables of a graph."""
    path = tmp_path / "graph.db"
    with sqlite3.connect(path, isolation_level=None) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for statement in (statement for step in schema.MIGRATIONS for statement in step):
            connection.execute(statement)
    connection.close()
    return path


@pytest.fixture
def connection(file: Path) -> Iterator[sqlite3.Connection]:
    with sqlite3.connect(file, isolation_level=None) as opened:
        yield opened
    opened.close()


def buys(connection: sqlite3.Connection, user: str, *products: str) -> None:
    """New edges and their note, as a transaction writes them."""
    rows = [PurchaseRow(product, ["r"], [1], 1, 1, 0.0) for product in products]
    connection.executemany(
        "INSERT INTO graph_purchased (user_id, product_id) VALUES (?, ?)", [(user, product) for product in products]
    )
    purchasers.note(connection, [UserChanges(user_id=user, purchases_created=rows)])


def fold_all(connection: sqlite3.Connection) -> int:
    """Folds to the end, and answers in how many pieces."""
    pieces = 0
    while purchasers.fold(connection):
        pieces += 1
    return pieces


def test_each_purchaser_of_several_products_comes_once_and_in_order(connection: sqlite3.Connection) -> None:
    for number in range(50):
        buys(connection, f"u{number:02d}", *(["apple"] if number % 2 else ["apple", "bread"]))
    buys(connection, "zoe", "bread")
    fold_all(connection)

    walked = list(purchasers.purchasers_of(connection, ["bread", "apple", "nothing"], page=7, after=""))

    assert walked == [*(f"u{number:02d}" for number in range(50)), "zoe"]


def test_an_edge_that_has_gone_leads_to_nobody_and_one_made_again_does(connection: sqlite3.Connection) -> None:
    buys(connection, "ann", "apple")
    buys(connection, "bob", "apple")
    fold_all(connection)
    connection.execute("DELETE FROM graph_purchased")
    buys(connection, "bob", "apple")
    fold_all(connection)

    assert list(purchasers.purchasers_of(connection, ["apple"], page=1, after="")) == ["bob"]


def test_notes_are_folded_in_pieces_and_none_is_lost(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purchasers, "_NOTED_CHARACTERS", 20)
    for number in range(9):
        buys(connection, f"u{number}", "apple", "bread")
    assert purchasers.fold(connection)
    buys(connection, "late", "bread")

    pieces = fold_all(connection)

    assert pieces > 5
    assert connection.execute("SELECT count(*) FROM graph_new_purchases").fetchone() == (0,)
    walked = list(purchasers.purchasers_of(connection, ["bread"], page=2, after=""))
    assert walked == ["late", *(f"u{number}" for number in range(9))]


def test_a_walk_holds_nothing_open_that_others_wait_for(connection: sqlite3.Connection, file: Path) -> None:
    for number in range(30):
        buys(connection, f"u{number:02d}", "apple")
    fold_all(connection)
    walk = purchasers.purchasers_of(connection, ["apple"], page=10, after="")
    assert len(list(islice(walk, 15))) == 15

    with sqlite3.connect(file, isolation_level=None) as other:
        other.execute("UPDATE graph_purchased SET times = 2")
        busy, *_ = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    other.close()

    assert busy == 0
    assert len(list(walk)) == 15
