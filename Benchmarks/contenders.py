"""The programs that are measured: distill-ddp in a process for each burst, PyTorch in processes that wait between
theirs. Only one of them works at a time."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

from batches import Rows
from workloads import LABELS, LEARNING_RATE, MAX_LENGTH, SEED, WEIGHT_DECAY, Workload

HERE = os.path.dirname(os.path.abspath(__file__))


class Memory(threading.Thread):
    """Samples the proportional set size of a process and its descendants, summed; the launcher is left out."""

    def __init__(self, root: int, interval: float = 0.25):
        super().__init__(daemon=True)
        self.root, self.interval, self.peak, self.stopped = root, interval, 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self.stopped.wait(self.interval):
            self.peak = max(self.peak, sum(self._size(process) for process in self._family()))

    def stop(self) -> float:
        """Ends sampling and returns the peak in MiB."""
        self.stopped.set()
        self.join()
        return self.peak / 1024

    def _family(self) -> set[int]:
        parents = {}
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/stat") as file:
                    name, rest = file.read().rsplit(")", 1)
                parents[int(entry)] = (int(rest.split()[1]), name.split("(", 1)[1])
            except (OSError, ValueError):
                continue
        family = {self.root}
        while True:
            more = {process for process, (parent, _) in parents.items() if parent in family} - family
            if not more:
                return {p for p in family if p in parents and parents[p][1] not in ("mpirun", "orted")}
            family |= more

    @staticmethod
    def _size(process: int) -> int:
        try:
            with open(f"/proc/{process}/smaps_rollup") as file:
                return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        except (OSError, StopIteration):
            return 0


class Failure(Exception):
    pass


class Ours:
    """distill-ddp on `ranks` ranks of `threads` threads; with `micro_batches`, cut into as many on any of them."""

    def __init__(self, binary: str, cache: str, workload: Workload, ranks: int = 1, threads: int = 2,
                 micro_batches: int | None = None, precision: str = "float32", training: str = "float32"):
        """`precision` is the teacher's and of predictions, `training` the student's."""
        self.precision, self.training = precision, training
        self.binary, self.cache, self.workload = binary, cache, workload
        self.ranks, self.threads, self.micro_batches = ranks, threads, micro_batches
        self.peak_memory = 0.0
        self.started = 0.0

    @property
    def name(self) -> str:
        return f"{self.ranks} × {self.threads}" + (f", {self.micro_batches} pinned" if self.micro_batches else "")

    def burst(self, rows: Rows, batches: list[list[int]], dropout: bool = True, memory: bool = False) -> dict:
        """Runs the batches once and returns seconds, tokens and losses of each step (of all, when predicting)."""
        folder = f"{self.cache}/ours"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        if self.workload.predicts:
            self._write(folder, rows, batches)
            report = json.loads(
                self._run([
                    "evaluate", "--json", "--model", f"{self.cache}/{self.workload.student}", "--max-length",
                    str(MAX_LENGTH), "--precision", self.precision, "--data", f"{folder}/text.txt",
                    f"{folder}/labels.txt"], memory))
            count = sum(len(batch) for batch in batches)
            return {"seconds": [report["seconds_per_1000"] * count / 1000], "losses": [report["loss"]]}
        # What comes before the timed steps: with a cached teacher, the epoch that fills the cache; else the longest
        # batch, which makes every buffer as large as it will be.
        first = batches if self.workload.cached else [max(batches, key=lambda batch: sum(rows.lengths(batch)))]
        # Several ranks run the live teacher on the next batch within a step: one more keeps the last as long as others.
        after = batches[:1] if self.ranks > 1 and not self.workload.cached else []
        if not dropout:
            first, after = [], []
        steps = self.train(rows, batches if self.workload.cached and dropout else first + batches + after,
                           steps=len(first) + len(batches) + len(after), dropout=dropout,
                           memory=memory)[len(first):len(first) + len(batches)]
        expected = [sum(rows.lengths(batch)) for batch in batches]
        found = [step["tokens"] for step in steps]
        if found != expected:
            raise Failure(f"distill-ddp and transformers tokenise differently: {found} and {expected} tokens")
        return {
            "seconds": [step["seconds"] for step in steps], "losses": [step["loss"] for step in steps],
            "exposed": [step["exposed_communication"] for step in steps]}

    def train(self, rows: Rows, batches, steps: int, dropout: bool = True, memory: bool = False) -> list[dict]:
        """Returns the step events of metrics.jsonl."""
        folder = f"{self.cache}/ours"
        os.makedirs(folder, exist_ok=True)
        self._write(folder, rows, batches)
        with open(f"{folder}/config.yaml", "w") as file:
            file.write(self._configuration(folder, steps, dropout))
        self._run(["train", "--quiet", "--config", f"{folder}/config.yaml"], memory)
        with open(f"{folder}/run/metrics.jsonl") as file:
            events = [json.loads(line) for line in file]
        return [event for event in events if event["event"] == "step"]

    def _write(self, folder: str, rows: Rows, batches: list[list[int]]) -> None:
        chosen = [i for batch in batches for i in batch]
        with open(f"{folder}/text.txt", "w", encoding="utf-8", newline="\n") as file:
            file.write("\n".join(rows.texts[i] for i in chosen) + "\n")
        with open(f"{folder}/labels.txt", "w") as file:
            file.write("\n".join(str(rows.labels[i]) for i in chosen) + "\n")

    def _configuration(self, folder: str, steps: int, dropout: bool) -> str:
        """YAML, of which JSON is a part."""
        workload = self.workload
        configuration = {
            "run": {"directory": f"{folder}/run", "seed": SEED, "overwrite": True},
            "task": {"kind": "classification", "labels": LABELS},
            "data": {
                "train": {"text": f"{folder}/text.txt", "labels": f"{folder}/labels.txt"}, "maxLength": MAX_LENGTH},
            "student": {"model": f"{self.cache}/{workload.student}"},
            "training": {
                "batchSize": workload.batch, "maxSteps": steps, "shuffle": False, "learningRate": LEARNING_RATE,
                "optimizer": {"kind": "adamw", "weightDecay": WEIGHT_DECAY, "eps": "EPS"},
                "schedule": {"kind": "constant", "warmup": 0}, "maxGradientNorm": None},
            "stages": [{
                "name": "measured", "labelWeight": workload.label_weight,
                "adaptors": [{adaptor: {"layers": "last"}} if adaptor != "LogitMSE" else adaptor
                             for adaptor in workload.adaptors],
                "checkpoint": {"monitor": None}}],
        }
        if workload.teacher:
            configuration["teacher"] = {"model": f"{self.cache}/{workload.teacher}"}
            if workload.cached:
                configuration["teacher"]["cache"] = {"path": f"{folder}/teacher-cache"}
            configuration["teacher"]["precision"] = self.precision
        configuration["training"]["precision"] = self.training
        if self.micro_batches:
            configuration["training"]["microBatches"] = self.micro_batches
        if not dropout:
            configuration["student"]["dropout"] = {"hidden": 0, "attention": 0, "classifier": 0}
        return json.dumps(configuration, indent=1).replace('"EPS"', "1.0e-8")

    def _run(self, words: list[str], memory: bool) -> str:
        command = [self.binary, *words, "--threads", str(self.threads)]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        if self.ranks > 1:
            command = ["mpirun", "-np", str(self.ranks), "--bind-to", "none", "--oversubscribe", *command]
        self.started = time.time()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        sampler = Memory(process.pid, 0.02) if memory else None
        output, errors = process.communicate()
        if sampler:
            self.peak_memory = max(self.peak_memory, sampler.stop())
        if process.returncode != 0:
            raise Failure(f"{' '.join(command)}: {errors.strip() or output.strip()}")
        return output


class PyTorch:
    """`ranks` processes of `threads` threads, told what to do through pipes."""

    def __init__(self, cache: str, workload: Workload, batches: dict[str, list[dict]], ranks: int, threads: int,
                 dropout: bool = True, autocast: bool = False):
        self.workload, self.ranks, self.threads, self.autocast = workload, ranks, threads, autocast
        self.peak_memory = 0.0
        path = f"{cache}/batches.json"
        with open(path, "w") as file:
            json.dump(batches, file)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.processes = []
        for rank in range(ranks):
            command = [
                sys.executable, f"{HERE}/pytorch_worker.py", "--workload", workload.name, "--cache", cache, "--batches",
                path, "--threads", str(threads), "--rank", str(rank), "--ranks", str(ranks), "--port", str(port)]
            command += ([] if dropout else ["--no-dropout"]) + (["--autocast"] if autocast else [])
            self.processes.append(
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        self._answers()

    @property
    def name(self) -> str:
        return f"{self.ranks} × {self.threads}" + (", bf16" if self.autocast else "")

    def burst(self, rung: str, memory: bool = False) -> dict:
        samplers = [Memory(process.pid) for process in self.processes] if memory else []
        for process in self.processes:
            process.stdin.write(json.dumps({"rung": rung}) + "\n")
            process.stdin.flush()
        answers = self._answers()
        if samplers:
            self.peak_memory = max(self.peak_memory, sum(sampler.stop() for sampler in samplers))
        # A step is over when its last rank is.
        return {
            "seconds": [max(values) for values in zip(*(answer["seconds"] for answer in answers))],
            "losses": [sum(values) for values in zip(*(answer["losses"] for answer in answers))]}

    def _answers(self) -> list[dict]:
        answers = []
        for process in self.processes:
            line = process.stdout.readline()
            if not line:
                errors = process.stderr.read()
                self.close()
                raise Failure(f"pytorch_worker.py: {errors.strip()}")
            answers.append(json.loads(line))
        return answers

    def close(self) -> None:
        for process in self.processes:
            process.stdin.close()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
