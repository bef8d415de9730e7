"""A BERT encoder with a classification head, one sentence at a time, in plain PyTorch.

Written from the architecture's definition so that every intermediate the losses need (scores before the softmax,
value projections) is at hand; `make_encoder_goldens.py` checks it against transformers' own forward.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

ACTIVATIONS = {
    "gelu": lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))),
    "gelu_new": lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: torch.clamp(x, min=0),
}


@dataclass
class Batch:
    """Sentences packed end to end; sentence b is tokens[starts[b]:starts[b + 1]]."""

    tokens: list[int]
    types: list[int]
    starts: list[int]
    labels: list[int]

    @property
    def lengths(self) -> list[int]:
        return [end - start for start, end in zip(self.starts, self.starts[1:])]

    def sentences(self) -> list[tuple[Tensor, Tensor]]:
        """(token ids, type ids) of each sentence."""
        spans = list(zip(self.starts, self.starts[1:]))
        return [(torch.tensor(self.tokens[a:b]), torch.tensor(self.types[a:b])) for a, b in spans]

    def select(self, chosen: range) -> "Batch":
        part = Batch([], [], [0], [])
        for b in chosen:
            part.tokens += self.tokens[self.starts[b] : self.starts[b + 1]]
            part.types += self.types[self.starts[b] : self.starts[b + 1]]
            part.starts.append(len(part.tokens))
            part.labels.append(self.labels[b])
        return part


@dataclass
class Taps:
    """What one sentence of n tokens leaves behind."""

    logits: Tensor  # (classes)
    hidden: list[Tensor]  # 0 … L, each (n, width)
    scores: list[Tensor]  # layers 1 … L from index 0, each (heads, n, n): before the softmax, over √d_head
    queries: list[Tensor]  # layers 1 … L from index 0, each (heads, n, d_head), as are keys and values
    keys: list[Tensor]
    values: list[Tensor]
    pooled: Tensor  # (width)


class Encoder:
    """A saved model directory's weights and the forward pass over them."""

    def __init__(self, directory: Path, dtype: torch.dtype = torch.float64):
        config = json.loads((directory / "config.json").read_text())
        self.layers: int = config["num_hidden_layers"]
        self.heads: int = config["num_attention_heads"]
        self.width: int = config["hidden_size"]
        self.epsilon: float = config["layer_norm_eps"]
        self.activation = ACTIVATIONS[config["hidden_act"]]
        weights = load_file(directory / "model.safetensors")
        self.weights = {key: value.to(dtype) for key, value in sorted(weights.items()) if value.is_floating_point()}

    def trainable(self) -> dict[str, Tensor]:
        """The weights, asked to collect gradients."""
        for weight in self.weights.values():
            weight.requires_grad_(True)
        return self.weights

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _normalise(self, x: Tensor, name: str) -> Tensor:
        centred = x - x.mean(dim=-1, keepdim=True)
        variance = (centred**2).mean(dim=-1, keepdim=True)
        scaled = centred / torch.sqrt(variance + self.epsilon)
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    def _split_heads(self, x: Tensor) -> Tensor:
        """(n, heads·d) to (heads, n, d)."""
        return x.reshape(x.shape[0], self.heads, -1).transpose(0, 1)

    def forward(self, tokens: Tensor, types: Tensor) -> Taps:
        """One sentence without padding: tokens and types are (n)."""
        embeddings = "bert.embeddings"
        x = (
            self.weights[f"{embeddings}.word_embeddings.weight"][tokens]
            + self.weights[f"{embeddings}.position_embeddings.weight"][: len(tokens)]
            + self.weights[f"{embeddings}.token_type_embeddings.weight"][types]
        )
        hidden = [self._normalise(x, f"{embeddings}.LayerNorm")]
        scores, queries, keys, values = [], [], [], []
        for layer in range(self.layers):
            name = f"bert.encoder.layer.{layer}"
            x = hidden[-1]
            query, key, value = (
                self._split_heads(self._linear(x, f"{name}.attention.self.{part}"))
                for part in ("query", "key", "value")
            )
            scores.append(query @ key.transpose(1, 2) / math.sqrt(query.shape[-1]))
            queries.append(query)
            keys.append(key)
            values.append(value)
            context = (torch.softmax(scores[-1], dim=-1) @ value).transpose(0, 1).reshape(x.shape[0], -1)
            attended = self._linear(context, f"{name}.attention.output.dense") + x
            attended = self._normalise(attended, f"{name}.attention.output.LayerNorm")
            expanded = self.activation(self._linear(attended, f"{name}.intermediate.dense"))
            output = self._linear(expanded, f"{name}.output.dense") + attended
            hidden.append(self._normalise(output, f"{name}.output.LayerNorm"))
        pooled = torch.tanh(self._linear(hidden[-1][0], "bert.pooler.dense"))
        return Taps(self._linear(pooled, "classifier"), hidden, scores, queries, keys, values, pooled)

    def forward_batch(self, batch: Batch) -> list[Taps]:
        return [self.forward(tokens, types) for tokens, types in batch.sentences()]
