/* Elementary functions of vectors: e^x, sigmoid, tanh, silu, softplus, and the normal distribution,
 * each within a few units in the last place over all of its range, denormal results included; and
 * a logarithm and a cosine.
 */
#pragma once
#include "simd.h"

#ifdef FASTDL_DOUBLE
#define EXP_MAGIC 6755399441055744.0            /* 1.5 * 2^52: adding it rounds to an integer */
#define EXP_BIAS 1023
#define EXP_SHIFT 52
#define EXP_LIFT 512
#define EXP_LOWERED 0x1p-512
#define EXP_MIN (-746.0)                        /* below it e^x is 0, above EXP_MAX infinite */
#define EXP_MAX 710.0
#define EXP_NONE (-37.0)                        /* below which it is nothing beside 1 */
#define SILU_NONE (-753.0)                      /* below which x e^x is 0 */
#define LN2_HIGH 6.93147180369123816490e-01     /* ln 2 in two parts, the first exact times any n */
#define LN2_LOW 1.90821492927058770002e-10
#define NORMAL_NONE 39.0                        /* the distribution up to -39 is 0 */
#define NORMAL_ROUND 6442450944.0               /* 1.5 * 2^32: rounds to multiples of 2^-20 */
#define NORMAL_K 3.5
#else
#define EXP_MAGIC 12582912.0f                   /* 1.5 * 2^23 */
#define EXP_BIAS 127
#define EXP_SHIFT 23
#define EXP_LIFT 64
#define EXP_LOWERED 0x1p-64f
#define EXP_MIN (-104.0f)
#define EXP_MAX 89.0f
#define EXP_NONE (-18.0f)
#define SILU_NONE (-110.0f)
#define LN2_HIGH 0.693359375f
#define LN2_LOW (-2.12194440e-4f)
#define NORMAL_NONE 14.6f
#define NORMAL_ROUND 98304.0f                   /* 1.5 * 2^16: to multiples of 2^-7 */
#define NORMAL_K 2.5f
#endif

/* x = n ln 2 + r with |r| <= ln 2 / 2; gives r. n comes as n + EXP_MAGIC, whose last bits are the
 * integer n. */
INLINE vec vec_exp_rest(vec x, vec *shifted) {
    *shifted = x * (real)1.44269504088896340736 + EXP_MAGIC;
    vec n = *shifted - EXP_MAGIC;
    return x - n * LN2_HIGH - n * LN2_LOW;
}
/* e^r - 1, a Taylor polynomial whose remainder is below half an ULP. */
INLINE vec vec_exp_series(vec r) {
    vec p;
#ifdef FASTDL_DOUBLE
    p = vec_set1(1.0 / 6227020800.0);
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
#else
    p = vec_set1((real)(1.0 / 5040.0));
#endif
    p = p * r + (real)(1.0 / 720.0);
    p = p * r + (real)(1.0 / 120.0);
    p = p * r + (real)(1.0 / 24.0);
    p = p * r + (real)(1.0 / 6.0);
    p = p * r + (real)0.5;
    return p * r * r + r;
}
INLINE vec vec_exp_parts(vec x, vec *shifted) { return vec_exp_series(vec_exp_rest(x, shifted)); }
/* 2^n, and v 2^n, down to where that is denormal: in two factors, as 2^n may be no number itself;
 * of an n that is not above 0, one of them is a constant. */
#if defined(__AVX512F__)
INLINE vec vec_power_of_two(vec shifted) {
    return NATIVE(scalef)(vec_set1(1), shifted - EXP_MAGIC);
}
INLINE vec vec_scale(vec v, vec shifted) { return NATIVE(scalef)(v, shifted - EXP_MAGIC); }
INLINE vec vec_scale_down(vec v, vec shifted) { return vec_scale(v, shifted); }
#else
INLINE vec vec_power_of_two_of(vec_bits n) { return (vec)((n + EXP_BIAS) << EXP_SHIFT); }
INLINE vec_bits vec_exponent(vec shifted) {
    return (vec_bits)shifted - (vec_bits)vec_set1(EXP_MAGIC);
}
INLINE vec vec_power_of_two(vec shifted) { return vec_power_of_two_of(vec_exponent(shifted)); }
INLINE vec vec_scale(vec v, vec shifted) {
    vec_bits n = vec_exponent(shifted), half = n >> 1;
    return v * vec_power_of_two_of(half) * vec_power_of_two_of(n - half);
}
INLINE vec vec_scale_down(vec v, vec shifted) {
    return v * vec_power_of_two_of(vec_exponent(shifted) + EXP_LIFT) * EXP_LOWERED;
}
#endif
INLINE vec vec_exp(vec x) {
    vec shifted, p = vec_exp_parts(vec_at_least(vec_at_most(x, EXP_MAX), EXP_MIN), &shifted);
    return vec_scale((real)1 + p, shifted);
}
/* e^x of an x that is not above 0. */
INLINE vec vec_exp_below(vec x) {
    vec shifted, p = vec_exp_parts(vec_at_least(x, EXP_MIN), &shifted);
    return vec_scale_down((real)1 + p, shifted);
}
/* e^-|x|, and the sigmoid from it: 1 / (1 + e^-|x|) or, of a negative x, e^-|x| / (1 + e^-|x|),
 * which is exact where the sigmoid itself is nearly nothing. */
