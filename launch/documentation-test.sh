#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Runs every command that README.md and docs/ show, with small models and data in place of those they name. Status 1
# where one fails, an option does not exist, or a link leads nowhere.
#
#   launch/documentation-test.sh                  all documents, about a minute
#   launch/documentation-test.sh docs/results.md  one of them; --binary PATH tests another build
#
# Needs python3, and a build: .build/release/distill-ddp, or --binary PATH.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

command -v python3 > /dev/null || fail "python3: expected version 3.9 or newer on PATH, found none"
exec python3 -B Tests/Documentation/documentation_test.py "$@"
