"""Writes Tests/Fixtures/encoder: tiny models, their forward passes, losses, gradients and training steps.

See README.md beside this file. Everything is seeded: running it again writes the same files.
"""

import argparse
import json
import math
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy
import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import BertConfig, BertForSequenceClassification

import training_steps
from encoder_reference import Batch, Encoder
from gradient_cases import Case, all_cases, shelf_cases
from loss_reference import Adaptor, batch_losses, gradients

VOCABULARY, POSITIONS, CLASSES = 31, 16, 3
MODELS = {
    "teacher": dict(hidden_size=18, num_hidden_layers=4, intermediate_size=26, hidden_act="gelu"),
    "student": dict(hidden_size=18, num_hidden_layers=2, intermediate_size=22, hidden_act="gelu"),
    "student-narrow": dict(hidden_size=9, num_hidden_layers=2, intermediate_size=14, hidden_act="gelu_new"),
    "student-relu": dict(hidden_size=12, num_hidden_layers=2, intermediate_size=13, hidden_act="relu"),
}
# (length of the first sentence, length of the second or 0), [CLS] and [SEP] included.
# Labels of the batch "uneven" by the name of the batch that has them; -1 is none.
LABELS = {"masked": [-1, 2, -1, 0], "unlabelled": [-1, -1, -1, -1]}
BATCHES = {"uneven": [(4, 3), (2, 0), (11, 0), (2, 3)], "one-sentence": [(5, 4)], "long": [(16, 0), (2, 0)]}


