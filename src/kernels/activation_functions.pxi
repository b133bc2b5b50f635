# Activations and their derivatives, over vectors of numbers. Most derivatives can be told from the
# output y, so that the input need not be kept, and an activation may write over it:
#
#     relu          max(0, x)              1 where y > 0
#     leaky_relu    x, below 0 slope x     1 where y > 0, else the slope, which is above 0
#     elu           x, below 0             1 where y > 0, else y + alpha
#                   alpha (e^x - 1)
#     selu          s elu of its alpha     s where y > 0, else y + s alpha
#     sigmoid       1 / (1 + e^-x)         y (1 - y)
#     tanh                                 (1 - y) (1 + y): near one, 1 - y^2 would lose digits
#     softplus      log(1 + e^x)           1 - e^-y, which is the sigmoid of x
#     hard_sigmoid  (x + 3) / 6, in 0..1   1 / 6 where 0 < y < 1
#     hard_tanh     x, in -1..1            1 where -1 < y < 1
#     relu6         x, in 0..6             1 where 0 < y < 6
#
# These others are told from the input x:
#
#     gelu          x P(x), P the normal   P(x) + x P'(x)
#                   distribution
#     silu          x sigmoid(x)           sigmoid(x) (1 + x sigmoid(-x))
#     hard_silu     x hard_sigmoid(x)      (2 x + 3) / 6 where -3 < x < 3, 0 below and 1 above
#
# A function of a vector is known to the compiler where the loop is written, and becomes a part of
# it.

ctypedef vec (*of_vector)(vec x, real setting) noexcept nogil
ctypedef vec (*of_vectors)(vec dy, vec seen, real setting) noexcept nogil


cdef inline void each(of_vector f, const real* x, real* y, real setting,
                      Py_ssize_t n) noexcept nogil:
    # y may be x.
    cdef Py_ssize_t i, whole = n // VEC_LANES * VEC_LANES
    cdef int rest = <int>(n - whole)
    for i from 0 <= i < whole by VEC_LANES:
        vec_store(y + i, f(vec_load(x + i), setting))
    if rest:
        vec_store_first(y + whole, f(vec_load_first(x + whole, rest), setting), rest)


cdef inline void each_back(of_vectors f, const real* dy, const real* seen, real* dx, real setting,
                           Py_ssize_t n) noexcept nogil:
    # dx may be dy.
    cdef Py_ssize_t i, whole = n // VEC_LANES * VEC_LANES
    cdef int rest = <int>(n - whole)
    cdef vec last
    for i from 0 <= i < whole by VEC_LANES:
        vec_store(dx + i, f(vec_load(dy + i), vec_load(seen + i), setting))
    if rest:
        last = f(vec_load_first(dy + whole, rest), vec_load_first(seen + whole, rest), setting)
        vec_store_first(dx + whole, last, rest)


cdef inline vec between(vec low, vec x, vec high, vec value) noexcept nogil:
    # The value where low < x < high, elsewhere zero.
    return vec_if_greater(x, low, vec_if_greater(high, x, value, vec_set1(0)), vec_set1(0))


