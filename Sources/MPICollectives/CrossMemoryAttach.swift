#if MPI
  import CMPI
  import Glibc

  /// Open MPI's vader transport copies straight from one rank's memory to another's (`process_vm_readv`). It looks at
  /// ptrace's setting to see whether it may, not at seccomp, and under Docker's default profile its first large message
  /// fails with "Read -1, expected …" (open-mpi/ompi#4948).
  enum CrossMemoryAttach {
    /// Has vader copy through shared memory instead where the call is blocked, unless the user chose. Before MPI is
    /// initialised.
    static func disableWhereBlocked() {
      if cmpi_process_vm_readv_allowed() { return }
      setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0)
    }
  }
#endif
