"""Makes models with distill-ddp, has other programs open them, and prints a table of what came of it.

    launch/interop-test.sh [--binary PATH] [--only ENVIRONMENT] [--model DIRECTORY --texts FILE]

Each environment is a Python of its own with the packages of `ENVIRONMENTS`, from the package index that pip knows, in
.build-interop; it stays there for the next time.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import venv

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Documentation"))
from blocks import blocks  # noqa: E402
from sandbox import REPOSITORY, Sandbox  # noqa: E402

ENVIRONMENTS = {
    "transformers 4.33": ["torch==2.13.0", "transformers==4.33.3", "sentence-transformers==2.3.1", "numpy<2",
                          "huggingface-hub<0.26"],
    "transformers 4.57": ["torch==2.13.0", "transformers==4.57.6", "sentence-transformers==5.1.2",
                          "optimum-onnx==0.1.0", "onnxruntime", "onnx"],
    "transformers 5.23": ["torch==2.13.0", "transformers==5.23.0", "sentence-transformers==6.2.0"],
    "trackers": ["wandb==0.31.0", "mlflow-skinny==3.17.2", "sqlalchemy", "alembic", "tensorboard", "pillow"],
}


def python_of(name, folder):
    """The environment's Python, installed where it is not."""
    home = folder / re.sub(r"\W+", "-", name)
    python = home / "bin/python"
    done = home / "packages.txt"
    wanted = "\n".join(ENVIRONMENTS[name])
    if not done.exists() or done.read_text() != wanted:
        print(f"Installing {', '.join(ENVIRONMENTS[name])}", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *ENVIRONMENTS[name]], check=True)
        done.write_text(wanted)
    return python


def workspace_of(sandbox, model, texts):
    """Runs whose models are opened. Without a real model, small random ones."""
    root = sandbox.root
    if texts:
        shutil.copy(texts, root / "texts.txt")
    else:
        shutil.copy(root / "data/val_text.txt", root / "texts.txt")
        with open(root / "texts.txt", "a", encoding="utf-8") as file:
            file.write("\nA GOOD, warm café; naïve?\n中文 is fine\n\t kind\u00a0and  dear \u200b!\n[SEP] [MASK] ##ad\n" + "so " * 600 + "\n")
    script = "ln -s runs/teacher teacher; ln -s runs/two-step student"
    if model:
        shutil.copytree(model, root / "models/real")
        quick = "--quiet --set training.maxSteps=4 --set data.maxLength=64"
        script = f"""
            distill-ddp --config configs/finetune.yaml --set student.model=models/real --set run.directory=teacher {quick} \\
              --set stages.finetune.maxSteps=4
            distill-ddp --config configs/distillation_ms.yaml --set teacher.model=teacher/best \\
              --set run.directory=student {quick} --set stages.mix.maxSteps=4
        """
    made = sandbox.run(script, timeout=600)
    if made.returncode != 0:
        raise RuntimeError(made.stdout)


def cells(python, name, binary, sandbox):
    # A file, which cannot fill up as a pipe does.
    errors = tempfile.TemporaryFile("w+")
    process = subprocess.Popen(
        [python, REPOSITORY / "Tests/Interop/cells.py", "--binary", binary, "--workspace", sandbox.root,
         "--environment", name], stdout=subprocess.PIPE, stderr=errors, text=True, env=sandbox.environment())
    rows = []
    for line in process.stdout:
        if line.startswith("{"):
            print(line, end="", flush=True)
            rows.append(json.loads(line))
    if process.wait() not in (0, 1) or not rows:
        errors.seek(0)
        rows.append({"environment": name, "cell": "start", "model": "", "failed": errors.read()[-2000:]})
    return rows


def trackers(python, sandbox):
    """The Python of docs/results.md, as a reader would run it, and what the trackers then hold."""
    sources = [block for block in blocks(REPOSITORY / "docs/results.md", "docs/results.md")
               if block.language == "python"]
    steps = [json.loads(line) for line in (sandbox.root / "runs/mix/metrics.jsonl").read_text().splitlines()]
    steps = [event for event in steps if event["event"] == "step"]
    rows = []
    for block, name in zip(sources, ("wandb", "mlflow")):
        code = block.text
        if name == "mlflow":
            code = "import mlflow\nmlflow.set_tracking_uri('sqlite:///mlflow.db')\n" + code + f"""
client = mlflow.MlflowClient()
run = client.search_runs(["0"])[0]
points = client.get_metric_history(run.info.run_id, "mix/loss")
assert [(point.step, point.value) for point in points] == {[(s["step"], s["loss"]) for s in steps]!r}, points
"""
        environment = sandbox.environment() | {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
        result = subprocess.run([python, "-c", code], cwd=sandbox.root, env=environment, capture_output=True, text=True)
        row = {"environment": "trackers", "model": "runs/mix", "cell": name}
        if result.returncode != 0:
            row["failed"] = result.stderr[-2000:]
        elif name == "wandb":
            sync = subprocess.run([python.parent / "wandb", "sync", "--dry-run"], cwd=sandbox.root,
                                  env=sandbox.environment(), capture_output=True, text=True)
            row["result" if "Would sync 1 run" in sync.stdout + sync.stderr else "failed"] = "1 run to sync"
        else:
            row["result"] = f"{len(steps)} points of mix/loss equal"
        rows.append(row)
        print(json.dumps(row), flush=True)
    check = subprocess.run([python, REPOSITORY / "Tests/Goldens/check_tensorboard.py", sandbox.root / "runs/two-step"],
                           capture_output=True, text=True)
    row = {"environment": "trackers", "model": "runs/two-step", "cell": "tensorboard"}
    row["failed" if check.returncode else "result"] = (check.stdout + check.stderr).splitlines()[-1]
    print(json.dumps(row), flush=True)
    return rows + [row]


def table(rows):
    names = list(dict.fromkeys(row["environment"] for row in rows if "cell" in row and row["environment"] != "trackers"))
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    cells = list(dict.fromkeys(row["cell"] for row in rows if "cell" in row and row["environment"] != "trackers"))
    for cell in cells:
        texts = []
        for name in names:
            found = [row for row in rows if row.get("cell") == cell and row["environment"] == name]
            failed = [row for row in found if "failed" in row]
            if failed:
                texts.append("**fails**")
            elif all("missing" in row for row in found):
                texts.append("–")
            else:
                texts.append([row["result"] for row in found if "result" in row][0])
        lines.append(f"| {cell} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(REPOSITORY / ".build/release/distill-ddp"))
    parser.add_argument("--only", choices=list(ENVIRONMENTS))
    parser.add_argument("--environments", type=pathlib.Path, default=REPOSITORY / ".build-interop-python")
    parser.add_argument("--model", type=pathlib.Path, help="a real model to begin with")
    parser.add_argument("--texts", type=pathlib.Path, help="texts to compare on, one a line")
    arguments = parser.parse_args()
    sandbox = Sandbox(arguments.binary)
    rows = []
    try:
        workspace_of(sandbox, arguments.model, arguments.texts)
        for name in [arguments.only] if arguments.only else ENVIRONMENTS:
            python = python_of(name, arguments.environments)
            if name == "trackers":
                rows += trackers(python, sandbox)
                continue
            rows += cells(python, name, arguments.binary, sandbox)
    finally:
        sandbox.remove()
    print("\n" + table(rows))
    failed = [row for row in rows if "failed" in row]
    for row in failed:
        print(f"\nFAILED {row['environment']}, {row['model']}, {row['cell']}: {row['failed']}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
