#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Measures distill-ddp and PyTorch side by side on this machine and prints the tables; Benchmarks/README.md explains
# them.
#
#   launch/benchmark.sh [WORKLOAD…] [--rounds N] [--quick] [--parity]
#   launch/benchmark.sh A D --rounds 7
#
# Needs python3 with torch and transformers, and what launch/fetch-quickstart-data.sh fetches (or --data and --model).
# Builds distill-ddp unless --binary names one. Writes runs/benchmark/results.json. All workloads take about twenty
# minutes; nothing else should run meanwhile.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

python3 -c 'import torch, transformers' 2> /dev/null ||
  fail "python3: expected torch and transformers, found not both; run: python3 -m pip install torch transformers"
if [[ " $* " != *" --binary"* ]]; then
  swift build -c release --product distill-ddp
fi
# Each program is told its number of threads; this would limit PyTorch's.
unset OPENBLAS_NUM_THREADS
exec python3 Benchmarks/benchmark.py "$@"
