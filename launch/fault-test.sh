#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Kills, stops, starves and deceives distill-ddp in every way we know, and prints a table of what it survived. Status 1
# where it did not survive something.
#
#   launch/fault-test.sh                      a sample of each fault, about 90 seconds
#   launch/fault-test.sh --full               all of them, within an hour on two cores; as root, with strace
#   launch/fault-test.sh --full --only kills  one kind of fault; --help lists them
#
# Needs python3, and a build: .build/release/distill-ddp, or --binary PATH.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

command -v python3 > /dev/null || fail "python3: expected version 3.9 or newer on PATH, found none"
exec python3 -B Tests/Faults/fault_test.py "$@"
