"""Runs the scripts that start ranks, with stand-ins for the batch systems; launch/launch-test.sh starts it."""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Faults"))
from workspace import REPOSITORY, Job, Workspace, send


class Lab:
    def __init__(self, workspace):
        self.workspace = workspace
        (workspace.root / "launch").symlink_to(REPOSITORY / "launch")
        self.path = {"PATH": f"{HERE / 'stand_ins'}:{os.environ['PATH']}", "DISTILL_DDP": workspace.binary}

    # A job of a batch system is started by a copy of its script, from another directory.
    def start(self, script, *arguments, variables):
        copy = self.workspace.root / "spool" / script
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes((REPOSITORY / "launch" / script).read_bytes())
        return Job(self.workspace, ["bash", str(copy), *arguments], cwd=copy.parent, variables=self.path | variables)

    def slurm(self, *overrides, **variables):
        return self.start(
            "slurm.sbatch", "--config", str(self.workspace.configuration), "--quiet",
            *[part for override in overrides for part in ("--set", override)], variables={
                "SLURM_SUBMIT_DIR": str(self.workspace.root), "SLURM_JOB_ID": "12", "SLURM_JOB_NAME": "mine",
                "SLURM_NTASKS": "2", "SLURM_CPUS_PER_TASK": "1", "SLURM_JOB_NODELIST": "n1"} | variables)

    def pbs(self, *overrides, nodes=("alpha", "alpha"), arguments="--quiet", **variables):
        (self.workspace.root / "nodes").write_text("".join(node + "\n" for node in nodes))
        return self.start("pbs.sh", variables={
            "PBS_O_WORKDIR": str(self.workspace.root), "PBS_JOBID": "12.server", "PBS_JOBNAME": "mine",
            "PBS_NODEFILE": str(self.workspace.root / "nodes"), "CONFIG": str(self.workspace.configuration),
            "ARGUMENTS": " ".join([arguments, *[f"--set {override}" for override in overrides]]),
            "STAND_IN_WALLTIME": "01:00:00"} | variables)

    def hosts(self, lines, *options, **variables):
        (self.workspace.root / "hosts.txt").write_text(lines)
        return Job(self.workspace, [
            "bash", str(self.workspace.root / "launch/hostfile.sh"), "--agent", str(HERE / "stand_ins/agent"), *options,
            "hosts.txt", *self.workspace.arguments()], variables=self.path | variables)

    def told(self):
        """What scontrol was told, which is then forgotten."""
        log = self.workspace.root / "scontrol.log"
        text = log.read_text() if log.exists() else ""
        log.unlink(missing_ok=True)
        return text

    def stop(self, job, steps=20, number=signal.SIGUSR1):
        if not self.workspace.wait_for(lambda: self.workspace.steps() >= steps, job):
            return False
        return send(job.process.pid, number)

    def problem(self, job, status=0, said="", result=True):
        """What is wrong with how a job ended: nothing, or the first that is."""
        if job.wait(90) != status or said not in job.output:
            return f"expected status {status} and {said!r}: {job}"
        if self.workspace.orphans():
            return f"left behind: {self.workspace.orphans()}"
        if status == 0 and result and self.workspace.result() != self.workspace.expected()[0]:
            return f"another result: {job}"
        return None


def slurm_to_its_end(lab):
    """slurm.sbatch: two ranks that meet over PMIx give the result of one"""
    return (lab.problem(lab.slurm(), said="2 ranks × 1 threads, by srun")
            or (f"requeued: {told}" if (told := lab.told()) else None))


def slurm_preempted(lab):
    """slurm.sbatch: SIGUSR1 saves and requeues, and the second start ends with the same result"""
    job = lab.slurm()
    lab.stop(job)
    problem = lab.problem(job, 75, said="requeued, 1 of at most 100 times")
    if problem or (told := lab.told()) != "requeue 12\n":
        return problem or f"scontrol was told {told!r}"
    return lab.problem(lab.slurm(SLURM_RESTART_COUNT="1"), said="start 2")


def slurm_limits(lab):
    """slurm.sbatch: neither a cancelled job is requeued, nor one that was requeued often enough"""
    for variables, said in [({"STAND_IN_STATE": "CANCELLED"}, "as the job is CANCELLED"),
                            ({"DISTILL_DDP_REQUEUES": "3", "SLURM_RESTART_COUNT": "3"}, "after 3 times")]:
        job = lab.slurm(**variables)
        lab.stop(job, steps=lab.workspace.steps() + 20, number=signal.SIGTERM)
        problem = lab.problem(job, 75, said=said)
        if problem or (told := lab.told()):
            return problem or f"scontrol was told {told!r}"
    return None


def slurm_without_pmix(lab):
    """slurm.sbatch: mpirun takes srun's place, and ranks that do not meet refuse with the remedy"""
    problem = lab.problem(lab.slurm(STAND_IN_MPI="none pmi2"), said="by mpirun")
    if problem:
        return problem
    job = Job(lab.workspace, [
        "srun", "--mpi=none", "--ntasks=2", lab.workspace.binary, *lab.workspace.arguments()], variables=lab.path)
    return lab.problem(job, 1, said="srun --mpi=pmix missing? (srun --mpi=list must show pmix)")


