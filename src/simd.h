/* One SIMD vocabulary for every kernel: GCC/Clang vector types as wide as the target allows.
 *
 * `real` is float, or double with -DFASTDL_DOUBLE. `vec` holds VEC_LANES of them. Loads and stores
 * need no alignment.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif
#include "registers.h"

#ifdef FASTDL_DOUBLE
typedef double real;
typedef int64_t bits;
#define VEC_SUFFIX _pd
#else
typedef float real;
typedef int32_t bits;
#define VEC_SUFFIX _ps
#endif

typedef real vec __attribute__((vector_size(VEC_BYTES), may_alias));
typedef bits vec_bits __attribute__((vector_size(VEC_BYTES), may_alias));
typedef real vec_unaligned
    __attribute__((vector_size(VEC_BYTES), aligned(sizeof(real)), may_alias));

/* `cdef inline` must mean it: a tile whose constant bounds do not reach the compiler is ten
 * times slower, and what the compiler inlines on its own judgement changes with its version and
 * flags. */
#ifdef CYTHON_INLINE
#undef CYTHON_INLINE
#define CYTHON_INLINE inline __attribute__((always_inline, unused))
#endif

#define INLINE static inline __attribute__((always_inline, unused))

INLINE vec vec_load(const real *p) { return *(const vec_unaligned *)p; }
INLINE void vec_store(real *p, vec v) { *(vec_unaligned *)p = v; }
INLINE vec vec_set1(real a) { return a - (vec){0}; }
/* Of as many bytes, as numbers. */
typedef uint8_t vec_bytes __attribute__((vector_size(VEC_LANES), aligned(1), may_alias));
INLINE vec vec_of_bytes(const uint8_t *p) {
    return __builtin_convertvector(*(const vec_bytes *)p, vec);
}
INLINE vec vec_fma(vec acc, real x, vec w) {
#if defined(__aarch64__) && defined(FASTDL_DOUBLE)
    __asm__("fmla %0.2d, %1.2d, %2.d[0]" : "+w"(acc) : "w"(w), "w"(x));
    return acc;
#elif defined(__aarch64__)
    /* Told as a * b + c, x would be spread over a register of its own, and a tile's accumulators
     * have left none. */
    __asm__("fmla %0.4s, %1.4s, %2.s[0]" : "+w"(acc) : "w"(w), "w"(x));
    return acc;
#else
    return acc + x * w;
#endif
}

/* Keeps v in a register: the compiler would rather load it again for each use, and loads that
 * cross a cache line cost two. */
INLINE vec vec_keep(vec v) {
#if defined(__x86_64__)
    __asm__("" : "+v"(v));
#elif defined(__aarch64__)
    __asm__("" : "+w"(v));
#endif
    return v;
}

/* n, of which the compiler knows nothing before here: it computes no addresses ahead of a loop
 * that has no registers to spare. */
INLINE ptrdiff_t not_before(ptrdiff_t n) {
    __asm__ volatile("" : "+r"(n));
    return n;
}

#define LINE (64 / sizeof(real)) /* numbers on a line of the caches */
/* Into the cache behind the nearest one. gcc leaves out calls of functions that do nothing else. */
INLINE void prefetch_to_read(const real *p) {
    __asm__ volatile("" : : "r"(p));
    __builtin_prefetch(p, 0, 2);
}
INLINE void prefetch_to_write(const real *p) { __builtin_prefetch(p, 1); }

/* Stores the first n lanes, 0 < n < VEC_LANES, in power-of-two pieces. */
INLINE void vec_store_pieces(real *p, vec v, int n) {
    real lanes[VEC_LANES] __attribute__((aligned(VEC_BYTES)));
    *(vec *)lanes = v;
    const real *q = lanes;
    if (VEC_LANES > 8 && (n & 8)) { memcpy(p, q, 8 * sizeof(real)); p += 8; q += 8; }
    if (VEC_LANES > 4 && (n & 4)) { memcpy(p, q, 4 * sizeof(real)); p += 4; q += 4; }
    if (VEC_LANES > 2 && (n & 2)) { memcpy(p, q, 2 * sizeof(real)); p += 2; q += 2; }
    if (n & 1) *p = *q;
}

/* The same under a mask, where there are masks: one store, but a load from where its hidden
 * lanes lie has to wait for it. */
INLINE void vec_store_first(real *p, vec v, int n) {
#if defined(__AVX512F__) && defined(FASTDL_DOUBLE)
    _mm512_mask_storeu_pd(p, (__mmask8)((1 << n) - 1), (__m512d)v);
#elif defined(__AVX512F__)
    _mm512_mask_storeu_ps(p, (__mmask16)((1 << n) - 1), (__m512)v);
#else
    vec_store_pieces(p, v, n);
#endif
}

