"""Writes Tests/Fixtures/positions: tiny DeBERTa-v2 and ModernBERT models, their forward passes and gradients.

See README.md beside this file. Everything is seeded: running it again writes the same files.
"""

import argparse
import json
import logging
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoConfig, AutoModelForSequenceClassification, DebertaV2Config, ModernBertConfig
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position
from transformers.models.modernbert import modeling_modernbert

from encoder_reference import Batch
from make_encoder_goldens import make_batch, write_json
from position_reference import DebertaV2, ModernBert, Reference

logging.disable(logging.WARNING)
VOCABULARY = 31
LABELS = dict(id2label={0: "negative", 1: "neutral", 2: "positive"},
              label2id={"negative": 0, "neutral": 1, "positive": 2})
V3 = dict(relative_attention=True, pos_att_type="p2c|c2p", position_biased_input=False, norm_rel_ebd="layer_norm")
# No two alike in a switch's position, widths that fill no vector and one that does (16 a head).
MODELS = {
    "deberta-v3": DebertaV2Config(
        hidden_size=18, num_hidden_layers=3, num_attention_heads=3, intermediate_size=26, max_position_embeddings=24,
        share_att_key=True, position_buckets=8, **V3),
    "deberta-unshared": DebertaV2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=1, intermediate_size=21, max_position_embeddings=24,
        position_buckets=6, max_relative_positions=20, hidden_act="gelu_new", pooler_hidden_act="tanh",
        cls_dropout=0.2, pooler_dropout=0.1, **V3),
    "deberta-c2p": DebertaV2Config(
        hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=13, max_position_embeddings=24,
        relative_attention=True, pos_att_type="c2p", max_relative_positions=6, embedding_size=10, type_vocab_size=2,
        hidden_act="relu", pooler_hidden_act="relu"),
    "deberta-p2c": DebertaV2Config(
        hidden_size=15, num_hidden_layers=2, num_attention_heads=3, intermediate_size=17, max_position_embeddings=24,
        relative_attention=True, pos_att_type=["p2c"], share_att_key=True, position_buckets=5, embedding_size=20,
        layer_norm_eps=1e-5),
    "deberta-absolute": DebertaV2Config(
        hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=11, max_position_embeddings=24,
        relative_attention=False, pos_att_type="c2p|p2c", type_vocab_size=3),
    "modernbert": ModernBertConfig(
        hidden_size=18, num_hidden_layers=4, num_attention_heads=3, intermediate_size=13, max_position_embeddings=36,
        local_attention=6),
    "modernbert-biased": ModernBertConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=1, intermediate_size=21, max_position_embeddings=36,
        local_attention=9, attention_bias=True, mlp_bias=True, norm_bias=True, classifier_bias=True,
        classifier_pooling="mean", layer_types=["sliding_attention", "full_attention"],
        rope_parameters={
            "full_attention": {"rope_type": "default", "rope_theta": 500.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 80.0}},
        embedding_dropout=0.1, attention_dropout=0.1, mlp_dropout=0.2, classifier_dropout=0.3),
    "modernbert-mean": ModernBertConfig(
        hidden_size=12, num_hidden_layers=3, num_attention_heads=2, intermediate_size=16, max_position_embeddings=36,
        local_attention=128, hidden_activation="gelu_new", classifier_activation="relu", classifier_pooling="mean",
        mlp_bias=True),
    "modernbert-narrow": ModernBertConfig(
        hidden_size=10, num_hidden_layers=3, num_attention_heads=1, intermediate_size=9, max_position_embeddings=36,
        local_attention=2, layer_types=["sliding_attention"] * 3, classifier_activation="tanh", attention_bias=True,
        norm_eps=1e-4),
}
# As ModernBERT's own checkpoints spell it, which transformers now writes otherwise.
OLD_KEYS = {
    "modernbert": (["rope_parameters", "layer_types"],
                   {"global_attn_every_n_layers": 3, "global_rope_theta": 160000.0, "local_rope_theta": 10000.0})
}
# (length of the first sentence, length of the second or 0)
BATCHES = {
    "deberta-v2": {"uneven": [(4, 3), (1, 0), (11, 0)], "long": [(24, 0), (2, 3)]},
    "modernbert": {"uneven": [(4, 3), (1, 0), (9, 0)], "long": [(36, 0), (2, 3)]},
}


