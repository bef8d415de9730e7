"""Compares what `distill-ddp features` wrote with transformers (float32, eager attention, a sentence at a time).

    python3 Tests/Goldens/compare_features.py MODEL_DIR --input lines.txt \\
        --features features.safetensors --max-length 128

`--pairs` reads two tab-separated sentences from each line. `--headless` expects no logits, of a model without a
classifier, for which transformers would draw one. The features file holds all lines end to end, line i from `starts[i]`
to `starts[i + 1]`: `hidden.0` … `hidden.L` (tokens, width), `queries.1`, `keys.1` and `values.1` … (tokens, heads, head
size), `attention.1` … `attention.L`, flat, with (heads, n, n) probabilities from `attention_starts[i]` on, `logits`
(lines, classes) and `pooled` (lines, width).
Exit status 1 where a tensor is missing, misshapen, unknown or further away than the tolerance.
"""

import argparse
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor
from transformers import AutoModelForSequenceClassification

from tokenised_rows import read_rows, tokenise


class Features:
    """transformers' model with what it does not return kept."""

    def __init__(self, directory: Path):
        model = AutoModelForSequenceClassification.from_pretrained(
            directory, attn_implementation="eager", dtype=torch.float32
        )
        self.model = model.eval()
        self.heads = model.config.num_attention_heads
        self.kept: dict[str, Tensor] = {}
        for number, layer in enumerate(model.base_model.encoder.layer, start=1):
            attention = layer.attention.self
            for name, module in (("queries", attention.query), ("keys", attention.key), ("values", attention.value)):
                module.register_forward_hook(self._keep(f"{name}.{number}"))
        model.base_model.pooler.register_forward_hook(self._keep("pooled"))

    def _keep(self, name: str):
        def hook(_module, _inputs, output: Tensor) -> None:
            row = output[0]
            self.kept[name] = row if row.dim() == 1 else row.reshape(len(row), self.heads, -1).transpose(0, 1)

        return hook

    def of(self, row: dict[str, list[int]]) -> dict[str, Tensor]:
        inputs = {name: torch.tensor([values]) for name, values in row.items()}
        with torch.no_grad():
            output = self.model(**inputs, output_hidden_states=True, output_attentions=True)
        features = {"logits": output.logits[0]}
        features |= {f"hidden.{i}": hidden[0] for i, hidden in enumerate(output.hidden_states)}
        features |= {f"attention.{i}": attention[0] for i, attention in enumerate(output.attentions, start=1)}
        return features | self.kept


def of_line(
    tensor: Tensor, name: str, line: int, starts: list[int], attention_starts: list[int], shape: torch.Size
) -> Tensor | None:
    """A line's part, in the reference's shape; None where there are not as many numbers."""
    kind = name.split(".")[0]
    if kind in ("logits", "pooled"):
        return tensor[line]
    if kind == "attention":
        part = tensor[attention_starts[line] : attention_starts[line + 1]]
        return part.reshape(shape) if part.numel() == shape.numel() else None
    part = tensor[starts[line] : starts[line + 1]]
    return part if kind == "hidden" else part.transpose(0, 1)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--pairs", action="store_true")
    parser.add_argument("--features", type=Path, required=True)
    parser.add_argument("--max-length", type=int, required=True)
    parser.add_argument("--headless", action="store_true", help="the model has no classifier: expect no logits")
    parser.add_argument("--tolerance", type=float, default=1e-5)
    arguments = parser.parse_args()

    reference = Features(arguments.model)
    rows = tokenise(arguments.model, read_rows(arguments.input, arguments.pairs), arguments.max_length)
    worst: dict[str, tuple[float, str]] = {}
    problems: list[str] = []
    compared = 0
    with safe_open(arguments.features, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}
    unknown = set(tensors) - {"starts", "attention_starts"}
    starts, attention_starts = tensors["starts"].tolist(), tensors["attention_starts"].tolist()
    if len(starts) != len(rows) + 1 or len(attention_starts) != len(rows) + 1:
        problems.append(f"starts: expected {len(rows) + 1} of tokens and of attention, found {len(starts)} and "
                        f"{len(attention_starts)}")
        rows = []
    for i, row in enumerate(rows):
        for name, expected in reference.of(row).items():
            if name in ("logits", "pooled") and arguments.headless:
                continue
            if name not in tensors:
                problems.append(f"{name}: expected it, found no such tensor")
                continue
            unknown.discard(name)
            found = of_line(tensors[name], name, i, starts, attention_starts, expected.shape)
            key = f"{name} of line {i}"
            if found is None or found.shape != expected.shape:
                problems.append(f"{key}: expected {list(expected.shape)}, found "
                                f"{'another number' if found is None else list(found.shape)}")
                continue
            difference = (found.double() - expected.double()).abs().max().item()
            if not difference <= arguments.tolerance:
                problems.append(f"{key}: differs by {difference:.3g}")
            kind = name.split(".")[0]
            # Not max(): a NaN must win.
            if kind not in worst or not difference <= worst[kind][0]:
                worst[kind] = (difference, key)
            compared += 1
    problems += [f"{key}: not a tensor of these {len(rows)} lines and this model" for key in sorted(unknown)]
    print(f"{compared} tensors of {len(rows)} lines; tolerance {arguments.tolerance:g}")
    for kind, (difference, key) in sorted(worst.items()):
        print(f"{kind:10} largest absolute difference {difference:.3g} ({key})")
    for problem in problems[:20]:
        print(problem)
    if len(problems) > 20:
        print(f"and {len(problems) - 20} more")
    print("failed" if problems else "ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
