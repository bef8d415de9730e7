"""The last stage of launch/Dockerfile without Docker: a directory of debootstrap's, in which its commands are run."""

import os
import pathlib
import re
import shutil
import subprocess


def instructions(text):
    """The Dockerfile's instructions as (name, rest), with continued lines joined."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


class RuntimeStage:
    def __init__(self, root, repository, binary):
        self.root = pathlib.Path(root)
        self.repository = pathlib.Path(repository)
        self.binary = binary
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        self.user = 0
        self.directory = "/"

    def __enter__(self):
        text = (self.repository / "launch/Dockerfile").read_text()
        found = instructions(text)
        last = max(index for index, (name, _) in enumerate(found) if name == "FROM")
        suite = re.fullmatch(r"debian:(\w+)-slim", found[last][1]).group(1)
        subprocess.run(
            ["debootstrap", "--variant=minbase", suite, str(self.root)], check=True, stdout=subprocess.DEVNULL)
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        self.mounted = []
        try:
            for name in ("proc", "dev"):
                subprocess.run(["mount", "--rbind", f"/{name}", str(self.root / name)], check=True)
                self.mounted.append(name)
                subprocess.run(["mount", "--make-rslave", str(self.root / name)], check=True)
            for name, rest in found[last + 1:]:
                self.apply(name, rest)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in reversed(self.mounted):
            subprocess.run(["umount", "--recursive", "--lazy", str(self.root / name)], check=True)
        self.mounted = []
        # What is mounted elsewhere must not be removed with it.
        shutil.rmtree(self.root)

    def apply(self, name, rest):
        if name == "RUN":
            subprocess.run(self.command("sh", "-c", rest), env=self.environment, check=True, stdout=subprocess.DEVNULL)
        elif name == "ENV":
            self.environment |= dict(part.split("=", 1) for part in rest.split())
        elif name == "USER":
            self.user = int(rest)
        elif name == "WORKDIR":
            self.directory = rest
            (self.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        elif name == "COPY":
            self.copy(rest.split())
        elif name != "CMD":
            raise RuntimeError(f"{name}: no such instruction is known here")

    def copy(self, words):
        built = words[0].startswith("--from=")
        *sources, target = words[1:] if built else words
        destination = self.root / target.lstrip("/")
        if target.endswith("/"):
            destination.mkdir(parents=True, exist_ok=True)
        for source in sources:
            if built:
                subprocess.run(["strip", "-o", str(destination), str(self.binary)], check=True)
            elif (self.repository / source).is_dir():
                shutil.copytree(self.repository / source, destination)
            else:
                shutil.copy(self.repository / source, destination)

    def command(self, *words):
        """A command in the container, as its user and in its directory."""
        return ["chroot", f"--userspec={self.user}:{self.user}", str(self.root),
                "sh", "-c", 'cd "$0" && exec "$@"', self.directory, *words]

    def size(self):
        """Bytes of all files but what debootstrap and apt keep for themselves."""
        output = subprocess.run([
            "du", "--summarize", "--one-file-system", "--bytes", "--exclude=var/cache/*", "--exclude=var/lib/apt/*",
            "."], cwd=self.root, capture_output=True, text=True).stdout
        return int(output.split()[0])
