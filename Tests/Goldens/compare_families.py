"""Compares each family of encoders with transformers in both directions, and the tokenizers that are saved with them.

    python3 Tests/Goldens/compare_families.py .build/release/distill-ddp
    python3 Tests/Goldens/compare_families.py .build/release/distill-ddp --only modernbert

For every family: random models of transformers' own class, at uneven sizes with its switches in other positions
(those of make_family_goldens.py and make_position_goldens.py) and at twelve layers, with a tokenizer as the family has it.

- there: what transformers saved, read by the program: logits of the same texts.
- saved: what the program trains of it and saves, read by `AutoModelForSequenceClassification` and `AutoTokenizer`:
  logits, no key missing, unexpected or of another shape, and every token's id.
- back: that again, saved by transformers and read by the program.
- new: a model that the program makes of `student.config`, saved and read; and a run that starts from its backbone alone,
  as `AutoModel` saves it.

Exit status 1 where logits differ by more than 1e-5 (2e-5 at twelve layers), an id differs or a run fails.
"""

import argparse
import json
import logging
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer

import make_family_goldens
import make_position_goldens
import tokenizer_pipelines

ROOT = Path(__file__).resolve().parents[2]
LONGEST, LABELS = 16, ["bad", "neutral", "good"]
TOLERANCE, TOLERANCE_OF_TWELVE = 1e-5, 2e-5
# Which of tokenizer_pipelines.py a family's published models use, and the class that their files name.
TOKENIZERS = {
    "bert": ("bert", "BertTokenizer"), "distilbert": ("bert", "DistilBertTokenizer"),
    "electra": ("bert", "ElectraTokenizer"), "mpnet": ("mpnet", "MPNetTokenizer"),
    "roberta": ("roberta", "RobertaTokenizer"), "camembert": ("camembert", "CamembertTokenizer"),
    "xlm-roberta": ("xlm-roberta", "XLMRobertaTokenizer"), "deberta-v2": ("deberta-v3", "DebertaV2Tokenizer"),
    "modernbert": ("modernbert", "PreTrainedTokenizerFast"),
}
WITH_SEGMENTS = {"bert", "electra"}
NAMES = {"cls_token": ["<s>", "[CLS]"], "sep_token": ["</s>", "[SEP]"], "pad_token": ["<pad>", "[PAD]"],
         "unk_token": ["<unk>", "[UNK]"], "mask_token": ["<mask>", "[MASK]"]}

SIZES = dict(hidden_size=24, num_hidden_layers=12, num_attention_heads=3, intermediate_size=37)
DISTILBERT = dict(dim=24, n_layers=12, n_heads=3, hidden_dim=37)
V3 = dict(relative_attention=True, pos_att_type="p2c|c2p", position_biased_input=False, norm_rel_ebd="layer_norm",
          share_att_key=True, position_buckets=8, max_relative_positions=-1, type_vocab_size=0)
# Twelve layers, and what is random there is small, as it is in a trained model.
TWELVE: dict[str, dict] = {
    "bert": SIZES, "roberta": SIZES, "camembert": SIZES, "xlm-roberta": SIZES, "distilbert": DISTILBERT,
    "electra": SIZES | dict(embedding_size=10), "mpnet": SIZES, "deberta-v2": SIZES | V3,
    "modernbert": SIZES | dict(local_attention=6),
}


def cases(family: str) -> dict[str, dict]:
    """Settings of transformers' configuration by name."""
    found = {name: settings for name, (kind, settings) in make_family_goldens.CASES.items() if kind == family}
    for name, config in make_position_goldens.MODELS.items():
        if config.model_type == family:
            left_out = ("architectures", "id2label", "label2id", "dtype", "transformers_version", "model_type", "vocab_size")
            found[name] = {key: value for key, value in config.to_dict().items() if key not in left_out}
    if family == "bert":
        found["bert"] = SIZES | dict(num_hidden_layers=2)
        found["bert-switched"] = SIZES | dict(num_hidden_layers=1, hidden_act="gelu_new", layer_norm_eps=1e-5, type_vocab_size=3)
    return found | {f"{family}-12-layers": TWELVE[family]}


