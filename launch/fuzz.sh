#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Feeds damaged and hostile input to every parser of files that others made, in processes of their own, and fails if one
# traps, takes over three seconds of processor time for a case, or takes more memory than it may.
#
#   launch/fuzz.sh [--short | --full | --cases N | --guided SECONDS] [--parser NAME] [--seed N] [--keep DIR]
#                  [--binary FUZZPARSERS]
#
# --short   2,000 inputs a parser (the default), in less than a minute
# --full    100,000 inputs a parser, in some ten minutes
# --guided  so many seconds a parser under libFuzzer, which looks for inputs that reach new code; needs a build of its own
# --keep    where inputs are kept that something was wrong with
# --binary  a FuzzParsers that is built already
#
# Every input of the first two follows from the seed and its number. To see what becomes of one again:
#
#   .build/release/FuzzParsers --parser NAME --file INPUT
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

cases=2000
seconds=
parser=
seed=1
keep=${TMPDIR:-/tmp}/distill-ddp-fuzz
binary=
while [[ $# -gt 0 ]]; do
  case $1 in
    --short) cases=2000; shift ;;
    --full) cases=100000; shift ;;
    --cases | --guided | --parser | --seed | --keep | --binary)
      value=${2:?"$1: expected a value"}
      case $1 in
        --cases) cases=$value ;;
        --guided) seconds=$value ;;
        --parser) parser=$value ;;
        --seed) seed=$value ;;
        --keep) keep=$value ;;
        --binary) binary=$value ;;
      esac
      shift 2
      ;;
    *) fail "$1: no such option; see the top of this script" ;;
  esac
done

# The seeded form: a table of all parsers, and 1 if anything is wrong.
seeded() {
  if [[ -z $binary ]]; then
    swift build -c release --product FuzzParsers >&2
    binary=.build/release/FuzzParsers
  fi
  "$binary" --cases "$cases" --seed "$seed" --keep "$keep" ${parser:+--parser "$parser"}
}

# The guided form: a line for each parser, and 1 if libFuzzer stopped at an input.
guided() {
  local scratch=${FUZZ_GUIDED_BUILD:-.build-fuzz} failed=0 name corpus pid
  swift build -c release --scratch-path "$scratch" --product FuzzParsers --sanitize fuzzer -Xswiftc -DGUIDED >&2
  export SWIFT_BACKTRACE=enable=no
  for name in ${parser:-$(FUZZ_PARSER='' "$scratch/release/FuzzParsers")}; do
    corpus=$keep/corpus-$name
    mkdir -p "$corpus"
    # Memory beyond the program's own and its tables': a case may not ask for half a gigabyte at once.
    FUZZ_PARSER=$name FUZZ_CORPUS=$corpus "$scratch/release/FuzzParsers" -max_total_time="$seconds" -seed="$seed" \
      -timeout=5 -malloc_limit_mb=512 -rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
      -artifact_prefix="$keep/$name-" "$corpus" >"$keep/$name.log" 2>&1 &
    pid=$!
    if ! wait "$pid"; then
      failed=1
      grep -E 'ERROR|SUMMARY|Test unit written' "$keep/$name.log" || tail -5 "$keep/$name.log"
    fi
    rm -rf "/dev/shm/distill-ddp-fuzz-$pid" "/tmp/distill-ddp-fuzz-$pid"
    printf '%-20s %12s inputs %8s kept %6s MiB\n' "$name" \
      "$(sed -n 's/^stat::number_of_executed_units: *//p' "$keep/$name.log")" \
      "$(find "$corpus" -type f | wc -l)" "$(sed -n 's/^stat::peak_rss_mb: *//p' "$keep/$name.log")"
  done
  return "$failed"
}

mkdir -p "$keep"
if [[ -n $seconds ]]; then guided; else seeded; fi
