"""Cases of metrics from scikit-learn, scipy and seqeval, which make_task_goldens.py writes."""

import json

import numpy as np
import torch
from scipy.stats import pearsonr, spearmanr
from seqeval.metrics import accuracy_score as tag_accuracy
from seqeval.metrics import classification_report as entity_report
from seqeval.metrics import f1_score as entity_f1
from seqeval.metrics import precision_score as entity_precision
from seqeval.metrics import recall_score as entity_recall
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    mean_absolute_error,
    mean_squared_error,
    roc_auc_score,
)


def rounded(values: np.ndarray) -> list:
    """As single precision holds them, which is what both sides read."""
    return np.asarray(values, dtype=np.float32).astype(np.float64).tolist()


def areas_under_roc(random: np.random.Generator) -> list[dict]:
    """Of two classes the second's; of more, each against the rest, averaged over those that some rows are of."""
    cases = []
    for rows, classes, step in [(40, 2, 0.0), (40, 2, 0.5), (2, 2, 0.0), (60, 3, 0.0), (60, 4, 0.5)]:
        logits = random.normal(size=(rows, classes)) * 2
        if step:
            logits = np.round(logits / step) * step  # ties
        logits = np.asarray(rounded(logits))
        labels = [0, 1] if rows == 2 else random.integers(0, min(classes, 3), rows).tolist()
        if classes == 2:
            area = roc_auc_score(labels, logits[:, 1] - logits[:, 0])
        else:
            probabilities = torch.softmax(torch.tensor(logits), dim=-1).numpy()
            own = [
                roc_auc_score(np.equal(labels, one), probabilities[:, one])
                for one in range(classes)
                if one in labels
            ]
            area = float(np.mean(own))
        cases.append({"logits": logits.tolist(), "labels": labels, "area": float(area)})
    cases.append({"logits": [[0.0, 1.0], [2.0, 1.0]], "labels": [1, 1], "area": 0.5})
    return cases


def multilabel_metrics(random: np.random.Generator) -> list[dict]:
    some = random.integers(0, 2, (20, 4))
    missing = some.copy()
    missing[:, 2] = 0
    cases = {
        "random": (some, random.normal(size=(20, 4))),
        "a class missing": (missing, random.normal(size=(20, 4))),
        "ties": (some, random.integers(-1, 2, (20, 4))),
        "one row": (some[:1], random.normal(size=(1, 4))),
        "nothing predicted": (some, -np.ones((20, 4))),
        "no labels": (np.zeros((5, 4), dtype=int), random.normal(size=(5, 4))),
        "exact": (some, some * 2.0 - 1),
        "one output": (some[:, :1], random.normal(size=(20, 1))),
    }
    out = []
    for name, (targets, scores) in cases.items():
        scores = np.asarray(rounded(scores))
        predictions = (scores >= 0).astype(int)  # a probability of a half

        def f1(average: str) -> float:
            if targets.shape[1] == 1:  # which scikit-learn takes for two classes
                own = {"samples": np.mean((targets & predictions).sum(1))}
                return own.get(average, f1_score(targets[:, 0], predictions[:, 0], zero_division=0))
            return f1_score(targets, predictions, average=average, zero_division=0)

        out.append(
            {"name": name, "targets": targets.tolist(), "scores": scores.tolist()}
            | {
                "micro_f1": f1("micro"),
                "macro_f1": f1("macro"),
                "samples_f1": float(f1("samples")),
                "exact_match": accuracy_score(targets, predictions),
                "mean_average_precision": float(
                    np.mean([average_precision_score(targets[:, i], scores[:, i]) for i in range(targets.shape[1])])
                ),
            }
        )
    return out


def entity_metrics(random: np.random.Generator) -> list[dict]:
    bio = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    bioes = ["O"] + [f"{prefix}-{type_}" for prefix in "BIES" for type_ in ("PER", "new-style")]

    def sentences(tags: list[str], count: int = 12) -> list[list[str]]:
        return [[str(tag) for tag in random.choice(tags, random.integers(1, 9))] for _ in range(count)]

    def near(sentences: list[list[str]], tags: list[str]) -> list[list[str]]:
        return [[str(random.choice(tags)) if random.random() < 0.2 else tag for tag in one] for one in sentences]

    random_bio, random_bioes = sentences(bio), sentences(bioes)
    cases = {
        "BIO": (random_bio, near(random_bio, bio)),
        "BIO, nothing alike": (random_bio, [[str(random.choice(bio)) for _ in one] for one in random_bio]),
        "BIOES": (random_bioes, near(random_bioes, bioes)),
        "all O": ([["O", "O"], ["O"]], [["O", "O"], ["O"]]),
        "nothing found": ([["B-PER", "I-PER", "O"]], [["O", "O", "O"]]),
        "found where nothing is": ([["O", "O"]], [["B-LOC", "I-LOC"]]),
        "one word": ([["B-PER"]], [["B-PER"]]),
        "I without B": ([["I-PER", "I-PER", "O", "I-LOC"]], [["B-PER", "I-PER", "O", "B-LOC"]]),
        "another type within": ([["B-PER", "I-LOC", "I-PER"]], [["B-PER", "I-PER", "I-PER"]]),
        "side by side": ([["B-PER", "B-PER", "I-PER"]], [["B-PER", "I-PER", "I-PER"]]),
        "over a sentence's end": ([["B-PER"], ["I-PER"]], [["B-PER"], ["B-PER"]]),
        "a type missing": ([["B-PER", "O", "O"]], [["B-PER", "O", "B-LOC"]]),
    }
    out = []
    for name, (wanted, found) in cases.items():
        report = entity_report(wanted, found, output_dict=True, zero_division=0) if name != "all O" else {}
        types = {
            key: {"precision": value["precision"], "recall": value["recall"], "f1": value["f1-score"]}
            | {"entities": int(value["support"])}
            for key, value in report.items()
            if not key.endswith(" avg")
        }
        out.append(
            {"name": name, "wanted": wanted, "found": found}
            | {
                "f1": float(entity_f1(wanted, found, zero_division=0)),
                "precision": float(entity_precision(wanted, found, zero_division=0)),
                "recall": float(entity_recall(wanted, found, zero_division=0)),
                "accuracy": float(tag_accuracy(wanted, found)),
                "types": json.loads(json.dumps(types, default=float)),
            }
        )
    return out


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


# Token classifiers.
