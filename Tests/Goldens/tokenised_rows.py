"""The rows of a text file as transformers tokenises them, for the comparisons beside this file."""

from pathlib import Path

from transformers import AutoTokenizer


def read_rows(path: Path, pairs: bool) -> list[tuple[str, ...]]:
    """(text) or (first, second) of each line; lines end at `\\n` only, as TweetEval's do."""
    lines = path.read_bytes().decode().split("\n")
    if lines[-1] == "":
        lines.pop()
    rows = [tuple(line.split("\t")) if pairs else (line,) for line in lines]
    for number, row in enumerate(rows, start=1):
        if pairs and len(row) != 2:
            raise SystemExit(f"{path}:{number}: expected two tab-separated sentences, found {len(row)} columns")
    if not rows:
        raise SystemExit(f"{path}: expected lines, found none")
    return rows


def tokenise(directory: Path, rows: list[tuple[str, ...]], max_length: int) -> list[dict[str, list[int]]]:
    """`input_ids` and `token_type_ids` of each row, without padding; the longer of a pair is cut first."""
    tokenizer = AutoTokenizer.from_pretrained(directory)
    # As lists: alone, transformers takes an empty second sentence for none, and leaves out its [SEP].
    encoded = tokenizer(
        *(list(column) for column in zip(*rows)), truncation=True, max_length=max_length, return_token_type_ids=True
    )
    names = ("input_ids", "token_type_ids")
    return [{name: list(encoded[name][i]) for name in names} for i in range(len(rows))]
