"""The Purchase History service: the receipts of one user in a window, page by page, newest first."""

from datetime import datetime
from functools import lru_cache
from typing import Final
from urllib.parse import quote

import msgspec

from retrograph.clock import iso
from retrograph.upstream.service import Service, segment

PAGE_RECEIPTS: Final = 500
"""The most that the contract allows: fewer round trips."""


class Retailer(msgspec.Struct, frozen=True, gc=False):
    """Where something was bought."""

    name: str
    channel: str | None = None


class ReceiptItem(msgspec.Struct, frozen=True, gc=False):
    """One line of a receipt; its `category` is a word for people and no id, so it is not read."""

    product_id: str
    description: str | None = None


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """One purchase."""

    receipt_id: str
    purchased_at: datetime
    retailer: Retailer
    items: list[ReceiptItem]


class _Page(msgspec.Struct):
    purchases: list[Receipt]
    next_cursor: str | None


_PAGE: Final = msgspec.json.Decoder(_Page)


@lru_cache(maxsize=16)
def _query(since: int, until: int) -> str:
    """The same for all users of a load."""
    return f"since={quote(iso(since), safe='')}&until={quote(iso(until), safe='')}&limit={PAGE_RECEIPTS}"


class PurchaseHistory:
    """What the Purchase History service knows of a user."""

    def __init__(self, service: Service) -> None:
        self.service = service

    async def receipts(self, user_id: str, since: int, until: int) -> list[Receipt]:
        """All receipts in the half-open window `[since, until)` (milliseconds); none for a user it does not know."""
        window = _query(since, until)
        path = f"/v1/users/{segment(user_id)}/purchases"
        page = await self.service.fetch(f"{path}?{window}", _PAGE)
        receipts = [] if page is None else page.purchases
        seen: set[str] = set()
        while page is not None and page.next_cursor is not None:
            cursor = page.next_cursor
            if cursor in seen:
                raise self.service.malformed(path, f"the cursor {cursor[:80]!r} came twice, the pages have no end")
            seen.add(cursor)
            page = await self.service.fetch(f"{path}?{window}&cursor={quote(cursor, safe='')}", _PAGE)
            if page is None:
                raise self.service.failed(path, "was answered with 404 for a further page")
            receipts.extend(page.purchases)
        return receipts

    async def check(self) -> None:
        """Raises ConfigurationError where the URL is not this service, DependencyDown where nothing answers."""
        await self.service.probe("/v1/users/retrograph-check/purchases?limit=1", may_be_unknown=True)
