# Losses over one row of n outputs. Each writes the gradient with respect to the outputs, times
# `scale` (a sample's weight over the batch's size), and returns the unscaled loss.
# `target` is a row of as many numbers, or NULL, and `label` says where it has its one among zeros.
# `setting` is a number that the loss has besides.
#
# To add one: a member of `Loss`, its function of a row, and a row of `LOSS_ROWS`.
from libc.math cimport log

cdef enum Loss:
    SQUARED_ERROR, CROSS_ENTROPY, HUBER, LOSSES

ctypedef double (*loss_of_row)(real setting, const real* y, const real* target, long label,
                               real* dy, real scale, Py_ssize_t n) noexcept nogil


cdef struct LossRow:
    const char* name
    loss_of_row of_row


cdef double squared_error(real setting, const real* y, const real* target, long label, real* dy,
                          real scale, Py_ssize_t n) noexcept nogil:
    # Half the sum of squares; the gradient is y - target. Labels are no target of it.
    cdef Py_ssize_t i
    cdef double total = 0
    cdef double difference
    for i in range(n):
        difference = <double>y[i] - <double>target[i]
        total += difference * difference
        dy[i] = scale * <real>difference
    return total / 2


cdef double huber(real setting, const real* y, const real* target, long label, real* dy,
                  real scale, Py_ssize_t n) noexcept nogil:
    # Half the square of a difference up to the setting, then a line that goes on as steeply.
    cdef Py_ssize_t i
    cdef double total = 0
    cdef double difference, slope
    for i in range(n):
        difference = <double>y[i] - <double>target[i]
        slope = min(max(difference, -<double>setting), <double>setting)
        total += slope * (difference - slope / 2)
        dy[i] = scale * <real>slope
    return total


cdef double smooth(real share, const real* logits, const real* target, long label, real* dy,
                   real scale, double mass, double normalizer, Py_ssize_t n) noexcept nogil:
    # What becomes of cross-entropy where each target t is t + share (mass / n - t).
    cdef Py_ssize_t i
    cdef double total = 0
    cdef double t, apart
    for i in range(n):
        t = target[i] if target != NULL else <double>(i == label)
        apart = share * (mass / n - t)
        total += apart * (normalizer - logits[i])
        dy[i] -= <real>(scale * apart)
    return total


cdef double cross_entropy(real setting, const real* logits, const real* target, long label,
                          real* dy, real scale, Py_ssize_t n) noexcept nogil:
    # -sum t log softmax(x), the gradient softmax(x) sum(t) - t, of a distribution t. As log-sum-exp
    # minus the logits, so that saturated outputs stay finite.
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
        loss = normalizer - logits[label]
        return loss if setting == 0 else loss + smooth(setting, logits, NULL, label, dy, scale, 1,
                                                       normalizer, n)
    mass = 0
    for i in range(n):
        mass += target[i]
        loss += target[i] * (normalizer - logits[i])
    for i in range(n):
        dy[i] = <real>(scale * (dy[i] * (mass / total) - target[i]))
    return loss if setting == 0 else loss + smooth(setting, logits, target, label, dy, scale, mass,
                                                   normalizer, n)


cdef LossRow[3] LOSS_ROWS = [
    LossRow(b"squared_error", squared_error),
    LossRow(b"cross_entropy", cross_entropy),
    LossRow(b"huber", huber),
]
has_rows(LOSSES, 3)

_LOSSES = {LOSS_ROWS[k].name.decode(): k for k in range(LOSSES)}
