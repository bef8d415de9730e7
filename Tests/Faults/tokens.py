"""Kills while data become tokens."""

import random
import shutil
import signal
import subprocess
import time

from workspace import VOCABULARY, send


def killed_makers(lab):
    """SIGKILL of a process that makes tokens of its data; whoever comes next makes them whole, and trains as from memory"""
    workspace = lab.workspace
    generator = random.Random(lab.seed)
    write_much(workspace.root, rows=150_000)
    train = f"data.train={{text: {workspace.root}/much_text.txt, labels: {workspace.root}/much_labels.txt}}"
    expected, _ = workspace.expected(train)
    tokens = workspace.root / "tokens"
    for index in range(lab.count(short=3, full=40)):
        shutil.rmtree(tokens, ignore_errors=True)
        job = workspace.start(1 + index % 2, workspace.arguments(train, f"data.cache={tokens}"))
        # On a busy machine they may be there before anybody looks: then the run is killed behind them.
        if not workspace.wait_for(lambda: any(tokens.glob("*.tokens*")), job):
            raise RuntimeError(f"a run that should make tokens: {job}")
        time.sleep(generator.uniform(0, 0.3))
        for process in job.ranks():
            send(process, signal.SIGKILL)
        job.wait(30)
        workspace.forget()
        job = workspace.attempt(train, f"data.cache={tokens}", ranks=1 + index // 2 % 2)
        lab.note(f"kill {index + 1}", problem(workspace, job, tokens, expected))
        workspace.forget()
    shutil.rmtree(tokens)


def problem(workspace, job, tokens, expected):
    if job.status != 0:
        return f"{job}"
    if workspace.result() != expected:
        return "another result than from memory"
    if left := [path.name for path in tokens.glob(".*.tokens.*")]:
        return f"what the killed process left is still there: {left}"
    result = subprocess.run([workspace.binary, "cache", "verify", str(tokens)], capture_output=True, text=True, timeout=60)
    return None if result.returncode == 0 else result.stdout + result.stderr


def write_much(root, rows):
    """So many rows that their tokens take a while."""
    generator = random.Random(5)
    words = VOCABULARY[5:31]
    with open(root / "much_text.txt", "w") as texts, open(root / "much_labels.txt", "w") as labels:
        for _ in range(rows):
            text = generator.choices(range(26), k=generator.randint(1, 16))
            texts.write(" ".join(words[word] for word in text) + "\n")
            labels.write(f"{int(sum(text) > 12 * len(text))}\n")
