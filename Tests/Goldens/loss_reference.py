"""The distillation losses from their definitions, in plain PyTorch with autograd.

Every loss is a sum over the sentences at hand divided by a count of the whole (global) batch, so the two are separate
here: `adaptor_sum` sees the sentences of a micro-batch, `adaptor_count` only the lengths of the global batch.
"""

import math
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from encoder_reference import Batch, Encoder, Taps

PROJECTED_KINDS = ("HidnTinyBERT", "EmbdTinyBERT", "HidnPKD", "HidnCosine", "Gram")
WITH_BIAS = {"linear": lambda x: x, "relu": torch.relu, "tanh": torch.tanh}


@dataclass
class Adaptor:
    """One entry of a stage's `adaptors` list, with the defaults of the run configuration."""

    kind: str
    weight: float = 1.0
    layers: str | list[list[int]] = "last"
    on: str = ""
    temperature: float = 4.0
    temperatureScaling: bool = True
    temperatureBy: str = "constant"
    beta: float = 1.0
    gamma: float = 2.0
    probabilityShift: bool = False
    projection: str = "auto"
    perLayer: bool = False
    relations: list[str] = field(default_factory=lambda: ["queries", "keys", "values"])
    heads: int = 48
    pairing: str = "itself"

    def __post_init__(self) -> None:
        self.on = self.on or ("logits" if self.kind == "LogitMSE" else "probabilities")

    def described(self) -> dict:
        """As a configuration has it."""
        entry = asdict(self)
        return entry | {"with": entry.pop("pairing")}

    @property
    def compares_sentences(self) -> bool:
        """Whether the loss of one sentence depends on the others of its micro-batch."""
        return self.temperatureBy != "constant"

    def pairs(self, student_layers: int, teacher_layers: int) -> list[tuple[int, int]]:
        """(student, teacher) layers from 1; 0 is the embeddings' output."""
        if self.kind == "EmbdTinyBERT":
            return [(0, 0)]
        if isinstance(self.layers, list):
            return [(s, t) for s, t in self.layers]
        numbers = range(1, student_layers + 1)
        if self.layers == "last":
            return [(s, s + teacher_layers - student_layers) for s in numbers]
        if self.layers == "top":
            return [(student_layers, math.floor(teacher_layers * 7 / 8 + 0.5))]
        assert teacher_layers % student_layers == 0
        uniform = [(s, s * teacher_layers // student_layers) for s in numbers]
        return {"uniform": uniform, "skip": uniform[:-1]}[self.layers]

    def products(self, pairs: int) -> list[tuple[int, int]]:
        """Of which pairs' layers Gram and NST multiply states."""
        return [(i, i) for i in range(pairs)] if self.pairing == "itself" else [(i, i + 1) for i in range(pairs - 1)]

    def projects(self, student: Encoder, teacher: Encoder) -> bool:
        differ = student.width != teacher.width
        assert not (differ and self.projection == "never")
        return self.kind in PROJECTED_KINDS and (differ if self.projection == "auto" else self.projection != "never")

    def projection_name(self, index: int) -> str:
        """The projection for the index-th pair of the layer map, from 0."""
        return f"projection.{self.kind}.{index}" if self.perLayer else f"projection.{self.kind}"

    def projection_shapes(self, student: Encoder, teacher: Encoder) -> dict[str, tuple[int, ...]]:
        if not self.projects(student, teacher):
            return {}
        shapes: dict[str, tuple[int, ...]] = {}
        for index in range(len(self.pairs(student.layers, teacher.layers))):
            name = self.projection_name(index)
            shapes[f"{name}.weight"] = (teacher.width, student.width)
            if self.projection in WITH_BIAS:
                shapes[f"{name}.bias"] = (teacher.width,)
        return shapes

    def project(self, x: Tensor, index: int, projections: dict[str, Tensor]) -> Tensor:
        name = self.projection_name(index)
        if f"{name}.weight" not in projections:
            return x
        x = x @ projections[f"{name}.weight"].T
        return WITH_BIAS[self.projection](x + projections[f"{name}.bias"]) if self.projection in WITH_BIAS else x


def divergence(teacher_scores: Tensor, student_scores: Tensor) -> Tensor:
    """Σ KL(softmax(teacher) ‖ softmax(student)) over all rows."""
    teacher = torch.log_softmax(teacher_scores, dim=-1)
    student = torch.log_softmax(student_scores, dim=-1)
    return (teacher.exp() * (teacher - student)).sum()


def relation_scores(x: Tensor) -> Tensor:
    """X Xᵀ/√d_head of (heads, n, d_head)."""
    return x @ x.transpose(1, 2) / math.sqrt(x.shape[-1])


def split_anew(x: Tensor, heads: int) -> Tensor:
    """(model heads, n, d_head) to (heads, n, width/heads): side by side, then cut again."""
    return x.transpose(0, 1).flatten(1).reshape(x.shape[1], heads, -1).transpose(0, 1)


def unit(x: Tensor) -> Tensor:
    return x / torch.clamp(torch.sqrt((x**2).sum()), min=1e-12)


def shifted(logits: Tensor, label: int) -> Tensor:
    """The largest and the label's logit swapped."""
    result = logits.clone()
    largest = logits.argmax()
    result[largest], result[label] = logits[label], logits[largest]
    return result


def temperatures(adaptor: Adaptor, students: list[Tensor], teachers: list[Tensor]) -> list[Tensor]:
    """Of each sentence of a micro-batch."""
    base = torch.tensor(adaptor.temperature, dtype=students[0].dtype)
    if adaptor.temperatureBy == "constant":
        return [base] * len(students)
    s, t = torch.stack(students).detach(), torch.stack(teachers)
    if adaptor.temperatureBy == "flsw":
        s, t = (x / (torch.sqrt((x**2).sum(dim=-1, keepdim=True)) + 1e-4) for x in (s, t))
        weights = (1 - (s * t).sum(dim=-1)) ** adaptor.gamma
    else:
        weights = 1 / (torch.softmax(s, dim=-1).max(dim=-1).values + 1e-3)
    return list(base + adaptor.beta * (weights.mean() - weights))


def logit_sums(adaptor: Adaptor, students: list[Taps], teachers: list[Taps], labels: list[int]) -> Tensor:
    z_s, z_t = [taps.logits for taps in students], [taps.logits for taps in teachers]
    if adaptor.probabilityShift:
        z_t = [shifted(z, label) if label >= 0 else z for z, label in zip(z_t, labels)]
    if adaptor.on == "argmax":
        return sum(-torch.log_softmax(s, dim=-1)[t.argmax()] for s, t in zip(z_s, z_t))
    total = torch.zeros((), dtype=z_s[0].dtype)
    for s, t, temperature in zip(z_s, z_t, temperatures(adaptor, z_s, z_t)):
        scale = temperature**2 if adaptor.temperatureScaling else 1.0
        s, t = s / temperature, t / temperature
        if adaptor.kind == "LogitCE":
            total = total + scale * divergence(t, s)
            continue
        if adaptor.on == "probabilities":
            s, t = torch.softmax(s, dim=-1), torch.softmax(t, dim=-1)
        total = total + scale * ((s - t) ** 2).sum()
    return total


def attention_sum(adaptor: Adaptor, s: Tensor, t: Tensor) -> Tensor:
    """Of scores (heads, n, n)."""
    if adaptor.kind == "AttnMiniLM":
        return divergence(t, s)
    if adaptor.kind == "AttnMeanMiniLM":
        return divergence(t.mean(dim=0), s.mean(dim=0))
    if adaptor.on == "probabilities":
        s, t = torch.softmax(s, dim=-1), torch.softmax(t, dim=-1)
    if adaptor.kind == "AttnSumTinyBERT":
        s, t = s.sum(dim=0), t.sum(dim=0)
    return ((s - t) ** 2).sum()


def hidden_sum(adaptor: Adaptor, h_s: Tensor, h_t: Tensor) -> Tensor:
    """Of hidden states (n, teacher width), projected where they are."""
    if adaptor.kind in ("HidnTinyBERT", "EmbdTinyBERT"):
        return ((h_s - h_t) ** 2).sum()
    if adaptor.kind == "HidnCosine":
        norms = torch.sqrt(((h_s**2).sum(dim=-1) + 1e-12) * ((h_t**2).sum(dim=-1) + 1e-12))
        return (1 - (h_s * h_t).sum(dim=-1) / norms).sum()
    assert adaptor.kind == "HidnPKD"
    return ((unit(h_s[0]) - unit(h_t[0])) ** 2).sum()


def sentence_sum(
    adaptor: Adaptor, student: Taps, teacher: Taps, pairs: list[tuple[int, int]], projections: dict[str, Tensor]
) -> Tensor:
    """One sentence's sum over the pairs of layers."""
    if adaptor.kind.startswith("Attn"):
        return sum(attention_sum(adaptor, student.scores[s - 1], teacher.scores[t - 1]) for s, t in pairs)
    if adaptor.kind == "ValMiniLM":
        return sum(
            divergence(relation_scores(teacher.values[t - 1]), relation_scores(student.values[s - 1]))
            for s, t in pairs
        )
    if adaptor.kind == "RelationMiniLM":
        total = torch.zeros((), dtype=student.logits.dtype)
        for name in adaptor.relations:
            for s, t in pairs:
                x_s, x_t = getattr(student, name)[s - 1], getattr(teacher, name)[t - 1]
                x_s, x_t = split_anew(x_s, adaptor.heads), split_anew(x_t, adaptor.heads)
                total = total + divergence(relation_scores(x_t), relation_scores(x_s))
        return total
    h_s = [adaptor.project(student.hidden[s], index, projections) for index, (s, _) in enumerate(pairs)]
    h_t = [teacher.hidden[t] for _, t in pairs]
    products = adaptor.products(len(pairs))
    if adaptor.kind == "Gram":
        n, width = h_t[0].shape
        return sum(((h_s[i].T @ h_s[j] - h_t[i].T @ h_t[j]) ** 2).sum() / (n * width) ** 2 for i, j in products)
    if adaptor.kind == "NST":
        return sum(
            ((h_s[i] @ h_s[j].T / h_s[i].shape[1] - h_t[i] @ h_t[j].T / h_t[i].shape[1]) ** 2).sum()
            for i, j in products
        )
    return sum(hidden_sum(adaptor, s, t) for s, t in zip(h_s, h_t))


def adaptor_count(adaptor: Adaptor, student: Encoder, teacher: Encoder, lengths: list[int], classes: int) -> int:
    """The denominator, of the global batch's sentence lengths."""
    pairs, sentences, tokens = len(adaptor.pairs(student.layers, teacher.layers)), len(lengths), sum(lengths)
    products, squares = len(adaptor.products(pairs)), sum(n * n for n in lengths)
    return {
        "LogitCE": sentences,
        "LogitMSE": sentences * (1 if adaptor.on == "argmax" else classes),
        "AttnMiniLM": pairs * student.heads * tokens,
        "AttnTinyBERT": pairs * student.heads * squares,
        "AttnMeanMiniLM": pairs * tokens,
        "AttnSumTinyBERT": pairs * squares,
        "ValMiniLM": pairs * student.heads * tokens,
        "RelationMiniLM": pairs * len(adaptor.relations) * adaptor.heads * tokens,
        "HidnTinyBERT": pairs * tokens * teacher.width,
        "EmbdTinyBERT": tokens * teacher.width,
        "HidnCosine": pairs * tokens,
        "HidnPKD": pairs * sentences,
        "Gram": products * sentences,
        "NST": products * squares,
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
        if adaptor.kind.startswith("Logit"):
            total = logit_sums(adaptor, student_taps, teacher_taps, batch.labels)
        else:
            pairs = adaptor.pairs(student.layers, teacher.layers)
            own = {key: value for key, value in projections.items() if adaptor.projects(student, teacher)}
            total = sum(sentence_sum(adaptor, s, t, pairs, own) for s, t in zip(student_taps, teacher_taps))
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
