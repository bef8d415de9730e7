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

from metric_cases import areas_under_roc, entity_metrics, multilabel_metrics, regression_metrics, rounded

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
