"""Several hosts on one machine: a network namespace each, with an address on a bridge; needs root."""

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

from workspace import REPOSITORY, Job, Workspace, end

NETWORK = "10.77.0"
BRIDGE = "ddp-bridge"
# Remote daemons that cannot be reached any more are noticed after about 2 + 3 × 1 seconds; see docs/reliability.md.
KEEPALIVE = ["--mca", "oob_tcp_keepalive_time", "2", "--mca", "oob_tcp_keepalive_intvl", "1",
             "--mca", "oob_tcp_keepalive_probes", "3"]

# run.stuckRank's warnAfter and abortAfter: before mpirun notices, behind that with and without a warning before.
LIMITS = [(1, 5), (2, 20), (60, 600)]


def ip(*arguments, check=True):
    result = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if check and result.returncode != 0:
        raise RuntimeError(f"ip {' '.join(arguments)}: {result.stderr.strip()}")


class Hosts:
    """Namespaces named by their addresses, so that mpirun takes them for other machines."""

    def __init__(self, count):
        self.names = [f"{NETWORK}.{11 + index}" for index in range(count)]

    def __enter__(self):
        self.remove()
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("address", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for index, name in enumerate(self.names):
            ip("netns", "add", name)
            ip("link", "add", f"ddp-v{index}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", f"ddp-v{index}", "master", BRIDGE, "up")
            ip("-n", name, "address", "add", f"{name}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
            ip("-n", name, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        for index in range(8):
            ip("netns", "delete", f"{NETWORK}.{11 + index}", check=False)
            ip("link", "delete", f"ddp-v{index}", check=False)
        ip("link", "delete", BRIDGE, check=False)

    def link(self, index, state):
        ip("link", "set", f"ddp-v{index}", state)


def start(workspace, hosts, arguments, inside=False):
    """Two ranks a host. mpirun runs outside of the hosts, or on the first of them."""
    agent = workspace.root / "enter-host.sh"
    agent.write_text('#!/bin/sh\nh=$1\nshift\nexec ip netns exec "$h" unshare --uts sh -c "hostname $h; $*"\n')
    agent.chmod(0o755)
    command = [
        "mpirun", "--mca", "plm_rsh_agent", str(agent), "--mca", "plm_rsh_no_tree_spawn", "1",
        "--mca", "pml", "ob1", "--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", f"{NETWORK}.0/24",
        "--mca", "oob_tcp_if_include", f"{NETWORK}.0/24", *KEEPALIVE, "--bind-to", "none", "--oversubscribe",
        "-H", ",".join(f"{name}:2" for name in hosts.names), "-np", str(2 * len(hosts.names)),
        workspace.binary, *arguments]
    return Job(workspace, [str(agent), hosts.names[0], "exec", shlex.join(command)] if inside else command)


def same_result(workspace, count, inside):
    """Two ranks on each of several hosts give the hash of one rank on one host."""
    with Hosts(count) as hosts:
        workspace.forget()
        job = start(workspace, hosts, workspace.arguments(), inside)
        if job.wait(180) != 0:
            return f"{job}", job
        return (None if workspace.result() == workspace.expected()[0] else "another result"), job


def cut(workspace, count, index, inside, warn, limit):
    """A link cut in mid-step ends every process of the job, and it can be resumed."""
    allowed = min(limit + 10, 30)
    with Hosts(count) as hosts:
        workspace.forget()
        job = start(workspace, hosts, workspace.arguments(
            f"run.stuckRank={{warnAfter: {warn}, abortAfter: {limit}}}", "training.maxSteps=100000"), inside)
        if not workspace.wait_for(lambda: workspace.steps() >= 30, job):
            job.wait(1)
            return f"did not start: {job}", job
        hosts.link(index, "down")
        began = time.monotonic()
        status = job.wait(allowed)
        seconds = time.monotonic() - began
        left = workspace.orphans(max(0.1, allowed - seconds))
        everybody = time.monotonic() - began
        print(f"  mpirun ended after {seconds:.1f} s with status {status}, its last process after {everybody:.1f} s; "
              f"{first_cause(job.output)}", flush=True)
        if status == 0 or not isinstance(status, int):
            return f"status {status}: {job}", job
        if everybody > allowed or left:
            return f"{everybody:.1f} s, left behind: {left}: {job}", job
    state, output = workspace.verify(workspace.run / "state/last")
    return (None if state == 0 else output), job


def first_cause(output):
    for line in output.splitlines():
        if "Error" in line or "Warning" in line or "lost communication" in line or "failed" in line:
            return line.strip()[:160]
    return "no cause named"


def main():
    parser = argparse.ArgumentParser(prog="launch/multi-host-test.sh", description=__doc__)
    parser.add_argument("--binary", default=str(REPOSITORY / ".build/release/distill-ddp"))
    options = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"):
        sys.exit("multi-host-test.sh: expected root, ip (iproute2) and unshare; network namespaces need them")
    try:
        with Hosts(1):
            pass
    except RuntimeError as error:
        sys.exit(f"multi-host-test.sh: network namespaces cannot be made here: {error}")
    workspace = Workspace(options.binary)
    misses = 0
    try:
        workspace.expected()
        cases = []
        for count, inside in [(2, False), (3, False), (2, True)]:
            where = f"{count} hosts, mpirun {'on the first' if inside else 'elsewhere'}"
            cases.append((f"{where}: 2 ranks each",
                          lambda count=count, inside=inside: same_result(workspace, count, inside)))
            for index in (0, count - 1):
                for warn, limit in LIMITS:
                    cases.append((
                        f"{where}: link of host {index + 1} cut, run.stuckRank {warn} and {limit}",
                        lambda case=(count, index, inside, warn, limit): cut(workspace, *case)))
        for what, run in cases:
            problem, job = run()
            misses += problem is not None
            print(f"{'MISS' if problem else 'ok':5} {job.seconds:5.1f} s  {what}{': ' + problem if problem else ''}",
                  flush=True)
            end(workspace.processes())
    finally:
        workspace.remove()
    print(f"{len(cases)} tried, {len(cases) - misses} survived")
    return 1 if misses else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
