// Every function of CKernels at the sizes of a micro-batch of 480 tokens, against a plain loop and its bound, on one
// thread.
//
// The bound is the larger of bytes moved ÷ the rate of a plain vector loop over memory of the same size, and operations
// ÷ the processor's rate: a multiply-add, an addition or a comparison is one operation a lane.
//
// Prints a JSON list; times in microseconds.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

// Behind the system's headers, whose names its macros take.
#include "vectors.h"

#pragma clang fp contract(fast)

// The thread's own time, which other programs do not lengthen.
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

enum { FLOATS = 10 << 20, FILLED = 3 << 20, BUFFERS = 6 };
static float *buffer[BUFFERS];

// The least time of a few repetitions, in microseconds.
#define TIME(CALL)                                     \
  ({                                                   \
    double best_ = 1e9;                                \
    long calls_ = 1;                                   \
    for (int pass_ = 0; pass_ < 7; pass_++) {          \
      double start_ = now();                           \
      for (long c_ = 0; c_ < calls_; c_++) CALL;       \
      double took_ = now() - start_;                   \
      if (took_ / calls_ < best_) best_ = took_ / calls_; \
      if (pass_ == 0) calls_ = took_ > 4e-3 ? 1 : (long)(4e-3 / (took_ + 1e-7)) + 1; \
    }                                                  \
    best_ * 1e6;                                       \
  })

static volatile double sink;

// MARK: The machine

CK_CLONES static double chains(long rounds, float seed) {
  f32 s[12], a = splat(0.999f), b = splat(seed);
  for (int i = 0; i < 12; i++) s[i] = b + splat((float)i);
  for (long r = 0; r < rounds; r++)
    for (int i = 0; i < 12; i++) s[i] = s[i] * a + b;
  f32 total = {0};
  for (int i = 0; i < 12; i++) total += s[i];
  return sum(total);
}

// One array read and written, as most kernels do.
CK_CLONES static void stream(float *x, size_t count) {
  for (size_t i = 0; i < count; i += CK_LANES) store(x + i, load(x + i) + splat(1e-9f));
}

static double operations;  // a microsecond

static double streaming(double bytes) {
  size_t count = (size_t)(bytes / 8) / CK_LANES * CK_LANES;
  if (count < CK_LANES) count = CK_LANES;
  return TIME(stream(buffer[0], count));
}

static int printed;

static void report(const char *name, double plain, double ours, double bytes, double ops) {
  double memory = streaming(bytes), arithmetic = ops / operations;
  printf("%s{\"name\": \"%s\", \"plain\": %.3f, \"ours\": %.3f, \"bound\": %.3f, \"by\": \"%s\"}", printed++ ? ",\n " : "[",
         name, plain, ours, memory > arithmetic ? memory : arithmetic, memory > arithmetic ? "memory" : "arithmetic");
}

// MARK: Plain loops

