// Matrix product after Goto and van de Geijn (2008): both factors are packed into strips that the innermost loop reads
// in order, and a tile of the result stays in registers for a whole pass over the inner dimension.
#include "vectors.h"

#pragma clang fp contract(fast)

// A tile fills the registers besides a row of b and an element of a: 12 × 32 in AVX-512's 32, 6 × 16 in AVX2's 16 of
// half the size (and in NEON's 32 of a quarter).
enum { TALL = 12, WIDE = 2 * CK_LANES, LOW = 6, NARROW = CK_LANES };
// A pass is short enough that a strip of a stays in the first cache, and so narrow that b stays in the second. Rows are
// as many as make packing b for each pass cheap.
enum { PASS_INNER = 384, PASS_COLUMNS = 256, PASS_ROWS = 480 };

typedef float f32x4 __attribute__((vector_size(16), aligned(4)));

// Four rows of x among a strip's: out[k·width + i] = x[i·xRow + k], four by four in registers.
CK_INLINE void pack_four(float *out, const float *x, size_t xRow, size_t inner, size_t width) {
  const float *r0 = x, *r1 = r0 + xRow, *r2 = r1 + xRow, *r3 = r2 + xRow;
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

// c (rows, width) = base (where given) + a·b, from strips a (inner, height) and b (inner, width).
CK_INLINE void tile(float *c, size_t cStride, const float *base, size_t baseStride, const float *a, const float *b,
                    size_t inner, int rows, int height, int width) {
  f32 s[TALL][WIDE / CK_LANES];
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int v = 0; v < width / CK_LANES; v++) s[i][v] = splat(0);
  for (size_t k = 0; k < inner; k++, a += height, b += width) {
    f32 row[WIDE / CK_LANES];
    UNROLL for (int v = 0; v < width / CK_LANES; v++) row[v] = load(b + v * CK_LANES);
    UNROLL for (int i = 0; i < rows; i++) {
      f32 element = splat(a[i]);
      UNROLL for (int v = 0; v < width / CK_LANES; v++) s[i][v] += element * row[v];
    }
  }
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int v = 0; v < width / CK_LANES; v++) {
      size_t lane = v * CK_LANES;
      store(c + i * cStride + lane, base ? load(base + i * baseStride + lane) + s[i][v] : s[i][v]);
    }
}

// A tile of any number of rows. Each number is a body of its own, so that all sums stay in registers.
CK_INLINE void tile_of(int rows, float *c, size_t cStride, const float *base, size_t baseStride, const float *a,
                       const float *b, size_t inner, int height, int width) {
  switch (rows) {
#define ROWS(n)                                                                                                        \
  case n:                                                                                                              \
    if (n <= height) tile(c, cStride, base, baseStride, a, b, inner, n, height, width);                                \
    break;
    ROWS(1) ROWS(2) ROWS(3) ROWS(4) ROWS(5) ROWS(6) ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12)
#undef ROWS
  }
}

CK_INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }

CK_INLINE void product(const ck_product *p, float *scratch, int height, int width) {
  // Passes of equal length; which, depends on the inner dimension alone, and so does every sum's order.
  size_t passes = (p->inner + PASS_INNER - 1) / PASS_INNER, length = (p->inner + passes - 1) / passes;
  float *aStrips = scratch, *bStrips = scratch + (PASS_ROWS + TALL) * PASS_INNER;
  for (size_t i0 = 0; i0 < p->rows; i0 += PASS_ROWS) {
    size_t rows = least(PASS_ROWS, p->rows - i0);
    for (size_t k0 = 0; k0 < p->inner; k0 += length) {
      size_t inner = least(length, p->inner - k0);
      // Later passes add to the first.
      const float *base = k0 ? p->c : p->base;
      size_t baseStride = k0 ? p->cStride : p->baseStride;
      pack(aStrips, p->a + i0 * p->aRow + k0 * p->aInner, p->aRow, p->aInner, rows, inner, height);
      for (size_t j0 = 0; j0 < p->columns; j0 += PASS_COLUMNS) {
        size_t columns = least(PASS_COLUMNS, p->columns - j0);
        if (!p->panels)
          pack(bStrips, p->b + j0 * p->bColumn + k0 * p->bInner, p->bColumn, p->bInner, columns, inner, width);
        for (size_t i = 0; i < rows; i += height)
          for (size_t j = 0; j < columns; j += width) {
            const float *a = aStrips + i * inner;
            const float *b = p->panels ? p->panels + (j0 + j) * p->inner + k0 * width : bStrips + j * inner;
            float *c = p->c + (i0 + i) * p->cStride + j0 + j;
            const float *from = base ? base + (i0 + i) * baseStride + j0 + j : NULL;
            int height_ = (int)least(height, rows - i);
            if (j + width <= columns) {
              tile_of(height_, c, p->cStride, from, baseStride, a, b, inner, height, width);
              continue;
            }
            // The last columns are fewer than a tile's.
            float edge[TALL * WIDE];
            tile_of(height_, edge, width, NULL, 0, a, b, inner, height, width);
            for (int row = 0; row < height_; row++)
              for (size_t column = 0; column < columns - j; column++)
                c[row * p->cStride + column] =
                    (from ? from[row * baseStride + column] : 0) + edge[row * width + column];
          }
      }
    }
  }
}

#if defined(__x86_64__)
// Without the second attribute clang works with half the register.
#define AVX512 __attribute__((target("arch=x86-64-v4"), min_vector_width(512)))
#define AVX2 __attribute__((target("arch=x86-64-v3")))

size_t ck_panel_width(size_t limit) {
  if (limit >= WIDE && __builtin_cpu_supports("x86-64-v4")) return WIDE;
  return limit >= NARROW && __builtin_cpu_supports("x86-64-v3") ? NARROW : 0;
}
#else
// NEON is in every aarch64; of other processors nothing is known.
#define AVX512
#define AVX2

#if defined(__aarch64__)
size_t ck_panel_width(size_t limit) { return limit >= NARROW ? NARROW : 0; }
#else
size_t ck_panel_width(size_t limit) { return 0; }
#endif
#endif

AVX512 static void product_wide(const ck_product *p, float *scratch) { product(p, scratch, TALL, WIDE); }
AVX2 static void product_narrow(const ck_product *p, float *scratch) { product(p, scratch, LOW, NARROW); }
AVX512 static void pack_wide(float *panels, const float *b, size_t bColumn, size_t bInner, size_t columns,
                             size_t inner) {
  pack(panels, b, bColumn, bInner, columns, inner, WIDE);
}
AVX2 static void pack_narrow(float *panels, const float *b, size_t bColumn, size_t bInner, size_t columns,
                             size_t inner) {
  pack(panels, b, bColumn, bInner, columns, inner, NARROW);
}

void ck_multiply(const ck_product *p, float *scratch) {
  (p->width == WIDE ? product_wide : product_narrow)(p, scratch);
}

void ck_pack_panels(float *panels, size_t width, const float *b, size_t bColumn, size_t bInner, size_t columns,
                    size_t inner) {
  (width == WIDE ? pack_wide : pack_narrow)(panels, b, bColumn, bInner, columns, inner);
}

size_t ck_product_scratch(void) { return (PASS_ROWS + TALL) * PASS_INNER + PASS_INNER * PASS_COLUMNS; }
