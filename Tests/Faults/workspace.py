"""A directory with small models and data, in which distill-ddp is run, hurt and resumed."""

import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
TOKENIZER = REPOSITORY / "Tests/Fixtures/tokenizer"
VOCABULARY = (TOKENIZER / "vocab.txt").read_text().split()

# Two stages with projections, dropout, validations in mid-epoch and states more often than these.
CONFIGURATION = """\
run: {{directory: {root}/run, seed: 7, saveStateEverySteps: 10}}
data:
  train: {{text: {root}/train_text.txt, labels: {root}/train_labels.txt}}
  validation: {{text: {root}/val_text.txt, labels: {root}/val_labels.txt}}
  maxLength: 16
teacher: {{model: {root}/teacher}}
student: {{model: {root}/narrow, dropout: {{hidden: 0.1, attention: 0.1, classifier: 0.1}}}}
training: {{batchSize: 24, maxSteps: {steps}, learningRate: 2.0e-3, validateEverySteps: 25, microBatches: 8}}
stages:
  - name: intermediate
    adaptors: [AttnMiniLM, {{HidnTinyBERT: {{layers: uniform}}}}]
    labelWeight: 0
    update: encoder
    checkpoint: {{monitor: val_distillation, mode: min}}
  - name: prediction
    adaptors: [{{LogitMSE: {{on: probabilities, temperature: 2}}}}]
"""

# What differs from run to run.
TIMES = {
    "time", "seconds", "sentences_per_second", "tokens_per_second", "exposed_communication", "memory", "slowest_rank",
    "slowest_rank_cost"}


