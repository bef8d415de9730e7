// Matrix product of bfloat16 numbers, summed in 32 bits. Both factors are rounded when they are packed; two neighbours
// along the inner dimension make a pair, which fills 32 bits: the even one is the lower half.
//
// The portable bodies widen b in registers and keep a as rounded floats. A product of two bfloat16 numbers is exact in
// 32 bits, so an element's sum is the same whether or not the processor fuses multiplication and addition.
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Behind the system's headers, whose names its macros take.
#include "strips.h"

enum { PASS_PAIRS = PASS_INNER, STRETCH = 512 };

typedef uint32_t pair;

// MARK: Rounding

// To the nearest bfloat16, ties to even, as a float; a NaN, which could round to infinity, is made quiet instead.
#define rounded(x)                                                                                                     \
  ({                                                                                                                   \
    f32 x_ = (x);                                                                                                      \
    u32 bits_ = (u32)x_, nan_ = (u32)(x_ != x_);                                                                       \
    ((nan_ & (bits_ | 0x400000)) | (~nan_ & (bits_ + 0x7FFF + (bits_ >> 16 & 1)))) & 0xFFFF0000;                       \
  })

static inline pair round_one(float even, float odd) {
  f32 both = {even, odd};
  u32 bits = rounded(both);
  return bits[0] >> 16 | bits[1];
}

typedef void round_function(pair *out, const float *even, const float *odd, size_t count);

// out[i] from even[2i] and even[2i + 1]; `odd` is null, and what is missing in the last pair 0.
CK_CLONES static void round_neighbours(pair *out, const float *x, const float *odd, size_t count) {
  (void)odd;
  size_t i = 0;
  for (; 2 * i + 2 * CK_LANES <= count; i += CK_LANES) {
    f32 a = load(x + 2 * i), b = load(x + 2 * i + CK_LANES);
    f32 lower = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    f32 upper = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    *(u32 *)(out + i) = rounded(lower) >> 16 | rounded(upper);
  }
  for (; 2 * i < count; i++) out[i] = round_one(x[2 * i], 2 * i + 1 < count ? x[2 * i + 1] : 0);
}

// out[i] from even[i] and odd[i], or 0 where `odd` is null.
CK_CLONES static void round_rows(pair *out, const float *even, const float *odd, size_t count) {
  size_t i = 0;
  for (; i + CK_LANES <= count; i += CK_LANES) {
    u32 both = rounded(load(even + i)) >> 16;
    if (odd) both |= rounded(load(odd + i));
    *(u32 *)(out + i) = both;
  }
  for (; i < count; i++) out[i] = round_one(even[i], odd ? odd[i] : 0);
}

CK_CLONES static void round_floats(float *x, size_t count) {
  size_t i = 0;
  for (; i + CK_LANES <= count; i += CK_LANES) store(x + i, (f32)rounded(load(x + i)));
  for (; i < count; i++) {
    f32 one = splat(x[i]);
    one = (f32)rounded(one);
    x[i] = one[0];
  }
}

// MARK: Packing

// Strips of `width` rows of x, each strip (pairs, width), as `pack` makes them of floats. What is missing is 0.
CK_INLINE void pack_pairs(pair *out, const float *x, size_t xRow, size_t xInner, size_t rows, size_t inner,
                          size_t width, round_function *neighbours, round_function *together) {
  size_t pairs = (inner + 1) / 2, whole = rows / width * width;
  if (whole < rows) memset(out + whole * pairs, 0, pairs * width * sizeof(pair));
  pair some[4 * PASS_PAIRS];
  if (xInner == 1) {
    for (size_t k = 0; k < pairs; k += PASS_PAIRS) {
      size_t length = least(PASS_PAIRS, pairs - k), numbers = least(2 * PASS_PAIRS, inner - 2 * k);
      for (size_t row = 0; row < rows; row += 4) {
        size_t count = least(4, rows - row);
        pair *strip = out + row / width * width * pairs + k * width + row % width;
        for (size_t i = 0; i < count; i++) neighbours(some + i * length, x + (row + i) * xRow + 2 * k, NULL, numbers);
        if (count == 4) {
          pack_four((unit *)strip, (unit *)some, length, length, width);
        } else {
          for (size_t i = 0; i < count; i++)
            for (size_t p = 0; p < length; p++) strip[p * width + i] = some[i * length + p];
        }
      }
    }
    return;
  }
  for (size_t p = 0; p < pairs; p++)
    for (size_t start = 0; start < rows; start += STRETCH / width * width) {
      size_t end = least(rows, start + STRETCH / width * width), row = start;
      const float *even = x + 2 * p * xInner + start;
      together(some, even, 2 * p + 1 < inner ? even + xInner : NULL, end - start);
      for (; row + width <= end; row += width)
        memcpy(out + row * pairs + p * width, some + row - start, width * sizeof(pair));
      if (row < end) memcpy(out + row * pairs + p * width, some + row - start, (end - row) * sizeof(pair));
    }
}

