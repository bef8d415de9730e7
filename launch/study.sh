#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Does distilling win? Trains teachers, students on labels alone, and distilled students with several seeds on real
# data, and prints how they compare on rows that nothing was selected on (docs/study.md).
#
#   launch/study.sh --data FOLDER --model MODEL                     # all of it: many hours
#   launch/study.sh --data FOLDER --model MODEL --short             # a minute or two: whether it runs
#   launch/study.sh --data FOLDER --model MODEL --settings sst2-1000 --seeds 3 --arms labels,few-labels
#   launch/study.sh --report docs/study                             # write the table from the results there are
#
# MODEL is a checkpoint such as all-MiniLM-L6-v2. FOLDER has sentiment/ and emotion/ as TweetEval distributes them, sst2/
# and mrpc/ as GLUE does. What is finished is in runs/study/results (or --folder), and is not run again: after an
# interruption, give the same command. Needs python3 and a build: .build/release/distill-ddp, or --binary PATH.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

command -v python3 > /dev/null || fail "python3: expected version 3.10 or newer on PATH, found none"
exec python3 -B Benchmarks/study.py "$@"