static void plain_gelu(float *out, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = 0.5f * x[i] * (1 + erff(x[i] * 0.70710678f));
}
static void plain_gelu_backward(float *d, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++)
    d[i] *= 0.5f * (1 + erff(x[i] * 0.70710678f)) + x[i] * 0.39894228f * expf(-0.5f * x[i] * x[i]);
}
static void plain_gelu_new(float *out, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = 0.5f * x[i] * (1 + tanhf(0.79788456f * (x[i] + 0.044715f * x[i] * x[i] * x[i])));
}
static void plain_gelu_new_backward(float *d, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float t = tanhf(0.79788456f * (x[i] + 0.044715f * x[i] * x[i] * x[i]));
    d[i] *= 0.5f * (1 + t) + 0.5f * x[i] * (1 - t * t) * 0.79788456f * (1 + 3 * 0.044715f * x[i] * x[i]);
  }
}
static void plain_relu(float *out, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = x[i] > 0 ? x[i] : 0;
}
static void plain_relu_backward(float *d, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) d[i] *= x[i] > 0 ? 1 : 0;
}
static void plain_tanh(float *out, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] = tanhf(x[i]);
}
static void plain_tanh_backward(float *d, const float *y, size_t n) {
  for (size_t i = 0; i < n; i++) d[i] *= 1 - y[i] * y[i];
}
static void plain_add(float *out, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] += x[i];
}
static void plain_add_scaled(float *out, const float *x, float scale, size_t n) {
  for (size_t i = 0; i < n; i++) out[i] += scale * x[i];
}
static void plain_scale(float *x, float scale, size_t n) {
  for (size_t i = 0; i < n; i++) x[i] *= scale;
}
static void plain_column_sums(float *out, const float *x, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < columns; c++) out[c] += x[r * columns + c];
}
static double plain_sum_of_squares(const float *x, size_t n) {
  double s = 0;
  for (size_t i = 0; i < n; i++) s += (double)x[i] * x[i];
  return s;
}
static double plain_squared_error(const float *a, const float *b, float *d, float scale, size_t n) {
  double s = 0;
  for (size_t i = 0; i < n; i++) {
    float e = a[i] - b[i];
    s += (double)e * e;
    d[i] += scale * e;
  }
  return s;
}
static void plain_layer_norm(float *out, float *x, const float *residual, const float *gamma, const float *beta,
                             float *mean, float *rstd, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, x += columns, residual += columns, out += columns) {
    float mu = 0, square = 0;
    for (size_t c = 0; c < columns; c++) mu += x[c] += residual[c];
    mu /= columns;
    for (size_t c = 0; c < columns; c++) square += (x[c] - mu) * (x[c] - mu);
    float scale = 1 / sqrtf(square / columns + 1e-12f);
    for (size_t c = 0; c < columns; c++) out[c] = gamma[c] * (x[c] - mu) * scale + beta[c];
    mean[r] = mu, rstd[r] = scale;
  }
}
static void plain_layer_norm_backward(float *d, const float *x, const float *mean, const float *rstd,
                                      const float *gamma, float *dGamma, float *dBeta, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++, d += columns, x += columns) {
    float sumG = 0, sumGX = 0;
    for (size_t c = 0; c < columns; c++) {
      float hat = (x[c] - mean[r]) * rstd[r], g = d[c] * gamma[c];
      sumG += g, sumGX += g * hat;
      dGamma[c] += d[c] * hat, dBeta[c] += d[c];
    }
    for (size_t c = 0; c < columns; c++)
      d[c] = rstd[r] * (d[c] * gamma[c] - sumG / columns - (x[c] - mean[r]) * rstd[r] * sumGX / columns);
  }
}
static void plain_product(float *c, const float *a, const float *b, size_t rows, size_t columns, size_t inner,
                          size_t aStride, size_t stride, int transposed) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      float s = 0;
      for (size_t k = 0; k < inner; k++) s += (transposed ? a[k * aStride + i] : a[i * aStride + k]) * b[k * stride + j];
      c[i * stride + j] = s;
    }
}
static void plain_gather(float *out, size_t outStride, const float *x, size_t xStride, size_t rows, size_t columns) {
  for (size_t r = 0; r < rows; r++)
    for (size_t c = 0; c < outStride; c++) out[r * outStride + c] = c < columns ? x[r * xStride + c] : 0;
}
static void plain_transpose(float *out, size_t outStride, const float *x, size_t xStride, size_t rows, size_t columns) {
  for (size_t c = 0; c < columns; c++)
    for (size_t r = 0; r < outStride; r++) out[c * outStride + r] = r < rows ? x[r * xStride + c] : 0;
}
static void plain_softmax(float *p, const float *s, size_t rows, size_t n, size_t stride) {
  for (size_t r = 0; r < rows; r++, p += stride, s += stride) {
    float top = s[0], total = 0;
    for (size_t j = 1; j < n; j++) top = s[j] > top ? s[j] : top;
    for (size_t j = 0; j < n; j++) total += p[j] = expf(s[j] - top);
    for (size_t j = 0; j < n; j++) p[j] /= total;
  }
}
static void plain_softmax_backward(float *d, const float *p, float scale, size_t rows, size_t n, size_t stride) {
  for (size_t r = 0; r < rows; r++, d += stride, p += stride) {
    float dot = 0;
    for (size_t j = 0; j < n; j++) dot += d[j] * p[j];
    for (size_t j = 0; j < n; j++) d[j] = scale * p[j] * (d[j] - dot);
  }
}
static double plain_kl(const float *t, const float *s, float *d, float scale, size_t rows, size_t n, size_t stride) {
  double all = 0;
  for (size_t r = 0; r < rows; r++, t += stride, s += stride, d += stride) {
    float topT = t[0], topS = s[0], sumT = 0, sumS = 0;
    for (size_t j = 1; j < n; j++) topT = fmaxf(topT, t[j]), topS = fmaxf(topS, s[j]);
    for (size_t j = 0; j < n; j++) sumT += expf(t[j] - topT), sumS += expf(s[j] - topS);
    float logT = topT + logf(sumT), logS = topS + logf(sumS);
    for (size_t j = 0; j < n; j++) {
      float p = expf(t[j] - logT), q = expf(s[j] - logS);
      all += p * ((t[j] - logT) - (s[j] - logS));
      d[j] += scale * (q - p);
    }
  }
  return all;
}
static void plain_dropout(float *x, size_t n, float rate, uint32_t seed) {
  uint32_t threshold = (uint32_t)(rate * 65536);
  uint64_t state = seed;
  for (size_t i = 0; i < n; i++) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    x[i] = (state >> 48) < threshold ? 0 : x[i] / (1 - rate);
  }
}
static void plain_multiply(float *c, const float *a, const float *b, size_t rows, size_t columns, size_t inner) {
  for (size_t i = 0; i < rows; i++) {
    for (size_t j = 0; j < columns; j++) c[i * columns + j] = 0;
    for (size_t k = 0; k < inner; k++)
      for (size_t j = 0; j < columns; j++) c[i * columns + j] += a[i * inner + k] * b[k * columns + j];
  }
}