// MARK: Tiles

// c (rows, width) = base (where given) + a·b, from strips a and b (pairs, width); `inner` is of numbers, not pairs.
typedef void tile_function(float *c, size_t cStride, const float *base, size_t baseStride, const void *a, const pair *b,
                           size_t inner);

#define finish_tile(s, rows, columns)                                                                                  \
  UNROLL for (int i = 0; i < (rows); i++)                                                                              \
    UNROLL for (int v = 0; v < (columns) / CK_LANES; v++) {                                                            \
      size_t lane = v * CK_LANES;                                                                                      \
      f32 sum_ = (f32)s[i][v];                                                                                         \
      store(c + i * cStride + lane, base ? load(base + i * baseStride + lane) + sum_ : sum_);                          \
    }

CK_INLINE void portable_tile(float *c, size_t cStride, const float *base, size_t baseStride, const unit *a,
                             const pair *b, size_t inner, int rows, int height, int width) {
  f32 s[TALL][WIDE / CK_LANES];
  UNROLL for (int i = 0; i < rows; i++)
    UNROLL for (int v = 0; v < width / CK_LANES; v++) s[i][v] = splat(0);
  for (size_t k = 0; k < inner; k += 2, a += 2 * height, b += width) {
    f32 row[WIDE / CK_LANES];
    UNROLL for (int v = 0; v < width / CK_LANES; v++) row[v] = (f32)(*(const u32 *)(b + v * CK_LANES) << 16);
    UNROLL for (int i = 0; i < rows; i++)
      UNROLL for (int v = 0; v < width / CK_LANES; v++) s[i][v] += splat(a[i]) * row[v];
    if (k + 1 == inner) break;
    UNROLL for (int v = 0; v < width / CK_LANES; v++) row[v] = (f32)(*(const u32 *)(b + v * CK_LANES) & 0xFFFF0000);
    UNROLL for (int i = 0; i < rows; i++)
      UNROLL for (int v = 0; v < width / CK_LANES; v++) s[i][v] += splat(a[height + i]) * row[v];
  }
  finish_tile(s, rows, width)
}

// Each number of rows is a body of its own, so that all sums stay in registers.
#define TILES(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6)
#define MORE_TILES(DO) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12)
#define TILE_ARGUMENTS                                                                                                 \
  float *c, size_t cStride, const float *base, size_t baseStride, const void *a, const pair *b, size_t inner

#pragma clang fp contract(fast)
#define NARROW_TILE(n)                                                                                                 \
  CK_CLONES static void narrow_tile_##n(TILE_ARGUMENTS) {                                                              \
    portable_tile(c, cStride, base, baseStride, a, b, inner, n, LOW, NARROW);                                          \
  }
#define WIDE_TILE(n)                                                                                                   \
  AVX512 static void wide_tile_##n(TILE_ARGUMENTS) {                                                                   \
    portable_tile(c, cStride, base, baseStride, a, b, inner, n, TALL, WIDE);                                           \
  }
TILES(NARROW_TILE)
#if defined(__x86_64__)
TILES(WIDE_TILE)
MORE_TILES(WIDE_TILE)
#endif

#define NAME_NARROW(n) narrow_tile_##n,
#define NAME_WIDE(n) wide_tile_##n,
static tile_function *const narrow_tiles[] = {NULL, TILES(NAME_NARROW)};
#if defined(__x86_64__)
static tile_function *const wide_tiles[] = {NULL, TILES(NAME_WIDE) MORE_TILES(NAME_WIDE)};

