"""The join of shared nodes, by properties."""

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from retrograph.facts import CategoryFact, PathField, ProductFact, RetailerFact, SharedFacts, TextField
from retrograph.graph.model import StoredCategory, StoredProduct, StoredShared
from retrograph.graph.shared import (
    Knowledge,
    join_category,
    join_product,
    join_retailer,
    join_shared,
    mentioned,
    merge_shared,
)

TEXTS = st.none() | st.builds(TextField, st.integers(0, 1), st.integers(0, 2), st.sampled_from(["a", "b", "é"]))
PATHS = st.none() | st.builds(
    PathField, st.integers(0, 1), st.integers(0, 2), st.sampled_from([("a",), ("b", "a"), ("b", "c", "a")])
)
PRODUCTS = st.builds(ProductFact, name=TEXTS, brand=TEXTS, category_id=TEXTS)
CATEGORIES = st.builds(CategoryFact, name=TEXTS, hierarchy=PATHS)


@given(PRODUCTS, PRODUCTS, PRODUCTS)
def test_the_join_of_products_is_a_least_upper_bound(a: ProductFact, b: ProductFact, c: ProductFact) -> None:
    assert join_product(a, a) == a
    assert join_product(a, b) == join_product(b, a)
    assert join_product(join_product(a, b), c) == join_product(a, join_product(b, c))


@given(CATEGORIES, CATEGORIES, CATEGORIES)
def test_the_join_of_categories_is_a_least_upper_bound(a: CategoryFact, b: CategoryFact, c: CategoryFact) -> None:
    assert join_category(a, a) == a
    assert join_category(a, b) == join_category(b, a)
    assert join_category(join_category(a, b), c) == join_category(a, join_category(b, c))


def test_a_catalogue_outranks_a_later_event_and_a_later_day_an_earlier_one() -> None:
    event = RetailerFact(channel=TextField(0, 9, "ONLINE"))
    catalogue = RetailerFact(channel=TextField(1, 1, "GROCERY"))
    later = RetailerFact(channel=TextField(1, 2, "DRUG"))
    assert reduce(join_retailer, [event, later, catalogue]) == later


def test_the_later_day_of_an_equal_value_is_kept() -> None:
    """Left out, the result would depend on whether another value of the day between came before or after it."""
    early, between, late = (ProductFact(name=TextField(1, day, value)) for day, value in ((1, "a"), (2, "b"), (3, "a")))
    assert reduce(join_product, [early, late, between]) == reduce(join_product, [between, early, late]) == late


def test_every_category_that_is_mentioned_has_an_entry() -> None:
    facts = mentioned(
        SharedFacts(
            products={"apple": ProductFact(category_id=TextField(0, 0, "fruit"))},
            categories={"pome": CategoryFact(hierarchy=PathField(1, 0, ("food", "fresh", "pome")))},
        )
    )
    assert set(facts.categories) == {"fruit", "pome", "food", "fresh"}


def stored(product: ProductFact, category: CategoryFact, *, created: bool) -> StoredShared:
    return StoredShared(
        products={"apple": StoredProduct(fact=product, category_hierarchy=None, created=created)},
        categories={"fruit": StoredCategory(fact=category, created=created)},
    )


FRUIT = SharedFacts(
    products={"apple": ProductFact(category_id=TextField(1, 0, "fruit"))},
    categories={"fruit": CategoryFact(hierarchy=PathField(1, 0, ("food", "fruit")))},
)


def test_only_what_existed_is_marked() -> None:
    new = merge_shared(stored(ProductFact(), CategoryFact(), created=True), FRUIT, "mark")
    old = merge_shared(stored(ProductFact(), CategoryFact(), created=False), FRUIT, "mark")
    assert (new.products[0].mark, new.categories[0].mark) == (None, None)
    assert (old.products[0].mark, old.categories[0].mark) == ("mark", "mark")


def test_a_product_takes_the_hierarchy_that_its_category_really_has() -> None:
    held = CategoryFact(hierarchy=PathField(1, 5, ("food", "fresh", "fruit")))
    changes = merge_shared(stored(ProductFact(), held, created=False), FRUIT, "mark")
    assert changes.products[0].category_hierarchy == ("food", "fresh", "fruit")
    assert changes.categories == []


@given(st.lists(PRODUCTS, min_size=1, max_size=4))
def test_knowledge_leaves_out_exactly_what_it_implies(history: list[ProductFact]) -> None:
    knowledge = Knowledge()
    total = reduce(join_product, history)
    facts = SharedFacts(products={"apple": total})
    knowledge.learn(
        StoredShared(products={"apple": StoredProduct(fact=ProductFact(), category_hierarchy=None, created=True)}),
        facts,
    )
    for fact in history:
        assert not knowledge.news(SharedFacts(products={"apple": fact})).products
    higher = ProductFact(name=TextField(9, 9, "z"))
    assert knowledge.news(SharedFacts(products={"apple": higher})).products == {"apple": higher}
    knowledge.forget()
    assert knowledge.news(facts).products


def test_knowledge_is_bounded() -> None:
    knowledge = Knowledge(limit=2)
    facts = SharedFacts(retailers={f"Store {n}": RetailerFact() for n in range(5)})
    knowledge.learn(StoredShared(retailers=dict(facts.retailers)), facts)
    assert list(knowledge.retailers) == ["Store 3", "Store 4"]


@given(st.lists(st.dictionaries(st.sampled_from(["apple", "bread"]), PRODUCTS), min_size=1, max_size=4))
def test_documents_join_to_what_they_say_together(documents: list[dict[str, ProductFact]]) -> None:
    together = join_shared([SharedFacts(products=document) for document in documents])
    for key, fact in together.products.items():
        assert fact == reduce(join_product, [document[key] for document in documents if key in document])