/* SHUFFLE(a, b, f): lane i is lane f(i) of a followed by b. */
#define LANES_2(f) f(0), f(1)
#define LANES_4(f) LANES_2(f), f(2), f(3)
#define LANES_8(f) LANES_4(f), f(4), f(5), f(6), f(7)
#define LANES_16(f) LANES_8(f), f(8), f(9), f(10), f(11), f(12), f(13), f(14), f(15)
#if VEC_LANES == 16
#define EACH_LANE LANES_16
#define VEC_LANES_LOG2 4
#elif VEC_LANES == 8
#define EACH_LANE LANES_8
#define VEC_LANES_LOG2 3
#elif VEC_LANES == 4
#define EACH_LANE LANES_4
#define VEC_LANES_LOG2 2
#else
#define EACH_LANE LANES_2
#define VEC_LANES_LOG2 1
#endif
#ifdef __clang__
#define SHUFFLE(a, b, f) __builtin_shufflevector(a, b, EACH_LANE(f))
#else
#define SHUFFLE(a, b, f) __builtin_shuffle(a, b, (vec_bits){EACH_LANE(f)})
#endif
#define EVEN(i) (2 * (i))
#define ODD(i) (2 * (i) + 1)
#define ZIP_LOW(i) ((i) / 2 + (i) % 2 * VEC_LANES)
#define ZIP_HIGH(i) ((i) / 2 + (i) % 2 * VEC_LANES + VEC_LANES / 2)
#define TURN_8(i) (((i) + 8) % VEC_LANES)
#define TURN_4(i) (((i) + 4) % VEC_LANES)
#define TURN_2(i) (((i) + 2) % VEC_LANES)
#define TURN_1(i) (((i) + 1) % VEC_LANES)
INLINE vec vec_evens(vec a, vec b) { return SHUFFLE(a, b, EVEN); }
INLINE vec vec_odds(vec a, vec b) { return SHUFFLE(a, b, ODD); }
INLINE vec vec_zip_low(vec a, vec b) { return SHUFFLE(a, b, ZIP_LOW); }
INLINE vec vec_zip_high(vec a, vec b) { return SHUFFLE(a, b, ZIP_HIGH); }
INLINE real vec_sum(vec v) {
    if (VEC_LANES > 8) v += SHUFFLE(v, v, TURN_8);
    if (VEC_LANES > 4) v += SHUFFLE(v, v, TURN_4);
    if (VEC_LANES > 2) v += SHUFFLE(v, v, TURN_2);
    v += SHUFFLE(v, v, TURN_1);
    return v[0];
}

/* All bits of the first n lanes. */
INLINE vec_bits vec_mask_first(int n) {
    static const bits window[2 * VEC_BYTES / sizeof(bits)] = {
        -1, -1,
#if VEC_BYTES >= 32 || !defined(FASTDL_DOUBLE)
        -1, -1,
#endif
#if VEC_BYTES == 64 || (VEC_BYTES == 32 && !defined(FASTDL_DOUBLE))
        -1, -1, -1, -1,
#endif
#if VEC_BYTES == 64 && !defined(FASTDL_DOUBLE)
        -1, -1, -1, -1, -1, -1, -1, -1,
#endif
    };
    return (vec_bits)vec_load((const real *)window + VEC_LANES - n);
}

/* The first n lanes of v, zeros in the others. */
INLINE vec vec_keep_first(vec v, int n) { return (vec)((vec_bits)v & vec_mask_first(n)); }

/* Loads the first n lanes, 0 < n <= VEC_LANES, and zeros. What lies behind them is not read:
 * another thread may be writing it. */
INLINE vec vec_load_first(const real *p, int n) {
#if defined(__AVX512F__) && defined(FASTDL_DOUBLE)
    return (vec)_mm512_maskz_loadu_pd((__mmask8)((1 << n) - 1), p);
#elif defined(__AVX512F__)
    return (vec)_mm512_maskz_loadu_ps((__mmask16)((1 << n) - 1), p);
#elif defined(__AVX2__) && defined(FASTDL_DOUBLE)
    return (vec)_mm256_maskload_pd(p, (__m256i)vec_mask_first(n));
#elif defined(__AVX2__)
    return (vec)_mm256_maskload_ps(p, (__m256i)vec_mask_first(n));
#else
    if (n == VEC_LANES) return vec_load(p);
    vec v = {p[0]};
    for (int i = 1; i < VEC_LANES - 1; i++)
        if (i < n) v[i] = p[i];
    return v;
#endif
}