// b as a weight (columns, inner), packed beforehand or not.
static void our_product(float *c, const float *a, const float *b, const float *panels, float *scratch, size_t rows,
                        size_t columns, size_t inner) {
  ck_product p = {c, columns, NULL, 0, a, inner, 1, b, 1, inner, panels, rows, columns, inner, ck_panel_width(SIZE_MAX)};
  ck_multiply(&p, scratch);
}

static void plain_adamw(float *w, const float *g, float *m, float *v, ck_adamw a, size_t n) {
  for (size_t i = 0; i < n; i++) {
    float gradient = g[i] * a.gradientScale;
    m[i] = m[i] + (gradient - m[i]) * a.rest1;
    v[i] = v[i] * a.beta2 + gradient * gradient * a.rest2;
    w[i] = w[i] * a.decay - a.stepSize * (m[i] / (sqrtf(v[i]) / a.correction + a.eps));
  }
}

static void plain_half(uint16_t *out, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    _Float16 half = (_Float16)x[i];
    memcpy(out + i, &half, sizeof half);
  }
}

static void plain_from_half(float *out, const uint16_t *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    _Float16 half;
    memcpy(&half, x + i, sizeof half);
    out[i] = half;
  }
}

static void plain_bfloat16(uint16_t *out, const float *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    out[i] = x[i] != x[i] ? bits >> 16 | 64 : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
  }
}

static void plain_from_bfloat16(float *out, const uint16_t *x, size_t n) {
  for (size_t i = 0; i < n; i++) {
    uint32_t bits = (uint32_t)x[i] << 16;
    memcpy(out + i, &bits, sizeof bits);
  }
}

// Fresh numbers of a normal size in every buffer.
static void refill(float least) {
  uint32_t state = 1;
  for (int b = 0; b < BUFFERS; b++)
    for (size_t i = 0; i < FILLED; i++) {
      state = state * 1664525u + 1013904223u;
      buffer[b][i] = (float)(state >> 8) / (1 << 24) * (1 - least) + least;
    }
}

// Both calls on fresh numbers, so that neither works on what the other left.
#define COMPARE_FROM(LEAST, NAME, PLAIN, OURS, BYTES, OPS) \
  ({                                                       \
    refill(LEAST);                                         \
    double plain_ = TIME(PLAIN);                           \
    refill(LEAST);                                         \
    double ours_ = TIME(OURS);                             \
    report(NAME, plain_, ours_, (BYTES), (OPS));           \
  })
#define COMPARE(...) COMPARE_FROM(-1, __VA_ARGS__)

