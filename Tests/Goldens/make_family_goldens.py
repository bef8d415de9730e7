"""Writes Tests/Fixtures/families: for each family of encoders tiny random models, with their outputs and gradients.

The reference is transformers' own classes in float64, one sentence at a time. See README.md beside this file.
Everything is seeded: running it again writes the same files.
"""

import argparse
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

import numpy
import torch
import transformers
from safetensors.torch import save_file
from torch import Tensor
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

VOCABULARY, LABELS = 23, {0: "negative", 1: "neutral", 2: "positive"}
# Lengths of sentences: uneven, one token, and the longest that the models take.
LENGTHS = [5, 1, 12, 3]
LONGEST = max(LENGTHS)


@dataclass
class Family:
    """Where a family's classes keep what the goldens hold."""

    config: type
    model: type
    values: Callable[[Any, int], torch.nn.Module]
    has_types: bool = True


def bert_values(base: str) -> Callable[[Any, int], torch.nn.Module]:
    return lambda model, layer: getattr(model, base).encoder.layer[layer].attention.self.value


FAMILIES = {
    "roberta": Family(
        transformers.RobertaConfig, transformers.RobertaForSequenceClassification, bert_values("roberta")
    ),
    "camembert": Family(
        transformers.CamembertConfig, transformers.CamembertForSequenceClassification, bert_values("roberta")
    ),
    "xlm-roberta": Family(
        transformers.XLMRobertaConfig, transformers.XLMRobertaForSequenceClassification, bert_values("roberta")
    ),
    "distilbert": Family(
        transformers.DistilBertConfig,
        transformers.DistilBertForSequenceClassification,
        lambda model, layer: model.distilbert.transformer.layer[layer].attention.v_lin,
        has_types=False,
    ),
    "electra": Family(
        transformers.ElectraConfig, transformers.ElectraForSequenceClassification, bert_values("electra")
    ),
    "mpnet": Family(
        transformers.MPNetConfig,
        transformers.MPNetForSequenceClassification,
        lambda model, layer: model.mpnet.encoder.layer[layer].attention.attn.v,
        has_types=False,
    ),
}

BERT_LIKE = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
# Every member of a family's configuration that changes what is computed differs from its default in one of these.
CASES: dict[str, tuple[str, dict]] = {
    "roberta": (
        "roberta",
        dict(
            hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=14, type_vocab_size=1,
            max_position_embeddings=LONGEST + 2, **BERT_LIKE,
        ),
    ),
    "roberta-switched": (
        "roberta",
        dict(
            hidden_size=10, num_hidden_layers=1, num_attention_heads=2, intermediate_size=7, type_vocab_size=2,
            max_position_embeddings=LONGEST + 4, pad_token_id=3, hidden_act="relu", layer_norm_eps=1e-3, **BERT_LIKE,
        ),
    ),
    "camembert": (
        "camembert",
        dict(
            hidden_size=6, num_hidden_layers=2, num_attention_heads=1, intermediate_size=9, type_vocab_size=1,
            max_position_embeddings=LONGEST + 2, layer_norm_eps=1e-5, **BERT_LIKE,
        ),
    ),
    "xlm-roberta": (
        "xlm-roberta",
        dict(
            hidden_size=8, num_hidden_layers=2, num_attention_heads=4, intermediate_size=11, type_vocab_size=1,
            max_position_embeddings=LONGEST + 3, hidden_act="gelu_new", layer_norm_eps=1e-5, **BERT_LIKE,
        ),
    ),
    "distilbert": (
        "distilbert",
        dict(
            dim=12, n_layers=2, n_heads=3, hidden_dim=15, max_position_embeddings=LONGEST, dropout=0.0,
            attention_dropout=0.0, seq_classif_dropout=0.0,
        ),
    ),
    "distilbert-switched": (
        "distilbert",
        dict(
            dim=10, n_layers=3, n_heads=2, hidden_dim=7, max_position_embeddings=LONGEST + 5, dropout=0.0,
            attention_dropout=0.0, seq_classif_dropout=0.0, activation="relu", sinusoidal_pos_embds=True,
        ),
    ),
    "electra": (
        "electra",
        dict(
            embedding_size=7, hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=14,
            max_position_embeddings=LONGEST, **BERT_LIKE,
        ),
    ),
    "electra-switched": (
        "electra",
        dict(
            embedding_size=10, hidden_size=10, num_hidden_layers=1, num_attention_heads=2, intermediate_size=7,
            max_position_embeddings=LONGEST, type_vocab_size=3, hidden_act="relu", layer_norm_eps=1e-3, **BERT_LIKE,
        ),
    ),
    "mpnet": (
        "mpnet",
        dict(
            hidden_size=12, num_hidden_layers=2, num_attention_heads=3, intermediate_size=14,
            max_position_embeddings=LONGEST + 2, **BERT_LIKE,
        ),
    ),
    "mpnet-switched": (
        "mpnet",
        dict(
            hidden_size=10, num_hidden_layers=3, num_attention_heads=2, intermediate_size=7,
            max_position_embeddings=LONGEST + 2, relative_attention_num_buckets=40, hidden_act="gelu_new",
            layer_norm_eps=1e-3, pad_token_id=0, **BERT_LIKE,
        ),
    ),
}  # fmt: skip


