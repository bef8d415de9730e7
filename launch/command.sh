# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the scripts read what is set here, and set `job`
# Sourced by the scripts that run a command to its end.

# Waits for the process `job`, and sets `ended` to how it ended. A signal to the script ends a wait, not the job.
wait_for_job() {
  ended=0
  wait "$job" || ended=$?
  while kill -0 "$job" 2> /dev/null; do
    ended=0
    wait "$job" || ended=$?
  done
}

# Sets `resume` to what makes a run go on where it was stopped, unless the arguments say something about that.
resume_unless_said() {
  resume=(--resume auto)
  local argument
  for argument in "$@"; do
    if [[ $argument == --resume || $argument == --resume=* ]]; then resume=(); fi
  done
}
