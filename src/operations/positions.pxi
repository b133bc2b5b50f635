# Adds to each step in time a row of a table, the same for all samples: by it a network that takes
# steps in no order knows which one comes when.

cdef int describe_positions(Network* net, Op* op, dict fields) except -1:
    op.rows = op.trained_rows = fields["most_steps"]
    op.columns = target_of(net, op).features
    return 0


cdef void forward_positions(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const real* x = input_of(net, op, part)
    cdef const real* table = net.parameters + op.offset
    cdef real* y = output_of(net, op, part)
    cdef Py_ssize_t i, n = target_of(net, op).size
    for i from 0 <= i < n by VEC_LANES:
        vec_store(y + i, vec_load(x + i) + load_lanes(table + i, n - i))


cdef void backward_positions(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef real* dx = input_gradient_of(net, op, part)
    if dx != NULL:
        memcpy(dx, output_gradient_of(net, op, part), target_of(net, op).size * sizeof(real))


cdef void gradient_of_positions(const Network* net, const Op* op, Py_ssize_t start, Py_ssize_t stop,
                                Py_ssize_t batch) noexcept nogil:
    # Rows of the table behind the last step have none.
    cdef const Tensor* t = target_of(net, op)
    cdef real* total = net.gradients + op.offset + start * op.columns
    cdef Py_ssize_t end = min(stop, t.steps)
    memset(total, 0, (stop - start) * op.columns * sizeof(real))
    if start < end:
        sum_rows(t.gradient + start * op.columns, t.stride, batch, (end - start) * op.columns,
                 total)


cdef Methods positions_methods():
    cdef Methods m = no_methods(POSITIONS, 0)
    m.describe, m.gradient = describe_positions, gradient_of_positions
    m.forward, m.backward = forward_positions, backward_positions
    return m
