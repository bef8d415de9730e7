"""Several hosts on one machine: what they learn is what one learns, and faults end a job on them as they should."""

import argparse
import signal
import sys
import time

from hosts import Hosts, problem
from workspace import REPOSITORY, Job, Workspace, end, send

# run.stuckRank's warnAfter and abortAfter: before mpirun notices, behind that with and without a warning before.
LIMITS = [(1, 5), (2, 20), (60, 600)]
# Hosts and ranks of each.
LAYOUTS = [(1, 1), (1, 3), (2, 2), (3, 2), (4, 2), (8, 2)]
ENDLESS = "training.maxSteps=100000"


def start(workspace, hosts, arguments, inside=False):
    """mpirun runs outside of the hosts, or on the first of them."""
    return Job(workspace, hosts.command(workspace.root, [workspace.binary, *arguments], inside=inside))


def same_result(workspace, count, ranks, inside=False):
    """Ranks on several hosts give the hash of one rank on one host."""
    with Hosts(count, ranks) as hosts:
        workspace.forget()
        job = start(workspace, hosts, workspace.arguments(), inside)
        if job.wait(300) != 0:
            return f"{job}", job
        return (None if workspace.result() == workspace.expected()[0] else "another result"), job


def resumed(workspace):
    """A run that is stopped again and again, and goes on in another layout, gives that hash too."""
    workspace.forget()
    steps = 2 * workspace.stage_steps
    for index, (count, ranks) in enumerate(LAYOUTS):
        is_last = index + 1 == len(LAYOUTS)
        with Hosts(count, ranks) as hosts:
            job = start(workspace, hosts, workspace.arguments())
            if not is_last:
                target = (index + 1) * steps // len(LAYOUTS)
                if not workspace.wait_for(lambda: workspace.steps() >= target, job, 300):
                    job.wait(1)
                    return f"{count} × {ranks}: {job}", job
                send(job.ranks()[0], signal.SIGUSR1)
            if job.wait(300) != (0 if is_last else 75):
                return f"{count} × {ranks}: {job}", job
    return (None if workspace.result() == workspace.expected()[0] else "another result"), job


def cut(workspace, count, index, inside, warn, limit):
    """A link cut in mid-step ends every process of the job, and it can be resumed."""
    allowed = min(limit + 10, 30)
    with Hosts(count) as hosts:
        workspace.forget()
        job = start(workspace, hosts, workspace.arguments(
            f"run.stuckRank={{warnAfter: {warn}, abortAfter: {limit}}}", ENDLESS), inside)
        if not workspace.wait_for(lambda: workspace.steps() >= 30, job):
            job.wait(1)
            return f"did not start: {job}", job
        hosts.link(index, "down")
        wrong = ending(workspace, job, allowed)
    return wrong or unsound(workspace), job


def hurt(workspace, count, number, rank):
    """A rank that dies or stops is named, and ends every process of the job, which can be resumed."""
    limits = ("run.stuckRank={warnAfter: 2, abortAfter: 5}",) if number == signal.SIGSTOP else ()
    with Hosts(count) as hosts:
        workspace.forget()
        job = start(workspace, hosts, workspace.arguments(ENDLESS, *limits))
        if not workspace.wait_for(lambda: workspace.steps() >= 30 and len(job.ranks()) == 2 * count, job):
            job.wait(1)
            return f"did not start: {job}", job
        send(job.ranks()[rank], number)
        # With the parameters of the job a stopped rank is given seven seconds.
        wrong = ending(workspace, job, 17 if limits else 10)
    named = f"rank {rank}: expected a message" if limits else f"process rank {rank} with"
    if not wrong and named not in job.output:
        wrong = f"does not name {named}: {job}"
    return wrong or unsound(workspace), job


def ending(workspace, job, allowed):
    """What is wrong with how a job ends that was hurt just now: nothing, if all of it is gone in time."""
    began = time.monotonic()
    status = job.wait(allowed)
    seconds = time.monotonic() - began
    left = workspace.orphans(max(0.1, allowed - seconds))
    everybody = time.monotonic() - began
    print(f"  mpirun ended after {seconds:.1f} s with status {status}, its last process after {everybody:.1f} s; "
          f"{first_cause(job.output)}", flush=True)
    if status == 0 or not isinstance(status, int):
        return f"status {status}: {job}"
    return f"{everybody:.1f} s, left behind: {left}: {job}" if everybody > allowed or left else None


def unsound(workspace):
    state, output = workspace.verify(workspace.run / "state/last")
    return None if state == 0 else output


def first_cause(output):
    for line in output.splitlines():
        if "Error" in line or "Warning" in line or "lost communication" in line or "failed" in line:
            return line.strip()[:160]
    return "no cause named"


def results(workspace):
    for count, ranks in LAYOUTS:
        yield (f"{count} × {ranks} hosts × ranks: one hash",
               lambda count=count, ranks=ranks: same_result(workspace, count, ranks))
    yield "2 × 2, mpirun on the first host: one hash", lambda: same_result(workspace, 2, 2, inside=True)
    yield "stopped, and resumed in each other layout: one hash", lambda: resumed(workspace)


def faults(workspace):
    for count in (2, 3, 8):
        for number in (signal.SIGKILL, signal.SIGSTOP):
            for rank in (0, 2 * count - 1):
                yield (f"{count} hosts: rank {rank} {'killed' if number == signal.SIGKILL else 'stopped'}",
                       lambda case=(count, number, rank): hurt(workspace, *case))
    for count, inside in [(2, False), (3, False), (2, True)]:
        where = f"{count} hosts, mpirun {'on the first' if inside else 'elsewhere'}"
        for index in (0, count - 1):
            for warn, limit in LIMITS:
                yield (f"{where}: link of host {index + 1} cut, run.stuckRank {warn} and {limit}",
                       lambda case=(count, index, inside, warn, limit): cut(workspace, *case))


def main():
    parser = argparse.ArgumentParser(prog="launch/multi-host-test.sh", description=__doc__)
    parser.add_argument("--binary", default=str(REPOSITORY / ".build/release/distill-ddp"))
    parser.add_argument("--only", choices=["hash", "faults"])
    options = parser.parse_args()
    if reason := problem():
        sys.exit(f"multi-host-test.sh: {reason}")
    workspace = Workspace(options.binary)
    tried = misses = 0
    try:
        # One for each of as many ranks as there are at most.
        configuration = workspace.configuration.read_text()
        workspace.configuration.write_text(configuration.replace("microBatches: 8", "microBatches: 16"))
        workspace.expected()
        cases = [] if options.only == "faults" else [*results(workspace)]
        cases += [] if options.only == "hash" else [*faults(workspace)]
        for what, run in cases:
            wrong, job = run()
            tried += 1
            misses += wrong is not None
            print(f"{'MISS' if wrong else 'ok':5} {job.seconds:5.1f} s  {what}{': ' + wrong if wrong else ''}",
                  flush=True)
            end(workspace.processes())
    finally:
        workspace.remove()
    print(f"{tried} tried, {tried - misses} survived")
    return 1 if misses else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
