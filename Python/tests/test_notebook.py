from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import rows
from nbclient import NotebookClient

import distill_ddp as dd

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "distil.ipynb"


def test_the_example_notebook_runs(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, count, seed in [("train", 60, 1), ("validation", 20, 2)]:
        (workspace / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows(count, seed)))
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call, unused-ignore]
    [cell] = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    cell.source += "\n" + "\n".join(
        [
            'model, layers = "teacher", [2, 4]',
            'train, validation = "train.jsonl", "validation.jsonl"',
            'settings = {"training.epochs": 1, "data.maxLength": 16, "run.threads": 1, "student.head": "new",',
            '            "task.labels": ["negative", "neutral", "positive"]}',
        ]
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(Path(dd.__file__).parents[1]), *sys.path]))
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(workspace)}}).execute()
    shown = json.dumps(notebook)
    assert "epoch 1: accuracy" in shown and "M parameters, accuracy" in shown and "Prediction(label=" in shown
    # The progress bar is drawn below the cells that wait.
    assert "finished" in shown
    assert (workspace / "runs" / "student" / "best" / "config.json").exists()
