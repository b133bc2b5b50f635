# A dense layer: each step of a sample, times a matrix. The whole group is one product, and its
# weights' gradient one over the batch.

cdef int describe_dense(Network* net, Op* op, dict fields) except -1:
    cdef Matrix* w = <Matrix*>op.own
    cdef const Tensor* source = source_of(net, op)
    describe_matrix(w, op.offset, source.size // source.steps, target_of(net, op).features,
                    target_of(net, op).features)
    w.bias = w.offset + w.rows * w.columns
    op.rows = op.trained_rows = w.rows + 1
    op.columns = w.columns
    op.work = <double>w.rows * w.columns * source.steps
    # Steps lie side by side, samples whole vectors apart.
    let_share(op, w.columns, 2 * VEC_LANES, w.columns if source.steps > 1 else VEC_LANES)
    let_share_back(op, w.rows, 2 * VEC_LANES, w.rows if source.steps > 1 else VEC_LANES)
    return 0


cdef int reserve_dense(Memory memory, Network* net, Op* op) except -1:
    cdef Matrix* w = <Matrix*>op.own
    memory.need(0, w.rows)
    cdef Py_ssize_t forward = w.rows * padded(w.columns), back = 0
    if source_of(net, op).needs_gradient and memory.mode != INFERENCE:
        back = w.columns * w.padded
    # Held, the way back is another call, which lays its copies where those of the way forward were.
    w.panels = memory.take(max(forward, back) if memory.mode == HOLDING else forward)
    w.transposed = NULL
    if back:
        w.transposed = w.panels if memory.mode == HOLDING else memory.take(back)
    return 0


cdef void lay_dense(const Network* net, const Op* op, Py_ssize_t start,
                    Py_ssize_t stop) noexcept nogil:
    cdef const Matrix* w = <const Matrix*>op.own
    lay_rows(w, net.parameters, start, min(stop, w.rows), w.panels, TILE)


cdef void lay_dense_back(const Network* net, const Op* op, Py_ssize_t start,
                         Py_ssize_t stop) noexcept nogil:
    cdef const Matrix* w = <const Matrix*>op.own
    if w.transposed != NULL:
        lay_transposed_rows(w, net.parameters, start, min(stop, w.rows), w.transposed, TILE)


