// MPI, opened by name when a launcher started this process: neither building nor running alone needs it.
//
// MPI promises what its calls do, not how a program calls them: what MPI_COMM_WORLD is differs between libraries, and so
// does a status. There are three binary interfaces: Open MPI's, MPICH's (which Intel's, Cray's and MVAPICH's libraries
// keep too), and the standard one of MPI 5. What is opened says which it has.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

// Opens a library by name or path, in place of one opened before. Returns NULL, or why that cannot be.
const char *cmpi_open(const char *name);

// The file that was opened.
const char *cmpi_path(void);

// A communicator, as the library calls it.
typedef intptr_t cmpi_comm;

// The most that a library writes of its version and of an error.
enum { CMPI_TEXT_SIZE = 8192 };

// All of these need an open library, and return its result codes; 0 is success.

// May be called before MPI is initialised.
int cmpi_version(char text[CMPI_TEXT_SIZE], int *length);
int cmpi_explain(int code, char text[CMPI_TEXT_SIZE], int *length);

// `isSerialized`: whether threads may call, one at a time; `level` is what the library calls what it offers.
int cmpi_init(bool *isSerialized, int *level);
int cmpi_finalize(void);
int cmpi_abort(int status);
// Calls that fail in the world's ranks return, and do not end the process.
int cmpi_return_errors(void);

cmpi_comm cmpi_world(void);
int cmpi_rank(cmpi_comm comm, int *rank);
int cmpi_size(cmpi_comm comm, int *size);
// The world's ranks on this host.
int cmpi_split_by_host(cmpi_comm *comm);
int cmpi_free(cmpi_comm *comm);

// Messages on their way lie in `slots`, which has 8 bytes for each. All are between ranks of the world.
int cmpi_receive(void *slots, int index, void *bytes, int count, int from, int tag);
int cmpi_send(void *slots, int index, const void *bytes, int count, int to, int tag);
// The sum of all ranks' floats, which arrives as a message does. `own` and `total` do not overlap.
int cmpi_sum(void *slots, int index, const float *own, float *total, int count);
int cmpi_test_all(void *slots, int count, int *areDone);
int cmpi_is_done(const void *slots, int index, int *isDone);
// An empty message, whose arrival nobody waits for; and the source of one that is there, which is taken.
int cmpi_send_sign(int to, int tag);
int cmpi_take_sign(int tag, int *isThere, int *from);

// Whether this process may call process_vm_readv, which Swift's Glibc does not show. A process may always read its own
// memory, so that only a filter on system calls refuses.
bool cmpi_process_vm_readv_allowed(void);

// Ends a process that is still there after some seconds: with SIGTERM, and a second later with SIGKILL. This process too,
// should it be there by then. A process of its own does that, out of reach of signals to this one's group, and without
// its files, for whose end a launcher waits. The descriptor stands for the process, whoever gets its number after it.
void cmpi_end_later(pid_t process, int seconds);
