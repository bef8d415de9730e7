"""Compares one step of plain SGD with the gradient PyTorch computes in float64.

    python3 Tests/Goldens/compare_sgd_step.py --original STUDENT --saved RUN/student --teacher TEACHER \\
        --text train_text.txt --labels train_labels.txt --batch-size 32 --max-length 128 \\
        --adaptors '[{"kind": "LogitCE", "temperature": 4}]' --label-weight 1

`--saved` is the student after one step over the first batch in the file's order: SGD with learning rate 1, without
dropout, momentum, weight decay, clipping, warm-up or shuffling. Then original − saved is the gradient. `--adaptors` is
JSON or a file of it, entries as in gradients/cases.json; settings left out have their defaults. Where widths differ,
`--projections` names a safetensors file of the projections before the step.

A parameter's error ‖(original − saved) − gradient‖ may be `--tolerance` of its gradient's norm, plus what rounding the
saved float32 weights can account for. Where the gradient is a negligible part of the whole (as for `key.bias`, whose
gradient is 0 unless scores are compared), the error may be `--tolerance` of the whole gradient's norm. Exit status 1
where a parameter fails.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from encoder_reference import Batch, Encoder
from loss_reference import Adaptor, batch_losses, gradients
from tokenised_rows import read_rows, tokenise

# Half a unit in the last place of a float32, relative.
ROUNDING = 2.0**-24


def first_batch(arguments: argparse.Namespace) -> Batch:
    rows = read_rows(arguments.text, arguments.pairs)
    labels = [int(line) for line in arguments.labels.read_text().split()]
    if len(labels) != len(rows):
        raise SystemExit(f"{arguments.labels}: expected {len(rows)} labels, found {len(labels)}")
    batch = Batch([], [], [0], labels[: arguments.batch_size])
    for row in tokenise(arguments.original, rows[: arguments.batch_size], arguments.max_length):
        batch.tokens += row["input_ids"]
        batch.types += row["token_type_ids"]
        batch.starts.append(len(batch.tokens))
    return batch


def read_adaptors(argument: str) -> list[Adaptor]:
    text = argument if argument.lstrip().startswith("[") else Path(argument).read_text()
    return [Adaptor(**entry) for entry in json.loads(text)]


def read_projections(path: Path | None, needed: list[str]) -> dict[str, Tensor]:
    stored = load_file(path) if path else {}
    missing = [key for key in needed if key not in stored]
    if missing:
        raise SystemExit(f"--projections: expected {', '.join(missing)}, found {sorted(stored)}")
    return {key: stored[key].double() for key in needed}


def judge(key: str, step: Tensor, gradient: Tensor, saved: Tensor, whole: float, arguments: argparse.Namespace) -> bool:
    """Prints a parameter's line; whether it passes."""
    error, norm = (step - gradient).norm().item(), gradient.norm().item()
    rounding = ROUNDING * torch.where(step != 0, saved.abs(), 0).norm().item() / arguments.learning_rate
    negligible = norm < arguments.negligible * whole
    passes = error <= arguments.tolerance * (whole if negligible else norm) + rounding
    relative = error / norm if norm > 0 else (0.0 if error == 0 else float("inf"))
    remark = ("negligible, judged against the whole" if negligible else "") + ("" if passes else "  FAILS")
    columns = (f"{value:10.2e}" for value in (norm, relative, error / whole, rounding / whole))
    print(" ".join(columns), key, remark)
    return passes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("original", "saved", "text", "labels"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, help="needed by adaptors only")
    parser.add_argument("--pairs", action="store_true")
    parser.add_argument("--batch-size", type=int, required=True)
    parser.add_argument("--max-length", type=int, required=True)
    parser.add_argument("--adaptors", default="[]")
    parser.add_argument("--label-weight", type=float, default=1.0)
    parser.add_argument("--projections", type=Path)
    parser.add_argument("--learning-rate", type=float, default=1.0)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    parser.add_argument("--negligible", type=float, default=1e-4, help="part of the whole gradient's norm")
    arguments = parser.parse_args()

    adaptors = read_adaptors(arguments.adaptors)
    if adaptors and not arguments.teacher:
        parser.error("adaptors need --teacher")
    student = Encoder(arguments.original)
    teacher = Encoder(arguments.teacher or arguments.original)
    projections = read_projections(
        arguments.projections, [key for adaptor in adaptors for key in adaptor.projection_keys(student, teacher)]
    )
    batch = first_batch(arguments)
    weights = student.trainable()
    losses = batch_losses(student, teacher, batch, arguments.label_weight, adaptors, projections)
    d_weights = gradients(losses.total, weights)
    saved = Encoder(arguments.saved).weights

    terms = ", ".join(f"{adaptor.kind} {term.item():.9g}" for adaptor, term in zip(adaptors, losses.terms))
    print(f"{len(batch.labels)} sentences, {len(batch.tokens)} tokens")
    print(f"total {losses.total.item():.9g}, hard {losses.hard.item():.9g}" + (f", {terms}" if terms else ""))
    whole = torch.stack([gradient.norm() for gradient in d_weights.values()]).norm().item()
    print(f"gradient norm {whole:.9g}\n")
    print("  gradient  error:        error:  rounding:  parameter\n      norm  /gradient     /whole     /whole")
    failures, squared = [], 0.0
    for key in sorted(set(weights) | set(saved)):
        if key not in weights or key not in saved or weights[key].shape != saved[key].shape:
            used = key in weights and d_weights[key].norm() > 0
            # A checkpoint may carry parameters of a head it does not use; a save may leave them out.
            if key in saved or used:
                print(f"{key}: not in both models with one shape  FAILS")
                failures.append(key)
            continue
        step = (weights[key].detach() - saved[key]) / arguments.learning_rate
        squared += (step - d_weights[key]).norm().item() ** 2
        if not judge(key, step, d_weights[key], saved[key], whole, arguments):
            failures.append(key)
    print(f"\nwhole gradient: relative error {squared**0.5 / whole:.3g}")
    print(f"failed: {', '.join(failures)}" if failures else "ok")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
