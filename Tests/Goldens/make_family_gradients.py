"""Writes Tests/Fixtures/families/gradients.json: for each family of encoders and each adaptor, the loss and a sketch of the
gradient of every parameter, projections included, from PyTorch in float64.

    python3 Tests/Goldens/make_family_gradients.py

The student is a small model of the family, the teacher a wider and deeper BERT. A sketch is the gradient's norm and its
products with two vectors of numbers that depend on their place alone: a wrong gradient has another sketch, and a sketch of
three numbers is a fraction of the gradient. Models and their forward passes are those of compare_gradients.py.
"""

import json
from pathlib import Path
from typing import Any

import numpy
import torch
import transformers
from torch import Tensor

from compare_gradients import Model, detached, every_adaptor, of_logits
from encoder_reference import Taps
from loss_reference import WITH_BIAS, Adaptor, adaptor_count, logit_sums, sentence_sum

FIXTURES = Path(__file__).resolve().parents[1] / "Fixtures"
# Where attention sees the whole sentence, as the teacher's does: all layers but ModernBERT's second and third.
STUDENTS = {
    "families/distilbert": [1, 2], "families/electra": [1, 2], "families/mpnet": [1, 2], "families/roberta": [1, 2],
    "positions/deberta-v3": [1, 3], "positions/modernbert": [1, 4],
}
LENGTHS, LABELS = [5, 1, 12, 3], [0, 2, 1, 0]


def numbers(count: int, seed: int) -> Tensor:
    """From −1 to 1, by their place (Knuth's multiplicative hash)."""
    places = numpy.arange(1, count + 1, dtype=numpy.uint64) + numpy.uint64(1000 * seed)
    hashed = places * numpy.uint64(2654435761) % numpy.uint64(1 << 32)
    return torch.tensor(hashed.astype(numpy.float64) / (1 << 31) - 1)


def sketch(gradient: Tensor) -> list[float]:
    flat = gradient.flatten()
    products = [flat @ numbers(len(flat), seed) for seed in (1, 2)]
    return [float(f"{value.item():.9g}") for value in (flat.norm(), *products)]


def rows() -> list[dict[str, list[int]]]:
    # Words that both models have, and none that a family takes for padding.
    tokens = iter([5 + i * 7919 % 101 % 18 for i in range(sum(LENGTHS))])
    return [{"input_ids": [next(tokens) for _ in range(n)], "token_type_ids": [0] * n} for n in LENGTHS]


def projections(adaptor: Adaptor, student: Model, teacher: Model) -> dict[str, Tensor]:
    result = {}
    for key, shape in adaptor.projection_shapes(student, teacher).items():  # type: ignore[arg-type]
        count = int(numpy.prod(shape))
        # As the model has them, in float32.
        result[key] = (0.4 * numbers(count, 3)).float().double().reshape(shape).requires_grad_(True)
    return result


def adaptors(layers: list[int]) -> list[Adaptor]:
    pairs = [[layers[0], 2], [layers[1], 4]]
    kinds = [*of_logits(), *every_adaptor()]
    for adaptor in kinds:
        if not adaptor.kind.startswith("Logit") and adaptor.kind != "EmbdTinyBERT":
            adaptor.layers = pairs
        if adaptor.kind == "RelationMiniLM":
            adaptor.heads = 3
    more = [Adaptor("HidnTinyBERT", layers=pairs, projection=name, perLayer=True) for name in WITH_BIAS]
    return [*kinds, *more]


def case(path: str, adaptor: Adaptor, student: Model, teacher: Model, s: list[Taps], t: list[Taps]) -> dict[str, Any]:
    own = projections(adaptor, student, teacher)
    if adaptor.kind.startswith("Logit"):
        total = logit_sums(adaptor, s, t, LABELS)
    else:
        pairs = adaptor.pairs(student.layers, teacher.layers)
        total = sum(sentence_sum(adaptor, a, b, pairs, own) for a, b in zip(s, t))
    loss = total / adaptor_count(adaptor, student, teacher, LENGTHS, 3)  # type: ignore[arg-type]
    parameters = {**student.weights, **own}
    found = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True, retain_graph=True)
    gradient = {key: sketch(value) for key, value in zip(parameters, found) if value is not None and value.norm() > 0}
    return {"student": f"../{path}", "adaptor": adaptor.described(), "loss": loss.item(), "gradient": gradient}


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    teacher = Model(FIXTURES / "encoder/teacher")
    batch = rows()
    t = [detached(teacher.forward(row)) for row in batch]
    cases = []
    for path, layers in STUDENTS.items():
        student = Model(FIXTURES / path)
        s = [student.forward(row) for row in batch]
        cases += [case(path, adaptor, student, teacher, s, t) for adaptor in adaptors(layers)]
    starts = [0, *numpy.cumsum(LENGTHS).tolist()]
    tokens = [token for row in batch for token in row["input_ids"]]
    described = {"tokens": tokens, "types": [0] * len(tokens), "starts": starts, "labels": LABELS}
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in cases)
    text = f'{{"teacher":"teacher","batch":{json.dumps(described)},"cases":[\n{lines}\n]}}\n'
    (FIXTURES / "families/gradients.json").write_text(text)
    print(f"{len(cases)} cases")


if __name__ == "__main__":
    main()
