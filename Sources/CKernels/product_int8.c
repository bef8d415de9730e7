// Matrix product of 8-bit integers, for weights that are only read. A column of b (an output channel) has a scale, its
// numbers are −127…127; a row of a has a scale and a zero point, its numbers are 0…255. Sums of integers are exact, so
// all bodies give the same bits.
//
// Four neighbours along the inner dimension make a quad, which fills 32 bits, the first the lowest. A panel is (quads,
// width) of these, then its columns' scales and the sums of their numbers.
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Behind the system's headers, whose names its macros take.
#include "strips.h"

// What all instruction sets round alike.
#pragma clang fp contract(off)

typedef uint32_t quad;

// Products of a pass are summed as floats without rounding: 512·255·127 < 2²⁴.
enum { EXACT_PASS = 512, QUANTIZED = 1536 };

// MARK: Quantisation

typedef struct {
  float scale, inverse, zero;
} row_scale;

// x ≈ scale·(q − zero), q from 0 to 255, where a zero of x stays one. A row that is not finite has no finite scale.
CK_CLONES static void scale_row(row_scale *out, const float *x, size_t count) {
  f32 low = {0}, high = {0}, bad = {0};
  for (size_t i = 0; i < count; i += CK_LANES) {
    f32 v = load_some(x + i, lanes_left(i, count), 0);
    low = select(v < low, v, low);
    high = larger(v, high);
    bad += v * splat(0);
  }
  f32 negated = -low;
  float least_ = -largest(negated), range = largest(high) - least_;
  out->inverse = range > 0 ? 255 / range : 0;
  out->zero = range > 0 ? __builtin_rintf(-least_ * out->inverse) : 0;
  out->scale = range / 255 + sum(bad);
}

// Adding 2^23 leaves the nearest integer in the low bits, ties to even.
#define quantized(x, s)                                                                                                \
  ({                                                                                                                   \
    f32 v_ = (x)*splat((s)->inverse) + splat((s)->zero);                                                               \
    v_ = select(v_ > splat(0), v_, splat(0));                                                                          \
    v_ = select(v_ < splat(255), v_, splat(255));                                                                      \
    v_ + splat(8388608.0f);                                                                                            \
  })

CK_CLONES static void quantize_row(uint8_t *out, const float *x, size_t count, const row_scale *scale) {
  typedef uint8_t u8 __attribute__((vector_size(16), aligned(1), may_alias));
  for (size_t i = 0; i < count; i += CK_LANES) {
    u32 q = (u32)quantized(load_some(x + i, lanes_left(i, count), 0), scale) & 255;
    *(u8 *)(out + i) = __builtin_convertvector(q, u8);
  }
}

// The same numbers as floats.
CK_CLONES static void quantize_row_to_floats(float *out, const float *x, size_t count, const row_scale *scale) {
  for (size_t i = 0; i < count; i += CK_LANES)
    store(out + i, quantized(load_some(x + i, lanes_left(i, count), 0), scale) - splat(8388608.0f));
}

// One column of b: its scale, and the sum of its numbers.
CK_CLONES static void quantize_column(int8_t *out, float *scale, int32_t *total, const float *x, size_t count) {
  float top = 0, bad = 0;
  for (size_t i = 0; i < count; i++) {
    float size = __builtin_fabsf(x[i]);
    top = size > top ? size : top;
    bad += x[i] * 0;
  }
  float inverse = top > 0 ? 127 / top : 0;
  *scale = top / 127 + bad;
  *total = 0;
  for (size_t i = 0; i < count; i++) {
    // A number that is not finite makes the scale so; its own is of no use.
    float q = __builtin_rintf(x[i] * inverse);
    out[i] = q > 127 ? 127 : q > -127 ? (int8_t)q : -127;
    *total += out[i];
  }
}

// MARK: Packing

