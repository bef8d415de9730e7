"""The cells of the table of what opens what: run by one Python of several, each with its own versions.

    PYTHON Tests/Interop/cells.py --binary .build/release/distill-ddp --workspace DIRECTORY --environment NAME

Prints a JSON line for each cell. `launch/interop-test.sh` makes the Pythons and the table.
"""

import argparse
import importlib.metadata
import json
import pathlib
import subprocess
import sys
import traceback
import warnings

# float32 sums in another order.
TOLERANCE = 1e-5


class Missing(Exception):
    """What a cell needs is not in this environment."""


class Program:
    def __init__(self, binary, workspace):
        self.binary = binary
        self.workspace = workspace
        self.texts = (workspace / "texts.txt").read_text(encoding="utf-8").split("\n")[:-1]

    def run(self, *arguments, stdin=None, cwd=None):
        result = subprocess.run(
            [self.binary, *map(str, arguments)], cwd=cwd or self.workspace, capture_output=True, stdin=stdin)
        if result.returncode != 0:
            raise AssertionError(result.stderr.decode(errors="replace"))
        return result.stdout.decode()

    def predictions(self, model):
        lines = self.run("predict", "--model", model, "--input", "texts.txt", "--threads", 1).splitlines()
        return [json.loads(line) for line in lines]

    def ids(self, model):
        with open(self.workspace / "texts.txt", "rb") as texts:
            lines = self.run("tokenize", "--model", model, stdin=texts).splitlines()
        return [json.loads(line)["ids"] for line in lines]


def need(module):
    try:
        return __import__(module, fromlist=["_"])
    except ImportError as error:
        raise Missing(str(error)) from error


def logits_of(model, tokenizer, texts):
    torch = need("torch")
    rows = []
    with torch.no_grad():
        for start in range(0, len(texts), 16):
            batch = tokenizer(
                texts[start:start + 16], padding=True, truncation=True,
                max_length=model.config.max_position_embeddings, return_tensors="pt")
            rows += model(**batch).logits.tolist()
    return rows


def difference(rows, others, least=0.1):
    assert len(rows) == len(others), f"{len(rows)} rows, {len(others)} others"
    assert any(abs(a - b) > least for a, b in zip(rows[0], rows[1])), "texts of one answer would prove nothing"
    most = max(abs(a - b) for row, other in zip(rows, others) for a, b in zip(row, other))
    assert most <= TOLERANCE, f"logits differ by {most:.2g}"
    return f"within {most:.1e}"


# What opens our models


def transformers_model(program, model):
    transformers = need("transformers")
    directory = str(program.workspace / model)
    opened, loading = transformers.AutoModelForSequenceClassification.from_pretrained(
        directory, output_loading_info=True)
    opened.eval()
    problems = [key for key in ("missing_keys", "unexpected_keys", "mismatched_keys") if loading[key]]
    assert not problems, f"{problems}: {loading}"
    expected = program.predictions(model)
    labels = [opened.config.id2label[index] for index in range(opened.config.num_labels)]
    assert {row["label"] for row in expected} <= set(labels), labels
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    return difference(logits_of(opened, tokenizer, program.texts), [row["logits"] for row in expected])


