"""Writes Tests/Fixtures/tasks: hard losses with their gradients from PyTorch in float64, metrics from scikit-learn and scipy.

pip install "torch==2.13.0+cpu" scikit-learn scipy numpy
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import mean_absolute_error, mean_squared_error


def rounded(values: np.ndarray) -> list:
    """As single precision holds them, which is what both sides read."""
    return np.asarray(values, dtype=np.float32).astype(np.float64).tolist()


# Hard losses: the sum over a micro-batch over the count of a larger batch, and its gradient.


def regression_losses(random: np.random.Generator) -> list[dict]:
    cases = []
    for rows, outputs, count in [(1, 1, 1), (5, 1, 8), (4, 3, 24)]:
        logits = rounded(random.normal(size=(rows, outputs)))
        targets = rounded(random.normal(size=(rows, outputs)) * 3)
        labels = [0] * rows
        if rows > 2:
            labels[1] = -1  # a row without a target
        z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
        own = torch.tensor([label >= 0 for label in labels])
        sum_ = torch.nn.functional.mse_loss(z[own], torch.tensor(targets, dtype=torch.float64)[own], reduction="sum")
        (sum_ / count).backward()
        cases.append(
            {"logits": logits, "targets": targets, "labels": labels, "count": count}
            | {"sum": sum_.item(), "gradient": z.grad.tolist()}
        )
    return cases


# Metrics.


def correlation(function, x: list, y: list) -> float:
    """Ours is 0 where scipy has none."""
    if len(x) < 2 or len(set(x)) == 1 or len(set(y)) == 1:
        return 0.0
    return float(function(x, y).statistic)


def regression_metrics(random: np.random.Generator) -> list[dict]:
    noise = random.normal(size=(40, 2))
    cases = {
        "random": (noise[:, 0], noise[:, 0] + noise[:, 1]),
        "ties": (random.integers(0, 4, 30), random.integers(0, 3, 30)),
        "one row": ([1.5], [2.0]),
        "two rows": ([1.0, 2.0], [0.5, -3.0]),
        "constant predictions": ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]),
        "constant labels": ([2.0, 2.0, 2.0], [1.0, 5.0, 3.0]),
        "exact": ([0.0, 5.0, 2.5, 2.5], [0.0, 5.0, 2.5, 2.5]),
        "opposite": ([0.0, 1.0, 2.0], [3.0, 1.0, -1.0]),
        "far from zero": (noise[:, 0] + 1e4, noise[:, 0] * 0.5 + 1e4),
    }
    out = []
    for name, (targets, predictions) in cases.items():
        targets, predictions = rounded(targets), rounded(predictions)
        out.append(
            {"name": name, "targets": targets, "predictions": predictions}
            | {
                "mse": mean_squared_error(targets, predictions),
                "mae": mean_absolute_error(targets, predictions),
                "pearson": correlation(pearsonr, targets, predictions),
                "spearman": correlation(spearmanr, targets, predictions),
            }
        )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("Tests/Fixtures/tasks"))
    output = parser.parse_args().output
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    files = {
        "regression_losses": regression_losses(np.random.default_rng(1)),
        "regression_metrics": regression_metrics(np.random.default_rng(2)),
    }
    output.mkdir(parents=True, exist_ok=True)
    for name, cases in files.items():
        lines = ",\n".join(json.dumps(case) for case in cases)
        (output / f"{name}.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
