# shellcheck shell=bash
# shellcheck disable=SC2034 # the scripts read what is set here
# Sourced by the other scripts: goes to the top of the repository and sets what their programs expect.

# Where the user stands, which paths among the arguments are relative to.
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# Ranks and their worker threads are the parallelism; OpenBLAS threads on top of them would only compete.
export OPENBLAS_NUM_THREADS=1

# mpirun refuses to run as root, as one does in containers, unless told twice.
if [[ $(id -u) -eq 0 ]]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# Says what is wrong, and what to do about it, and ends the script.
fail() {
  echo "${0##*/}: $*" >&2
  exit 1
}