int main(void) {
  ck_flush_denormals();
  for (int b = 0; b < BUFFERS; b++) buffer[b] = aligned_alloc(64, FLOATS * sizeof(float));
  for (int b = 0; b < BUFFERS; b++) memset(buffer[b], 0, FLOATS * sizeof(float));
  operations = 20000 * 12 * 16 / TIME(sink = chains(20000, 1e-3f));
  float *a = buffer[1], *b = buffer[2], *c = buffer[3], *d = buffer[4], *e = buffer[5];
  enum { TOKENS = 480, WIDTH = 768, INNER = 3072, STUDENT = 312, HEADS = 12, LENGTH = 30, TILE = 32, HEAD = 64 };
  const size_t inner = (size_t)TOKENS * INNER, wide = (size_t)TOKENS * WIDTH;
  if (ck_panel_width(SIZE_MAX)) {
    const double multiplies = (double)TOKENS * INNER * WIDTH, bytes = 4.0 * (wide + inner + (double)INNER * WIDTH);
    float *panels = d, *scratch = e;
    refill(-1);
    ck_pack_panels(panels, ck_panel_width(SIZE_MAX), b, WIDTH, 1, INNER, WIDTH);
    double plain = TIME(plain_multiply(c, a, b, TOKENS, INNER, WIDTH));
    report("multiply 480x3072x768, packed", plain, TIME(our_product(c, a, b, panels, scratch, TOKENS, INNER, WIDTH)),
           bytes, multiplies);
    report("multiply 480x3072x768", plain, TIME(our_product(c, a, b, NULL, scratch, TOKENS, INNER, WIDTH)), bytes,
           multiplies);
  }
  // Operations of the shortest known way: an exponential of single precision takes about 12, a division about 4.
  COMPARE("gelu 480x3072", plain_gelu(a, b, inner), ck_gelu(a, b, inner), 8.0 * inner, 34.0 * inner);
  COMPARE("gelu_backward 480x3072", plain_gelu_backward(a, b, inner), ck_gelu_backward(a, b, inner), 12.0 * inner, 37.0 * inner);
  COMPARE("gelu_new 480x3072", plain_gelu_new(a, b, inner), ck_gelu_new(a, b, inner), 8.0 * inner, 21.0 * inner);
  COMPARE("gelu_new_backward 480x3072", plain_gelu_new_backward(a, b, inner), ck_gelu_new_backward(a, b, inner), 12.0 * inner, 28.0 * inner);
  COMPARE("relu 480x3072", plain_relu(a, b, inner), ck_relu(a, b, inner), 8.0 * inner, 1.0 * inner);
  COMPARE("relu_backward 480x3072", plain_relu_backward(a, b, inner), ck_relu_backward(a, b, inner), 12.0 * inner, 2.0 * inner);
  COMPARE("tanh 32x768", plain_tanh(a, b, 32 * WIDTH), ck_tanh(a, b, 32 * WIDTH), 8.0 * 32 * WIDTH, 19.0 * 32 * WIDTH);
  COMPARE("tanh_backward 32x768", plain_tanh_backward(a, b, 32 * WIDTH), ck_tanh_backward(a, b, 32 * WIDTH), 12.0 * 32 * WIDTH, 2.0 * 32 * WIDTH);
  COMPARE("add 480x768", plain_add(a, b, wide), ck_add(a, b, wide), 12.0 * wide, 1.0 * wide);
  COMPARE("add_scaled 480x768", plain_add_scaled(a, b, 1e-6f, wide), ck_add_scaled(a, b, 1e-6f, wide), 12.0 * wide, 1.0 * wide);
  COMPARE("scale 480x768", plain_scale(a, 0.99999f, wide), ck_scale(a, 0.99999f, wide), 8.0 * wide, 1.0 * wide);
  COMPARE("add_column_sums 480x3072", plain_column_sums(a, b, TOKENS, INNER), ck_add_column_sums(a, b, TOKENS, INNER, INNER), 4.0 * inner, 1.0 * inner);
  COMPARE("sum_of_squares 262144", sink = plain_sum_of_squares(a, 1 << 18), sink = ck_sum_of_squares(a, 1 << 18), 4.0 * (1 << 18), 3.0 * (1 << 18));
  COMPARE("squared_error 480x768", sink = plain_squared_error(a, b, c, 1e-6f, wide), sink = ck_squared_error(a, b, c, 1e-6f, wide), 16.0 * wide, 5.0 * wide);
  COMPARE("layer_norm 480x768", plain_layer_norm(a, b, c, d, d + WIDTH, e, e + TOKENS, TOKENS, WIDTH),
          ck_layer_norm(a, b, c, d, d + WIDTH, 1e-12f, e, e + TOKENS, TOKENS, WIDTH), 16.0 * wide, 6.0 * wide);
  COMPARE("layer_norm_backward 480x312", plain_layer_norm_backward(a, b, c, c + TOKENS, d, e, e + 1024, TOKENS, STUDENT),
          ck_layer_norm_backward(a, b, c, c + TOKENS, d, e, e + 1024, TOKENS, STUDENT), 12.0 * TOKENS * STUDENT, 12.0 * TOKENS * STUDENT);
  // Attention: one head of a sentence of 30 tokens.
  const double cells = LENGTH * TILE;
  COMPARE("tile_product 30x32x64 (QK^T)", plain_product(a, b, c, LENGTH, LENGTH, HEAD, WIDTH, TILE, 0),
          ck_tile_product(a, TILE, b, WIDTH, 1, c, TILE, LENGTH, TILE, HEAD, 1, 0), 4 * (LENGTH * HEAD * 2 + cells), LENGTH * LENGTH * HEAD);
  COMPARE("tile_product 30x64x30 (PV)", plain_product(a, b, c, LENGTH, HEAD, LENGTH, TILE, HEAD, 0),
          ck_tile_product(a, HEAD, b, TILE, 1, c, HEAD, LENGTH, HEAD, LENGTH, 1, 0), 4 * (LENGTH * HEAD * 2 + cells), LENGTH * LENGTH * HEAD);
  COMPARE("tile_product 30x32x26 (student QK^T)", plain_product(a, b, c, LENGTH, LENGTH, 26, STUDENT, TILE, 0),
          ck_tile_product(a, TILE, b, STUDENT, 1, c, TILE, LENGTH, TILE, 26, 1, 0), 4 * (LENGTH * 26 * 2 + cells), LENGTH * LENGTH * 26);
  COMPARE("tile_product 30x32x30 (student P^T dO)", plain_product(a, b, c, LENGTH, 26, LENGTH, TILE, TILE, 1),
          ck_tile_product(a, TILE, b, 1, TILE, c, TILE, LENGTH, TILE, LENGTH, 1, 0), 4 * (LENGTH * 26 * 2 + cells), LENGTH * LENGTH * 26);
  COMPARE("gather_tile 30x26", plain_gather(a, TILE, b, STUDENT, LENGTH, 26), ck_gather_tile(a, TILE, b, STUDENT, LENGTH, 26), 8 * cells, cells);
  COMPARE("transpose_tile 30x26", plain_transpose(a, TILE, b, STUDENT, LENGTH, 26), ck_transpose_tile(a, TILE, b, STUDENT, LENGTH, 26), 8 * cells, cells);
  COMPARE("transpose_tile 30x64", plain_transpose(a, TILE, b, WIDTH, LENGTH, HEAD), ck_transpose_tile(a, TILE, b, WIDTH, LENGTH, HEAD), 8 * TILE * HEAD, TILE * HEAD);
  COMPARE("softmax 30x30", plain_softmax(a, b, LENGTH, LENGTH, TILE), ck_softmax(a, b, LENGTH, LENGTH, TILE), 8 * cells, 16 * cells);
  COMPARE("softmax_backward 30x30", plain_softmax_backward(a, b, 1, LENGTH, LENGTH, TILE), ck_softmax_backward(a, b, 1, LENGTH, LENGTH, TILE), 12 * cells, 3 * cells);
  COMPARE("kl_divergence 30x30", sink = plain_kl(a, b, c, 1e-6f, LENGTH, LENGTH, TILE),
          sink = ck_kl_divergence(a, b, c, 1e-6f, LENGTH, LENGTH, TILE), 16 * cells, 40 * cells);
  COMPARE("dropout 30x312", plain_dropout(a, LENGTH * STUDENT, 0.1f, 7), ck_dropout(a, LENGTH * STUDENT, 0.1f, (ck_dropout_key){7, 1, 2, 3}),
          8.0 * LENGTH * STUDENT, 12.0 * LENGTH * STUDENT);
  uint16_t *narrow = (uint16_t *)b;
  COMPARE("half_from_float 480x768", plain_half(narrow, a, wide), ck_half_from_float(narrow, a, wide), 6.0 * wide, 4.0 * wide);
  COMPARE("float_from_half 480x768", plain_from_half(a, narrow, wide), ck_float_from_half(a, narrow, wide), 6.0 * wide, 1.0 * wide);
  COMPARE("bfloat16_from_float 480x768", plain_bfloat16(narrow, a, wide), ck_bfloat16_from_float(narrow, a, wide), 6.0 * wide, 8.0 * wide);
  COMPARE("float_from_bfloat16 480x768", plain_from_bfloat16(a, narrow, wide), ck_float_from_bfloat16(a, narrow, wide), 6.0 * wide, 1.0 * wide);
  ck_adamw settings = {1, 0.1f, 0.999f, 0.001f, 1, 1e-6f, 1, 1e-8f};
  // Second moments are positive.
  COMPARE_FROM(0.01f, "adamw 2.6M", plain_adamw(a, b, c, d, settings, 5 << 19), ck_adamw_step(a, b, c, d, settings, 5 << 19),
          28.0 * (5 << 19), 20.0 * (5 << 19));
  puts("]");
}
