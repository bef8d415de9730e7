"""The program distill-ddp: where it is, and how it is run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ._errors import DistillError, failure

#: Names the program, in place of the one that was installed with this package.
VARIABLE = "DISTILL_DDP"


@lru_cache(maxsize=None)
def _installed() -> str | None:
    name = "distill-ddp"
    folders = [sysconfig.get_path("scripts"), sysconfig.get_path("scripts", scheme=f"{os.name}_user")]
    # pip install --target puts scripts beside the package.
    folders.append(str(Path(__file__).parent.parent / "bin"))
    for folder in folders:
        candidate = Path(folder) / name
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return str(candidate)
    return shutil.which(name)


def path() -> str:
    """The program's file."""
    found = os.environ.get(VARIABLE) or _installed()
    if found is None:
        raise DistillError(
            f"distill-ddp: expected the program where pip installs scripts, or on PATH, found none; install the wheel "
            f"again, or name the program in {VARIABLE}"
        )
    return found


def version() -> str:
    """The version of this package."""
    try:
        return metadata.version("distill-ddp")
    except metadata.PackageNotFoundError:
        # Out of a checkout.
        return "0+source"


def environment() -> dict[str, str]:
    """What the program and ``mpirun`` start with."""
    variables = dict(os.environ)
    if os.geteuid() == 0:
        # Open MPI's mpirun refuses to run as root, as one does in containers, unless told twice.
        variables.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
        variables.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")
    return variables


def command(arguments: Sequence[str], ranks: int = 1, launcher: Sequence[str] | None = None) -> list[str]:
    """The command line that starts the program, under ``mpirun`` if there are several ranks."""
    if ranks < 1:
        raise ValueError(f"ranks: expected 1 or more, found {ranks}")
    words = [path(), *arguments]
    if launcher is not None:
        return [*launcher, *words]
    if ranks == 1:
        return words
    mpirun = shutil.which("mpirun")
    if mpirun is None:
        raise DistillError(
            f"ranks: expected mpirun on PATH to start {ranks}, found none; install Open MPI or MPICH "
            "(apt-get install openmpi-bin), or leave ranks out: one process uses all cores too"
        )
    return [mpirun, "--bind-to", "none", "-np", str(ranks), *words]


def output(
    arguments: Sequence[str],
    *,
    ranks: int = 1,
    launcher: Sequence[str] | None = None,
    statuses: Sequence[int] = (0,),
) -> str:
    """Runs the program to its end and returns what it printed."""
    done = subprocess.run(
        command(arguments, ranks, launcher),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode not in statuses:
        raise failure(f"distill-ddp {arguments[0]}", done.returncode, done.stderr.splitlines())
    return done.stdout


def json_output(arguments: Sequence[str], *, ranks: int = 1, statuses: Sequence[int] = (0,)) -> Any:
    return json.loads(output(arguments, ranks=ranks, statuses=statuses))


def options(values: Mapping[str, Any]) -> list[str]:
    """``--max-length 64`` of ``{"max_length": 64}``; ``None`` is left out."""
    words: list[str] = []
    for name, value in values.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return words
