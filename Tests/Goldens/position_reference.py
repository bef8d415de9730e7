"""DeBERTa-v2 and ModernBERT classifiers, one sentence at a time, in plain PyTorch.

Written from the architectures' definitions, so that scores before the softmax are at hand and everything is in double
precision (transformers rotates in single). `make_position_goldens.py` checks them against transformers.
"""

import math

import torch
from torch import Tensor

from encoder_reference import ACTIVATIONS, Taps

# What a score outside a layer's window is: below any other, and a number in half precision too.
OUTSIDE_WINDOW = -10_000.0


def activation(name: str):
    return torch.tanh if name == "tanh" else ACTIVATIONS[name]


class Reference:
    """Weights by their keys, and what both families do with them."""

    def __init__(self, config: dict, weights: dict[str, Tensor], epsilon: float):
        self.config, self.weights, self.epsilon = config, weights, epsilon
        self.heads, self.layers = config["num_attention_heads"], config["num_hidden_layers"]
        self.width = config["hidden_size"]

    def linear(self, x: Tensor, name: str) -> Tensor:
        product = x @ self.weights[f"{name}.weight"].T
        bias = self.weights.get(f"{name}.bias")
        return product if bias is None else product + bias

    def norm(self, x: Tensor, name: str) -> Tensor:
        centred = x - x.mean(dim=-1, keepdim=True)
        scaled = centred / torch.sqrt((centred**2).mean(dim=-1, keepdim=True) + self.epsilon)
        scaled = scaled * self.weights[f"{name}.weight"]
        bias = self.weights.get(f"{name}.bias")
        return scaled if bias is None else scaled + bias

    def split(self, x: Tensor) -> Tensor:
        """(n, heads·d) to (heads, n, d)."""
        return x.reshape(x.shape[0], self.heads, -1).transpose(0, 1)

    def attend(self, scores: Tensor, values: Tensor) -> Tensor:
        context = torch.softmax(scores, dim=-1) @ self.split(values)
        return context.transpose(0, 1).reshape(values.shape[0], -1)


class DebertaV2(Reference):
    def __init__(self, config: dict, weights: dict[str, Tensor]):
        super().__init__(config, weights, config["layer_norm_eps"])
        self.kinds = config["pos_att_type"] or []
        longest = config["max_relative_positions"]
        self.longest = longest if longest > 0 else config["max_position_embeddings"]
        self.buckets = config.get("position_buckets", -1)
        self.span = self.buckets if self.buckets > 0 else self.longest

    def bucket(self, distance: int) -> int:
        """query − key, shortened by logarithms (in single precision, as there) where there are buckets."""
        middle = self.buckets // 2
        if self.buckets <= 0 or abs(distance) <= middle:
            return distance
        ratio = torch.log(torch.tensor(abs(distance) / middle)) / torch.log(torch.tensor((self.longest - 1) / middle))
        position = int(torch.ceil(ratio * (middle - 1)).item()) + middle
        return position if distance > 0 else -position

    def rows(self, length: int) -> Tensor:
        """(n, n): which row of the table of positions query i and key j read."""
        last = 2 * self.span - 1
        return torch.tensor(
            [[min(max(self.bucket(i - j) + self.span, 0), last) for j in range(length)] for i in range(length)]
        )

    def embed(self, tokens: Tensor, types: Tensor) -> Tensor:
        x = self.weights["deberta.embeddings.word_embeddings.weight"][tokens]
        if self.config["position_biased_input"]:
            x = x + self.weights["deberta.embeddings.position_embeddings.weight"][: len(tokens)]
        if self.config["type_vocab_size"] > 0:
            x = x + self.weights["deberta.embeddings.token_type_embeddings.weight"][types]
        if "deberta.embeddings.embed_proj.weight" in self.weights:
            x = self.linear(x, "deberta.embeddings.embed_proj")
        return self.norm(x, "deberta.embeddings.LayerNorm")

    def position_parts(self, name: str) -> dict[str, Tensor]:
        """(heads, 2·span, d) by kind."""
        table = self.weights["deberta.encoder.rel_embeddings.weight"]
        if "layer_norm" in self.config.get("norm_rel_ebd", "none"):
            table = self.norm(table, "deberta.encoder.LayerNorm")
        shared = self.config.get("share_att_key", False)
        names = {"c2p": "key_proj" if shared else "pos_key_proj", "p2c": "query_proj" if shared else "pos_query_proj"}
        return {kind: self.split(self.linear(table, f"{name}.{names[kind]}")) for kind in self.kinds}

    def forward(self, tokens: Tensor, types: Tensor) -> Taps:
        hidden, scores = [self.embed(tokens, types)], []
        parts: dict[str, list[Tensor]] = {"queries": [], "keys": [], "values": []}
        rows = self.rows(len(tokens))
        for layer in range(self.layers):
            name, x = f"deberta.encoder.layer.{layer}", hidden[-1]
            for kind, map_name in (("queries", "query_proj"), ("keys", "key_proj"), ("values", "value_proj")):
                parts[kind].append(self.linear(x, f"{name}.attention.self.{map_name}"))
            query, key = self.split(parts["queries"][-1]), self.split(parts["keys"][-1])
            score = query @ key.transpose(1, 2)
            if self.config["relative_attention"]:
                positions = self.position_parts(f"{name}.attention.self")
                if "c2p" in positions:
                    score = score + torch.einsum("hid,hijd->hij", query, positions["c2p"][:, rows])
                if "p2c" in positions:
                    score = score + torch.einsum("hjd,hijd->hij", key, positions["p2c"][:, rows])
            scores.append(score / math.sqrt(query.shape[-1] * (1 + len(self.kinds))))
            context = self.attend(scores[-1], parts["values"][-1])
            attended = self.norm(
                self.linear(context, f"{name}.attention.output.dense") + x, f"{name}.attention.output.LayerNorm")
            inner = activation(self.config["hidden_act"])(self.linear(attended, f"{name}.intermediate.dense"))
            hidden.append(self.norm(self.linear(inner, f"{name}.output.dense") + attended, f"{name}.output.LayerNorm"))
        pooled = activation(self.config["pooler_hidden_act"])(self.linear(hidden[-1][0], "pooler.dense"))
        return Taps(logits=self.linear(pooled, "classifier"), pooled=pooled, hidden=hidden, scores=scores, **parts)