def array_of_seeds(lab):
    """slurm.sbatch and pbs.sh: each task of an array trains its seed, into its directory"""
    directory = lab.workspace.root / "runs/mine/seed-5"
    for start, variables in [(lab.slurm, {"SLURM_ARRAY_TASK_ID": "5"}), (lab.pbs, {"PBS_ARRAY_INDEX": "5"}),
                             (lab.pbs, {"PBS_ARRAYID": "5", "PBS_JOBNAME": "mine-5"})]:
        problem = lab.problem(start("training.maxSteps=5", **variables), result=False)
        if problem:
            return problem
        configuration = (directory / "config.yaml").read_text()
        if "seed: 5\n" not in configuration:
            return f"another seed: {configuration}"
        shutil.rmtree(directory)
    return None


def pbs_to_its_end(lab):
    """pbs.sh: PBS Pro's hosts are ranks, Torque's are cores"""
    for nodes, variables, said in [
            (["alpha", "alpha"], {}, "alpha slots=2 × 1 threads"),
            (["alpha", "alpha", "beta", "beta"], {"PBS_NUM_PPN": "2", "THREADS": "2", "PBS_WALLTIME": "3600"},
             "alpha slots=1 beta slots=1 × 2 threads")]:
        lab.workspace.forget()
        problem = lab.problem(lab.pbs(nodes=nodes, **variables), said=said)
        if problem:
            return problem
    return None


def pbs_arguments(lab):
    """pbs.sh: ARGUMENTS are split where a shell would split them, and not expanded"""
    for text, name in [("'runs/my $HOME run'", "my $HOME run"), (r"runs/an\ older\ one", "an older one"),
                       ("runs/\"it's *\"", "it's *")]:
        problem = lab.problem(
            lab.pbs(arguments=f"--quiet --set training.maxSteps=3 --set  run.directory={text}"), result=False)
        if problem:
            return problem
        if not (lab.workspace.root / "runs" / name / "summary.json").exists():
            return f"no run in runs/{name}: {sorted((lab.workspace.root / 'runs').iterdir())}"
    return lab.problem(
        lab.pbs(arguments="--set run.directory='runs/open"), 1, said="ARGUMENTS: expected every quote to be closed")


def pbs_walltime(lab):
    """pbs.sh: a run is saved ahead of the walltime, and the next job goes on"""
    job = lab.pbs("training.maxSteps=100000", STAND_IN_WALLTIME="00:00:12")
    problem = lab.problem(job, 75, said="submit the same again")
    if problem:
        return problem
    return None if lab.workspace.verify(lab.workspace.run / "state/last")[0] == 0 else "no state"


def hosts(lab):
    """hostfile.sh: two hosts give the result of one, bound or not, and a stopped run goes on"""
    job = lab.hosts("alpha slots=1\n\n# a comment\nbeta slots=1\n")
    lab.stop(job, number=signal.SIGTERM)
    return lab.problem(job, 75) or lab.problem(lab.hosts("alpha\nbeta", "--threads", "1", "--ranks", "1"))


def hosts_that_differ(lab):
    """hostfile.sh: a host that cannot do its part is named, with what it lacks"""
    workspace = lab.workspace
    for answer, said in [
            ("no directory", "beta: expected the directory"), ("no program", "beta: expected"),
            ("no orted", "beta: expected Open MPI"), ("0" * 64 + "\\nmpirun (Open MPI) 4.1.4", "found another one"),
            ("", "beta: expected an answer to"), ("\\033[31mwhat", "beta: expected an answer to")]:
        agent = workspace.root / "answers"
        agent.write_text(f"#!/bin/sh\nprintf '{answer}\\n'\n")
        agent.chmod(0o755)
        problem = lab.problem(lab.hosts("localhost\nbeta\n", "--agent", str(agent)), 1, said=said)
        if problem:
            return problem
    for lines, options, said in [
            ("alpha\ngone\n", [], "found no\\ route\\ to\\ gone"), ("# none\n", [], "expected a host a line"),
            ("-oProxyCommand=x\n", [], "expected the name of a host"),
            ("alpha\n", ["--threads", "0"], "--threads: expected a whole number")]:
        problem = lab.problem(lab.hosts(lines, *options), 1, said=said)
        if problem:
            return problem
    elsewhere = workspace.root / "elsewhere"
    shutil.copy(workspace.binary, elsewhere)
    agent.write_text(f'#!/bin/sh\nshift\necho "$*" | sed "s:{elsewhere}:/bin/sh:g" | sh\n')
    return lab.problem(lab.hosts("beta\n", "--agent", str(agent), DISTILL_DDP=str(elsewhere)), 1, said="found another one")


CASES = [slurm_to_its_end, slurm_preempted, slurm_limits, slurm_without_pmix, array_of_seeds, pbs_to_its_end,
         pbs_arguments, pbs_walltime, hosts, hosts_that_differ]


def main():
    names = [case.__name__ for case in CASES]
    parser = argparse.ArgumentParser(prog="launch/launch-test.sh", description=__doc__)
    parser.add_argument("--only", action="append", choices=names, metavar="NAME",
                        help="one case, may be repeated: " + ", ".join(names))
    parser.add_argument("--binary", default=str(REPOSITORY / ".build/release/distill-ddp"))
    options = parser.parse_args()
    misses = tried = 0
    workspace = Workspace(options.binary, steps=50)
    try:
        workspace.expected()
        lab = Lab(workspace)
        for case in CASES:
            if options.only and case.__name__ not in options.only:
                continue
            workspace.forget()
            began = time.monotonic()
            problem = case(lab)
            tried += 1
            misses += problem is not None
            print(f"{'MISS' if problem else 'ok':5} {time.monotonic() - began:5.1f} s  {case.__doc__}"
                  f"{': ' + problem if problem else ''}", flush=True)
    finally:
        workspace.remove()
    print(f"{tried} tried, {tried - misses} as expected")
    return 1 if misses else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
