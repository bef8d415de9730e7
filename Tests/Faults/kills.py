"""Kills at random moments, and the same result on any number of ranks and threads."""

import random
import signal
import time

from workspace import send


def random_kills(lab):
    """SIGKILL of a rank, or of mpirun, at a random moment; resumed until the run ends as if nothing had happened."""
    generator = random.Random(lab.seed)
    count = lab.count(short=25, full=300)
    shares = {1: count - 2 * (count // 3), 2: count // 3, 4: count // 3}
    workspace = lab.workspace
    expected, _ = workspace.expected()
    for ranks, share in shares.items():
        workspace.forget()
        duration = workspace.attempt(ranks=ranks).seconds
        workspace.forget()
        done = 0
        while done < share:
            # A chain of kills on one run, then its end.
            chain = min(share - done, generator.randint(1, 4))
            for _ in range(chain):
                while not one_kill(workspace, generator, ranks, duration):
                    workspace.forget()
            done += chain
            problem = workspace.resumes(ranks=ranks)
            for _ in range(chain):
                lab.note(f"{ranks} ranks, {chain} kills", problem)
            workspace.forget()


def one_kill(workspace, generator, ranks, duration):
    """Whether the kill came before the run's end."""
    job = workspace.start(ranks, workspace.arguments())
    time.sleep(generator.uniform(0.0, duration))
    targets = job.ranks()
    if ranks > 1 and generator.random() < 0.25:
        targets = [job.process.pid]
    send(generator.choice(targets), signal.SIGKILL)
    status = job.wait(30)
    left = workspace.orphans(10)
    if left:
        raise RuntimeError(f"processes outlived a killed job of {ranks} ranks: {left}")
    return status != 0


def any_number_of_ranks(lab):
    """200 steps with dropout on other numbers of ranks and threads; then a resume on another number."""
    workspace = lab.workspace
    expected, _ = workspace.expected()
    for ranks, threads in [(1, 1), (1, 2), (2, 1), (2, 2), (4, 1), (8, 1)]:
        workspace.forget()
        job = workspace.attempt(ranks=ranks, threads=threads)
        lab.note(f"{ranks} ranks × {threads} threads",
                 f"{job}" if job.status != 0 else None if workspace.result() == expected else "another result")
    changes = [(2, 1), (1, 4), (4, 2)]
    for before, after in changes[: lab.count(short=1, full=3)]:
        workspace.stop_at(60, before)
        lab.note(f"resumed on {after} ranks after {before}", workspace.resumes(ranks=after))
    workspace.forget()