class Workspace:
    def __init__(self, binary, steps=100):
        self.binary = str(pathlib.Path(binary).resolve())
        self.stage_steps = steps
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="distill-ddp-faults-"))
        fixtures = REPOSITORY / "Tests/Fixtures/encoder"
        for name, fixture in [("teacher", "teacher"), ("narrow", "student-narrow")]:
            shutil.copytree(fixtures / fixture, self.root / name)
            shutil.copytree(TOKENIZER, self.root / name, dirs_exist_ok=True)
        generator = random.Random(3)
        for name, rows in [("train", 1003), ("val", 37)]:
            texts = [[generator.randrange(26) for _ in range(generator.randint(1, 16))] for _ in range(rows)]
            (self.root / f"{name}_text.txt").write_text(
                "".join(" ".join(VOCABULARY[5 + word] for word in text) + "\n" for text in texts))
            (self.root / f"{name}_labels.txt").write_text(
                "".join(f"{(sum(word < 8 for word in text) - sum(word >= 18 for word in text) > 0) + 0}\n"
                        for text in texts))
        self.configuration = self.root / "configuration.yaml"
        self.configuration.write_text(CONFIGURATION.format(root=self.root, steps=steps))
        self.run = self.root / "run"
        self._expected = {}

    def remove(self):
        end(self.processes())
        shutil.rmtree(self.root, ignore_errors=True)

    # Running

    def environment(self):
        own = {name: value for name, value in os.environ.items()
               if not name.startswith(("OMPI_", "PMIX_", "PMI_", "SLURM_"))}
        own |= {"OPENBLAS_NUM_THREADS": "1"}
        if os.geteuid() == 0:
            own |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        return own

    def arguments(self, *overrides, threads=1, resume="auto"):
        return (["--config", str(self.configuration), "--threads", str(threads), "--quiet"]
                + (["--resume", resume] if resume else [])
                + [part for override in overrides for part in ("--set", override)])

    def start(self, ranks, arguments, program=None, prefix=(), patience=1):
        """Starts the program alone, or on ranks. launch/local.sh has a patience of 3: the seconds for which mpirun waits
        before each of the signals that end a rank."""
        program = [str(program or self.binary)]
        launcher = [] if ranks == 1 else [
            "mpirun", "-np", str(ranks), "--bind-to", "none", "--oversubscribe",
            "--mca", "odls_base_sigkill_timeout", str(patience)]
        return Job(self, [*prefix, *launcher, *program, *arguments])

    def attempt(self, *overrides, ranks=1, threads=1, timeout=120, **options):
        """A run to its end, whichever."""
        job = self.start(ranks, self.arguments(*overrides, threads=threads), **options)
        job.wait(timeout)
        return job

    def validate(self, *overrides):
        job = self.start(1, ["validate", *(part for part in self.arguments(*overrides) if part != "--quiet" and part != "--threads" and part != "1")])
        job.wait(60)
        return job

    def verify(self, path):
        result = subprocess.run([self.binary, "verify", str(path)], capture_output=True, text=True, timeout=60,
                                env=self.environment())
        return result.returncode, result.stdout + result.stderr

    def processes(self):
        """Every process whose command line names this workspace, or that works in it: paths may be relative."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                try:
                    root = str(self.root)
                    if ((root.encode() in (entry / "cmdline").read_bytes() or os.readlink(entry / "cwd") == root)
                            and (entry / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"):
                        found.append(int(entry.name))
                except OSError:
                    pass
        return found

    def orphans(self, patience=3.0):
        """Processes that outlive their job."""
        for _ in range(int(patience / 0.05)):
            if not self.processes():
                return []
            time.sleep(0.05)
        return self.processes()

    # Results

    def forget(self):
        shutil.rmtree(self.run, ignore_errors=True)

    def result(self):
        """The SHA-256 of everything a run left but times: files, links and the log's lines. What the log says of ranks,
        threads and their host does not count, as the rest must be the same on any."""
        sums = hashlib.sha256()
        for path in sorted(self.run.rglob("*")):
            name = str(path.relative_to(self.run))
            if path.is_symlink():
                sums.update(f"{name} -> {os.readlink(path)}\n".encode())
            elif path.is_file() and name.startswith("stages/"):
                sums.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
            elif path.is_file() and name.startswith("state/"):
                if name.endswith(".safetensors"):
                    sums.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
            elif name.startswith("tensorboard/"):
                continue  # made from the log, and named and filled with times
            elif path.is_file() and name not in ("metrics.jsonl", "metrics.csv", "config.yaml", "summary.json"):
                sums.update(f"unexpected {name}\n".encode())
        for line in (self.run / "metrics.jsonl").read_text().splitlines():
            event = json.loads(line)
            if event["event"] == "run_started":
                event["ranks"] = event["threads"] = 0
                event["host"] = ""
            sums.update(json.dumps(without_times(event)).encode())
        return sums.hexdigest()

    def expected(self, *overrides):
        """The result of the uninterrupted run, on one rank and thread, and its seconds."""
        if overrides not in self._expected:
            self.forget()
            job = self.attempt(*overrides)
            if job.status != 0:
                raise RuntimeError(f"a run that should succeed: {job}")
            self._expected[overrides] = (self.result(), job.seconds)
            self.forget()
        return self._expected[overrides]

    def resumes(self, *overrides, ranks=1):
        """What is wrong with the run once it was resumed: nothing, if it ends as the uninterrupted one."""
        job = self.attempt(*overrides, ranks=ranks)
        if job.status != 0:
            return f"resume: {job}"
        if self.result() != self._expected[overrides][0]:
            return "another result after the resume"
        return None

    def events(self):
        """The whole lines of the log."""
        try:
            text = (self.run / "metrics.jsonl").read_text()
        except OSError:
            return []
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def wait_for(self, condition, job, timeout=120.0):
        """Polls until the condition holds; False where the job ends first."""
        end_time = time.monotonic() + timeout
        while time.monotonic() < end_time:
            if condition():
                return True
            if job.process.poll() is not None:
                return False
            time.sleep(0.002)
        return False

    def stop_at(self, steps, ranks=1):
        """A run that was stopped soon after so many steps of both stages. On a busy machine a run
        may have ended before it is noticed that it got there; then it is done again."""
        for _ in range(5):
            self.forget()
            job = self.start(ranks, self.arguments())
            self.wait_for(lambda: self.steps() >= steps, job)
            send(job.ranks()[0], signal.SIGUSR1)
            if job.wait() != 0:
                break
        if job.status != 75:
            raise RuntimeError(f"a run that was stopped: {job}")

    def steps(self):
        try:
            return (self.run / "metrics.jsonl").read_bytes().count(b'"event":"step"')
        except OSError:
            return 0


class Job:
    """A process that was started, and how it ended."""

    def __init__(self, workspace, command, cwd=None, variables=None):
        self.workspace = workspace
        self.started = time.monotonic()
        self.ended = None
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True,
            env=workspace.environment() | (variables or {}), cwd=cwd or workspace.root)

    def wait(self, timeout=120.0):
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.ended = time.monotonic()
            end(self.workspace.processes())
            self.process.kill()
            self.process.wait()
            self.status = "none in time"
            return self.status
        self.ended = time.monotonic()
        self.status = self.process.returncode
        return self.status

    @property
    def seconds(self):
        return (self.ended or time.monotonic()) - self.started

    @property
    def output(self):
        # The process writes where a file of both is; reading must not move it.
        descriptor = self.log.fileno()
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode(errors="replace")

    def __str__(self):
        return f"status {self.status} after {self.seconds:.1f} s: {self.output.strip()[-600:]}"

    def ranks(self):
        """The processes of the ranks in order, once all are there; the process itself where it has none."""
        found = {}
        for process in self.workspace.processes():
            try:
                parts = pathlib.Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
                name = pathlib.Path(f"/proc/{process}/exe").resolve().name
            except OSError:
                continue
            for part in parts:
                if part.startswith(b"OMPI_COMM_WORLD_RANK=") and name == pathlib.Path(self.workspace.binary).name:
                    found[int(part.split(b"=")[1])] = process
        return [found[rank] for rank in sorted(found)] or [self.process.pid]


def send(process, number):
    """Sends a signal to a process that may be gone."""
    try:
        os.kill(process, number)
        return True
    except ProcessLookupError:
        return False


def end(processes):
    for process in processes:
        send(process, signal.SIGKILL)


def without_times(value):
    if isinstance(value, dict):
        return {key: without_times(inner) for key, inner in value.items() if key not in TIMES}
    return [without_times(inner) for inner in value] if isinstance(value, list) else value
