#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Runs the release build of distill-ddp as several ranks on this machine.
#
#   launch/local.sh RANKS ARGUMENT…
#   launch/local.sh 4 --config configs/distillation_ts.yaml
#
# Paths are relative to the top of the repository.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

[[ ${1:-} =~ ^[1-9][0-9]*$ ]] || fail "expected the number of ranks, found \"${1:-}\"; usage: launch/local.sh RANKS ARGUMENT…"
[[ -x .build/release/distill-ddp ]] ||
  fail "expected .build/release/distill-ddp, found none; build it with: swift build -c release"

# Up to two ranks, mpirun binds each to a single core, and its worker threads with it. Unbound ranks share the cores
# among themselves. Without --oversubscribe there may be no more ranks than physical cores.
exec mpirun -np "$1" --bind-to none --oversubscribe .build/release/distill-ddp "${@:2}"
