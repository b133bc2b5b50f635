# Batch normalization (Ioffe and Szegedy 2015): every feature, or channel, of a batch is brought to
# mean 0 and variance 1, then scaled and shifted.
#
#     y = z w + b (+ a)    z = (x - mean) / sqrt(variance + epsilon)
#     dw = sum(dy z)    db = sum(dy)    dx = w (dy - db / n - z dw / n) / sqrt(variance + epsilon)
#
# The n are all samples of the batch, and their steps that count, or pixels. Outside training the
# mean and the variance are running ones, which each step of training moves on towards its own;
# so they are in training where it is not to change them, and the operation is like any other.
#
# So the operation begins a stage: groups leave a share of the mean and of the squares about it,
# which every worker puts together in the same order, and going back shares of dw and db, one a
# slot. Where several ranks share the batch, each brings what its own come to.
#
# A second source, what goes around the layers that end with it, is added to what it gives (He et
# al. 2016): its gradient is the target's.

cdef struct BatchNorm:
    real epsilon
    double momentum             # how far running statistics move
    double* shares              # of each group: how many, means, and squares about them
    Py_ssize_t shares_stride
    double* totals              # of the batch likewise, a copy of each worker's
    double* joined              # and of each rank's share
    real* moments               # each worker's, of a column: see moment_of
    Py_ssize_t moments_stride


cdef int describe_batch_norm(Network* net, Op* op, dict fields) except -1:
    cdef BatchNorm* own = <BatchNorm*>op.own
    cdef const Tensor* t = target_of(net, op)
    own.epsilon, own.momentum = fields["epsilon"], fields["momentum"]
    op.rows, op.trained_rows, op.columns = 4, 2, t.features
    op.work = 4. * t.size
    return 0


cdef int reserve_batch_norm(Memory memory, Network* net, Op* op) except -1:
    cdef BatchNorm* own = <BatchNorm*>op.own
    own.shares_stride = 1 + 2 * op.columns
    own.moments_stride = 7 * (padded(op.columns) + VEC_LANES)
    own.shares = memory.take_doubles(groups_of(net, max(memory.rows, 1)) * own.shares_stride)
    own.joined = memory.take_doubles(net.ranks * own.shares_stride)
    own.totals = memory.take_doubles(memory.workers * own.shares_stride)
    own.moments = memory.take_copies(own.moments_stride)
    return 0


cdef inline real* moment_of(const Op* op, int worker, int k) noexcept nogil:
    # Means, scales of z, db / n, and the scales times dw / n and times w; what some rows add to dw
    # and db.
    cdef const BatchNorm* own = <const BatchNorm*>op.own
    return own.moments + worker * own.moments_stride + k * (padded(op.columns) + VEC_LANES)


cdef inline Py_ssize_t rows_that_count(const Network* net, const Op* op,
                                       const Part* part) noexcept nogil:
    # Of a sample: pixels, or steps.
    cdef const Tensor* t = source_of(net, op)
    return t.h * t.w if t.h else length_of(net, t, part.row + part.first)


cdef void measure_batch_norm(const Network* net, const Op* op, const Part* part) noexcept nogil:
    # A group's share: of vectors all at once, of images and sequences one sample after another.
    cdef const BatchNorm* own = <const BatchNorm*>op.own
    cdef const Tensor* s = source_of(net, op)
    cdef double* share = own.shares + part.group * own.shares_stride
    cdef double* of_sample = own.totals + part.worker * own.shares_stride   # of which none is yet
    cdef Part one = part[0]
    if part.first == 0:
        memset(share, 0, own.shares_stride * sizeof(double))
    if s.size == op.columns:
        measure_part(op, part, input_of(net, op, part), s.stride, part.count, share)
        return
    for one.first in range(part.first, part.first + part.count):
        measure_part(op, part, input_of(net, op, &one), op.columns,
                     rows_that_count(net, op, &one), of_sample)
        join_share(op, of_sample, share)


