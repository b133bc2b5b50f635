# Group normalization (Wu and He 2018): of each sample, groups of channels or features are brought
# to mean 0 and variance 1 over their pixels, or the steps that count; then each channel is scaled
# and shifted.
#
#     y = z w + b    z = (x - mean) / sqrt(variance + epsilon)
#     dx = (dy w - mean(dy w) - z mean(dy w z)) / sqrt(variance + epsilon)
#
# What is added up over rows is so for each column, the groups of columns then.

cdef struct GroupNorm:
    real epsilon
    Py_ssize_t groups
    real* moments               # of each row: the columns' means, and what z are scaled by
    Py_ssize_t moments_stride
    double* sums                # of columns, each worker's: means, and squares about them


cdef int describe_group_norm(Network* net, Op* op, dict fields) except -1:
    cdef GroupNorm* own = <GroupNorm*>op.own
    cdef const Tensor* t = target_of(net, op)
    own.epsilon, own.groups = fields["epsilon"], fields["groups"]
    op.rows, op.trained_rows, op.columns = 2, 2, t.features
    op.work = 16. * t.size
    return 0


cdef int reserve_group_norm(Memory memory, Network* net, Op* op) except -1:
    cdef GroupNorm* own = <GroupNorm*>op.own
    own.moments_stride = 2 * op.columns
    own.moments = memory.take(memory.rows_of(net, target_of(net, op)) * own.moments_stride)
    own.sums = memory.take_doubles(memory.workers * 2 * op.columns)
    memory.need(7 * op.columns, 0)
    return 0


cdef Normalizing normalizing_groups(const Network* net, const Op* op, const Part* part,
                                    real* factors) noexcept nogil:
    # By the moments of a row; writes the factors.
    cdef const GroupNorm* own = <const GroupNorm*>op.own
    cdef const real* w = net.parameters + op.offset
    cdef Normalizing q
    cdef Py_ssize_t j
    q.columns, q.factors, q.b = op.columns, factors, w + op.columns
    q.means = own.moments + place_of(net, target_of(net, op), part) * own.moments_stride
    q.scales = q.means + op.columns
    for j in range(op.columns):
        factors[j] = q.scales[j] * w[j]
    return q


cdef void measure_groups(const GroupNorm* own, const double* means, const double* squares,
                         Py_ssize_t rows, Py_ssize_t columns, real* moments) noexcept nogil:
    cdef Py_ssize_t width = columns // own.groups, first, j
    cdef double mean, variance, apart
    for first from 0 <= first < columns by width:
        mean = variance = 0
        for j in range(first, first + width):
            mean += means[j]
        mean /= width
        for j in range(first, first + width):
            apart = means[j] - mean
            variance += squares[j] / rows + apart * apart
        for j in range(first, first + width):
            moments[j] = <real>mean
            moments[columns + j] = <real>(1 / sqrt(variance / width + own.epsilon))


cdef void forward_group_norm(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const GroupNorm* own = <const GroupNorm*>op.own
    cdef const Tensor* t = target_of(net, op)
    cdef const real* x = input_of(net, op, part)
    cdef real* scratch = fields_of(net, part.worker)
    cdef double* sums = own.sums + part.worker * 2 * op.columns
    cdef Py_ssize_t rows = rows_that_count(net, op, part)
    cdef Normalizing q
    measure_rows(x, op.columns, rows, op.columns, scratch, scratch + op.columns, sums,
                 sums + op.columns)
    measure_groups(own, sums, sums + op.columns, rows, op.columns,
                   own.moments + place_of(net, t, part) * own.moments_stride)
    q = normalizing_groups(net, op, part, scratch)
    normalize_rows(&q, x, NULL, output_of(net, op, part), t.size // op.columns, False)


cdef void backward_group_norm(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const GroupNorm* own = <const GroupNorm*>op.own
    cdef const real* x = input_of(net, op, part)
    cdef real* dy = output_gradient_of(net, op, part)
    cdef real* dx = input_gradient_of(net, op, part)
    cdef real* dw = fields_of(net, part.worker)         # and db behind it
    cdef real* some = dw + 2 * op.columns
    cdef real* slopes = some + 2 * op.columns
    cdef real* offsets = slopes + op.columns
    cdef const real* w = net.parameters + op.offset
    cdef Py_ssize_t rows = rows_that_count(net, op, part), width = op.columns // own.groups
    cdef Py_ssize_t i, at, first, j
    cdef double sums, products
    cdef Normalizing q = normalizing_groups(net, op, part, offsets + op.columns)
    memset(dw, 0, 2 * op.columns * sizeof(real))
    for i from 0 <= i < rows by NUMBERS_AT_A_TIME:
        at = i * op.columns
        memset(some, 0, 2 * op.columns * sizeof(real))
        add_rows_back(&q, x + at, NULL, dy + at, min(NUMBERS_AT_A_TIME, rows - i), False, some,
                      some + op.columns)
        add_slice(dw, some, 2 * op.columns)
    if op.learns:
        add_slice(slot_of(net, op, part), dw, 2 * op.columns)
    if dx == NULL:
        return
    for first from 0 <= first < op.columns by width:
        sums = products = 0
        for j in range(first, first + width):
            sums += w[j] * dw[op.columns + j]
            products += w[j] * dw[j]
        for j in range(first, first + width):
            offsets[j] = <real>(q.scales[j] * sums / (rows * width))
            slopes[j] = <real>(q.scales[j] * q.scales[j] * products / (rows * width))
    q.slopes = slopes
    normalize_groups_back(&q, offsets, x, dy, dx, rows)
    clear_after_end(net, source_of(net, op), part.row + part.first, dx)


cdef Methods group_norm_methods():
    cdef Methods m = no_methods(GROUP_NORM, sizeof(GroupNorm))
    m.describe, m.reserve = describe_group_norm, reserve_group_norm
    m.forward, m.backward = forward_group_norm, backward_group_norm
    m.gradient = gradient_of_slots
    return m
