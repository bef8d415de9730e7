#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Feeds damaged and hostile input to every parser of files that others made, in processes of their own, and fails if one
# traps, takes over a second of processor time for a case, or takes more memory than it may.
#
#   launch/fuzz.sh [--short | --full | --cases N] [--parser NAME] [--seed N] [--keep DIR]
#
# --short   2,000 inputs a parser (the default), in a minute or so
# --full    100,000 inputs a parser, in about an hour
# --keep    where inputs are kept that something was wrong with
#
# Every input follows from the seed and its number. To see what becomes of one again:
#
#   .build/release/FuzzParsers --parser NAME --file INPUT
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

cases=2000
options=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --short) cases=2000 ;;
    --full) cases=100000 ;;
    --cases) cases=${2:?"--cases: expected a number"}; shift ;;
    --parser | --seed | --keep) options+=("$1" "${2:?"$1: expected a value"}"); shift ;;
    *) fail "$1: no such option; see the top of this script" ;;
  esac
  shift
done

scratch=${FUZZ_BUILD:-.build}
swift build -c release --scratch-path "$scratch" --product FuzzParsers >&2
"$scratch/release/FuzzParsers" --cases "$cases" "${options[@]}"
