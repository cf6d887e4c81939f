"""Files of old events for the browser tests: a few receipts each, in folders by month."""

import gzip
import json
from pathlib import Path
from typing import Final

from tests.servers.versitygw import VersitygwServer

SHOPS: Final = ("Corner Store", "Harvest Market", "Pharmacy One")


def write_files(folder: Path, count: int, *, broken: int = 0) -> str:
    """Writes that many files, and some that cannot be read; returns the folder's address."""
    for number in range(count):
        month = folder / f"2017/{number % 12 + 1:02}"
        month.mkdir(parents=True, exist_ok=True)
        events = b"".join(_receipt(number, line) for line in range(3 + number % 5))
        (month / f"receipts-{number:03}.json.gz").write_bytes(gzip.compress(events, mtime=0))
    for number in range(broken):
        spoiled = gzip.compress(b"".join(_receipt(number, line) for line in range(40)), mtime=0)
        (folder / f"2017/receipts-cut-{number:03}.json.gz").write_bytes(spoiled[: len(spoiled) // 2])
    if broken:
        (folder / "2017/notes.json").write_bytes(b"not an event\n" * 12)
    return f"file://{folder}"


def upload(gateway: VersitygwServer, folder: Path) -> str:
    """Puts a folder's files into a bucket of their own; returns the address."""
    bucket, client = gateway.new_bucket(), gateway.client()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        client.put_object(Bucket=bucket, Key=file.relative_to(folder).as_posix(), Body=file.read_bytes())
    return f"s3://{bucket}"


def _receipt(file: int, line: int) -> bytes:
    event = {
        "event_type": "receipt_processed",
        "event_id": f"{file}-{line}",
        "occurred_at": "2017-12-01T10:00:00Z",
        "user_id": f"archived-{line:02}",
        "receipt_id": f"archived-{file}-{line}",
        "purchased_at": f"2017-{file % 12 + 1:02}-{line % 28 + 1:02}T09:30:00Z",
        "retailer": {"name": SHOPS[file % len(SHOPS)]},
        "items": [{"product_id": f"archived-{(file + line) % 20}"}],
    }
    return json.dumps(event).encode() + b"\n"
