#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Installs what launch/wheel.sh built in bare systems, Debian 12 and 13, without compiler, Swift, OpenBLAS or MPI: runs
# README.md's first lines, trains alone, with two ranks of Open MPI and of MPICH, all to the same weights, and runs the
# commands of launch/apptainer.def. Takes some minutes, most of them for downloads.
#
#   launch/chroot-test.sh                         what is in dist/
#   launch/chroot-test.sh --folder FOLDER         what is in another folder
#   launch/chroot-test.sh trixie                  other systems than bookworm and trixie
#
# Needs root, debootstrap and Debian's packages.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

[[ $(id -u) -eq 0 ]] || fail "expected root, for chroot"
command -v debootstrap > /dev/null || fail "debootstrap: expected it on PATH, found none; run: apt-get install debootstrap"
folder=dist
if [[ ${1:-} == --folder ]]; then
  folder=$(cd "$here" && realpath "${2:?"--folder: expected a folder"}") && shift 2
fi
for pattern in 'distill_ddp-*.whl' 'distill-ddp_*.deb'; do
  compgen -G "$folder/$pattern" > /dev/null || fail "$folder: expected $pattern, found none; run: launch/wheel.sh"
done
exec python3 -B Tests/Launch/chroot_test.py --folder "$folder" "$@"
