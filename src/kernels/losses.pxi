# Losses over one row of n outputs. Each writes the gradient with respect to the outputs, times
# `scale` (a sample's weight over how many rows count), and returns the unscaled loss, a sum over
# the row. `target` is a row of numbers, as many as outputs but for quantiles, or NULL, and `label`
# says where it has its one among zeros. Rows of outputs, and of their gradients, are padded to
# whole vectors.
#
# To add one: a member of `Loss`, its function of a row, and a row of `LOSS_ROWS`.
from libc.math cimport isfinite, log

cdef enum Loss:
    SQUARED_ERROR, CROSS_ENTROPY, HUBER, ABSOLUTE_ERROR, BINARY_CROSS_ENTROPY, QUANTILE, POISSON
    LOSSES


cdef struct Settings:
    # The numbers that a loss has besides.
    const double* number
    Py_ssize_t count


ctypedef double (*loss_of_row)(const Settings* settings, const real* y, const real* target,
                               long label, real* dy, real scale, Py_ssize_t n) noexcept nogil
ctypedef double (*hit_of_row)(const real* y, const real* target, long label,
                              Py_ssize_t n) noexcept nogil


cdef struct LossRow:
    const char* name
    loss_of_row of_row
    hit_of_row hit              # the share of a row that is right; NULL where nothing is
    int leaves_out              # the activation that it has in it, should a network end in it


# The loss of each number by itself, for output y and target t. `slope` is its derivative.
ctypedef vec (*loss_of_vector)(vec y, vec t, real setting, vec* slope) noexcept nogil