def write_json(path: Path, rows: list[dict]) -> None:
    """A list of objects, one a line."""
    path.write_text("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


def make_model(directory: Path, shape: dict, random: numpy.random.Generator) -> None:
    """Weights an order of magnitude above BERT's initialisation, and no parameter at its neutral value."""
    config = BertConfig(
        vocab_size=VOCABULARY,
        num_attention_heads=3,
        max_position_embeddings=POSITIONS,
        id2label={0: "negative", 1: "neutral", 2: "positive"},
        label2id={"negative": 0, "neutral": 1, "positive": 2},
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **shape,
    )
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        for key, parameter in model.state_dict().items():
            offset = 1.0 if key.endswith("LayerNorm.weight") else 0.0
            deviation = 0.2 if "LayerNorm" in key else 0.3
            parameter.copy_(torch.from_numpy(offset + deviation * random.standard_normal(tuple(parameter.shape))))
    model.save_pretrained(directory)


def make_batch(sentences: list[tuple[int, int]], random: numpy.random.Generator) -> Batch:
    batch = Batch([], [], [0], [])
    for first, second in sentences:
        # Not 0: torch.nn.Embedding gives the [PAD] row no gradient, and packed sentences hold no [PAD].
        batch.tokens += random.integers(1, VOCABULARY, first + second).tolist()
        batch.types += [0] * first + [1] * second
        batch.starts.append(len(batch.tokens))
        batch.labels.append(int(random.integers(0, CLASSES)))
    return batch


def make_projections(
    adaptors: list[Adaptor], student: Encoder, teacher: Encoder, random: numpy.random.Generator
) -> dict[str, Tensor]:
    """Rounded to float32, as they are stored, then float64."""
    shapes = {key: shape for a in adaptors for key, shape in a.projection_shapes(student, teacher).items()}
    return {
        key: torch.from_numpy(0.3 * random.standard_normal(shape)).float().double() for key, shape in shapes.items()
    }


def packed_taps(encoder: Encoder, batch: Batch) -> dict[str, Tensor]:
    with torch.no_grad():
        taps = encoder.forward_batch(batch)
    tensors = {name: torch.stack([getattr(t, name) for t in taps]) for name in ("logits", "pooled")}
    for layer in range(encoder.layers + 1):
        tensors[f"hidden.{layer}"] = torch.cat([t.hidden[layer] for t in taps])
    for layer in range(encoder.layers):
        scores = [t.scores[layer] for t in taps]
        tensors[f"scores.{layer + 1}"] = torch.cat([s.flatten() for s in scores])
        tensors[f"attention.{layer + 1}"] = torch.cat([torch.softmax(s, dim=-1).flatten() for s in scores])
        for name in ("queries", "keys", "values"):
            rows = [getattr(t, name)[layer].transpose(0, 1).flatten(1) for t in taps]
            tensors[f"{name}.{layer + 1}"] = torch.cat(rows)
    return tensors


def check_against_transformers(directory: Path, batch: Batch, tensors: dict[str, Tensor]) -> None:
    """transformers' padded and masked forward in float64 must agree on every real token."""
    model = BertForSequenceClassification.from_pretrained(directory, attn_implementation="eager").double().eval()
    kept: dict[str, Tensor] = {}

    def keep(module: torch.nn.Module, name: str) -> None:
        module.register_forward_hook(lambda _module, _inputs, output: kept.__setitem__(name, output))

    keep(model.bert.pooler, "pooled")
    for number, layer in enumerate(model.bert.encoder.layer, start=1):
        attention = layer.attention.self
        keep(attention.query, f"queries.{number}")
        keep(attention.key, f"keys.{number}")
        keep(attention.value, f"values.{number}")
    lengths = batch.lengths
    ids = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    types, mask = torch.zeros_like(ids), torch.zeros_like(ids)
    for b, (tokens, segments) in enumerate(batch.sentences()):
        ids[b, : len(tokens)], types[b, : len(tokens)], mask[b, : len(tokens)] = tokens, segments, 1
    with torch.no_grad():
        output = model(
            input_ids=ids,
            token_type_ids=types,
            attention_mask=mask,
            output_hidden_states=True,
            output_attentions=True,
        )

    def unpadded(x: Tensor) -> Tensor:
        return torch.cat([x[b, :n] for b, n in enumerate(lengths)])

    expected = {"logits": output.logits}
    expected |= {f"hidden.{i}": unpadded(h) for i, h in enumerate(output.hidden_states)}
    expected |= {name: x if name == "pooled" else unpadded(x) for name, x in kept.items()}
    expected |= {
        f"attention.{i}": torch.cat([a[b, :, :n, :n].flatten() for b, n in enumerate(lengths)])
        for i, a in enumerate(output.attentions, start=1)
    }
    assert set(tensors) - set(expected) == {f"scores.{i}" for i in range(1, len(output.attentions) + 1)}
    for key, value in expected.items():
        assert value.shape == tensors[key].shape, key
        assert value.dtype == torch.float64, key
        difference = (value - tensors[key]).abs().max().item()
        assert difference < 1e-10, f"{directory.name} {key}: {difference}"


def write_forward(root: Path, batches: dict[str, Batch]) -> None:
    folder = root / "forward"
    folder.mkdir()
    write_json(folder / "batches.json", [{"name": name} | asdict(batch) for name, batch in batches.items()])
    for name in MODELS:
        encoder, tensors = Encoder(root / name), {}
        for batch_name, batch in batches.items():
            packed = packed_taps(encoder, batch)
            check_against_transformers(root / name, batch, packed)
            tensors |= {f"{batch_name}.{key}": value.contiguous() for key, value in packed.items()}
        save_file(tensors, folder / f"{name}.safetensors")


def check_halves(whole: dict[str, Tensor], compute, batch: Batch) -> None:
    """With counts of the global batch, the gradients of two micro-batches add up to the batch's."""
    middle, end = len(batch.labels) // 2, len(batch.labels)
    halves = [compute(batch.select(part)) for part in (range(middle), range(middle, end)) if len(part)]
    for key, gradient in whole.items():
        difference = (sum(half[key] for half in halves) - gradient).abs().max().item()
        assert difference < 1e-12, f"{key}: {difference}"


def write_gradients(root: Path, batches: dict[str, Batch], random: numpy.random.Generator) -> None:
    folder = root / "gradients"
    folder.mkdir()
    teacher, described = Encoder(root / "teacher"), []
    cases: list[tuple[Case, numpy.random.Generator]] = [(case, random) for case in all_cases()]
    apart = numpy.random.default_rng(2023)
    for case, random in cases + [(case, apart) for case in shelf_cases()]:
        student, batch = Encoder(root / case.student), batches[case.batch]
        student.heads = case.studentHeads or student.heads
        projections = make_projections(case.adaptors, student, teacher, random)
        parameters = student.trainable() | {key: p.requires_grad_(True) for key, p in projections.items()}

        def losses(part: Batch):
            arguments = (student, teacher, part, case.labelWeight, case.adaptors, projections)
            return batch_losses(*arguments, global_batch=batch)

        expected = losses(batch)
        d_parameters = gradients(expected.total, parameters)
        if not any(adaptor.compares_sentences for adaptor in case.adaptors):
            check_halves(d_parameters, lambda part: gradients(losses(part).total, parameters), batch)
        tensors = {f"gradient.{key}": value.float() for key, value in d_parameters.items()}
        tensors |= {key: value.detach().float() for key, value in projections.items()}
        save_file(tensors, folder / f"{case.name}.safetensors")
        values = [expected.total, expected.hard, *expected.terms]
        total, hard, *terms = [value.item() for value in values]
        assert all(math.isfinite(value) for value in (total, hard, *terms))
        described.append(
            case.described()
            | {"batch": asdict(batch)}
            | {"expected": {"total": total, "hard": hard, "terms": terms}}
        )
    write_json(folder / "cases.json", described)


def write_steps(root: Path, random: numpy.random.Generator) -> None:
    folder = root / "steps"
    folder.mkdir()
    lengths = [(int(a), int(b)) for a, b in random.integers((2, 0), (9, 7), (4 * training_steps.STEPS, 2))]
    batches = [make_batch([*lengths[i : i + 3], (2, 0)], random) for i in range(0, len(lengths), 4)]
    runs = []
    teacher = Encoder(root / "teacher")
    initial = make_projections(training_steps.ADAPTORS, Encoder(root / "student-narrow"), teacher, random)
    save_file({key: value.float() for key, value in initial.items()}, folder / "projections.safetensors")
    for name, settings in (("adamw", training_steps.ADAMW), ("sgd", training_steps.SGD)):
        projections = {key: value.clone() for key, value in initial.items()}
        student = Encoder(root / "student-narrow")
        steps, parameters = training_steps.train(student, teacher, projections, batches, settings)
        save_file(parameters, folder / f"{name}.safetensors")
        runs.append({"name": name, "optimizer": settings, "steps": steps})
    shared = {
        "teacher": "teacher",
        "student": "student-narrow",
        "labelWeight": training_steps.LABEL_WEIGHT,
        "adaptors": [adaptor.described() for adaptor in training_steps.ADAPTORS],
        "clipNorm": training_steps.CLIP_NORM,
        "warmupSteps": training_steps.WARMUP_STEPS,
    }
    write_json(folder / "runs.json", [shared | run for run in runs])
    write_json(folder / "batches.json", [asdict(batch) for batch in batches])


def main() -> None:
    fixtures = Path(__file__).resolve().parent.parent / "Fixtures" / "encoder"
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=fixtures, help="replaced as a whole")
    root: Path = parser.parse_args().output
    # One thread: a fixed order of summation.
    torch.set_num_threads(1)
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for seed, (name, shape) in enumerate(MODELS.items(), start=1):
        make_model(root / name, shape, numpy.random.default_rng(seed))
    random = numpy.random.default_rng(2022)
    batches = {name: make_batch(sentences, random) for name, sentences in BATCHES.items()}
    write_forward(root, batches)
    batches |= {name: replace(batches["uneven"], labels=labels) for name, labels in LABELS.items()}
    write_gradients(root, batches, random)
    write_steps(root, random)
    size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
    print(f"{root}: {size} bytes")


if __name__ == "__main__":
    main()
