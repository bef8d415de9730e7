"""NaN and infinity in a teacher, a loss, a gradient and a checkpoint."""

import hashlib
import json
import math
import re
import struct


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
    originals = {path: path.read_bytes() for path in (
        root / "teacher/model.safetensors", root / "narrow/model.safetensors", root / "train_text.txt",
        root / "train_labels.txt")}
    lines = (root / "train_text.txt").read_text().splitlines()
    poisoned = "\n".join(lines[:56] + ["good [MASK] bad"] + lines[57:]) + "\n"

    def poison(name):
        return lambda: ((root / "train_text.txt").write_text(poisoned), poison_word(root / name / "model.safetensors"))

    def spoil(name, tensor, value):
        return lambda: change_tensor(root / name / "model.safetensors", tensor, 3, value)

    def head(value):
        return lambda: change_tensor(root / "narrow/model.safetensors", "classifier.weight", 0, value, count=4)

    def steep():
        """One row's class is as good as impossible. Its error, which is finite, meets a weight on its way back that is
        too large for the product."""
        marks = (root / "train_labels.txt").read_text().splitlines()
        (root / "train_labels.txt").write_text("\n".join(marks[:56] + ["2"] + marks[57:]) + "\n")
        model = root / "narrow/model.safetensors"
        change_tensor(model, "classifier.bias", 2, -1e38)
        header, _, _ = read_tensors(model)
        change_tensor(model, "classifier.weight", 2 * header["classifier.weight"]["shape"][1], 2e37)

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
        "one row's gradient alone": (steep, labels, ["stage intermediate", "the gradient of bert.pooler", "row 57"]),
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
            restore(originals)
        for what, prepare in [("one row's gradient alone", steep), ("the teacher's outputs", poison("teacher"))]:
            workspace.forget()
            prepare()
            job = workspace.attempt("training.nonFinite=skip", *(labels if prepare is steep else ()), ranks=ranks)
            lab.note(f"{what} skipped, {ranks} ranks", problem_after_skip(workspace, job))
            restore(originals)
    in_a_state(lab)


def restore(originals):
    for path, contents in originals.items():
        path.write_bytes(contents)


def problem_after_skip(workspace, job):
    """The run goes on to its end, without the batch of row 57 in each epoch."""
    skipped = [event["rows"] for event in workspace.events() if event["event"] == "step_skipped"]
    if job.status != 0 or len(skipped) < 2 or any(rows != [57] for rows in skipped):
        return f"skipped {skipped}: {job}"
    return unsound(workspace)


def problem(workspace, job, named):
    # Another rank finds the same, and keeps it for a second, in which a busy machine may not have ended it.
    if job.status != 1 or len(set(re.findall(r"^Error(?: on rank \d+)?: (.*)", job.output, re.MULTILINE))) != 1:
        return f"{job}"
    for name in named:
        if name not in job.output:
            return f"does not say {name}: {job}"
    return unsound(workspace)


def unsound(workspace):
    """What was saved of numbers that are not finite, if anything."""
    for path in workspace.run.rglob("*.safetensors"):
        if not all_finite(path):
            return f"saved: {path}"
    return None


def in_a_state(lab):
    """A state whose hashes are right and whose numbers are not."""
    workspace = lab.workspace
    for name in ("weights.safetensors", "moments.safetensors"):
        workspace.stop_at(30)
        for state in (workspace.run / "state").glob("stage=*"):
            path = state / name
            before = hashlib.sha256(path.read_bytes()).hexdigest()
            header, _, _ = read_tensors(path)
            change_tensor(path, next(key for key in header if header[key].get("dtype") == "F32"), 0, math.nan)
            manifest = (state / "manifest.json").read_text()
            (state / "manifest.json").write_text(
                manifest.replace(before, hashlib.sha256(path.read_bytes()).hexdigest()))
        again = workspace.attempt()
        lab.note(f"NaN in a state's {name}", None if again.status != 0 and "finite" in again.output else f"{again}")

