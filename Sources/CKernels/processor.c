#include "CKernels.h"

#if defined(__x86_64__)
#include <xmmintrin.h>

void ck_flush_denormals(void) {
  // Bits 15 and 6 of MXCSR: flush results to zero, and read denormals as zero.
  _mm_setcsr(_mm_getcsr() | 0x8040);
}

const char *ck_simd_level(void) {
  if (__builtin_cpu_supports("x86-64-v4")) return "x86-64-v4";
  if (__builtin_cpu_supports("x86-64-v3")) return "x86-64-v3";
  return "baseline";
}
#elif defined(__aarch64__)
void ck_flush_denormals(void) {
  uint64_t fpcr;
  __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
  // Bit 24 of FPCR: flush to zero.
  __asm__ volatile("msr fpcr, %0" ::"r"(fpcr | (1ull << 24)));
}

const char *ck_simd_level(void) { return "neon"; }
#else
void ck_flush_denormals(void) {}

const char *ck_simd_level(void) { return "baseline"; }
#endif
