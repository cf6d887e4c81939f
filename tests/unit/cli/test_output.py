"""What a command prints as data."""

import json
from collections.abc import AsyncIterator

import pytest

from retrograph.cli.output import print_json_list


async def _each(documents: list[object]) -> AsyncIterator[object]:
    for document in documents:
        yield document


@pytest.mark.parametrize("documents", [[], [{"item": "a\nb", "attempts": 1}], [{"item": "ü"}, {"nested": [1, {}]}, 3]])
async def test_a_list_that_is_written_as_it_comes_looks_like_one_that_was_whole(
    documents: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    await print_json_list(_each(documents))
    assert capsys.readouterr().out == json.dumps(documents, ensure_ascii=False, indent=2) + "\n"
