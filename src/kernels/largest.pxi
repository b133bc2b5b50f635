# The largest of n numbers, and which one it is.

cdef inline real largest_number(const real* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, whole = n // VEC_LANES * VEC_LANES
    cdef real lanes[VEC_LANES]
    cdef real largest = x[0]
    cdef vec best
    if whole:
        best = vec_load(x)
        for i from VEC_LANES <= i < whole by VEC_LANES:
            best = vec_max(vec_load(x + i), best)
        vec_store(lanes, best)
        for i in range(VEC_LANES):
            if lanes[i] > largest:
                largest = lanes[i]
    for i in range(whole, n):
        if x[i] > largest:
            largest = x[i]
    return largest


cdef Py_ssize_t largest_of(const real* y, Py_ssize_t n) noexcept nogil:
    # The first of equal ones.
    cdef Py_ssize_t i
    cdef real largest = largest_number(y, n)
    for i in range(n):
        if y[i] == largest:
            return i
    return 0                    # there is none where a NaN comes first
