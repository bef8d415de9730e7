"""Writes Tests/Fixtures/tasks: hard losses with their gradients from PyTorch in float64, token classifiers of every family
from transformers, sentence vectors with their gradients, and metrics from scikit-learn, scipy and seqeval.

pip install "torch==2.13.0+cpu" "transformers==5.23.0" scikit-learn scipy seqeval numpy
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
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


# Hard losses: the sum over a micro-batch over the count of a larger batch, and its gradient.


def classification_losses(random: np.random.Generator) -> list[dict]:
    """As CrossEntropyLoss has them: the batch's sum over the weights of its labels."""
    cases = []
    for rows, classes, weighted, smoothing in [
        (1, 2, False, 0.0),
        (6, 3, True, 0.0),
        (6, 3, False, 0.1),
        (7, 4, True, 0.2),
    ]:
        logits = rounded(random.normal(size=(rows, classes)) * 3)
        logits[0][0] = 100.0  # where the others' probabilities vanish
        labels = random.integers(0, classes, rows).tolist()
        if rows > 2:
            labels[1] = -1  # a row without a label
        weights = rounded(random.uniform(0.2, 8, classes)) if weighted else []
        z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
        own = [row for row in range(rows) if labels[row] >= 0]
        loss = torch.nn.functional.cross_entropy(
            z[own],
            torch.tensor(labels)[own],
            weight=torch.tensor(weights, dtype=torch.float64) if weighted else None,
            label_smoothing=smoothing,
        )
        loss.backward()
        cases.append(
            {"logits": logits, "labels": labels, "weights": weights, "smoothing": smoothing}
            | {"loss": loss.item(), "gradient": z.grad.tolist()}
        )
    return cases


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


def multilabel_losses(random: np.random.Generator) -> list[dict]:
    cases = []
    for rows, outputs, count, weighted in [(1, 1, 1, False), (5, 3, 24, False), (6, 4, 40, True)]:
        logits = rounded(random.normal(size=(rows, outputs)) * 3)
        logits[0][0] = 100.0  # where a sigmoid saturates
        targets = random.integers(0, 2, (rows, outputs)).astype(float).tolist()
        labels = [0] * rows
        if rows > 2:
            labels[1] = -1
        weights = rounded(random.uniform(0.2, 8, outputs)) if weighted else []
        z = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
        own = torch.tensor([label >= 0 for label in labels])
        sum_ = torch.nn.functional.binary_cross_entropy_with_logits(
            z[own],
            torch.tensor(targets, dtype=torch.float64)[own],
            pos_weight=torch.tensor(weights, dtype=torch.float64) if weighted else None,
            reduction="sum",
        )
        (sum_ / count).backward()
        cases.append(
            {"logits": logits, "targets": targets, "labels": labels, "count": count, "weights": weights}
            | {"sum": sum_.item(), "gradient": z.grad.tolist()}
        )
    return cases


def binary_divergences(random: np.random.Generator) -> list[dict]:
    """LogitCE where classes are independent: binary cross-entropy with the teacher's probabilities, less its entropy."""
    cases = []
    for rows, outputs, temperature in [(3, 2, 1.0), (4, 5, 4.0)]:
        student, teacher = (rounded(random.normal(size=(rows, outputs)) * 4) for _ in range(2))
        z = torch.tensor(student, dtype=torch.float64, requires_grad=True)
        t = torch.sigmoid(torch.tensor(teacher, dtype=torch.float64) / temperature)
        bce = torch.nn.functional.binary_cross_entropy
        cross = torch.nn.functional.binary_cross_entropy_with_logits(z / temperature, t)
        loss = (cross - bce(t, t)) * temperature**2
        loss.backward()
        cases.append(
            {"student": student, "teacher": teacher, "temperature": temperature}
            | {"loss": loss.item(), "gradient": z.grad.tolist()}
        )
    return cases


# Metrics.


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

SIZES = dict(hidden_size=6, num_hidden_layers=1, num_attention_heads=2, intermediate_size=5, max_position_embeddings=12)
DROPOUT = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
TOKEN_MODELS = {
    "bert": ("Bert", SIZES | DROPOUT),
    "roberta": ("Roberta", SIZES | DROPOUT | dict(pad_token_id=0, type_vocab_size=1)),
    "distilbert": (
        "DistilBert",
        dict(dim=6, n_layers=1, n_heads=2, hidden_dim=5, max_position_embeddings=12, dropout=0.0, attention_dropout=0.0),
    ),
    "electra": ("Electra", SIZES | DROPOUT | dict(embedding_size=5)),
    "mpnet": ("MPNet", SIZES | DROPOUT),
    "deberta-v2": (
        "DebertaV2",
        SIZES | DROPOUT | dict(relative_attention=True, pos_att_type=["p2c", "c2p"], position_biased_input=False),
    ),
    "modernbert": (
        "ModernBert",
        SIZES
        | dict(num_attention_heads=3, pad_token_id=0, local_attention=4, global_attn_every_n_layers=2, classifier_bias=True),
    ),
}
TAGS = ["O", "B-PER", "I-PER", "B-LOC"]


