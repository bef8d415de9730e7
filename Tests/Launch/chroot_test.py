"""Installs the wheel in systems that hold nothing but what debootstrap puts there and Python, and trains: as README.md's
first lines do, alone, and with two ranks of each MPI; launch/chroot-test.sh starts it."""

import argparse
import csv
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "Tests/Documentation"))
from blocks import blocks

TOKENIZER = REPOSITORY / "Tests/Fixtures/tokenizer"
WORDS = (TOKENIZER / "vocab.txt").read_text().split()[5:]
LABELS = ["negative", "neutral", "positive"]
# What stands in for the model that README.md downloads: a small one, where a hub's cache has that model.
MODEL = "sentence-transformers/all-MiniLM-L6-v2"
COMMIT = "0" * 40
SHAPE = {"vocab_size": 31, "hidden_size": 48, "num_hidden_layers": 6, "num_attention_heads": 4, "intermediate_size": 96,
         "max_position_embeddings": 128, "initializer_range": 0.1}
CSV = {"train": {"csv": "train.csv"}, "validation": {"csv": "validation.csv"}, "maxLength": 32}
RUN = {"run": {"directory": "pinned", "overwrite": True}, "task": {"labels": LABELS}, "data": CSV,
       "student": {"config": SHAPE, "tokenizer": "tokenizer"},
       "training": {"batchSize": 16, "microBatches": 8}, "stages": [{"name": "few", "maxSteps": 12}]}