def make_model(name: str, directory: Path, random: numpy.random.Generator) -> None:
    config = MODELS[name]
    for key, value in (LABELS | {"vocab_size": VOCABULARY, "pad_token_id": 0}).items():
        setattr(config, key, value)
    for key in ("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"):
        setattr(config, key, None)
    model = AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():
        for key, parameter in model.state_dict().items():
            is_norm = "norm" in key.lower()
            offset = 1.0 if is_norm and key.endswith(".weight") else 0.0
            deviation = 0.2 if is_norm else 0.3
            parameter.copy_(torch.from_numpy(offset + deviation * random.standard_normal(tuple(parameter.shape))))
    model.save_pretrained(directory)
    if name in OLD_KEYS:
        path = directory / "config.json"
        written = json.loads(path.read_text())
        removed, added = OLD_KEYS[name]
        path.write_text(
            json.dumps({k: v for k, v in written.items() if k not in removed} | added, indent=2) + "\n")


def reference(directory: Path) -> Reference:
    # transformers fills in what the file leaves out.
    config = AutoConfig.from_pretrained(directory).to_dict()
    weights = {key: value.double() for key, value in load_file(directory / "model.safetensors").items()}
    return (DebertaV2 if config["model_type"] == "deberta-v2" else ModernBert)(config, weights)


def packed_taps(model: Reference, batch: Batch) -> dict[str, Tensor]:
    """Every tap of a batch, sentences end to end; scores flat, (heads, n, n) of each sentence."""
    sentences = [model.forward(tokens, types) for tokens, types in batch.sentences()]
    tensors = {kind: torch.stack([getattr(taps, kind) for taps in sentences]) for kind in ("logits", "pooled")}
    for layer in range(model.layers + 1):
        tensors[f"hidden.{layer}"] = torch.cat([taps.hidden[layer] for taps in sentences])
    for layer in range(model.layers):
        tensors[f"scores.{layer + 1}"] = torch.cat([taps.scores[layer].flatten() for taps in sentences])
        for kind in ("queries", "keys", "values"):
            tensors[f"{kind}.{layer + 1}"] = torch.cat([getattr(taps, kind)[layer] for taps in sentences])
    return tensors


def in_double_precision() -> None:
    """ModernBERT rotates and normalizes in single precision whatever it is given."""

    def rotate(q, k, cos, sin, unsqueeze_dim=1):
        cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
        half = modeling_modernbert.rotate_half
        return q * cos + half(q) * sin, k * cos + half(k) * sin

    def attend(module, query, key, value, attention_mask, scaling, dropout=0.0, **_):
        scores = query @ key.transpose(2, 3) * scaling
        weights = torch.softmax(scores if attention_mask is None else scores + attention_mask, dim=-1)
        return (weights @ value).transpose(1, 2).contiguous(), weights

    modeling_modernbert.apply_rotary_pos_emb = rotate
    modeling_modernbert.eager_attention_forward = attend


