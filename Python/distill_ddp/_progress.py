"""One line that says how far a run is, on a terminal or below a notebook's cell."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any


def wanted() -> bool:
    """Whether somebody looks: a terminal, or a notebook, whose output is none but is drawn over as well."""
    return sys.stderr.isatty() or type(sys.stderr).__module__.startswith("ipykernel")


class ProgressBar:
    def __init__(self) -> None:
        self._steps = 0
        self._drawn = 0.0
        self._width = 0
        self._facts = ""

    def show(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "stage_started":
            self._steps = int(event["steps"])
            self._facts = ""
        elif kind == "validation":
            metrics = [name for name in event if name.startswith("val_")]
            self._facts = "  ".join(f"{name} {event[name]:.4g}" for name in metrics[:3])
        elif kind == "step" and time.monotonic() - self._drawn > 0.2:
            self._drawn = time.monotonic()
            share = min(1.0, event["step"] / max(1, self._steps))
            bar = ("=" * round(24 * share)).ljust(24)
            line = f"{event['stage']}  [{bar}]  step {event['step']}/{self._steps}  loss {event['loss']:.4f}"
            self._write(f"{line}  {self._facts}".rstrip())
        elif kind == "stage_finished":
            self._write(f"{event.get('stage', '')}  finished  {self._facts}".rstrip())
            sys.stderr.write("\n")
            self._width = 0

    def end(self) -> None:
        if self._width:
            sys.stderr.write("\n")
            sys.stderr.flush()
            self._width = 0

    def _write(self, line: str) -> None:
        sys.stderr.write("\r" + line.ljust(self._width))
        sys.stderr.flush()
        self._width = len(line)
