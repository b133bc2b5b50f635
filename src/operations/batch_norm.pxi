# Batch normalization forward and back, of the moments in batch_norm_statistics.pxi, which has the
# formulas.

cdef Normalizing normalizing(const Network* net, const Op* op, int worker) noexcept nogil:
    cdef Normalizing q
    q.columns = op.columns
    q.means, q.scales = moment_of(op, worker, 0), moment_of(op, worker, 1)
    q.db, q.slopes = moment_of(op, worker, 2), moment_of(op, worker, 3)
    q.factors = moment_of(op, worker, 4)
    q.b = net.parameters + op.offset + op.columns
    return q


cdef inline const real* added_of(const Network* net, const Op* op,
                                 const Part* part) noexcept nogil:
    # NULL where nothing is added.
    return value_of(net, &net.tensor[op.source[1]], part) if op.reads > 1 else NULL


cdef void forward_batch_norm(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef Normalizing q = normalizing(net, op, part.worker)
    cdef const Tensor* t = target_of(net, op)
    cdef const real* x = input_of(net, op, part)
    cdef const real* a = added_of(net, op, part)
    cdef real* y = output_of(net, op, part)
    cdef bint rectifies = activation_of(net, op) == RELU
    cdef Py_ssize_t i, row = t.w * t.features
    if t.pitch:
        for i in range(t.h):
            normalize_rows(&q, x + i * row, a + i * row if a != NULL else NULL, y + i * t.pitch,
                           t.w, rectifies)
        return
    normalize_rows(&q, x, a, y, t.size // op.columns, rectifies)
    if not rectifies:
        activate_output(net, op, y, t.size)


cdef void measure_batch_norm_back(const Network* net, const Op* op,
                                  const Part* part) noexcept nogil:
    # What comes back from what is normalized, in place of what comes from its activation; and a
    # sample's share of it, added to the slot: dw, and db below it.
    cdef Normalizing q = normalizing(net, op, part.worker)
    cdef const Tensor* t = target_of(net, op)
    cdef const real* x = input_of(net, op, part)
    cdef const real* y = output_of(net, op, part)
    cdef real* dy = output_gradient_of(net, op, part)
    cdef real* dw = slot_of(net, op, part)
    cdef real* db = dw + op.columns
    cdef real* some_dw = moment_of(op, part.worker, 5)
    cdef real* some_db = moment_of(op, part.worker, 6)
    cdef bint rectified = activation_of(net, op) == RELU
    cdef Py_ssize_t i, row = t.w * t.features, rows = rows_that_count(net, op, part)
    if t.pitch and rectified:
        for i in range(t.h):
            add_rows_back(&q, x + i * row, y + i * t.pitch, dy + i * row, t.w, True, dw, db)
        return
    if not rectified:
        activate_output_backward(net, op, dy, y, t.size)
    if rows <= NUMBERS_AT_A_TIME:
        add_rows_back(&q, x, y, dy, rows, rectified, dw, db)
        return
    for i from 0 <= i < rows by NUMBERS_AT_A_TIME:
        row = i * op.columns
        memset(some_dw, 0, op.columns * sizeof(real))
        memset(some_db, 0, op.columns * sizeof(real))
        add_rows_back(&q, x + row, y + row, dy + row, min(NUMBERS_AT_A_TIME, rows - i), rectified,
                      some_dw, some_db)
        add_slice(dw, some_dw, op.columns)
        add_slice(db, some_db, op.columns)


cdef void add_up_slots(const Network* net, const Op* op, Py_ssize_t batch, real* dw,
                       real* db) noexcept nogil:
    cdef const real* slot
    cdef Py_ssize_t s
    memset(dw, 0, op.columns * sizeof(real))
    memset(db, 0, op.columns * sizeof(real))
    for s in range(slots_of(net, batch)):
        slot = net.slots + s * net.slot_stride + op.slot
        add_slice(dw, slot, op.columns)
        add_slice(db, slot + op.columns, op.columns)


cdef double* join_batch_norm_back(const Network* net, const Op* op, Py_ssize_t batch,
                                  Py_ssize_t* n) noexcept nogil:
    # dw, and db behind it.
    cdef double* table = (<const BatchNorm*>op.own).joined
    cdef real* dw = moment_of(op, 0, 3)
    cdef real* db = moment_of(op, 0, 2)
    cdef double* share
    cdef Py_ssize_t j
    n[0] = 2 * op.columns
    share = table + net.rank * n[0]
    add_up_slots(net, op, batch, dw, db)
    for j in range(op.columns):
        share[j], share[op.columns + j] = dw[j], db[j]
    return table


cdef void add_up_ranks(const Network* net, const Op* op, real* dw, real* db) noexcept nogil:
    cdef const double* table = (<const BatchNorm*>op.own).joined
    cdef Py_ssize_t rank, j
    cdef double of_weights, of_biases
    for j in range(op.columns):
        of_weights = of_biases = 0
        for rank in range(net.ranks):
            of_weights += table[2 * rank * op.columns + j]
            of_biases += table[(2 * rank + 1) * op.columns + j]
        dw[j], db[j] = <real>of_weights, <real>of_biases


cdef void settle_batch_norm_back(const Network* net, const Op* op, int worker, int workers,
                                 Py_ssize_t batch) noexcept nogil:
    cdef const BatchNorm* own = <const BatchNorm*>op.own
    cdef double n = own.totals[worker * own.shares_stride]
    cdef const real* scales = moment_of(op, worker, 1)
    cdef real* db = moment_of(op, worker, 2)
    cdef real* dw = moment_of(op, worker, 3)
    cdef Py_ssize_t j
    if net.ranks > 1:
        add_up_ranks(net, op, dw, db)
    else:
        add_up_slots(net, op, batch, dw, db)
    for j in range(op.columns):
        db[j] = <real>(db[j] / n)
        dw[j] = <real>(dw[j] / n) * scales[j]


cdef void pass_on_added(const Network* net, const Op* op, const Part* part,
                        const real* dy) noexcept nogil:
    # Unless it lies there already.
    cdef real* da
    if op.reads > 1:
        da = gradient_of(net, &net.tensor[op.source[1]], part)
        if da != NULL and da != dy:
            memcpy(da, dy, target_of(net, op).size * sizeof(real))


cdef void backward_batch_norm(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef Normalizing q = normalizing(net, op, part.worker)
    cdef const real* x = input_of(net, op, part)
    cdef real* dy = output_gradient_of(net, op, part)
    cdef real* dx = input_gradient_of(net, op, part)
    cdef Py_ssize_t size = target_of(net, op).size, rows = rows_that_count(net, op, part)
    if is_given(net, op) and op.learns:         # no meeting has been needed
        measure_batch_norm_back(net, op, part)
    elif is_given(net, op):
        activate_output_backward(net, op, dy, output_of(net, op, part), size)
    pass_on_added(net, op, part, dy)
    if dx == NULL:
        return
    memset(dx + rows * op.columns, 0, (size - rows * op.columns) * sizeof(real))
    if is_given(net, op):
        scale_rows_back(&q, dy, dx, rows)
    else:
        normalize_rows_back(&q, x, dy, dx, rows)


cdef Methods batch_norm_methods():
    cdef Methods m = no_methods(BATCH_NORM, sizeof(BatchNorm))
    m.is_cheap = m.fills_frames = m.adds_second = True
    m.describe, m.reserve = describe_batch_norm, reserve_batch_norm
    m.prepare = m.prepare_back = take_running
    m.forward, m.backward, m.gradient = forward_batch_norm, backward_batch_norm, gradient_of_slots
    m.measure, m.measure_back = measure_batch_norm, measure_batch_norm_back
    m.join, m.join_back = join_batch_norm, join_batch_norm_back
    m.settle, m.settle_back = settle_batch_norm, settle_batch_norm_back
    m.keep = move_running
    return m
