"""Fenced blocks of Markdown files, and what stands above them."""

from __future__ import annotations

import dataclasses
import re

# A comment of its own line above a block, which readers do not see.
NOT_RUN = re.compile(r"^<!-- not run: (.+) -->$")


@dataclasses.dataclass
class Block:
    document: str
    line: int
    language: str
    text: str
    # Why it is not run; None where it is.
    reason: str | None

    @property
    def place(self):
        return f"{self.document}:{self.line}"


def blocks(path, name):
    """Every fenced block of a file, in order."""
    found, open_block, mark = [], None, None
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if open_block is not None:
            if line.strip() == "```":
                found.append(open_block)
                open_block = None
            else:
                open_block.text += line + "\n"
            continue
        stripped = line.strip()
        if stripped.startswith("```"):
            open_block = Block(name, number, stripped[3:].strip(), "", mark)
        match = NOT_RUN.match(stripped)
        # A blank line may lie between a mark and its block.
        mark = match.group(1) if match else mark if not stripped else None
    if open_block is not None:
        raise ValueError(f"{open_block.place}: expected an end of the fenced block, found none")
    return found


def commands(text):
    """The simple commands of a shell text, as lists of words: enough to find a program's options, not a shell."""
    text = re.sub(r"\\\n\s*", " ", text)
    for line in text.split("\n"):
        line = re.sub(r"(^|\s)#.*$", "", line)
        for part in re.split(r"\|\||&&|[|;&]|[$<]\(|\)", line):
            words = re.findall(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""", part)
            if words:
                yield words