// Strips of rows of a: quads, or as many floats. What is missing is 0.
static void pack_quads(quad *out, row_scale *scales, const float *x, size_t stride, size_t rows, size_t inner,
                       size_t height) {
  _Alignas(64) uint8_t some[4 * QUANTIZED + 64];
  size_t quads = (inner + 3) / 4, whole = rows / height * height;
  if (whole < rows) memset(out + whole * quads, 0, quads * height * sizeof(quad));
  for (size_t i = 0; i < rows; i++) scale_row(&scales[i], x + i * stride, inner);
  for (size_t row = 0; row < rows; row += 4) {
    size_t count = least(4, rows - row);
    for (size_t k = 0; k < inner; k += QUANTIZED) {
      size_t numbers = least(QUANTIZED, inner - k), length = (numbers + 3) / 4;
      for (size_t i = 0; i < count; i++) {
        quantize_row(some + i * 4 * length, x + (row + i) * stride + k, numbers, &scales[row + i]);
        memset(some + i * 4 * length + numbers, 0, 4 * length - numbers);
      }
      quad *strip = out + row / height * height * quads + k / 4 * height + row % height;
      if (count == 4) {
        pack_four((unit *)strip, (unit *)some, length, length, height);
      } else {
        for (size_t i = 0; i < count; i++)
          for (size_t q = 0; q < length; q++) memcpy(strip + q * height + i, some + 4 * (i * length + q), sizeof(quad));
      }
    }
  }
}

CK_CLONES static void pack_numbers(float *out, row_scale *scales, const float *x, size_t stride, size_t rows,
                                   size_t inner, size_t height) {
  float some[4 * QUANTIZED + CK_LANES];
  size_t length = (inner + 3) / 4 * 4, strips = (rows + height - 1) / height, whole = rows / height * height;
  if (whole < rows) memset(out + whole * length, 0, length * height * sizeof(float));
  for (size_t i = 0; i < strips; i++)
    memset(out + (i * length + inner) * height, 0, (length - inner) * height * sizeof(float));
  for (size_t i = 0; i < rows; i++) scale_row(&scales[i], x + i * stride, inner);
  for (size_t row = 0; row < rows; row++) {
    // Strips of six rows have groups of four that two strips share.
    size_t count = row % height + 4 <= height && row + 4 <= rows ? 4 : 1;
    for (size_t k = 0; k < inner; k += QUANTIZED) {
      size_t numbers = least(QUANTIZED, inner - k);
      float *strip = out + row / height * height * length + k * height + row % height;
      for (size_t i = 0; i < count; i++)
        quantize_row_to_floats(some + i * numbers, x + (row + i) * stride + k, numbers, &scales[row + i]);
      if (count == 4) {
        pack_four(strip, some, numbers, numbers, height);
      } else {
        for (size_t i = 0; i < numbers; i++) strip[i * height] = some[i];
      }
    }
    row += count - 1;
  }
}

// MARK: Tiles

// s (rows, width) = a·b of integers, from strips of a and a panel of b.
typedef void tile_function(int32_t *s, const void *a, const quad *b, size_t inner);

CK_INLINE void portable_tile(int32_t *out, const unit *a, const quad *b, size_t inner, int rows, int height,
                             int width) {
  for (size_t first = 0; first < inner; first += EXACT_PASS) {
    size_t end = least(inner, first + EXACT_PASS);
    f32 s[TALL][WIDE / CK_LANES];
    UNROLL for (int i = 0; i < rows; i++)
      UNROLL for (int v = 0; v < width / CK_LANES; v++) s[i][v] = splat(0);
    for (size_t k = first; k < end; k += 4, a += 4 * height, b += width)
      UNROLL for (int place = 0; place < 4; place++) {
        f32 row[WIDE / CK_LANES];
        UNROLL for (int v = 0; v < width / CK_LANES; v++)
          row[v] = __builtin_convertvector((*(const i32 *)(b + v * CK_LANES) << (24 - 8 * place)) >> 24, f32);
        UNROLL for (int i = 0; i < rows; i++)
          UNROLL for (int v = 0; v < width / CK_LANES; v++) s[i][v] += splat(a[place * height + i]) * row[v];
      }
    UNROLL for (int i = 0; i < rows; i++)
      UNROLL for (int v = 0; v < width / CK_LANES; v++) {
        i32 *place = (i32 *)(out + i * width + v * CK_LANES);
        i32 part = __builtin_convertvector(s[i][v], i32);
        *place = first ? *place + part : part;
      }
  }
}