def tokenizer_ids(program, model, **options):
    transformers = need("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(program.workspace / model), **options)
    if options.get("use_fast") is False and tokenizer.is_fast:
        raise Missing("there are no slow tokenizers in this version")
    found = [tokenizer(text)["input_ids"] for text in program.texts]
    assert found == program.ids(model), "ids differ"
    return f"ids equal, {len(found)} texts"


def fast_tokenizer(program, model):
    return tokenizer_ids(program, model, use_fast=True)


def slow_tokenizer(program, model):
    return tokenizer_ids(program, model, use_fast=False)


def pipeline(program, model):
    transformers = need("transformers")
    classify = transformers.pipeline("text-classification", model=str(program.workspace / model), top_k=1)
    found = [classify(text)[0] for text in program.texts[:16]]
    found = [row[0] if isinstance(row, list) else row for row in found]
    expected = program.predictions(model)[:16]
    for row, own in zip(found, expected):
        assert row["label"] == own["label"] and abs(row["score"] - max(own["probabilities"])) < TOLERANCE, (row, own)
    return "labels and scores equal"


def cross_encoder(program, model):
    sentence_transformers = need("sentence_transformers")
    torch = need("torch")
    encoder = sentence_transformers.CrossEncoder(str(program.workspace / model), device="cpu")
    pairs = [(text, other) for text, other in zip(program.texts, program.texts[1:])][:16]
    # Logits, as its default for several classes differs from version to version.
    found = encoder.predict(pairs, **{"activation_fn" if newer(sentence_transformers, 4) else "activation_fct":
                                      torch.nn.Identity()}).tolist()
    path = program.workspace / "pairs.tsv"
    path.write_text("a\tb\n" + "".join(f"{a}\t{b}\n" for a, b in pairs), encoding="utf-8")
    lines = program.run("predict", "--model", model, "--input", "pairs.tsv", "--text", "a", "--text-pair", "b")
    return difference(found, [json.loads(line)["logits"] for line in lines.splitlines()]) + ", pairs"


def newer(module, major):
    return int(module.__version__.split(".")[0]) >= major


def safetensors_file(program, model):
    safetensors = need("safetensors")
    own = json.loads(program.run("inspect", model, "--json"))
    expected = {tensor["name"]: tensor["shape"] for tensor in own["tensors"]}
    with safetensors.safe_open(str(program.workspace / model / "model.safetensors"), "np") as file:
        assert file.metadata() == {"format": "pt"}, file.metadata()
        found = {name: list(file.get_slice(name).get_shape()) for name in file.keys()}
    assert found == expected, (found, expected)
    return f"{len(found)} tensors"


def tokenizers_file(program, model):
    tokenizers = need("tokenizers")
    path = program.workspace / model / "tokenizer.json"
    if not path.exists():
        raise Missing("the model came with vocab.txt only")
    tokenizer = tokenizers.Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    assert [tokenizer.encode(text).ids for text in program.texts] == program.ids(model), "ids differ"
    return f"ids equal, {len(program.texts)} texts"


def onnx(program, model):
    onnxruntime = need("onnxruntime")
    need("onnx")
    optimum = need("optimum.onnxruntime")
    transformers = need("transformers")
    directory = str(program.workspace / model)
    exported = optimum.ORTModelForSequenceClassification.from_pretrained(directory, export=True)
    tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
    found = [exported(**tokenizer(text, truncation=True, max_length=exported.config.max_position_embeddings,
                                  return_tensors="pt")).logits.tolist()[0]
             for text in program.texts[:16]]
    expected = [row["logits"] for row in program.predictions(model)[:16]]
    return difference(found, expected) + f", onnxruntime {onnxruntime.__version__}"


def model_card(program, model):
    hub = need("huggingface_hub")
    card = hub.ModelCard.load(str(program.workspace / model / "README.md"))
    data = card.data.to_dict()
    assert data["pipeline_tag"] == "text-classification" and data["library_name"] == "transformers", data
    results = card.data.eval_results
    assert {result.metric_type for result in results} >= {"accuracy", "f1"}, results
    return f"front matter read, {len(results)} metrics"


# What we open


def written_by(program, model, name, prepare, **options):
    """Opens a model and has it written anew by another program, which we read."""
    transformers = need("transformers")
    source = str(program.workspace / model)
    opened = transformers.AutoModelForSequenceClassification.from_pretrained(source).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    copy = program.workspace / f"{name}-{program.workspace.name}"
    opened.save_pretrained(copy, **options)
    tokenizer.save_pretrained(copy)
    prepare(copy, opened)
    files = sorted(path.name for path in copy.iterdir() if path.suffix in (".safetensors", ".bin"))
    found = [row["logits"] for row in program.predictions(copy)]
    return difference(found, logits_of(opened, tokenizer, program.texts)) + ": " + files[0]


def saved_safetensors(program, model):
    return written_by(program, model, "safetensors", lambda *_: None)


def saved_sharded(program, model):
    return written_by(program, model, "sharded", lambda *_: None, max_shard_size="20KB")


def saved_pickle(program, model):
    transformers = need("transformers")
    if newer(transformers, 5):
        raise Missing("this version writes safetensors only")
    return written_by(program, model, "pickle", lambda *_: None, safe_serialization=False)


def like_tinybert(program, model):
    """As TinyBERT's authors ship theirs: other configuration keys, no model_type, tensors of pretraining beside."""
    torch = need("torch")

    def prepare(copy, opened):
        configuration = json.loads((copy / "config.json").read_text())
        for key in ("model_type", "architectures"):
            configuration.pop(key, None)
        configuration |= {"cell": {}, "structure": [], "emb_size": configuration["hidden_size"]}
        (copy / "config.json").write_text(json.dumps(configuration))
        state = {key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
                 for key, value in opened.state_dict().items()}
        width = configuration["hidden_size"]
        for index in range(5):
            state[f"fit_denses.{index}.weight"] = torch.zeros(768, width)
            state[f"fit_denses.{index}.bias"] = torch.zeros(768)
        state["cls.predictions.bias"] = torch.zeros(configuration["vocab_size"])
        state["cls.seq_relationship.weight"] = torch.zeros(2, width)
        for file in copy.glob("model*.safetensors"):
            file.unlink()
        torch.save(state, copy / "pytorch_model.bin", _use_new_zipfile_serialization=False)

    return written_by(program, model, "tinybert", prepare)


CELLS = [
    ("AutoModelForSequenceClassification", transformers_model), ("AutoTokenizer, fast", fast_tokenizer),
    ("AutoTokenizer, slow", slow_tokenizer), ("pipeline", pipeline), ("CrossEncoder", cross_encoder),
    ("safetensors", safetensors_file), ("tokenizers", tokenizers_file), ("optimum to ONNX", onnx),
    ("model card", model_card), ("reads save_pretrained", saved_safetensors),
    ("reads save_pretrained, sharded", saved_sharded), ("reads pytorch_model.bin", saved_pickle),
    ("reads a TinyBERT layout", like_tinybert),
]
PACKAGES = ["transformers", "torch", "tokenizers", "safetensors", "sentence-transformers", "huggingface-hub", "optimum",
            "optimum-onnx", "onnxruntime", "numpy"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--workspace", required=True, type=pathlib.Path)
    parser.add_argument("--environment", required=True)
    parser.add_argument("--models", nargs="+", default=["student/best", "student/last", "teacher/best"])
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    program = Program(str(pathlib.Path(arguments.binary).resolve()), arguments.workspace.resolve())
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pass
    print(json.dumps({"environment": arguments.environment, "versions": versions}), flush=True)
    failed = False
    # It takes what it needs of a cell from here.
    from tasks import CELLS as TASK_CELLS

    of_tasks = [("tasks", name, lambda program, _model, cell=cell: cell(program)) for name, cell in TASK_CELLS]
    for model, name, cell in [(model, *pair) for model in arguments.models for pair in CELLS] + of_tasks:
        row = {"environment": arguments.environment, "model": model, "cell": name}
        try:
            row["result"] = cell(program, model)
        except Missing as reason:
            row["missing"] = str(reason)
        except Exception as error:
            failed = True
            row["failed"] = f"{type(error).__name__}: {error}"
            traceback.print_exc()
        print(json.dumps(row), flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
