"""The made-up users table: the same for the same seed, with everything that makes linking people hard."""

import json
import sqlite3
from collections import Counter, defaultdict
from pathlib import Path

import phonenumbers
import pytest

from retrograph.sandbox import SandboxError
from retrograph.sandbox.people import Raw
from retrograph.sandbox.users_database import write_users
from retrograph.sandbox.users_table import LIMITS, TableUser, draw_users, truth_of

USERS = list(draw_users(4_000, seed=1))


def sharers(type_: str) -> dict[str, int]:
    """How many users have each true value of a type."""
    held: defaultdict[str, set[str]] = defaultdict(set)
    for user in USERS:
        for raw in user.values:
            if raw.type == type_ and raw.truth not in (None, "~"):
                held[raw.truth or ""].add(user.user_id)
    return {value: len(users) for value, users in held.items()}


def test_a_seed_tells_everything() -> None:
    assert list(draw_users(50, seed=7)) == list(draw_users(50, seed=7))
    assert list(draw_users(50, seed=7)) != list(draw_users(50, seed=8))
    assert [user.created_at for user in USERS] == sorted(user.created_at for user in USERS)


def test_an_office_has_a_thousand_people_and_households_share_devices_and_addresses() -> None:
    assert max(sharers("ip").values()) > 1_000
    assert Counter(sharers("ip").values())[2] > 100
    assert Counter(sharers("device").values())[2] > 50


def test_recycled_numbers_pass_through_more_hands_than_the_limit_and_some_are_handed_on_once() -> None:
    counts = Counter(sharers("phone").values())

    assert sum(number for users, number in counts.items() if users > LIMITS["phone"]) >= 3
    assert counts[2] >= 5


def test_there_is_garbage_of_every_type_and_some_users_have_nothing() -> None:
    truth = truth_of(USERS)

    assert set(truth.garbage) == {"email", "phone", "device", "ip"}
    assert any(raw.truth == "~" for user in USERS for raw in user.values)
    assert 50 < truth.without_identifiers < 400


def test_every_true_number_is_valid() -> None:
    numbers = [phonenumbers.parse(number) for number in sharers("phone")]

    assert all(phonenumbers.is_valid_number(number) for number in numbers)


def test_the_truth_follows_from_what_is_shared_within_the_limits() -> None:
    def user(user_id: str, *truths: str) -> TableUser:
        return TableUser(user_id, USERS[0].created_at, [Raw("email", truth.upper(), truth) for truth in truths])

    crowd = [user(f"crowd-{number}", "everybody") for number in range(LIMITS["email"] + 1)]
    people = [user("cleo", "x"), user("ben", "x", "y"), user("ann", "y"), user("dan", "z"), user("eve"), *crowd]

    truth = truth_of(people)

    assert truth.clusters == {"ann": "ann", "ben": "ann", "cleo": "ann"}
    assert truth.document() == {
        "users": 9,
        "without_identifiers": 1,
        "garbage_values": {},
        "clusters": 1,
        "linked_users": 3,
        "largest_cluster": 3,
    }


def test_the_table_holds_the_users_and_another_one_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "users.db"

    truth = write_users(f"sqlite:///{file}", 300, 1)

    assert truth == truth_of(draw_users(300, seed=1))
    connection = sqlite3.connect(file)
    rows = connection.execute("SELECT user_id, email, phone, profile FROM users ORDER BY created_at").fetchall()
    devices = connection.execute("SELECT count(*) FROM user_devices").fetchone()[0]
    connection.close()
    users = list(draw_users(300, seed=1))
    assert [row[0] for row in rows] == [user.user_id for user in users]
    assert devices == sum(len(user.of("device")) for user in users)
    assert [json.loads(row[3]).get("ips", []) for row in rows] == [user.of("ip") for user in users]
    with pytest.raises(SandboxError, match="user_devices and users exist there already"):
        write_users(f"sqlite:///{file}", 300, 1)


def test_a_database_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="the users cannot be written"):
        write_users(f"sqlite:///{tmp_path}/nowhere/users.db", 3, 1)