// Each number of rows is a body of its own, so that all sums stay in registers.
#define TILES(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6)
#define MORE_TILES(DO) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12)

// Exact, so fused or not.
#pragma clang fp contract(fast)
#define NARROW_TILE(n)                                                                                                 \
  CK_CLONES static void narrow_tile_##n(int32_t *s, const void *a, const quad *b, size_t inner) {                      \
    portable_tile(s, a, b, inner, n, LOW, NARROW);                                                                     \
  }
#define WIDE_TILE(n)                                                                                                   \
  AVX512 static void wide_tile_##n(int32_t *s, const void *a, const quad *b, size_t inner) {                           \
    portable_tile(s, a, b, inner, n, TALL, WIDE);                                                                      \
  }
TILES(NARROW_TILE)
#define NAME_NARROW(n) narrow_tile_##n,
static tile_function *const narrow_tiles[] = {NULL, TILES(NAME_NARROW)};

#if defined(__x86_64__)
TILES(WIDE_TILE)
MORE_TILES(WIDE_TILE)
#define NAME_WIDE(n) wide_tile_##n,
static tile_function *const wide_tiles[] = {NULL, TILES(NAME_WIDE) MORE_TILES(NAME_WIDE)};

#define VNNI __attribute__((target("arch=x86-64-v4,avx512vnni"), min_vector_width(512)))

VNNI CK_INLINE void dot_tile(int32_t *out, const quad *a, const quad *b, size_t inner, int rows) {
  __m512i s[TALL][2];
  UNROLL for (int i = 0; i < rows; i++) s[i][0] = s[i][1] = _mm512_setzero_si512();
  for (size_t k = 0; k < inner; k += 4, a += TALL, b += WIDE) {
    __m512i first = _mm512_loadu_si512(b), second = _mm512_loadu_si512(b + CK_LANES);
    UNROLL for (int i = 0; i < rows; i++) {
      __m512i element = _mm512_set1_epi32((int)a[i]);
      s[i][0] = _mm512_dpbusd_epi32(s[i][0], element, first);
      s[i][1] = _mm512_dpbusd_epi32(s[i][1], element, second);
    }
  }
  UNROLL for (int i = 0; i < rows; i++) {
    _mm512_storeu_si512(out + i * WIDE, s[i][0]);
    _mm512_storeu_si512(out + i * WIDE + CK_LANES, s[i][1]);
  }
}

#define DOT_TILE(n)                                                                                                    \
  VNNI static void dot_tile_##n(int32_t *s, const void *a, const quad *b, size_t inner) {                              \
    dot_tile(s, a, b, inner, n);                                                                                       \
  }
TILES(DOT_TILE)
MORE_TILES(DOT_TILE)
#define NAME_DOT(n) dot_tile_##n,
static tile_function *const dot_tiles[] = {NULL, TILES(NAME_DOT) MORE_TILES(NAME_DOT)};
#endif

#pragma clang fp contract(off)
// c[j] = base[j] + scale·scales[j]·(s[j] − zero·totals[j]), j up to `columns`.
CK_CLONES static void finish_row(float *c, const float *base, const int32_t *s, const float *scales,
                                 const int32_t *totals, const row_scale *row, size_t columns) {
  int32_t zero = (int32_t)row->zero;
  for (size_t j = 0; j < columns; j += CK_LANES) {
    size_t count = lanes_left(j, columns);
    i32 sums = *(const i32 *)(s + j) - *(const i32 *)(totals + j) * zero;
    f32 value = __builtin_convertvector(sums, f32) * splat(row->scale) * load(scales + j);
    if (base) value = load_some(base + j, count, 0) + value;
    store_some(c + j, value, count);
  }
}

