#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Has several versions of transformers, sentence-transformers, tokenizers, ONNX Runtime, Weights & Biases and MLflow open
# what distill-ddp writes, and distill-ddp read what they write. Prints the table of docs/formats.md; status 1 where
# something does not open.
#
#   launch/interop-test.sh                           everything; installs some gigabytes of Python packages first
#   launch/interop-test.sh --only "transformers 5.23"
#   launch/interop-test.sh --model DIR --texts FILE  a real model and real texts, in place of small ones
#
# Needs python3 with venv and pip's package index, and a build: .build/release/distill-ddp, or --binary PATH. Where the
# index has a PyTorch for processors only, let pip prefer it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

command -v python3 > /dev/null || fail "python3: expected version 3.9 or newer on PATH, found none"
exec python3 -B Tests/Interop/interop_test.py "$@"
