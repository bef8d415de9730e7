"""What a step costs on many nodes: a model of compute, bytes and latency, for docs/scaling.md.

    python3 Benchmarks/scaling_model.py [--data DIR] [--model DIR]

A node is one rank here: its cores share one link. The words of a global batch, whose rows are summed, are counted on
real data; beyond the data's size they stay those of all of it.
"""

import argparse
import math
import random

import batches as batching
from links import HEADERS, Links, halving

CORES, RATE = 32, 100e9  # a node's cores, and what one of them multiplies a second, as measured here
SENTENCES = 256  # a node's share of the global batch
# Of a round, beside its bytes. A long message is announced, asked for and sent, each of which takes the network 5 µs;
# ranks that look for it and sleep in between notice that 0.1 ms later in all (Benchmarks/network.py).
LATENCY = 3 * 5e-6 + 1e-4
CHUNK = 1 << 21  # numbers summed at once
MEMORY = 100e9  # bytes a second that a node's optimizer reads and writes
LINKS = {"10 Gb": 1.25e9, "25 Gb": 3.125e9, "100 Gb": 12.5e9}
NODES = [1, 2, 8, 64, 256, 1024]
IMBALANCE = {1: 0, 2: 0.001, 8: 0.002, 64: 0.004, 256: 0.01, 1024: 0.02}  # Benchmarks/balance.py

# bert-base → 4 × 312, AttnMiniLM + ValMiniLM + LogitMSE. Operations a token (necessary_work.py), with the teacher and
# from its cache; parameters updated whole, and the width of a word's row.
LIVE, CACHED = 184e6, 30e6
LAYERS, WHOLE, WIDTH = 4, 4.83e6, 312
BACKWARD = 2 / 3  # its share of the student's operations
EMBEDDINGS = 514 * 312  # parameters updated whole whose gradient is complete last, with the words' rows


def step(nodes: int, tokens: float, rows: int, bandwidth: float, live: bool, width: int = 4) -> tuple[float, float]:
    """Seconds of a step, and of them the exposed communication; `width` is the bytes of a number on the wire."""
    seconds = tokens / (CORES * RATE)  # of an operation a token
    compute = seconds * (LIVE if live else CACHED) * (1 + IMBALANCE[nodes])
    values = WHOLE + rows * WIDTH
    optimizer = 28 * values / MEMORY

    links = Links(bandwidth / HEADERS, LATENCY)
    last = EMBEDDINGS + rows * WIDTH
    rounds, pieces = halving(nodes), math.ceil(last / CHUNK)
    # A layer is a chunk.
    communication = links.seconds(rounds, width * values, LAYERS + pieces)
    teacher = seconds * (LIVE - CACHED) if live else 0.0
    backward = seconds * CACHED * BACKWARD
    # What is complete last cannot hide behind the backward pass.
    exposed = max(0.0, communication - teacher - backward, links.seconds(rounds, width * last, pieces) - teacher)
    return compute + optimizer + exposed, exposed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="runs/quickstart/data", help="has train_text.txt and train_labels.txt")
    parser.add_argument("--model", default="runs/quickstart/minilm", help="whose tokenizer is used")
    arguments = parser.parse_args()
    rows = batching.read(arguments.data, arguments.model, limit=10**9)
    order = list(range(len(rows)))
    random.Random(1).shuffle(order)
    tokens = SENTENCES * sum(len(ids) for ids in rows.tokens) / len(rows)
    for title, live, width in [("live teacher", True, 4), ("cached teacher", False, 4), ("cached, bfloat16", False, 2)]:
        print(f"\n{title}\n")
        print("| nodes | global batch | words | " + " | ".join(f"{link}: step, exposed, efficiency" for link in LINKS) + " |")
        print("|---" * (3 + len(LINKS)) + "|")
        for nodes in NODES:
            words = len({word for i in order[: nodes * SENTENCES] for word in rows.tokens[i]})
            cells = []
            for bandwidth in LINKS.values():
                alone, _ = step(1, tokens, len({w for i in order[:SENTENCES] for w in rows.tokens[i]}), bandwidth, live)
                total, exposed = step(nodes, tokens, words, bandwidth, live, width)
                cells.append(f"{1e3 * total:.0f} ms, {1e3 * exposed:.0f} ms, {100 * alone / total:.0f} %")
            print(f"| {nodes} | {nodes * SENTENCES} | {words} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