/* Fours of numbers that lie `step` apart, as many as fill a vector; and to store the first n of
 * them, or all. Vectors of two lanes, which hold no four, only have to compile. */
#if VEC_LANES <= 4
INLINE vec vec_load_fours(const real *p, ptrdiff_t step) { (void)step; return vec_load(p); }
INLINE void vec_store_fours(real *p, ptrdiff_t step, vec v, int n) {
    (void)step;
    if (n > 0) vec_store(p, v);
}
#else
typedef real four __attribute__((vector_size(4 * sizeof(real)), may_alias));
typedef real four_unaligned
    __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));
#if VEC_LANES == 8 && defined(FASTDL_DOUBLE)
INLINE vec vec_load_fours(const real *p, ptrdiff_t step) {
    return (vec)_mm512_insertf64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(p)),
                                   _mm256_loadu_pd(p + step), 1);
}
INLINE four vec_four(vec v, int i) {
    return i ? (four)_mm512_extractf64x4_pd((__m512d)v, 1)
             : (four)_mm512_castpd512_pd256((__m512d)v);
}
#elif VEC_LANES == 8
INLINE vec vec_load_fours(const real *p, ptrdiff_t step) {
    return (vec)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)),
                                     _mm_loadu_ps(p + step), 1);
}
INLINE four vec_four(vec v, int i) {
    return i ? (four)_mm256_extractf128_ps((__m256)v, 1) : (four)_mm256_castps256_ps128((__m256)v);
}
#else
INLINE vec vec_load_fours(const real *p, ptrdiff_t step) {
    __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(p));
    v = _mm512_insertf32x4(v, _mm_loadu_ps(p + step), 1);
    v = _mm512_insertf32x4(v, _mm_loadu_ps(p + 2 * step), 2);
    return (vec)_mm512_insertf32x4(v, _mm_loadu_ps(p + 3 * step), 3);
}
INLINE four vec_four(vec v, int i) {
    return i == 0   ? (four)_mm512_castps512_ps128((__m512)v)
           : i == 1 ? (four)_mm512_extractf32x4_ps((__m512)v, 1)
           : i == 2 ? (four)_mm512_extractf32x4_ps((__m512)v, 2)
                    : (four)_mm512_extractf32x4_ps((__m512)v, 3);
}
#endif
INLINE void vec_store_fours(real *p, ptrdiff_t step, vec v, int n) {
    for (int i = 0; i < VEC_LANES / 4; i++)
        if (i < n) *(four_unaligned *)(p + i * step) = vec_four(v, i);
}
#endif

INLINE vec vec_select(vec_bits mask, vec yes, vec no) {
    return (vec)((mask & (vec_bits)yes) | (~mask & (vec_bits)no));
}
/* Single instructions that compilers make of no loop over lanes, nor of comparisons, which NaN
 * and signed zeros bind: where one of a and b is NaN, or both are zero, the greater and the
 * lesser of them is b. */
#if defined(__SSE2__)
#define JOIN(prefix, operation, suffix) prefix##operation##suffix
#define TYPED(prefix, operation, suffix) JOIN(prefix, operation, suffix)
#define NATIVE(operation) TYPED(VEC_PREFIX, operation, VEC_SUFFIX)
INLINE vec vec_max(vec a, vec b) { return NATIVE(max)(a, b); }
INLINE vec vec_min(vec a, vec b) { return NATIVE(min)(a, b); }
INLINE vec vec_sqrt(vec v) { return NATIVE(sqrt)(v); }
#else
INLINE vec vec_max(vec a, vec b) { return vec_select((vec_bits)(a > b), a, b); }
INLINE vec vec_min(vec a, vec b) { return vec_select((vec_bits)(a < b), a, b); }
INLINE vec vec_sqrt(vec v) {
#if defined(__aarch64__) && defined(FASTDL_DOUBLE)
    return (vec)vsqrtq_f64((float64x2_t)v);
#elif defined(__aarch64__)
    return (vec)vsqrtq_f32((float32x4_t)v);
#else
    for (int i = 0; i < VEC_LANES; i++) v[i] = __builtin_sqrt(v[i]);
    return v;
#endif
}
#endif
/* Where a > b: yes, elsewhere no; where a == b likewise. */
INLINE vec vec_if_greater(vec a, vec b, vec yes, vec no) {
    return vec_select((vec_bits)(a > b), yes, no);
}
INLINE vec vec_if_equal(vec a, vec b, vec yes, vec no) {
    return vec_select((vec_bits)(a == b), yes, no);
}
/* NaN stays NaN in both. */
INLINE vec vec_at_least(vec x, real low) { return vec_max(vec_set1(low), x); }
INLINE vec vec_at_most(vec x, real high) { return vec_min(vec_set1(high), x); }
