from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import distill_ddp as dd
from distill_ddp._config import settings


def test_settings_by_their_paths() -> None:
    shown = "\n".join(
        [
            "# name",
            "run:",
            "  directory: runs/a",
            "  threads: null",
            "data:",
            "  train:",
            "    text: t.txt",
            "stages:",
            "  - name: one",
            "    adaptors:",
            "      - LogitMSE:",
            "          weight: 1.5",
            "      - AttnMiniLM:",
            "          weight: 2",
            "  - name: two",
            "    labels: [a, b]",
            "    epochs: 3",
        ]
    )
    assert settings(shown) == {
        "run.directory": "runs/a",
        "run.threads": None,
        "data.train.text": "t.txt",
        "stages.0.name": "one",
        "stages.0.adaptors.0.LogitMSE.weight": 1.5,
        "stages.0.adaptors.1.AttnMiniLM.weight": 2,
        "stages.1.name": "two",
        "stages.1.labels": "[a, b]",
        "stages.1.epochs": 3,
    }


def test_mlflow_has_every_loss_and_metric(
    configuration: dict[str, Any], data: dict[str, Any], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow  # type: ignore[import-untyped, import-not-found, unused-ignore]

    monkeypatch.setenv("MLFLOW_TRACKING_URI", (workspace / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    configuration["stages"].append({"name": "labels", "epochs": 1})
    run = dd.train(configuration, data=data, report_to="mlflow").wait()
    client = mlflow.tracking.MlflowClient()
    experiment = client.get_experiment_by_name("distill-ddp")
    assert experiment is not None
    [found] = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED" and found.info.run_name == "run"
    assert found.data.params["training.batchSize"] == "10" and found.data.params["stages.1.name"] == "labels"
    identifier = found.info.run_id
    losses = {stage: client.get_metric_history(identifier, f"{stage}/loss") for stage in ("mix", "labels")}
    assert [entry.value for part in losses.values() for entry in part] == [step["loss"] for step in run.steps]
    # Steps are counted over both stages.
    assert [entry.step for entry in losses["labels"]] == [13, 14, 15, 16, 17, 18]
    accuracies = client.get_metric_history(identifier, "mix/val_accuracy")
    expected = [(event["step"], event["val_accuracy"]) for event in run.metrics if event["stage"] == "mix"]
    assert [(entry.step, entry.value) for entry in accuracies] == expected


def test_wandb_has_every_loss_and_metric(
    configuration: dict[str, Any], data: dict[str, Any], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wandb  # type: ignore[import-untyped, import-not-found, unused-ignore]

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_DIR", str(workspace))
    logged: list[tuple[int, dict[str, float]]] = []
    log = wandb.sdk.wandb_run.Run.log

    def record(self: Any, numbers: dict[str, float], step: int) -> None:
        logged.append((step, numbers))
        log(self, numbers, step=step)

    monkeypatch.setattr(wandb.sdk.wandb_run.Run, "log", record)
    run = dd.train(configuration, data=data, report_to=["wandb"]).wait()
    assert [numbers["mix/loss"] for _, numbers in logged if "mix/loss" in numbers] == [step["loss"] for step in run.steps]
    accuracies = [(step, numbers["mix/val_accuracy"]) for step, numbers in logged if "mix/val_accuracy" in numbers]
    assert accuracies == [(event["step"], event["val_accuracy"]) for event in run.metrics]
    # It was written and closed.
    [written] = (workspace / "wandb").glob("offline-run-*/run-*.wandb")
    assert written.stat().st_size > 0


def test_mistakes_are_said_before_anything_starts(configuration: dict[str, Any], data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="report_to: expected wandb or mlflow, found 'comet'"):
        dd.train(configuration, data=data, report_to="comet")
    assert not Path("run").exists()
