"""Slurm itself on this machine: a controller and a node of their own, for as long as a test takes; needs root."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

# No authentication, accounting or control groups: jobs are ours alone. Requeued jobs may start again at once, and the
# queue is looked at every second.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_min_interval=100000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
KillWait=5
JobCompType=jobcomp/none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 GraceTime=30 MaxTime=INFINITE
PartitionName=high Nodes=ALL PriorityTier=2 MaxTime=INFINITE
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SlurmDaemons:
    def __enter__(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="distill-ddp-slurm-"))
        self.host = socket.gethostname().split(".")[0]
        self.configuration = self.root / "slurm.conf"
        self.configuration.write_text(CONFIGURATION.format(
            host=self.host, root=self.root, port=free_port(), node_port=free_port()))
        for name in ("state", "spool"):
            (self.root / name).mkdir()
        os.environ["SLURM_CONF"] = str(self.configuration)
        self.daemons = []
        try:
            self.start("slurmctld", "-D", "-i")
            self.start("slurmd", "-D", "-N", self.host)
            self.wait_for(lambda: self.tell("sinfo", "--noheader", "--format=%T").split()[:1] == ["idle"], 30)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if all(daemon.poll() is None for daemon in self.daemons):
            self.clear()
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        os.environ.pop("SLURM_CONF", None)
        shutil.rmtree(self.root, ignore_errors=True)

    def start(self, *command):
        with open(self.root / f"{command[0]}.out", "wb") as output:
            self.daemons.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True))

    def tell_all(self, *command, cwd=None):
        return subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=cwd)

    def tell(self, *command, cwd=None, check=False):
        result = self.tell_all(*command, cwd=cwd)
        if check and result.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: {result.stderr.strip()}")
        return result.stdout

    def clear(self):
        """Ends what is left in the queue."""
        self.tell("scancel", "--state=PENDING")
        self.tell("scancel", "--signal=KILL", "--full", "--state=RUNNING")
        self.wait_for(lambda: not self.tell("squeue", "--noheader").strip(), 30)

    def wait_for(self, condition, seconds):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            for daemon in self.daemons:
                if daemon.poll() is not None:
                    raise RuntimeError(f"{daemon.args[0]} ended: {self.log(daemon.args[0])}")
            time.sleep(0.1)
        return True

    def log(self, name):
        return "".join(
            path.read_text(errors="replace")[-2000:] for path in self.root.glob(f"{name}.*") if path.is_file())

    def submit(self, *arguments, cwd):
        return self.tell("sbatch", "--parsable", *arguments, cwd=cwd, check=True).strip()

    def state(self, job):
        """The states of a job, or of all the elements of an array, with how often each was started again."""
        found = []
        for line in self.tell("scontrol", "show", "job", "--oneliner", job).splitlines():
            fields = dict(part.split("=", 1) for part in line.split() if "=" in part)
            found.append((fields["JobState"], int(fields["Restarts"]), fields.get("ExitCode")))
        return found
