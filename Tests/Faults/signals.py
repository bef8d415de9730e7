"""Each signal to each target."""

import signal
import time

from workspace import REPOSITORY, Job, send

TOO_LATE = "the run ended before the signal came"
SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP]


def each_to_each(lab):
    """SIGTERM, SIGINT, SIGUSR1, SIGUSR2 and SIGHUP to a process, a rank, mpirun and the launch scripts"""
    workspace = lab.workspace
    workspace.expected()
    targets = {
        "a process alone": (start_alone, lambda job: job.process.pid, [75]),
        "rank 0 of 2": (start_ranks, lambda job: job.ranks()[0], [75]),
        "rank 1 of 2": (start_ranks, lambda job: job.ranks()[1], [75]),
        "mpirun": (start_ranks, lambda job: job.process.pid, None),
        "launch/local.sh": (start_script, lambda job: job.process.pid, [75]),
        "launch/run-with-restarts.sh": (start_restarting, lambda job: job.process.pid, [75]),
    }
    cases = [(target, number) for target in targets for number in SIGNALS]
    for _ in range(lab.count(short=1, full=3)):
        for target, number in (cases if lab.full else cases[::7] + cases[24:25]):
            start, pick, statuses = targets[target]
            # Open MPI passes these two on; at the others it ends its ranks, with its own status.
            if statuses is None:
                statuses = [75] if number in (signal.SIGUSR1, signal.SIGUSR2) else [1, 75]
            for _ in range(3):
                problem = one_signal(workspace, start, pick, number, statuses)
                if problem != TOO_LATE:
                    break
            lab.note(f"{number.name} to {target}", problem)
    for target, number in [("a process alone", signal.SIGTERM), ("rank 1 of 2", signal.SIGINT)]:
        start, pick, _ = targets[target]
        lab.note(f"{number.name} twice to {target}", two_signals(workspace, start, pick, number))
    workspace.forget()


def one_signal(workspace, start, pick, number, statuses):
    workspace.forget()
    job = start(workspace)
    if not workspace.wait_for(lambda: workspace.steps() >= 20, job):
        job.wait(5)
        return f"did not get to its step: {job}"
    send(pick(job), number)
    sent = time.monotonic()
    if job.wait(30) == 0:
        return TOO_LATE
    if job.status not in statuses:
        return f"expected status {statuses}: {job}"
    if time.monotonic() - sent > 10:
        return f"took {time.monotonic() - sent:.1f} s"
    if workspace.orphans():
        return f"left behind: {workspace.orphans()}"
    # Before mpirun ends its ranks, it gives them the time to come to an end by themselves.
    if statuses == [75] and (workspace.run / "summary.json").exists():
        return TOO_LATE
    if start is start_script and ("Primary job" in job.output or "Forwarding" in job.output):
        return f"mpirun speaks of what was asked for: {job}"
    return workspace.resumes(ranks=1 if start is start_alone else 2)


def two_signals(workspace, start, pick, number):
    """A second signal ends the process at once. A step that never ends is one whose other rank is stopped."""
    workspace.forget()
    job = start(workspace)
    if not workspace.wait_for(lambda: workspace.steps() >= 20, job):
        return "did not get to its step"
    target = pick(job)
    ranks = job.ranks()
    if len(ranks) > 1:
        send(next(rank for rank in ranks if rank != target), signal.SIGSTOP)
    else:
        # Both are pending when it goes on, so that no step comes between them; then they count as one.
        send(target, signal.SIGSTOP)
        send(target, number)
        send(target, signal.SIGCONT)
        status = job.wait(30)
        return None if status == 75 else f"{job}"
    send(target, number)
    # On a busy machine the first may have been noticed late, and the second is then taken for the same.
    for _ in range(5):
        time.sleep(0.7)
        if job.process.poll() is None:
            send(target, number)
    status = job.wait(30)
    if status != 128 + number:
        return f"expected status {128 + number}: {job}"
    if workspace.orphans():
        return f"left behind: {workspace.orphans()}"
    return workspace.resumes(ranks=2)


def start_alone(workspace):
    return workspace.start(1, workspace.arguments())


def start_ranks(workspace):
    return workspace.start(2, workspace.arguments())


def start_script(workspace):
    # From where the user stands.
    relative = [argument.replace(str(workspace.configuration), workspace.configuration.name)
                for argument in workspace.arguments()]
    return Job(workspace, ["bash", str(REPOSITORY / "launch/local.sh"), "2", *relative],
               variables={"DISTILL_DDP": workspace.binary})


def start_restarting(workspace):
    return Job(workspace, ["bash", str(REPOSITORY / "launch/run-with-restarts.sh"),
                           "bash", str(REPOSITORY / "launch/local.sh"), "2", *workspace.arguments()],
               variables={"DISTILL_DDP": workspace.binary})
