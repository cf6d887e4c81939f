"""Writes the made-up users into a database: a column, a JSON column and a child table hold what they are known by."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    DateTime,
    Index,
    MetaData,
    String,
    Table,
    create_engine,
    inspect,
    make_url,
)
from sqlalchemy.exc import SQLAlchemyError

from retrograph.sandbox.options import SandboxError
from retrograph.sandbox.users_table import TableUser, Truth, draw_users, truth_of

ROWS_AT_A_TIME: Final = 5_000

_METADATA: Final = MetaData()
USERS: Final = Table(
    "users",
    _METADATA,
    Column("user_id", String(64), primary_key=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("email", String(320)),
    Column("phone", String(64)),
    Column("profile", JSON),
    Index("users_by_age", "created_at", "user_id"),
)
DEVICES: Final = Table(
    "user_devices",
    _METADATA,
    Column("user_id", String(64), nullable=False),
    Column("device_id", String(512), nullable=False),
    Column("first_used_at", DateTime(timezone=True), nullable=False),
    Index("devices_by_user", "user_id"),
)

SETTINGS: Final = {
    "RETROGRAPH_USERS_TABLE": "users",
    "RETROGRAPH_USERS_EMAIL": "email",
    "RETROGRAPH_USERS_PHONE": "phone",
    "RETROGRAPH_USERS_DEVICE": "user_devices.device_id:at=first_used_at",
    "RETROGRAPH_USERS_IP": "profile/ips",
    "RETROGRAPH_USERS_PAYMENT": "profile/payment",
}
"""What maps the table, beside its URL."""


def write_users(url: str, count: int, seed: int, wrote: Callable[[int], None] = lambda _: None) -> Truth:
    """Makes both tables and fills them; returns the truth about them. Raises SandboxError, also where they exist."""
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = create_engine(parsed)
        with engine.begin() as connection:
            there = {USERS.name, DEVICES.name} & set(inspect(connection).get_table_names())
            if there:
                raise SandboxError(f"{' and '.join(sorted(there))} exist there already: choose another database")
            _METADATA.create_all(connection)
            _fill(connection, draw_users(count, seed), wrote)
        engine.dispose()
    except ModuleNotFoundError as error:
        raise SandboxError(f"the database's driver is not installed: {error.name}") from error
    except SQLAlchemyError as error:
        reason = str(error).strip().splitlines()[0]
        raise SandboxError(f"the users cannot be written: {reason}") from error
    return truth_of(draw_users(count, seed))


def _fill(connection: Connection, users: Iterator[TableUser], wrote: Callable[[int], None]) -> None:
    written = 0
    while page := list(islice(users, ROWS_AT_A_TIME)):
        connection.execute(USERS.insert(), [_row(user) for user in page])
        devices = [row for user in page for row in _devices(user)]
        if devices:
            connection.execute(DEVICES.insert(), devices)
        written += len(page)
        wrote(written)


def _row(user: TableUser) -> dict[str, Any]:
    profile: dict[str, Any] = {"ips": user.of("ip")} if user.of("ip") else {}
    if payment := user.of("payment"):
        profile["payment"] = payment[0]
    return {
        "user_id": user.user_id,
        "created_at": user.created_at,
        "email": next(iter(user.of("email")), None),
        "phone": next(iter(user.of("phone")), None),
        "profile": profile,
    }


def _devices(user: TableUser) -> Iterator[dict[str, Any]]:
    for number, device in enumerate(user.of("device")):
        at = user.created_at + timedelta(days=number)
        yield {"user_id": user.user_id, "device_id": device, "first_used_at": at}
