"""Compares `distill-ddp tokenize` with the tokenizers library on random texts, for tokenizers of every kind.

    python3 Tests/Goldens/compare_tokenizers.py PROGRAM TEXTS [--rows 20000] [--size 8000] [--only NAME]

TEXTS is a file to train the models on, a text a line; the whole of it is compared as well. Ids, segments and offsets are
equal or the first differences are printed and the status is 1.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

import tokenizer_pipelines as kinds


def run(program, directory, texts, *options):
    lines = "".join(text + "\n" for text in texts).encode()
    result = subprocess.run([program, "tokenize", "--model", directory, "--offsets", *options], input=lines, capture_output=True)
    if result.returncode:
        sys.exit(f"{directory}: {result.stderr.decode()[-500:]}")
    rows = result.stdout.decode().split("\n")[:-1]
    assert len(rows) == len(texts), (len(rows), len(texts))
    return [json.loads(row) for row in rows]


def differences(built, texts, rows, pairs=None):
    encodings = built.encode_batch(list(zip(texts, pairs)) if pairs else texts)
    for text, encoding, row in zip(zip(texts, pairs) if pairs else texts, encodings, rows):
        expected = {"ids": encoding.ids, "type_ids": encoding.type_ids, "offsets": [list(o) for o in encoding.offsets]}
        for key, value in expected.items():
            if row.get(key, []) != value:
                yield text, key, value, row.get(key), encoding.tokens
                break


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("program")
    arguments.add_argument("texts")
    arguments.add_argument("--rows", type=int, default=20_000)
    arguments.add_argument("--size", type=int, default=8_000)
    arguments.add_argument("--only")
    arguments.add_argument("--keep", help="a directory for the trained tokenizers, which are used again")
    options = arguments.parse_args()
    with open(options.texts, encoding="utf-8") as file:
        lines = [line.replace("\t", " ").replace("\r", " ") for line in file.read().split("\n") if line]
    root = options.keep or tempfile.mkdtemp()
    if not os.path.exists(f"{root}/done"):
        for name, built in kinds.pipelines(lines[:20_000], options.size, small_map=False).items():
            os.makedirs(f"{root}/{name}", exist_ok=True)
            built.save(f"{root}/{name}/tokenizer.json")
        open(f"{root}/done", "w").close()
    failed = False
    for name in sorted(os.listdir(root)):
        if name == "done" or (options.only and name != options.only):
            continue
        built = Tokenizer.from_file(f"{root}/{name}/tokenizer.json")
        source = random.Random(name)
        tokens = [t.content for t in built.get_added_tokens_decoder().values()]
        texts = [kinds.random_text(source, tokens, lines, newlines=False) for _ in range(options.rows)]
        found = list(differences(built, texts, run(options.program, f"{root}/{name}", texts)))
        found += differences(built, lines, run(options.program, f"{root}/{name}", lines))
        first = [t.replace("\t", " ") for t in texts[: options.rows // 4]]
        second = [t.replace("\t", " ") for t in texts[-len(first):]]
        joined = [f"{a}\t{b}" for a, b in zip(first, second)]
        built.enable_truncation(16)
        rows = run(options.program, f"{root}/{name}", joined, "--pairs", "--max-length", "16")
        found += differences(built, first, rows, second)
        print(f"{name}: {len(texts)} random texts, {len(lines)} lines, {len(joined)} pairs: {len(found)} differ", flush=True)
        for text, key, expected, got, expected_tokens in found[:3]:
            print(f"  {text!r}\n    {key}: expected {expected}\n    {' ' * len(key)}  found    {got}\n    {expected_tokens}")
        failed = failed or bool(found)
    sys.exit(failed)


main()
