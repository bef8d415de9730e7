"""Submits launch/slurm.sbatch to Slurm itself; launch/slurm-test.sh starts it."""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Faults"))
from slurm_daemons import SlurmDaemons
from workspace import REPOSITORY, Workspace, send

ENDS = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED"}


class Jobs:
    """Jobs of one workspace, which is submitted from as if it were the repository."""

    def __init__(self, slurm, workspace):
        self.slurm = slurm
        self.workspace = workspace
        (workspace.root / "launch").symlink_to(REPOSITORY / "launch")

    def submit(self, *options, overrides=(), variables=None):
        os.environ.update({"DISTILL_DDP": self.workspace.binary} | (variables or {}))
        try:
            return self.slurm.submit(
                "--ntasks=2", "--cpus-per-task=1", f"--output={self.workspace.root}/%j.log", *options,
                "launch/slurm.sbatch", "--config", str(self.workspace.configuration), "--quiet",
                *[part for override in overrides for part in ("--set", override)], cwd=self.workspace.root)
        finally:
            for name in variables or {}:
                del os.environ[name]

    def log(self, job):
        try:
            return (self.workspace.root / f"{job}.log").read_text(errors="replace")
        except OSError:
            return ""

    def ranks(self):
        """The processes of the ranks."""
        name = pathlib.Path(self.workspace.binary).name
        return [process for process in self.workspace.processes()
                if pathlib.Path(f"/proc/{process}/exe").resolve().name == name]

    def wait_for_steps(self, count):
        return self.slurm.wait_for(lambda: self.workspace.steps() >= count, 60)

    def wait_for_end(self, job, seconds=150):
        self.slurm.wait_for(lambda: all(state in ENDS for state, _, _ in self.slurm.state(job)), seconds)
        return self.slurm.state(job)

    def problem(self, job, restarts, state="COMPLETED", said=""):
        """What is wrong with a job: nothing, if it ends so, after at least so many restarts, with the result of the run
        that was never stopped."""
        ends = self.wait_for_end(job)
        if ends[0][0] != state or ends[0][1] < restarts:
            return f"expected {state} after {restarts} restarts, found {ends}: {self.log(job)[-600:]}"
        if said not in self.log(job):
            return f"expected {said!r}, found {self.log(job)[-600:]}"
        if state == "COMPLETED" and self.workspace.result() != self.workspace.expected()[0]:
            return f"another result: {self.log(job)[-600:]}"
        return None


def is_pending(process, number):
    status = pathlib.Path(f"/proc/{process}/status").read_text()
    waiting = int(status.split("ShdPnd:")[1].split()[0], 16)
    return waiting >> (number - 1) & 1 == 1


def to_its_end(jobs):
    """runs on two ranks, started by srun with PMIx"""
    return jobs.problem(jobs.submit(), 0, said="2 ranks × 1 threads, by srun")


def by_mpirun(jobs):
    """runs on two ranks, started by mpirun in the allocation"""
    return jobs.problem(jobs.submit(variables={"DISTILL_DDP_LAUNCHER": "mpirun"}), 0, said="by mpirun")


def time_limit(jobs):
    """is signalled ahead of its time limit, requeued, and goes on"""
    job = jobs.submit("--time=1", "--signal=B:USR1@55")
    jobs.wait_for_steps(30)
    # Slurm looks at limits every half a minute, which the run would not last.
    ranks = jobs.ranks()
    for rank in ranks:
        send(rank, signal.SIGSTOP)
    signalled = jobs.slurm.wait_for(lambda: all(is_pending(rank, signal.SIGUSR1) for rank in ranks), 70)
    for rank in ranks:
        send(rank, signal.SIGCONT)
    return jobs.problem(job, 1, said="status 75: requeued, 1 of") if signalled else "no signal came"


def preempted(jobs):
    """gives way to a job of a higher partition, and goes on after it"""
    job = jobs.submit()
    jobs.wait_for_steps(30)
    above = jobs.slurm.submit("--partition=high", "--ntasks=2", "--output=/dev/null", "--wrap=sleep 2",
                              cwd=jobs.workspace.root)
    problem = jobs.problem(job, 1, said="start 2")
    return problem or (None if jobs.slurm.state(above)[0][0] == "COMPLETED" else "the higher job did not run")


def preempted_by_mpirun(jobs):
    """that mpirun started gives way too"""
    os.environ["DISTILL_DDP_LAUNCHER"] = "mpirun"
    try:
        return preempted(jobs)
    finally:
        del os.environ["DISTILL_DDP_LAUNCHER"]


