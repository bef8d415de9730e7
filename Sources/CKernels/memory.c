#define _GNU_SOURCE
#include "CKernels.h"
#include <sys/mman.h>

int ck_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }
