#pragma once

#include <mpi.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

// Swift's importer does not see macros that cast the address of a global, which is how Open MPI spells its handles.

static inline MPI_Comm cmpi_comm_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Datatype cmpi_byte(void) { return MPI_BYTE; }
static inline MPI_Info cmpi_info_null(void) { return MPI_INFO_NULL; }
static inline MPI_Errhandler cmpi_errors_return(void) { return MPI_ERRORS_RETURN; }
static inline MPI_Status *cmpi_statuses_ignore(void) { return MPI_STATUSES_IGNORE; }
static inline MPI_Status *cmpi_status_ignore(void) { return MPI_STATUS_IGNORE; }
static inline int cmpi_any_source(void) { return MPI_ANY_SOURCE; }
static inline int cmpi_comm_type_shared(void) { return MPI_COMM_TYPE_SHARED; }
static inline int cmpi_max_error_string(void) { return MPI_MAX_ERROR_STRING; }
static inline int cmpi_max_library_version_string(void) { return MPI_MAX_LIBRARY_VERSION_STRING; }

// Whether this process may call process_vm_readv, which Swift's Glibc does not show. A process may always read its own
// memory, so that only a filter on system calls refuses.
static inline bool cmpi_process_vm_readv_allowed(void) {
  char source = 1, target = 0;
  struct iovec from = {&source, 1}, to = {&target, 1};
  return syscall(SYS_process_vm_readv, getpid(), &to, 1, &from, 1, 0) == 1;
}

// Ends a process that is still there after some seconds: with SIGTERM, and a second later with SIGKILL. This process too,
// should it be there by then. A process of its own does that, out of reach of signals to this one's group, and without
// its files, for whose end a launcher waits. The descriptor stands for the process, whoever gets its number after it.
static inline void cmpi_end_later(pid_t process, int seconds) {
  const pid_t own = getpid();
  const int target = (int)syscall(SYS_pidfd_open, process, 0);
  if (target < 0 || fork() != 0) return;
  // From here only what may be called behind the fork of one of several threads.
  setsid();
  dup2(target, 0);
  if (syscall(SYS_close_range, 1u, ~0u, 0) != 0) {
    for (int descriptor = 1; descriptor < 4096; descriptor++) close(descriptor);
  }
  struct pollfd ended = {0, POLLIN, 0};
  if (poll(&ended, 1, seconds * 1000) == 0) {
    syscall(SYS_pidfd_send_signal, 0, SIGTERM, NULL, 0);
    if (poll(&ended, 1, 1000) == 0) syscall(SYS_pidfd_send_signal, 0, SIGKILL, NULL, 0);
  }
  if (getppid() == own) kill(own, SIGKILL);
  _exit(0);
}
