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
    # where it is one. In double, as log-sum-exp minus the logits, so that saturated outputs stay finite.
    cdef Py_ssize_t i
    cdef double largest = logits[0]
    cdef double total = 0
    cdef double loss = 0
    cdef double mass = 1
    cdef double normalizer
    for i in range(1, n):
        if logits[i] > largest:
            largest = logits[i]
    for i from 0 <= i < n by VEC_LANES:
        vec_store(dy + i, vec_exp(vec_load(logits + i) - vec_set1(<real>largest)))
    for i in range(n):
        total += dy[i]
    normalizer = log(total) + largest
    if target == NULL:
        loss = normalizer - logits[label]
    else:
        mass = 0
        for i in range(n):
            mass += target[i]
            loss += target[i] * (normalizer - logits[i])
    for i in range(n):
        dy[i] = <real>(scale * (dy[i] * (mass / total) - (target[i] if target != NULL else 1 if i == label else 0)))
    return loss


cdef Py_ssize_t largest_of(const real* y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef Py_ssize_t best = 0
    for i in range(1, n):
        if y[i] > y[best]:
            best = i
    return best
