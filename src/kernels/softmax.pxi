# The activation whose numbers each depend on all of a row:
#
#     y = e^x / sum(e^x)    dx = y (dy - sum(dy y))

cdef void softmax_forward(const real* x, real* y, real setting, Py_ssize_t n) noexcept nogil:
    # The largest entry is taken off first, so that no exponential overflows.
    cdef Py_ssize_t i
    cdef real largest = largest_number(x, n)
    cdef real total = 0
    for i from 0 <= i < n by VEC_LANES:
        store_lanes(y + i, vec_exp_below(vec_load(x + i) - vec_set1(largest)), n - i)
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