// MARK: AVX-512-BF16

#define BF16 __attribute__((target("arch=x86-64-v4,avx512bf16"), min_vector_width(512)))

BF16 static void round_neighbours_at_once(pair *out, const float *x, const float *odd, size_t count) {
  (void)odd;
  size_t i = 0;
  for (; 2 * i + 2 * CK_LANES <= count; i += CK_LANES)
    _mm512_storeu_si512(
        out + i, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(x + 2 * i + CK_LANES), _mm512_loadu_ps(x + 2 * i)));
  for (; 2 * i < count; i++) out[i] = round_one(x[2 * i], 2 * i + 1 < count ? x[2 * i + 1] : 0);
}

BF16 static void round_rows_at_once(pair *out, const float *even, const float *odd, size_t count) {
  size_t i = 0;
  for (; i + CK_LANES <= count; i += CK_LANES) {
    __m512i lower = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(even + i)));
    if (odd) {
      __m512i upper = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(odd + i)));
      lower = _mm512_or_si512(lower, _mm512_slli_epi32(upper, 16));
    }
    _mm512_storeu_si512(out + i, lower);
  }
  for (; i < count; i++) out[i] = round_one(even[i], odd ? odd[i] : 0);
}

BF16 CK_INLINE void dot_tile(float *c, size_t cStride, const float *base, size_t baseStride, const pair *a,
                             const pair *b, size_t inner, int rows) {
  __m512 s[TALL][2];
  UNROLL for (int i = 0; i < rows; i++) s[i][0] = s[i][1] = _mm512_setzero_ps();
  for (size_t k = 0; k < inner; k += 2, a += TALL, b += WIDE) {
    __m512bh first = (__m512bh)_mm512_loadu_si512(b), second = (__m512bh)_mm512_loadu_si512(b + CK_LANES);
    UNROLL for (int i = 0; i < rows; i++) {
      __m512bh element = (__m512bh)_mm512_set1_epi32((int)a[i]);
      s[i][0] = _mm512_dpbf16_ps(s[i][0], element, first);
      s[i][1] = _mm512_dpbf16_ps(s[i][1], element, second);
    }
  }
  finish_tile(s, rows, WIDE)
}

#define DOT_TILE(n)                                                                                                    \
  BF16 static void dot_tile_##n(TILE_ARGUMENTS) { dot_tile(c, cStride, base, baseStride, a, b, inner, n); }
TILES(DOT_TILE)
MORE_TILES(DOT_TILE)
#define NAME_DOT(n) dot_tile_##n,
static tile_function *const dot_tiles[] = {NULL, TILES(NAME_DOT) MORE_TILES(NAME_DOT)};
#endif

// MARK: Bodies

typedef struct {
  size_t height, width;
  tile_function *const *tiles;
  round_function *neighbours, *together;
  /// Strips of a are pairs too, not floats.
  int paired;
} product_body;

static const product_body bodies[] = {
    [CK_BODY_NARROW] = {LOW, NARROW, narrow_tiles, round_neighbours, round_rows, 0},
#if defined(__x86_64__)
    [CK_BODY_WIDE] = {TALL, WIDE, wide_tiles, round_neighbours, round_rows, 0},
    [CK_BODY_DOT] = {TALL, WIDE, dot_tiles, round_neighbours_at_once, round_rows_at_once, 1},
#endif
};

int ck_bf16_runs(int body) {
#if defined(__x86_64__)
  int wide = __builtin_cpu_supports("x86-64-v4");
  return body == CK_BODY_DOT ? wide && __builtin_cpu_supports("avx512bf16") : body != CK_BODY_WIDE || wide;
#else
  return body == CK_BODY_NARROW;
#endif
}

int ck_bf16_doubles(void) {
#if defined(__x86_64__)
  // Two products a lane in the time of one on Zen 4 and 5. On Intel's processors without AMX one such instruction takes
  // the time of four multiplications and additions of 32 bits.
  return ck_bf16_runs(CK_BODY_DOT) && !__builtin_cpu_is("intel");
#else
  return 0;
#endif
}

size_t ck_bf16_panel_width(int body) { return bodies[body].width; }

