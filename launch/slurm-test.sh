#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Starts Slurm on this machine, for as long as the test takes, and submits launch/slurm.sbatch to it: ranks by srun
# and by mpirun, time limit, preemption, requeue, cancellation, an array of seeds, a dead rank. Status 1 where a job does not
# end as it should, with the result of a run that was never stopped. Takes about five minutes.
#
#   launch/slurm-test.sh [--binary PATH] [--only CASE]
#
# Needs root, python3, a build, and Slurm, which it does not install: apt-get install slurmctld slurmd slurm-client.
# Its daemons use ports and folders of their own, and end with it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

exec python3 -B Tests/Launch/slurm_test.py "$@"