def check_against_transformers(directory: Path, batch: Batch, tensors: dict[str, Tensor], heads: int) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(directory, attn_implementation="eager")
    model = model.double().eval()
    lengths = batch.lengths
    ids = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    types, mask = torch.zeros_like(ids), torch.zeros_like(ids)
    for b, (tokens, segments) in enumerate(batch.sentences()):
        ids[b, : len(tokens)], types[b, : len(tokens)], mask[b, : len(tokens)] = tokens, segments, 1
    arguments = {"input_ids": ids, "attention_mask": mask}
    if model.config.model_type == "deberta-v2":
        arguments["token_type_ids"] = types
    with torch.no_grad():
        output = model(**arguments, output_hidden_states=True, output_attentions=True)
    # Rounded to single precision there: the scale of scores, and angles' cosines.
    limit = 1e-6 if model.config.model_type == "deberta-v2" else 1e-5
    expected = {"logits": output.logits}
    for layer, states in enumerate(output.hidden_states):
        expected[f"hidden.{layer}"] = torch.cat([states[b, :n] for b, n in enumerate(lengths)])
    for layer, maps in enumerate(output.attentions, start=1):
        expected[f"attention.{layer}"] = torch.cat([maps[b, :, :n, :n].flatten() for b, n in enumerate(lengths)])
        parts = tensors[f"scores.{layer}"].split([heads * n * n for n in lengths])
        tensors[f"attention.{layer}"] = torch.cat(
            [torch.softmax(part.view(heads, n, n), -1).flatten() for part, n in zip(parts, lengths)])
    for key, value in expected.items():
        assert value.dtype == torch.float64 and value.shape == tensors[key].shape, key
        difference = (value - tensors[key]).abs().max().item()
        assert difference < limit, f"{directory.name} {key}: {difference}"
    for layer in range(1, len(output.attentions) + 1):
        del tensors[f"attention.{layer}"]


def write_model(root: Path, name: str, random: numpy.random.Generator) -> None:
    directory = root / name
    make_model(name, directory, random)
    model = reference(directory)
    forward: dict[str, Tensor] = {}
    for batch_name, sentences in BATCHES[model.config["model_type"]].items():
        batch = make_batch(sentences, random)
        batch.types = [min(t, max(0, model.config.get("type_vocab_size", 0) - 1)) for t in batch.types]
        with torch.no_grad():
            tensors = packed_taps(model, batch)
            check_against_transformers(directory, batch, tensors, model.heads)
        (directory / f"{batch_name}.json").write_text(json.dumps(asdict(batch)) + "\n")
        forward |= {f"{batch_name}.{key}": value.float().contiguous() for key, value in tensors.items()}
        if batch_name != "long":
            continue
        for weight in model.weights.values():
            weight.requires_grad_(True)
        taps = packed_taps(model, batch)
        losses = {
            "hard": torch.nn.functional.cross_entropy(taps["logits"], torch.tensor(batch.labels)),
            "taps": sum(functional(key, value) for key, value in taps.items()),
            # What lies above is not run.
            "scores": functional("scores.1", taps["scores.1"]),
        }
        for loss_name, loss in losses.items():
            d = torch.autograd.grad(loss, list(model.weights.values()), retain_graph=True, allow_unused=True)
            # What is not there is zero.
            gradients = {key: g.float().contiguous() for key, g in zip(model.weights, d) if g is not None}
            save_file(gradients, directory / f"gradients-{loss_name}.safetensors")
    save_file(forward, directory / "forward.safetensors")


def functional(key: str, tap: Tensor) -> Tensor:
    """Σ c·tap with c the cosine of 0.7 times an element's place: the test computes it alike."""
    coefficients = torch.cos(0.7 * torch.arange(tap.numel(), dtype=torch.float64)).view(tap.shape)
    return (coefficients * torch.where(tap == -10_000.0, 0.0, tap)).sum() if key.startswith("scores") else (
        coefficients * tap).sum()


def write_buckets(root: Path) -> None:
    """Rows of transformers' own function, for distances from 0 on, as long as they are below both ends."""
    rows = []
    for buckets, longest in ((256, 512), (8, 24), (6, 20), (5, 24), (32, 1024), (3, 64)):
        found = make_log_bucket_position(torch.arange(longest), buckets, longest).long().tolist()
        rows.append({"buckets": buckets, "longest": longest, "rows": found})
    write_json(root / "buckets.json", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).parents[1] / "Fixtures" / "positions")
    root = parser.parse_args().output
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    in_double_precision()
    if root.exists():
        shutil.rmtree(root)
    root.mkdir(parents=True)
    random = numpy.random.default_rng(20_240_611)
    for name in MODELS:
        write_model(root, name, random)
    write_buckets(root)


if __name__ == "__main__":
    main()
