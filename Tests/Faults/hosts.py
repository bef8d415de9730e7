"""Several hosts on one machine: a network namespace each, with an address on a bridge; needs root."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import shutil
import subprocess

NETWORK = "10.77.0"
BRIDGE = "ddp-bridge"
MOST = 16
# Remote daemons that cannot be reached any more are noticed after about 2 + 3 × 1 seconds; see docs/reliability.md.
KEEPALIVE = ["--mca", "oob_tcp_keepalive_time", "2", "--mca", "oob_tcp_keepalive_intvl", "1",
             "--mca", "oob_tcp_keepalive_probes", "3"]


def call(*arguments: str, check: bool = True) -> None:
    result = subprocess.run(arguments, capture_output=True, text=True)
    if check and result.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments)}: {result.stderr.strip()}")


def rule(bits: float) -> list[str]:
    """tc's for so many bits a second. At once it lets a millisecond's worth pass, or two packets of the largest size."""
    return ["root", "tbf", "rate", f"{bits:.0f}bit", "burst", f"{max(1 << 17, int(bits / 8e3))}", "latency", "50ms"]


class Hosts:
    """Namespaces named by their addresses, so that mpirun takes them for other machines."""

    def __init__(self, count: int, ranks: int = 2) -> None:
        self.names = [f"{NETWORK}.{11 + index}" for index in range(count)]
        self.ranks = ranks

    def __enter__(self) -> Hosts:
        self.remove()
        call("ip", "link", "add", BRIDGE, "type", "bridge")
        call("ip", "address", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        call("ip", "link", "set", BRIDGE, "up")
        for index, name in enumerate(self.names):
            call("ip", "netns", "add", name)
            call("ip", "link", "add", f"ddp-v{index}", "type", "veth", "peer", "name", "eth0", "netns", name)
            call("ip", "link", "set", f"ddp-v{index}", "master", BRIDGE, "up")
            call("ip", "-n", name, "address", "add", f"{name}/24", "dev", "eth0")
            call("ip", "-n", name, "link", "set", "eth0", "up")
            call("ip", "-n", name, "link", "set", "lo", "up")
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        for index in range(MOST):
            call("ip", "netns", "delete", f"{NETWORK}.{11 + index}", check=False)
            call("ip", "link", "delete", f"ddp-v{index}", check=False)
        call("ip", "link", "delete", BRIDGE, check=False)

    def link(self, index: int, state: str) -> None:
        call("ip", "link", "set", f"ddp-v{index}", state)

    def shape(self, bits: float) -> None:
        """Gives every host a link of so many bits a second, each way."""
        for index, name in enumerate(self.names):
            call("tc", "-n", name, "qdisc", "replace", "dev", "eth0", *rule(bits))
            call("tc", "qdisc", "replace", "dev", f"ddp-v{index}", *rule(bits))

    def sent(self) -> list[int]:
        """The bytes that have left each host, with all headers."""
        answers = [subprocess.run(["ip", "-n", name, "-json", "-statistics", "link", "show", "eth0"], check=True,
                                  capture_output=True, text=True).stdout for name in self.names]
        return [json.loads(answer)[0]["stats64"]["tx"]["bytes"] for answer in answers]

    def command(self, root: pathlib.Path, program: list[str], transports: str = "tcp,self",
                inside: bool = False) -> list[str]:
        """Starts a program on the ranks of all hosts. mpirun runs outside of the hosts, or on the first of them."""
        agent = root / "enter-host.sh"
        agent.write_text('#!/bin/sh\nh=$1\nshift\nexec ip netns exec "$h" unshare --uts sh -c "hostname $h; $*"\n')
        agent.chmod(0o755)
        command = [
            "mpirun", "--mca", "plm_rsh_agent", str(agent), "--mca", "plm_rsh_no_tree_spawn", "1",
            "--mca", "pml", "ob1", "--mca", "btl", transports, "--mca", "btl_tcp_if_include", f"{NETWORK}.0/24",
            "--mca", "oob_tcp_if_include", f"{NETWORK}.0/24", *KEEPALIVE, "--bind-to", "none", "--oversubscribe",
            "-H", ",".join(f"{name}:{self.ranks}" for name in self.names),
            "-np", str(self.ranks * len(self.names)), *program]
        return [str(agent), self.names[0], "exec", shlex.join(command)] if inside else command


def problem() -> str | None:
    """Why there can be no hosts here."""
    missing = [name for name in ("ip", "tc", "unshare", "mpirun") if not shutil.which(name)]
    if os.geteuid() != 0 or missing:
        found = "another user" if os.geteuid() != 0 else f"no {' and no '.join(missing)}"
        return f"expected root, ip and tc (iproute2), unshare and mpirun, found {found}; hosts are network namespaces"
    try:
        with Hosts(1):
            return None
    except RuntimeError as error:
        return f"network namespaces cannot be made here: {error}"
