"""What a sandbox can be told when it starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from retrograph.sandbox.faults import Faults

SAMPLE = Path(__file__).parent / "sample"


class SandboxError(Exception):
    """The sandbox cannot start as it was told; the message is one sentence for the person who told it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """Where the sandbox listens, what it serves and how it misbehaves."""

    host: str = "127.0.0.1"
    """The address to listen on; loopback unless told otherwise, because the data has no other guard than `token`."""
    port: int = 0
    """The port to listen on; 0 takes a free one."""
    data: Path = SAMPLE
    """The folder with receipts, shop_orders, products and categories as Parquet files."""
    list_file_users: bool = True
    """Whether the list of user ids holds the users of the files; they are answered either way."""
    users: int = 0
    """Invented users `inv-0000001`…, each like a user of the files."""
    empty_users: int = 0
    """Users `empty-0000001`… that are known and have bought nothing."""
    unknown_users: int = 0
    """Ids `unknown-0000001`… that are listed, while the services do not know them."""
    paged_users: int = 0
    """Users `paged-0000001`… whose receipts fill several pages, and whose orders are more than 50."""
    paged_receipts: int = 1_200
    """Receipts of each paged user."""
    heavy_users: int = 0
    """Users `heavy-0000001`… with as many receipts as `heavy_receipts`, and 288 orders."""
    heavy_receipts: int = 100_000
    """Receipts of each heavy user."""
    both_users: int = 0
    """Users `both-0000001`… who bought the same products by receipt and in a shop order."""
    odd_users: int = 0
    """Users whose ids hold a slash, a space, a percent sign and a letter beyond ASCII."""
    seed: int = 0
    """What the invented users and the faults follow from: the same seed, the same answers."""
    token: str | None = field(default=None, repr=False)
    """The bearer token that every request but `/` and `/health` must carry, if any."""
    faults: Mapping[str, Faults] = field(default_factory=dict)
    """The faults to start with, by service; `all` stands for the services that are not named."""
