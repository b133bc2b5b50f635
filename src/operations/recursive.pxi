# A recursive layer: a group's trees, height after height, and back.

cdef int describe_recursive(Network* net, Op* op, dict fields) except -1:
    cdef Composition* p = <Composition*>op.own
    describe_composition(p, row_of_name(_COMPOSITIONS, "composition", fields["composition"]),
                         row_of_name(_FUSED, "composition_activation",
                                     fields["composition_activation"]), fields["setting"],
                         fields["children"], source_of(net, op).features, op.offset)
    op.rows = op.trained_rows = p.w.rows + 1
    op.columns = p.w.columns
    op.work = <double>p.w.rows * p.w.columns / 2        # about half of the nodes are leaves
    return 0


cdef int reserve_recursive(Memory memory, Network* net, Op* op) except -1:
    cdef Composition* p = <Composition*>op.own
    cdef Matrix* w = &p.w
    cdef Py_ssize_t rows = memory.rows_of(net, target_of(net, op))
    memory.need((ROWS_BACK + 1) * p.features_stride + net.rows * p.c_stride, w.rows)
    memory.take_panels(w, True, memory.mode != INFERENCE)
    p.features = memory.take(rows * p.features_stride)
    p.gates = memory.take(rows * p.gates_stride) if p.kind == TREE_LSTM else p.features
    p.c = memory.take(rows * p.c_stride) if p.kind == TREE_LSTM else p.features
    return 0


cdef void copy_recursive(const Network* net, const Op* op, int worker) noexcept nogil:
    lay_panels_of(&(<const Composition*>op.own).w, net.parameters, worker, TILE)


cdef void copy_recursive_back(const Network* net, const Op* op, int worker) noexcept nogil:
    cdef const Matrix* w = &(<const Composition*>op.own).w
    lay_transposed_panels(w, net.parameters, w.transposed + worker * w.transposed_stride, TILE)


cdef Nodes nodes_of_group(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Composition* p = <const Composition*>op.own
    cdef const Tensor* target = target_of(net, op)
    cdef Py_ssize_t place = place_of(net, target, part)
    cdef Nodes q
    q.child = net.forest.child + part.row * p.arity
    q.y, q.y_stride = value_of(net, target, part), target.stride
    q.features = p.features + place * p.features_stride
    q.gates, q.c = p.gates + place * p.gates_stride, p.c + place * p.c_stride
    return q


cdef void forward_recursive(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Composition* p = <const Composition*>op.own
    cdef const Tensor* source = source_of(net, op)
    cdef const real* x = value_of(net, source, part)
    cdef Nodes q = nodes_of_group(net, op, part)
    cdef Py_ssize_t row = part.row, n = part.count
    cdef Py_ssize_t i, first = level_end(&net.forest, row, row + n) - row, last
    for i in range(first):
        plant(p, &q, i, x + i * source.stride)
    while first < n:
        last = level_end(&net.forest, row + first, row + n) - row
        compose(p, net.parameters, part.worker, &q, first, last)
        first = last
    worked(net.watch, part.worker, op.work * n)


cdef void backward_recursive(const Network* net, const Op* op, const Part* part) noexcept nogil:
    # Back-propagation through structure. The gradient of the weights waits for the whole batch.
    cdef const Composition* p = <const Composition*>op.own
    cdef const Tensor* source = source_of(net, op)
    cdef Nodes q = nodes_of_group(net, op, part)
    cdef Py_ssize_t row = part.row, n = part.count, stride = target_of(net, op).stride
    cdef Py_ssize_t i, first, last = n, leaves = level_end(&net.forest, row, row + n) - row
    cdef real* scratch = fields_of(net, part.worker)
    cdef real* dc = scratch + (ROWS_BACK + 1) * p.features_stride
    cdef real* dy = output_gradient_of(net, op, part)
    cdef real* dx = gradient_of(net, source, part)
    if p.kind == TREE_LSTM:
        memset(dc, 0, n * p.c_stride * sizeof(real))
    while last > leaves:
        first = max(level_start(&net.forest, row, row + last) - row, last - ROWS_BACK)
        decompose(p, part.worker, &q, first, last, net.zeros, dy, stride, dc, scratch)
        last = first
    for i in range(n if dx != NULL else 0):
        if i >= leaves:
            memset(dx, 0, p.units * sizeof(real))
        else:
            memcpy(dx, dy, p.units * sizeof(real))
            if p.kind == TREE_LSTM:
                activate_backward(TANH, 0, dx, q.y + i * q.y_stride, p.units)
                add_slice(dx, dc + i * p.c_stride, p.units)
        dx += source.gradient_stride
        dy += stride
    worked(net.watch, part.worker, op.work * n)


cdef void gradient_of_recursive(const Network* net, const Op* op, Py_ssize_t start, Py_ssize_t stop,
                                Py_ssize_t batch) noexcept nogil:
    cdef const Composition* p = <const Composition*>op.own
    cdef const Forest* f = &net.forest
    cdef const Tensor* t = target_of(net, op)
    cdef const real* d = p.gates if p.kind == TREE_LSTM else t.gradient
    cdef Py_ssize_t stride = p.gates_stride if p.kind == TREE_LSTM else t.stride
    cdef Py_ssize_t group, row, nodes
    cdef bint adds = False
    for group in range(groups_of(net, batch)):
        row, nodes = f.first[group] + f.leaves[group], f.rows[group] - f.leaves[group]
        if nodes:
            add_composition_gradient(p, net.zeros, p.features + row * p.features_stride,
                                     d + row * stride, stride, nodes, adds, start, stop,
                                     net.gradients, net.parameters)
            adds = True
    if not adds:
        memset(net.gradients + p.w.offset + start * p.w.columns, 0,
               (stop - start) * p.w.columns * sizeof(real))


cdef Methods recursive_methods():
    cdef Methods m = no_methods(RECURSIVE, sizeof(Composition))
    m.describe, m.reserve = describe_recursive, reserve_recursive
    m.prepare, m.prepare_back = copy_recursive, copy_recursive_back
    m.forward, m.backward, m.gradient = forward_recursive, backward_recursive, gradient_of_recursive
    m.gradient_reads_target = m.takes_group = True
    return m
