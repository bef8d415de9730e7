"""What more ranks cost where each has the same small work: from the launch to the first step, and a step's time.

    python3 Benchmarks/overhead.py [--ranks N…] [--binary PATH]

All ranks share this machine's cores, so times grow with their number at least. The processor's time of a rank need not:
where it does, ranks do more for having more neighbours. Models are those of the fault test, of four layers of 18 numbers.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.append(str(REPOSITORY / "Tests/Faults"))
from workspace import Workspace  # noqa: E402

WARM_UP = 5


@dataclass
class Launch:
    seconds: float  # to the first step, or all
    processor: float  # seconds of all ranks and mpirun
    step: float = 0.0


def launch(workspace: Workspace, ranks: int, program: list[str]) -> Launch:
    command = ["mpirun", "-np", str(ranks), "--bind-to", "none", "--oversubscribe", *program]
    before, began = processor(), time.time()
    result = subprocess.run(command, capture_output=True, text=True, env=workspace.environment(), cwd=workspace.root)
    seconds = time.time() - began
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: status {result.returncode}: {result.stderr[-2000:]}")
    return Launch(seconds, processor() - before)


def processor() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def train(workspace: Workspace, ranks: int, steps: int) -> Launch:
    workspace.forget()
    began = time.time()
    answer = launch(workspace, ranks, [workspace.binary, *workspace.arguments(
        f"training.batchSize={4 * ranks}", f"training.microBatches={ranks}", f"training.maxSteps={steps}",
        "training.validateEverySteps=100000", "run.saveStateEverySteps=100000", resume=None)])
    events = [event for event in workspace.events() if event["event"] == "step"]
    first = events[0]["time"] - events[0]["seconds"] - began
    return Launch(first, answer.processor, statistics.median(event["seconds"] for event in events[WARM_UP:steps]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4, 8, 16, 32, 64, 128])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--library", default="libmpi.so.40", help="of the mpirun on the PATH")
    parser.add_argument("--binary", default=str(REPOSITORY / ".build/release/distill-ddp"))
    options = parser.parse_args()
    workspace = Workspace(options.binary)
    try:
        only_mpi = str(workspace.root / "only_mpi")
        subprocess.run(["clang", "-O2", str(pathlib.Path(__file__).with_name("only_mpi.c")), "-ldl", "-o", only_mpi],
                       check=True)
        print("| ranks | MPI alone | to the first step | a step | processor time of a rank: MPI alone | to the first step "
              "and one step | a step |")
        print("|---" * 7 + "|")
        for ranks in options.ranks:
            rounds = [(launch(workspace, ranks, [only_mpi, options.library]), train(workspace, ranks, WARM_UP + 1),
                       train(workspace, ranks, WARM_UP + 1 + options.steps)) for _ in range(options.rounds)]
            middle = statistics.median
            step = middle(long.processor - short.processor for _, short, long in rounds) / options.steps / 2
            print(f"| {ranks} | {middle(mpi.seconds for mpi, _, _ in rounds):.2f} s "
                  f"| {middle(min(short.seconds, long.seconds) for _, short, long in rounds):.2f} s "
                  f"| {1e3 * middle(long.step for _, _, long in rounds):.1f} ms "
                  f"| {middle(mpi.processor for mpi, _, _ in rounds) / ranks:.2f} s "
                  f"| {middle(short.processor for _, short, _ in rounds) / ranks:.2f} s "
                  f"| {1e3 * step / ranks:.1f} ms |", flush=True)
    finally:
        workspace.remove()


if __name__ == "__main__":
    main()
