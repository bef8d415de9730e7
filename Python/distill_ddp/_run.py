"""Training: a run of the program whose events arrive as they happen."""

from __future__ import annotations

import atexit
import json
import logging
import os
import signal
import subprocess
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import IO, Any

from ._config import Configuration, Data, Overrides, arguments, directories, resolved, settings
from ._errors import DistillError, failure
from ._program import command, environment
from ._progress import ProgressBar, wanted
from ._reporters import Reporters, ReportTo

_log = logging.getLogger("distill_ddp")
#: The status of a run that a signal stopped with its state saved.
_RESUMABLE = 75
_running: weakref.WeakSet[Run] = weakref.WeakSet()


def train(
    config: Configuration,
    *,
    data: Data = None,
    overrides: Overrides = None,
    ranks: int = 1,
    threads: int | None = None,
    resume: str | None = None,
    allow_changes: bool = False,
    launcher: Sequence[str] | None = None,
    progress: bool | None = None,
    report_to: ReportTo = None,
) -> Run:
    """Starts a run, which goes on while Python does other things.

    Args:
        config: a YAML file, the name of a template such as ``"mix-step"``, or a dict.
        data: rows for ``train``, ``validation``, ``test`` and ``unlabelled`` in place of the configuration's.
        overrides: values by their keys' paths, as ``{"training.batchSize": 64}``.
        ranks: how many processes, started by ``mpirun``.
        threads: worker threads of each; by default the cores are shared.
        resume: ``"auto"`` goes on where an earlier run was stopped.
        allow_changes: resume even if configuration, data or models have changed.
        launcher: what starts the program in place of ``mpirun``, as ``["srun", "--mpi=pmix", "-n", "8"]``.
        progress: whether to draw a progress bar; by default where a terminal or a notebook shows it.
        report_to: ``"wandb"`` or ``"mlflow"``, or several of them: where losses and metrics go too, as they come. Each has
            to be installed, and takes its server, project and mode from its own environment variables.

    Raises:
        DistillError: at once, where the configuration is wrong.
    """
    words = arguments(config, overrides, data)
    shown = resolved(words)
    places = directories(shown)
    reporters = Reporters(report_to)
    if report_to and len(places) > 1:
        raise ValueError(f"report_to: expected one run, found a sweep of {len(places)}; train them one by one")
    if threads is not None:
        words += ["--threads", str(threads)]
    if resume is not None:
        words += ["--resume", resume]
    if allow_changes:
        words.append("--allow-changes")
    reporters.begin(os.path.basename(places[0]), settings(shown))
    bar = wanted() if progress is None else progress
    return Run(command(["train", "--json", *words], ranks, launcher), places, bar, reporters)


class Run:
    """A run in progress or at its end. Iterating it gives its events, from the first on and as they come."""

    def __init__(
        self, words: Sequence[str], directories: Sequence[str], progress: bool, reporters: Reporters
    ) -> None:
        #: The directories of the runs: one, or those of a sweep.
        self.directories = list(directories)
        #: What has happened so far.
        self.events: list[dict[str, Any]] = []
        #: Whether it was stopped before its end, with what it had learned saved; ``resume="auto"`` goes on.
        self.interrupted = False
        self._errors: list[str] = []
        self._changed = threading.Condition()
        self._ended = False
        self._asked = False
        self._bar = ProgressBar() if progress else None
        self._reporters = reporters
        # A group of its own: a terminal's Ctrl-C goes to Python, which tells the run to save its state.
        self._process = subprocess.Popen(
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        self._threads = [
            threading.Thread(target=self._read_events, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(self._process.stderr,), daemon=True),
        ]
        _running.add(self)
        for thread in self._threads:
            thread.start()
        threading.Thread(target=self._finish, daemon=True).start()

    # What it did

    @property
    def directory(self) -> str:
        """Where configuration, metrics and checkpoints are."""
        return self.directories[0]

    @property
    def best(self) -> str:
        """The best student, a Hugging Face model directory. Waits for the end."""
        return os.path.join(self.wait().directory, "best")

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The validations so far."""
        return [event for event in self.events if event["event"] == "validation"]

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The steps so far."""
        return [event for event in self.events if event["event"] == "step"]

    @property
    def is_running(self) -> bool:
        return not self._ended

    def to_pandas(self) -> Any:
        """Steps and validations as a DataFrame. Needs pandas."""
        import pandas  # type: ignore[import-untyped, import-not-found, unused-ignore]

        return pandas.DataFrame([event for event in self.events if event["event"] in ("step", "validation")])

    def __repr__(self) -> str:
        state = "running" if self.is_running else "interrupted" if self.interrupted else "ended"
        return f"<Run {self.directory!r}, {state}, {len(self.steps)} steps>"

    # Following it

    def __iter__(self) -> Iterator[dict[str, Any]]:
        number = 0
        with self._stopping_at_interrupt():
            while True:
                try:
                    with self._changed:
                        while number >= len(self.events) and not self._ended:
                            self._changed.wait()
                        event = self.events[number] if number < len(self.events) else None
                except KeyboardInterrupt:
                    self._save_and_end()
                    raise
                if event is None:
                    break
                number += 1
                yield event
        self._check()

    def wait(self) -> Run:
        """Waits for the end.

        Raises:
            DistillError: where the run failed.
            KeyboardInterrupt: at Ctrl-C, once the run has saved its state and ended.
        """
        try:
            with self._changed:
                while not self._ended:
                    self._changed.wait()
        except KeyboardInterrupt:
            self._save_and_end()
            raise
        self._check()
        return self

    def stop(self) -> None:
        """Asks the run to save its state behind the step it is at, and to end. Does not wait."""
        if not self._asked and self._process.poll() is None:
            # A second signal would end it at once.
            self._asked = True
            # What mpirun passes on to its ranks as it is.
            self._process.send_signal(signal.SIGUSR1)

    def kill(self) -> None:
        """Ends the run at once, with what it last saved."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    @contextmanager
    def _stopping_at_interrupt(self) -> Iterator[None]:
        """Ctrl-C stops the run wherever it comes, in the body of the user's loop too."""
        before = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
            yield
            return

        def interrupt(number: int, frame: FrameType | None) -> None:
            self.stop()
            raise KeyboardInterrupt

        signal.signal(signal.SIGINT, interrupt)
        try:
            yield
        finally:
            if signal.getsignal(signal.SIGINT) is interrupt:
                signal.signal(signal.SIGINT, before)

    def _save_and_end(self) -> None:
        self.stop()
        try:
            with self._changed:
                while not self._ended:
                    self._changed.wait()
        except KeyboardInterrupt:
            self.kill()
            raise

    def _check(self) -> None:
        status = self._process.returncode
        if status not in (0, _RESUMABLE, -signal.SIGUSR1):
            raise failure("distill-ddp train", status, self._errors)

    # Threads

    def _read_events(self, stream: IO[str]) -> None:
        for line in stream:
            try:
                event = json.loads(line)
            except ValueError:
                # What mpirun itself says.
                _log.info(line.rstrip("\n"))
                continue
            with self._changed:
                self.events.append(event)
                self._changed.notify_all()
            if self._bar is not None:
                self._bar.show(event)
            self._reporters.show(event)

    def _read_errors(self, stream: IO[str]) -> None:
        for line in stream:
            line = line.rstrip("\n")
            self._errors.append(line)
            del self._errors[:-400]
            is_serious = line.startswith(("Error", "Warning"))
            _log.log(logging.WARNING if is_serious else logging.INFO, line)

    def _finish(self) -> None:
        for thread in self._threads:
            thread.join()
        status = self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        if self._bar is not None:
            self._bar.end()
        self._reporters.end(succeeded=status == 0)
        with self._changed:
            self.interrupted = status in (_RESUMABLE, -signal.SIGUSR1)
            self._ended = True
            self._changed.notify_all()


@atexit.register
def _stop_all() -> None:
    """Nobody follows a run any more: it saves its state and ends."""
    for run in list(_running):
        run.stop()


__all__ = ["DistillError", "Run", "train"]
