"""A long run that is stopped and resumed again and again: memory stays flat, and the result is the same."""

import argparse
import pathlib
import signal
import sys
import time

from workspace import REPOSITORY, Workspace, send

RANKS = 2


def pss(process):
    """Kilobytes of memory, shared pages in equal parts; 0 for a process that is gone."""
    try:
        for line in pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def main():
    parser = argparse.ArgumentParser(prog="launch/soak-test.sh", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--restart-every", type=float, default=5)
    parser.add_argument("--binary", default=str(REPOSITORY / ".build/release/distill-ddp"))
    options = parser.parse_args()
    workspace = Workspace(options.binary)
    try:
        return soak(workspace, options)
    finally:
        workspace.remove()


def soak(workspace, options):
    # As many steps as fill the time, from the speed of a short run.
    trial = ("stages.0.maxSteps=3000", "stages.1.maxSteps=1", "run.saveStateEverySteps=500",
             "training.validateEverySteps=500")
    job = workspace.attempt(*trial, ranks=RANKS, timeout=600)
    steps = max(1000, int(3000 / job.seconds * 60 * options.minutes))
    overrides = (f"stages.0.maxSteps={steps}", *trial[1:])
    workspace.forget()
    whole = workspace.attempt(*overrides, ranks=RANKS, timeout=60 * options.minutes * 4)
    if whole.status != 0:
        print(f"the run without stops: {whole}")
        return 1
    expected = workspace.result()
    print(f"{steps} steps, without stops in {whole.seconds:.0f} s: {expected}", flush=True)
    workspace.forget()

    restarts, growth, status = 0, 0.0, 75
    while status == 75:
        job = workspace.start(RANKS, workspace.arguments(*overrides))
        until = job.started + 60 * options.restart_every
        samples = []
        while job.process.poll() is None and time.monotonic() < until:
            time.sleep(0.5)
            samples.append((time.monotonic() - job.started, sum(map(pss, job.ranks()))))
        if job.process.poll() is None:
            send(job.process.pid, signal.SIGUSR1)
        status = job.wait(60)
        restarts += status == 75
        # Of an interval's last five sixths, the mean of the first tenth and of the last.
        late = [kilobytes for seconds, kilobytes in samples[:-2] if seconds >= 60 * options.restart_every / 6]
        if len(late) >= 20:
            part = len(late) // 10
            first, last = sum(late[:part]) / part, sum(late[-part:]) / part
            growth = max(growth, last / first - 1)
            print(f"  {job.seconds:.0f} s, status {status}, {first:.0f} KiB, then {last:.0f} KiB, step {workspace.steps()}",
                  flush=True)
    same = status == 0 and workspace.result() == expected
    print(f"{restarts} restarts, status {status}, the {'same' if same else 'WRONG'} result, "
          f"memory grew by {100 * growth:.2f} % at most")
    return 0 if same and growth < 0.01 else 1


if __name__ == "__main__":
    sys.exit(main())
