"""Who lives in the sandbox: the users of the files and the invented ones, behind one set of questions."""

from collections.abc import Iterator

from retrograph.sandbox.data import SourceData
from retrograph.sandbox.histories import NO_ORDERS, History, Order
from retrograph.sandbox.invented import Invented
from retrograph.sandbox.options import SandboxOptions


class Population:
    """Answers by user and by order; remembers only which orders had their status changed."""

    def __init__(self, data: SourceData, options: SandboxOptions) -> None:
        self.catalogue = data.catalogue
        self._data = data
        self._invented = Invented(data, options)
        self._list_file_users = options.list_file_users
        self._known = frozenset(data.users)
        self._file_orders = {order.order_id: order for orders in data.orders.values() for order in orders}
        self._statuses: dict[str, str] = {}

    def user_ids(self) -> Iterator[str]:
        """Every user id, those of the files first."""
        if self._list_file_users:
            yield from self._data.users
        yield from self._invented.user_ids()

    def history(self, user_id: str) -> History | None:
        """The receipts of a user; `None` for a user whom the Purchase History service does not know."""
        if user_id in self._known:
            return self._data.histories.get(user_id)
        return self._invented.history(user_id)

    def orders(self, user_id: str) -> tuple[Order, ...]:
        """The shop orders of a user, newest first; none for a user nobody knows."""
        if user_id in self._known:
            return self._data.orders.get(user_id, NO_ORDERS)
        return self._invented.orders(user_id)

    def order(self, order_id: str) -> Order | None:
        """One shop order by its id."""
        return self._file_orders.get(order_id) or self._invented.order(order_id)

    def status(self, order: Order) -> str:
        """The order's status now."""
        return self._statuses.get(order.order_id, order.status)

    def change_status(self, order: Order, status: str) -> None:
        """Lets the order have another status from now on."""
        self._statuses[order.order_id] = status

    def restore_status(self, order: Order) -> None:
        """Gives the order the status back that it had at the start."""
        self._statuses.pop(order.order_id, None)
