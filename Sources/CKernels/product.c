// Matrix product of 32-bit floats: strips.h says how.
#include "strips.h"

#pragma clang fp contract(fast)

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
size_t ck_panel_width(size_t limit) {
  if (limit >= WIDE && __builtin_cpu_supports("x86-64-v4")) return WIDE;
  return limit >= NARROW && __builtin_cpu_supports("x86-64-v3") ? NARROW : 0;
}
#elif defined(__aarch64__)
// NEON is in every aarch64; of other processors nothing is known.
size_t ck_panel_width(size_t limit) { return limit >= NARROW ? NARROW : 0; }
#else
size_t ck_panel_width(size_t limit) { return 0; }
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