INLINE vec vec_sigmoid(vec x) {
    vec_bits sign = (vec_bits)x & (vec_bits)vec_set1((real)-0.0);
    vec e = vec_exp_below((vec)((vec_bits)x | (vec_bits)vec_set1((real)-0.0)));
    return vec_select(sign >> (8 * sizeof(bits) - 1), e, vec_set1(1)) / ((real)1 + e);
}
/* e^x - 1 of an x that is not above 0. */
INLINE vec vec_expm1_below(vec x) {
    vec shifted, p = vec_exp_parts(vec_at_least(x, EXP_NONE), &shifted);
    vec scale = vec_power_of_two(shifted);
    return scale * p + (scale - (real)1);
}
/* m / (m + 2) with m = e^(-2|x|) - 1, and the sign of x. */
INLINE vec vec_tanh(vec x) {
    vec_bits sign = (vec_bits)x & (vec_bits)vec_set1((real)-0.0);
    vec m = vec_expm1_below((real)-2 * (vec)((vec_bits)x ^ sign));
    return (vec)(((vec_bits)(m / (m + (real)2)) & ~(vec_bits)vec_set1((real)-0.0)) | sign);
}
/* -|x| but no less than SILU_NONE, and e to it in parts: 2^n (1 + p). */
INLINE vec vec_silu_parts(vec x, vec *p, vec *shifted) {
    vec a = vec_at_least((vec)((vec_bits)x | (vec_bits)vec_set1((real)-0.0)), SILU_NONE);
    *p = vec_exp_parts(a, shifted);
    return a;
}
/* x sigmoid(x): as the sigmoid is, but that x multiplies e^x before a power of two makes a denormal
 * number of it. */
INLINE vec vec_silu(vec x) {
    vec p, shifted, a = vec_silu_parts(x, &p, &shifted);
    vec e = vec_scale_down((real)1 + p, shifted), below = vec_scale_down(a + a * p, shifted);
    return vec_select((vec_bits)(x >= (real)0), x, below) / ((real)1 + e);
}
/* With e = e^-|x|, (1 + e + |x| e) / (1 + e)^2 or, of a negative x, e (1 + e + x) / (1 + e)^2. */
INLINE vec vec_silu_slope(vec x) {
    vec p, shifted, a = vec_silu_parts(x, &p, &shifted);
    vec e = vec_scale_down((real)1 + p, shifted), sum = (real)1 + e;
    vec above = sum - a * e, below = vec_scale_down((sum + a) * ((real)1 + p), shifted);
    return vec_select((vec_bits)(x >= (real)0), above, below) / (sum * sum);
}
/* log(1 + f) of an f no further from 0 than sqrt(2) - 1: with s = f / (2 + f), the series
 * 2 (s + s^3/3 + s^5/5 ...), in which 2 s is f - s f, f being exact. */
INLINE vec vec_log1p_near(vec f) {
    vec s = f / (f + (real)2), t = s * s, r;
#ifdef FASTDL_DOUBLE
    r = vec_set1(2.0 / 21.0);
    r = r * t + 2.0 / 19.0;
    r = r * t + 2.0 / 17.0;
    r = r * t + 2.0 / 15.0;
    r = r * t + 2.0 / 13.0;
    r = r * t + 2.0 / 11.0;
    r = r * t + 2.0 / 9.0;
#else
    r = vec_set1((real)(2.0 / 9.0));
#endif
    r = r * t + (real)(2.0 / 7.0);
    r = r * t + (real)(2.0 / 5.0);
    r = r * t + (real)(2.0 / 3.0);
    return f - s * (f - r * t);
}
#define LN2 ((real)0.69314718055994530942)
#define SQRT2 ((real)1.41421356237309504880)
/* log(1 + u) of a u from 0 to 1: of (1 + u) / 2 where that is nearer to 1. */
INLINE vec vec_log1p_of_part(vec u) {
    vec_bits halved = (vec_bits)(u > SQRT2 - (real)1);
    vec log = vec_log1p_near(vec_select(halved, (u - (real)1) * (real)0.5, u));
    return vec_select(halved, log + LN2, log);
}
/* log u of a u above 0 that is not denormal: u is 2^n times a number near 1. */
INLINE vec vec_log(vec u) {
    vec_bits n = ((vec_bits)u >> EXP_SHIFT) - EXP_BIAS;
    vec m = (vec)((vec_bits)u - (n << EXP_SHIFT));
    vec_bits high = (vec_bits)(m > SQRT2);
    vec shifted = (vec)(n - high + (vec_bits)vec_set1(EXP_MAGIC));
    m = vec_select(high, m * (real)0.5, m);
    return (shifted - EXP_MAGIC) * LN2 + vec_log1p_near(m - (real)1);
}
/* cos(2 pi t), to about the rounding of 1, of a t that is small beside EXP_MAGIC: of what is left
 * of t after whole turns, the sine of a quarter of a turn less, a Taylor polynomial. */
