"""Ten optimizer steps in PyTorch float64, with PyTorch's optimizers and clipping and transformers' schedules."""

import torch
from torch import Tensor
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from encoder_reference import Batch, Encoder
from loss_reference import Adaptor, batch_losses

STEPS = 10
WARMUP_STEPS = 1  # 10 % of the steps
CLIP_NORM = 1.0
ADAPTORS = [Adaptor("AttnMiniLM"), Adaptor("HidnTinyBERT")]
LABEL_WEIGHT = 1.0

ADAMW = {
    "kind": "adamw",
    "learningRate": 5e-3,
    "weightDecay": 0.01,
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "schedule": "linear",
}
SGD = {"kind": "sgd", "learningRate": 0.1, "weightDecay": 0.0, "momentum": 0.0, "schedule": "cosine"}


def decays(key: str) -> bool:
    """Neither biases nor LayerNorm; projections decay."""
    return not key.endswith(".bias") and "LayerNorm" not in key


def make_optimizer(settings: dict, parameters: dict[str, Tensor]) -> torch.optim.Optimizer:
    if settings["kind"] == "sgd":
        return torch.optim.SGD(list(parameters.values()), lr=settings["learningRate"])
    groups = [
        {"params": [p for key, p in parameters.items() if decays(key)], "weight_decay": settings["weightDecay"]},
        {"params": [p for key, p in parameters.items() if not decays(key)], "weight_decay": 0.0},
    ]
    betas = tuple(settings["betas"])
    return torch.optim.AdamW(groups, lr=settings["learningRate"], betas=betas, eps=settings["eps"])


def train(
    student: Encoder, teacher: Encoder, projections: dict[str, Tensor], batches: list[Batch], settings: dict
) -> tuple[list[dict], dict[str, Tensor]]:
    """What each step saw, and the parameters after the last."""
    for projection in projections.values():
        projection.requires_grad_(True)
    parameters = student.trainable() | projections
    optimizer = make_optimizer(settings, parameters)
    schedules = {"linear": get_linear_schedule_with_warmup, "cosine": get_cosine_schedule_with_warmup}
    schedule = schedules[settings["schedule"]](optimizer, WARMUP_STEPS, STEPS)
    steps = []
    for batch in batches:
        optimizer.zero_grad(set_to_none=False)
        losses = batch_losses(student, teacher, batch, LABEL_WEIGHT, ADAPTORS, projections)
        losses.total.backward()
        for parameter in parameters.values():
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        norm = torch.nn.utils.clip_grad_norm_(list(parameters.values()), CLIP_NORM)
        steps.append(
            {
                "learningRate": schedule.get_last_lr()[0],
                "total": losses.total.item(),
                "hard": losses.hard.item(),
                "terms": [term.item() for term in losses.terms],
                "gradientNorm": norm.item(),
            }
        )
        optimizer.step()
        schedule.step()
    return steps, {key: value.detach().clone() for key, value in parameters.items()}
