from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distill_ddp._data import jsonl_file, records


class Number:
    """As numpy's and torch's: a value behind item()."""

    def __init__(self, value: float) -> None:
        self._value = value

    def item(self) -> float:
        return self._value


class Frame:
    """What is asked of a DataFrame."""

    columns = ("text", "label")

    def to_dict(self, orient: str) -> list[dict[str, Any]]:
        assert orient == "records"
        return [{"text": "a", "label": Number(1)}, {"text": "b", "label": float("nan")}]


class Dataset:
    """What is asked of a datasets.Dataset."""

    def __iter__(self) -> Any:
        return iter([{"text": "a", "label": 1}])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (["a", "b"], [{"text": "a"}, {"text": "b"}]),
        ([("a", 1)], [{"text": "a", "label": 1}]),
        ([{"text": "a", "id": 3}], [{"text": "a", "id": 3}]),
        ({"text": ["a", "b"], "label": [0, 1]}, [{"text": "a", "label": 0}, {"text": "b", "label": 1}]),
        (Frame(), [{"text": "a", "label": 1}, {"text": "b", "label": None}]),
        (Dataset(), [{"text": "a", "label": 1}]),
        ((text for text in "ab"), [{"text": "a"}, {"text": "b"}]),
        ([], []),
    ],
)
def test_rows_come_as_many_things(data: Any, expected: list[dict[str, Any]]) -> None:
    assert list(records(data)) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([1], "found int"),
        ([{"tweet": "a"}], "column text"),
        ([{"text": 3}], "column text"),
        ({"text": ["a"], "label": [1, 2]}, "one length"),
        ([("a", 1, 2)], "found tuple"),
    ],
)
def test_other_rows_are_refused(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        list(records(data))


def test_the_same_rows_are_the_same_file() -> None:
    first = jsonl_file(["a", "b\n\u2028é"])
    assert jsonl_file(iter(["a", "b\n\u2028é"])) == first != jsonl_file(["a"])
    lines = Path(first).read_text(encoding="utf-8").split("\n")
    assert [json.loads(line)["text"] for line in lines[:-1]] == ["a", "b\n\u2028é"]
