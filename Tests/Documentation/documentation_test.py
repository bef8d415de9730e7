"""Runs every command of README.md and docs/*.md.

    launch/documentation-test.sh [--binary PATH] [DOCUMENT…]

Blocks marked `sh` are run in order, those of one document in one directory, where small models, data and finished runs
lie under the names that documents use. Runs must succeed. A block that cannot be run says why, in a comment on the line
above it, and then only its syntax and options are checked:

    <!-- not run: needs a cluster -->

docs/first-run.md is for those who have nothing: it is run in what a clone holds.

Also checked: that the log's events are documented, that YAML blocks with stages are valid configurations, that options exist, that links between documents
lead somewhere, and that error messages quoted in docs/troubleshooting.md stand in the sources.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import time

from blocks import blocks, commands
from references import broken_links, unknown_messages
from sandbox import REPOSITORY, STAND_INS, Sandbox

# Of one block.
TIMEOUT = 120

# An option that every command takes and no help shows.
COMPLETION = "--generate-completion-script"


class Checks:
    def __init__(self, binary):
        self.binary = binary
        self.problems = []
        self.counts = {"run": 0, "parsed": 0}
        self._help = {}

    def fail(self, place, problem):
        self.problems.append(f"{place}: {problem}")

    # Where readers come from

    def beginning(self, path):
        """A document whose commands name what it does not make says, ahead of the first, where that is made."""
        before, *commands = path.read_text().split("```sh\n")
        if commands and path.name not in ("README.md", "first-run.md") and "(first-run.md)" not in before:
            self.fail(path.relative_to(REPOSITORY), "expected a link to first-run.md ahead of the first command")

    # Blocks

    def document(self, path, sandbox):
        name = str(path.relative_to(REPOSITORY))
        # A reader goes on in the same shell.
        exports = ""
        for block in blocks(path, name):
            if block.language != "sh":
                continue
            self.syntax(block)
            self.options(block)
            if block.reason is None:
                self.run(block, sandbox, exports)
                exports += "".join(line + "\n" for line in block.text.split("\n") if line.startswith("export PATH="))
                self.counts["run"] += 1
            else:
                print(f"  {block.place}: not run: {block.reason}")
                self.counts["parsed"] += 1

    def run(self, block, sandbox, before=""):
        start = time.monotonic()
        try:
            result = sandbox.run(before + block.text, TIMEOUT)
        except subprocess.TimeoutExpired:
            self.fail(block.place, f"does not end within {TIMEOUT} s")
            return
        print(f"  {block.place}: {time.monotonic() - start:.1f} s, status {result.returncode}")
        if result.returncode != 0:
            self.fail(block.place, f"status {result.returncode}:\n{block.text}{result.stdout[-2000:]}")

    def syntax(self, block):
        result = subprocess.run(["bash", "-n", "-c", block.text], capture_output=True, text=True)
        if result.returncode != 0:
            self.fail(block.place, f"no shell text: {result.stderr}")

    def options(self, block):
        """Options of our program and of our scripts exist."""
        for words in commands(block.text):
            for index, word in enumerate(words):
                if word == "distill-ddp" or word.endswith("/distill-ddp"):
                    self.program_options(block, words[index + 1:])
                    break
                if word.startswith("launch/"):
                    self.script_options(block, word, words[index + 1:])
                    break

    def program_options(self, block, words):
        command = []
        known = self.subcommands([])
        for word in words:
            if word not in known:
                break
            command.append(word)
            known = self.subcommands(command)
        text = self.help(command or ["train"]) + COMPLETION
        for word in words:
            if re.match(r"^--?[a-z]", word) and word.split("=")[0] not in re.findall(r"--?[a-z][-a-z0-9]*", text):
                self.fail(block.place, f"distill-ddp {' '.join(command)} has no option {word}")

    def subcommands(self, command):
        return re.findall(r"^  ([a-z][-a-z]*) ", self.help(command).partition("SUBCOMMANDS:")[2], re.M)

    def help(self, command):
        key = tuple(command)
        if key not in self._help:
            self._help[key] = subprocess.run(
                [self.binary, "help", *command], capture_output=True, text=True, check=True).stdout
        return self._help[key]

    def script_options(self, block, script, words):
        path = REPOSITORY / script
        if not path.is_file():
            self.fail(block.place, f"there is no {script}")
            return
        # What it hands on is not its own.
        if script not in STAND_INS:
            return
        sources = [path] + [REPOSITORY / part for part in re.findall(r"Tests/\w+/\w+\.py", path.read_text())]
        text = "".join(source.read_text() for source in sources)
        for word in words:
            if word.startswith("--") and word.split("=")[0] not in text:
                self.fail(block.place, f"{script} has no option {word}")

    def configurations(self, path, sandbox):
        """Whole configurations in a document are valid."""
        for block in blocks(path, str(path.relative_to(REPOSITORY))):
            if block.language == "yaml" and block.reason is None and re.search(r"^stages:", block.text, re.M):
                if not re.search(r"^run:", block.text, re.M):
                    continue
                (sandbox.root / "block.yaml").write_text(block.text)
                result = sandbox.run("distill-ddp validate --config block.yaml", TIMEOUT)
                if result.returncode != 0:
                    self.fail(block.place, f"no valid configuration: {result.stdout}")


    def events(self, sandbox):
        """What runs log is listed in docs/results.md."""
        text = (REPOSITORY / "docs/results.md").read_text()
        logs = list(sandbox.root.glob("runs/*/metrics.jsonl"))
        found = {json.loads(line)["event"] for log in logs for line in log.read_text().splitlines()}
        for event in sorted(found):
            if f"`{event}`" not in text:
                self.fail("docs/results.md", f"the log's event {event} is not described")
        if "validation_started" not in found:
            self.fail("docs/results.md", f"no validation in {len(logs)} logs")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", default=str(REPOSITORY / ".build/release/distill-ddp"))
    parser.add_argument("documents", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    everything = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
    documents = [path.resolve() for path in arguments.documents] or everything
    checks = Checks(str(pathlib.Path(arguments.binary).resolve()))
    whole = Sandbox(checks.binary)
    try:
        for path in documents:
            print(path.relative_to(REPOSITORY))
            checks.problems += broken_links(path)
            checks.beginning(path)
            sandbox = whole.bare() if path.name == "first-run.md" else whole.copy()
            try:
                checks.document(path, sandbox)
                checks.configurations(path, sandbox)
            finally:
                sandbox.remove()
        checks.events(whole)
    finally:
        whole.remove()
    if not arguments.documents or any(path.name == "troubleshooting.md" for path in documents):
        checks.problems += unknown_messages(REPOSITORY / "docs/troubleshooting.md")
    for problem in checks.problems:
        print(f"\nFAILED {problem}")
    print(f"{checks.counts['run']} blocks run, {checks.counts['parsed']} only parsed, {len(checks.problems)} problems")
    sys.exit(1 if checks.problems else 0)


if __name__ == "__main__":
    main()
