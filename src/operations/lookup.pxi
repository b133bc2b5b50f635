# A recurrent layer behind an embedding. Where a batch has many more tokens than the table has rows,
# the layer's input product is made once for each row and looked up for each token. Going back, what
# is asked of each row's product is added up over the whole batch; the gradients of the layer's
# input weights and of the table are then products over rows, not tokens.

cdef Embedding* looks_into(const Network* net, const Op* op):
    # The embedding that a recurrent layer alone reads, with steps enough; or NULL.
    cdef int source = op.source[0]
    if (op.kind == RECURRENT and source == op.target - 1 and source > 0
            and net.op[source - 1].kind == EMBEDDING and net.tensor[source].steps > 3):
        return <Embedding*>net.op[source - 1].own
    return NULL


cdef bint choose_lookups(Network* net, Py_ssize_t batch):
    # Where each of several workers may as well have all products of its own. Gives whether that has
    # changed.
    cdef bint changed = False, wanted
    cdef Embedding* table
    cdef int k
    for k in range(net.count):
        table = looks_into(net, &net.op[k])
        if table != NULL:
            wanted = batch * net.tensor[k].steps >= LOOKUP_TOKENS * table.vocabulary
            changed = changed or wanted != table.looked_up
            table.looked_up = wanted
            net.op[k].adds_up = wanted
    return changed


cdef inline bint looks_up(const Op* op) noexcept nogil:
    return op.kind == RECURRENT and (<const RecurrentLayer*>op.own).cells[0].lookup.rows > 0


cdef reserve_lookup(Memory memory, Network* net, Op* op, Recurrent* r):
    cdef Embedding* table = looks_into(net, op)
    cdef Lookup* p = &r.lookup
    memset(p, 0, sizeof(Lookup))
    if table == NULL or not table.looked_up:
        return
    p.rows, p.table = table.vocabulary, net.op[op.source[0] - 1].offset
    p.stride = p.rows * r.columns + VEC_LANES
    p.products = memory.take_copies(p.stride)
    p.gradient = memory.take(p.stride) if memory.mode != INFERENCE else NULL
    p.some = table_for_some(memory, net, op.source[0], p.rows, r.columns)


cdef void lay_lookup(const Network* net, const Op* op, int direction, int worker) noexcept nogil:
    # After the copies of the layer's weights.
    cdef const Recurrent* r = &(<const RecurrentLayer*>op.own).cells[direction]
    cdef Part nobody = whole(0)
    nobody.worker = worker
    cdef Sequences q = sequences_of(net, op, direction, &nobody)
    start_gates(r, net.parameters, q.start)
    rows_product(&r.u, net.parameters, worker, q.start, 0, net.parameters + r.lookup.table,
                 r.inputs, r.lookup.products + worker * r.lookup.stride, r.columns, r.lookup.rows,
                 q.nonzero)


cdef void add_up_lookups(const Network* net, const Op* op, int worker, int workers,
                         Py_ssize_t batch) noexcept nogil:
    # This worker's share of the columns.
    cdef const RecurrentLayer* own = <const RecurrentLayer*>op.own
    cdef const Recurrent* r
    cdef Part part = whole(batch)
    cdef Sequences q
    cdef Tokens p
    cdef Py_ssize_t first, count
    cdef int direction
    cdef bint wanted = looks_up(op) and target_of(net, op).needs_gradient
    for direction in range(own.directions if wanted else 0):
        r = &own.cells[direction]
        q = sequences_of(net, op, direction, &part)
        first = share(r.columns, VEC_LANES, worker, workers)
        count = share(r.columns, VEC_LANES, worker + 1, workers) - first
        p.x, p.x_sample = q.tokens, q.tokens_sample
        p.dy, p.dy_sample, p.dy_step = q.dgates + first, q.gates_sample, r.width
        p.samples, p.steps = batch, q.steps
        table_gradient(&p, r.lookup.rows, 0, r.lookup.rows, r.columns, count,
                       r.lookup.some + first if r.lookup.some != NULL else NULL,
                       r.lookup.gradient + first)


cdef void looked_up_gradient(const Network* net, const Op* op, Py_ssize_t start, Py_ssize_t stop,
                             real* gradients) noexcept nogil:
    # Rows start to stop of the table's gradient, from a layer and its lookups, added up.
    cdef const RecurrentLayer* own = <const RecurrentLayer*>op.own
    cdef const Recurrent* r
    cdef int direction
    for direction in range(own.directions):
        r = &own.cells[direction]
        rows_product_back(&r.u, net.parameters, 0, net.zeros if direction == 0 else NULL,
                          r.lookup.gradient + start * r.columns, r.columns,
                          gradients + start * r.inputs, r.inputs, stop - start, NULL)
