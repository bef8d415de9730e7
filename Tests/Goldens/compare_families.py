"""Compares each family of encoders with transformers in both directions, on tiny models that the program trains.

    python3 Tests/Goldens/compare_families.py .build/release/distill-ddp

For every family: fine-tune a new model, predict, load what was saved with `AutoModelForSequenceClassification` and
`AutoTokenizer`, compare logits; save it with transformers and predict again; and start from its backbone alone, as
`AutoModel` saves it. Exit status 1 where logits differ by more than 1e-5 or a run fails.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForSequenceClassification, AutoTokenizer

TOLERANCE, LONGEST = 1e-5, 16
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = "awful bad cold dull empty foul grim harsh a but it is so that bright calm dear fine glad good kind warm".split()
BERT_LIKE = "hidden_size: 12, num_hidden_layers: 2, num_attention_heads: 3, intermediate_size: 14, initializer_range: 0.3"
# Positions behind the padding token's id: RoBERTa's own, MPNet's always 1.
SHAPES = {
    "bert": f"{BERT_LIKE}, max_position_embeddings: {LONGEST}",
    "roberta": f"{BERT_LIKE}, pad_token_id: 0, max_position_embeddings: {LONGEST + 1}",
    "camembert": f"{BERT_LIKE}, pad_token_id: 0, max_position_embeddings: {LONGEST + 1}",
    "xlm-roberta": f"{BERT_LIKE}, pad_token_id: 0, max_position_embeddings: {LONGEST + 1}",
    "distilbert": "dim: 12, n_layers: 2, n_heads: 3, hidden_dim: 14, initializer_range: 0.3, "
    f"max_position_embeddings: {LONGEST}",
    "electra": f"{BERT_LIKE}, embedding_size: 7, max_position_embeddings: {LONGEST}",
    "mpnet": f"{BERT_LIKE}, max_position_embeddings: {LONGEST + 2}",
}
WITH_SEGMENTS = {"bert", "electra"}


class Workspace:
    """A directory with a tokenizer and data, in which the program runs."""

    def __init__(self, binary: Path, directory: Path):
        self.binary, self.directory = binary.resolve(), directory
        tokenizer = directory / "tokenizer"
        tokenizer.mkdir()
        (tokenizer / "vocab.txt").write_text("".join(f"{word}\n" for word in SPECIAL + WORDS))
        (tokenizer / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer", "do_lower_case": true}')
        choice = random.Random(1)
        self.texts = [" ".join(choice.choices(WORDS, k=choice.randint(1, 2 * LONGEST))) for _ in range(60)]
        self.write("text.txt", self.texts)
        self.write("labels.txt", [str(choice.randrange(3)) for _ in self.texts])

    def write(self, name: str, lines: list[str]) -> None:
        (self.directory / name).write_text("".join(f"{line}\n" for line in lines))

    def run(self, *arguments: str) -> None:
        variables = {**os.environ, "HF_HUB_OFFLINE": "1"}
        subprocess.run([self.binary, *arguments], cwd=self.directory, env=variables, check=True, capture_output=True)

    def train(self, name: str, student: str) -> None:
        self.write(
            "run.yaml",
            [
                f"run: {{directory: {name}, seed: 7}}",
                f"data: {{train: {{text: text.txt, labels: labels.txt}}, maxLength: {LONGEST}}}",
                "training: {batchSize: 10, epochs: 2, learningRate: 5.0e-3}",
                f"student: {student}",
                "task: {labels: [bad, neutral, good]}",
                "stages: [{name: finetune}]",
            ],
        )
        self.run("--config", "run.yaml")

    def predict(self, model: Path) -> Tensor:
        self.run("predict", "--model", str(model), "--input", "text.txt", "--output", "predicted.jsonl")
        rows = [json.loads(line)["logits"] for line in (self.directory / "predicted.jsonl").read_text().splitlines()]
        return torch.tensor([list(row.values()) if isinstance(row, dict) else row for row in rows])


def transformers_logits(directory: Path, texts: list[str], has_segments: bool) -> tuple[torch.nn.Module, Tensor]:
    model = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    tokenizer = AutoTokenizer.from_pretrained(directory)
    rows = []
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=LONGEST)
        if not has_segments:
            inputs.pop("token_type_ids", None)
        with torch.no_grad():
            rows.append(model(**inputs).logits[0])
    return model, torch.stack(rows)


def copy_tokenizer(source: Path, target: Path) -> None:
    for file in source.iterdir():
        if file.name not in ("config.json", "model.safetensors", "manifest.json"):
            shutil.copy(file, target / file.name)


def compare(family: str, workspace: Workspace) -> bool:
    workspace.train(family, f"{{tokenizer: tokenizer, config: {{model_type: {family}, vocab_size: 27, {SHAPES[family]}}}}}")
    saved = workspace.directory / family / "last"
    ours = workspace.predict(saved)
    model, theirs = transformers_logits(saved, workspace.texts, family in WITH_SEGMENTS)
    back, backbone = (workspace.directory / f"{family}-{name}" for name in ("back", "backbone"))
    model.save_pretrained(back)
    model.base_model.save_pretrained(backbone)
    for directory in (back, backbone):
        copy_tokenizer(saved, directory)
    read_back = workspace.predict(back)
    workspace.train(f"{family}-again", f"{{model: {backbone}}}")
    there, again = (ours - theirs).abs().max().item(), (read_back - ours).abs().max().item()
    print(f"{family:12} {type(model).__name__:36} saved {there:.1e}, read back {again:.1e}, spread {theirs.std():.2f}")
    return max(there, again) <= TOLERANCE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    binary: Path = parser.parse_args().binary
    with tempfile.TemporaryDirectory() as directory:
        workspace = Workspace(binary, Path(directory))
        results = [compare(family, workspace) for family in SHAPES]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
