"""Experiment trackers that a run's numbers go to: Weights & Biases and MLflow, as the user has installed them."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

#: ``"wandb"``, ``"mlflow"``, or several of them.
ReportTo = Optional[Union[str, Sequence[str]]]

#: What is said of a step or a validation, but is no measurement.
_PLACES = {"event", "stage", "step", "epoch", "time"}


class Reporter(ABC):
    """Where the numbers of a run go."""

    @abstractmethod
    def begin(self, name: str, configuration: Mapping[str, Any]) -> None:
        """Opens a run.

        Args:
            configuration: every setting by its key's path, as ``training.batchSize``.
        """

    @abstractmethod
    def log(self, numbers: Mapping[str, float], step: int) -> None:
        """Takes what was measured at a step, counted over all stages."""

    @abstractmethod
    def end(self, succeeded: bool) -> None:
        """Closes the run."""


class WandB(Reporter):
    """Weights & Biases. Project, entity and mode are those of its own environment variables."""

    def begin(self, name: str, configuration: Mapping[str, Any]) -> None:
        import wandb  # type: ignore[import-untyped, import-not-found, unused-ignore]

        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "distill-ddp"), name=name, config=dict(configuration)
        )

    def log(self, numbers: Mapping[str, float], step: int) -> None:
        self._run.log(dict(numbers), step=step)

    def end(self, succeeded: bool) -> None:
        self._run.finish(exit_code=0 if succeeded else 1)


class MLflow(Reporter):
    """MLflow. Server and experiment are those of its own environment variables."""

    def begin(self, name: str, configuration: Mapping[str, Any]) -> None:
        import mlflow  # type: ignore[import-untyped, import-not-found, unused-ignore]

        self._client = mlflow.tracking.MlflowClient()
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", "distill-ddp")
        # Not the active run: it belongs to a thread, and perhaps to the user.
        known = self._client.get_experiment_by_name(experiment)
        identifier = known.experiment_id if known else self._client.create_experiment(experiment)
        self._run = self._client.create_run(identifier, run_name=name).info.run_id
        for key, value in configuration.items():
            # As much as a parameter may have.
            self._client.log_param(self._run, key, str(value)[:6000])

    def log(self, numbers: Mapping[str, float], step: int) -> None:
        for name, value in numbers.items():
            self._client.log_metric(self._run, name, value, step=step)

    def end(self, succeeded: bool) -> None:
        self._client.set_terminated(self._run, "FINISHED" if succeeded else "FAILED")


_KINDS: dict[str, type[Reporter]] = {"wandb": WandB, "mlflow": MLflow}


class Reporters:
    """All trackers of a run. Theirs are the stages' steps one behind the other."""

    def __init__(self, names: ReportTo) -> None:
        names = [names] if isinstance(names, str) else list(names or [])
        unknown = [name for name in names if name not in _KINDS]
        if unknown:
            raise ValueError(f"report_to: expected {' or '.join(_KINDS)}, found {unknown[0]!r}")
        self._reporters = [_KINDS[name]() for name in names]
        self._offset = 0
        self._last = 0

    def begin(self, name: str, configuration: Mapping[str, Any]) -> None:
        for reporter in self._reporters:
            reporter.begin(name, configuration)

    def show(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "stage_started":
            self._offset = self._last
        if event["event"] not in ("step", "validation"):
            return
        self._last = self._offset + int(event["step"])
        numbers = {
            f"{event['stage']}/{key}": float(value)
            for key, value in event.items()
            if key not in _PLACES and isinstance(value, (int, float)) and not isinstance(value, bool)
        }
        for reporter in self._reporters:
            reporter.log(numbers, self._last)

    def end(self, succeeded: bool) -> None:
        for reporter in self._reporters:
            reporter.end(succeeded)
