"""The allow-list: exact addresses, and a file that counts as it is at this moment."""

from pathlib import Path

import pytest

from retrograph.entry.allow_list import allow_list


def test_an_address_counts_letter_by_letter() -> None:
    admins = allow_list("ann@example.com, Bob@Example.com")
    assert admins.holds("ann@example.com") and admins.holds("Bob@Example.com")
    for other in ("Ann@example.com", "bob@example.com", "ann@example.com ", "ann@example.com.evil.org", "", "ann"):
        assert not admins.holds(other)


def test_what_looks_alike_is_another_address() -> None:
    admins = allow_list("ann@example.com")
    assert not admins.holds("аnn@example.com")
    assert not admins.holds("ann@example.com\u200b")
    assert not admins.holds("ann@example.com, bob@example.com")


def test_without_a_list_nobody_is_an_admin() -> None:
    assert not allow_list(None).holds("ann@example.com")


def test_a_file_is_read_again_at_each_question(tmp_path: Path) -> None:
    file = tmp_path / "admins"
    file.write_text("# on call\nann@example.com\nbob@example.com # until May\n")
    admins = allow_list(str(file))
    assert admins.holds("ann@example.com") and admins.holds("bob@example.com")
    file.write_text("ann@example.com\ncat@example.com\n")
    assert not admins.holds("bob@example.com")
    assert admins.holds("cat@example.com")


@pytest.mark.parametrize("broken", [b"\xff\xfe ann@example.com", None])
def test_a_file_that_cannot_be_read_holds_nobody(tmp_path: Path, broken: bytes | None) -> None:
    file = tmp_path / "admins"
    file.write_text("ann@example.com\n")
    admins = allow_list(str(file))
    assert admins.holds("ann@example.com")
    file.unlink()
    if broken is not None:
        file.write_bytes(broken)
    assert not admins.holds("ann@example.com")
    file.write_text("ann@example.com\n")
    assert admins.holds("ann@example.com")
