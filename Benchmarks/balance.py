"""How evenly micro-batches share a global batch's tokens: the slowest rank against the mean, on real lengths.

    python3 Benchmarks/balance.py [--data DIR] [--model DIR] [--batches N]

Prints, for several numbers of ranks and sentences a rank, the time lost to imbalance when sentences are dealt out in
the order of the batch (as DDP's sampler does) and when the longest goes first to whoever has the fewest tokens (as
distill-ddp does). A rank's work is taken as its tokens.
"""

import argparse
import heapq
import random
from statistics import mean

import batches as batching


def in_order(lengths: list[int], ranks: int) -> float:
    """Σ over the batch of the slowest rank's share, each rank the same number of sentences."""
    size = len(lengths) // ranks
    return max(sum(lengths[i * size:(i + 1) * size]) for i in range(ranks)) * ranks / sum(lengths)


def padded(lengths: list[int], ranks: int) -> float:
    """As `in_order`, each rank padding to its longest sentence."""
    size = len(lengths) // ranks
    return max(max(lengths[i * size:(i + 1) * size]) * size for i in range(ranks)) * ranks / sum(lengths)


def longest_first(lengths: list[int], ranks: int) -> float:
    heap = [0] * ranks
    for length in sorted(lengths, reverse=True):
        heapq.heapreplace(heap, heap[0] + length)
    return max(heap) * ranks / sum(lengths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="runs/quickstart/data", help="has train_text.txt and train_labels.txt")
    parser.add_argument("--model", default="runs/quickstart/minilm", help="whose tokenizer is used")
    parser.add_argument("--batches", type=int, default=200)
    arguments = parser.parse_args()
    rows = batching.read(arguments.data, arguments.model, limit=10**9)
    lengths = rows.lengths(range(len(rows.texts)))
    print(f"{len(lengths)} sentences, {mean(lengths):.1f} tokens on average, {max(lengths)} at most\n")
    print("| ranks | sentences a rank | padded, in order | in order | longest first |")
    print("|---|---|---|---|---|")
    chance = random.Random(2022)
    for ranks, size in [(2, 32), (8, 32), (64, 32), (64, 8), (256, 8), (1024, 8)]:
        if ranks * size > len(lengths):
            continue
        drawn = [chance.sample(lengths, ranks * size) for _ in range(arguments.batches)]
        lost = [mean(share(batch, ranks) for batch in drawn) - 1 for share in (padded, in_order, longest_first)]
        print(f"| {ranks} | {size} | " + " | ".join(f"{100 * part:.1f} %" for part in lost) + " |")


if __name__ == "__main__":
    main()
