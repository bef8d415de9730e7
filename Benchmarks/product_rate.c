// The matrix products of each precision at the shapes of encoders and 480 tokens, against loops that touch registers
// only, on one thread in processor time.
//
// Prints JSON; rates in 10⁹ operations a second.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Behind the system's headers, whose names its macros take.
#include "vectors.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static volatile float sink;

// The best rate of a few repetitions of CALL, each of so many operations.
#define RATE(OPERATIONS, CALL)                                  \
  ({                                                            \
    double best_ = 0, each_ = (OPERATIONS);                     \
    long calls_ = (long)(4e8 / each_) + 1;                      \
    for (int pass_ = 0; pass_ < 5; pass_++) {                   \
      double start_ = now();                                    \
      for (long c_ = 0; c_ < calls_; c_++) CALL;                \
      double rate_ = each_ * calls_ / (now() - start_) * 1e-9;  \
      if (rate_ > best_) best_ = rate_;                         \
    }                                                           \
    best_;                                                      \
  })

// MARK: Registers

enum { SUMS = 24, ROUNDS = 100000 };

#if defined(__x86_64__)
// All lanes of all sums are asked for, or the compiler would leave out the others.
#define LOOP(NAME, TARGET, FIRST, STEP)                                                  \
  __attribute__((target(TARGET), min_vector_width(512), noinline)) static float NAME(int seed) { \
    v512 s[SUMS];                                                                        \
    for (int i = 0; i < SUMS; i++) s[i] = (v512)FIRST(seed + i);                         \
    for (long r = 0; r < ROUNDS; r++)                                                    \
      _Pragma("clang loop unroll(full)") for (int i = 0; i < SUMS; i++) s[i] = (v512)STEP; \
    v512 total = s[0];                                                                   \
    for (int i = 1; i < SUMS; i++) total ^= s[i];                                        \
    return (float)__builtin_reduce_xor(total);                                           \
  }
typedef int64_t v512 __attribute__((vector_size(64)));
LOOP(floats, "arch=x86-64-v4", _mm512_set1_ps,
     _mm512_fmadd_ps((__m512)s[i], _mm512_set1_ps(seed * 0.5f), _mm512_set1_ps(seed)))
LOOP(bfloats, "arch=x86-64-v4,avx512bf16", _mm512_set1_ps,
     _mm512_dpbf16_ps((__m512)s[i], (__m512bh)_mm512_set1_epi32(0x3F803F80), (__m512bh)_mm512_set1_epi32(0x3F803F80)))
LOOP(integers, "arch=x86-64-v4,avx512vnni", _mm512_set1_epi32,
     _mm512_dpbusd_epi32((__m512i)s[i], _mm512_set1_epi32(seed), _mm512_set1_epi32(seed)))
#endif

// MARK: Products

static float *memory(size_t count) {
  float *p = aligned_alloc(1 << 21, (count * sizeof(float) + (1 << 21)) >> 21 << 21);
  for (size_t i = 0; i < count; i++) p[i] = (float)(rand() % 2001 - 1000) * 1e-3f;
  return p;
}

static const char *names[] = {"narrow", "wide", "instructions"};

int main(void) {
  static const struct {
    size_t rows, columns, inner;
  } shapes[] = {{480, 384, 384},  {480, 1536, 384}, {480, 384, 1536}, {480, 768, 768},
                {480, 3072, 768}, {480, 768, 3072}, {480, 312, 312},  {480, 1200, 312}};
  float *scratch = memory(ck_product_scratch()), *a = memory(3072 * 3072), *b = memory(3072 * 3072);
  float *c = memory(3072 * 3072), *floats_ = memory(3104 * 3072);
  uint32_t *panels = (uint32_t *)floats_;
  printf("{\"registers\": {");
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v4"))
    printf("\"float32\": %.1f", RATE(2.0 * 16 * SUMS * ROUNDS, sink = floats((int)c_ + 1)));
  if (ck_bf16_runs(CK_BODY_DOT))
    printf(", \"bfloat16 instructions\": %.1f", RATE(4.0 * 16 * SUMS * ROUNDS, sink = bfloats((int)c_ + 1)));
  if (ck_int8_runs(CK_BODY_DOT))
    printf(", \"int8 instructions\": %.1f", RATE(8.0 * 16 * SUMS * ROUNDS, sink = integers((int)c_ + 1)));
#endif
  printf("},\n \"shapes\": {");
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    size_t m = shapes[i].rows, n = shapes[i].columns, k = shapes[i].inner;
    double operations = 2.0 * m * n * k;
    printf("%s\"%zu × %zu × %zu\": {", i ? ",\n  " : "", m, n, k);
    int printed = 0;
    size_t width = ck_panel_width(SIZE_MAX);
    if (width) {
      ck_pack_panels(floats_, width, b, k, 1, n, k);
      ck_product p = {c, n, NULL, 0, a, k, 1, b, 1, k, floats_, m, n, k, width};
      printf("\"float32\": %.1f", RATE(operations, ck_multiply(&p, scratch)));
      printed = 1;
    }
    for (int body = CK_BODY_NARROW; body <= CK_BODY_DOT; body++) {
      if (!ck_bf16_runs(body)) continue;
      ck_bf16_pack_panels(panels, body, b, k, 1, n, k);
      ck_bf16_product p = {c, n, NULL, 0, a, k, 1, b, 1, k, panels, m, n, k, body};
      printf("%s\"bfloat16 %s\": %.1f", printed++ ? ", " : "", names[body],
             RATE(operations, ck_bf16_multiply(&p, scratch)));
      // A weight's gradient: both factors are packed, one of them transposed.
      ck_bf16_product d = {c, k, c, k, a, 1, n, b, k, 1, NULL, n, k, m, body};
      printf(", \"bfloat16 %s, gradient\": %.1f", names[body], RATE(operations, ck_bf16_multiply(&d, scratch)));
    }
    for (int body = CK_BODY_NARROW; body <= CK_BODY_DOT; body++) {
      if (!ck_int8_runs(body)) continue;
      ck_int8_pack_panels(panels, body, b, k, n, k);
      ck_int8_product p = {c, n, NULL, 0, a, k, panels, m, n, k, body};
      printf(", \"int8 %s\": %.1f", names[body], RATE(operations, ck_int8_multiply(&p, scratch)));
    }
    printf("}");
  }
  printf("}}\n");
}
