"""Tries faults on distill-ddp and prints a table of those it survived; launch/fault-test.sh starts it."""

import argparse
import os
import shutil
import signal
import sys
import time
import traceback

import damage
import disks
import forms
import kills
import launching
import memory
import nonfinite
import ranks
import saves
import signals
import tokens
from workspace import REPOSITORY, Workspace

FAULTS = {
    "ranks": kills.any_number_of_ranks,
    "kills": kills.random_kills,
    "forms": forms.resumed,
    "save": saves.kills_in_a_save,
    "errors": saves.failing_calls,
    "dead": ranks.dead_and_stuck,
    "mismatch": ranks.mismatches,
    "disk": disks.full_and_read_only,
    "damage": damage.flipped_and_cut,
    "fallback": damage.older_state_is_used,
    "memory": memory.limited,
    "tokens": tokens.killed_makers,
    "numbers": nonfinite.nan_and_infinity,
    "signals": signals.each_to_each,
    "launching": launching.restarts_and_closed_output,
}


class Lab:
    """Where one kind of fault is tried, and the count of what came of it."""

    def __init__(self, name, workspace, full, scale, seed):
        self.name = name
        self.workspace = workspace
        self.full = full
        self.scale = scale
        self.seed = seed
        self.tried = 0
        self.misses = []

    def count(self, short, full):
        return max(1, round(full * self.scale)) if self.full else short

    def sample(self, cases, short):
        """All of them in the full form, or as many as its scale says, spread evenly."""
        count = min(len(cases), self.count(short, len(cases)))
        return [cases[index * len(cases) // count] for index in range(count)]

    def note(self, what, problem):
        """One fault, with what was wrong afterwards or None."""
        self.tried += 1
        if problem:
            self.misses.append(what)
            print(f"  MISS {self.name}: {what}: {problem}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="launch/fault-test.sh", description=__doc__)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--short", action="store_true", help="a sample of each fault, about 90 seconds (the default)")
    form.add_argument("--full", action="store_true", help="all of them, within an hour on two cores")
    parser.add_argument("--only", action="append", choices=list(FAULTS), metavar="NAME",
                        help="one kind of fault, may be repeated: " + ", ".join(FAULTS))
    parser.add_argument("--scale", type=float, default=1, help="with --full: this share of the counts")
    parser.add_argument("--seed", type=int, default=None, help="of random choices (default: the time)")
    parser.add_argument("--binary", default=str(REPOSITORY / ".build/release/distill-ddp"))
    options = parser.parse_args()
    require_tools(options.only or FAULTS)
    # Where this was started in the background, SIGINT is ignored, and shells that inherit that cannot trap it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seed = options.seed if options.seed is not None else time.time_ns() % 1_000_000
    print(f"seed {seed}", flush=True)
    rows = []
    for name in options.only or FAULTS:
        steps = 100 if options.full or name in ("ranks", "signals") else 50
        lab = Lab(name, Workspace(options.binary, steps), options.full, options.scale, seed)
        began = time.monotonic()
        try:
            FAULTS[name](lab)
        except Exception:
            lab.note("the test itself", traceback.format_exc())
        finally:
            lab.workspace.remove()
        rows.append((name, FAULTS[name].__doc__.split(";")[0].split(".\n")[0].rstrip("."), lab, time.monotonic() - began))
        print(row(*rows[-1]), flush=True)
    print(f"\n{'fault':10} {'tried':>6} {'survived':>8} {'seconds':>8}  what")
    for each in rows:
        print(row(*each))
    return 1 if any(lab.misses for _, _, lab, _ in rows) else 0


def require_tools(names):
    """Ends here, or goes on as root of a namespace, where a fault could not be tried otherwise."""
    if {"save", "errors"} & set(names) and not shutil.which("strace"):
        sys.exit("fault-test.sh: expected strace on PATH, found none; run: launch/install.sh test")
    # File systems are mounted.
    if "disk" in names and os.geteuid() != 0:
        os.execvp("unshare", ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-B", *sys.argv])


def row(name, what, lab, seconds):
    survived = lab.tried - min(lab.tried, len(lab.misses))
    return f"{name:10} {lab.tried:6} {survived:8} {seconds:8.0f}  {what}"


if __name__ == "__main__":
    sys.exit(main())
