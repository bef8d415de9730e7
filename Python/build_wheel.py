"""Puts a wheel together from the Python package and a built program. Needs nothing but Python; launch/wheel.sh calls it.

    python3 Python/build_wheel.py BINARY FOLDER
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
#: The earliest that a zip file can hold: the same sources give the same wheel.
TIME = (1980, 1, 1, 0, 0, 0)

METADATA = """\
Metadata-Version: 2.1
Name: distill-ddp
Version: {version}
Summary: Knowledge distillation of text encoders on CPUs, in one process or over MPI
Requires-Python: >=3.9
Classifier: Operating System :: POSIX :: Linux
Classifier: Programming Language :: Python :: 3
Classifier: Typing :: Typed
Description-Content-Type: text/markdown

{description}
"""

DESCRIPTION = """\
Compress a fine-tuned text classifier (BERT, RoBERTa, DistilBERT, ...) into a student several times smaller, on CPUs.

```python
import distill_ddp as dd

run = dd.train("mix-step", data={"train": rows, "validation": more_rows},
               overrides={"teacher.model": "DIR", "task.labels": ["negative", "neutral", "positive"]})
run.wait()
student = dd.load(run.best)
student.predict("a text")
```

The wheel brings the command line along, as `distill-ddp`. It opens MPI, OpenBLAS and libcurl where it needs them.
"""


def glibc(program: bytes) -> tuple[int, int]:
    """The newest version of the C library that a program asks for, of which symbols' names tell."""
    found = {(int(major), int(minor)) for major, minor in re.findall(rb"\0GLIBC_(\d+)\.(\d+)(?=[.\0])", program)}
    if not found:
        sys.exit("glibc: expected a program that asks for versions of it, found none; link it dynamically")
    return max(found)


def main(binary: str, folder: str) -> None:
    version = subprocess.run([binary, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)*", version):
        sys.exit(f"{binary}: expected a version such as 1.0.0, found {version!r}")
    program = Path(binary).read_bytes()
    major, minor = glibc(program)
    tag = f"py3-none-manylinux_{major}_{minor}_{os.uname().machine}"
    information = f"distill_ddp-{version}.dist-info"
    files: dict[str, tuple[bytes, int]] = {}
    for source in sorted((HERE / "distill_ddp").glob("*")):
        if source.suffix in (".py", ".typed") or source.name == "py.typed":
            files[f"distill_ddp/{source.name}"] = (source.read_bytes(), 0o644)
    files[f"distill_ddp-{version}.data/scripts/distill-ddp"] = (program, 0o755)
    text = METADATA.format(version=version, description=DESCRIPTION)
    files[f"{information}/METADATA"] = (text.encode(), 0o644)
    wheel = f"Wheel-Version: 1.0\nGenerator: distill-ddp\nRoot-Is-Purelib: false\nTag: {tag}\n"
    files[f"{information}/WHEEL"] = (wheel.encode(), 0o644)
    record = f"{information}/RECORD"
    lines = [f"{name},sha256={digest(contents)},{len(contents)}" for name, (contents, _) in files.items()]
    files[record] = ("\n".join([*lines, f"{record},,"]).encode() + b"\n", 0o644)

    target = Path(folder) / f"distill_ddp-{version}-{tag}.whl"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, (contents, mode) in files.items():
            entry = zipfile.ZipInfo(name, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, contents)
    print(target)


def digest(contents: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(contents).digest()).rstrip(b"=").decode()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
