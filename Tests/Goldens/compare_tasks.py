"""Compares predictions of any task in JSON lines with transformers loading the same directory.

    distill-ddp predict --model runs/scores/best --input rows.jsonl --keep text --output said.jsonl
    python3 Tests/Goldens/compare_tasks.py runs/scores/best said.jsonl

Rows have what `--keep text` (and `--keep text_pair`) carries along; those of a tagger have their words anyway.
"""

import argparse
import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoTokenizer, pipeline


def tags(model, tokenizer, row: dict) -> list:
    """Of each word, by its first token; none where it was cut off."""
    encoding = tokenizer(
        row["words"], is_split_into_words=True, return_tensors="pt", truncation=True,
        max_length=model.config.max_position_embeddings,
    )
    logits = model(**encoding).logits[0]
    found: list = [None] * len(row["words"])
    for place, word in enumerate(encoding.word_ids()):
        if word is not None and found[word] is None:
            found[word] = model.config.id2label[int(logits[place].argmax())]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("predictions", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-4)
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.predictions.read_text().splitlines()]
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    torch.set_grad_enabled(False)
    if "tags" in rows[0]:
        model = AutoModelForTokenClassification.from_pretrained(options.model).eval()
        wrong = sum(tags(model, tokenizer, row) != row["tags"] for row in rows)
        pipeline("ner", model=model, tokenizer=tokenizer)("A text.")
        print(f"{len(rows)} rows, {wrong} with other tags")
        sys.exit(wrong > 0)
    model = AutoModelForSequenceClassification.from_pretrained(options.model).eval()
    worst = 0.0
    for row in rows:
        logits = model(**tokenizer(row["text"], row.get("text_pair"), return_tensors="pt", truncation=True)).logits[0]
        worst = max(worst, (logits - torch.tensor(row["logits"])).abs().max().item())
        if model.config.problem_type == "multi_label_classification":
            worst = max(worst, (logits.sigmoid() - torch.tensor(row["probabilities"])).abs().max().item())
        elif model.config.problem_type == "regression" and "score" in row:
            worst = max(worst, abs(logits[0].item() - row["score"]))
    print(f"{len(rows)} rows of {model.config.problem_type}, worst difference {worst:.2e}")
    sys.exit(worst > options.tolerance)


if __name__ == "__main__":
    main()
