"""Rows in Python's memory as files that the program reads."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Union

#: A path to a file; a list of texts, of ``(text, label)`` or of dicts; a dict of columns; a pandas DataFrame; a
#: ``datasets.Dataset``. Columns are called ``text``, ``text_pair`` and ``label``.
Rows = Union[str, "os.PathLike[str]", Iterable[Any], Mapping[str, Iterable[Any]]]


def is_path(data: Rows) -> bool:
    return isinstance(data, (str, os.PathLike))


def records(data: Rows) -> Iterator[dict[str, Any]]:
    """Rows as dicts, whatever they come as."""
    if hasattr(data, "to_dict") and hasattr(data, "columns"):
        # A DataFrame, of pandas or what is like it.
        data = data.to_dict("records")
    if isinstance(data, Mapping):
        columns = {str(name): list(values) for name, values in data.items()}
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"data: expected columns of one length, found {lengths}")
        names = list(columns)
        data = [dict(zip(names, row)) for row in zip(*columns.values())]
    rows: Any = data
    for number, row in enumerate(rows):
        yield _record(row, number)


def _record(row: Any, number: int) -> dict[str, Any]:
    if isinstance(row, str):
        return {"text": row}
    if isinstance(row, Mapping):
        record = {str(name): _plain(value) for name, value in row.items()}
        if not isinstance(record.get("text"), str):
            raise ValueError(
                f"data: row {number}: expected a column text that holds text, found {sorted(record)}; rename or convert it"
            )
        return record
    if isinstance(row, tuple) and len(row) == 2 and isinstance(row[0], str):
        return {"text": row[0], "label": _plain(row[1])}
    raise ValueError(f"data: row {number}: expected a text, (text, label) or a dict, found {type(row).__name__}")


def _plain(value: Any) -> Any:
    """A value as JSON has it: numbers of numpy and torch as Python's, what is missing as null."""
    if hasattr(value, "item") and not isinstance(value, (str, bytes)):
        value = value.item()
    return None if value != value else value  # noqa: PLR0124 - only a NaN differs from itself


def jsonl_file(data: Rows) -> str:
    """A file with the rows, which stays: a run that is resumed reads it again."""
    lines = [json.dumps(record, ensure_ascii=False, allow_nan=False) for record in records(data)]
    return kept_file("".join(f"{line}\n" for line in lines), ".jsonl")


def kept_file(text: str, suffix: str) -> str:
    """A file named by what it holds, in the user's cache: the same contents are the same file."""
    contents = text.encode("utf-8")
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(base) / "distill-ddp" / "python"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{hashlib.sha256(contents).hexdigest()[:32]}{suffix}"
    if not file.exists():
        write_whole(file, contents)
    return str(file)


def write_whole(file: Path, contents: bytes) -> None:
    """Writes a file that is there in full or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(contents)
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise
