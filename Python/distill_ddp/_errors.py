from __future__ import annotations

from collections.abc import Sequence


class DistillError(RuntimeError):
    """What went wrong, in the program's own words.

    ``status`` is the program's exit status where it ended (negative: the signal that ended it), else ``None``.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def message_among(lines: Sequence[str]) -> str:
    """The error among what a program wrote to standard error: without notes, usage and what ``mpirun`` adds."""
    message: list[str] = []
    for line in lines:
        if not message:
            for start in ("Error: ", "Error on rank "):
                if line.startswith(start):
                    message.append(line[len("Error: ") :] if start == "Error: " else line)
        elif line.startswith(("Usage:", "---", "Abort(", "Error: ", "Error on rank ", "===")) or not line.strip():
            break
        else:
            message.append(line)
    return "\n".join(message) if message else "\n".join(lines[-20:])


def failure(what: str, status: int, lines: Sequence[str]) -> DistillError:
    """The error of a program that ended with a status other than 0."""
    message = message_among(lines)
    if not message:
        ending = f"signal {-status}" if status < 0 else f"status {status}"
        message = f"{what}: expected to end well, ended with {ending} and no message"
    return DistillError(message, status)