cdef inline double some_numbers(loss_of_vector f, real setting, const real* y, const real* target,
                                real* dy, real scale, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, whole = n // VEC_LANES * VEC_LANES
    cdef int rest = <int>(n - whole)
    cdef vec slope, sums = vec_set1(0)
    for i from 0 <= i < whole by VEC_LANES:
        sums = sums + f(vec_load(y + i), vec_load(target + i), setting, &slope)
        vec_store(dy + i, slope * vec_set1(scale))
    if rest:
        sums = sums + vec_keep_first(f(vec_load_first(y + whole, rest),
                                       vec_load_first(target + whole, rest), setting, &slope),
                                     rest)
        vec_store(dy + whole, slope * vec_set1(scale))
    return vec_sum(sums)


cdef inline double each_number(loss_of_vector f, real setting, const real* y, const real* target,
                               real* dy, real scale, Py_ssize_t n) noexcept nogil:
    cdef double total = some_numbers(f, setting, y, target, dy, scale, min(NUMBERS_AT_A_TIME, n))
    cdef Py_ssize_t i
    for i from NUMBERS_AT_A_TIME <= i < n by NUMBERS_AT_A_TIME:
        total += some_numbers(f, setting, y + i, target + i, dy + i, scale,
                              min(NUMBERS_AT_A_TIME, n - i))
    return total


cdef inline vec half_square(vec y, vec t, real setting, vec* slope) noexcept nogil:
    slope[0] = y - t
    return slope[0] * slope[0] * vec_set1(0.5)


cdef double squared_error(const Settings* settings, const real* y, const real* target, long label,
                          real* dy, real scale, Py_ssize_t n) noexcept nogil:
    # Half the sum of squares; the gradient is y - target. Labels are no target of it.
    cdef double total = each_number(half_square, 0, y, target, dy, scale, n)
    cdef double difference
    cdef Py_ssize_t i
    if isfinite(total):
        return total
    total = 0                   # squares may be too large for a float where differences are not
    for i in range(n):
        difference = <double>y[i] - <double>target[i]
        total += difference * difference / 2
    return total


cdef inline vec bent_square(vec y, vec t, real delta, vec* slope) noexcept nogil:
    cdef vec difference = y - t
    slope[0] = vec_at_most(vec_at_least(difference, -delta), delta)
    return slope[0] * (difference - slope[0] * vec_set1(0.5))


cdef double huber(const Settings* settings, const real* y, const real* target, long label, real* dy,
                  real scale, Py_ssize_t n) noexcept nogil:
    # Half the square of a difference up to the setting, then a line that goes on as steeply.
    return each_number(bent_square, <real>settings.number[0], y, target, dy, scale, n)


cdef inline vec distance(vec y, vec t, real setting, vec* slope) noexcept nogil:
    cdef vec difference = y - t, zero = vec_set1(0)
    slope[0] = vec_if_greater(difference, zero, vec_set1(1),
                              vec_if_greater(zero, difference, vec_set1(-1), zero))
    return vec_max(difference, zero - difference)


cdef double absolute_error(const Settings* settings, const real* y, const real* target, long label,
                           real* dy, real scale, Py_ssize_t n) noexcept nogil:
    return each_number(distance, 0, y, target, dy, scale, n)


cdef inline vec of_count(vec y, vec t, real setting, vec* slope) noexcept nogil:
    cdef vec rate = vec_exp(y)
    slope[0] = rate - t
    return rate - t * y


cdef double poisson(const Settings* settings, const real* y, const real* target, long label,
                    real* dy, real scale, Py_ssize_t n) noexcept nogil:
    # e^y - t y, the gradient e^y - t: what a count t costs at the rate e^y, but for a constant.
    return each_number(of_count, 0, y, target, dy, scale, n)


cdef inline vec of_yes(vec x, vec t, real setting, vec* slope) noexcept nogil:
    # With e = e^-|x| the logarithm is max(x, 0) + log(1 + e), and the sigmoid e / (1 + e), or what
    # that leaves of 1: nothing is lost where a large logit is right.
    cdef vec zero = vec_set1(0), one = vec_set1(1)
    cdef vec e = vec_exp(zero - vec_max(x, zero - x))
    cdef vec small = e / (one + e)
    slope[0] = vec_if_greater(x, zero, one - t - small, small - t)
    return vec_max(x, zero) - t * x + vec_log1p_of_part(e)


cdef double binary_cross_entropy(const Settings* settings, const real* logits, const real* target,
                                 long label, real* dy, real scale, Py_ssize_t n) noexcept nogil:
    # log(1 + e^x) - t x, the gradient sigmoid(x) - t, of a target t from 0 to 1.
    return each_number(of_yes, 0, logits, target, dy, scale, n)


cdef inline double side(double difference) noexcept nogil:
    return (difference > 0) - (difference < 0)


cdef double quantile(const Settings* settings, const real* y, const real* target, long label,
                     real* dy, real scale, Py_ssize_t n) noexcept nogil:
    # Each target has an output for each level q, one beside the other: too much costs 1 - q, too
    # little q.
    cdef Py_ssize_t i, k, levels = settings.count
    cdef double total = 0
    cdef double difference, slope
    for i in range(n // levels):
        for k in range(levels):
            difference = <double>y[i * levels + k] - <double>target[i]
            slope = side(difference) * (0.5 + side(difference) * (0.5 - settings.number[k]))
            total += slope * difference
            dy[i * levels + k] = scale * <real>slope
    return total


cdef double smooth(real share, const real* logits, const real* target, long label, real* dy,
                   real scale, double mass, double log_total, double largest,
                   Py_ssize_t n) noexcept nogil:
    # The change of cross-entropy if each target t becomes t + share (mass / n - t).
    cdef Py_ssize_t i
    cdef double total = 0
    cdef double t, apart
    for i in range(n):
        t = target[i] if target != NULL else <double>(i == label)
        apart = share * (mass / n - t)
        total += apart * (log_total + (largest - logits[i]))
        dy[i] -= <real>(scale * apart)
    return total


cdef double cross_entropy(const Settings* settings, const real* logits, const real* target,
                          long label, real* dy, real scale, Py_ssize_t n) noexcept nogil:
    # -sum t log softmax(x), the gradient softmax(x) sum(t) - t, of a distribution t. As log-sum-exp
    # minus the logits, so that saturated outputs stay finite.
    cdef Py_ssize_t i, whole = n // VEC_LANES * VEC_LANES
    cdef int left
    cdef vec sums = vec_set1(0)
    cdef vec e, t, x, costs
    cdef real largest = largest_number(logits, n)
    cdef double total, log_total, share
    cdef double loss = 0, mass = 1
    cdef real setting = <real>settings.number[0]
    for i from 0 <= i < whole by VEC_LANES:
        e = vec_exp(vec_load(logits + i) - vec_set1(largest))
        vec_store(dy + i, e)
        sums = sums + e
    if whole < n:
        vec_store(dy + whole, vec_exp(vec_load(logits + whole) - vec_set1(largest)))
    total = vec_sum(sums)
    for i in range(whole, n):
        total += dy[i]
    log_total = log(total)
    if target == NULL:
        share = dy[label] / total
        for i from 0 <= i < n by VEC_LANES:
            vec_store(dy + i, vec_load(dy + i) * vec_set1(<real>(scale / total)))
        dy[label] = <real>(scale * (share - 1))
        loss = log_total + (<double>largest - logits[label])  # not lost beside logits of any size
        return loss if setting == 0 else loss + smooth(setting, logits, NULL, label, dy, scale, 1,
                                                       log_total, largest, n)
    sums = costs = vec_set1(0)
    for i from 0 <= i < n by VEC_LANES:
        left = <int>min(n - i, VEC_LANES)
        t, x = vec_load_first(target + i, left), vec_load_first(logits + i, left)
        sums = sums + t
        costs = costs + t * (vec_set1(<real>log_total) - (x - vec_set1(largest)))
    mass, loss = vec_sum(sums), vec_sum(costs)
    if not isfinite(loss):      # logits may be too far apart for a float: nothing, where t is 0
        loss = 0
        for i in range(n):
            if target[i] != 0:
                loss += target[i] * (log_total + (<double>largest - logits[i]))
    for i from 0 <= i < n by VEC_LANES:
        t = vec_load_first(target + i, <int>min(n - i, VEC_LANES))
        vec_store(dy + i, (vec_load(dy + i) * vec_set1(<real>(mass / total)) - t) * vec_set1(scale))
    return loss if setting == 0 else loss + smooth(setting, logits, target, label, dy, scale, mass,
                                                   log_total, largest, n)


cdef double largest_hits(const real* y, const real* target, long label,
                         Py_ssize_t n) noexcept nogil:
    # Whether the largest output is where the label, or the largest target, is.
    return largest_of(y, n) == (label if target == NULL else largest_of(target, n))


cdef inline vec on_side(vec y, vec t) noexcept nogil:
    cdef vec zero = vec_set1(0), one = vec_set1(1)
    return vec_if_equal(vec_if_greater(y, zero, one, zero),
                        vec_if_greater(t, vec_set1(0.5), one, zero), one, zero)


cdef double signs_hit(const real* y, const real* target, long label, Py_ssize_t n) noexcept nogil:
    # The share of logits on their target's side.
    cdef Py_ssize_t i, whole = n // VEC_LANES * VEC_LANES
    cdef int rest = <int>(n - whole)
    cdef vec hits = vec_set1(0)
    for i from 0 <= i < whole by VEC_LANES:
        hits = hits + on_side(vec_load(y + i), vec_load(target + i))
    if rest:
        hits = hits + vec_keep_first(on_side(vec_load_first(y + whole, rest),
                                             vec_load_first(target + whole, rest)), rest)
    return vec_sum(hits) / <double>n


cdef LossRow[7] LOSS_ROWS = [
    LossRow(b"squared_error", squared_error, largest_hits, IDENTITY),
    LossRow(b"cross_entropy", cross_entropy, largest_hits, SOFTMAX),
    LossRow(b"huber", huber, largest_hits, IDENTITY),
    LossRow(b"absolute_error", absolute_error, largest_hits, IDENTITY),
    LossRow(b"binary_cross_entropy", binary_cross_entropy, signs_hit, SIGMOID),
    LossRow(b"quantile", quantile, NULL, IDENTITY),
    LossRow(b"poisson", poisson, NULL, IDENTITY),
]
has_rows(LOSSES, 7)

_LOSSES = {LOSS_ROWS[k].name.decode(): k for k in range(LOSSES)}


cdef struct Lowered:
    # A loss with its settings: what training lowers.
    const LossRow* row
    hit_of_row hit              # or NULL, where nobody asks
    Settings settings


cdef object describe_loss(Lowered* lowered, loss):
    # Gives the object that it points into, which the caller must hold.
    settings = loss.numbers
    lowered.row = &LOSS_ROWS[row_of_name(_LOSSES, "loss", loss.name)]
    lowered.hit = lowered.row.hit
    lowered.settings.count = locate(settings, sizeof(double), <void**>&lowered.settings.number)
    return settings


cdef inline double lose(const Lowered* lowered, const real* y, const real* target, long label,
                        real* dy, double weight, double over, Py_ssize_t n,
                        double* hits) noexcept nogil:
    # A row's weighted loss; the gradient is of the sum over so many rows. Counts what is hit.
    if lowered.hit != NULL:
        hits[0] += lowered.hit(y, target, label, n)
    return weight * lowered.row.of_row(&lowered.settings, y, target, label, dy,
                                       <real>(weight / over), n)
