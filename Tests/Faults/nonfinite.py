"""NaN and infinity in a teacher, a loss, a gradient and a checkpoint."""

import hashlib
import json
import math
import signal
import struct

from workspace import send


def read_tensors(path):
    contents = path.read_bytes()
    length = struct.unpack("<Q", contents[:8])[0]
    return json.loads(contents[8 : 8 + length]), bytearray(contents), 8 + length


def change_tensor(path, name, index, value, count=1):
    header, contents, start = read_tensors(path)
    begin = start + header[name]["data_offsets"][0] + 4 * index
    contents[begin : begin + 4 * count] = struct.pack("<f", value) * count
    path.write_bytes(contents)


def all_finite(path):
    header, contents, start = read_tensors(path)
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            begin, stop = (start + offset for offset in entry["data_offsets"])
            if not all(map(math.isfinite, struct.unpack(f"<{(stop - begin) // 4}f", contents[begin:stop]))):
                return False
    return True


def poison_word(model, word=4):
    """Finite weights, of which one word's embedding makes outputs that are not."""
    header, _, _ = read_tensors(model)
    name = "bert.embeddings.word_embeddings.weight"
    width = header[name]["shape"][1]
    change_tensor(model, name, word * width, 3e38, count=width)


def nan_and_infinity(lab):
    """NaN in teacher, loss, gradient, weights and a state: found at its step, named, never saved"""
    workspace = lab.workspace
    root = workspace.root
    originals = {name: (root / name / "model.safetensors").read_bytes() for name in ("teacher", "narrow")}
    lines = (root / "train_text.txt").read_text().splitlines()
    text = "\n".join(lines) + "\n"
    poisoned = "\n".join(lines[:56] + ["good [MASK] bad"] + lines[57:]) + "\n"

    def poison(name):
        return lambda: ((root / "train_text.txt").write_text(poisoned), poison_word(root / name / "model.safetensors"))

    def spoil(name, tensor, value):
        return lambda: change_tensor(root / name / "model.safetensors", tensor, 3, value)

    def head(value):
        return lambda: change_tensor(root / "narrow/model.safetensors", "classifier.weight", 0, value, count=4)

    labels = ("stages.0.labelWeight=1000000", "stages.0.update=all")
    cases = {
        "the teacher's outputs": (poison("teacher"), (), ["is not a finite number", "teacher's embeddings", "row 57"]),
        "the student's outputs": (poison("narrow"), (), ["is not a finite number", "student's embeddings", "row 57"]),
        "NaN in the teacher's file": (
            spoil("teacher", "bert.encoder.layer.1.output.dense.weight", math.nan), (), ["layer.1.output.dense.weight"]),
        "infinity in the student's file": (
            spoil("narrow", "bert.encoder.layer.0.output.dense.bias", math.inf), (), ["layer.0.output.dense.bias"]),
        "a loss": (head(3e38), labels, ["stage intermediate, step 1", "is not a finite number"]),
        # Its sum is finite in double precision.
        "a gradient": (head(2e37), labels, ["stage intermediate, step 1", "gradient", "is not a finite number"]),
        "an absurd learning rate": (
            lambda: None, (*labels, "training.optimizer={kind: sgd}", "training.learningRate=1000",
                           "training.maxGradientNorm=null"), ["is not a finite number", "learningRate"]),
    }
    for ranks in (1, 2) if lab.full else (2,):
        for what, (prepare, overrides, named) in cases.items():
            workspace.forget()
            prepare()
            job = workspace.attempt(*overrides, ranks=ranks)
            lab.note(f"{what}, {ranks} ranks", problem(workspace, job, named))
            for name, contents in originals.items():
                (root / name / "model.safetensors").write_bytes(contents)
            (root / "train_text.txt").write_text(text)
    in_a_state(lab)


def problem(workspace, job, named):
    if job.status != 1 or job.output.count("Error") != 1:
        return f"{job}"
    for name in named:
        if name not in job.output:
            return f"does not say {name}: {job}"
    for path in workspace.run.rglob("*.safetensors"):
        if not all_finite(path):
            return f"saved: {path}"
    return None


def in_a_state(lab):
    """A state whose hashes are right and whose numbers are not."""
    workspace = lab.workspace
    for name in ("weights.safetensors", "moments.safetensors"):
        workspace.forget()
        job = workspace.start(1, workspace.arguments())
        workspace.wait_for(lambda: workspace.steps() >= 30, job)
        send(job.process.pid, signal.SIGUSR1)
        job.wait()
        for state in (workspace.run / "state").glob("stage=*"):
            path = state / name
            before = hashlib.sha256(path.read_bytes()).hexdigest()
            header, _, _ = read_tensors(path)
            change_tensor(path, next(key for key in header if key != "__metadata__" and header[key]["shape"]), 0,
                          math.nan)
            manifest = (state / "manifest.json").read_text()
            (state / "manifest.json").write_text(
                manifest.replace(before, hashlib.sha256(path.read_bytes()).hexdigest()))
        again = workspace.attempt()
        lab.note(f"NaN in a state's {name}", None if again.status != 0 and "finite" in again.output else f"{again}")