cdef void identity_forward(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil:
    if y != x:
        memcpy(y, x, n * sizeof(real))


cdef void identity_backward(const real* dy, const real* y, real* dx, real setting,
                            Py_ssize_t n) noexcept nogil:
    if dx != dy:
        memcpy(dx, dy, n * sizeof(real))


cdef inline vec relu(vec x, real setting) noexcept nogil:
    return vec_if_greater(vec_set1(0), x, vec_set1(0), x)       # a NaN stays one


cdef inline vec relu_back(vec dy, vec y, real setting) noexcept nogil:
    return vec_if_greater(y, vec_set1(0), dy, vec_set1(0))


cdef void relu_forward(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil:
    each(relu, x, y, setting, n)


cdef void relu_backward(const real* dy, const real* y, real* dx, real setting,
                        Py_ssize_t n) noexcept nogil:
    each_back(relu_back, dy, y, dx, setting, n)


cdef inline vec leaky_relu(vec x, real slope) noexcept nogil:
    return vec_if_greater(x, vec_set1(0), x, x * vec_set1(slope))


cdef inline vec leaky_relu_back(vec dy, vec y, real slope) noexcept nogil:
    return vec_if_greater(y, vec_set1(0), dy, dy * vec_set1(slope))


cdef void leaky_relu_forward(const real* x, real* y, real slope, Py_ssize_t n) noexcept nogil:
    each(leaky_relu, x, y, slope, n)


cdef void leaky_relu_backward(const real* dy, const real* y, real* dx, real slope,
                              Py_ssize_t n) noexcept nogil:
    each_back(leaky_relu_back, dy, y, dx, slope, n)


cdef inline vec sigmoid_slope(vec y) noexcept nogil:
    return y * (vec_set1(1) - y)


cdef inline vec sigmoid(vec x, real setting) noexcept nogil:
    return vec_sigmoid(x)


cdef inline vec sigmoid_back(vec dy, vec y, real setting) noexcept nogil:
    return dy * sigmoid_slope(y)


cdef void sigmoid_forward(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil:
    each(sigmoid, x, y, setting, n)


cdef void sigmoid_backward(const real* dy, const real* y, real* dx, real setting,
                           Py_ssize_t n) noexcept nogil:
    each_back(sigmoid_back, dy, y, dx, setting, n)


cdef inline vec tanh_slope(vec y) noexcept nogil:
    return (vec_set1(1) - y) * (vec_set1(1) + y)


cdef inline vec tanh(vec x, real setting) noexcept nogil:
    return vec_tanh(x)


cdef inline vec tanh_back(vec dy, vec y, real setting) noexcept nogil:
    return dy * tanh_slope(y)


cdef void tanh_forward(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil:
    each(tanh, x, y, setting, n)


cdef void tanh_backward(const real* dy, const real* y, real* dx, real setting,
                        Py_ssize_t n) noexcept nogil:
    each_back(tanh_back, dy, y, dx, setting, n)


cdef inline vec gelu(vec x, real setting) noexcept nogil:
    return vec_gelu(x)


cdef inline vec gelu_back(vec dy, vec x, real setting) noexcept nogil:
    return dy * vec_gelu_slope(x)


cdef void gelu_forward(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil:
    each(gelu, x, y, setting, n)


cdef void gelu_backward(const real* dy, const real* x, real* dx, real setting,
                        Py_ssize_t n) noexcept nogil:
    each_back(gelu_back, dy, x, dx, setting, n)


cdef inline vec elu(vec x, real alpha) noexcept nogil:
    return vec_if_greater(x, vec_set1(0), x, vec_set1(alpha) * vec_expm1_below(x))


cdef inline vec elu_back(vec dy, vec y, real alpha) noexcept nogil:
    return vec_if_greater(y, vec_set1(0), dy, dy * (y + vec_set1(alpha)))


cdef void elu_forward(const real* x, real* y, real alpha, Py_ssize_t n) noexcept nogil:
    each(elu, x, y, alpha, n)


cdef void elu_backward(const real* dy, const real* y, real* dx, real alpha,
                       Py_ssize_t n) noexcept nogil:
    each_back(elu_back, dy, y, dx, alpha, n)


# Klambauer et al. 2017: with these, activations of mean 0 and variance 1 stay so.
cdef real SELU_SCALE = <real>1.0507009873554804934193349852946
cdef real SELU_LIMIT = <real>1.7580993408473768599402175208123      # the scale times alpha


cdef inline vec selu(vec x, real setting) noexcept nogil:
    return vec_if_greater(x, vec_set1(0), vec_set1(SELU_SCALE) * x,
                          vec_set1(SELU_LIMIT) * vec_expm1_below(x))


cdef inline vec selu_back(vec dy, vec y, real setting) noexcept nogil:
    return vec_if_greater(y, vec_set1(0), dy * vec_set1(SELU_SCALE),
                          dy * (y + vec_set1(SELU_LIMIT)))


cdef void selu_forward(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil:
    each(selu, x, y, setting, n)


cdef void selu_backward(const real* dy, const real* y, real* dx, real setting,
                        Py_ssize_t n) noexcept nogil:
    each_back(selu_back, dy, y, dx, setting, n)


cdef inline vec softplus(vec x, real setting) noexcept nogil:
    return vec_softplus(x)


cdef inline vec softplus_back(vec dy, vec y, real setting) noexcept nogil:
    return -dy * vec_expm1_below(-y)


cdef void softplus_forward(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil:
    each(softplus, x, y, setting, n)


cdef void softplus_backward(const real* dy, const real* y, real* dx, real setting,
                            Py_ssize_t n) noexcept nogil:
    each_back(softplus_back, dy, y, dx, setting, n)


cdef inline vec silu(vec x, real setting) noexcept nogil:
    return vec_silu(x)


cdef inline vec silu_back(vec dy, vec x, real setting) noexcept nogil:
    return dy * vec_silu_slope(x)


cdef void silu_forward(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil:
    each(silu, x, y, setting, n)


cdef void silu_backward(const real* dy, const real* x, real* dx, real setting,
                        Py_ssize_t n) noexcept nogil:
    each_back(silu_back, dy, x, dx, setting, n)


cdef inline vec hard_sigmoid(vec x, real setting) noexcept nogil:
    return vec_at_most(vec_at_least((x + vec_set1(3)) * vec_set1(<real>(1. / 6)), 0), 1)


cdef inline vec hard_sigmoid_back(vec dy, vec y, real setting) noexcept nogil:
    return between(vec_set1(0), y, vec_set1(1), dy * vec_set1(<real>(1. / 6)))


cdef void hard_sigmoid_forward(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil:
    each(hard_sigmoid, x, y, setting, n)


cdef void hard_sigmoid_backward(const real* dy, const real* y, real* dx, real setting,
                                Py_ssize_t n) noexcept nogil:
    each_back(hard_sigmoid_back, dy, y, dx, setting, n)


cdef inline vec hard_tanh(vec x, real setting) noexcept nogil:
    return vec_at_most(vec_at_least(x, -1), 1)


cdef inline vec hard_tanh_back(vec dy, vec y, real setting) noexcept nogil:
    return between(vec_set1(-1), y, vec_set1(1), dy)


cdef void hard_tanh_forward(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil:
    each(hard_tanh, x, y, setting, n)


cdef void hard_tanh_backward(const real* dy, const real* y, real* dx, real setting,
                             Py_ssize_t n) noexcept nogil:
    each_back(hard_tanh_back, dy, y, dx, setting, n)


cdef inline vec relu6(vec x, real setting) noexcept nogil:
    return vec_at_most(vec_at_least(x, 0), 6)


cdef inline vec relu6_back(vec dy, vec y, real setting) noexcept nogil:
    return between(vec_set1(0), y, vec_set1(6), dy)


cdef void relu6_forward(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil:
    each(relu6, x, y, setting, n)


cdef void relu6_backward(const real* dy, const real* y, real* dx, real setting,
                         Py_ssize_t n) noexcept nogil:
    each_back(relu6_back, dy, y, dx, setting, n)


cdef inline vec hard_silu(vec x, real setting) noexcept nogil:
    return vec_at_least(x, -3) * hard_sigmoid(x, setting)


cdef inline vec hard_silu_back(vec dy, vec x, real setting) noexcept nogil:
    cdef vec slope = (x + x + vec_set1(3)) * vec_set1(<real>(1. / 6))
    return dy * vec_if_greater(vec_set1(3), x,
                               vec_if_greater(x, vec_set1(-3), slope, vec_set1(0)), vec_set1(1))


cdef void hard_silu_forward(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil:
    each(hard_silu, x, y, setting, n)


cdef void hard_silu_backward(const real* dy, const real* x, real* dx, real setting,
                             Py_ssize_t n) noexcept nogil:
    each_back(hard_silu_back, dy, x, dx, setting, n)
