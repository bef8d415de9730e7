#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Opens a report in headless Chromium, on a desktop and a phone, in light and dark: the console must be silent, nothing
# be asked of a network, and nothing be wider than the screen.
#
#   launch/report-test.sh
#   launch/report-test.sh --report runs/mix/report.html --pictures /tmp/pictures
#
# Needs python3 and Chromium (launch/install.sh test), and a build: .build/release/distill-ddp, or --binary PATH.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

command -v python3 > /dev/null || fail "python3: expected version 3.9 or newer on PATH, found none"
exec python3 -B Tests/Browser/report_test.py "$@"
