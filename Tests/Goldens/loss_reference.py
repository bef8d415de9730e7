"""The distillation losses from their definitions, in plain PyTorch with autograd.

Every loss is a sum over the sentences at hand divided by a count of the whole (global) batch, so the two are separate
here: `adaptor_sum` sees the sentences of a micro-batch, `adaptor_count` only the lengths of the global batch.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from encoder_reference import Batch, Encoder, Taps

HIDDEN_KINDS = ("HidnTinyBERT", "EmbdTinyBERT", "HidnPKD")


@dataclass
class Adaptor:
    """One entry of a stage's `adaptors` list, with the defaults of the run configuration."""

    kind: str
    weight: float = 1.0
    layers: str | list[list[int]] = "last"
    on: str = "probabilities"
    temperature: float = 4.0
    temperatureScaling: bool = True
    projection: str = "auto"
    perLayer: bool = False

    def pairs(self, student_layers: int, teacher_layers: int) -> list[tuple[int, int]]:
        """(student, teacher) layers from 1; 0 is the embeddings' output."""
        if self.kind == "EmbdTinyBERT":
            return [(0, 0)]
        if isinstance(self.layers, list):
            return [(s, t) for s, t in self.layers]
        numbers = range(1, student_layers + 1)
        if self.layers == "last":
            return [(s, s + teacher_layers - student_layers) for s in numbers]
        assert teacher_layers % student_layers == 0
        uniform = [(s, s * teacher_layers // student_layers) for s in numbers]
        return {"uniform": uniform, "skip": uniform[:-1]}[self.layers]

    def projects(self, student: Encoder, teacher: Encoder) -> bool:
        differ = student.width != teacher.width
        assert not (differ and self.projection == "never")
        return self.kind in HIDDEN_KINDS and (differ or self.projection == "always")

    def projection_key(self, index: int) -> str:
        """The key of the projection for the index-th pair of the layer map, from 0."""
        return f"projection.{self.kind}.{index}.weight" if self.perLayer else f"projection.{self.kind}.weight"

    def projection_keys(self, student: Encoder, teacher: Encoder) -> list[str]:
        if not self.projects(student, teacher):
            return []
        pairs = self.pairs(student.layers, teacher.layers)
        return list(dict.fromkeys(self.projection_key(index) for index in range(len(pairs))))


def divergence(teacher_scores: Tensor, student_scores: Tensor) -> Tensor:
    """Σ KL(softmax(teacher) ‖ softmax(student)) over all rows."""
    teacher = torch.log_softmax(teacher_scores, dim=-1)
    student = torch.log_softmax(student_scores, dim=-1)
    return (teacher.exp() * (teacher - student)).sum()


def relation_scores(values: Tensor) -> Tensor:
    """V Vᵀ/√d_head of (heads, n, d_head)."""
    return values @ values.transpose(1, 2) / math.sqrt(values.shape[-1])


def unit(x: Tensor) -> Tensor:
    return x / torch.clamp(torch.sqrt((x**2).sum()), min=1e-12)


def logit_sum(adaptor: Adaptor, student: Taps, teacher: Taps) -> Tensor:
    scale = adaptor.temperature**2 if adaptor.temperatureScaling else 1.0
    z_s, z_t = student.logits / adaptor.temperature, teacher.logits / adaptor.temperature
    if adaptor.kind == "LogitCE":
        return -(torch.softmax(z_t, dim=-1) * torch.log_softmax(z_s, dim=-1)).sum() * scale
    if adaptor.on == "probabilities":
        z_s, z_t = torch.softmax(z_s, dim=-1), torch.softmax(z_t, dim=-1)
    return ((z_s - z_t) ** 2).sum() * scale


def layer_sum(adaptor: Adaptor, student: Taps, teacher: Taps, pair: tuple[int, int], w: Tensor | None) -> Tensor:
    """One sentence's sum for one pair of layers; w is the pair's projection (teacher width, student width)."""
    s, t = pair
    if adaptor.kind == "AttnMiniLM":
        return divergence(teacher.scores[t - 1], student.scores[s - 1])
    if adaptor.kind == "AttnTinyBERT":
        x_s, x_t = student.scores[s - 1], teacher.scores[t - 1]
        if adaptor.on == "probabilities":
            x_s, x_t = torch.softmax(x_s, dim=-1), torch.softmax(x_t, dim=-1)
        return ((x_s - x_t) ** 2).sum()
    if adaptor.kind == "ValMiniLM":
        return divergence(relation_scores(teacher.values[t - 1]), relation_scores(student.values[s - 1]))
    h_s, h_t = student.hidden[s], teacher.hidden[t]
    if w is not None:
        h_s = h_s @ w.T
    if adaptor.kind in ("HidnTinyBERT", "EmbdTinyBERT"):
        return ((h_s - h_t) ** 2).sum()
    assert adaptor.kind == "HidnPKD"
    return ((unit(h_s[0]) - unit(h_t[0])) ** 2).sum()


def adaptor_count(adaptor: Adaptor, student: Encoder, teacher: Encoder, lengths: list[int], classes: int) -> int:
    """The denominator, of the global batch's sentence lengths."""
    pairs, sentences, tokens = len(adaptor.pairs(student.layers, teacher.layers)), len(lengths), sum(lengths)
    return {
        "LogitCE": sentences,
        "LogitMSE": sentences * classes,
        "AttnMiniLM": pairs * student.heads * tokens,
        "AttnTinyBERT": pairs * student.heads * sum(n * n for n in lengths),
        "ValMiniLM": pairs * student.heads * tokens,
        "HidnTinyBERT": pairs * tokens * teacher.width,
        "EmbdTinyBERT": tokens * teacher.width,
        "HidnPKD": pairs * sentences,
    }[adaptor.kind]


@dataclass
class Losses:
    total: Tensor
    hard: Tensor
    terms: list[Tensor]  # one for each adaptor, before its weight


def batch_losses(
    student: Encoder,
    teacher: Encoder,
    batch: Batch,
    label_weight: float,
    adaptors: list[Adaptor],
    projections: dict[str, Tensor],
    global_batch: Batch | None = None,
) -> Losses:
    """The losses of `batch`, a part of a global batch (by default the whole of it). A label of -1 is none."""
    whole = global_batch or batch
    lengths = whole.lengths
    student_taps = student.forward_batch(batch)
    with torch.no_grad():
        teacher_taps = teacher.forward_batch(batch)
    labelled = [(taps, label) for taps, label in zip(student_taps, batch.labels) if label >= 0]
    hard = torch.zeros((), dtype=student_taps[0].logits.dtype)
    for taps, label in labelled:
        hard = hard - torch.log_softmax(taps.logits, dim=-1)[label]
    hard = hard / max(1, sum(label >= 0 for label in whole.labels))
    terms = []
    for adaptor in adaptors:
        total = torch.zeros((), dtype=hard.dtype)
        for s, t in zip(student_taps, teacher_taps):
            if adaptor.kind.startswith("Logit"):
                total = total + logit_sum(adaptor, s, t)
                continue
            for index, pair in enumerate(adaptor.pairs(student.layers, teacher.layers)):
                w = projections[adaptor.projection_key(index)] if adaptor.projects(student, teacher) else None
                total = total + layer_sum(adaptor, s, t, pair, w)
        classes = student_taps[0].logits.shape[0]
        terms.append(total / adaptor_count(adaptor, student, teacher, lengths, classes))
    total = label_weight * hard + sum(adaptor.weight * term for adaptor, term in zip(adaptors, terms))
    return Losses(total, hard, terms)


def gradients(loss: Tensor, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of every parameter, zeros where the loss does not depend on it."""
    values = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return {
        key: torch.zeros_like(parameter) if value is None else value
        for (key, parameter), value in zip(parameters.items(), values)
    }
