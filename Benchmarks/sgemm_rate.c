// How fast OpenBLAS multiplies on this machine: for each shape given, all threads run single-threaded sgemm on memory
// of their own at the same time; and the processor's peak, from multiply-adds in registers.
//
//   sgemm_rate THREADS SECONDS M,N,K,LAYOUT…     LAYOUT: NT, NN or TN
//
// Prints JSON: the sum over threads in GFLOP/s, for the peak and for each shape.
#include <cblas.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

typedef struct {
  int m, n, k, transposeA, transposeB;
} shape;

static int threads, shapes;
static double seconds;
static shape *shapeList;
static pthread_barrier_t barrier;
static double *rates;  // [threads][shapes + 1]

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static float *matrix(size_t count) {
  size_t bytes = (count * sizeof(float) + (1 << 21)) & ~(size_t)((1 << 21) - 1);
  float *p = aligned_alloc(1 << 21, bytes);
  if (!p) {
    perror("aligned_alloc");
    exit(1);
  }
  madvise(p, bytes, MADV_HUGEPAGE);
  for (size_t i = 0; i < count; i++) p[i] = (float)(i % 13) * 0.01f - 0.05f;
  return p;
}

typedef float lanes __attribute__((vector_size(64)));

// 24 independent chains keep every multiply-add unit busy, at 256 and at 512 bits.
__attribute__((noinline)) static double multiply_adds(long rounds, float seed) {
  enum { CHAINS = 12 };
  lanes s[CHAINS], a = (lanes){0} + 0.999f, b = (lanes){0} + seed;
  for (int i = 0; i < CHAINS; i++) s[i] = b + (float)i;
  for (long r = 0; r < rounds; r++)
    for (int i = 0; i < CHAINS; i++) s[i] = s[i] * a + b;
  double total = 0;
  for (int i = 0; i < CHAINS; i++) total += s[i][0];
  if (total == 12345.678) puts("");
  return (double)rounds * CHAINS * 16 * 2;
}

static void *work(void *argument) {
  long thread = (long)argument;
  double *out = rates + thread * (shapes + 1);
  pthread_barrier_wait(&barrier);
  double start = now(), flops = 0;
  while (now() - start < seconds) flops += multiply_adds(20000, 0.001f);
  out[0] = flops / (now() - start) * 1e-9;
  for (int i = 0; i < shapes; i++) {
    shape s = shapeList[i];
    float *a = matrix((size_t)s.m * s.k), *b = matrix((size_t)s.k * s.n), *c = matrix((size_t)s.m * s.n);
    double begin = 0, count = 0;
    for (int pass = 0; pass < 2; pass++) {  // the first warms up
      pthread_barrier_wait(&barrier);
      begin = now();
      count = 0;
      do {
        cblas_sgemm(CblasRowMajor, s.transposeA ? CblasTrans : CblasNoTrans, s.transposeB ? CblasTrans : CblasNoTrans,
                    s.m, s.n, s.k, 1, a, s.transposeA ? s.m : s.k, b, s.transposeB ? s.k : s.n, 0, c, s.n);
        count++;
      } while (now() - begin < seconds * (pass ? 1 : 0.2));
    }
    out[i + 1] = count * 2.0 * s.m * s.n * s.k / (now() - begin) * 1e-9;
    free(a), free(b), free(c);
  }
  return NULL;
}

int main(int count, char **values) {
  if (count < 3) return fprintf(stderr, "usage: sgemm_rate THREADS SECONDS M,N,K,LAYOUT...\n"), 2;
  threads = atoi(values[1]);
  seconds = atof(values[2]);
  shapes = count - 3;
  shapeList = calloc(shapes + 1, sizeof(shape));
  rates = calloc((size_t)threads * (shapes + 1), sizeof(double));
  for (int i = 0; i < shapes; i++) {
    char layout[3] = "";
    shape *s = &shapeList[i];
    if (sscanf(values[i + 3], "%d,%d,%d,%2s", &s->m, &s->n, &s->k, layout) != 4) return 2;
    s->transposeA = layout[0] == 'T';
    s->transposeB = layout[1] == 'T';
  }
  pthread_barrier_init(&barrier, NULL, threads);
  pthread_t ids[64];
  for (long t = 0; t < threads; t++) pthread_create(&ids[t], NULL, work, (void *)t);
  for (int t = 0; t < threads; t++) pthread_join(ids[t], NULL);
  printf("{\"core\": \"%s\", \"peak\": ", openblas_get_corename());
  for (int i = 0; i <= shapes; i++) {
    double total = 0;
    for (int t = 0; t < threads; t++) total += rates[(size_t)t * (shapes + 1) + i];
    printf(i == 0 ? "%.2f, \"shapes\": [" : i == 1 ? "%.2f" : ", %.2f", total);
  }
  printf("]}\n");
}