ENVIRONMENT = {
    "PATH": "/opt/python/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8",
    "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", "HF_HUB_OFFLINE": "1", "PIP_NO_INDEX": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    # Two ranks where there may be one core.
    "OMPI_MCA_rmaps_base_oversubscribe": "1", "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}


class Root:
    """A bare system, with /proc and /dev of this one."""

    def __init__(self, folder, suite, packages):
        self.root = pathlib.Path(folder) / suite
        self.mounted = []
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={packages}", suite, str(self.root)],
                       check=True, stdout=subprocess.DEVNULL)

    def __enter__(self):
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        for name in ("proc", "dev"):
            subprocess.run(["mount", "--rbind", f"/{name}", str(self.root / name)], check=True)
            self.mounted.append(name)
            subprocess.run(["mount", "--make-rslave", str(self.root / name)], check=True)
        (self.root / "work").mkdir()
        return self

    def __exit__(self, *_):
        for name in reversed(self.mounted):
            subprocess.run(["umount", "--recursive", "--lazy", str(self.root / name)], check=True)
        # What is mounted elsewhere must not be removed with it.
        shutil.rmtree(self.root)

    def run(self, script):
        result = subprocess.run(["chroot", str(self.root), "sh", "-e", "-c", f"cd /work\n{script}"], env=ENVIRONMENT,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        if result.returncode != 0:
            raise RuntimeError(f"{script.strip()}: status {result.returncode}: {(result.stdout + result.stderr)[-1500:]}")
        return result.stdout

    def write(self, name, text):
        path = self.root / "work" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def trained(self, words):
        """Trains the pinned run by a command; its ranks, and the hash of its weights."""
        self.run(f"{words} --config run.yaml --threads 1 --quiet && sha256sum pinned/best/model.safetensors > weights")
        log = [json.loads(line) for line in (self.root / "work/pinned/metrics.jsonl").read_text().splitlines()]
        (ranks,) = [event["ranks"] for event in log if event["event"] == "run_started"]
        return ranks, (self.root / "work/weights").read_text().split()[0]


def data(root):
    """Rows that a class follows from, a tokenizer, and the run's configuration."""
    chance = random.Random(7)
    for name, count in (("train", 96), ("validation", 32)):
        with open(root.root / f"work/{name}.csv", "w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["text", "label"])
            for _ in range(count):
                words = chance.choices(range(len(WORDS)), k=chance.randint(2, 12))
                balance = sum((word >= 18) - (word < 8) for word in words)
                table.writerow([" ".join(WORDS[word] for word in words), LABELS[(balance > 0) - (balance < 0) + 1]])
    shutil.copytree(TOKENIZER, root.root / "work/tokenizer")
    root.write("run.yaml", json.dumps(RUN))


def bare(root, _):
    """no compiler, Swift, MPI, OpenBLAS or libcurl is there"""
    found = root.run("for name in cc gcc c++ clang swift mpirun; do command -v $name || true; done; "
                     "ldconfig -p | grep -E 'lib(mpi|mpich|openblas|curl|swift)' || true")
    assert not found, found


def installed(root, arguments):
    """pip installs the wheel and nothing else, and the program says its version"""
    shutil.copytree(arguments.folder, root.root / "work/dist")
    root.run("python3 -m venv /opt/python")
    (line,) = [block.text for block in blocks(REPOSITORY / "README.md", "README.md")
               if block.language == "sh" and block.text.startswith("pip install")]
    root.run(line)
    names = sorted(line.split("==")[0] for line in root.run("pip list --format=freeze").splitlines())
    assert [name for name in names if name not in ("pip", "setuptools")] == ["distill-ddp"], names
    assert re.fullmatch(r"[0-9.]+\n", root.run("distill-ddp --version"))


def readme(root, _):
    """README.md's lines of Python fine-tune, distil and predict"""
    data(root)
    cache = f"/root/.cache/huggingface/hub/models--{MODEL.replace('/', '--')}"
    root.write("model.yaml", json.dumps(RUN | {"run": {"directory": "small"}}))
    root.run(f"distill-ddp --config model.yaml --quiet && mkdir -p {cache}/refs {cache}/snapshots "
             f"&& cp -RL small/best {cache}/snapshots/{COMMIT} && printf {COMMIT} > {cache}/refs/main")
    code = next(block.text for block in blocks(REPOSITORY / "README.md", "README.md") if block.language == "python")
    assert MODEL in code, code
    root.write("readme.py", code)
    said = root.run("python3 readme.py").splitlines()[-1]
    assert re.match(rf"Prediction\(label='({'|'.join(LABELS)})', probabilities=", said), said


def alone(root, arguments):
    """one process trains, with the weights of every other system"""
    ranks, weights = root.trained("distill-ddp")
    assert ranks == 1, ranks
    arguments.weights.add(weights)
    assert len(arguments.weights) == 1, arguments.weights


def with_mpi(package):
    def case(root, arguments):
        root.run(f"apt-get update && apt-get install --yes --no-install-recommends {package}")
        ranks, weights = root.trained("mpirun -np 2 distill-ddp")
        root.run(f"apt-get purge --yes --autoremove {package} && ! command -v mpirun")
        assert ranks == 2, ranks
        assert {weights} == arguments.weights, f"{weights}, alone {arguments.weights}"
    case.__doc__ = f"with {package} installed, mpirun -np 2 trains to the same weights"
    return case


def apptainer(root, arguments):
    """the commands of launch/apptainer.def install the Debian package, and its %test passes"""
    text = (REPOSITORY / "launch/apptainer.def").read_text()
    sections = dict(re.findall(r"^%(\w+)\n((?:[ \t].*\n|\n)*)", text + "\n", re.M))
    source, target = sections["files"].split()
    for package in arguments.folder.glob(pathlib.Path(source).name):
        shutil.copy(package, root.root / target.lstrip("/"))
    root.run(sections["post"])
    root.run(sections["environment"] + sections["test"])
    # Findings about the host are not this test's.
    assert "MPI" in root.run(sections["environment"] + f"set -- doctor\n({sections['runscript']}) || true")
    data(root)
    ranks, weights = root.trained("mpirun -np 2 distill-ddp")
    assert (ranks, {weights}) == (2, arguments.weights), (ranks, weights, arguments.weights)


def main():
    parser = argparse.ArgumentParser(prog="launch/chroot-test.sh", description=__doc__)
    parser.add_argument("suites", nargs="*", default=["bookworm", "trixie"], help="of Debian, or what else debootstrap knows")
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="with the wheel and the Debian package")
    arguments = parser.parse_args()
    arguments.weights, misses = set(), 0
    folder = tempfile.mkdtemp(prefix="distill-ddp-chroot-")
    os.chmod(folder, 0o755)
    image = re.search(r"^From: debian:(\w+)-slim$", (REPOSITORY / "launch/apptainer.def").read_text(), re.M).group(1)
    wheel = [bare, installed, readme, alone, with_mpi("openmpi-bin"), with_mpi("mpich")]
    systems = [(suite, "python3-venv", wheel) for suite in arguments.suites] + [(image, "ca-certificates", [apptainer])]
    try:
        for suite, packages, cases in systems:
            with Root(folder, suite, packages) as root:
                libc = root.run("ldd --version").split("\n")[0].split()[-1]
                print(f"{suite}, glibc {libc}, with {packages}:", flush=True)
                for case in cases:
                    began, found = time.monotonic(), ""
                    try:
                        case(root, arguments)
                    except (AssertionError, RuntimeError) as error:
                        found, misses = f": {error}", misses + 1
                    print(f"{'MISS' if found else 'ok':5} {time.monotonic() - began:5.1f} s  {case.__doc__}{found}", flush=True)
    finally:
        if not os.listdir(folder):
            os.rmdir(folder)
    print(f"weights: {', '.join(arguments.weights)}")
    return 1 if misses else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
