#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Makes the container of launch/Dockerfile without Docker, from exactly its packages, files and commands, and trains
# in it: alone, with two ranks, and as launch/mpijob.yaml's launcher and workers, which reach each other over ssh, are
# moved and go on. Status 1 where a run does not end with the result of an ordinary one. Takes some
# five minutes once built.
#
#   launch/container-test.sh
#
# Needs root, debootstrap, iproute2, python3-yaml and binutils; makes network namespaces and a bridge, 10.78.0.0/24, and
# removes them. Builds the program into .build-static as the Dockerfile does, but with this machine's Swift.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

[[ $(id -u) -eq 0 ]] || fail "expected root, for chroot and network namespaces"
for name in debootstrap ip unshare nsenter ssh-keygen strip; do
  command -v "$name" > /dev/null || fail "$name: expected it on PATH, found none"
done
python3 -c 'import yaml' 2> /dev/null ||
  fail "python3: expected its module yaml, found none; run: apt-get install python3-yaml"
swift build -c release --static-swift-stdlib --scratch-path .build-static --product distill-ddp
python3 -B Tests/Launch/container_test.py --binary .build-static/release/distill-ddp
