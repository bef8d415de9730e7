#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Runs the scripts that start ranks as a batch system would, with real ranks and stand-ins for srun, scontrol, qstat and
# ssh, and checks the scripts with shellcheck. Status 1 where one does not end as it should. Takes about a minute.
#
#   launch/launch-test.sh [--binary PATH] [--only CASE]
#
# Needs python3, shellcheck and a build. launch/slurm-test.sh runs Slurm itself.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

command -v shellcheck > /dev/null || fail "shellcheck: expected it on PATH, found none; run: launch/install.sh test"
shellcheck -x launch/*.sh launch/*.sbatch .ci/run
exec python3 -B Tests/Launch/launch_test.py "$@"
