# One step of an optimizer over a slice of the flat parameter vector:
#
#     SGD       g += decay p;  v = momentum v + g;  p -= rate (g + momentum v if nesterov else v)
#     Adam      g += decay p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
#               p -= rate / (1 - b1^t) * m / (sqrt(v / (1 - b2^t)) + eps)          (Kingma and Ba 2015)
#     AdamW     the same, but without decay in g:  p -= rate decay p first         (Loshchilov and Hutter 2019)
#     RMSprop   g += decay p;  v = b2 v + (1 - b2) g^2;  p -= rate g / (sqrt(v) + eps)
#     AdaGrad   the same with v = v + g^2                                          (Duchi, Hazan and Singer 2011)
#
# Before it, g may be scaled down to a norm over all parameters, or each number kept between two limits (Pascanu,
# Mikolov and Bengio 2013).
#
# A slice may end anywhere, so the loops are scalar and left to the compiler, but for the vector body.

from libc.math cimport pow, sqrt

cdef enum Rule:
    NO_UPDATE, SGD, ADAM, ADAMW, RMSPROP, ADAGRAD


cdef struct Optimizer:
    int rule
    int nesterov
    double momentum, decay, beta1, beta2, epsilon
    double clip_norm, clip_value        # 0 for none
    real* first           # velocity, or Adam's first moment
    real* second          # the second moment of the others


cdef inline void sgd_vector(real* p, vec g, real* v, real rate, const Optimizer* o, int n) noexcept nogil:
    cdef vec old = load_lanes(p, n)
    cdef vec velocity
    if o.decay != 0:
        g = vec_fma(g, o.decay, old)
    if o.momentum != 0:
        velocity = vec_fma(g, o.momentum, load_lanes(v, n))
        g = vec_fma(g, o.momentum, velocity) if o.nesterov else velocity
        store_lanes(v, velocity, n)
    old = vec_fma(old, -rate, g)
    store_lanes(p, old, n)


cdef inline void adam_vector(real* p, vec g, real* m, real* v, real rate, real correction, real scale, const Optimizer* o, int n) noexcept nogil:
    # The rate has been divided by the first moment's correction.
    cdef vec old = load_lanes(p, n)
    cdef vec first, second
    if o.decay != 0 and o.rule == ADAMW:
        old = old - vec_set1(rate * correction * o.decay) * old
    elif o.decay != 0:
        g = vec_fma(g, o.decay, old)
    first = vec_fma(vec_set1(1 - o.beta1) * g, o.beta1, load_lanes(m, n))
    second = vec_fma(vec_set1(1 - o.beta2) * g * g, o.beta2, load_lanes(v, n))
    old = vec_fma(old, -rate, first / (vec_sqrt(second * vec_set1(scale)) + vec_set1(o.epsilon)))
    store_lanes(m, first, n)
    store_lanes(v, second, n)
    store_lanes(p, old, n)


cdef inline void scaled_vector(real* p, vec g, real* v, real rate, real kept, real share, const Optimizer* o, int n) noexcept nogil:
    cdef vec old = load_lanes(p, n)
    cdef vec second
    if o.decay != 0:
        g = vec_fma(g, o.decay, old)
    second = vec_fma(vec_set1(share) * g * g, kept, load_lanes(v, n))
    old = vec_fma(old, -rate, g / (vec_sqrt(second) + vec_set1(o.epsilon)))
    store_lanes(v, second, n)
    store_lanes(p, old, n)


cdef double sum_of_squares(const real* g, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef double a = 0, b = 0, c = 0, d = 0
    cdef Py_ssize_t i
    for i in range(start, stop - 3, 4):
        a += <double>g[i] * g[i]
        b += <double>g[i + 1] * g[i + 1]
        c += <double>g[i + 2] * g[i + 2]
        d += <double>g[i + 3] * g[i + 3]
    for i in range(start + (stop - start) // 4 * 4, stop):
        a += <double>g[i] * g[i]
    return (a + b) + (c + d)


cdef void clip(const Optimizer* o, double norm, real* g, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # norm: that of the whole gradient.
    cdef Py_ssize_t i
    cdef real scale = <real>(o.clip_norm / norm)
    cdef real limit = <real>o.clip_value
    if o.clip_norm > 0 and not norm <= o.clip_norm:
        for i in range(start, stop):
            g[i] *= scale
    if o.clip_value > 0:
        for i in range(start, stop):            # NaN stays what it is
            g[i] = limit if g[i] > limit else -limit if g[i] < -limit else g[i]


cdef void update(const Optimizer* o, real rate, long step, real* p, const real* g, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    # Step counts from 1. What lies past `stop` may be another worker's.
    cdef Py_ssize_t i
    cdef int n
    cdef double correction1, correction2
    cdef real kept = 1, share = 1
    if o.rule == SGD:
        for i from start <= i < stop by VEC_LANES:
            n = VEC_LANES if stop - i >= VEC_LANES else <int>(stop - i)
            sgd_vector(p + i, load_lanes(g + i, n), o.first + i, rate, o, n)
    elif o.rule == ADAM or o.rule == ADAMW:
        correction1 = 1 - pow(o.beta1, <double>step)
        correction2 = 1 - pow(o.beta2, <double>step)
        for i from start <= i < stop by VEC_LANES:
            n = VEC_LANES if stop - i >= VEC_LANES else <int>(stop - i)
            adam_vector(p + i, load_lanes(g + i, n), o.first + i, o.second + i, <real>(rate / correction1),
                        <real>correction1, <real>(1 / correction2), o, n)
    elif o.rule == RMSPROP or o.rule == ADAGRAD:
        if o.rule == RMSPROP:
            kept, share = <real>o.beta2, <real>(1 - o.beta2)
        for i from start <= i < stop by VEC_LANES:
            n = VEC_LANES if stop - i >= VEC_LANES else <int>(stop - i)
            scaled_vector(p + i, load_lanes(g + i, n), o.second + i, rate, kept, share, o, n)
