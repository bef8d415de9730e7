#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Has Optimum and sentence-transformers open what distill-ddp exports, of every family, task and precision, and compares
# with what distill-ddp predicts; the table of docs/formats.md. Checks what Transformers.js looks for besides. Takes some
# minutes, and installs PyTorch first: a test of its own, which launch/test.sh leaves out.
#
#   launch/onnx-opening-test.sh                      of .build/release/distill-ddp
#   launch/onnx-opening-test.sh --binary PATH        of another build
#   launch/onnx-opening-test.sh --family bert        of some families only
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

command -v python3 > /dev/null || fail "python3: expected version 3.10 or newer on PATH, found none"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/python"
# optimum-onnx knows transformers up to 4.57.
"$work/python/bin/pip" install --quiet --disable-pip-version-check optimum-onnx==0.1.0 onnxruntime==1.32.0 \
  sentence-transformers==5.7.0 transformers==4.57.6 torch==2.13.0
HF_HUB_OFFLINE=1 "$work/python/bin/python" -B Tests/ONNX/opening_test.py "$@"