def randomise(model: torch.nn.Module, random: numpy.random.Generator) -> None:
    """Weights an order of magnitude above their initialisation, and no parameter at its neutral value."""
    with torch.no_grad():
        for key, parameter in model.state_dict().items():
            if parameter.is_floating_point():
                is_norm = "norm" in key.lower()
                offset = 1.0 if is_norm and key.endswith("weight") else 0.0
                values = offset + (0.2 if is_norm else 0.3) * random.standard_normal(tuple(parameter.shape))
                parameter.copy_(torch.from_numpy(values))


def make_case(directory: Path, family: Family, settings: dict, random: numpy.random.Generator) -> None:
    config = family.config(
        vocab_size=VOCABULARY, id2label=LABELS, label2id={label: id for id, label in LABELS.items()}, **settings
    )
    model = family.model(config).eval()
    randomise(model, random)
    model.save_pretrained(directory)
    model = family.model.from_pretrained(directory, attn_implementation="eager").double().eval()
    layers = model.config.num_hidden_layers
    tensors: dict[str, Tensor] = {}
    batches = {}
    # Tokens 4 and up stand for nothing special; in `special` the others stand in the text too.
    for name, lowest in [("text", 4), ("special", 0)]:
        batch: dict[str, list[int]] = {"tokens": [], "types": [], "starts": [0], "labels": []}
        kept: dict[str, list[Tensor]] = {}
        loss = torch.zeros((), dtype=torch.float64)
        for length in LENGTHS:
            tokens = random.integers(lowest, VOCABULARY, length).tolist()
            types = [int(i >= length // 2) if getattr(config, "type_vocab_size", 0) > 1 else 0 for i in range(length)]
            label = int(random.integers(0, len(LABELS)))
            run_sentence(model, family, tokens, types, layers, kept)
            loss = loss + torch.nn.functional.cross_entropy(kept["logits"][-1][None], torch.tensor([label]))
            batch["tokens"] += tokens
            batch["types"] += types
            batch["starts"].append(len(batch["tokens"]))
            batch["labels"].append(label)
        batches[name] = batch
        for key, parts in kept.items():
            joined = torch.stack(parts) if key == "logits" else torch.cat(parts)
            tensors[f"{name}.{key}"] = joined.detach().float().contiguous()
        if name == "text":
            batch["loss"] = float(loss / len(LENGTHS))
            model.zero_grad()
            (loss / len(LENGTHS)).backward()
            for key, parameter in model.named_parameters():
                if parameter.grad is not None:
                    tensors[f"gradient.{key}"] = parameter.grad.float().contiguous()
    save_file(tensors, directory / "expected.safetensors")
    (directory / "batches.json").write_text(json.dumps(batches) + "\n")


def run_sentence(
    model: Any, family: Family, tokens: list[int], types: list[int], layers: int, kept: dict[str, list[Tensor]]
) -> None:
    values: dict[int, Tensor] = {}
    hooks = [
        family.values(model, layer).register_forward_hook(
            lambda _module, _input, output, layer=layer: values.__setitem__(layer, output[0])
        )
        for layer in range(layers)
    ]
    inputs = {"input_ids": torch.tensor([tokens]), "attention_mask": torch.ones(1, len(tokens), dtype=torch.long)}
    if family.has_types:
        inputs["token_type_ids"] = torch.tensor([types])
    output = model(**inputs, output_hidden_states=True, output_attentions=True)
    for hook in hooks:
        hook.remove()
    kept.setdefault("logits", []).append(output.logits[0])
    for layer in range(layers + 1):
        kept.setdefault(f"hidden.{layer}", []).append(output.hidden_states[layer][0])
    for layer in range(layers):
        kept.setdefault(f"attention.{layer + 1}", []).append(output.attentions[layer][0].flatten())
        kept.setdefault(f"values.{layer + 1}", []).append(values[layer])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).parent.parent / "Fixtures" / "families"
    parser.add_argument("--output", type=Path, default=default)
    output: Path = parser.parse_args().output
    torch.set_num_threads(1)
    shutil.rmtree(output, ignore_errors=True)
    for seed, (name, (family, settings)) in enumerate(CASES.items()):
        make_case(output / name, FAMILIES[family], settings, numpy.random.default_rng(seed))
    sines = transformers.DistilBertModel(
        transformers.DistilBertConfig(
            vocab_size=3, dim=10, n_layers=1, n_heads=1, hidden_dim=3, max_position_embeddings=9, sinusoidal_pos_embds=True
        )
    ).embeddings.position_embeddings.weight
    assert sines.requires_grad
    (output / "distilbert-sines.json").write_text(json.dumps(sines.tolist()) + "\n")
    distances = torch.arange(-600, 601)
    buckets = MPNetEncoder.relative_position_bucket(distances, num_buckets=32)
    (output / "mpnet-buckets.json").write_text(
        json.dumps({"first": -600, "buckets": buckets.tolist()}, separators=(",", ":")) + "\n"
    )


if __name__ == "__main__":
    main()