def token_model(directory: Path, name: str, settings: dict, seed: int) -> dict:
    """A tiny model as transformers saves it, the gradient of its loss, and the logits of a batch."""
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    names = {"id2label": dict(enumerate(TAGS)), "label2id": {tag: id_ for id_, tag in enumerate(TAGS)}}
    config = getattr(transformers, f"{name}Config")(vocab_size=13, **names, **settings)
    config._attn_implementation = "eager"
    model = getattr(transformers, f"{name}ForTokenClassification")(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.from_numpy(random.normal(0, 0.3, parameter.shape)).float())
    model.save_pretrained(directory)
    model.double()
    sentences = [random.integers(4, 13, length).tolist() for length in (5, 2, 7)]
    tags = [[int(random.integers(-1, len(TAGS))) for _ in sentence] for sentence in sentences]
    logits, loss = [], torch.zeros((), dtype=torch.float64)
    for sentence, own in zip(sentences, tags):
        out = model(input_ids=torch.tensor([sentence]), attention_mask=torch.ones(1, len(sentence), dtype=torch.long))
        logits += out.logits[0].tolist()
        loss = loss + torch.nn.functional.cross_entropy(
            out.logits[0], torch.tensor(own), ignore_index=-1, reduction="sum"
        )
    count = sum(tag >= 0 for own in tags for tag in own)
    (loss / count).backward()
    gradients = {
        f"gradient.{key}": (parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)).float()
        for key, parameter in model.named_parameters()
    }
    save_file(gradients, directory / "gradients.safetensors")
    return {"name": directory.name, "sentences": sentences, "tags": tags, "count": count} | {
        "loss": loss.item() / count,
        "logits": logits,
    }


# Sentence vectors.


def vector_models(fixture: Path, random: np.random.Generator) -> tuple[list[dict], dict]:
    """Vectors of a model in each form, and the gradient of their product with given numbers."""
    cases, gradients = [], {}
    sentences = [random.integers(4, 13, length).tolist() for length in (5, 1, 7)]
    for pooling in ("mean", "cls", "max"):
        for normalize in (False, True):
            model = transformers.BertModel.from_pretrained(fixture, attn_implementation="eager", add_pooling_layer=False)
            model = model.eval().double()
            vectors = []
            for sentence in sentences:
                hidden = model(input_ids=torch.tensor([sentence])).last_hidden_state[0]
                vector = {"mean": hidden.mean(0), "cls": hidden[0], "max": hidden.max(0)[0]}[pooling]
                vectors.append(torch.nn.functional.normalize(vector, dim=0) if normalize else vector)
            factors = rounded(random.normal(size=(len(sentences), model.config.hidden_size)))
            (torch.stack(vectors) * torch.tensor(factors, dtype=torch.float64)).sum().backward()
            name = f"{pooling}{'-normalized' if normalize else ''}"
            gradients |= {
                f"{name}.bert.{key}": parameter.grad.float() for key, parameter in model.named_parameters()
            }
            cases.append(
                {"name": name, "pooling": pooling, "normalize": normalize, "sentences": sentences, "factors": factors}
                | {"vectors": [vector.tolist() for vector in vectors]}
            )
    return cases, gradients


def vector_losses(random: np.random.Generator) -> list[dict]:
    """EmbeddingMSE and EmbeddingCosine: the sum over a micro-batch over the count of a larger batch."""
    cases = []
    for kind in ("EmbeddingMSE", "EmbeddingCosine"):
        for rows, width, wide, sentences in ((3, 4, 4, 3), (1, 4, 6, 5), (4, 5, 3, 9)):
            student, teacher = rounded(random.normal(size=(rows, width))), rounded(random.normal(size=(rows, wide)))
            weight = rounded(random.normal(size=(wide, width))) if width != wide else []
            s = torch.tensor(student, dtype=torch.float64, requires_grad=True)
            w = torch.tensor(weight, dtype=torch.float64, requires_grad=True)
            t = torch.tensor(teacher, dtype=torch.float64)
            projected = s @ w.T if weight else s
            if kind == "EmbeddingMSE":
                sum_, count = torch.nn.functional.mse_loss(projected, t, reduction="sum"), sentences * wide
            else:
                sum_, count = (1 - torch.nn.functional.cosine_similarity(projected, t)).sum(), sentences
            (sum_ / count).backward()
            cases.append(
                {"kind": kind, "student": student, "teacher": teacher, "weight": weight, "sentences": sentences}
                | {"loss": sum_.item() / count, "gradient": s.grad.tolist()}
                | {"dWeight": w.grad.tolist() if weight else []}
            )
    return cases


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("Tests/Fixtures/tasks"))
    output = parser.parse_args().output
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    files = {
        "regression_losses": regression_losses(np.random.default_rng(1)),
        "regression_metrics": regression_metrics(np.random.default_rng(2)),
        "multilabel_losses": multilabel_losses(np.random.default_rng(3)),
        "binary_divergences": binary_divergences(np.random.default_rng(4)),
        "multilabel_metrics": multilabel_metrics(np.random.default_rng(5)),
        "entity_metrics": entity_metrics(np.random.default_rng(6)),
        "classification_losses": classification_losses(np.random.default_rng(9)),
        "areas_under_roc": areas_under_roc(np.random.default_rng(10)),
    }
    output.mkdir(parents=True, exist_ok=True)
    files["token_models"] = [
        token_model(output / "tokens" / key, name, settings, seed)
        for seed, (key, (name, settings)) in enumerate(TOKEN_MODELS.items())
    ]
    files["vector_losses"] = vector_losses(np.random.default_rng(7))
    files["vector_models"], gradients = vector_models(output / "tokens/bert", np.random.default_rng(8))
    save_file(gradients, output / "vector_gradients.safetensors")
    for name, cases in files.items():
        lines = ",\n".join(json.dumps(case) for case in cases)
        (output / f"{name}.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
