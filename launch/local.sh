#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Runs the release build of distill-ddp as several ranks on this machine.
#
#   launch/local.sh RANKS ARGUMENT…
#   launch/local.sh 4 --config configs/distillation_ts.yaml
#
# SIGTERM, SIGINT (Ctrl-C), SIGUSR1 and SIGUSR2 make a training run save its state and end with status 75; a second one
# ends it at once. Paths are relative to the top of the repository. DISTILL_DDP names another build of the program.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

[[ ${1:-} =~ ^[1-9][0-9]*$ ]] || fail "expected the number of ranks, found \"${1:-}\"; usage: launch/local.sh RANKS ARGUMENT…"
program=${DISTILL_DDP:-.build/release/distill-ddp}
[[ -x $program ]] || fail "expected $program, found none; build it with: swift build -c release --product distill-ddp"

# At SIGTERM and SIGINT, mpirun kills its ranks after a second and ends with status 1, whatever they do; SIGUSR1 it only
# passes on. So it is started out of the terminal's reach, and gets that signal in place of any other. The longer wait
# is for those who signal mpirun itself; a job with a dead rank takes twice as long to end.
#
# Up to two ranks, mpirun binds each to a single core, and its worker threads with it. Unbound ranks share the cores
# among themselves. Without --oversubscribe there may be no more ranks than physical cores.
setsid mpirun -np "$1" --bind-to none --oversubscribe --mca odls_base_sigkill_timeout 3 \
  "$program" "${@:2}" &
job=$!

signals=0
# shellcheck disable=SC2317 # the trap calls it
stop() {
  signals=$((signals + 1))
  if ((signals == 1)); then kill -USR1 "$job"; else kill -TERM "$job"; fi
}
trap stop TERM INT USR1 USR2

# A signal ends the wait, not the job.
status=0
wait "$job" || status=$?
while kill -0 "$job" 2>/dev/null; do
  status=0
  wait "$job" || status=$?
done
exit "$status"