cdef void dense_forward_group(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Matrix* w = <const Matrix*>op.own
    cdef const Tensor* source = source_of(net, op)
    cdef const Tensor* target = target_of(net, op)
    cdef const real* x = value_of(net, source, part)
    cdef real* y = value_of(net, target, part)
    cdef const real* bias = net.parameters + w.bias
    cdef const real* panels = w.panels if lays(net, op) else NULL
    cdef int* nonzero = nonzero_of(net, part.worker)
    cdef Py_ssize_t i
    if source.steps == 1:
        dense_forward(w, net.parameters, panels, bias, 0, x, source.stride, y, target.stride,
                      part.count, nonzero)
        activate_rows(net, op, y, target.stride, part.count)
        worked(net.watch, part.worker, op.work * part.count)
        return
    for i in range(part.count):
        dense_forward(w, net.parameters, panels, bias, 0, x + i * source.stride, w.rows,
                      y + i * target.stride, w.columns, source.steps, nonzero)
        activate_output(net, op, y + i * target.stride, target.size)
        worked(net.watch, part.worker, op.work)
        if is_ending(net.watch):
            return


cdef void dense_forward_columns(const Network* net, const Op* op, const Part* part,
                                Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # Of all steps: so each column's weights are packed by one member alone.
    cdef Matrix some = (<const Matrix*>op.own)[0]
    cdef const Tensor* source = source_of(net, op)
    cdef const Tensor* target = target_of(net, op)
    cdef const real* x = value_of(net, source, part)
    cdef real* y = value_of(net, target, part) + first
    cdef const real* bias = net.parameters + some.bias + first
    cdef Py_ssize_t i, t
    cdef int* nonzero = nonzero_of(net, part.worker)
    some.offset += first
    some.columns = last - first
    if source.steps == 1:
        dense_forward(&some, net.parameters, NULL, bias, 0, x, source.stride, y, target.stride,
                      part.count, nonzero)
    for i in range(part.count):
        if source.steps > 1:
            dense_forward(&some, net.parameters, NULL, bias, 0, x, some.rows, y, target.features,
                          source.steps, nonzero)
        for t in range(source.steps):
            activate_output(net, op, y + t * target.features, some.columns)
        worked(net.watch, part.worker, op.work)
        x += source.stride
        y += target.stride


cdef void dense_backward_columns(const Network* net, const Op* op, const Part* part,
                                 Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # Of all steps: some of the input's gradient, or all of it.
    cdef const Matrix* w = <const Matrix*>op.own
    cdef const Tensor* source = source_of(net, op)
    cdef const Tensor* target = target_of(net, op)
    cdef const real* panels = w.transposed if lays_back(net, op) else NULL
    cdef const real* dy = gradient_of(net, target, part)
    cdef real* dx = gradient_of(net, source, part)
    cdef Py_ssize_t i, t
    # A tree's results depend on no other's.
    if source.steps == 1 and net.has_transposed and (part.count >= 4 or has_trees(net)):
        dense_backward(w, net.parameters, panels, net.zeros, first, last, dy,
                       target.gradient_stride, dx, source.gradient_stride, part.count)
        return
    for i in range(part.count):
        worked(net.watch, part.worker, op.work)
        if not goes_on(net):
            return
        if source.steps > 3:
            dense_backward(w, net.parameters, panels, net.zeros, first, last, dy, w.columns, dx,
                           w.rows, source.steps)
        else:
            for t in range(source.steps):
                dense_input_gradient_one(w, net.parameters, first, last, dy + t * w.columns,
                                         dx + t * w.rows)
        dx += source.gradient_stride
        dy += target.gradient_stride


cdef void dense_backward_group(const Network* net, const Op* op, const Part* part) noexcept nogil:
    # The input's gradient alone.
    activate_target_backward(net, op, part)
    if source_of(net, op).needs_gradient:
        dense_backward_columns(net, op, part, 0, (<const Matrix*>op.own).rows)


cdef void dense_gradient(const Network* net, const Op* op, Py_ssize_t start, Py_ssize_t stop,
                         Py_ssize_t batch) noexcept nogil:
    # The last row is the bias.
    cdef const Matrix* w = <const Matrix*>op.own
    cdef const Tensor* source = source_of(net, op)
    cdef const Tensor* target = target_of(net, op)
    cdef Py_ssize_t rows = rows_of(net, batch)
    cdef real* bias = net.gradients + w.bias
    if start < w.rows:
        dense_weight_gradient(w, net.zeros, source.value, source.stride, w.rows, target.gradient,
                              target.gradient_stride, w.columns, rows, source.steps, start,
                              min(stop, w.rows), net.gradients, net.updated)
    if stop <= w.rows:
        return
    memset(bias, 0, w.columns * sizeof(real))
    sum_steps(target.gradient, target.gradient_stride, rows, w.columns, source.steps, w.columns,
              bias)


cdef bint dense_descend(const Network* net, const Op* op, Py_ssize_t start, Py_ssize_t stop,
                        real rate) noexcept nogil:
    # Without writing the gradient down; whether that is possible.
    cdef const Matrix* w = <const Matrix*>op.own
    cdef const real* dy = target_of(net, op).gradient
    cdef Py_ssize_t o
    if source_of(net, op).steps > 1 or has_trees(net):
        return False
    dense_descend_one(w, source_of(net, op).value, dy, rate, start, min(stop, w.rows),
                      net.parameters)
    if stop > w.rows:
        for o in range(w.columns):
            net.parameters[w.bias + o] -= rate * dy[o]
    return True


cdef Methods dense_methods():
    cdef Methods m = no_methods(DENSE, sizeof(Matrix))
    m.describe, m.reserve = describe_dense, reserve_dense
    m.lay, m.lay_back = lay_dense, lay_dense_back
    m.forward, m.backward = dense_forward_group, dense_backward_group
    m.forward_share, m.backward_share = dense_forward_columns, dense_backward_columns
    m.before_shares = activate_target_backward
    m.gradient, m.descend = dense_gradient, dense_descend
    m.takes_group = m.keeps_to_rows = True
    return m
