"""The losses in PyTorch: sums over real tokens divided by counts of the global batch."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from workloads import TEMPERATURE

# Far below any score, and finite: minus infinity minus itself is no number.
MASKED = -1e9


@dataclass
class LossCounts:
    sentences: int
    tokens: int
    token_pairs: int

    @staticmethod
    def of(rows: list[list[int]]) -> "LossCounts":
        lengths = [len(row) for row in rows]
        return LossCounts(len(lengths), sum(lengths), sum(n * n for n in lengths))


def losses(workload, student: dict, teacher: dict | None, batch: dict) -> torch.Tensor:
    """labelWeight · cross-entropy + the adaptors. Each tap is a list, by layer pair."""
    counts = batch["counts"]
    tokens = batch["mask"].bool()
    keys, queries = tokens[:, None, None, :], tokens[:, None, :, None]
    pairs = len(workload.pairs)
    heads = workload.student_shape.heads
    total = 0
    if workload.label_weight:
        hard = F.cross_entropy(student["logits"], batch["labels"], reduction="sum") / counts.sentences
        total = total + workload.label_weight * hard
    if "AttnMiniLM" in workload.adaptors:
        divergence = sum(
            kl(t, s, keys, queries) for t, s in zip(teacher["scores"], student["scores"]))
        total = total + divergence / (pairs * heads * counts.tokens)
    if "ValMiniLM" in workload.adaptors:
        divergence = sum(
            kl(relations(t), relations(s), keys, queries) for t, s in zip(teacher["values"], student["values"]))
        total = total + divergence / (pairs * heads * counts.tokens)
    if "AttnTinyBERT" in workload.adaptors:
        error = sum(
            ((probabilities(s, keys) - probabilities(t, keys)) * queries).square().sum()
            for t, s in zip(teacher["scores"], student["scores"]))
        total = total + error / (pairs * heads * counts.token_pairs)
    if "HidnTinyBERT" in workload.adaptors:
        error = sum(
            ((s - t) * tokens[:, :, None]).square().sum() for t, s in zip(teacher["hidden"], student["hidden"]))
        total = total + error / (pairs * counts.tokens * workload.teacher_shape.hidden)
    if "LogitMSE" in workload.adaptors:
        s, t = (F.softmax(taps["logits"] / TEMPERATURE, dim=-1) for taps in (student, teacher))
        total = total + TEMPERATURE**2 * (s - t).square().sum() / (counts.sentences * s.shape[1])
    return total


def relations(values: torch.Tensor) -> torch.Tensor:
    return torch.matmul(values, values.transpose(2, 3)) * values.shape[-1] ** -0.5


def probabilities(scores: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    return F.softmax(scores.masked_fill(~keys, MASKED), dim=-1)


def kl(teacher: torch.Tensor, student: torch.Tensor, keys: torch.Tensor, queries: torch.Tensor) -> torch.Tensor:
    p, q = (F.log_softmax(scores.masked_fill(~keys, MASKED), dim=-1) for scores in (teacher, student))
    return (F.kl_div(q, p, reduction="none", log_target=True) * queries).sum()
