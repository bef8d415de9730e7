"""A directory in which the documentation's commands find what they name: small models, data and runs."""

import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
TOKENIZER = REPOSITORY / "Tests/Fixtures/tokenizer"
VOCABULARY = (TOKENIZER / "vocab.txt").read_text().split()
LABELS = ["negative", "neutral", "positive"]

# Programs whose calls are looked at and not made, and why. Scripts of launch/ that are not listed are run.
STAND_INS = {
    "swift": "builds, which is how the program under test came to be",
    "pip": "installs from a network",
    "tensorboard": "serves until it is stopped",
    "launch/benchmark.sh": "takes twenty minutes",
    "launch/chroot-test.sh": "a test of its own",
    "launch/container-test.sh": "a test of its own",
    "launch/fault-test.sh": "a test of its own",
    "launch/fuzz.sh": "a test of its own",
    "launch/install.sh": "installs packages",
    "launch/interop-test.sh": "installs from a network",
    "launch/launch-test.sh": "a test of its own",
    "launch/multi-host-test.sh": "a test of its own",
    "launch/onnx-opening-test.sh": "a test of its own",
    "launch/quickstart.sh": "downloads a model and takes ten minutes",
    "launch/report-test.sh": "a test of its own",
    "launch/sanitize.sh": "builds",
    "launch/slurm-test.sh": "a test of its own",
    "launch/soak-test.sh": "takes an hour",
    "launch/test.sh": "runs this test",
}

# A run of each kind that documents speak of. The teacher has the layers that configs/ takes of it.
TEACHER = """\
run: {directory: runs/teacher}
task: {labels: [negative, neutral, positive]}
data: {train: {text: data/train_text.txt, labels: data/train_labels.txt}, maxLength: 16,
  validation: {text: data/val_text.txt, labels: data/val_labels.txt}}
student:
  tokenizer: models/tokenizer
  config: {vocab_size: 31, hidden_size: 24, num_hidden_layers: 6, num_attention_heads: 3, intermediate_size: 48,
    max_position_embeddings: 512, initializer_range: 0.4}
training: {batchSize: 16, maxSteps: 2}
stages: [{name: finetune}]
"""


class Sandbox:
    def __init__(self, binary):
        self.binary = pathlib.Path(binary).resolve()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="distill-ddp-documentation-"))
        self._programs()
        self._data()
        self._models_and_runs()

    def copy(self):
        """Another one of the same contents."""
        other = Sandbox.__new__(Sandbox)
        other.binary = self.binary
        other.root = pathlib.Path(tempfile.mkdtemp(prefix="distill-ddp-documentation-"))
        shutil.copytree(self.root, other.root, symlinks=True, dirs_exist_ok=True)
        return other

    def bare(self):
        """What a clone holds, and nothing else: where a document begins from nothing. The quick start is another program
        there, which leaves the same files behind."""
        other = Sandbox.__new__(Sandbox)
        other.binary = self.binary
        other.root = pathlib.Path(tempfile.mkdtemp(prefix="distill-ddp-documentation-"))
        other._programs()
        (other.root / "bin/distill-ddp").unlink()
        data = f"{self.root}/data"
        quickstart = other.root / "launch/quickstart.sh"
        quickstart.write_text(
            f"#!/bin/sh -e\nmkdir -p runs/quickstart/data\ncp -RL {self.root}/models/all-MiniLM-L6-v2 runs/quickstart/model\n"
            f"cp {data}/train_text.txt {data}/train_labels.txt {data}/val_text.txt {data}/val_labels.txt runs/quickstart/data\n"
            "printf '0\\tnegative\\n1\\tneutral\\n2\\tpositive\\n' > runs/quickstart/data/mapping.txt\n")
        return other

    def remove(self):
        shutil.rmtree(self.root, ignore_errors=True)

    def environment(self):
        own = {name: value for name, value in os.environ.items()
               if not name.startswith(("OMPI_", "PMIX_", "PMI_", "SLURM_"))}
        own |= {"PATH": f"{self.root}/bin:{own['PATH']}", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
                "HOME": str(self.root),
                # Four ranks on two cores.
                "OMPI_MCA_rmaps_base_oversubscribe": "1", "HF_HUB_OFFLINE": "1"}
        if os.geteuid() == 0:
            own |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        return own

    def run(self, script, timeout):
        """A shell text, which ends at its first failure."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], cwd=self.root, env=self.environment(), timeout=timeout,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")

    # What is in it

    def _programs(self):
        for folder in ("bin", ".build/release", "launch"):
            (self.root / folder).mkdir(parents=True)
        for link in ("bin/distill-ddp", ".build/release/distill-ddp"):
            (self.root / link).symlink_to(self.binary)
        shutil.copytree(REPOSITORY / "configs", self.root / "configs")
        for script in (REPOSITORY / "launch").iterdir():
            if f"launch/{script.name}" not in STAND_INS and script.is_file():
                shutil.copy(script, self.root / "launch" / script.name)
        for name, reason in STAND_INS.items():
            path = self.root / (name if "/" in name else f"bin/{name}")
            path.write_text(f"#!/bin/sh\necho '({name} was not run: {reason})'\n")
            path.chmod(0o755)

    def _data(self):
        data = self.root / "data"
        data.mkdir()
        generator = random.Random(5)
        for name, rows in (("train", 64), ("val", 40)):
            texts = [[generator.randrange(26) for _ in range(generator.randint(1, 12))] for _ in range(rows)]
            texts = [" ".join(VOCABULARY[5 + word] for word in text) for text in texts]
            classes = [row % 3 for row in range(rows)]
            (data / f"{name}_text.txt").write_text("".join(text + "\n" for text in texts))
            (data / f"{name}_labels.txt").write_text("".join(f"{number}\n" for number in classes))
            table = ["text,label"] + [f"{text},{LABELS[number]}" for text, number in zip(texts, classes)]
            (data / f"{name}.csv").write_text("\n".join(table) + "\n")
        for name in ("sentences.txt", "mine.txt"):
            (self.root / name).write_text("a good and warm calm\nthis was awful but bright\n")

    def _models_and_runs(self):
        shutil.copytree(TOKENIZER, self.root / "models/tokenizer")
        (self.root / "teacher.yaml").write_text(TEACHER)
        ms = (self.root / "configs/distillation_ms.yaml").read_text()
        (self.root / "configs/mine.yaml").write_text(ms.replace("runs/mix-step", "runs/mine").replace("epochs: 5", "epochs: 1"))
        quick = "--quiet --threads 1"
        script = f"""
            distill-ddp --config teacher.yaml {quick}
            cp -RL runs/teacher/best models/all-MiniLM-L6-v2
            cp -RL runs/teacher/best models/bert-base-uncased
            for seed in 1 2 3; do
              distill-ddp --config configs/distillation_ms.yaml {quick} --set run.directory=runs/mix-$seed \\
                --set run.seed=$seed --set stages.mix.epochs=1
            done
            distill-ddp --config configs/distillation_ms.yaml {quick} --set run.directory=runs/mix --set stages.mix.epochs=1
            distill-ddp --config configs/mine.yaml {quick}
            distill-ddp --config configs/student_baseline.yaml {quick} --set run.directory=runs/baseline
            distill-ddp --config configs/distillation_ts.yaml {quick}
        """
        made = self.run(script, timeout=120)
        if made.returncode != 0:
            raise RuntimeError(f"the runs that documents speak of cannot be made: {made.stdout}")
        # Documents train what is there already.
        for config in (self.root / "configs").rglob("*.yaml"):
            config.write_text(re.sub("^run:\n", "run:\n  overwrite: true\n", config.read_text(), flags=re.M))
