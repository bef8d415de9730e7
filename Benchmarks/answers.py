"""How soon a model in memory answers: `distill_ddp.load(…).predict` beside the command line's `predict` for many tweets,
and beside PyTorch and ONNX Runtime for one.

    PYTHONPATH=Python DISTILL_DDP=PROGRAM python3 Benchmarks/answers.py --model DIR [--data DIR] [--texts N] [--rounds N]

Needs torch, transformers and onnxruntime, and a classifier. Contenders take turns in every round, so that what else the
machine does meets all of them; tables give medians, and processor time besides.
"""

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import onnxruntime
import torch
import transformers

import distill_ddp as dd
from distill_ddp import _program

MAX_LENGTH = 128
# Of latencies, in each round.
BURST = 100
# Sums in another order, over as many layers as a model has.
TOLERANCE = 1e-4


def processor_seconds(pid: int | None) -> float:
    """Of this process, and of another."""
    own = time.process_time()
    if pid is None:
        return own
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return own + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read(path: str, count: int) -> list[str]:
    with open(path, encoding="utf-8", newline="\n") as file:
        texts = [line for line in file.read().split("\n") if line.strip()]
    return texts[:count]


# Many tweets


def command_line(model: str, texts: list[str], threads: int) -> tuple[float, float, list[list[float]]]:
    """Seconds, seconds of processors, and logits of the program, from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/texts.txt", "w", encoding="utf-8") as file:
            file.writelines(text + "\n" for text in texts)
        words = [_program.path(), "predict", "--model", model, "--input", f"{folder}/texts.txt", "--output",
                 f"{folder}/predictions.jsonl", "--threads", str(threads), "--max-length", str(MAX_LENGTH)]
        began = time.perf_counter()
        with open(f"{folder}/errors.txt", "w+", encoding="utf-8") as errors:
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=errors)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            seconds = time.perf_counter() - began
            errors.seek(0)
            assert process.returncode == 0, f"{words}: status {process.returncode}: {errors.read()}"
        with open(f"{folder}/predictions.jsonl", encoding="utf-8") as file:
            logits = [json.loads(line)["logits"] for line in file]
    return seconds, usage.ru_utime + usage.ru_stime, logits


def throughput(model: str, texts: list[str], rounds: int, threads: int) -> None:
    samples: dict[str, list[tuple[float, float]]] = {"predict of the command line": [], "load": [], "predict of Python": []}
    for number in range(rounds):
        def from_python() -> list[list[float]]:
            began, used = time.perf_counter(), time.process_time()
            with dd.load(model, threads=threads, max_length=MAX_LENGTH) as loaded:
                ready, ready_used = time.perf_counter(), processor_seconds(loaded.pid)
                found = loaded.predict(texts)
                samples["predict of Python"].append(
                    (time.perf_counter() - ready, processor_seconds(loaded.pid) - ready_used))
            samples["load"].append((ready - began, ready_used - used))
            return [prediction.logits for prediction in found]

        def from_command_line() -> list[list[float]]:
            seconds, used, logits = command_line(model, texts, threads)
            samples["predict of the command line"].append((seconds, used))
            return logits

        order: list[Callable[[], list[list[float]]]] = [from_python, from_command_line]
        answers = [contender() for contender in (order if number % 2 else order[::-1])]
        assert answers[0] == answers[1], "the two do not answer alike"
    print(f"\n| {len(texts)} tweets, {threads} threads | seconds | of processors |\n|---|---|---|")
    for name, rows in samples.items():
        print(f"| {name} | {median(row[0] for row in rows):.2f} | {median(row[1] for row in rows):.2f} |")


# One tweet


def contenders(model: str, exported: str, threads: list[int]) -> dict[str, tuple[Callable[[str], list[float]], int | None]]:
    """By name: the logits of a text, and the process that computes them where it is another."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(model)
    torch_model = transformers.AutoModelForSequenceClassification.from_pretrained(model).eval()
    found: dict[str, tuple[Callable[[str], list[float]], int | None]] = {}

    def tokens(text: str, kind: str) -> Any:
        return tokenizer(text, truncation=True, max_length=MAX_LENGTH, return_tensors=kind)

    for count in threads:
        loaded = dd.load(model, threads=count, max_length=MAX_LENGTH)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = count
        session = onnxruntime.InferenceSession(f"{exported}/onnx/model.onnx", options, providers=["CPUExecutionProvider"])

        def ours(text: str, loaded: dd.Model = loaded) -> list[float]:
            return loaded.predict(text).logits

        def pytorch(text: str, count: int = count) -> list[float]:
            torch.set_num_threads(count)
            with torch.inference_mode():
                logits: list[float] = torch_model(**tokens(text, "pt")).logits[0].tolist()
            return logits

        def onnx(text: str, session: Any = session) -> list[float]:
            logits: list[float] = session.run(None, dict(tokens(text, "np")))[0][0].tolist()
            return logits

        found |= {f"distill_ddp, {count} threads": (ours, loaded.pid), f"PyTorch, {count} threads": (pytorch, None),
                  f"ONNX Runtime, {count} threads": (onnx, None)}
    return found


def latency(model: str, texts: list[str], rounds: int, threads: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        exported = dd.export(model, f"{folder}/exported")
        programs = contenders(model, str(exported), threads)
    wall: dict[str, list[float]] = {name: [] for name in programs}
    used: dict[str, list[float]] = {name: [] for name in programs}
    first = next(iter(programs.values()))[0]
    for text in texts[:BURST]:
        wanted = first(text)
        for name, (answer, _) in programs.items():
            assert max(abs(a - b) for a, b in zip(answer(text), wanted)) <= TOLERANCE, f"{name} answers otherwise: {text}"
    for number in range(rounds):
        burst = [texts[(number * BURST + index) % len(texts)] for index in range(BURST)]
        for name, (answer, pid) in programs.items():
            answer(burst[-1])
            began = processor_seconds(pid)
            for text in burst:
                start = time.perf_counter()
                answer(text)
                wall[name].append(time.perf_counter() - start)
            used[name].append((processor_seconds(pid) - began) / BURST)
    print("\n| one tweet | median | 95 of 100 within | of processors |\n|---|---|---|---|")
    for name, seconds in wall.items():
        late = sorted(seconds)[int(0.95 * len(seconds))]
        print(f"| {name} | {1e3 * median(seconds):.2f} ms | {1e3 * late:.2f} ms | {1e3 * median(used[name]):.2f} ms |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a classifier")
    parser.add_argument("--data", default="runs/quickstart/data", help="has train_text.txt")
    parser.add_argument("--texts", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2, help="of many tweets; one tweet is tried with one as well")
    parser.add_argument("--only", choices=("many", "one"))
    arguments = parser.parse_args()
    texts = read(f"{arguments.data}/train_text.txt", arguments.texts)
    if arguments.only != "one":
        throughput(arguments.model, texts, arguments.rounds, arguments.threads)
    if arguments.only != "many":
        latency(arguments.model, texts, 2 * arguments.rounds, sorted({1, arguments.threads}))


if __name__ == "__main__":
    main()
