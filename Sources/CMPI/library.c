#define _GNU_SOURCE // dladdr
#include "abi.h"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static struct {
  const struct abi *abi;
  void *library;
  char path[4096];
  char problem[512];
} opened;

static const char *fail(void *library, const char *found, const char *what) {
  snprintf(opened.problem, sizeof opened.problem, "%s%s", found, what);
  if (library) dlclose(library);
  return opened.problem;
}

// Libraries of MPICH's interface, by how they call themselves.
static bool is_mpich(const char *version) {
  const char *names[] = {"MPICH", "Intel(R) MPI", "MVAPICH", "ParaStation"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strstr(version, names[i])) return true;
  }
  return false;
}

const char *cmpi_open(const char *name) {
  if (opened.library) dlclose(opened.library);
  opened.library = NULL;
  // Open MPI's plug-ins look for its symbols among those of the program.
  void *library = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
  if (!library) return fail(NULL, dlerror(), "");
  int (*get_version)(char *, int *) = (int (*)(char *, int *))dlsym(library, "MPI_Get_library_version");
  Dl_info information;
  if (!get_version || !dladdr((void *)get_version, &information))
    return fail(library, name, ": expected an MPI library, found no MPI_Get_library_version in it");
  snprintf(opened.path, sizeof opened.path, "%s", information.dli_fname);

  const char *file = strrchr(opened.path, '/');
  file = file ? file + 1 : opened.path;
  if (dlsym(library, "ompi_mpi_comm_world")) {
    opened.abi = &cmpi_open_mpi;
  } else if (strncmp(file, "libmpi_abi.", 11) == 0) {
    opened.abi = &cmpi_standard;
  } else {
    char version[CMPI_TEXT_SIZE] = "";
    int length = 0;
    get_version(version, &length);
    if (!is_mpich(version))
      return fail(library, name, ": expected a library of Open MPI's or MPICH's binary interface, found another's");
    opened.abi = &cmpi_mpich;
  }
  const char *missing = opened.abi->bind(library);
  if (missing) {
    char problem[256];
    snprintf(problem, sizeof problem, ": lacks %s", missing);
    return fail(library, name, problem);
  }
  opened.library = library;
  return NULL;
}

const char *cmpi_path(void) { return opened.path; }

int cmpi_version(char text[CMPI_TEXT_SIZE], int *length) { return opened.abi->version(text, length); }
int cmpi_explain(int code, char text[CMPI_TEXT_SIZE], int *length) {
  return opened.abi->explain(code, text, length);
}
int cmpi_init(bool *isSerialized, int *level) { return opened.abi->init(isSerialized, level); }
int cmpi_finalize(void) { return opened.abi->finalize(); }
int cmpi_abort(int status) { return opened.abi->abort(status); }
int cmpi_return_errors(void) { return opened.abi->return_errors(); }
cmpi_comm cmpi_world(void) { return opened.abi->world(); }
int cmpi_rank(cmpi_comm comm, int *rank) { return opened.abi->rank(comm, rank); }
int cmpi_size(cmpi_comm comm, int *size) { return opened.abi->size(comm, size); }
int cmpi_split_by_host(cmpi_comm *comm) { return opened.abi->split_by_host(comm); }
int cmpi_free(cmpi_comm *comm) { return opened.abi->free(comm); }
int cmpi_receive(void *slots, int index, void *bytes, int count, int from, int tag) {
  return opened.abi->receive(slots, index, bytes, count, from, tag);
}
int cmpi_send(void *slots, int index, const void *bytes, int count, int to, int tag) {
  return opened.abi->send(slots, index, bytes, count, to, tag);
}
int cmpi_sum(void *slots, int index, const float *own, float *total, int count) {
  return opened.abi->sum(slots, index, own, total, count);
}
int cmpi_test_all(void *slots, int count, int *areDone) { return opened.abi->test_all(slots, count, areDone); }
int cmpi_is_done(const void *slots, int index, int *isDone) { return opened.abi->is_done(slots, index, isDone); }
int cmpi_send_sign(int to, int tag) { return opened.abi->send_sign(to, tag); }
int cmpi_take_sign(int tag, int *isThere, int *from) { return opened.abi->take_sign(tag, isThere, from); }
