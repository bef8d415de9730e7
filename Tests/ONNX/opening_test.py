"""Has Optimum and sentence-transformers open what `distill-ddp export` wrote, of every family, task and precision, and
compares with `distill-ddp predict`. Also checks that the folder has what Transformers.js asks for, field by field.

    launch/onnx-opening-test.sh [--binary PATH]

Models are small and random, from one training step of each family and task. Needs optimum-onnx, onnxruntime,
sentence-transformers, transformers and torch.
"""

import argparse
import importlib.metadata
import inspect
import json
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy
import onnxruntime
import torch
import transformers
from optimum.onnxruntime import ORTModelForSequenceClassification, ORTModelForTokenClassification
from sentence_transformers import CrossEncoder, SentenceTransformer

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "Fixtures"
WORDS = (FIXTURES / "tokenizer/vocab.txt").read_text().split()[5:]
# Of the largest number that is compared; of 8 bits, on average, where models as small and random as these are far worse
# than trained ones: that it is the right file and opens is what they show.
TOLERANCES = {"float32": 1e-5, "float16": 1e-2, "int8": 0.25}
# What Transformers.js appends to the name of a file: DEFAULT_DTYPE_SUFFIX_MAPPING of its src/utils/dtypes.js.
SUFFIXES = {"float32": ("fp32", ""), "float16": ("fp16", "_fp16"), "int8": ("int8", "_int8")}

BERT = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 80,
        "max_position_embeddings": 40}
RELATIVE = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_buckets": 8, "share_att_key": True,
            "norm_rel_ebd": "layer_norm", "position_biased_input": False}
FAMILIES = {
    "bert": BERT, "roberta": BERT, "camembert": BERT, "xlm-roberta": BERT, "electra": BERT | {"embedding_size": 16},
    "mpnet": BERT, "deberta-v2": BERT | RELATIVE,
    "distilbert": {"dim": 48, "n_layers": 2, "n_heads": 4, "hidden_dim": 80, "max_position_embeddings": 40},
    "modernbert": BERT | {"local_attention": 6, "global_attn_every_n_layers": 2},
}
CLASSES = ["negative", "neutral", "positive"]
TASKS = {
    "classification": {"labels": CLASSES}, "regression": {"labels": ["score"]}, "multilabel": {"labels": CLASSES},
    "tokens": {"labels": ["O", "B-X", "I-X"]}, "pairs": {}, "embedding": {},
}


def rows(task):
    """Some of each task, of lengths that differ."""
    chance = numpy.random.default_rng(5)
    for index in range(12):
        words, others = (list(chance.choice(WORDS, chance.integers(1, 12))) for _ in range(2))
        row = {"text": " ".join(words), "label": CLASSES[index % 3]}
        if task == "tokens":
            row = {"words": words, "tags": [TASKS[task]["labels"][number] for number in chance.integers(0, 3, len(words))]}
        elif task == "multilabel":
            row["label"] = CLASSES[:index % 4]
        elif task != "classification":
            row["label"] = float(chance.random())
        if task in ("pairs", "embedding"):
            row["pair"] = " ".join(others)
        yield row


class Case:
    """A model of a family and a task, and its export."""

    def __init__(self, binary, work, family, task):
        self.binary, self.work, self.task = binary, work, task
        self.rows = list(rows(task))
        # With a tokenizer.json, which Transformers.js reads.
        transformers.AutoTokenizer.from_pretrained(FIXTURES / "tokenizer").save_pretrained(work / "tokenizer")
        (work / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in self.rows))
        source = {"jsonl": "rows.jsonl"}
        if task in ("pairs", "embedding"):
            source |= {"pairColumn": "pair", "labelColumn": "label"}
        shape = FAMILIES[family] | {
            "model_type": family, "vocab_size": len(WORDS) + 5, "pad_token_id": 0, "initializer_range": 0.2}
        stage = {"name": "one", "maxSteps": 1} | ({"labelWeight": 1} if task == "embedding" else {})
        (work / "run.yaml").write_text(json.dumps({
            "run": {"directory": "run"}, "task": {"kind": task} | TASKS[task],
            "data": {"train": source, "validation": source, "maxLength": 32},
            "student": {"config": shape, "tokenizer": "tokenizer"}, "training": {"batchSize": 12},
            "stages": [stage]}))
        self.run("--config", "run.yaml", "--quiet", "--threads", 1)
        self.run("export", "run/best", "exported", "--precision", ",".join(TOLERANCES))
        self.model, self.exported = work / "run/best", work / "exported"

    def run(self, *words):
        result = subprocess.run([self.binary, *map(str, words)], cwd=self.work, capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError(result.stderr)
        return result.stdout

    def texts(self):
        return [row.get("text") or " ".join(row["words"]) for row in self.rows]

    def pairs(self):
        return [(row["text"], row["pair"]) for row in self.rows]

    def predictions(self, *fields):
        words = ["--text", "text", "--text-pair", "pair"] if self.task == "pairs" else []
        lines = self.run("predict", "--model", self.model, "--input", "rows.jsonl", "--threads", 1, *words).splitlines()
        return [numpy.array(json.loads(line)[fields[0]]) for line in lines]


def optimum(case, precision):
    """Optimum's class for the task; what a tagger says of each token is compared with PyTorch's."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(case.exported)
    kind = ORTModelForTokenClassification if case.task == "tokens" else ORTModelForSequenceClassification
    model = kind.from_pretrained(case.exported, subfolder="onnx", file_name=f"model{SUFFIXES[precision][1]}.onnx")
    inputs = tokenizer(*zip(*case.pairs())) if case.task == "pairs" else tokenizer(case.texts())
    inputs = tokenizer.pad(inputs, return_tensors="pt")
    found = model(**inputs).logits.numpy()
    if case.task != "tokens":
        return found, numpy.array(case.predictions("logits"))
    own = transformers.AutoModelForTokenClassification.from_pretrained(case.model)
    names = [own.config.id2label[number] for number in range(own.config.num_labels)]
    known = inspect.signature(own.forward).parameters
    with torch.no_grad():
        wanted = own(**{name: value for name, value in inputs.items() if name in known}).logits.numpy()
    for row, logits, mask in zip(case.predictions("tags"), found, inputs["attention_mask"]):
        # Each word is a token here, between the first and the last.
        tags = [names[number] for number in logits[1:int(mask.sum()) - 1].argmax(-1)]
        assert precision == "int8" or tags == row.tolist(), f"tags: {tags}, predict: {row}"
    return [values[inputs["attention_mask"].bool().numpy()] for values in (found, wanted)]


def sentence_transformers(case, precision):
    chosen = {"file_name": f"onnx/model{SUFFIXES[precision][1]}.onnx", "provider": "CPUExecutionProvider"}
    options = {"backend": "onnx", "device": "cpu", "model_kwargs": chosen, "local_files_only": True}
    if case.task == "pairs":
        found = CrossEncoder(str(case.exported), **options).predict(case.pairs())
        return found, numpy.array(case.predictions("score"))
    return SentenceTransformer(str(case.exported), **options).encode(case.texts()), numpy.array(case.predictions("vector"))


def transformers_js(case, family):
    """What its AutoConfig, AutoTokenizer and session look for; nothing of it is run."""
    configuration = json.loads((case.exported / "config.json").read_text())
    assert configuration["model_type"] == family, configuration["model_type"]
    if case.task not in ("embedding",):
        names = configuration["id2label"]
        assert list(names) == [str(index) for index in range(len(names))], names
    tokenizer = json.loads((case.exported / "tokenizer.json").read_text())
    assert tokenizer["model"]["type"] == "WordPiece" and tokenizer["post_processor"], tokenizer.keys()
    settings = json.loads((case.exported / "tokenizer_config.json").read_text())
    assert settings["tokenizer_class"] and settings["model_max_length"] >= 1, settings
    for dtype, suffix in SUFFIXES.values():
        session = onnxruntime.InferenceSession(
            case.exported / f"onnx/model{suffix}.onnx", providers=["CPUExecutionProvider"])
        inputs = {entry.name: entry for entry in session.get_inputs()}
        assert {"input_ids", "attention_mask"} <= set(inputs) <= {"input_ids", "attention_mask", "token_type_ids"}
        for entry in inputs.values():
            assert entry.type == "tensor(int64)" and not any(isinstance(size, int) for size in entry.shape), dtype
        (output,) = session.get_outputs()
        assert output.name == ("last_hidden_state" if case.task == "embedding" else "logits"), output.name


def distance(found, wanted, precision):
    found, wanted = numpy.asarray(found).reshape(numpy.shape(wanted)), numpy.asarray(wanted)
    if precision == "int8":
        return float(numpy.sqrt(((found - wanted) ** 2).mean() / (wanted**2).mean()))
    return float(numpy.abs(found - wanted).max() / numpy.abs(wanted).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=".build/release/distill-ddp")
    parser.add_argument("--family", choices=FAMILIES, action="append")
    arguments = parser.parse_args()
    binary = str(pathlib.Path(arguments.binary).resolve())
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    onnxruntime.set_default_logger_severity(3)
    failed, worst, count = [], {}, 0
    for family in arguments.family or FAMILIES:
        for task in TASKS:
            with tempfile.TemporaryDirectory() as work:
                case = Case(binary, pathlib.Path(work), family, task)
                readers = [sentence_transformers] if task == "embedding" else [optimum]
                readers += [sentence_transformers] if task == "pairs" else []
                for reader in readers:
                    for precision, most in TOLERANCES.items():
                        place = (reader.__name__, task, precision)
                        count += 1
                        try:
                            found, wanted = reader(case, precision)
                            assert numpy.ptp(wanted) > 1e-3, "texts of one answer would prove nothing"
                            error = distance(found, wanted, precision)
                            assert error <= most, f"off by {error:.1e}"
                            worst[place] = max(worst.get(place, 0.0), error)
                        except Exception as error:
                            failed.append(f"{family}, {', '.join(place)}: {type(error).__name__}: {error}")
                try:
                    transformers_js(case, family)
                except Exception as error:
                    failed.append(f"{family}, {task}, for Transformers.js: {type(error).__name__}: {error}")
        print(f"{family}: {len(failed)} failures so far", flush=True)
    versions = ["optimum", "optimum-onnx", "sentence-transformers", "transformers", "onnxruntime", "torch"]
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in versions))
    for place, error in sorted(worst.items()):
        print(f"{', '.join(place)}: {error:.1e}")
    for line in failed:
        print(line, file=sys.stderr)
    print(f"{count} opened, {len(failed)} failures")
    sys.exit(1 if failed or count < (1 if arguments.family else 150) else 0)


if __name__ == "__main__":
    main()