// MARK: Bodies

typedef struct {
  size_t height, width;
  tile_function *const *tiles;
  /// Strips of a are quads, not floats.
  int quads;
} product_body;

static const product_body bodies[] = {
    [CK_BODY_NARROW] = {LOW, NARROW, narrow_tiles, 0},
#if defined(__x86_64__)
    [CK_BODY_WIDE] = {TALL, WIDE, wide_tiles, 0},
    [CK_BODY_DOT] = {TALL, WIDE, dot_tiles, 1},
#endif
};

int ck_int8_runs(int body) {
#if defined(__x86_64__)
  int wide = __builtin_cpu_supports("x86-64-v4");
  return body == CK_BODY_DOT ? wide && __builtin_cpu_supports("avx512vnni") : body != CK_BODY_WIDE || wide;
#else
  return body == CK_BODY_NARROW;
#endif
}

size_t ck_int8_panel_width(int body) { return bodies[body].width; }

size_t ck_int8_panel_length(int body, size_t inner) { return ((inner + 3) / 4 + 2) * bodies[body].width; }

void ck_int8_pack_panels(uint32_t *panels, int body, const float *b, size_t bColumn, size_t columns, size_t inner) {
  size_t width = bodies[body].width, quads = (inner + 3) / 4, length = ck_int8_panel_length(body, inner);
  for (size_t first = 0; first < columns; first += width, panels += length) {
    memset(panels, 0, length * sizeof(quad));
    for (size_t j = 0; j < least(width, columns - first); j++) {
      int8_t numbers[CK_INT8_LONGEST + 4];
      float scale;
      int32_t total;
      quantize_column(numbers, &scale, &total, b + (first + j) * bColumn, inner);
      memset(numbers + inner, 0, 4);
      for (size_t q = 0; q < quads; q++) memcpy(panels + q * width + j, numbers + 4 * q, sizeof(quad));
      memcpy(panels + quads * width + j, &scale, sizeof scale);
      memcpy(panels + (quads + 1) * width + j, &total, sizeof total);
    }
  }
}

void ck_int8_multiply(const ck_int8_product *p, float *scratch) {
  const product_body *body = &bodies[p->body];
  size_t height = body->height, width = body->width, quads = (p->inner + 3) / 4;
  size_t panel = ck_int8_panel_length(p->body, p->inner), aLength = body->quads ? quads : 4 * quads;
  // As many rows as the scratch has room for.
  size_t most = least(PASS_ROWS, PASS_ROWS * PASS_INNER / aLength / height * height);
  row_scale scales[PASS_ROWS];
  for (size_t i0 = 0; i0 < p->rows; i0 += most) {
    size_t rows = least(most, p->rows - i0);
    if (body->quads) {
      pack_quads((quad *)scratch, scales, p->a + i0 * p->aStride, p->aStride, rows, p->inner, height);
    } else {
      pack_numbers(scratch, scales, p->a + i0 * p->aStride, p->aStride, rows, p->inner, height);
    }
    for (size_t j0 = 0; j0 < p->columns; j0 += PASS_COLUMNS)
      for (size_t i = 0; i < rows; i += height)
        for (size_t j = j0; j < least(p->columns, j0 + PASS_COLUMNS); j += width) {
          const quad *b = p->panels + j / width * panel;
          size_t rowsHere = least(height, rows - i);
          _Alignas(64) int32_t s[TALL * WIDE];
          body->tiles[rowsHere](s, scratch + i * aLength, b, p->inner);
          for (size_t row = 0; row < rowsHere; row++) {
            size_t at = i0 + i + row;
            finish_row(p->c + at * p->cStride + j, p->base ? p->base + at * p->baseStride + j : NULL, s + row * width,
                       (const float *)b + quads * width, (const int32_t *)b + (quads + 1) * width, &scales[i + row],
                       least(width, p->columns - j));
          }
        }
  }
}
