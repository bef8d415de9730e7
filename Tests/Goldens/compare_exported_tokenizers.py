"""Opens every kind of tokenizer that a run saves with `AutoTokenizer`, and compares ids.

    python3 Tests/Goldens/compare_exported_tokenizers.py .build/release/distill-ddp [--rows 2000]

For each tokenizer of tokenizer_pipelines.py, trained on this repository's documents: a run of one step saves a model with
it; `AutoTokenizer` opens what was saved. Random texts of every plane, alone and in pairs, cut at 48 tokens, must have the
ids that `distill-ddp tokenize` and the library give of the original. The same for what transformers' own classes save
(with `vocab.txt`, or `vocab.json` and `merges.txt`, and their settings), and for vocabularies made smaller
(`student.vocabulary`), which have no original. Exit status 1 where any text differs.
"""

import argparse
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator

import transformers
from tokenizers import Tokenizer
from transformers import AutoTokenizer

import tokenizer_pipelines

ROOT = Path(__file__).resolve().parents[2]
LONGEST, KEPT = 48, 450
# As the settings of published models name them.
CLASSES = {
    "bert": "BertTokenizer", "mpnet": "MPNetTokenizer", "roberta": "RobertaTokenizer", "camembert": "CamembertTokenizer",
    "xlm-roberta": "XLMRobertaTokenizer", "deberta-v3": "DebertaV2Tokenizer", "albert": "AlbertTokenizer",
}
ROLES = {"cls_token": ["<s>", "[CLS]"], "sep_token": ["</s>", "[SEP]"], "pad_token": ["<pad>", "[PAD]"],
         "unk_token": ["<unk>", "[UNK]"], "mask_token": ["<mask>", "[MASK]"]}


class Program:
    def __init__(self, binary: Path, directory: Path, texts: list[str]):
        self.binary, self.directory = binary.resolve(), directory
        (directory / "text.txt").write_text("".join(f"{text}\n" for text in texts))
        (directory / "labels.txt").write_text("".join(f"{index % 2}\n" for index in range(len(texts))))

    def run(self, words: list[str], lines: bytes = b"") -> list[str]:
        result = subprocess.run(
            [self.binary, *words], cwd=self.directory, input=lines, capture_output=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1"})
        if result.returncode:
            raise RuntimeError(f"{' '.join(words)}: {result.stderr.decode()[-1000:]}")
        return result.stdout.decode().split("\n")[:-1]

    def saved(self, source: Path, size: int, keep: int | None) -> Path:
        """What a run of one step saves with the tokenizer of `source`."""
        name = f"{source.name}-{keep or 'saved'}"
        config = dict(model_type="bert", vocab_size=size, hidden_size=8, num_hidden_layers=1, num_attention_heads=1,
                      intermediate_size=8, max_position_embeddings=LONGEST)
        student: dict = {"tokenizer": str(source), "config": config}
        if keep:
            # A smaller vocabulary is one of a model that there is.
            student = {"model": str(self.saved(source, size, None)), "vocabulary": {"keep": keep}}
        (self.directory / f"{name}.json").write_text(json.dumps({
            "run": {"directory": name}, "task": {"labels": ["no", "yes"]},
            "data": {"train": {"text": "text.txt", "labels": "labels.txt"}, "maxLength": LONGEST}, "student": student,
            "training": {"maxSteps": 1, "batchSize": 8}, "stages": [{"name": "one", "checkpoint": {"monitor": None}}]}))
        if not (self.directory / name / "last").exists():
            self.run(["--config", f"{name}.json"])
        return self.directory / name / "last"

    def ids(self, model: Path, texts: list[str], pairs: list[str] | None) -> list[list[int]]:
        rows = [f"{a}\t{b}" for a, b in zip(texts, pairs)] if pairs else texts
        words = ["tokenize", "--model", str(model), "--max-length", str(LONGEST)] + (["--pairs"] if pairs else [])
        return [json.loads(row)["ids"] for row in self.run(words, "".join(f"{row}\n" for row in rows).encode())]


def sources(root: Path, built: dict[str, Tokenizer]) -> Iterator[tuple[str, Path, Tokenizer]]:
    """Directories with a tokenizer in each of the forms that models have."""
    for name, tokenizer in built.items():
        directory = root / name
        directory.mkdir()
        tokenizer.save(str(directory / "tokenizer.json"))
        settings: dict = {"model_max_length": LONGEST}
        if name in CLASSES:
            settings["tokenizer_class"] = CLASSES[name]
        for role, tokens in ROLES.items():
            if found := [token for token in tokens if tokenizer.token_to_id(token) is not None]:
                settings[role] = found[0]
        (directory / "tokenizer_config.json").write_text(json.dumps(settings))
        yield name, directory, tokenizer
    # What transformers' own classes save, and the files of vocabularies alone.
    vocabulary = [token for token, _ in sorted(built["bert"].get_vocab(with_added_tokens=False).items(), key=lambda t: t[1])]
    for name, options in {"lower": {}, "cased": {"do_lower_case": False}, "chinese": {"tokenize_chinese_chars": False},
                          "accents": {"strip_accents": False}}.items():
        tokenizer = transformers.BertTokenizer(vocab={token: i for i, token in enumerate(vocabulary)}, **options)
        tokenizer.save_pretrained(root / f"BertTokenizer-{name}")
        yield f"BertTokenizer-{name}", root / f"BertTokenizer-{name}", tokenizer.backend_tokenizer
    model = json.loads(built["roberta"].to_str())["model"]
    for prefix in (False, True):
        tokenizer = transformers.RobertaTokenizer(
            vocab=model["vocab"], merges=[tuple(pair) for pair in model["merges"]], add_prefix_space=prefix)
        name = "RobertaTokenizer" + ("-prefix" if prefix else "")
        tokenizer.save_pretrained(root / name)
        yield name, root / name, tokenizer.backend_tokenizer
        files = root / f"{name}-files"
        files.mkdir()
        (files / "vocab.json").write_text(json.dumps(model["vocab"]))
        (files / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in model["merges"]))
        (files / "tokenizer_config.json").write_text(
            json.dumps({"tokenizer_class": "RobertaTokenizer", "add_prefix_space": prefix}))
        yield f"{name}-files", files, tokenizer.backend_tokenizer


