#include "COpenBLAS.h"
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

// The values of CBLAS's enumerations, which its binary interface fixes.
enum { row_major = 101, not_transposed = 111, transposed = 112 };

typedef void (*sgemm)(
    int, int, int, int, int, int, float, const float *, int, const float *, int, float, float *, int);

static struct {
  const char *problem;
  sgemm multiply;
  char *(*core)(void);
  char *(*configuration)(void);
  int (*threads)(void);
  int (*parallel)(void);
} blas;

static void open_library(void) {
  // Read when the library is loaded. Workers are the parallelism; its threads would compete with them.
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    blas.problem = "libopenblas.so.0: not found on this machine";
    return;
  }
  blas.multiply = (sgemm)dlsym(library, "cblas_sgemm");
  blas.core = (char *(*)(void))dlsym(library, "openblas_get_corename");
  blas.configuration = (char *(*)(void))dlsym(library, "openblas_get_config");
  blas.threads = (int (*)(void))dlsym(library, "openblas_get_num_threads");
  blas.parallel = (int (*)(void))dlsym(library, "openblas_get_parallel");
  if (!blas.multiply || !blas.core || !blas.configuration || !blas.threads || !blas.parallel)
    blas.problem = "libopenblas.so.0: lacks functions that every release has";
}

const char *copenblas_open(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, open_library);
  return blas.problem;
}

void copenblas_sgemm(
    int transposeA, int transposeB, int rows, int columns, int inner, float alpha, const float *a, int strideA,
    const float *b, int strideB, float beta, float *c, int strideC) {
  blas.multiply(
      row_major, transposeA ? transposed : not_transposed, transposeB ? transposed : not_transposed, rows, columns,
      inner, alpha, a, strideA, b, strideB, beta, c, strideC);
}

const char *copenblas_core(void) { return blas.core(); }
const char *copenblas_configuration(void) { return blas.configuration(); }
int copenblas_threads(void) { return blas.threads(); }
int copenblas_is_parallel(void) { return blas.parallel(); }
