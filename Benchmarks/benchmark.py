"""Measures distill-ddp and PyTorch side by side; launch/benchmark.sh runs it. README.md says how."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time

import batches as batching
import limit as limits
import models
import report
from contenders import Failure, Ours, PyTorch
from workloads import WORKLOADS, Workload

EXTRAS = ["scaling", "startup", "kernels", "products"]
RUNGS = ["random", "grouped"]


def note(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}, load {os.getloadavg()[0]:.1f}] {text}", file=sys.stderr, flush=True)


class Benchmark:
    def __init__(self, arguments):
        self.arguments = arguments
        self.cache = arguments.cache
        self.threads = 2
        models.prepare(self.cache, arguments.model)
        self.rows = batching.read(arguments.data, f"{self.cache}/minilm", limit=8000)
        self.sgemm = limits.build(self.cache)
        self.results: dict = {"machine": machine(), "workloads": {}}
        self.has_cache = self._accepts_cache()

    def _accepts_cache(self) -> bool:
        """Whether this build reads `teacher.cache`."""
        try:
            self._ours(WORKLOADS["F"]).burst(self.rows, [[0, 1]])
        except Failure as failure:
            if "cache" not in str(failure):
                raise
            return False
        return True

    def _ours(self, workload: Workload, ranks: int = 1, threads: int = 2, micro_batches: int | None = None) -> Ours:
        return Ours(
            self.arguments.binary, self.cache, workload, ranks, threads, micro_batches, self.arguments.precision,
            self.arguments.training_precision)

    # MARK: Side by side

    def _steps(self, workload: Workload) -> int:
        return self.arguments.steps or (1 if self.arguments.quick else workload.steps)

    def _pytorch(self, workload: Workload, rungs, ranks: int, dropout: bool = True, autocast: bool = False) -> PyTorch:
        data = {rung: [self.rows.batch(batch) for batch in batches] for rung, batches in rungs.items()}
        # Before each burst, a batch of short sentences wakes threads and caches; probes have warmed up all else.
        short = sorted(range(len(self.rows)), key=lambda i: len(self.rows.tokens[i]))[: workload.batch]
        data["warmup"] = [self.rows.batch(short)] if dropout else []
        return PyTorch(self.cache, workload, data, ranks, self.threads // ranks, dropout, autocast)

    def compare(self, workload: Workload) -> None:
        """Ours and PyTorch, both rungs, in turns."""
        live = not workload.cached or self.has_cache
        if not live and workload.name == "A2":
            return note("A2: skipped, this build has no teacher cache")
        if not live:
            note(f"{workload.name}: this build has no teacher cache, so the teacher is live")
            workload = live_teacher(workload)
        rungs = batching.rungs(workload, self.rows, self._steps(workload))
        lengths = {rung: [self.rows.lengths(batch) for batch in batches] for rung, batches in rungs.items()}
        tokens = {rung: sum(map(sum, values)) for rung, values in lengths.items()}
        limit = limits.Limit(
            self.sgemm, workload, lengths["random"] + lengths["grouped"], self.threads,
            seconds=0.02 if self.arguments.quick else 0.06)
        ours = self._ours(workload)
        teams, probes = self._probe(workload, rungs)
        best = {rung: min(teams, key=lambda name: sum(probes[name][rung]["seconds"])) for rung in RUNGS}
        for name in set(teams) - set(best.values()):
            teams.pop(name).close()
        note(f"{workload.name}: PyTorch is best as {best}")
        ours.burst(self.rows, rungs["random"], memory=True)
        samples = {rung: {"ours": [], "pytorch": []} for rung in RUNGS}
        for number in range(self.arguments.rounds):
            limit.measure()
            turns = [(rung, who) for rung in RUNGS for who in ("ours", "pytorch")]
            for rung, who in turns if number % 2 == 0 else reversed(turns):
                answer = ours.burst(self.rows, rungs[rung]) if who == "ours" else teams[best[rung]].burst(rung)
                samples[rung][who].append(sum(answer["seconds"]))
            rates = {rung: [tokens[rung] / times[-1] for times in samples[rung].values()] for rung in RUNGS}
            note(f"{workload.name}: round {number + 1} of {self.arguments.rounds}: " + ", ".join(
                f"{rung} {first:.0f} to {second:.0f}" for rung, (first, second) in rates.items()))
        memory = {name: team.peak_memory for name, team in probes["memory"].items()}
        for team in teams.values():
            team.close()
        self.results["workloads"][workload.name] = {
            "title": workload.title, "targets": workload.targets, "cached": workload.cached,
            "precision": {"teacher and predictions": self.arguments.precision,
                          "training": self.arguments.training_precision},
            "sgemm": {
                "gflops": limit.samples, "core": limit.core, "peak": statistics.median(limit.peaks),
                "shapes": limit.shapes},
            "memory_mib": {"ours": ours.peak_memory, "pytorch": memory},
            "rungs": {
                rung: {
                    "tokens": tokens[rung], "sentences": sum(map(len, lengths[rung])), "pytorch_as": best[rung],
                    "seconds": samples[rung], "flops": limit.flops(lengths[rung])}
                for rung in RUNGS}}

    def _probe(self, workload: Workload, rungs):
        """Starts PyTorch every way and times each rung once, which also warms up: in 32 bits and, where the processor
        multiplies bfloat16, under autocast. The fastest is what it is compared as."""
        teams, probes = {}, {"memory": {}}
        ways = [False, True] if {"avx512_bf16", "amx_bf16", "bf16"} & flags() else [False]
        for ranks, autocast in [(ranks, autocast) for autocast in ways for ranks in (1, 2)]:
            team = self._pytorch(workload, rungs, ranks, autocast=autocast)
            teams[team.name] = probes["memory"][team.name] = team
            probes[team.name] = {}
            for rung in RUNGS:
                probes[team.name][rung] = team.burst(rung, memory=rung == "random")
        return teams, probes

    # MARK: The rest

    def parity(self, workload: Workload, steps: int = 4) -> None:
        """Same tokens, no dropout: the losses of both over a few steps."""
        workload = live_teacher(workload)
        chosen = batching.rungs(workload, self.rows, steps)["random"]
        rungs = {"random": chosen, "grouped": chosen}
        ours = self._ours(workload).burst(self.rows, chosen, dropout=False)["losses"]
        result = {"ours": ours}
        for ranks in (1, 2):
            team = self._pytorch(workload, rungs, ranks, dropout=False)
            theirs = result[f"pytorch {team.name}"] = team.burst("random")["losses"]
            team.close()
            worst = max(abs(a - b) / abs(b) for a, b in zip(ours, theirs))
            print(f"{workload.name}: PyTorch {team.name}: largest relative difference of {steps} losses {worst:.1e} "
                  f"({'within' if worst < 1e-4 else 'NOT within'} 1e-4)")
            for a, b in zip(ours, theirs):
                print(f"   {a:.7f}  {b:.7f}")
        self.results.setdefault("parity", {})[workload.name] = result

    def scaling(self) -> None:
        """Ours on one rank of one thread, one of two, two of one and four of one; and two of them with pinned
        micro-batches. On fewer cores than ranks, four say what ranks cost that gain nothing."""
        for name, steps in (("A", 3), ("D", 12)):
            workload = WORKLOADS[name]
            chosen = batching.rungs(workload, self.rows, 1 if self.arguments.quick else steps)["random"]
            tokens = sum(sum(self.rows.lengths(batch)) for batch in chosen)
            samples: dict[str, list[float]] = {}
            exposed: dict[str, list[float]] = {}
            memory: dict[str, float] = {}
            for number in range(self.arguments.rounds):
                layouts = [(1, 1, None), (1, 2, None), (2, 1, None), (4, 1, None), (1, 2, 8), (2, 1, 8)]
                for layout in layouts if number % 2 == 0 else reversed(layouts):
                    ours = self._ours(workload, *layout)
                    answer = ours.burst(self.rows, chosen, memory=number == 0)
                    # Memory is looked at in a burst of its own, which also warms up.
                    if number == 0:
                        memory[ours.name] = ours.peak_memory
                        answer = ours.burst(self.rows, chosen)
                    samples.setdefault(ours.name, []).append(sum(answer["seconds"]))
                    exposed.setdefault(ours.name, []).append(sum(answer["exposed"]))
            self.results.setdefault("scaling", {})[name] = {
                "tokens": tokens, "seconds": samples, "exposed": exposed, "memory_mib": memory}
            note(f"scaling {name}: " + ", ".join(
                f"{key} {tokens / statistics.median(values):.0f} tokens/s" for key, values in samples.items()))

    def startup(self) -> None:
        """From the start of the process to that of its first step, with the real model and all tweets."""
        everything = batching.read(self.arguments.data, f"{self.cache}/minilm", limit=10**9)
        ours = self._ours(WORKLOADS["D"])
        samples = []
        for _ in range(self.arguments.rounds):
            step = ours.train(everything, [list(range(len(everything)))], steps=1)[0]
            samples.append(step["time"] - step["seconds"] - ours.started)
        self.results["startup"] = {"rows": len(everything), "seconds": samples}
        note(f"startup: {statistics.median(samples):.2f} s with {len(everything)} rows")

    def kernels(self) -> None:
        """CKernels against plain loops."""
        self.results["kernels"] = self._measured("kernels")

    def products(self) -> None:
        """The matrix products of each precision against the registers' rates."""
        self.results["products"] = self._measured("product_rate")

    def _measured(self, name: str) -> list:
        """What a program of this folder, built with CKernels, prints in each round."""
        here = os.path.dirname(os.path.abspath(__file__))
        root = os.path.dirname(here)
        sources = [f"{root}/Sources/CKernels/{file}" for file in sorted(os.listdir(f"{root}/Sources/CKernels"))
                   if file.endswith(".c")]
        program = f"{self.cache}/{name}"
        subprocess.run(
            ["clang", "-O2", "-std=gnu11", f"-I{root}/Sources/CKernels/include", f"-I{root}/Sources/CKernels",
             f"{here}/{name}.c", *sources, "-lm", "-o", program], check=True)
        return [json.loads(subprocess.run(
            [program], capture_output=True, text=True, check=True).stdout) for _ in range(self.arguments.rounds)]

    def run(self) -> None:
        for name in self.arguments.workloads:
            if self.arguments.parity:
                if name in WORKLOADS and not WORKLOADS[name].predicts and name != "A2":
                    self.parity(WORKLOADS[name])
                continue
            note(name)
            if name in WORKLOADS:
                self.compare(WORKLOADS[name])
            else:
                getattr(self, name)()
            self.save()
        if not self.arguments.parity:
            print(report.text(self.results))
            note(f"written: {self.save()}")

    def save(self) -> str:
        os.makedirs(os.path.dirname(os.path.abspath(self.arguments.output)), exist_ok=True)
        with open(self.arguments.output, "w") as file:
            json.dump(self.results, file, indent=1)
        return self.arguments.output