def library_ids(tokenizer: Tokenizer, texts: list[str], pairs: list[str] | None) -> list[list[int]]:
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    return [encoding.ids for encoding in tokenizer.encode_batch(list(zip(texts, pairs)) if pairs else texts)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--rows", type=int, default=2_000)
    parser.add_argument("--only", help="one tokenizer")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    documents = sorted((ROOT / "docs").glob("*.md"))
    lines = [line.replace("\t", " ") for path in documents for line in path.read_text().split("\n") if line.strip()]
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        built = tokenizer_pipelines.pipelines(lines[:800], 700, small_map=True)
        program = Program(options.binary, root, lines[:16])
        for name, directory, original in sources(root, built):
            if options.only and name != options.only:
                continue
            source = random.Random(name)
            tokens = [token.content for token in original.get_added_tokens_decoder().values()]
            texts = [tokenizer_pipelines.random_text(source, tokens, lines, newlines=False) for _ in range(options.rows)]
            texts = [text.replace("\t", " ") for text in texts]
            pairs = texts[1:] + texts[:1]
            size = max(original.get_vocab().values()) + 1
            kind = json.loads(original.to_str())["model"]["type"]
            for keep in [None] if kind == "BPE" else [None, KEPT]:
                saved = program.saved(directory, size, keep)
                opened = AutoTokenizer.from_pretrained(saved)
                wrong = []
                for second in (None, pairs):
                    ours = program.ids(saved, texts, second)
                    theirs = opened(texts, second, truncation=True, max_length=LONGEST)["input_ids"]
                    wrong += [row for row in zip(texts, ours, theirs) if row[1] != row[2]]
                    if keep is None:
                        wanted = library_ids(original, texts, second)
                        wrong += [row for row in zip(texts, ours, wanted) if row[1] != row[2]]
                shown = name if keep is None else f"{name}, {len(opened)} tokens kept"
                print(f"{shown:34} {kind:9} {type(opened).__name__:24} {2 * len(texts)} texts and pairs: {len(wrong)} differ",
                      flush=True)
                for text, ours, theirs in wrong[:2]:
                    print(f"  {text!r}\n    found    {ours}\n    expected {theirs}")
                failed = failed or bool(wrong)
    sys.exit(failed)


if __name__ == "__main__":
    main()