class ModernBert(Reference):
    def __init__(self, config: dict, weights: dict[str, Tensor]):
        super().__init__(config, weights, config["norm_eps"])

    def rotate(self, x: Tensor, kind: str) -> Tensor:
        """x: (heads, n, d). Angles in single precision, as there."""
        half = x.shape[-1] // 2
        theta = self.config["rope_parameters"][kind]["rope_theta"]
        inverse = 1.0 / theta ** (torch.arange(0, 2 * half, 2, dtype=torch.float) / (2 * half))
        angles = torch.arange(x.shape[1], dtype=torch.float)[:, None] * inverse
        cosine, sine = angles.double().cos(), angles.double().sin()
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * cosine - b * sine, b * cosine + a * sine], dim=-1)

    def forward(self, tokens: Tensor, types: Tensor) -> Taps:
        words = self.weights["model.embeddings.tok_embeddings.weight"][tokens]
        hidden, scores = [self.norm(words, "model.embeddings.norm")], []
        parts: dict[str, list[Tensor]] = {"queries": [], "keys": [], "values": []}
        distances = (torch.arange(len(tokens))[:, None] - torch.arange(len(tokens))).abs()
        for layer in range(self.layers):
            name, x, kind = f"model.layers.{layer}", hidden[-1], self.config["layer_types"][layer]
            stacked = self.linear(x if layer == 0 else self.norm(x, f"{name}.attn_norm"), f"{name}.attn.Wqkv")
            for part, value in zip(parts.values(), stacked.chunk(3, dim=-1)):
                part.append(value)
            query, key = (self.rotate(self.split(parts[part][-1]), kind) for part in ("queries", "keys"))
            score = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
            if kind == "sliding_attention":
                score = torch.where(distances <= self.config["local_attention"] // 2, score, OUTSIDE_WINDOW)
            scores.append(score)
            x = x + self.linear(self.attend(score, parts["values"][-1]), f"{name}.attn.Wo")
            plain, gate = self.linear(self.norm(x, f"{name}.mlp_norm"), f"{name}.mlp.Wi").chunk(2, dim=-1)
            x = x + self.linear(activation(self.config["hidden_activation"])(plain) * gate, f"{name}.mlp.Wo")
            hidden.append(x)
        hidden[-1] = self.norm(hidden[-1], "model.final_norm")
        read = hidden[-1][0] if self.config["classifier_pooling"] == "cls" else hidden[-1].mean(dim=0)
        dense = activation(self.config["classifier_activation"])(self.linear(read, "head.dense"))
        pooled = self.norm(dense, "head.norm")
        return Taps(logits=self.linear(pooled, "classifier"), pooled=pooled, hidden=hidden, scores=scores, **parts)
