#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Runs tests under sanitizers, each in a build of its own, and fails at the first finding.
#
#   launch/sanitize.sh [address | thread]...
#
# address   AddressSanitizer, with UndefinedBehaviorSanitizer over the C kernels, on the kernels' tests
# thread    ThreadSanitizer, on the tests that share work among threads
#
# Swift itself has no UndefinedBehaviorSanitizer on Linux: its arithmetic and bounds are checked wherever it runs. In C
# each finding is a trap, so that no runtime has to be linked.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

for sanitizer in "${@:-address thread}"; do
  for name in $sanitizer; do
    case $name in
      address)
        # Signed overflow, shifts, alignment, null, bounds and the rest of -fsanitize=undefined.
        ASAN_OPTIONS=detect_leaks=0:halt_on_error=1 swift test --sanitize=address --scratch-path .build-asan \
          -Xcc -fsanitize=undefined -Xcc -fsanitize-trap=undefined --filter KernelsTests
        ;;
      thread)
        # The kernels' versions are picked before the sanitizer's runtime is there for calls from functions' beginnings;
        # accesses to memory are watched all the same. The runtime does not start where file sizes are limited, as one
        # test does.
        TSAN_OPTIONS=halt_on_error=1 swift test --sanitize=thread --scratch-path .build-tsan \
          -Xcc -mllvm -Xcc -tsan-instrument-func-entry-exit=0 \
          --filter 'OptimizerSteps|UpdateByRows|TeacherCache|BatchTests|DamageTests' --skip aFullDiskOrBudget
        ;;
      *) fail "$name: expected address or thread" ;;
    esac
  done
done
