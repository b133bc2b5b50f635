# Activations and their derivatives. Most derivatives can be told from the output y, so that the
# input need not be kept, and an activation may write over it:
#
#     relu         max(0, x)               1 where y > 0
#     sigmoid      1 / (1 + e^-x)          y (1 - y)
#     tanh                                 (1 - y) (1 + y): near one, 1 - y^2 would lose digits
#     softmax      e^x_i / sum e^x         dx = y (dy - sum(dy y))
#     leaky_relu   x, below 0 slope x      1 where y > 0, else the slope, which is above 0
#     gelu         x P(x), P the normal    P(x) + x P'(x), of the input x
#                  distribution
#
# To add one: a member of `Activation`, a function of a vector, one for its derivative, the loop
# over each (`..._forward`, `..._backward`), and a row of `ACTIVATION_ROWS`. A function of a vector
# is known to the compiler where the loop is written, and becomes a part of it.

cdef enum Activation:
    IDENTITY, RELU, SIGMOID, TANH, SOFTMAX, LEAKY_RELU, GELU, ACTIVATIONS

ctypedef vec (*of_vector)(vec x, real setting) noexcept nogil
ctypedef vec (*of_vectors)(vec dy, vec seen, real setting) noexcept nogil


cdef struct ActivationRow:
    const char* name
    bint of_input               # the derivative is told from the input, not from the output
    bint of_row                 # each number depends on all of its row, not on one alone
    void (*forward)(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil
    void (*backward)(const real* dy, const real* seen, real* dx, real setting,
                     Py_ssize_t n) noexcept nogil


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


cdef void softmax_forward(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil:
    # The largest entry is taken off first, so that no exponential overflows.
    cdef Py_ssize_t i
    cdef real largest = largest_number(x, n)
    cdef real total = 0
    for i from 0 <= i < n by VEC_LANES:
        store_lanes(y + i, vec_exp(vec_load(x + i) - vec_set1(largest)), n - i)
    for i in range(n):
        total += y[i]
    for i in range(n):
        y[i] /= total


cdef void softmax_backward(const real* dy, const real* y, real* dx, real setting,
                           Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef real dot = 0
    for i in range(n):
        dot += dy[i] * y[i]
    for i in range(n):
        dx[i] = y[i] * (dy[i] - dot)


cdef ActivationRow[7] ACTIVATION_ROWS = [
    ActivationRow(b"identity", False, False, identity_forward, identity_backward),
    ActivationRow(b"relu", False, False, relu_forward, relu_backward),
    ActivationRow(b"sigmoid", False, False, sigmoid_forward, sigmoid_backward),
    ActivationRow(b"tanh", False, False, tanh_forward, tanh_backward),
    ActivationRow(b"softmax", False, True, softmax_forward, softmax_backward),
    ActivationRow(b"leaky_relu", False, False, leaky_relu_forward, leaky_relu_backward),
    ActivationRow(b"gelu", True, False, gelu_forward, gelu_backward),
]
has_rows(ACTIVATIONS, 7)

_ACTIVATIONS = {ACTIVATION_ROWS[k].name.decode(): k for k in range(ACTIVATIONS)}
# Those that a layer can have fused, as its output is all that is kept.
_FUSED = {name: k for name, k in _ACTIVATIONS.items() if not ACTIVATION_ROWS[k].of_input}


# In place, over whole vectors: rows are padded to that.

cdef void activate_steps(int kind, real setting, real* x, Py_ssize_t n,
                         Py_ssize_t steps) noexcept nogil:
    # n numbers, `steps` rows of them.
    cdef const ActivationRow* a = &ACTIVATION_ROWS[kind]
    cdef Py_ssize_t t, row
    if a.of_row:
        for t in range(steps):
            row = t * (n // steps)
            a.forward(x + row, x + row, setting, n // steps)
    else:
        a.forward(x, x, setting, padded(n))


cdef void activate_backward_steps(int kind, real setting, real* dy, const real* y, Py_ssize_t n,
                                  Py_ssize_t steps) noexcept nogil:
    # The gradient with respect to the input, in place of that with respect to the output, y.
    cdef const ActivationRow* a = &ACTIVATION_ROWS[kind]
    cdef Py_ssize_t t, row
    if a.of_row:
        for t in range(steps):
            row = t * (n // steps)
            a.backward(dy + row, y + row, dy + row, setting, n // steps)
    else:
        a.backward(dy, y, dy, setting, padded(n))


cdef inline void activate(int kind, real setting, real* x, Py_ssize_t n) noexcept nogil:
    activate_steps(kind, setting, x, n, 1)


cdef inline void activate_backward(int kind, real setting, real* dy, const real* y,
                                   Py_ssize_t n) noexcept nogil:
    activate_backward_steps(kind, setting, dy, y, n, 1)


# From where the input stays to elsewhere, and no number further than n.

cdef inline void activate_from_input(int kind, real setting, const real* x, real* y,
                                     Py_ssize_t n) noexcept nogil:
    ACTIVATION_ROWS[kind].forward(x, y, setting, n)


cdef inline void activate_from_input_backward(int kind, real setting, const real* x, const real* dy,
                                              real* dx, Py_ssize_t n) noexcept nogil:
    # Of an activation whose derivative is told from its input.
    ACTIVATION_ROWS[kind].backward(dy, x, dx, setting, n)
