"""Writes Tests/Fixtures/training/schedules.json: learning rates of transformers' schedules, step by step."""

import argparse
import json
import math
from pathlib import Path

import torch
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

# (steps, warm-up steps), and (steps, warm-up as a fraction of them)
LENGTHS = [(1, 0), (1, 1), (5, 3), (7, 0), (7, 6), (10, 1), (100, 10)]
FRACTIONS = [(11, 0.1), (30, 0.1), (100, 0.07), (9, 0.0), (3, 0.5)]
PEAK = 3e-4


def rates(kind: str, steps: int, warmup: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=PEAK)
    if kind == "constant":
        schedule = get_constant_schedule_with_warmup(optimizer, warmup)
    else:
        make = {"linear": get_linear_schedule_with_warmup, "cosine": get_cosine_schedule_with_warmup}[kind]
        schedule = make(optimizer, warmup, steps)
    values = []
    for _ in range(steps):
        values.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("Tests/Fixtures/training"))
    output = parser.parse_args().output
    cases = []
    for kind in ["linear", "cosine", "constant"]:
        for steps, warmup in LENGTHS:
            case = {"kind": kind, "peak": PEAK, "steps": steps, "warmupSteps": warmup}
            cases.append(case | {"rates": rates(kind, steps, warmup)})
        for steps, fraction in FRACTIONS:
            # As TrainingArguments.get_warmup_steps, which needs a package more.
            warmup = math.ceil(steps * fraction)
            case = {"kind": kind, "peak": PEAK, "steps": steps, "warmupFraction": fraction}
            cases.append(case | {"rates": rates(kind, steps, warmup)})
    output.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(case) for case in cases)
    (output / "schedules.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
