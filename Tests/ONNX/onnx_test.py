"""Has ONNX Runtime run what distill-ddp exports, and compares with what transformers computed of the same models.

    launch/onnx-test.sh --binary PATH

The models, their inputs and transformers' results are the fixtures of the Swift tests: every family, with every switch of
its configuration in more than one position. Needs onnx, onnxruntime and numpy.
"""

import argparse
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

import numpy
import onnx
import onnxruntime

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "Fixtures"
FILES = {"float32": "model.onnx", "float16": "model_fp16.onnx", "int8": "model_int8.onnx"}
# Of the largest logit or hidden state; of 8 bits, on average. Models as small as these have the largest errors.
TOLERANCES = {"float32": 1e-5, "float16": 1e-2, "int8": 0.1}


def tensors(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        if entry["dtype"] == "F32":
            found[name] = numpy.frombuffer(data[start:end], numpy.float32).reshape(entry["shape"])
    return found


def packed(batch):
    """The sentences of a batch, which lie end to end."""
    edges = list(zip(batch["starts"], batch["starts"][1:]))
    return [(batch["tokens"][a:b], batch["types"][a:b]) for a, b in edges]


def cases():
    """(model's folder, task, [(sentences, logits, last hidden states or None)])"""
    for folder in sorted((FIXTURES / "families").iterdir()):
        if folder.is_dir():
            expected, batches = tensors(folder / "expected.safetensors"), json.loads((folder / "batches.json").read_text())
            yield folder, [results(name, batch, expected) for name, batch in batches.items()]
    for folder in sorted((FIXTURES / "positions").iterdir()):
        if folder.is_dir():
            expected = tensors(folder / "forward.safetensors")
            batches = {name: json.loads((folder / f"{name}.json").read_text()) for name in ("uneven", "long")}
            yield folder, [results(name, batch, expected) for name, batch in batches.items()]
    batches = {batch["name"]: batch for batch in json.loads((FIXTURES / "encoder/forward/batches.json").read_text())}
    for path in sorted((FIXTURES / "encoder/forward").glob("*.safetensors")):
        expected = tensors(path)
        known = [name for name in batches if f"{name}.logits" in expected]
        yield FIXTURES / "encoder" / path.stem, [results(name, batches[name], expected) for name in known]
    for model in json.loads((FIXTURES / "tasks/token_models.json").read_text()):
        sentences = [(ids, [0] * len(ids)) for ids in model["sentences"]]
        yield FIXTURES / "tasks/tokens" / model["name"], [(sentences, numpy.array(model["logits"]), None)]


def vector_cases():
    """(model's folder, sentences, vectors) of models of sentence-transformers with a Dense"""
    for case in json.loads((FIXTURES / "dense/cases.json").read_text()):
        yield FIXTURES / "dense" / case["name"], [(ids, [0] * len(ids)) for ids in case["sentences"]], case["vectors"]


def vectors(exported, file, sentences):
    """What sentence-transformers makes of a graph's hidden states, by the files beside it."""
    hidden = run(exported / "onnx" / file, sentences, 2)
    edges = numpy.cumsum([0] + [len(ids) for ids, _ in sentences])
    pooling = json.loads((exported / "1_Pooling/config.json").read_text())
    rows = [hidden[a:b] for a, b in zip(edges, edges[1:])]
    if pooling["pooling_mode_cls_token"]:
        pooled = [row[0] for row in rows]
    else:
        pooled = [row.max(0) if pooling["pooling_mode_max_tokens"] else row.mean(0) for row in rows]
    settings, weights = (
        json.loads((exported / "2_Dense/config.json").read_text()), tensors(exported / "2_Dense/model.safetensors"))
    out = numpy.array(pooled) @ weights["linear.weight"].T + weights.get("linear.bias", 0)
    if settings["activation_function"].endswith(".Tanh"):
        out = numpy.tanh(out)
    types = [module["type"].rsplit(".", 1)[1] for module in json.loads((exported / "modules.json").read_text())]
    return out / numpy.linalg.norm(out, axis=1, keepdims=True) if "Normalize" in types else out


def results(name, batch, expected):
    layers = [int(key.rsplit(".", 1)[1]) for key in expected if key.startswith(f"{name}.hidden.")]
    hidden = expected[f"{name}.hidden.{max(layers)}"] if layers else None
    return packed(batch), expected[f"{name}.logits"], hidden


def padded(sentences, more):
    """Ids, mask and segments, with `more` columns of padding that no mask shows, and ids in it that mean something."""
    length = max(len(ids) for ids, _ in sentences) + more
    arrays = {name: numpy.zeros((len(sentences), length), numpy.int64) for name in ("ids", "mask", "types")}
    for row, (ids, types) in enumerate(sentences):
        arrays["ids"][row, : len(ids)] = ids
        arrays["types"][row, : len(types)] = types
        arrays["mask"][row, : len(ids)] = 1
    return arrays


def run(path, sentences, more):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    arrays = padded(sentences, more)
    known = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}
    inputs = {entry.name: arrays[known[entry.name]] for entry in session.get_inputs()}
    (output,) = session.run(None, inputs)
    if output.ndim == 3:
        output = numpy.concatenate([row[: len(ids)] for row, (ids, _) in zip(output, sentences)])
    return output


