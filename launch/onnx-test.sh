#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Has ONNX Runtime run what distill-ddp exports, and compares with what transformers computed, in an environment of its own.
#
#   launch/onnx-test.sh                      of .build/release/distill-ddp
#   launch/onnx-test.sh --binary PATH        of another build
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

command -v python3 > /dev/null || fail "python3: expected version 3.10 or newer on PATH, found none"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet --disable-pip-version-check onnx==1.23.2 onnxruntime==1.32.0
"$work/python/bin/python" -B Tests/ONNX/onnx_test.py "$@"
