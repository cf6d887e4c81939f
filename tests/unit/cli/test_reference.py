"""The reference of the settings is what the settings say."""

from pathlib import Path

import pytest

from retrograph.cli.reference import main, reference
from retrograph.config.reading import setting_fields, variable

DOCUMENTS = Path(__file__).parents[3] / "docs"


def test_the_committed_documents_are_current() -> None:
    assert main(["--check", str(DOCUMENTS)]) == 0


def test_every_setting_is_in_it_with_a_meaning() -> None:
    text = reference()
    for path, field in setting_fields():
        assert f"| `{variable(path)}` |" in text
        assert field.description


def test_a_stale_reference_fails_the_check_and_stays_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "configuration.md"
    file.write_text("stale")
    assert main(["--check", str(tmp_path)]) == 1
    assert "python -m retrograph.cli.reference" in capsys.readouterr().err
    assert file.read_text() == "stale"
    assert main([str(tmp_path)]) == 0
    assert main(["--check", str(tmp_path)]) == 0
    (tmp_path / "states.md").unlink()
    assert main(["--check", str(tmp_path)]) == 1
