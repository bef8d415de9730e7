// MPICH 3.1 and later, and the libraries of its ABI initiative (https://www.mpich.org/abi): handles are numbers.
#include "abi.h"

typedef int handle;
typedef struct {
  int count_low, count_high_and_cancelled, source, tag, error;
} status;

static const struct {
  handle world, byte, floats, plus, no_info, errors_return;
} constants = {0x44000000, 0x4c00010d, 0x4c00040a, 0x58000003, 0x1c000000, 0x54000001};

enum { any_source = -2, shared_memory = 1, serialized = 2 };
static status *const ignored_status = (status *)1;

static const char *bind_constants(void *library) {
  (void)library;
  return NULL;
}

#include "calls.h"

const struct abi cmpi_mpich = CALLS;
