"""Products and categories: what two services answer, and what receipts and orders say about their lines."""

from collections.abc import Iterable
from dataclasses import dataclass

from retrograph.sandbox.histories import encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A category and the one above it."""

    category_id: str
    name: str | None
    parent_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product as the files hold it."""

    product_id: str
    name: str | None
    brand: str | None
    category_id: str | None


class Catalogue:
    """Every product and category, encoded once."""

    def __init__(self, products: Iterable[Product], categories: Iterable[Category]) -> None:
        self._categories = {category.category_id: category for category in categories}
        self._hierarchies: dict[str, bytes] = {}
        self._labels: dict[str, tuple[str | None, str | None]] = {}
        self._products: dict[str, bytes] = {}
        for product in products:
            self._take(product)

    def _take(self, product: Product) -> None:
        category = self._categories.get(product.category_id or "")
        self._labels[product.product_id] = (product.name, category.name if category else None)
        self._products[product.product_id] = encode(
            {
                "fido": product.product_id,
                "name": product.name,
                "brand": product.brand,
                "categoryId": product.category_id,
            }
        )

    def labels(self, product_id: str) -> tuple[str | None, str | None]:
        """The product's name and its category's name; `None` for what is not known."""
        return self._labels.get(product_id, (None, None))

    def product(self, product_id: str) -> bytes | None:
        """The product as the Product service writes it."""
        return self._products.get(product_id)

    def hierarchy(self, category_id: str) -> bytes | None:
        """The Category service's whole answer, encoded when it is first asked for."""
        if category_id not in self._categories:
            return None
        if category_id not in self._hierarchies:
            path = [{"id": category.category_id, "name": category.name} for category in self._path(category_id)]
            self._hierarchies[category_id] = encode({"categoryId": category_id, "hierarchy": path})
        return self._hierarchies[category_id]

    def _path(self, category_id: str) -> list[Category]:
        """Root first, the category last; a circle of parents ends where it would close."""
        path: dict[str, Category] = {}
        category = self._categories.get(category_id)
        while category is not None and category.category_id not in path:
            path[category.category_id] = category
            category = self._categories.get(category.parent_id or "")
        return list(reversed(path.values()))