def live_teacher(workload: Workload) -> Workload:
    from dataclasses import replace

    return replace(workload, cached=False, title=workload.title.replace(", cached teacher", ", live teacher"))


def flags() -> set[str]:
    """What the processor says it can do."""
    with open("/proc/cpuinfo") as file:
        line = next((line for line in file if line.startswith(("flags", "Features"))), ":")
    return set(line.split(":")[1].split())


INSTRUCTIONS = ["avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16", "amx_int8", "asimd", "bf16", "i8mm"]


def machine() -> dict:
    import torch
    import transformers

    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "")
    return {
        "cpu": model, "instructions": " ".join(name for name in INSTRUCTIONS if name in flags()), "cores": os.cpu_count(), "system": platform.platform(), "torch": torch.__version__,
        "transformers": transformers.__version__, "time": time.strftime("%Y-%m-%d %H:%M:%S"),
        "load": os.getloadavg()[0]}


def main() -> None:
    names = list(WORKLOADS) + EXTRAS
    parser = argparse.ArgumentParser(prog="launch/benchmark.sh", description=__doc__)
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {', '.join(names)}; all without")
    parser.add_argument("--rounds", type=int, default=5, help="timed bursts of each program (5)")
    parser.add_argument("--steps", type=int, help="batches in a burst (by workload)")
    parser.add_argument("--quick", action="store_true", help="one batch a burst and one round: to see that it works")
    parser.add_argument("--parity", action="store_true", help="compare losses instead of speed")
    parser.add_argument(
        "--precision", choices=["float32", "bfloat16", "int8"], default="float32", help="our teacher's and predictions'")
    parser.add_argument(
        "--training-precision", choices=["float32", "bfloat16"], default="float32", help="our student's")
    parser.add_argument("--data", default="runs/quickstart/data", help="folder of train_text.txt and train_labels.txt")
    parser.add_argument("--model", default="runs/quickstart/model", help="the MiniLM-L6 checkpoint")
    parser.add_argument("--cache", default="runs/benchmark", help="where models and programs are kept")
    parser.add_argument("--output", default="runs/benchmark/results.json")
    parser.add_argument("--binary", default=".build/release/distill-ddp")
    arguments = parser.parse_args()
    if unknown := set(arguments.workloads) - set(names):
        parser.error(f"expected workloads of {', '.join(names)}, found {', '.join(sorted(unknown))}")
    arguments.workloads = arguments.workloads or names
    if arguments.quick:
        arguments.rounds = 1
    for path in (arguments.data, arguments.model):
        if not os.path.isdir(path):
            parser.error(f"{path}: not there; launch/fetch-quickstart-data.sh fetches it, or use --data and --model")
    try:
        Benchmark(arguments).run()
    except Failure as failure:
        sys.exit(f"benchmark: {failure}")


main()
