// How the matrix products pack their factors, after Goto and van de Geijn (2008): strips that the innermost loop reads
// in order, while a tile of the result stays in registers for a whole pass over the inner dimension.
#pragma once

#include "vectors.h"

#if defined(__x86_64__)
// Without the second attribute clang works with half the register.
#define AVX512 __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))
#define AVX2 __attribute__((target("arch=x86-64-v3")))
#else
#define AVX512
#define AVX2
#endif

CK_INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }

// A tile fills the registers besides a row of b and an element of a: 12 × 32 in AVX-512's 32, 6 × 16 in AVX2's 16 of
// half the size (and in NEON's 32 of a quarter).
enum { TALL = 12, WIDE = 2 * CK_LANES, LOW = 6, NARROW = CK_LANES };
// A pass is short enough that a strip of a stays in the first cache, and so narrow that b stays in the second. Rows are
// as many as make packing b for each pass cheap.
enum { PASS_INNER = 384, PASS_COLUMNS = 256, PASS_ROWS = 480 };

// What is packed is a float, or as many smaller numbers as fill one.
typedef float unit __attribute__((may_alias));
typedef float f32x4 __attribute__((vector_size(16), aligned(4), may_alias));

// Four rows of x among a strip's: out[k·width + i] = x[i·xRow + k], four by four in registers.
CK_INLINE void pack_four(unit *out, const unit *x, size_t xRow, size_t inner, size_t width) {
  const unit *r0 = x, *r1 = r0 + xRow, *r2 = r1 + xRow, *r3 = r2 + xRow;
  size_t k = 0;
  for (; k + 4 <= inner; k += 4, out += 4 * width) {
    f32x4 a = *(const f32x4 *)(r0 + k), b = *(const f32x4 *)(r1 + k);
    f32x4 c = *(const f32x4 *)(r2 + k), d = *(const f32x4 *)(r3 + k);
    f32x4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    f32x4 AB = __builtin_shufflevector(a, b, 2, 6, 3, 7), CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(f32x4 *)out = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(f32x4 *)(out + width) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(f32x4 *)(out + 2 * width) = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
    *(f32x4 *)(out + 3 * width) = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
  }
  for (; k < inner; k++, out += width) out[0] = r0[k], out[1] = r1[k], out[2] = r2[k], out[3] = r3[k];
}

// Strips of `width` rows of x, each strip (inner, width); x[i, k] is x[i·xRow + k·xInner], one of the two strides 1.
// What is missing in the last strip is 0.
CK_INLINE void pack(float *out, const float *x, size_t xRow, size_t xInner, size_t rows, size_t inner, size_t width) {
  size_t whole = rows / width * width, left = rows - whole, i = whole;
  float *last = out + whole * inner;
  if (left) memset(last, 0, inner * width * sizeof(float));
  if (xRow == 1) {
    // All strips at once, so that x is read in order.
    for (size_t k = 0; k < inner; k++)
      for (size_t first = 0; first < whole; first += width)
        memcpy(out + first * inner + k * width, x + first + k * xInner, width * sizeof(float));
  } else {
    for (size_t first = 0; first < whole; first += width) {
      size_t row = 0;
      for (; row + 4 <= width; row += 4)
        pack_four(out + first * inner + row, x + (first + row) * xRow, xRow, inner, width);
      for (; row < width; row++)
        for (size_t k = 0; k < inner; k++) out[first * inner + k * width + row] = x[(first + row) * xRow + k];
    }
    for (; i + 4 <= rows; i += 4) pack_four(last + i - whole, x + i * xRow, xRow, inner, width);
  }
  for (; i < rows; i++)
    for (size_t k = 0; k < inner; k++) last[k * width + i - whole] = x[i * xRow + k * xInner];
}

// The sums are registers only if no loop over them is left.
#define UNROLL _Pragma("clang loop unroll(full)")
