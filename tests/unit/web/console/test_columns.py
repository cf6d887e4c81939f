"""Which columns the list of jobs shows, and how each is added or left out."""

from retrograph.web.console.columns import CHOICES, choices, columns, shown
from retrograph.web.console.list_query import ListView


def heads(view: ListView) -> list[str]:
    return [column.css.split()[0] for column in columns(view)]


def test_all_are_shown_where_nobody_chose_but_what_cannot_be_there() -> None:
    assert heads(ListView()) == ["job", "where", *CHOICES]
    assert heads(ListView(base="/event-files", own_kind="events")) == ["job", "where", *CHOICES]
    for kind in ("purchases", "identity"):
        assert "credentials" not in shown(ListView(base=f"/{kind}", own_kind=kind))
        assert "credentials" not in shown(ListView(kind=kind))


def test_a_column_is_left_out_and_comes_back_and_the_address_says_so() -> None:
    menu = {name: (address, current) for name, address, current in choices(ListView(sort="-failed"))}
    address, current = menu["Skipped"]
    assert current
    assert address == "/jobs?sort=-failed&columns=progress%2Cpace%2Cprocessed%2Cfailed%2Ccredentials%2Ccreated%2Cerror"
    view = ListView(sort="-failed", columns=tuple(name for name in CHOICES if name != "skipped"))
    assert "skipped" not in heads(view)
    assert {name: address for name, address, _ in choices(view)}["Skipped"] == "/jobs?sort=-failed"


def test_even_all_may_be_left_out_and_what_is_unknown_is_no_column() -> None:
    assert heads(ListView(columns=())) == ["job", "where"]
    assert heads(ListView(columns=("failed", "<b>", "job"))) == ["job", "where", "failed"]
    assert {name: address for name, address, _ in choices(ListView(columns=("failed",)))}["Failed"].endswith("=none")
