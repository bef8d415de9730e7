"""The batches: real tweets, cut into random batches and into length-grouped ones. Both programs see the same
sentences in the same batches."""

import random
from dataclasses import dataclass

from workloads import MAX_LENGTH, SEED, Workload

# As transformers' `group_by_length`: random groups of so many batches, sorted by length inside.
GROUPED_BATCHES = 50


@dataclass
class Rows:
    """Tokenised tweets."""

    texts: list[str]
    labels: list[int]
    tokens: list[list[int]]

    def __len__(self) -> int:
        return len(self.texts)

    def batch(self, indices: list[int]) -> dict:
        return {"tokens": [self.tokens[i] for i in indices], "labels": [self.labels[i] for i in indices]}

    def lengths(self, batch: list[int]) -> list[int]:
        return [len(self.tokens[i]) for i in batch]


def read(folder: str, tokenizer_directory: str, limit: int) -> Rows:
    """A random `limit` of the training tweets in `folder`."""
    from transformers import AutoTokenizer

    with open(f"{folder}/train_text.txt", encoding="utf-8", newline="\n") as file:
        texts = file.read().split("\n")
    with open(f"{folder}/train_labels.txt", encoding="utf-8") as file:
        labels = [int(line) for line in file.read().split()]
    rows = [(text, label) for text, label in zip(texts, labels) if text.strip()]
    random.Random(SEED).shuffle(rows)
    rows = rows[:limit]
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_directory)
    encoded = tokenizer([text for text, _ in rows], truncation=True, max_length=MAX_LENGTH)["input_ids"]
    return Rows([text for text, _ in rows], [label for _, label in rows], encoded)


def rungs(workload: Workload, rows: Rows, steps: int) -> dict[str, list[list[int]]]:
    """`steps` random batches, and as many length-grouped ones: of a sorted group of batches those at evenly spaced
    places, in random order, so that they are as long on average as all of them."""
    size = workload.batch
    order = list(range(len(rows)))
    random.Random(SEED + 1).shuffle(order)
    count = min(GROUPED_BATCHES, len(order) // size)
    group = sorted(order[: count * size], key=lambda i: len(rows.tokens[i]))
    sorted_batches = [group[i * size : (i + 1) * size] for i in range(count)]
    grouped = [sorted_batches[int((i + 0.5) * count / steps)] for i in range(steps)]
    random.Random(SEED + 2).shuffle(grouped)
    return {"random": [order[i * size : (i + 1) * size] for i in range(steps)], "grouped": grouped}
