# shellcheck shell=bash
# shellcheck disable=SC2034 # the scripts read what is set here
# Sourced behind environment.sh by the scripts that start ranks.

source launch/command.sh

# The program, or the build of it that DISTILL_DDP names: a path, or a name on PATH.
program=${DISTILL_DDP:-.build/release/distill-ddp}
program=$(command -v "$program") ||
  fail "expected ${DISTILL_DDP:-.build/release/distill-ddp}, found none;" \
    "build it with: swift build -c release --product distill-ddp"

# Runs a launcher that passes SIGUSR1 on to its ranks, as mpirun and srun do, and sets `status` to how it ended.
#
# A signal to the script becomes a SIGUSR1 to the launcher, at which all ranks save their state and end with status 75.
# A second one, SIGTERM, ends it at once; what comes within a second of the first is the same, as batch systems signal
# every process of a job.
run_ranks() {
  local job='' stopped_at=''
  # shellcheck disable=SC2317 # the trap calls it
  stop() {
    if [[ -z $stopped_at ]]; then
      stopped_at=$SECONDS
      if [[ $job ]]; then kill -USR1 "$job" 2> /dev/null || true; fi
    elif ((SECONDS > stopped_at + 1)); then
      kill -TERM "$job" 2> /dev/null || true
    fi
  }
  trap stop TERM INT USR1 USR2
  "$@" &
  job=$!
  if [[ $stopped_at ]]; then kill -USR1 "$job" 2> /dev/null || true; fi
  wait_for_job
  status=$ended
}