// A constant width for each kind of strip.
static void pack_pairs_of(const product_body *body, pair *out, const float *x, size_t xRow, size_t xInner, size_t rows,
                          size_t inner, size_t width) {
  switch (width) {
    case TALL: return pack_pairs(out, x, xRow, xInner, rows, inner, TALL, body->neighbours, body->together);
    case NARROW: return pack_pairs(out, x, xRow, xInner, rows, inner, NARROW, body->neighbours, body->together);
    default: return pack_pairs(out, x, xRow, xInner, rows, inner, WIDE, body->neighbours, body->together);
  }
}

CK_CLONES static void pack_floats(float *out, const float *x, size_t xRow, size_t xInner, size_t rows, size_t inner,
                                  size_t height) {
  if (height == LOW) {
    pack(out, x, xRow, xInner, rows, inner, LOW);
  } else {
    pack(out, x, xRow, xInner, rows, inner, TALL);
  }
  round_floats(out, (rows + height - 1) / height * height * inner);
}

void ck_bf16_pack_panels(uint32_t *panels, int body, const float *b, size_t bColumn, size_t bInner, size_t columns,
                         size_t inner) {
  pack_pairs_of(&bodies[body], panels, b, bColumn, bInner, columns, inner, bodies[body].width);
}

void ck_bf16_multiply(const ck_bf16_product *p, float *scratch) {
  const product_body *body = &bodies[p->body];
  size_t height = body->height, width = body->width, longest = body->paired ? PASS_PAIRS : PASS_PAIRS / 2;
  // Passes of equal length; which, depends on the inner dimension alone, and so does every sum's order.
  size_t allPairs = (p->inner + 1) / 2, passes = (allPairs + longest - 1) / longest;
  size_t length = (allPairs + passes - 1) / passes;
  float *aStrips = scratch;
  pair *bStrips = (pair *)scratch + (PASS_ROWS + TALL) * PASS_INNER;
  for (size_t i0 = 0; i0 < p->rows; i0 += PASS_ROWS) {
    size_t rows = least(PASS_ROWS, p->rows - i0);
    for (size_t p0 = 0; p0 < allPairs; p0 += length) {
      size_t pairs = least(length, allPairs - p0), inner = least(2 * pairs, p->inner - 2 * p0);
      // Later passes add to the first.
      const float *base = p0 ? p->c : p->base;
      size_t baseStride = p0 ? p->cStride : p->baseStride, aLength = body->paired ? pairs : inner;
      const float *a = p->a + i0 * p->aRow + 2 * p0 * p->aInner;
      if (body->paired) {
        pack_pairs_of(body, (pair *)aStrips, a, p->aRow, p->aInner, rows, inner, TALL);
      } else {
        pack_floats(aStrips, a, p->aRow, p->aInner, rows, inner, height);
      }
      for (size_t j0 = 0; j0 < p->columns; j0 += PASS_COLUMNS) {
        size_t columns = least(PASS_COLUMNS, p->columns - j0);
        if (!p->panels)
          pack_pairs_of(body, bStrips, p->b + j0 * p->bColumn + 2 * p0 * p->bInner, p->bColumn, p->bInner, columns,
                        inner, width);
        for (size_t i = 0; i < rows; i += height)
          for (size_t j = 0; j < columns; j += width) {
            const pair *b = p->panels ? p->panels + (j0 + j) * allPairs + p0 * width : bStrips + j * pairs;
            float *c = p->c + (i0 + i) * p->cStride + j0 + j;
            const float *from = base ? base + (i0 + i) * baseStride + j0 + j : NULL;
            size_t rowsHere = least(height, rows - i), columnsHere = least(width, columns - j);
            tile_function *tile = body->tiles[rowsHere];
            if (columnsHere == width) {
              tile(c, p->cStride, from, baseStride, aStrips + i * aLength, b, inner);
              continue;
            }
            float edge[TALL * WIDE];
            tile(edge, width, NULL, 0, aStrips + i * aLength, b, inner);
            for (size_t row = 0; row < rowsHere; row++)
              for (size_t column = 0; column < columnsHere; column++)
                c[row * p->cStride + column] =
                    (from ? from[row * baseStride + column] : 0) + edge[row * width + column];
          }
      }
    }
  }
}
