"""Users that no file holds. Each follows from the seed and its id alone: made when asked for, and never stored."""

from collections.abc import Iterator
from functools import lru_cache

from retrograph.sandbox import likeness
from retrograph.sandbox.data import SourceData
from retrograph.sandbox.drawn import DrawnHistory, drawn_orders, span_of
from retrograph.sandbox.histories import NO_HISTORY, NO_ORDERS, History, Order
from retrograph.sandbox.likeness import Likeness, Popularity, liken
from retrograph.sandbox.options import SandboxError, SandboxOptions

_REMEMBERED_USERS = 256
"""Made histories that are kept for a while: one user is asked for several times in a row."""

_PAGED_ORDERS = 60
_HEAVY_ORDERS = 288
"""More than 50, the number from which a loader may fetch details differently; and the most seen in production."""

_ODD = "odd / ü 100%"


class Invented:
    """Answers for the invented users; the part of an id before its number says what sort of user it is."""

    def __init__(self, data: SourceData, options: SandboxOptions) -> None:
        self._data = data
        self._seed = options.seed
        self._counts = {
            "inv": options.users,
            _ODD: options.odd_users,
            "both": options.both_users,
            "empty": options.empty_users,
            "paged": options.paged_users,
            "heavy": options.heavy_users,
        }
        self._unknown = options.unknown_users
        self._lengths = {
            "paged": (options.paged_receipts, _PAGED_ORDERS),
            "heavy": (options.heavy_receipts, _HEAVY_ORDERS),
        }
        self._customers = tuple(sorted(data.histories))
        self._both = tuple(user for user in self._customers if user in data.orders)
        self._refuse_the_impossible()
        self._receipt_products = Popularity(data.receipt_products)
        self._order_products = Popularity(data.order_products)
        self._history = lru_cache(_REMEMBERED_USERS)(self._make_history)
        self._orders = lru_cache(_REMEMBERED_USERS)(self._make_orders)

    def _refuse_the_impossible(self) -> None:
        if any(self._counts[sort] for sort in ("inv", _ODD, "paged", "heavy")) and not self._customers:
            raise SandboxError("Users cannot be invented: the files hold no receipts to make them from.")
        if self._counts["both"] and not self._both:
            raise SandboxError("Users cannot be invented: no user of the files has receipts and shop orders.")

    def user_ids(self) -> Iterator[str]:
        """The ids of all invented users, and last those of users whom nobody knows."""
        for sort, count in (*self._counts.items(), ("unknown", self._unknown)):
            for number in range(1, count + 1):
                yield f"{sort}-{number:07d}"

    def history(self, user_id: str) -> History | None:
        """The receipts of an invented user; `None` where there is no such user."""
        sort = self._sort(user_id)
        return None if sort is None else self._history(user_id, sort)

    def orders(self, user_id: str) -> tuple[Order, ...]:
        """The shop orders of an invented user; none where there is no such user."""
        sort = self._sort(user_id)
        return NO_ORDERS if sort is None else self._orders(user_id, sort)

    def order(self, order_id: str) -> Order | None:
        """An invented user's order: its id holds the user's."""
        user_id, _, position = order_id.removeprefix("bo-").rpartition("-")
        if not (position.isascii() and position.isdecimal()):
            return None
        orders = self.orders(user_id)
        found = orders[int(position)] if int(position) < len(orders) else None
        return found if found is not None and found.order_id == order_id else None

    def _sort(self, user_id: str) -> str | None:
        sort, _, digits = user_id.rpartition("-")
        if not (sort in self._counts and digits.isascii() and digits.isdecimal() and len(digits) < 20):
            return None
        number = int(digits)
        return sort if 1 <= number <= self._counts[sort] and digits == f"{number:07d}" else None

    def _make_history(self, user_id: str, sort: str) -> History:
        if sort == "empty":
            return NO_HISTORY
        if sort in self._lengths:
            return self._drawn(user_id, self._lengths[sort][0])
        like = self._liken(user_id, sort)
        return likeness.stored(likeness.receipts(self._data, like, self._receipt_products.swap(like.mask)))

    def _make_orders(self, user_id: str, sort: str) -> tuple[Order, ...]:
        if sort == "empty":
            return NO_ORDERS
        if sort in self._lengths:
            count = self._lengths[sort][1]
            return tuple(drawn_orders(self._data, self._seed, user_id, span_of(self._data, count), count))
        like = self._liken(user_id, sort)
        made = likeness.orders(self._data, like, self._order_products.swap(like.mask))
        if sort == "both":
            made = likeness.with_products_of(self._history(user_id, sort), self._data, made)
        return tuple(made)

    def _drawn(self, user_id: str, count: int) -> DrawnHistory:
        return DrawnHistory(
            data=self._data,
            originals=self._customers,
            seed=self._seed,
            user_id=user_id,
            count=count,
            span=span_of(self._data, max(count, 1)),
        )

    def _liken(self, user_id: str, sort: str) -> Likeness:
        return liken(self._seed, user_id, self._both if sort == "both" else self._data.users)