class Workspace:
    """A directory with tokenizers and data, in which the program runs."""

    def __init__(self, binary: Path, directory: Path):
        self.binary, self.directory = binary.resolve(), directory
        documents = sorted((ROOT / "docs").glob("*.md"))
        lines = [line for path in documents for line in path.read_text().split("\n") if line]
        self.tokenizers = tokenizer_pipelines.pipelines(lines[:600], 600, small_map=True)
        choice = random.Random(1)
        words = " ".join(lines).split()
        self.texts = [" ".join(choice.choices(words, k=choice.randint(1, 2 * LONGEST))) for _ in range(40)]
        self.write("text.txt", self.texts)
        self.write("labels.txt", [str(choice.randrange(3)) for _ in self.texts])

    def write(self, name: str, lines: list[str]) -> None:
        (self.directory / name).write_text("".join(f"{line}\n" for line in lines))

    def write_tokenizer(self, family: str, directory: Path) -> Tokenizer:
        """As a published model has it: the file of the library, and a configuration that names the class."""
        kind, name = TOKENIZERS[family]
        built = self.tokenizers[kind]
        directory.mkdir(parents=True, exist_ok=True)
        built.save(str(directory / "tokenizer.json"))
        special = {role: next((t for t in tokens if built.token_to_id(t) is not None), None) for role, tokens in NAMES.items()}
        settings = {role: token for role, token in special.items() if token}
        settings |= {"tokenizer_class": name, "model_max_length": LONGEST}
        (directory / "tokenizer_config.json").write_text(json.dumps(settings))
        return built

    def run(self, *arguments: str) -> str:
        variables = {**os.environ, "HF_HUB_OFFLINE": "1"}
        result = subprocess.run(
            [self.binary, *arguments], cwd=self.directory, env=variables, capture_output=True, text=True)
        if result.returncode:
            raise RuntimeError(f"{' '.join(arguments)}: {result.stderr[-2000:]}")
        return result.stdout

    def train(self, name: str, student: str) -> Path:
        self.write(
            f"{name}.yaml",
            [
                f"run: {{directory: {name}, seed: 7}}",
                f"data: {{train: {{text: text.txt, labels: labels.txt}}, maxLength: {LONGEST}}}",
                "training: {batchSize: 10, maxSteps: 4, learningRate: 5.0e-3}",
                f"student: {student}",
                f"task: {{labels: [{', '.join(LABELS)}]}}",
                "stages: [{name: finetune}]",
            ],
        )
        self.run("--config", f"{name}.yaml")
        return self.directory / name / "last"

    def predict(self, model: Path) -> Tensor:
        self.run("predict", "--model", str(model), "--input", "text.txt", "--max-length", str(LONGEST), "--output",
                 "predicted.jsonl")
        rows = [json.loads(line)["logits"] for line in (self.directory / "predicted.jsonl").read_text().splitlines()]
        return torch.tensor([list(row.values()) if isinstance(row, dict) else row for row in rows])

    def ids(self, model: Path) -> list[list[int]]:
        output = self.run("tokenize", "--model", str(model), "--input", "text.txt", "--max-length", str(LONGEST))
        return [json.loads(row)["ids"] for row in output.splitlines()]


def make_model(family: str, settings: dict, built: Tokenizer, directory: Path, seed: int) -> None:
    """A random model of transformers' class with the tokenizer beside it."""
    settings = {"max_position_embeddings": LONGEST + 3, **settings}
    pad = next(built.token_to_id(token) for token in NAMES["pad_token"] if built.token_to_id(token) is not None)
    # Positions begin behind it.
    settings["pad_token_id"] = pad
    settings["max_position_embeddings"] = max(settings["max_position_embeddings"], LONGEST + pad + 1)
    settings |= {"vocab_size": built.get_vocab_size(), "id2label": dict(enumerate(LABELS)),
                 "label2id": {label: index for index, label in enumerate(LABELS)}}
    config = AutoConfig.for_model(family, **settings)
    model = AutoModelForSequenceClassification.from_config(config)
    generator = torch.Generator().manual_seed(seed)
    scale = 0.5 if config.num_hidden_layers == 12 else 1.0
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            is_norm = "norm" in key.lower()
            offset = 1.0 if is_norm and key.endswith("weight") else 0.0
            parameter.copy_(
                offset + (0.2 if is_norm else 0.3) * scale * torch.randn(parameter.shape, generator=generator))
    model.save_pretrained(directory)


def transformers_logits(directory: Path, texts: list[str], family: str) -> tuple[Any, Tensor, list[list[int]]]:
    """The model, its logits and the tokens' ids; the tokenizer of the directory by `AutoTokenizer`."""
    model, info = AutoModelForSequenceClassification.from_pretrained(directory, output_loading_info=True)
    wrong = {key: value for key, value in info.items() if value}
    if wrong:
        raise RuntimeError(f"{directory}: {wrong}")
    model.eval()
    tokenizer = AutoTokenizer.from_pretrained(directory)
    rows, ids = [], []
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=LONGEST)
        if family not in WITH_SEGMENTS:
            inputs.pop("token_type_ids", None)
        with torch.no_grad():
            rows.append(model(**inputs).logits[0])
        ids.append(inputs["input_ids"][0].tolist())
    return model, torch.stack(rows), ids


