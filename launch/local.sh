#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Runs the release build of distill-ddp as several ranks on this machine.
#
#   launch/local.sh RANKS ARGUMENT…
#   launch/local.sh 4 --config configs/distillation_ts.yaml
#
# SIGTERM, SIGINT (Ctrl-C), SIGHUP (a terminal that was closed), SIGUSR1 and SIGUSR2 make a training run save its state
# and end with status 75; a second one ends it at once. Behind nohup, or in tmux, it outlives the terminal. DISTILL_DDP
# names another build of the program.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

[[ ${1:-} =~ ^[1-9][0-9]*$ ]] || fail "expected the number of ranks, found \"${1:-}\"; usage: launch/local.sh RANKS ARGUMENT…"
source launch/job.sh

# At SIGTERM and SIGINT, mpirun kills its ranks after a second and ends with status 1, whatever they do; SIGUSR1 it only
# passes on. So it is started out of the terminal's reach, and gets that signal in place of any other. The longer wait
# is for those who signal mpirun itself; a job with a dead rank takes twice as long to end.
#
# Up to two ranks, mpirun binds each to a single core, and its worker threads with it. Unbound ranks share the cores
# among themselves. Without --oversubscribe there may be no more ranks than physical cores.
run_ranks setsid mpirun -np "$1" --bind-to none --oversubscribe --mca odls_base_sigkill_timeout 3 "$program" "${@:2}"
exit "$status"
