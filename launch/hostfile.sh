#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Runs distill-ddp as ranks on several hosts, over ssh or another program that starts commands on them.
#
#   launch/hostfile.sh [OPTION…] HOSTFILE ARGUMENT…
#   launch/hostfile.sh --threads 8 hosts.txt --config configs/mine.yaml --resume auto
#
# HOSTFILE has a host a line: "name" or "name slots=RANKS"; # begins a comment.
#
# --ranks N     ranks on every host, whatever the file says
# --threads N   threads a rank, each rank bound to as many cores of its own; without it, ranks are not bound and share
#               the cores of their host
# --agent CMD   starts a command on a host, as ssh does: CMD HOST COMMAND… (default: ssh -x -o BatchMode=yes)
# --env NAME    a variable that ranks are given too, may be repeated; those of Hugging Face and OpenBLAS are
# --no-check    does not ask each host first for its copy of the program
#
# Every host needs the program under the same path, Open MPI, and this directory; a shared file system gives them all.
# Signals are as for launch/local.sh. DISTILL_DDP names another build of the program.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

usage="usage: launch/hostfile.sh [--ranks N] [--threads N] [--agent CMD] [--env NAME] HOSTFILE ARGUMENT…"
ranks_per_host=
threads=
check=1
variables=(OPENBLAS_NUM_THREADS LD_LIBRARY_PATH HF_HOME HF_HUB_CACHE HF_HUB_OFFLINE HF_ENDPOINT)
agent="ssh -x -o BatchMode=yes"
while [[ ${1:-} == --* ]]; do
  if [[ $1 == --no-check ]]; then
    check=
    shift
    continue
  fi
  value=${2:?"$1: expected a value; $usage"}
  case $1 in
    --ranks | --threads)
      [[ $value =~ ^[1-9][0-9]{0,5}$ ]] || fail "$1: expected a whole number from 1, found \"$value\""
      if [[ $1 == --ranks ]]; then ranks_per_host=$value; else threads=$value; fi
      ;;
    --agent) agent=$value ;;
    --env) variables+=("$value") ;;
    *) fail "$1: no such option; $usage" ;;
  esac
  shift 2
done
[[ -r ${1:-} ]] || fail "expected a file of hosts, found \"${1:-}\"; $usage"
hostfile=$1
shift
source launch/job.sh
program=$(realpath --no-symlinks "$program")

