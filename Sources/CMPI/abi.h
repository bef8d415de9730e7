#pragma once
#include "CMPI.h"
#include <stddef.h>

// One binary interface of MPI.
struct abi {
  // Finds the calls. Returns NULL, or the name of what the library lacks.
  const char *(*bind)(void *library);
  int (*version)(char *, int *);
  int (*explain)(int, char *, int *);
  int (*init)(bool *, int *);
  int (*finalize)(void);
  int (*abort)(int);
  int (*return_errors)(void);
  cmpi_comm (*world)(void);
  int (*rank)(cmpi_comm, int *);
  int (*size)(cmpi_comm, int *);
  int (*split_by_host)(cmpi_comm *);
  int (*free)(cmpi_comm *);
  int (*receive)(void *, int, void *, int, int, int);
  int (*send)(void *, int, const void *, int, int, int);
  int (*sum)(void *, int, const float *, float *, int);
  int (*test_all)(void *, int, int *);
  int (*is_done)(const void *, int, int *);
  int (*send_sign)(int, int);
  int (*take_sign)(int, int *, int *);
};

extern const struct abi cmpi_open_mpi, cmpi_mpich, cmpi_standard;