def logits_of(directory: Path, ids: list[list[int]]) -> Tensor:
    """transformers' logits of these tokens."""
    model = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    with torch.no_grad():
        return torch.stack([model(input_ids=torch.tensor([row])).logits[0] for row in ids])


def copy_tokenizer(source: Path, target: Path) -> None:
    for file in source.iterdir():
        if file.name not in ("config.json", "model.safetensors", "manifest.json"):
            shutil.copy(file, target / file.name)


def compare(family: str, name: str, settings: dict, seed: int, workspace: Workspace) -> bool:
    source = workspace.directory / f"{name}-source"
    built = workspace.write_tokenizer(family, source)
    make_model(family, settings, built, source, seed)
    built.enable_truncation(LONGEST)
    source_ids = [encoding.ids for encoding in built.encode_batch(workspace.texts)]
    built.no_truncation()
    there = workspace.predict(source) - logits_of(source, source_ids)

    saved = workspace.train(name, f"{{model: {source}}}")
    ours = workspace.predict(saved)
    model, theirs, ids = transformers_logits(saved, workspace.texts, family)
    same_ids = ids == workspace.ids(saved) == source_ids
    same_class = type(model) is type(AutoModelForSequenceClassification.from_pretrained(source))

    back = workspace.directory / f"{name}-back"
    model.save_pretrained(back)
    AutoTokenizer.from_pretrained(saved).save_pretrained(back)
    again = workspace.predict(back) - ours

    worst = {key: value.abs().max().item() for key, value in
             {"there": there, "saved": ours - theirs, "back": again}.items()}
    print(f"{name:22} {type(model).__name__:36} {model.config.num_hidden_layers:2} layers, "
          + ", ".join(f"{key} {value:.1e}" for key, value in worst.items())
          + f", spread {theirs.std():.2f}, ids {'equal' if same_ids else 'DIFFER'}", flush=True)
    limit = TOLERANCE_OF_TWELVE if model.config.num_hidden_layers == 12 else TOLERANCE
    return max(worst.values()) <= limit and same_ids and same_class


def compare_new(family: str, workspace: Workspace) -> bool:
    """A model made of `student.config`, and a run from its backbone alone."""
    source = workspace.directory / f"{family}-12-layers-source"
    members = json.loads((source / "config.json").read_text())
    left_out = ("architectures", "id2label", "label2id", "dtype", "transformers_version", "problem_type")
    tokenizer = workspace.directory / f"{family}-tokenizer"
    built = workspace.write_tokenizer(family, tokenizer)
    settings = {key: members[key] for key in TWELVE[family] if key in members and key not in left_out}
    # transformers names what it reads by BERT's names, and saves it by the family's.
    settings |= {"model_type": family, "vocab_size": built.get_vocab_size(), "initializer_range": 0.2,
                 "pad_token_id": members["pad_token_id"], "max_position_embeddings": members["max_position_embeddings"]}
    saved = workspace.train(f"{family}-new", json.dumps({"tokenizer": str(tokenizer), "config": settings}))
    ours = workspace.predict(saved)
    model, theirs, ids = transformers_logits(saved, workspace.texts, family)
    backbone = workspace.directory / f"{family}-backbone"
    AutoModel.from_pretrained(saved).save_pretrained(backbone)
    copy_tokenizer(saved, backbone)
    workspace.train(f"{family}-from-backbone", f"{{model: {backbone}}}")
    worst = (ours - theirs).abs().max().item()
    print(f"{family + '-new':22} {type(model).__name__:36} {model.config.num_hidden_layers:2} layers, saved {worst:.1e}, "
          f"spread {theirs.std():.2f}, ids {'equal' if ids == workspace.ids(saved) else 'DIFFER'}", flush=True)
    return worst <= TOLERANCE_OF_TWELVE and ids == workspace.ids(saved)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--only", help="one family", choices=TOKENIZERS)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    results = []
    with tempfile.TemporaryDirectory() as directory:
        workspace = Workspace(arguments.binary, Path(directory))
        for family in [arguments.only] if arguments.only else TOKENIZERS:
            for seed, (name, settings) in enumerate(cases(family).items()):
                results.append(compare(family, name, settings, seed, workspace))
            results.append(compare_new(family, workspace))
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
