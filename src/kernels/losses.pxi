# Losses over one row of n outputs. Each writes the gradient with respect to the outputs, times `scale`
# (a sample's weight over the batch's size), and returns the unscaled loss.
from libc.math cimport log

cdef enum Loss:
    SQUARED_ERROR, CROSS_ENTROPY


cdef double squared_error_row(const real* y, const real* target, real* dy, real scale, Py_ssize_t n) noexcept nogil:
    # Half the sum of squares; the gradient is y - target.
    cdef Py_ssize_t i
    cdef double total = 0
    cdef double difference
    for i in range(n):
        difference = <double>y[i] - <double>target[i]
        total += difference * difference
        dy[i] = scale * <real>difference
    return total / 2


cdef double cross_entropy_row(const real* logits, const real* target, long label, real* dy, real scale, Py_ssize_t n) noexcept nogil:
    # -sum t log softmax(x), the gradient softmax(x) sum(t) - t. `target` is a distribution, or NULL and `label` says
    # where it is one. As log-sum-exp minus the logits, so that saturated outputs stay finite. dy is written in whole
    # vectors.
    cdef Py_ssize_t i, whole = n // VEC_LANES * VEC_LANES
    cdef vec sums = vec_set1(0)
    cdef vec e
    cdef real largest = largest_number(logits, n)
    cdef double total, normalizer, share
    cdef double loss = 0, mass = 1
    for i from 0 <= i < whole by VEC_LANES:
        e = vec_exp(vec_load(logits + i) - vec_set1(largest))
        vec_store(dy + i, e)
        sums = sums + e
    if whole < n:
        vec_store(dy + whole, vec_exp(vec_load(logits + whole) - vec_set1(largest)))
    total = vec_sum(sums)
    for i in range(whole, n):
        total += dy[i]
    normalizer = log(total) + largest
    if target == NULL:
        share = dy[label] / total
        for i from 0 <= i < n by VEC_LANES:
            vec_store(dy + i, vec_load(dy + i) * vec_set1(<real>(scale / total)))
        dy[label] = <real>(scale * (share - 1))
        return normalizer - logits[label]
    mass = 0
    for i in range(n):
        mass += target[i]
        loss += target[i] * (normalizer - logits[i])
    for i in range(n):
        dy[i] = <real>(scale * (dy[i] * (mass / total) - target[i]))
    return loss


cdef real largest_number(const real* x, Py_ssize_t n) noexcept nogil:
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
    cdef Py_ssize_t i
    cdef Py_ssize_t best = 0
    for i in range(1, n):
        if y[i] > y[best]:
            best = i
    return best
