"""Any function as a teacher: what it says of texts, as a file that a student learns from."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ._data import write_whole


def predictions_from(
    teacher: Callable[[list[str]], Iterable[Any]],
    texts: Iterable[str],
    output: str | os.PathLike[str],
    *,
    kind: str = "logits",
    batch_size: int = 32,
) -> str:
    """Asks ``teacher`` about each text and writes its answers to ``output``, for ``teacher.predictions``.

    Args:
        teacher: takes a list of texts and gives a row of numbers for each (lists, or a numpy array or torch tensor of
            texts × classes), or each one's label.
        kind: what the numbers are, ``"logits"`` or ``"probabilities"``.
        output: the ``.jsonl`` file to write.

    Returns:
        the path of the file.
    """
    if kind not in ("logits", "probabilities"):
        raise ValueError(f'kind: expected "logits" or "probabilities", found {kind!r}')
    file = Path(output)
    if file.suffix != ".jsonl":
        raise ValueError(f"output: expected a name that ends in .jsonl, found {file}")
    rows = list(texts)
    lines: list[str] = []
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        answers = teacher(batch)
        # Tensors of numpy and torch.
        answers = list(answers.tolist() if hasattr(answers, "tolist") else answers)
        if len(answers) != len(batch):
            raise ValueError(f"teacher: expected {len(batch)} answers to {len(batch)} texts, found {len(answers)}")
        for number, (text, answer) in enumerate(zip(batch, answers), start):
            lines.append(json.dumps({"text": text, **_answer(answer, kind, number)}, ensure_ascii=False) + "\n")
    write_whole(file, "".join(lines).encode("utf-8"))
    return str(file)


def _answer(answer: Any, kind: str, row: int) -> Mapping[str, Any]:
    if isinstance(answer, str):
        return {"label": answer}
    numbers = [float(value) for value in answer]
    if not numbers or not all(math.isfinite(value) for value in numbers):
        raise ValueError(f"teacher: text {row}: expected finite numbers, one for each class, found {numbers}")
    return {kind: numbers}
