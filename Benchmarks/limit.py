"""The machine's limit in the run at hand: how long a step's necessary products take at sgemm's measured rate."""

import json
import os
import subprocess

from necessary_work import step
from workloads import Workload


def build(cache: str) -> str:
    """Compiles the measuring program and returns its path."""
    here = os.path.dirname(os.path.abspath(__file__))
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "openblas"], capture_output=True, text=True, check=True).stdout.split()
    program = f"{cache}/sgemm_rate"
    subprocess.run(
        ["cc", "-O3", "-march=native", f"{here}/sgemm_rate.c", "-o", program, *flags, "-lpthread"], check=True)
    return program


class Limit:
    """Rates at the shapes of a workload's average batch, shared by two threads."""

    def __init__(self, program: str, workload: Workload, lengths: list[list[int]], threads: int, seconds: float):
        self.program, self.workload, self.threads, self.seconds = program, workload, threads, seconds
        self.core, self.peaks = "", []
        everything = [n for batch in lengths for n in batch]
        # The average batch: every k-th sentence.
        typical = sorted(everything)[len(lengths) // 2 :: len(lengths)]
        # Prediction has no batch to share: each thread multiplies whole ones.
        self.typical = step(workload, typical, 1 if workload.predicts else threads)
        self.shapes = sorted({str(product) for product in self.typical.products})
        # GFLOP/s of all threads together, over the workload's mix of shapes.
        self.samples: list[float] = []

    def measure(self) -> None:
        answer = subprocess.run(
            [self.program, str(self.threads), str(self.seconds), *self.shapes], capture_output=True, text=True,
            check=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
        result = json.loads(answer.stdout)
        self.core = result["core"]
        self.peaks.append(result["peak"])
        rates = dict(zip(self.shapes, result["shapes"]))
        products = self.typical.products
        seconds = sum(product.flops / rates[str(product)] for product in products)
        self.samples.append(sum(product.flops for product in products) / seconds)

    def flops(self, lengths: list[list[int]]) -> float:
        """What batches of these lengths need."""
        return sum(step(self.workload, batch).flops for batch in lengths)
