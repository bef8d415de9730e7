"""Writes Tests/Fixtures/pairs: losses of pairs of texts with their gradients from PyTorch in float64, and metrics of ranking
from scikit-learn.

pip install "torch==2.13.0+cpu" scikit-learn numpy
python3 Tests/Goldens/make_pair_goldens.py
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import average_precision_score, ndcg_score


def rounded(values: np.ndarray) -> list:
    """As single precision holds them, which is what both sides read."""
    return np.asarray(values, dtype=np.float32).astype(np.float64).tolist()


def losses(random: np.random.Generator) -> list[dict]:
    """Binary cross-entropy with labels between 0 and 1, and squared error, of one output."""
    cases = []
    for loss, rows, count, weight in [("bce", 1, 1, None), ("bce", 6, 9, None), ("bce", 5, 5, 3.0), ("mse", 4, 7, None)]:
        logits = rounded(random.normal(size=(rows, 1)) * 4)
        logits[-1][0] = 90.0  # where a sigmoid saturates
        targets = rounded(random.uniform(0, 1, (rows, 1)) if loss == "bce" else random.normal(size=(rows, 1)) * 3)
        targets[0][0] = 1.0
        labels = [0] * rows
        if rows > 2:
            labels[1] = -1
        z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
        t = torch.tensor(targets, dtype=torch.float64)
        own = torch.tensor([label >= 0 for label in labels])
        if loss == "bce":
            weights = torch.tensor([weight], dtype=torch.float64) if weight else None
            sum_ = torch.nn.functional.binary_cross_entropy_with_logits(
                z[own], t[own], pos_weight=weights, reduction="sum"
            )
        else:
            sum_ = torch.nn.functional.mse_loss(z[own], t[own], reduction="sum")
        (sum_ / count).backward()
        cases.append(
            {"loss": loss, "logits": logits, "targets": targets, "labels": labels, "count": count}
            | {"weights": [weight] if weight else [], "sum": sum_.item(), "gradient": z.grad.tolist()}
        )
    return cases


def ranking_metrics(random: np.random.Generator) -> list[dict]:
    """Means over groups with a relevant row and another: nDCG and average precision of scikit-learn, and the reciprocal
    rank in the worst order that the scores allow."""
    cases = {
        "random": (random.integers(0, 5, 40), random.integers(0, 2, 40), random.normal(size=40), 10),
        "grades": (random.integers(0, 4, 60), random.uniform(0, 1, 60), random.normal(size=60), 5),
        "grades above 1": (random.integers(0, 4, 40), random.integers(0, 4, 40), random.normal(size=40), 3),
        "ties": (random.integers(0, 4, 50), random.integers(0, 2, 50), random.integers(0, 3, 50), 4),
        "one score": (np.repeat([0, 1], 6), random.integers(0, 2, 12), np.zeros(12), 10),
        "one row": ([0], [1], [0.5], 10),
        "groups of one": (np.arange(5), np.ones(5), random.normal(size=5), 10),
        "no relevant row": ([0, 0, 0, 1, 1], [0, 0, 0, 1, 0], random.normal(size=5), 10),
        "nothing relevant": ([0, 0, 1, 1], [0, 0.25, 0, 0], random.normal(size=4), 10),
        "all relevant": (np.zeros(6, dtype=int), np.ones(6), random.normal(size=6), 2),
        "behind the cutoff": (np.zeros(6, dtype=int), [0, 0, 0, 0, 0, 1], [6, 5, 4, 3, 2, 1], 5),
        "exact": (np.zeros(6, dtype=int), [3, 2, 1, 0, 0, 0], [3, 2, 1, 0, -1, -2], 10),
        "negative labels": (np.zeros(5, dtype=int), [-1.5, 2, -0.5, 1, 0], random.normal(size=5), 10),
    }
    out = []
    for name, (groups, labels, scores, cutoff) in cases.items():
        groups, labels, scores = np.asarray(groups), np.asarray(rounded(labels)), np.asarray(rounded(scores))
        gains = np.maximum(labels, 0)
        ranks, ndcg, precision = [], [], []
        for group in np.unique(groups):
            own = groups == group
            relevant = gains[own] >= 0.5
            if own.sum() < 2 or not relevant.any():
                continue
            order = np.lexsort((relevant, -scores[own]))  # of a score, the irrelevant ones first
            rank = 1 + int(np.argmax(relevant[order]))
            ranks.append(1 / rank if rank <= cutoff else 0)
            ndcg.append(ndcg_score([gains[own]], [scores[own]], k=cutoff))
            precision.append(average_precision_score(relevant, scores[own]))
        out.append(
            {"name": name, "groups": groups.tolist(), "labels": labels.tolist(), "scores": scores.tolist()}
            | {"cutoff": cutoff, "all": len(np.unique(groups)), "ranked": len(ranks)}
            | {"mrr": float(np.mean(ranks or [0])), "ndcg": float(np.mean(ndcg or [0]))}
            | {"map": float(np.mean(precision or [0]))}
        )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("Tests/Fixtures/pairs"))
    output = parser.parse_args().output
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    output.mkdir(parents=True, exist_ok=True)
    files = {
        "losses": losses(np.random.default_rng(1)),
        "ranking_metrics": ranking_metrics(np.random.default_rng(2)),
    }
    for name, cases in files.items():
        lines = ",\n".join(json.dumps(case) for case in cases)
        (output / f"{name}.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