cdef void measure_part(const Op* op, const Part* part, const real* x, Py_ssize_t step,
                       Py_ssize_t rows, double* share) noexcept nogil:
    share[0] = rows
    measure_rows(x, step, rows, op.columns, moment_of(op, part.worker, 0),
                 moment_of(op, part.worker, 1), share + 1, share + 1 + op.columns)


cdef void join_share(const Op* op, const double* share, double* total) noexcept nogil:
    # As if both had been measured together (Chan, Golub and LeVeque 1983).
    cdef Py_ssize_t j
    cdef double n = total[0] + share[0], apart
    if share[0] == 0:                   # of a rank that has none of the batch
        return
    for j in range(1, 1 + op.columns):
        apart = share[j] - total[j]
        total[j] += apart * (share[0] / n)
        total[op.columns + j] += (share[op.columns + j]
                                  + apart * apart * total[0] * (share[0] / n))
    total[0] = n


cdef void put_together(const Op* op, const double* shares, Py_ssize_t count,
                       double* total) noexcept nogil:
    cdef Py_ssize_t stride = (<const BatchNorm*>op.own).shares_stride, i
    memset(total, 0, stride * sizeof(double))
    for i in range(count):
        join_share(op, shares + i * stride, total)


cdef double* join_batch_norm(const Network* net, const Op* op, Py_ssize_t batch,
                             Py_ssize_t* n) noexcept nogil:
    cdef const BatchNorm* own = <const BatchNorm*>op.own
    n[0] = own.shares_stride
    put_together(op, own.shares, groups_of(net, batch), own.joined + net.rank * n[0])
    return own.joined


cdef void take_moments(const Network* net, const Op* op, int worker, Py_ssize_t j, double mean,
                       double variance) noexcept nogil:
    # Of a column.
    cdef double epsilon = (<const BatchNorm*>op.own).epsilon
    cdef real scale = <real>(1 / sqrt(variance + epsilon))
    moment_of(op, worker, 0)[j], moment_of(op, worker, 1)[j] = <real>mean, scale
    moment_of(op, worker, 4)[j] = scale * net.parameters[op.offset + j]


cdef void settle_batch_norm(const Network* net, const Op* op, int worker, int workers,
                            Py_ssize_t batch) noexcept nogil:
    cdef const BatchNorm* own = <const BatchNorm*>op.own
    cdef double* total = own.totals + worker * own.shares_stride
    cdef Py_ssize_t j
    if net.ranks > 1:
        put_together(op, own.joined, net.ranks, total)
    else:
        put_together(op, own.shares, groups_of(net, batch), total)
    for j in range(op.columns):
        take_moments(net, op, worker, j, total[1 + j], total[1 + op.columns + j] / total[0])


cdef inline bint is_given(const Network* net, const Op* op) noexcept nogil:
    # Whether means and variances are: outside training, and where they are not to be changed.
    return not net.training or op.frozen


cdef void take_running(const Network* net, const Op* op, int worker) noexcept nogil:
    cdef const real* running = net.parameters + op.offset + 2 * op.columns
    cdef Py_ssize_t j
    for j in range(op.columns if is_given(net, op) else 0):
        take_moments(net, op, worker, j, running[j], running[op.columns + j])


cdef void move_running(const Network* net, const Op* op, int worker, int workers,
                       Py_ssize_t batch) noexcept nogil:
    # The variance as an estimate from n numbers, as PyTorch has it. One number gives none: the
    # running one stays, as else a last batch of one sample would take a share of it away.
    cdef const BatchNorm* own = <const BatchNorm*>op.own
    cdef const double* total = own.totals + worker * own.shares_stride
    cdef real* running = net.parameters + op.offset + 2 * op.columns
    cdef double variance
    cdef Py_ssize_t j
    for j in range(op.columns):
        running[j] += <real>(own.momentum * (total[1 + j] - running[j]))
        if total[0] > 1:
            variance = total[1 + op.columns + j] / (total[0] - 1)
            running[op.columns + j] += <real>(own.momentum * (variance - running[op.columns + j]))
