#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Trains on up to eight hosts, which are network namespaces of this machine, compares the results with that of one rank,
# kills and stops ranks, and cuts links in mid-step. Status 1 where a result differs, where a rank at fault is not named, or
# where a process of a job is left ten seconds after run.stuckRank.abortAfter or after 30 seconds.
#
#   launch/multi-host-test.sh [--binary PATH] [--only hash|faults]
#
# Needs root, iproute2, python3 and a build. Makes namespaces and a bridge, 10.77.0.0/24, and removes them.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

exec python3 -B Tests/Faults/multi_host.py "$@"
