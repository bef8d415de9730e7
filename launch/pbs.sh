#!/usr/bin/env bash
#PBS -N distill-ddp
#PBS -l select=1:ncpus=32:mpiprocs=4:ompthreads=8
#PBS -l walltime=08:00:00
#PBS -j oe
#PBS -r y
#
# Trains under PBS Pro, OpenPBS or Torque. Submit it from the top of the repository; options before the script replace
# the lines above. Torque wants its own resources, such as -l nodes=2:ppn=32, and THREADS.
#
#   qsub -v CONFIG=configs/mine.yaml launch/pbs.sh
#   qsub -J 1-5 -N mine -v CONFIG=configs/mine.yaml launch/pbs.sh
#
# CONFIG      the configuration
# ARGUMENTS   further arguments, quoted as in a shell where they hold blanks, and not expanded any further:
#             ARGUMENTS="--set training.batchSize=64 --set run.directory='runs/my run'"
# THREADS     threads a rank, each bound to a core: by default PBS Pro's ompthreads, else 1
#
# An array (-J, Torque: -t) trains each of its numbers as a seed, into runs/JOB-NAME/seed-N. Two minutes ahead of its
# walltime the run saves its state and the job ends with status 75; the next job with the same configuration goes on
# from there, and one that finds the run finished ends with 0. So a long run is a chain of jobs:
#
#   first=$(qsub -v CONFIG=configs/mine.yaml launch/pbs.sh)
#   qsub -W depend=afterany:$first -v CONFIG=configs/mine.yaml launch/pbs.sh
#
# A job that PBS preempts and requeues goes on in the same way.
set -euo pipefail

# PBS runs a copy of this file, from the home directory.
cd "${PBS_O_WORKDIR:?"pbs.sh: expected a job of PBS; submit it with: qsub -v CONFIG=FILE launch/pbs.sh"}"
[[ -f launch/environment.sh ]] || {
  echo "pbs.sh: expected the top of the repository, found $PWD; submit from there" >&2
  exit 1
}
source launch/environment.sh
source launch/job.sh

[[ -r ${CONFIG:-} ]] ||
  fail "CONFIG: expected a configuration, found \"${CONFIG:-}\"; submit with: qsub -v CONFIG=FILE launch/pbs.sh"
[[ -r ${PBS_NODEFILE:-} ]] || fail "PBS_NODEFILE: expected a file of hosts, found \"${PBS_NODEFILE:-}\""
threads=${THREADS:-${OMP_NUM_THREADS:-1}}
[[ $threads =~ ^[1-9][0-9]{0,5}$ ]] || fail "THREADS: expected a whole number from 1, found \"$threads\""

# PBS Pro names a host once for each of its mpiprocs, which are ranks; Torque once for each of its ppn, which are cores.
each=1
if [[ -n ${PBS_NUM_PPN:-} ]]; then each=$threads; fi
hosts=$(mktemp)
trap 'rm -f "$hosts"' EXIT
awk -v each="$each" '
  !($1 in lines) { order[++count] = $1 }
  { lines[$1]++ }
  END {
    for (i = 1; i <= count; i++) {
      ranks = int(lines[order[i]] / each)
      print order[i], "slots=" (ranks < 1 ? 1 : ranks)
    }
  }
' "$PBS_NODEFILE" > "$hosts"

# The seconds the job may take: Torque says them, PBS Pro as HH:MM:SS and only when asked.
walltime() {
  if [[ -n ${PBS_WALLTIME:-} ]]; then
    echo "$PBS_WALLTIME"
  else
    qstat -f "$PBS_JOBID" 2> /dev/null |
      awk '$1 == "Resource_List.walltime" { split($3, part, ":"); print part[1] * 3600 + part[2] * 60 + part[3] }'
  fi
}
seconds=$(walltime) || true
limit=()
if [[ $seconds =~ ^[0-9]+$ ]] && ((seconds > SECONDS)); then
  left=$((seconds > 240 ? seconds - 120 - SECONDS : (seconds - SECONDS) / 2))
  limit=(timeout --foreground --preserve-status --signal=USR1 "$left")
else
  echo "pbs.sh: qstat does not tell the walltime: the run is not saved ahead of it; set run.saveStateEveryMinutes" >&2
fi

# Sets `arguments` to the words of a text in which quotes and backslashes are as in a shell, and nothing else is.
split_arguments() {
  local words
  arguments=()
  [[ $1 ]] || return 0
  # xargs splits so. A zero byte behind each word, as no word holds one.
  words=$(mktemp)
  if ! printf '%s' "$1" | xargs -r printf '%s\0' > "$words" 2> /dev/null; then
    rm -f "$words"
    fail "ARGUMENTS: expected every quote to be closed, found $1"
  fi
  mapfile -d '' -t arguments < "$words"
  rm -f "$words"
}

# Starts what it is told on a host, within the job's limits; ssh where PBS has none.
agent=()
if command -v pbs_tmrsh > /dev/null; then agent=(--agent pbs_tmrsh); fi

split_arguments "${ARGUMENTS:-}"
resume_unless_said "${arguments[@]}"
index=${PBS_ARRAY_INDEX:-${PBS_ARRAYID:-}}
seed=()
if [[ $index ]]; then
  # Torque puts the number behind the name.
  name=${PBS_JOBNAME%"${PBS_ARRAYID:+-$PBS_ARRAYID}"}
  seed=(--set "run.seed=$index" --set "run.directory=runs/$name/seed-$index")
fi

echo "pbs.sh: job $PBS_JOBID on $(tr '\n' ' ' < "$hosts")× $threads threads"
run_ranks "${limit[@]}" launch/hostfile.sh "${agent[@]}" --threads "$threads" "$hosts" \
  --config "$CONFIG" "${arguments[@]}" "${resume[@]}" "${seed[@]}"
if [[ $status -eq 75 ]]; then echo "pbs.sh: status 75: submit the same again to go on" >&2; fi
exit "$status"
