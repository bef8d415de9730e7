"""Every file of a checkpoint and a state flipped and cut."""

import random
import shutil


def stopped_run(lab):
    """A run that was stopped in its second half, with two states."""
    workspace = lab.workspace
    workspace.expected()
    workspace.stop_at(workspace.stage_steps + 15)


def damage(generator, path):
    """Flips one bit of a file or cuts it, and says what it did."""
    contents = bytearray(path.read_bytes())
    position = generator.randrange(len(contents))
    if generator.random() < 0.25:
        path.write_bytes(contents[:position])
        return f"cut to {position} of {len(contents)} bytes"
    bit = generator.randrange(8)
    contents[position] ^= 1 << bit
    path.write_bytes(contents)
    return f"bit {bit} of byte {position} flipped"


def flipped_and_cut(lab):
    """Every file of states and checkpoints with a bit flipped or cut: verify finds it"""
    generator = random.Random(lab.seed)
    stopped_run(lab)
    run = lab.workspace.run
    folders = [path.parent for path in sorted(run.rglob("manifest.json"))]
    files = [(folder, path) for folder in folders for path in sorted(folder.iterdir())]
    for index in range(lab.count(short=100, full=2000)):
        folder, path = files[index % len(files)]
        before = path.read_bytes()
        what = damage(generator, path)
        status, output = lab.workspace.verify(folder)
        lab.note(f"{path.relative_to(run)}, {what}", None if status == 1 else f"verify, status {status}: {output}")
        path.write_bytes(before)


def older_state_is_used(lab):
    """Any file of the newest state damaged: the run goes on from the older one, with the same result"""
    generator = random.Random(lab.seed)
    stopped_run(lab)
    workspace = lab.workspace
    saved = workspace.root / "saved"
    shutil.copytree(workspace.run, saved, symlinks=True)
    names = sorted(path.name for path in (workspace.run / "state/last/").iterdir())
    for index in range(lab.count(short=4, full=40)):
        shutil.rmtree(workspace.run)
        shutil.copytree(saved, workspace.run, symlinks=True)
        newest, older = sorted((path for path in (workspace.run / "state").glob("stage=*")), reverse=True)[:2]
        path = newest / names[index % len(names)]
        what = f"{path.name}, {damage(generator, path)}"
        job = workspace.start(1, [part for part in workspace.arguments() if part != "--quiet"])
        status = job.wait()
        problem = None
        if status != 0 or f"{newest.name} cannot be used" not in job.output or f"{older.name}" not in job.output:
            problem = f"{job}"
        elif workspace.result() != workspace.expected()[0]:
            problem = "another result"
        lab.note(what, problem)
