// Open MPI 2 to 5: handles are pointers, and the constants are the addresses of the library's variables.
#include "abi.h"
#include <dlfcn.h>

typedef void *handle;
typedef struct {
  int source, tag, error, cancelled;
  size_t count;
} status;

static struct {
  handle world, byte, floats, plus, no_info, errors_return;
} constants;

enum { any_source = -1, shared_memory = 0, serialized = 2 };
static status *const ignored_status = NULL;

static const char *bind_constants(void *library) {
  const struct {
    handle *constant;
    const char *name;
  } variables[] = {
      {&constants.world, "ompi_mpi_comm_world"},
      {&constants.byte, "ompi_mpi_byte"},
      {&constants.floats, "ompi_mpi_float"},
      {&constants.plus, "ompi_mpi_op_sum"},
      {&constants.no_info, "ompi_mpi_info_null"},
      {&constants.errors_return, "ompi_mpi_errors_return"},
  };
  for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
    *variables[i].constant = dlsym(library, variables[i].name);
    if (!*variables[i].constant) return variables[i].name;
  }
  return NULL;
}

#include "calls.h"

const struct abi cmpi_open_mpi = CALLS;
