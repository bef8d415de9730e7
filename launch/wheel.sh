#!/usr/bin/env bash
# shellcheck source-path=SCRIPTDIR
# Builds what others install without a compiler: a wheel for pip, a tarball and a Debian package, all of one program that
# needs nothing but the C and C++ libraries of the system.
#
#   launch/wheel.sh                   into dist/
#   launch/wheel.sh --output FOLDER   into another folder
#   launch/wheel.sh --built FOLDER    of what another scratch path of `swift build` or `swift test` has, with -c release
#
# They run where the C library has what the program asks of the one here, which the wheel's name tells. Build on the
# oldest system they are to run on.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

output=dist
built=
while (($# > 0)); do
  case $1 in
    --output) output=${2:?"--output: expected a folder"} && shift 2 ;;
    --built) built=$(cd "$here" && realpath "${2:?"--built: expected a scratch path"}") && shift 2 ;;
    *) fail "$1: unknown option; expected --output FOLDER or --built FOLDER" ;;
  esac
done
[[ $output == /* || $output == dist ]] || output=$here/$output

if [[ -z $built ]]; then
  built=.build
  swift build -c release --scratch-path "$built" --product distill-ddp
fi
objects=$built/release/distill-ddp.product/Objects.LinkFileList
[[ -e $objects ]] || fail "$objects: expected a program's objects, found none; build it: swift build -c release"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$output"
# The same objects as the program's, with the Swift runtime's archives in the place of its libraries. Of those that
# Foundation's archives need, the objects name only the ones that its libraries do.
swiftc -static-stdlib -use-ld=lld -emit-executable -o "$work/linked" "@$objects" \
  -Xlinker --gc-sections -Xlinker --defsym -Xlinker main=distill_ddp_main \
  -lCoreFoundation -l_FoundationCShims -l_FoundationCollections -l_FoundationICU
if ldd "$work/linked" | grep -E 'lib(swift|Foundation|mpi|openblas|curl)'; then
  fail "the program: expected no library but the C and C++ ones, found these"
fi
strip -o "$work/distill-ddp" "$work/linked"
version=$("$work/distill-ddp" --version)
machine=$(uname -m)

wheel=$(python3 -B Python/build_wheel.py "$work/distill-ddp" "$output")
echo "$wheel"

name=distill-ddp-$version-linux-$machine
mkdir -p "$work/$name/bin"
install -m 755 "$work/distill-ddp" "$work/$name/bin/"
cp -rL configs README.md docs "$work/$name/"
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -czf "$output/$name.tar.gz" "$name"
echo "$output/$name.tar.gz"

if command -v dpkg-deb > /dev/null; then
  root=$work/root
  mkdir -p "$root/DEBIAN" "$root/usr/bin" "$root/usr/share/distill-ddp" "$root/usr/share/doc/distill-ddp"
  install -m 755 "$work/distill-ddp" "$root/usr/bin/"
  cp -rL configs "$root/usr/share/distill-ddp/"
  cp -r README.md docs "$root/usr/share/doc/distill-ddp/"
  chmod -R u=rwX,go=rX "$root"
  glibc=$(sed -E 's/.*manylinux_([0-9]+)_([0-9]+)_.*/\1.\2/' <<< "$wheel")
  cat > "$root/DEBIAN/control" << CONTROL
Package: distill-ddp
Version: $version
Architecture: $(dpkg --print-architecture)
Maintainer: distill-ddp
Depends: libc6 (>= $glibc), libstdc++6 (>= 12)
Recommends: ca-certificates, libcurl4
Suggests: openmpi-bin | mpich
Description: knowledge distillation of text encoders on CPUs
 Compresses a fine-tuned text classifier into a student several times smaller, in one process or over MPI.
CONTROL
  dpkg-deb --root-owner-group --build "$root" "$output/distill-ddp_${version}_$(dpkg --print-architecture).deb" > /dev/null
  echo "$output/distill-ddp_${version}_$(dpkg --print-architecture).deb"
fi