INLINE vec vec_cos_of_turns(vec t) {
    vec rest = t - ((t + EXP_MAGIC) - EXP_MAGIC);
    vec a = (vec)((vec_bits)rest & ~(vec_bits)vec_set1((real)-0.0));
    vec x = ((real)0.25 - a) * (real)6.28318530717958647693, square = x * x, p;
#ifdef FASTDL_DOUBLE
    p = vec_set1(1.0 / 51090942171709440000.0);
    p = p * square - 1.0 / 121645100408832000.0;
    p = p * square + 1.0 / 355687428096000.0;
    p = p * square - 1.0 / 1307674368000.0;
    p = p * square + 1.0 / 6227020800.0;
#else
    p = vec_set1((real)(1.0 / 6227020800.0));
#endif
    p = p * square - (real)(1.0 / 39916800.0);
    p = p * square + (real)(1.0 / 362880.0);
    p = p * square - (real)(1.0 / 5040.0);
    p = p * square + (real)(1.0 / 120.0);
    p = p * square - (real)(1.0 / 6.0);
    return x + x * square * p;
}
INLINE vec vec_softplus(vec x) {
    vec e = vec_exp_below((vec)((vec_bits)x | (vec_bits)vec_set1((real)-0.0)));
    return vec_at_least(x, 0) + vec_log1p_of_part(e);
}
/* The normal distribution up to -a, a = |x|, is e m with e = e^(-a^2/2), and (a + k) m a polynomial
 * in t = (a - k) / (a + k): the one through Chebyshev's nodes of a from 0 to NORMAL_NONE. Gives m.
 * What rounding leaves of a^2/2 would come out multiplied by it, so that the power is taken of a
 * rounded, h, whose square is exact, and of the rest. */
INLINE vec vec_normal_parts(vec x, vec *e) {
    vec a = vec_at_most((vec)((vec_bits)x & ~(vec_bits)vec_set1((real)-0.0)), NORMAL_NONE);
    vec h = (a + NORMAL_ROUND) - NORMAL_ROUND;
    vec rest = (h - a) * (h + a) * (real)0.5;
    vec shifted, p = vec_exp_series(vec_exp_rest(h * h * (real)-0.5, &shifted) + rest);
    *e = vec_scale_down((real)1 + p, shifted);
    vec near = (real)1 / (a + NORMAL_K);
    vec t = (real)1 - near * (2 * NORMAL_K);
#ifdef FASTDL_DOUBLE
    p = vec_set1(2.066618747873453175e-09);
    p = p * t + 7.739928330196247181e-10;
    p = p * t - 2.521979131002406836e-08;
    p = p * t - 3.552162641427652475e-08;
    p = p * t + 1.050521485279621328e-07;
    p = p * t + 2.967269533954106102e-07;
    p = p * t - 1.250258668409867072e-07;
    p = p * t - 1.478429668694942375e-06;
    p = p * t - 1.175983529074360748e-06;
    p = p * t + 5.650594329778434557e-06;
    p = p * t + 1.151090820848779700e-05;
    p = p * t - 1.878823482860354143e-05;
    p = p * t - 7.558574196266835294e-05;
    p = p * t + 6.703305768493588550e-05;
    p = p * t + 4.766572742724194438e-04;
    p = p * t - 4.450129246435719108e-04;
    p = p * t - 3.189101064479453888e-03;
    p = p * t + 6.476218917924463050e-03;
    p = p * t + 1.740783260283189388e-02;
    p = p * t - 1.160509287140120895e-01;
    p = p * t + 3.154249698879375404e-01;
    p = p * t - 5.655618160537796321e-01;
    p = p * t + 7.444160754359381756e-01;
#else
    p = vec_set1(-1.5830498731e-04f);
    p = p * t - 3.1355715567e-04f;
    p = p * t + 6.8361884393e-04f;
    p = p * t + 2.5258051018e-03f;
    p = p * t - 1.5996845987e-03f;
    p = p * t - 1.6386754385e-02f;
    p = p * t + 9.2355300683e-03f;
    p = p * t + 1.3198703641e-01f;
    p = p * t - 4.3369198785e-01f;
    p = p * t + 7.0665665888e-01f;
#endif
    return p * near;
}
/* x times the normal distribution up to x, whose limit below is 0, and the derivative of that. */
INLINE vec vec_gelu(vec x) {
    vec e, m = vec_normal_parts(x, &e);
    vec above = x * ((real)1 - e * m);
    return vec_select((vec_bits)(x > (real)0), above, vec_at_least(x, -NORMAL_NONE) * m * e);
}
INLINE vec vec_gelu_slope(vec x) {
    vec e, m = vec_normal_parts(x, &e);
    x = vec_at_least(vec_at_most(x, NORMAL_NONE), -NORMAL_NONE);
    vec density = x * (real)0.39894228040143267794;         /* times e: x e / sqrt(2 pi) */
    return vec_select((vec_bits)(x > (real)0), (real)1 - (m - density) * e, (m + density) * e);
}
