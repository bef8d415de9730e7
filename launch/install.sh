#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Installs what building and running distill-ddp needs and this machine does not have, from Debian's or Ubuntu's
# packages: OpenBLAS, Open MPI, libcurl, pkg-config and unzip. Swift itself must be there.
#
#   launch/install.sh         what building and running needs
#   launch/install.sh pip     also pip, which the quick start downloads its data with
#   launch/install.sh test    also python3 with venv, strace, shellcheck and Chromium, which the tests use
#
# Does nothing, and needs no root, where nothing is missing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

swift_least=6.1

check_swift() {
  command -v swift > /dev/null ||
    fail "swift: expected Swift $swift_least or newer on PATH, found none; see https://www.swift.org/install/linux"
  local found
  found=$(swift --version 2> /dev/null | sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1)
  [[ $(printf '%s\n' "$swift_least" "${found:-0}" | sort -V | head -n 1) == "$swift_least" ]] ||
    fail "swift: expected Swift $swift_least or newer, found ${found:-none}; see https://www.swift.org/install/linux"
}

# The Debian packages of what is missing. A library installed otherwise counts, if pkg-config finds it.
missing_packages() {
  command -v pkg-config > /dev/null || echo pkg-config
  pkg-config --exists openblas 2> /dev/null || echo libopenblas-dev
  command -v mpirun > /dev/null || echo openmpi-bin
  # Opened by name when a model is downloaded, which certificates are needed for too.
  [[ $(/sbin/ldconfig -p) =~ libcurl(-gnutls)?\.so\.4 ]] || echo libcurl4
  [[ -n $(ls -A /etc/ssl/certs 2> /dev/null) ]] || echo ca-certificates
  command -v unzip > /dev/null || echo unzip
  if [[ ${1:-} == pip ]]; then
    python3 -m pip --version > /dev/null 2>&1 || echo python3-pip
  elif [[ ${1:-} == test ]]; then
    command -v python3 > /dev/null || echo python3
    python3 -c 'import ensurepip' 2> /dev/null || echo python3-venv
    command -v strace > /dev/null || echo strace
    command -v shellcheck > /dev/null || echo shellcheck
    command -v chromium > /dev/null || command -v google-chrome > /dev/null || echo chromium
  fi
}

install() {
  local as_root=()
  command -v apt-get > /dev/null ||
    fail "missing: $*; these are the names of Debian's packages: install what they hold, visible to pkg-config"
  if [[ $(id -u) -ne 0 ]]; then
    command -v sudo > /dev/null ||
      fail "missing: $*; as root, run: apt-get update && apt-get install --no-install-recommends $*"
    as_root=(sudo)
  fi
  echo "Installing $*"
  "${as_root[@]}" apt-get -qq update
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$@" > /dev/null
}

check_swift
mapfile -t packages < <(missing_packages "$@")
if [[ ${#packages[@]} -gt 0 ]]; then
  install "${packages[@]}"
  mapfile -t packages < <(missing_packages "$@")
  [[ ${#packages[@]} -eq 0 ]] || fail "installed, and still not found: ${packages[*]}; is an older pkg-config on PATH?"
fi

# Worker threads call OpenBLAS at the same time, which its serial flavour does not survive, and its OpenMP flavour
# answers with threads of its own.
if [[ $(readlink -f "$(pkg-config --variable=libdir openblas)") == *openblas-@(serial|openmp)* ]]; then
  fail "OpenBLAS: expected the pthread flavour, found another; run: apt-get install libopenblas-pthread-dev" \
    "and choose it with: update-alternatives --all"
fi