def distance(found, wanted, precision):
    if precision == "int8":
        return float(numpy.sqrt(((found - wanted) ** 2).mean() / (wanted**2).mean()))
    return float(numpy.abs(found - wanted).max() / numpy.abs(wanted).max())


def export(binary, folder, *options):
    """A copy of the model with a tokenizer, as any model that is exported has one."""
    model = pathlib.Path(tempfile.mkdtemp(dir=folder.parent))
    shutil.copytree(folder, model, dirs_exist_ok=True)
    (model / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    (model / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    subprocess.run([binary, "export", model, folder.parent / "exported", *options], check=True, stdout=subprocess.PIPE)
    return folder.parent / "exported" / "onnx"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--binary", default=".build/release/distill-ddp")
    arguments = parser.parse_args()
    onnxruntime.set_default_logger_severity(3)
    failed, worst, count = [], dict.fromkeys(FILES, 0.0), 0
    for source, batches in cases():
        with tempfile.TemporaryDirectory() as work:
            folder = pathlib.Path(work) / "source"
            folder.mkdir()
            for name in ("config.json", "model.safetensors"):
                shutil.copy(source / name, folder / name)
            for output, options in (("logits", []), ("last_hidden_state", ["--features"])):
                exported = export(arguments.binary, folder, "--precision", ",".join(FILES), *options)
                for precision, file in FILES.items():
                    model = onnx.load(exported / file)
                    onnx.checker.check_model(model, full_check=True)
                    for sentences, logits, hidden in batches:
                        wanted = logits if output == "logits" else hidden
                        if wanted is None:
                            continue
                        longest = max(len(ids) for ids, _ in sentences)
                        limit = json.loads((exported.parent / "tokenizer_config.json").read_text())["model_max_length"]
                        found = run(exported / file, sentences, min(2, limit - longest))
                        error = distance(found, wanted.reshape(found.shape), precision)
                        worst[precision] = max(worst[precision], error)
                        count += 1
                        if not error <= TOLERANCES[precision]:
                            failed.append(f"{source.relative_to(FIXTURES)}: {output} in {precision}: off by {error:.1e}")
    for source, sentences, wanted in vector_cases():
        with tempfile.TemporaryDirectory() as work:
            folder = pathlib.Path(work) / "source"
            shutil.copytree(source, folder)
            exported = export(arguments.binary, folder, "--precision", ",".join(FILES)).parent
            for precision, file in FILES.items():
                error = distance(vectors(exported, file, sentences), numpy.array(wanted), precision)
                worst[precision] = max(worst[precision], error)
                count += 1
                if not error <= TOLERANCES[precision]:
                    failed.append(f"{source.relative_to(FIXTURES)}: vectors in {precision}: off by {error:.1e}")
    for line in failed:
        print(line, file=sys.stderr)
    print(f"{count} results; largest errors: " + ", ".join(f"{name} {error:.1e}" for name, error in worst.items()))
    sys.exit(1 if failed or count < 100 else 0)


if __name__ == "__main__":
    main()
