import CMPI
import Glibc

/// Open MPI parameters whose defaults do not fit a job like ours. A user's own choice, from the environment or
/// `mpirun --mca`, stands.
enum OpenMPIParameters {
  /// To be called before MPI is initialised.
  static func set() {
    // A rank that waits spins, which costs another rank's workers, or anyone's process, a time slice at each of a
    // sum's hand-overs. With a busy neighbour on two cores, summing 88 MB took 340 ms spinning and 58 ms yielding;
    // undisturbed it made no difference.
    setenv("OMPI_MCA_mpi_yield_when_idle", "1", 0)
    // The vader transport copies straight from one rank's memory to another's (process_vm_readv). It looks at ptrace's
    // setting to see whether it may, not at seccomp, and in a container that filters the call its first large message
    // fails with "Read -1, expected …" (open-mpi/ompi#4948): then it is to copy through shared memory.
    if !cmpi_process_vm_readv_allowed() { setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0) }
  }
}
