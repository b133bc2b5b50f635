# A recurrent layer behind an embedding. Where a batch has many more tokens than the table has rows, the layer's input
# product is made once for each row and looked up for each token. Going back, what is asked of each row's product is added up
# over the whole batch; the gradients of the layer's input weights and of the table are then products over rows, not tokens.

cdef inline bint looks_up(const Network* net, int k) noexcept nogil:
    return net.op[k].kind == RECURRENT and net.op[k].cells[0].lookup.rows > 0


cdef void lay_lookup(const Network* net, int k, int direction, int worker) noexcept nogil:
    # After the copies of the layer's weights.
    cdef const Recurrent* r = &net.op[k].cells[direction]
    cdef Sequences q = sequences_of(net, k, direction, worker, 0, 0)
    start_gates(r, net.parameters, q.start)
    rows_product(&r.u, net.parameters, worker, q.start, 0, net.parameters + r.lookup.table, r.inputs,
                 r.lookup.products + worker * r.lookup.stride, r.columns, r.lookup.rows, q.nonzero)


cdef void look_up(const Recurrent* r, int worker, const Sequences* q, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # The gates' start at steps first to last.
    cdef Py_ssize_t i, t
    cdef const real* products = r.lookup.products + worker * r.lookup.stride
    for i in range(q.samples):
        for t in range(first, last):
            memcpy(q.gates + i * q.gates_sample + t * r.width, products + <Py_ssize_t>q.tokens[i * q.tokens_sample + t] * r.columns,
                   r.columns * sizeof(real))


cdef void add_up_lookups(const Network* net, int worker, int workers, Py_ssize_t batch) noexcept nogil:
    # This worker's share of the columns.
    cdef const Recurrent* r
    cdef Sequences q
    cdef Py_ssize_t i, t, first, count
    cdef real* total
    cdef int k, direction
    for k in range(net.count):
        for direction in range(net.op[k].directions if looks_up(net, k) else 0):
            r = &net.op[k].cells[direction]
            q = sequences_of(net, k, direction, 0, 0, batch)
            first = share(r.columns, VEC_LANES, worker, workers)
            count = share(r.columns, VEC_LANES, worker + 1, workers) - first
            for i in range(r.lookup.rows):
                memset(r.lookup.gradient + i * r.columns + first, 0, count * sizeof(real))
            for i in range(batch):
                for t in range(q.steps):
                    total = r.lookup.gradient + <Py_ssize_t>q.tokens[i * q.tokens_sample + t] * r.columns + first
                    add_slice(total, q.gates + i * q.gates_sample + t * r.width + first, count)


cdef void looked_up_gradient(const Network* net, int k, Py_ssize_t start, Py_ssize_t stop, real* gradients) noexcept nogil:
    # Rows start to stop of the table's gradient, from layer k and its lookups, added up.
    cdef const Recurrent* r
    cdef int direction
    for direction in range(net.op[k].directions):
        r = &net.op[k].cells[direction]
        rows_product_back(&r.u, net.parameters, 0, net.zeros if direction == 0 else NULL, r.lookup.gradient + start * r.columns, r.columns,
                          gradients + start * r.inputs, r.inputs, stop - start, NULL)
