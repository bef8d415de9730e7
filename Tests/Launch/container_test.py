"""Makes the container of launch/Dockerfile without Docker, and runs launch/mpijob.yaml's commands in it, with a network
namespace for each pod; launch/container-test.sh starts it."""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Faults"))
from runtime_stage import RuntimeStage
from workspace import REPOSITORY, Job, Workspace, end, send

NETWORK = "10.78.0"
# The operator's names for its workers, and what it tells Open MPI.
WORKERS = [f"distill-ddp-worker-{index}.distill-ddp.default.svc" for index in (0, 1)]
OPERATOR = {"OMPI_MCA_orte_keep_fqdn_hostnames": "true", "OMPI_MCA_orte_default_hostfile": "/etc/mpi/hostfile",
            "OMPI_MCA_plm_rsh_args": "-o ConnectionAttempts=10", "K_MPI_JOB_ROLE": "launcher"}


def ip(*arguments, check=True):
    subprocess.run(["ip", *arguments], check=check, capture_output=True)


class Pods:
    """The launcher and two workers, each with an address and a name of its own."""

    def __init__(self, stage, workspace):
        self.stage = stage
        self.workspace = workspace
        job = next(document for document in yaml.safe_load_all((REPOSITORY / "launch/mpijob.yaml").read_text())
                   if document["kind"] == "MPIJob")
        replicas = job["spec"]["mpiReplicaSpecs"]
        self.launcher, self.worker = [
            replicas[name]["template"]["spec"]["containers"][0] for name in ("Launcher", "Worker")]
        self.mount = job["spec"]["sshAuthMountPath"]
        self.servers = []

    def __enter__(self):
        self.remove_network()
        ip("link", "add", "ddp-pods", "type", "bridge")
        ip("link", "set", "ddp-pods", "up")
        for index in range(3):
            ip("netns", "add", f"ddp-pod{index}")
            ip("link", "add", f"ddp-p{index}", "type", "veth", "peer", "name", "eth0", "netns", f"ddp-pod{index}")
            ip("link", "set", f"ddp-p{index}", "master", "ddp-pods", "up")
            ip("-n", f"ddp-pod{index}", "address", "add", f"{NETWORK}.{10 + index}/24", "dev", "eth0")
            ip("-n", f"ddp-pod{index}", "link", "set", "eth0", "up")
            ip("-n", f"ddp-pod{index}", "link", "set", "lo", "up")
        self.fill()
        for index in (1, 2):
            self.servers.append(Job(self.workspace, self.inside(
                index, *self.worker["command"], *self.worker["args"], options=[
                    "--pid", "--fork", f"--mount-proc={self.stage.root}/proc"]),
                variables=self.stage.environment))
        time.sleep(1)
        return self

    def __exit__(self, *_):
        # With a namespace's first process, all others of it end.
        end([self.first_of(server) for server in self.servers])
        for server in self.servers:
            server.process.wait()
        self.remove_network()

    def remove_network(self):
        for index in range(3):
            ip("netns", "delete", f"ddp-pod{index}", check=False)
            ip("link", "delete", f"ddp-p{index}", check=False)
        ip("link", "delete", "ddp-pods", check=False)

    def fill(self):
        """What the operator mounts: a key, the list of hosts, and names for addresses; and the volumes."""
        root = self.stage.root
        key = root / self.mount.lstrip("/")
        key.mkdir()
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", str(key / "id_rsa")], check=True)
        shutil.copy(key / "id_rsa.pub", key / "authorized_keys")
        os.chown(key / "id_rsa", self.stage.user, self.stage.user)
        (root / "etc/mpi").mkdir()
        (root / "etc/mpi/hostfile").write_text("".join(f"{name} slots=1\n" for name in WORKERS))
        (root / "etc/hosts").write_text("127.0.0.1 localhost\n" + "".join(
            f"{NETWORK}.{11 + index} {name} {name.split('.')[0]}\n" for index, name in enumerate(WORKERS)))
        (root / "config").mkdir()
        (root / "config/run.yaml").write_text(self.workspace.configuration.read_text())
        # At the same path, which is part of what a run writes.
        place = root / str(self.workspace.root).lstrip("/")
        shutil.copytree(self.workspace.root, place)
        for path in [place, *place.rglob("*")]:
            os.chown(path, self.stage.user, self.stage.user)
        self.workspace.run = place / "run"

    def inside(self, index, *words, options=()):
        name = "distill-ddp-launcher" if index == 0 else WORKERS[index - 1].split(".")[0]
        return ["ip", "netns", "exec", f"ddp-pod{index}", "unshare", "--uts", *options, "sh", "-c",
                f'hostname {name}; exec "$@"', "sh", *self.stage.command(*words)]

    def beside(self, server, *words):
        """A command in the container of a worker's server, which sees that container's processes only."""
        return ["nsenter", f"--target={self.first_of(self.servers[server - 1])}", "--net", "--uts", "--pid", "--mount",
                *self.stage.command(*words)]

    def first_of(self, server):
        """The first process of a server's namespace, which unshare waits for."""
        parent = server.process.pid
        return int(pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()[0])

    def launch(self):
        return Job(self.workspace, self.inside(0, *self.launcher["command"], *self.launcher["args"], "--quiet"),
                   variables=self.stage.environment | OPERATOR)

    def rank_of(self, index):
        """The process of the rank that runs in a worker."""
        host = os.stat(f"/run/netns/ddp-pod{index}").st_ino
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if (entry / "comm").read_text() == "distill-ddp\n" and os.stat(entry / "ns/net").st_ino == host:
                    return int(entry.name)
            except OSError:
                pass
        return None


