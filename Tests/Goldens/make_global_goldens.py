"""Writes Tests/Fixtures/global: losses that compare the sentences of a batch with each other, and the gradient of every
parameter of a student, from PyTorch in float64. The models are those of Tests/Fixtures/encoder.

pip install "torch==2.13.0+cpu" safetensors numpy
python3 Tests/Goldens/make_global_goldens.py
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy
import torch
from safetensors.torch import save_file
from torch import Tensor

from encoder_reference import Batch, Encoder
from loss_reference import gradients

FIXTURES = Path(__file__).resolve().parent.parent / "Fixtures"
VOCABULARY = 31
# Of the eight rows of "margins": the query that each belongs to, and its label, or none.
GROUPS = [0, 1, 0, 0, 1, 2, 1, 0]
RELEVANCE = [1, 0.5, 0, 0, 1, 1, None, 2]
# (student, weights by term)
CASES = {
    "similarity": ("student-narrow", {"SimilarityMSE": 1.0}),
    "similarity-and-vectors": ("student", {"SimilarityMSE": 2.0, "EmbeddingMSE": 0.3}),
    "scored-pairs": ("student-narrow", {"hard": 1.0}),
    "margins": ("student-narrow", {"MarginMSE": 1.0}),
    "scored-pairs-and-similarity": ("student", {"hard": 0.7, "SimilarityMSE": 1.5}),
}


def make_batch(lengths: list[int], random: numpy.random.Generator) -> Batch:
    batch = Batch([], [], [0], [])
    for length in lengths:
        batch.tokens += random.integers(1, VOCABULARY, length).tolist()
        batch.types += [0] * length
        batch.starts.append(len(batch.tokens))
        batch.labels.append(-1)
    return batch


def make_scores(random: numpy.random.Generator) -> list[float | None]:
    """Of the four pairs of a batch, whose texts are sentences side by side; one has none."""
    scores = [round(score, 2) for score in random.uniform(0, 5, 4).tolist()]
    return [scores[0], scores[1], None, scores[3]]


def vectors(encoder: Encoder, batch: Batch) -> Tensor:
    """The mean of each sentence's last hidden states. (sentences, width)"""
    return torch.stack([taps.hidden[-1].mean(dim=0) for taps in encoder.forward_batch(batch)])


def cosines(x: Tensor) -> Tensor:
    return torch.nn.functional.cosine_similarity(x[:, None], x[None], dim=-1)


def scored_pairs(own: Tensor, scores: list[float | None]) -> Tensor:
    """sentence-transformers' CosineSimilarityLoss, of scores up to 5."""
    scored = [pair for pair, score in enumerate(scores) if score is not None]
    found = torch.cosine_similarity(own[0::2], own[1::2])[scored]
    wanted = torch.tensor([scores[pair] / 5 for pair in scored], dtype=torch.float64)
    return torch.nn.functional.mse_loss(found, wanted)


def margins(student: Encoder, teacher: Encoder, batch: Batch) -> Tensor:
    """Hofstätter et al. (2020), over every two texts of a query whose labels differ; the score is the first logit."""
    s, t = ([taps.logits[0] for taps in encoder.forward_batch(batch)] for encoder in (student, teacher))
    rows = [row for row, label in enumerate(RELEVANCE) if label is not None]
    chosen = [(i, j) for i in rows for j in rows if GROUPS[i] == GROUPS[j] and RELEVANCE[i] > RELEVANCE[j]]
    differences = [(s[i] - s[j]) - (t[i] - t[j]).detach() for i, j in chosen]
    return torch.nn.functional.mse_loss(torch.stack(differences), torch.zeros(len(chosen), dtype=torch.float64))


def terms(student: Encoder, teacher: Encoder, batch: Batch, scores: list[float | None]) -> dict[str, Tensor]:
    own = vectors(student, batch)
    with torch.no_grad():
        others = vectors(teacher, batch)
    result = {"SimilarityMSE": torch.nn.functional.mse_loss(cosines(own), cosines(others))}
    result["MarginMSE"] = margins(student, teacher, batch)
    result["hard"] = scored_pairs(own, scores)
    if own.shape == others.shape:
        result["EmbeddingMSE"] = torch.nn.functional.mse_loss(own, others)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=FIXTURES / "global")
    output: Path = parser.parse_args().output
    torch.set_num_threads(1)
    output.mkdir(parents=True, exist_ok=True)
    random = numpy.random.default_rng(2020)
    teacher = Encoder(FIXTURES / "encoder" / "teacher")
    described = []
    for name, (shape, weights) in CASES.items():
        student = Encoder(FIXTURES / "encoder" / shape)
        parameters = student.trainable()
        batch = make_batch([7, 2, 11, 5, 3, 9, 4, 6], random)
        scores = make_scores(random) if "hard" in weights else [None] * 4
        found = terms(student, teacher, batch, scores)
        total = sum(weight * found[term] for term, weight in weights.items())
        save_file(
            {key: value.float() for key, value in gradients(total, parameters).items()}, output / f"{name}.safetensors")
        described.append(
            {"name": name, "student": shape, "weights": weights, "batch": asdict(batch), "scores": scores}
            | {"groups": GROUPS, "relevance": RELEVANCE}
            | {"expected": {term: found[term].item() for term in weights}, "total": total.item()})
    (output / "cases.json").write_text("[\n" + ",\n".join(json.dumps(case) for case in described) + "\n]\n")


if __name__ == "__main__":
    main()
