#include "vectors.h"

CK_INLINE void multiply(const u32 *x, uint32_t m, u32 *high, u32 *low) {
  u64 product = __builtin_convertvector(*x, u64) * (uint64_t)m;
  *low = __builtin_convertvector(product, u32);
  *high = __builtin_convertvector(product >> 32, u32);
}

// Philox4x32-10 on sixteen counters at once: counter (block, site, sample, part), key (seed, step).
CK_INLINE void philox(u32 out[4], const u32 *block, ck_dropout_key key) {
  u32 zero = {0};
  u32 c0 = *block, c1 = zero + key.site, c2 = zero + key.sample, c3 = zero + key.part;
  uint32_t k0 = key.seed, k1 = key.step;
  for (int round = 0; round < 10; round++) {
    u32 high0, low0, high1, low1;
    multiply(&c0, 0xD2511F53u, &high0, &low0);
    multiply(&c2, 0xCD9E8D57u, &high1, &low1);
    c0 = high1 ^ c1 ^ k0;
    c2 = high0 ^ c3 ^ k1;
    c1 = low1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

CK_CLONES void ck_dropout(float *x, size_t count, float rate, ck_dropout_key key) {
  uint32_t limit = (uint32_t)(rate * 65536.0f + 0.5f);
  if (limit == 0) return;
  f32 scale = splat(limit >= 65536 ? 0.0f : 65536.0f / (float)(65536 - limit));
  u32 lane;
  for (int i = 0; i < CK_LANES; i++) lane[i] = (uint32_t)i;
  // Sixteen counters give 8 × 16 numbers of 16 bits: element 32·word + 16·half + lane of each group of 128.
  for (size_t start = 0, group = 0; start < count; start += 8 * CK_LANES, group++) {
    u32 words[4];
    u32 block = lane + (uint32_t)(group * CK_LANES);
    philox(words, &block, key);
    for (int part = 0; part < 8; part++) {
      size_t i = start + (size_t)part * CK_LANES;
      if (i >= count) break;
      u32 bits = part % 2 ? words[part / 2] >> 16 : words[part / 2] & 0xFFFF;
      i32 keep = bits >= limit;
      if (i + CK_LANES <= count) {
        store(x + i, select(keep, load(x + i) * scale, splat(0)));
      } else {
        store_some(x + i, select(keep, load_some(x + i, count - i, 0) * scale, splat(0)), count - i);
      }
    }
  }
}
