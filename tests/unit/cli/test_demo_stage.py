"""The demo's folder: its own files are cleared, nothing else is ever touched."""

from pathlib import Path

import pytest

from retrograph.cli.demo_stage import prepared, settings_of
from retrograph.errors import UsageError


def test_a_second_demo_starts_afresh_in_its_own_folder(tmp_path: Path) -> None:
    with prepared(tmp_path / "demo"):
        (tmp_path / "demo" / "retrograph.db").write_text("old")
        (tmp_path / "demo" / "mine.txt").write_text("kept")
    with prepared(tmp_path / "demo") as ids:
        assert not (tmp_path / "demo" / "retrograph.db").exists()
        assert (tmp_path / "demo" / "mine.txt").read_text() == "kept"
        assert ids.parent == tmp_path / "demo"


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "retrograph.db").write_text("production")
    with pytest.raises(UsageError, match="choose another --directory"), prepared(tmp_path):
        raise AssertionError
    assert (tmp_path / "retrograph.db").read_text() == "production"


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a file")
    with pytest.raises(UsageError), prepared(tmp_path / "demo"):
        raise AssertionError


def test_the_demo_touches_nothing_that_is_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETROGRAPH_GRAPH", "bolt://production:7687")
    monkeypatch.setenv("RETROGRAPH_STORE", "postgresql://production/jobs")
    settings = settings_of(tmp_path, "http://127.0.0.1:1")
    assert settings.graph == settings.store
    assert settings.graph.path == tmp_path / "retrograph.db"
