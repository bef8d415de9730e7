#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Builds distill-ddp for release and runs the whole test suite, the tests under mpirun included, after installing what
# is missing; beside it what the documents show, the Python package, exported models and reports. Then tries a sample of
# faults and the scripts that start ranks, and checks the format of the sources and that MPI is not linked.
#
#   launch/test.sh
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }

step "Installing what is missing"
launch/install.sh test

# A folder of its own: tests look inside modules, which what is shipped does not allow.
step "Building for release"
swift build -c release --build-tests -Xswiftc -enable-testing --scratch-path .build-test

# What waits for downloads and for other programs most of the time.
others() {
  step "Running what the documents show"
  launch/documentation-test.sh --binary .build-test/release/distill-ddp
  step "Building the wheel and testing the Python package in it"
  launch/wheel.sh --built .build-test --output .build-test/dist
  launch/python-test.sh --wheel .build-test/dist/*.whl
  step "Running exported models in ONNX Runtime"
  launch/onnx-test.sh --binary .build-test/release/distill-ddp
  step "Opening a report in a browser"
  launch/report-test.sh --binary .build-test/release/distill-ddp
}

step "Testing, with documents, Python, ONNX Runtime and the browser beside it"
others > .build-test/others.log 2>&1 &
beside=$!
failed=()
swift test -c release --scratch-path .build-test --skip-build || failed+=("the Swift tests")
wait "$beside" || failed+=("the last of the others that ran")
cat .build-test/others.log
((${#failed[@]} == 0)) || fail "see above: ${failed[*]} failed"

step "Trying faults"
launch/fault-test.sh --short --binary .build-test/release/distill-ddp

step "Starting ranks as batch systems do"
launch/launch-test.sh --binary .build-test/release/distill-ddp

step "Checking the format"
swift format lint --strict --recursive Sources Tests Package.swift

step "Looking for what it is linked to"
if ldd .build-test/release/distill-ddp | grep -E 'lib(mpi|openblas|curl)'; then
  fail "the binary is linked to what it is to open by name, when it is needed"
fi

step "Done"
