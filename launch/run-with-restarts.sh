#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Trains until it is done: runs a command again that failed or was stopped, with --resume auto behind it unless it says
# something about --resume itself.
#
#   launch/run-with-restarts.sh [--restarts N] [--wait SECONDS] COMMAND…
#   launch/run-with-restarts.sh launch/local.sh 4 --config configs/mine.yaml
#
# Status 75, "stopped and can be resumed", starts it again at once. After any other failure it waits, 5 seconds at
# first (--wait) and twice as long each time in a row, at most 5 minutes. After 10 restarts (--restarts), or where the
# command cannot be run at all, it gives up with the command's last status.
#
# A signal to the script (SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2) is passed on, and nothing is started after it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/command.sh"

fail() {
  echo "${0##*/}: $*" >&2
  exit 2
}

restarts=10
wait_seconds=5
while [[ ${1:-} == --* ]]; do
  [[ ${2:-} =~ ^[0-9]{1,6}$ ]] || fail "$1: expected a whole number, found \"${2:-}\""
  case $1 in
    --restarts) restarts=$((10#$2)) ;;
    --wait) wait_seconds=$((10#$2)) ;;
    *) fail "$1: expected --restarts or --wait" ;;
  esac
  shift 2
done
[[ $# -gt 0 ]] || fail "expected a command; usage: run-with-restarts.sh [--restarts N] [--wait SECONDS] COMMAND…"

job=
signalled=
pass_on() {
  signalled=$1
  if [[ $job ]]; then kill -s "$1" "$job" 2> /dev/null || true; fi
}
for name in TERM HUP USR1 USR2; do
  # shellcheck disable=SC2064 # the name is this one, not the last
  trap "pass_on $name" "$name"
done
# What a script starts in the background ignores SIGINT, and if it is a script too, it cannot trap it.
trap "pass_on TERM" INT

resume_unless_said "$@"
pause=$wait_seconds
for ((count = 0; ; count++)); do
  # A process group of its own: a terminal's Ctrl-C reaches it once, through this script.
  setsid "$@" "${resume[@]}" &
  job=$!
  # One that came before there was a job to pass it on to.
  if [[ $signalled ]]; then pass_on "$signalled"; fi
  wait_for_job
  status=$ended
  if [[ $status -eq 0 || $signalled || $status -eq 126 || $status -eq 127 ]]; then exit "$status"; fi
  if ((count >= restarts)); then
    echo "${0##*/}: gave up after $restarts restarts, status $status" >&2
    exit "$status"
  fi
  if [[ $status -eq 75 ]]; then
    pause=$wait_seconds
    echo "${0##*/}: status 75: restart $((count + 1)) of $restarts" >&2
  else
    echo "${0##*/}: status $status: restart $((count + 1)) of $restarts in $pause s" >&2
    sleep "$pause" &
    job=$!
    if [[ $signalled ]]; then pass_on "$signalled"; fi
    wait_for_job
    if [[ $signalled ]]; then exit "$status"; fi
    pause=$((pause * 2 > 300 ? 300 : pause * 2))
  fi
done
