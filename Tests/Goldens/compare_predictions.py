"""Compares `distill-ddp predict`'s JSON lines with transformers loading the same directory.

    python3 Tests/Goldens/compare_predictions.py MODEL_DIR --input lines.txt --predictions predictions.jsonl

Each prediction is `{"label": NAME, "logits": [...], "probabilities": [...]}`, a line for each line of the input.
`--pairs` reads two tab-separated sentences from each line. Exit status 1 where a label differs, or logits or
probabilities differ by more than the tolerance.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification

from tokenised_rows import read_rows, tokenise


def largest_difference(found: list[float], expected: torch.Tensor) -> float:
    values = torch.tensor(found, dtype=torch.float64)
    if values.shape != expected.shape:
        return float("inf")
    return (values - expected.double()).abs().max().item()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--pairs", action="store_true")
    parser.add_argument("--predictions", type=Path, required=True)
    parser.add_argument("--max-length", type=int, default=128)
    parser.add_argument("--tolerance", type=float, default=1e-5)
    arguments = parser.parse_args()

    model = AutoModelForSequenceClassification.from_pretrained(
        arguments.model, attn_implementation="eager", dtype=torch.float32
    ).eval()
    rows = tokenise(arguments.model, read_rows(arguments.input, arguments.pairs), arguments.max_length)
    predictions = [json.loads(line) for line in arguments.predictions.read_bytes().splitlines()]
    if len(predictions) != len(rows):
        print(f"{arguments.predictions}: expected {len(rows)} predictions, found {len(predictions)}")
        return 1

    other_labels, worst = 0, {"logits": 0.0, "probabilities": 0.0}
    for number, (row, prediction) in enumerate(zip(rows, predictions), start=1):
        with torch.no_grad():
            logits = model(**{name: torch.tensor([values]) for name, values in row.items()}).logits[0]
        expected = {"logits": logits, "probabilities": torch.softmax(logits.double(), dim=-1)}
        label = model.config.id2label[int(logits.argmax())]
        if prediction["label"] != label:
            other_labels += 1
            print(f"line {number}: expected {label!r}, found {prediction['label']!r} (logits {logits.tolist()})")
        for name in worst:
            difference = largest_difference(prediction[name], expected[name])
            # Not max(): a NaN must win.
            if not difference <= worst[name]:
                worst[name] = difference
    print(f"{len(rows)} lines, {other_labels} with another label")
    for name, difference in worst.items():
        print(f"{name}: largest absolute difference {difference:.3g}; tolerance {arguments.tolerance:g}")
    failed = other_labels > 0 or not all(difference <= arguments.tolerance for difference in worst.values())
    print("failed" if failed else "ok")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
