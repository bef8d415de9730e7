"""``python -m distill_ddp …`` is the command line."""

import os
import sys

from ._program import path

if __name__ == "__main__":
    program = path()
    os.execv(program, [program, *sys.argv[1:]])
