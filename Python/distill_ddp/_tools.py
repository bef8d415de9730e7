"""The program's other commands."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Union

from ._config import Configuration, Data, Overrides, arguments
from ._data import Rows, is_path, jsonl_file
from ._program import json_output, options, output
from ._run import Run

_RunOrPath = Union[Run, str, "os.PathLike[str]"]


def evaluate(
    model: str | os.PathLike[str],
    data: Rows,
    labels: str | os.PathLike[str] | None = None,
    *,
    ranks: int = 1,
    threads: int | None = None,
    max_length: int | None = None,
) -> dict[str, Any]:
    """Measures a model on rows with labels: loss, accuracy, F1, recall, the confusion matrix.

    Args:
        data: a .csv, .tsv or .jsonl file, a file of texts with ``labels`` beside it, or rows.
        labels: a file with one label a line.
    """
    files = [os.fspath(data)] if is_path(data) else [jsonl_file(data)]  # type: ignore[arg-type]
    if labels is not None:
        files.append(os.fspath(labels))
    limits = options({"threads": threads, "max_length": max_length})
    words = ["evaluate", "--json", "--model", os.fspath(model), *limits, "--data", *files]
    result: dict[str, Any] = json_output(words, ranks=ranks)
    return result


def report(run: _RunOrPath, output_file: str | os.PathLike[str] | None = None) -> str:
    """Writes a run as one HTML page, and returns its path."""
    directory = _directory(run)
    file = os.fspath(output_file) if output_file is not None else os.path.join(directory, "report.html")
    output(["report", directory, "--output", file])
    return file


def export(
    model: str | os.PathLike[str],
    directory: str | os.PathLike[str],
    precision: str = "float32",
    *,
    features: bool = False,
) -> str:
    """Writes a model as ONNX (`onnx/model.onnx`, the tokenizer and `config.json`), and returns the directory.

    ``precision`` is float32, float16 or int8, or several with commas between them. With ``features`` the output is the
    last hidden state in place of logits.
    """
    target = os.fspath(directory)
    words = ["export", os.fspath(model), target, "--precision", precision]
    output(words + (["--features"] if features else []))
    return target


def compare(runs: Iterable[_RunOrPath]) -> Any:
    """Runs side by side: quality, size and speed of each."""
    return json_output(["compare", "--format", "json", *(_directory(run) for run in runs)])


def plan(
    config: Configuration, *, overrides: Overrides = None, data: Data = None, ranks: Sequence[int] = (1,)
) -> dict[str, Any]:
    """Memory, disk and time that a run would take, without running it."""
    counts = ",".join(str(count) for count in ranks)
    result: dict[str, Any] = json_output(["plan", "--json", "--ranks", counts, *arguments(config, overrides, data)])
    return result


def doctor(config: Configuration | None = None, *, overrides: Overrides = None, ranks: int = 1) -> dict[str, Any]:
    """What the program finds of this machine, and of a configuration on it."""
    words = ["doctor", "--json", *(arguments(config, overrides) if config is not None else [])]
    # Status 1 says that there is a problem, which is among the findings.
    result: dict[str, Any] = json_output(words, ranks=ranks, statuses=(0, 1))
    return result


def _directory(run: _RunOrPath) -> str:
    return run.directory if isinstance(run, Run) else os.fspath(run)
