#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Trains on several hosts, which are network namespaces of this machine, over links of some bandwidths, and prints how
# long ranks wait for sums beside what the model of docs/scaling.md says.
#
#   launch/network.sh [--binary PATH] [--hosts N…] [--ranks N] [--gigabits N…] [--delay MICROSECONDS] [--sum tree|mpi]
#
# Needs root, iproute2, python3, a build, and clang for --delay. Makes namespaces, a bridge and 10.77.0.0/24, and removes
# them. All ranks share this machine's cores: nothing else should run meanwhile. launch/multi-host-test.sh compares the
# results of hosts.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

exec python3 -B Benchmarks/network.py "$@"
