#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Trains for an hour on two ranks, stopped and resumed every five minutes. Status 1 where a process's memory grows by 1 %
# or more once it has run for a while, or where the result is not that of a run without stops.
#
#   launch/soak-test.sh [--minutes N] [--restart-every MINUTES] [--binary PATH]
#
# The same run is done without stops beside it. Takes somewhat longer than the minutes. Needs python3 and a build.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

exec python3 -B Tests/Faults/soak.py "$@"