def requeued_by_hand(jobs):
    """goes on after `scontrol requeue`"""
    job = jobs.submit()
    jobs.wait_for_steps(30)
    jobs.slurm.tell("scontrol", "requeue", job, check=True)
    return jobs.problem(job, 1, said="start 2")


def cancelled(jobs):
    """stays cancelled, with a state to go on from"""
    job = jobs.submit()
    jobs.wait_for_steps(30)
    jobs.slurm.tell("scancel", job, check=True)
    problem = jobs.problem(job, 0, state="CANCELLED")
    time.sleep(8)
    if problem is None and jobs.slurm.state(job)[0][0] != "CANCELLED":
        problem = f"it came back: {jobs.slurm.state(job)}: {jobs.log(job)[-600:]}"
    return problem or jobs.problem(jobs.submit(), 0)


def limited(jobs):
    """is requeued as often as it may be, and no more"""
    job = jobs.submit(variables={"DISTILL_DDP_REQUEUES": "0"})
    jobs.wait_for_steps(30)
    jobs.slurm.tell("scancel", "--batch", "--signal=USR1", job, check=True)
    problem = jobs.problem(job, 0, state="FAILED", said="not requeued, after 0 times")
    return problem or (None if jobs.slurm.state(job)[0][2] == "75:0" else f"{jobs.slurm.state(job)}")


def seeds(jobs):
    """of an array trains a seed in each of its tasks"""
    workspace = jobs.workspace
    job = jobs.submit("--array=3-4", "--job-name=seeds", overrides=["training.maxSteps=20"])
    ends = jobs.wait_for_end(job)
    if [state for state, _, _ in ends] != ["COMPLETED", "COMPLETED"]:
        return f"{ends}: " + "".join(path.read_text()[-300:] for path in workspace.root.glob("*.log"))
    kept = workspace.run
    try:
        for seed in (3, 4):
            directory = f"runs/seeds/seed-{seed}"
            workspace.run = workspace.root / directory
            found = workspace.result()
            alone = ["training.maxSteps=20", f"run.seed={seed}", f"run.directory={directory}"]
            if workspace.expected(*alone)[0] != found:
                return f"another result than that of seed {seed}"
    finally:
        workspace.run = kept
    return None


def dead_rank(jobs):
    """ends soon once a rank is killed, as failed and not requeued"""
    job = jobs.submit()
    jobs.wait_for_steps(30)
    began = time.monotonic()
    send(jobs.ranks()[-1], signal.SIGKILL)
    problem = jobs.problem(job, 0, state="FAILED")
    seconds = time.monotonic() - began
    return problem or (None if seconds < 15 else f"{seconds:.1f} s")


def without_pmix(jobs):
    """whose ranks do not meet is refused, with the remedy"""
    result = jobs.slurm.tell_all(
        "srun", "--mpi=none", "--ntasks=2", jobs.workspace.binary, *jobs.workspace.arguments(), cwd=jobs.workspace.root)
    said = "srun --mpi=pmix missing?"
    return None if result.returncode == 1 and said in result.stderr else f"{result.returncode}: {result.stderr[-600:]}"


CASES = [to_its_end, by_mpirun, time_limit, preempted, preempted_by_mpirun, requeued_by_hand, cancelled, limited, seeds,
         dead_rank, without_pmix]


def main():
    names = [case.__name__ for case in CASES]
    parser = argparse.ArgumentParser(prog="launch/slurm-test.sh", description=__doc__)
    parser.add_argument("--only", action="append", choices=names, metavar="NAME",
                        help="one case, may be repeated: " + ", ".join(names))
    parser.add_argument("--binary", default=str(REPOSITORY / ".build/release/distill-ddp"))
    options = parser.parse_args()
    missing = [name for name in ("slurmctld", "slurmd", "srun", "sbatch") if not shutil.which(name)]
    if os.geteuid() != 0 or missing:
        sys.exit(f"slurm-test.sh: expected root and Slurm, found no {', '.join(missing) or 'root'}; as root, run: "
                 "apt-get install slurmctld slurmd slurm-client")
    misses = 0
    workspace = Workspace(options.binary, steps=300)
    try:
        workspace.expected()
        with SlurmDaemons() as slurm:
            print(slurm.tell("srun", "--version").strip(), flush=True)
            jobs = Jobs(slurm, workspace)
            for case in CASES:
                if options.only and case.__name__ not in options.only:
                    continue
                workspace.forget()
                began = time.monotonic()
                problem = case(jobs)
                misses += problem is not None
                print(f"{'MISS' if problem else 'ok':5} {time.monotonic() - began:5.1f} s  a job {case.__doc__}"
                      f"{': ' + problem if problem else ''}", flush=True)
                slurm.clear()
    finally:
        workspace.remove()
    return 1 if misses else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
