"""How fast texts become tokens: `distill-ddp tokenize` beside the `tokenizers` library, on one thread each.

    python3 Benchmarks/tokenizing.py .build/release/distill-ddp --texts train_text.txt --tokenizer models/minilm [--rounds 5]

WordPiece is the named model's; byte-level BPE and Unigram, as RoBERTa and XLM-R have them, are trained on the texts. Ours is the
whole command, which starts, reads the texts and writes ids and tokens as JSON; the library only encodes what is in
memory, and is asked for no offsets. Both take turns in processor time. It stops where ids differ.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def byte_level(lines: list[str], size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=size, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def unigram(lines: list[str], size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(lines, trainers.UnigramTrainer(
        vocab_size=size, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return tokenizer


def ours(binary: str, directory: Path, texts: str) -> tuple[float, list[list[int]]]:
    """Seconds of a processor in all, and ids."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = subprocess.run(
        [binary, "tokenize", "--model", directory, "--input", texts], capture_output=True, text=True)
    if result.returncode:
        sys.exit(result.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, [json.loads(line)["ids"] for line in result.stdout.split("\n") if line]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--texts", required=True, help="a file of texts, one a line")
    parser.add_argument("--tokenizer", required=True, help="a model with WordPiece")
    parser.add_argument("--size", type=int, default=30_000, help="tokens of those that are trained")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    binary = str(Path(options.binary).resolve())
    with open(options.texts, encoding="utf-8", newline="\n") as file:
        lines = [line for line in file.read().split("\n") if line]
    with tempfile.TemporaryDirectory() as folder:
        texts = f"{folder}/texts.txt"
        Path(texts).write_text("".join(line + "\n" for line in lines), encoding="utf-8", newline="\n")
        print(f"{len(lines)} texts; seconds of a processor, medians of {options.rounds} rounds\n")
        print("| | tokens | distill-ddp | tokenizers | times as fast |\n|---|---|---|---|---|")
        for name, tokenizer in (
            ("WordPiece", Tokenizer.from_file(f"{options.tokenizer}/tokenizer.json")),
            ("byte-level BPE", byte_level(lines, options.size)), ("Unigram", unigram(lines, options.size)),
        ):
            tokenizer.no_padding()
            tokenizer.no_truncation()
            directory = Path(folder) / name
            directory.mkdir()
            tokenizer.save(str(directory / "tokenizer.json"))
            rows = []
            for _ in range(options.rounds):
                seconds, ids = ours(binary, directory, texts)
                began = time.process_time()
                encodings = tokenizer.encode_batch_fast(lines)
                rows.append((seconds, time.process_time() - began))
                if ids != [encoding.ids for encoding in encodings]:
                    sys.exit(f"{name}: the ids differ")
            tokens = sum(map(len, ids))
            own, theirs = (statistics.median(row[side] for row in rows) for side in (0, 1))
            ratio = statistics.median(row[1] / row[0] for row in rows)
            print(f"| {name} | {tokens} | {own:.2f} | {theirs:.2f} | {ratio:.1f} |", flush=True)


if __name__ == "__main__":
    main()
