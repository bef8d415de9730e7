"""Ranks that die, hang or differ."""

import os
import pathlib
import random
import shutil
import signal
import time

from nonfinite import change_tensor
from workspace import send

# Where there is a save behind each step and a validation behind every other one.
BUSY = ("run.saveStateEverySteps=2", "training.validateEverySteps=4", "training.maxSteps=60")
# For a rank that is stopped. On a busy machine a save alone may take longer.
IMPATIENT = "run.stuckRank={warnAfter: 1, abortAfter: 2}"
PHASES = ["forward", "sum", "validation", "save"]


def dead_and_stuck(lab):
    """A rank killed, exited or stopped in forward, sum, validation and save"""
    generator = random.Random(lab.seed)
    workspace = lab.workspace
    workspace.expected(*BUSY)
    cases = [(fault, phase, rank) for fault in ("killed", "exited", "stopped") for phase in PHASES for rank in (0, 1)]
    # In the short form each fault and each phase.
    for fault, phase, rank in cases * lab.count(short=1, full=2) if lab.full else cases[::11]:
        # The quicker the machine, the rarer it is caught computing before its last step.
        for _ in range(20):
            workspace.forget()
            problem = one_fault(workspace, generator, fault, phase, rank, patience=3 if lab.full else 1)
            if problem != "phase not met":
                break
        lab.note(f"rank {rank} {fault} in {phase}", problem)
    workspace.forget()


def one_fault(workspace, generator, fault, phase, rank, patience):
    ranks = 2
    limits = (IMPATIENT,) if fault == "stopped" else ()
    job = workspace.start(ranks, workspace.arguments(*BUSY, *limits), patience=patience,
                          program=wrapper(workspace) if fault == "exited" else None)
    start = generator.randint(5, 60)
    if not workspace.wait_for(lambda: workspace.steps() >= start and len(job.ranks()) == ranks, job):
        job.wait(10)
        return "phase not met"
    target = job.ranks()[rank]
    if not freeze(workspace, job, target, phase, generator):
        job.wait(30)
        return "phase not met"
    began = time.monotonic()
    if fault != "stopped":
        # The shell around one that is to exit ends with status 3.
        send(target, signal.SIGKILL)
    status = job.wait(30)
    seconds = time.monotonic() - began
    if status == 0 or not isinstance(status, int):
        return f"{job}"
    # A stopped rank is given two seconds.
    if seconds > (10 if fault != "stopped" else 12):
        return f"took {seconds:.1f} s: {job}"
    named = {"killed": [f"process rank {rank} with", "signal 9"], "exited": ["Exit code:    3", f",{rank}]"],
             "stopped": [f"rank {rank}: expected a message"]}[fault]
    for name in named:
        if name not in job.output:
            return f"does not name {name}: {job}"
    left = workspace.orphans(2)
    if left:
        return f"left behind: {left}"
    return workspace.resumes(*BUSY, ranks=ranks)


def wrapper(workspace):
    """A shell that exits when its program is gone."""
    path = workspace.root / "exits.sh"
    path.write_text(f'#!/bin/sh\n"{workspace.binary}" "$@" && exit 0\nexit 3\n')
    path.chmod(0o755)
    return path


def freeze(workspace, job, target, phase, generator):
    """Stops a process again and again until it is caught in a phase."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and job.process.poll() is None:
        time.sleep(generator.uniform(0.001, 0.02))
        if not send(target, signal.SIGSTOP):
            return False
        if not (workspace.run / "summary.json").exists() and phase_of(workspace, target) == phase:
            return True
        send(target, signal.SIGCONT)
    return False


def phase_of(workspace, process):
    """What a stopped process was doing, as far as it can be seen from outside."""
    for _ in range(100):
        try:
            if "T" in pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]:
                break
        except OSError:
            return None
        time.sleep(0.0005)
    if any((workspace.run / "state").glob(".*")) or any(workspace.run.glob("stages/*/checkpoints/.*")):
        return "save"
    events = workspace.events()
    if events and events[-1]["event"] == "validation_started":
        return "validation"
    if not events or events[-1]["event"] != "step":
        return None
    calls = system_calls(process)
    # A sum goes on while others compute. -1 is none, and 219 the rest of one that the signal interrupted.
    if "-1" in calls:
        return "forward"
    naps = {"x86_64": {"230", "35"}, "aarch64": {"115", "101"}}[os.uname().machine] | {"219"}
    return "sum" if calls & naps else None


def system_calls(process):
    """In which its threads are: those that sum sleep between two looks at their messages."""
    calls = set()
    for task in pathlib.Path(f"/proc/{process}/task").iterdir():
        try:
            calls.add((task / "syscall").read_text().split()[0])
        except OSError:
            pass
    return calls


def mismatches(lab):
    """One rank of three with another configuration, data, tokenizer, teacher, student, seed or program"""
    workspace = lab.workspace
    root = workspace.root
    text = (root / "train_text.txt").read_text()
    (root / "other_text.txt").write_text(text.replace("good", "glad", 1))
    labels = (root / "val_labels.txt").read_text().splitlines()
    (root / "other_labels.txt").write_text("".join(label + "\n" for label in reversed(labels)))
    other_copies(root)
    (root / "other-build").write_bytes(pathlib.Path(workspace.binary).read_bytes() + b"\0")
    (root / "other-build").chmod(0o755)
    cases = {
        "--set training.learningRate=0.003": "learningRate: rank 1 differs",
        "--set run.seed=8": "run.seed: rank 1 differs",
        f"--set data.train.text={root}/other_text.txt": "the training data: rank 1 differs",
        f"--set data.validation.labels={root}/other_labels.txt": "the validation data: rank 1 differs",
        f"--set student.tokenizer={root}/other-tokenizer": "the tokenizer: rank 1 differs",
        f"--set teacher.model={root}/other-teacher": "the teacher's weights: rank 1 differs",
        f"--set student.model={root}/other-narrow": "the student's initial weights: rank 1 differs",
        None: "the program: rank 1 differs",
        "--set training.maxSteps=99": "maxSteps: rank 1 differs",
        "--set training.schedule.warmup=7": "warmup: rank 1 differs",
    }
    for change, named in lab.sample(list(cases.items()), short=4):
        workspace.forget()
        script = root / "differs.sh"
        other = f'exec {root}/other-build "$@"' if change is None else f'set -- "$@" {change}'
        script.write_text(
            f'#!/bin/sh\nif test "$OMPI_COMM_WORLD_RANK" = 1; then {other}; fi\nexec "{workspace.binary}" "$@"\n')
        script.chmod(0o755)
        job = workspace.start(3, workspace.arguments(), program=script)
        status = job.wait(60)
        problem = None
        if status != 1 or named not in job.output:
            problem = f"{job}"
        elif (workspace.run / "metrics.jsonl").exists():
            problem = "refused, but the run was begun"
        lab.note(change or "another program", problem)


def other_copies(root):
    for name in ("teacher", "narrow"):
        shutil.copytree(root / name, root / f"other-{name}")
        change_tensor(root / f"other-{name}/model.safetensors", "bert.pooler.dense.bias"
                      if name == "narrow" else "classifier.bias", 0, 0.25)
    shutil.copytree(root / "narrow", root / "other-tokenizer")
    (root / "other-tokenizer/tokenizer_config.json").write_text(
        '{"tokenizer_class": "BertTokenizer", "do_lower_case": false}')
