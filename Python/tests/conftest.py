"""A folder with small models and rows, in which each test runs. The program is that of DISTILL_DDP, or the installed."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures"
LABELS = ["negative", "neutral", "positive"]


def rows(count: int, seed: int) -> list[dict[str, Any]]:
    """Sentences of words the model knows, with a class that follows from them."""
    words = (FIXTURES / "tokenizer" / "vocab.txt").read_text(encoding="utf-8").split("\n")[5:-1]
    chance = random.Random(seed)
    found: list[dict[str, Any]] = []
    for _ in range(count):
        chosen = [chance.randrange(len(words)) for _ in range(chance.randint(1, 9))]
        balance = sum((word >= 18) - (word < 8) for word in chosen)
        label = LABELS[(balance > 0) - (balance < 0) + 1]
        found.append({"text": " ".join(words[word] for word in chosen), "label": label})
    return found


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("teacher", "student"):
        shutil.copytree(FIXTURES / "encoder" / name, tmp_path / name)
        for file in ("vocab.txt", "tokenizer_config.json"):
            shutil.copy(FIXTURES / "tokenizer" / file, tmp_path / name / file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for variable in ("OMPI_COMM_WORLD_SIZE", "PMI_RANK", "PMIX_RANK"):
        monkeypatch.delenv(variable, raising=False)
    yield tmp_path


@pytest.fixture
def configuration() -> dict[str, Any]:
    """Mix-step distillation, whose data the test gives."""
    return {
        "run": {"directory": "run", "seed": 7, "threads": 1},
        "data": {"maxLength": 16},
        "teacher": {"model": "teacher"},
        "student": {"fromTeacher": {"layers": [2, 4]}},
        "training": {"batchSize": 10, "epochs": 2, "learningRate": 5e-3},
        "stages": [{"name": "mix", "adaptors": ["AttnMiniLM", {"LogitMSE": {"temperature": 4}}]}],
    }


@pytest.fixture
def data() -> dict[str, Any]:
    return {"train": rows(60, 1), "validation": rows(20, 2)}
