"""Writes Tests/TextTests/Fixtures/smaller.jsonl: the tokenizers beside it with a part of their tokens, as the library has them.

Run from the top of the repository with tokenizers 0.23.3 installed:

    python3 Tests/Goldens/make_smaller_vocabulary.py

A row has a tokenizer's `file`, the ids that stay (`kept`, ascending), those that must (`indispensable`), `texts` with their
new `ids`, and those of every tenth text with the text as far from the end (`pairs`).
"""

import json
import pathlib
import re

from tokenizers import Tokenizer

PIPELINES = ["bert", "mpnet", "albert", "camembert", "deberta-v3", "xlm-roberta"]
NAMES = ["uncased/tokenizer", "added/tokenizer", *(f"pipelines/{name}" for name in PIPELINES)]
FIXTURES = pathlib.Path("Tests/TextTests/Fixtures")


def rebuilt(tokenizer, kept):
    """The same tokenizer.json with these ids alone, numbered anew."""
    place = {id: new for new, id in enumerate(kept)}
    definition = json.loads(tokenizer.to_str())
    model = definition["model"]
    if model["type"] == "Unigram":
        model["vocab"] = [entry for id, entry in enumerate(model["vocab"]) if id in place]
        model["unk_id"] = place[model["unk_id"]]
    else:
        model["vocab"] = {token: place[id] for token, id in model["vocab"].items() if id in place}
    for token in definition["added_tokens"]:
        token["id"] = place[token["id"]]
    processor = definition["post_processor"]
    for token in processor.get("special_tokens", {}).values():
        token["ids"] = [place[id] for id in token["ids"]]
    for key in ("cls", "sep"):
        if key in processor:
            processor[key][1] = place[processor[key][1]]
    return Tokenizer.from_str(json.dumps(definition))


def indispensable(tokenizer):
    definition = json.loads(tokenizer.to_str())
    model = definition["model"]
    ids = {token["id"] for token in definition["added_tokens"]}
    if model["type"] == "Unigram":
        ids.add(model["unk_id"])
        ids |= {id for id, (token, _) in enumerate(model["vocab"]) if len(token) == 1}
        if model["byte_fallback"]:
            ids |= {id for id, (token, _) in enumerate(model["vocab"]) if re.fullmatch("<0x[0-9A-F]{2}>", token)}
    else:
        prefix = model["continuing_subword_prefix"]
        ids.add(model["vocab"][model["unk_token"]])
        for token, id in model["vocab"].items():
            if len(token) == 1 or token.startswith(prefix) and len(token) == len(prefix) + 1:
                ids.add(id)
    pad = next((id for name in ("[PAD]", "<pad>") if (id := tokenizer.token_to_id(name)) is not None), 0)
    # Some models count positions from behind the padding token's id, so it does not move.
    return sorted(ids | set(range(pad)))


def rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def main():
    texts = [row["text"] for row in rows(FIXTURES / "encodings.jsonl") + rows(FIXTURES / "pipelines" / "encodings.jsonl")]
    texts = [text for text in dict.fromkeys(texts) if len(text) < 120]
    texts = texts[:: max(1, len(texts) // 110)]
    with open(FIXTURES / "smaller.jsonl", "w", encoding="utf-8") as file:
        for name in NAMES:
            tokenizer = Tokenizer.from_file(str(FIXTURES / f"{name}.json"))
            tokenizer.no_truncation()
            tokenizer.no_padding()
            needed = indispensable(tokenizer)
            rest = sorted(set(tokenizer.get_vocab(with_added_tokens=True).values()) - set(needed))
            kept = sorted(needed + rest[::2])
            smaller = rebuilt(tokenizer, kept)
            row = {
                "file": f"{name}.json",
                "indispensable": needed,
                "kept": kept,
                "texts": texts,
                "ids": [encoding.ids for encoding in smaller.encode_batch(texts)],
                "pairs": [encoding.ids for encoding in smaller.encode_batch(list(zip(texts, reversed(texts))))][::10],
            }
            file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