# Sets `hosts` and the number of ranks of each, in the file's order.
read_hosts() {
  local line name
  hosts=()
  counts=()
  while read -r line || [[ $line ]]; do
    line=${line%%#*}
    read -r name _ <<< "$line" || true
    [[ ${name:-} ]] || continue
    # A name that begins with a dash would be an option of ssh.
    [[ $name =~ ^[A-Za-z0-9_.:][A-Za-z0-9_.:-]*$ ]] || fail "$hostfile: expected the name of a host, found \"$name\""
    hosts+=("$name")
    if [[ $ranks_per_host ]]; then
      counts+=("$ranks_per_host")
    elif [[ $line =~ slots[[:space:]]*=[[:space:]]*([1-9][0-9]{0,5}) ]]; then
      counts+=("${BASH_REMATCH[1]}")
    else
      counts+=(1)
    fi
  done < "$hostfile"
  ((${#hosts[@]} > 0)) || fail "$hostfile: expected a host a line, found none"
}

# What a host is asked: two lines, the program's SHA-256 and Open MPI's version, or what it does not have.
question() {
  local directory file folder
  printf -v directory %q "$PWD"
  printf -v file %q "$program"
  printf -v folder %q "$(dirname "$mpirun")"
  echo "cd $directory 2> /dev/null || { echo no directory; exit; }; test -x $file || { echo no program; exit; };" \
    "sha256sum < $file | cut -c 1-64; PATH=$folder:\$PATH;" \
    "command -v orted > /dev/null || { echo no orted; exit; }; mpirun --version 2> /dev/null | head -n 1"
}

# Asks all hosts at once, and fails at the first in the file's order that cannot do its part.
check_hosts() {
  local answers index expected words
  answers=$(mktemp -d)
  # shellcheck disable=SC2064 # the folder is this one
  trap "rm -rf '$answers'" EXIT
  expected=$(sh -c "$(question)")
  read -ra words <<< "$agent"
  for index in "${!hosts[@]}"; do
    if is_this_host "${hosts[index]}"; then
      echo "$expected" > "$answers/$index"
    else
      timeout 60 "${words[@]}" "${hosts[index]}" "$(question)" \
        < /dev/null > "$answers/$index" 2> "$answers/$index.error" &
    fi
  done
  wait
  for index in "${!hosts[@]}"; do
    check_answer "${hosts[index]}" "$(< "$answers/$index")" "$expected" \
      "$(tail -n 1 "$answers/$index.error" 2> /dev/null)"
  done
  rm -rf "$answers"
  trap - EXIT
}

# check_answer HOST ANSWER EXPECTED ERROR
check_answer() {
  local sum=${2%%$'\n'*} expected=${3%%$'\n'*}
  case $2 in
    "$3") ;;
    "no directory") fail "$1: expected the directory $PWD, found none; share it between the hosts, or copy it" ;;
    "no program") fail "$1: expected $program, found none; share it between the hosts, or copy it" ;;
    *"no orted") fail "$1: expected Open MPI as here, found no orted; there, run: launch/install.sh" ;;
    "$expected"$'\n'*)
      fail "$1: expected ${3#*$'\n'}, found $(printf %q "${2#*$'\n'}"); install one version everywhere"
      ;;
    *)
      [[ $sum =~ ^[0-9a-f]{64}$ ]] ||
        fail "$1: expected an answer to \"$agent $1 COMMAND\", found $(printf %q "${4:-none}")"
      fail "$1: expected the $program that is here, found another one; copy it there again"
      ;;
  esac
}

is_this_host() {
  [[ $1 == localhost || $1 == 127.0.0.1 || $1 == "$(hostname)" || $1 == "$(hostname -s)" ]]
}

# By its path: mpirun then looks for its own parts under the same prefix on the other hosts.
mpirun=$(command -v mpirun) || fail "mpirun: expected Open MPI's on PATH, found none; run: launch/install.sh"
read_hosts
if [[ $check ]]; then check_hosts; fi

total=0
list=
for index in "${!hosts[@]}"; do
  total=$((total + counts[index]))
  list+=${list:+,}${hosts[index]}:${counts[index]}
done

# In a batch system, mpirun is signalled together with its ranks, and must leave them time.
patience=3
if [[ -n ${PBS_JOBID:-} ]]; then patience=5; fi

# The slots are the ranks: PE gives each so many cores of its own, in the order of the cores, so that a rank's are near
# each other. A broken link is noticed after about five seconds; see docs/reliability.md.
options=(-np "$total" --host "$list" --mca plm_rsh_agent "$agent" --mca odls_base_sigkill_timeout "$patience"
  --mca oob_tcp_keepalive_time 2 --mca oob_tcp_keepalive_intvl 1 --mca oob_tcp_keepalive_probes 3)
arguments=("$@")
# mpirun would cut names at their first dot.
if [[ $list == *[A-Za-z]*.* ]]; then options+=(--mca orte_keep_fqdn_hostnames 1); fi
if [[ $threads ]]; then
  options+=(--map-by "slot:PE=$threads" --bind-to core)
  arguments+=(--threads "$threads")
else
  options+=(--bind-to none)
fi
for name in "${variables[@]}"; do
  if [[ -n ${!name+set} ]]; then options+=(-x "$name"); fi
done
if [[ $(id -u) -eq 0 ]]; then options+=(-x OMPI_ALLOW_RUN_AS_ROOT -x OMPI_ALLOW_RUN_AS_ROOT_CONFIRM); fi

# Out of the terminal's reach, as in launch/local.sh; a batch system looks for a job's processes by their session.
away=(setsid)
if [[ -n ${PBS_JOBID:-} ]]; then away=(); fi
run_ranks "${away[@]}" "$mpirun" "${options[@]}" "$program" "${arguments[@]}"
exit "$status"
