#include "CKernels.h"

#if defined(__x86_64__)
#include <xmmintrin.h>

uint64_t ck_flush_denormals(void) {
  uint32_t before = _mm_getcsr();
  // Bits 15 and 6 of MXCSR: flush results to zero, and read denormals as zero.
  _mm_setcsr(before | 0x8040);
  return before;
}

void ck_restore_denormals(uint64_t before) { _mm_setcsr((uint32_t)before); }

void ck_pause(void) { _mm_pause(); }

const char *ck_simd_level(void) {
  if (__builtin_cpu_supports("x86-64-v4")) return "x86-64-v4";
  if (__builtin_cpu_supports("x86-64-v3")) return "x86-64-v3";
  return "baseline";
}
#elif defined(__aarch64__)
uint64_t ck_flush_denormals(void) {
  uint64_t fpcr;
  __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
  // Bit 24 of FPCR: flush to zero.
  __asm__ volatile("msr fpcr, %0" ::"r"(fpcr | (1ull << 24)));
  return fpcr;
}

void ck_restore_denormals(uint64_t before) { __asm__ volatile("msr fpcr, %0" ::"r"(before)); }

void ck_pause(void) { __asm__ volatile("yield"); }

const char *ck_simd_level(void) { return "neon"; }
#else
uint64_t ck_flush_denormals(void) { return 0; }

void ck_restore_denormals(uint64_t before) { (void)before; }

void ck_pause(void) {}

const char *ck_simd_level(void) { return "baseline"; }
#endif
