"""A long run that is stopped and resumed again and again: memory stays flat, and the result is the same."""

import argparse
import pathlib
import signal
import sys
import time

from workspace import REPOSITORY, Workspace, send

RANKS = 2


def memory(process):
    """Kilobytes that are the process's own or shared among ranks; 0 for a process that is gone. Pages of the program and
    its libraries do not count: other processes decide whether they are there."""
    try:
        lines = [line.split() for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines()]
    except OSError:
        return 0
    return sum(int(line[1]) for line in lines if line[0] in ("RssAnon:", "RssShmem:"))


def main():
    parser = argparse.ArgumentParser(prog="launch/soak-test.sh", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--restart-every", type=float, default=5)
    parser.add_argument("--binary", default=str(REPOSITORY / ".build/release/distill-ddp"))
    options = parser.parse_args()
    workspace, other = relative(Workspace(options.binary)), relative(Workspace(options.binary))
    try:
        return soak(workspace, other, options)
    finally:
        workspace.remove()
        other.remove()


def relative(workspace):
    """With a configuration that says nothing of where it lies, as the log and the model's card repeat its paths."""
    text = workspace.configuration.read_text()
    workspace.configuration.write_text(text.replace(str(workspace.root), "."))
    return workspace


def soak(workspace, other, options):
    # As many steps as fill the time, from the speed of a short run.
    trial = ("stages.0.maxSteps=3000", "stages.1.maxSteps=1", "run.saveStateEverySteps=500",
             "training.validateEverySteps=500")
    job = workspace.attempt(*trial, ranks=RANKS, timeout=600)
    steps = max(1000, int(3000 / job.seconds * 60 * options.minutes))
    overrides = (f"stages.0.maxSteps={steps}", *trial[1:])
    workspace.forget()
    # Beside it the run without stops, on one rank: the result does not depend on how many there are.
    whole = other.start(1, other.arguments(*overrides), prefix=("nice", "-n", "10"))
    print(f"{steps} steps", flush=True)

    began = time.monotonic()
    restarts, levels, status = 0, [], 75
    while status == 75:
        job = workspace.start(RANKS, workspace.arguments(*overrides))
        until = job.started + 60 * options.restart_every
        samples = []
        while job.process.poll() is None and time.monotonic() < until:
            time.sleep(0.5)
            samples.append((time.monotonic() - job.started, sum(map(memory, job.ranks()))))
        if job.process.poll() is None:
            send(job.process.pid, signal.SIGUSR1)
        status = job.wait()
        restarts += status == 75
        # Of an interval's second half, the mean of the first tenth and of the last. What is allocated once, as by a thread
        # that is started when the machine is busy, is there by then.
        late = [kilobytes for seconds, kilobytes in samples[:-2] if seconds >= 60 * options.restart_every / 2]
        if len(late) >= 20:
            part = len(late) // 10
            levels.append((job.started - began, sum(late[:part]) / part, sum(late[-part:]) / part))
            print(f"  {job.seconds:.0f} s, status {status}, {levels[-1][1]:.0f} KiB, then {levels[-1][2]:.0f} KiB, "
                  f"step {workspace.steps()}", flush=True)
    seconds = time.monotonic() - began
    # Once the first sixth of the time is over. A leak shows in every interval.
    settled = [level[1:] for level in levels if level[0] >= 60 * options.minutes / 6] or [level[1:] for level in levels]
    first, last = (sum(side) for side in zip(*settled)) if settled else (1, 2)
    growth = last / first - 1
    found = workspace.result() if status == 0 else f"{job}"
    if whole.wait(60 * options.minutes * 4) != 0:
        print(f"the run without stops: {whole}")
        return 1
    same = found == other.result()
    print(f"{seconds / 60:.0f} minutes, {restarts} restarts, status {status}, the {'same' if same else 'WRONG'} result, "
          f"memory grew by {100 * growth:.2f} % in each of {len(settled)} intervals on average")
    return 0 if same and settled and growth < 0.01 else 1


if __name__ == "__main__":
    sys.exit(main())
