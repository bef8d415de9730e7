"""Writes Tests/TextTests/Fixtures/pipelines: small tokenizers of many kinds, and what the library makes of odd texts.

Run from the top of the repository with tokenizers 0.23.3 and sentencepiece installed, and a file of texts, a line each,
to train on; only pieces of words get into the fixtures:

    python3 Tests/Goldens/make_pipeline_fixtures.py TEXTS
"""

import json
import os
import random
import shutil
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

import tokenizer_pipelines as kinds

ROOT = "Tests/TextTests/Fixtures/pipelines"
WORDS = """The unhappiness of it: I'm at the café, résumé ready! naïve NAÏVE New York, new yorker love it @user 2:30pm
don't WE'LL they've #win 100,000 :-) http://t.co/x the and you for that with""".split()


def rows(name, values):
    with open(f"{ROOT}/{name}", "w", encoding="utf-8", newline="\n") as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


def encodings(name, built, source):
    tokens = [t.content for t in built.get_added_tokens_decoder().values()]
    texts = ["", " ", "  a", "a ", " The  New York  ", "ab", "a" * 300, "\u0301", "\r\n\u0301", "e\u0301\u0301x", " <mask> [MASK]"]
    texts += [kinds.random_text(source, tokens, [" ".join(WORDS)]) for _ in range(24)]
    for text in texts:
        encoding = built.encode(text)
        yield {"name": name, "text": text, "ids": encoding.ids, "offsets": encoding.offsets}
    for _ in range(10):
        text, pair = source.choice(texts), source.choice(texts)
        length, side = source.choice([None, 5, 8, 12]), source.choice(["left", "right"])
        built.no_truncation()
        if length:
            built.enable_truncation(length, direction=side)
        encoding = built.encode(text, pair)
        built.no_truncation()
        # Only one side is in the fixture's file.
        if side == "right":
            yield {"name": name, "text": text, "pair": pair, "max_length": length, "ids": encoding.ids,
                   "type_ids": encoding.type_ids, "offsets": encoding.offsets}


def character_sums():
    """What each step makes of the characters that any of them changes, as one number a block: between a letter and an
    accent through normalizers, and where pre-tokenizers cut."""
    scalars = [*range(0xD800), *range(0xE000, 0x20000), *range(0x2F800, 0x2FA20), *range(0xE0000, 0xE0200)]
    blocks = [scalars[start : start + 0x1000] for start in range(0, len(scalars), 0x1000)]
    for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt"):
        sums = []
        for block in blocks:
            total = 0
            for byte in getattr(normalizers, name)().normalize_str("".join(f"a{chr(c)}\u0301" for c in block)).encode():
                total = (total * 31 + byte) & 0xFFFFFFFF
            sums.append(total)
        yield {"step": name, "sums": sums}
    cuts = {
        "Whitespace": pre_tokenizers.Whitespace(), "WhitespaceSplit": pre_tokenizers.WhitespaceSplit(),
        "Punctuation": pre_tokenizers.Punctuation(), "Digits": pre_tokenizers.Digits(True),
        "Letters": pre_tokenizers.Split(Regex(r"\p{L}+"), "isolated"), "Numbers": pre_tokenizers.Split(Regex(r"\p{N}+"), "isolated"),
    }
    for name, step in cuts.items():
        sums = []
        for block in blocks:
            total = 0
            for _, (begin, end) in step.pre_tokenize_str("_".join(map(chr, block))):
                total = (total * 31 + begin * 7 + end) & 0xFFFFFFFF
            sums.append(total)
        yield {"step": name, "json": json.loads(step.__getstate__().decode()), "sums": sums}


def main():
    assert tokenizers.__version__ == "0.23.3", tokenizers.__version__
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = file.read().split("\n")[:4000]
    shutil.rmtree(ROOT, ignore_errors=True)
    os.makedirs(ROOT)
    source = random.Random(2024)
    results = []
    for name, built in kinds.pipelines(lines, 450, small_map=True).items():
        built.save(f"{ROOT}/{name}.json", pretty=False)
        results += encodings(name, built, source)
    rows("encodings.jsonl", results)
    rows("characters.jsonl", character_sums())


main()
