"""Writes Tests/CheckpointsTests/Fixtures with the libraries that other programs use.

Needs torch, transformers and safetensors; run from the package's root:
python3 Tests/Goldens/make_checkpoint_fixtures.py
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification, BertModel

fixtures = Path("Tests/CheckpointsTests/Fixtures")
shutil.rmtree(fixtures, ignore_errors=True)
fixtures.mkdir(parents=True)

# Every kind of value each type has: zeros, subnormals, the smallest and largest normal, infinities, ties in rounding.
inf = float("inf")
values = torch.tensor(
    [0.0, -0.0, 1.0, -2.5, 2.0**-24, 2.0**-14, 6.1e-5, 65504.0, -inf, inf, 1 / 3, 3.14159265, 1e-40, 3e38, 1 + 2.0**-24],
    dtype=torch.float64,
)
typed = {name: values.to(dtype) for name, dtype in [
    ("half", torch.float16), ("brain", torch.bfloat16), ("single", torch.float32), ("double", torch.float64)]}
save_file(typed, fixtures / "types.safetensors", metadata={"format": "pt"})
save_file({name: tensor.to(torch.float32) for name, tensor in typed.items()},
          fixtures / "types-as-float32.safetensors", metadata={"format": "pt"})

# The order and padding that the reference writer chooses.
save_file(
    {
        "b.weight": torch.arange(6, dtype=torch.float32).reshape(2, 3),
        "B": torch.tensor(0.5),
        "é": torch.zeros(0, 4),
        "a": torch.tensor([1.5, -1.5], dtype=torch.float64),
        "ids": torch.tensor([[7, -8]]),
    },
    fixtures / "order.safetensors", metadata={"format": "pt"})

torch.manual_seed(1)
config = BertConfig(
    vocab_size=24, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
    max_position_embeddings=10, id2label={0: "negative", 1: "neutral", 2: "positive"},
    label2id={"negative": 0, "neutral": 1, "positive": 2})
model = BertForSequenceClassification(config)
# Biases start at 0 and LayerNorms at 1, which would hide one read for another.
for parameter in model.parameters():
    parameter.data.normal_()
model.save_pretrained(fixtures / "classifier")
model.save_pretrained(fixtures / "sharded", max_shard_size="3KB")
# An encoder alone: no `bert.` prefix and no classifier.
BertModel(config).half().save_pretrained(fixtures / "encoder")

sums = {name: tensor.double().sum().item() for name, tensor in model.state_dict().items()}
(fixtures / "classifier-sums.json").write_text(json.dumps(sums, indent=2) + "\n")
