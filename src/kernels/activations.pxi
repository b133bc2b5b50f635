# Activations and their derivatives. Derivatives are taken from the output y:
#
#     relu      max(0, x)          1 where y > 0
#     sigmoid   1 / (1 + e^-x)     y (1 - y)
#     tanh                         (1 - y) (1 + y), which loses nothing near one, as 1 - y^2 does
#     softmax   e^x_i / sum e^x    dx = y (dy - sum(dy y))
#
# Arrays are walked in whole vectors: their storage is padded to that.

cdef enum Activation:
    IDENTITY, RELU, SIGMOID, TANH, SOFTMAX


cdef inline vec activate_vector(const int kind, vec x) noexcept nogil:
    if kind == RELU:
        # x first: a NaN stays one
        return vec_if_greater(vec_set1(0), x, vec_set1(0), x)
    if kind == SIGMOID:
        return vec_sigmoid(x)
    if kind == TANH:
        return vec_tanh(x)
    return x


cdef inline vec activation_derivative(const int kind, vec dy, vec y) noexcept nogil:
    if kind == RELU:
        return vec_if_greater(y, vec_set1(0), dy, vec_set1(0))
    if kind == SIGMOID:
        return dy * y * (vec_set1(1) - y)
    if kind == TANH:
        return dy * (vec_set1(1) - y) * (vec_set1(1) + y)
    return dy


cdef inline void activate_all(const int kind, real* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i from 0 <= i < n by VEC_LANES:
        vec_store(x + i, activate_vector(kind, vec_load(x + i)))


cdef inline void activate_backward_all(const int kind, real* dy, const real* y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i from 0 <= i < n by VEC_LANES:
        vec_store(dy + i, activation_derivative(kind, vec_load(dy + i), vec_load(y + i)))


cdef void softmax_row(real* x, Py_ssize_t n) noexcept nogil:
    # In place. The largest entry is taken off first, so that no exponential overflows.
    cdef Py_ssize_t i
    cdef real largest = largest_number(x, n)
    cdef real total = 0
    for i from 0 <= i < n by VEC_LANES:
        store_lanes(x + i, vec_exp(vec_load(x + i) - vec_set1(largest)), n - i)
    for i in range(n):
        total += x[i]
    for i in range(n):
        x[i] /= total


cdef void softmax_row_backward(real* dy, const real* y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef real dot = 0
    for i in range(n):
        dot += dy[i] * y[i]
    for i in range(n):
        dy[i] = y[i] * (dy[i] - dot)


cdef void activate(int kind, real* x, Py_ssize_t n) noexcept nogil:
    # One row of n features, in place.
    if kind == RELU:
        activate_all(RELU, x, n)
    elif kind == SIGMOID:
        activate_all(SIGMOID, x, n)
    elif kind == TANH:
        activate_all(TANH, x, n)
    elif kind == SOFTMAX:
        softmax_row(x, n)


cdef void activate_backward(int kind, real* dy, const real* y, Py_ssize_t n) noexcept nogil:
    # The gradient with respect to the activation's input, in place of that with respect to its output.
    if kind == RELU:
        activate_backward_all(RELU, dy, y, n)
    elif kind == SIGMOID:
        activate_backward_all(SIGMOID, dy, y, n)
    elif kind == TANH:
        activate_backward_all(TANH, dy, y, n)
    elif kind == SOFTMAX:
        softmax_row_backward(dy, y, n)


cdef void activate_steps(int kind, real* x, Py_ssize_t n, Py_ssize_t steps) noexcept nogil:
    # n numbers, `steps` rows of them.
    cdef Py_ssize_t t
    if kind == SOFTMAX:
        for t in range(steps):
            softmax_row(x + t * (n // steps), n // steps)
    else:
        activate(kind, x, n)


cdef void activate_backward_steps(int kind, real* dy, const real* y, Py_ssize_t n, Py_ssize_t steps) noexcept nogil:
    cdef Py_ssize_t t
    if kind == SOFTMAX:
        for t in range(steps):
            softmax_row_backward(dy + t * (n // steps), y + t * (n // steps), n // steps)
    else:
        activate_backward(kind, dy, y, n)
