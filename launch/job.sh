# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the scripts read what is set here, and environment.sh sets `here`
# Sourced behind environment.sh by the scripts that start ranks: goes back to where the user stands.

source launch/command.sh
top=$PWD
cd "$here" || exit

# The program, or the build of it that DISTILL_DDP names: a path, or a name on PATH.
program=${DISTILL_DDP:-$top/.build/release/distill-ddp}
if [[ -z ${DISTILL_DDP:-} && ! -x $program ]]; then program=distill-ddp; fi
program=$(command -v "$program") ||
  fail "expected ${DISTILL_DDP:-$top/.build/release/distill-ddp, or distill-ddp on PATH}, found none;" \
    "build it with: swift build -c release --product distill-ddp"

# Runs a launcher that passes SIGUSR1 on to its ranks, as mpirun and srun do, and sets `status` to how it ended.
#
# A signal to the script becomes a SIGUSR1 to the launcher, at which all ranks save their state and end with status 75.
# A second one, SIGTERM, ends it at once; what comes within a second of the first is the same, as batch systems signal
# every process of a job. Where the script itself is killed, the kernel sends the launcher the first.
run_ranks() {
  local job='' stopped_at='' errors filter
  local with_parent=()
  if command -v setpriv > /dev/null; then with_parent=(setpriv --pdeathsig USR1); fi
  # shellcheck disable=SC2317 # the trap calls it
  stop() {
    if [[ -z $stopped_at ]]; then
      stopped_at=$SECONDS
      if [[ $job ]]; then kill -USR1 "$job" 2> /dev/null || true; fi
    elif ((SECONDS > stopped_at + 1)); then
      kill -TERM "$job" 2> /dev/null || true
    fi
  }
  trap stop TERM INT HUP USR1 USR2
  exec {errors}> >(without_banners >&2)
  filter=$!
  "${with_parent[@]}" "$@" 2>&"$errors" {errors}>&- &
  job=$!
  exec {errors}>&-
  if [[ $stopped_at ]]; then kill -USR1 "$job" 2> /dev/null || true; fi
  wait_for_job
  status=$ended
  # Until what was said last is there too, unless a process that was left behind keeps it open.
  for _ in {1..20}; do
    kill -0 "$filter" 2> /dev/null || break
    sleep 0.05
  done
}

# Passes on what mpirun and its ranks say, without its lines on a signal that was passed on and on ranks that ended with
# status 75: these did what they were asked to, and have said so. Ctrl-C reaches this process too, which has to go on.
without_banners() {
  trap '' TERM INT HUP USR1 USR2
  awk '
    function end_block() { if (!expected) printf "%s", block; block = ""; expected = 0; inside = 0 }
    /^-+$/ && length($0) >= 60 {
      block = block $0 "\n"
      if (inside) end_block(); else inside = 1
      fflush()
      next
    }
    inside {
      block = block $0 "\n"
      if (/^Primary job  terminated normally/ || /^  Exit code:    75$/) expected = 1
      next
    }
    /^mpirun: Forwarding signal [0-9]+ to job$/ { next }
    { print; fflush() }
    END { end_block() }
  '
}