def problem(job, status, workspace, expected=None):
    if job.wait(120) != status:
        return f"expected status {status}: {job}"
    if expected and workspace.result() != expected:
        return "another result"
    return None


def alone(stage, workspace):
    """one process and launch/local.sh with two ranks give the result of the ordinary build"""
    expected = workspace.expected()[0]
    place = stage.root / "tmp/one"
    for words in (["distill-ddp"], ["/app/launch/local.sh", "2"]):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(workspace.root, place)
        for path in [place, *place.rglob("*")]:
            os.chown(path, stage.user, stage.user)
        target = stage.root / str(workspace.root).lstrip("/")
        place.rename(target)
        try:
            job = Job(workspace, stage.command(
                *words, "--config", str(workspace.configuration), "--threads", "1", "--quiet"),
                variables=stage.environment)
            kept, workspace.run = workspace.run, target / "run"
            found = problem(job, 0, workspace, expected)
            workspace.run = kept
        finally:
            shutil.rmtree(target)
        if found:
            return f"{words[0]}: {found}"
    return None


def mpijob(pods, expected):
    """an MPIJob's launcher starts ranks on two workers over ssh"""
    return problem(pods.launch(), 0, pods.workspace, expected)


def moved_launcher(pods, expected):
    """a launcher that is moved saves the state, and the next goes on"""
    pods.workspace.forget()
    job = pods.launch()
    pods.workspace.wait_for(lambda: pods.workspace.steps() >= 20, job)
    send(job.process.pid, signal.SIGTERM)
    return problem(job, 75, pods.workspace) or problem(pods.launch(), 0, pods.workspace, expected)


def moved_worker(pods, expected):
    """a worker that is moved makes all ranks save their state before it goes, and the next launcher goes on"""
    pods.workspace.forget()
    job = pods.launch()
    pods.workspace.wait_for(lambda: pods.workspace.steps() >= 20, job)
    if pods.rank_of(1) is None or pods.rank_of(2) is None:
        return "not every worker has a rank"
    before = pods.worker["lifecycle"]["preStop"]["exec"]["command"]
    began = time.monotonic()
    if (status := Job(pods.workspace, pods.beside(2, *before), variables=pods.stage.environment).wait(60)) != 0:
        return f"preStop: {status}"
    print(f"  gone after {time.monotonic() - began:.1f} s", flush=True)
    return problem(job, 75, pods.workspace) or problem(pods.launch(), 0, pods.workspace, expected)


def main():
    parser = argparse.ArgumentParser(prog="launch/container-test.sh", description=__doc__)
    parser.add_argument("--binary", required=True, help="a release build with --static-swift-stdlib")
    options = parser.parse_args()
    misses = 0
    workspace = Workspace(options.binary, steps=300)
    folder = tempfile.mkdtemp(prefix="distill-ddp-container-")
    os.chmod(folder, 0o755)

    def report(case, *arguments):
        nonlocal misses
        began = time.monotonic()
        found = case(*arguments)
        misses += found is not None
        print(f"{'MISS' if found else 'ok':5} {time.monotonic() - began:5.1f} s  {case.__doc__}"
              f"{': ' + found if found else ''}", flush=True)

    try:
        expected = workspace.expected()[0]
        began = time.monotonic()
        with RuntimeStage(f"{folder}/root", REPOSITORY, options.binary) as stage:
            print(f"ok    {time.monotonic() - began:5.1f} s  the container of launch/Dockerfile, "
                  f"{stage.size() / 1e6:.0f} MB", flush=True)
            report(alone, stage, workspace)
            with Pods(stage, workspace) as pods:
                for case in (mpijob, moved_launcher, moved_worker):
                    report(case, pods, expected)
    finally:
        end(workspace.processes())
        workspace.remove()
        if not os.listdir(folder):
            os.rmdir(folder)
    return 1 if misses else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
