# A row of a table for each token. A node that is no leaf has the token -1, and zeros.

cdef struct Embedding:
    Py_ssize_t vocabulary
    bint looked_up              # by the recurrent layer behind it (lookup.pxi)
    real* some                  # of the gradient, where it is added up some places at a time


cdef int describe_embedding(Network* net, Op* op, dict fields) except -1:
    cdef Embedding* own = <Embedding*>op.own
    own.vocabulary = fields["vocabulary"]
    op.rows = op.trained_rows = own.vocabulary
    op.columns = target_of(net, op).features
    if op.source[0] == 0 or (net.op[op.source[0] - 1].kind == FAN_OUT
                             and net.op[op.source[0] - 1].source[0] == 0):
        net.reads_tokens = True
    return 0


cdef int reserve_embedding(Memory memory, Network* net, Op* op) except -1:
    cdef Embedding* own = <Embedding*>op.own
    own.some = table_for_some(memory, net, op.target, own.vocabulary, op.columns)
    return 0


cdef real* table_for_some(Memory memory, const Network* net, int tensor, Py_ssize_t vocabulary,
                          Py_ssize_t columns) except? NULL:
    # Or NULL, where a batch has few places.
    if (memory.mode == INFERENCE
            or memory.rows * net.tensor[tensor].steps <= places_at_a_time(vocabulary)):
        return NULL
    return memory.take(vocabulary * columns + VEC_LANES)


cdef inline Py_ssize_t token_at(const Network* net, const Op* op, const real* x) noexcept nogil:
    # Checked here too: an input may be changed after it was checked, or come from another
    # operation. Below zero where there is none.
    if 0 <= x[0] < op.rows and x[0] == <Py_ssize_t>x[0]:
        return <Py_ssize_t>x[0]
    if x[0] != -1 or not has_trees(net):
        raise_flag(&net.watch.no_token)
        raise_flag(net.watch.ending)
    return -1


cdef void forward_embedding(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const real* x = input_of(net, op, part)
    cdef const real* table = net.parameters + op.offset
    cdef real* y = output_of(net, op, part)
    cdef Py_ssize_t t, token
    for t in range(target_of(net, op).steps):
        token = token_at(net, op, x + t)
        if (<const Embedding*>op.own).looked_up:
            continue                    # nobody reads y
        if token < 0:
            memset(y + t * op.columns, 0, op.columns * sizeof(real))
        else:
            memcpy(y + t * op.columns, table + token * op.columns, op.columns * sizeof(real))


cdef void backward_embedding(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef real* dx = input_gradient_of(net, op, part)
    if dx != NULL:
        memset(dx, 0, source_of(net, op).size * sizeof(real))


cdef void gradient_of_embedding(const Network* net, const Op* op, Py_ssize_t start, Py_ssize_t stop,
                                Py_ssize_t batch) noexcept nogil:
    cdef const Embedding* own = <const Embedding*>op.own
    cdef const Tensor* source = source_of(net, op)
    cdef const Tensor* target = target_of(net, op)
    cdef real* total = net.gradients + op.offset
    cdef Tokens p
    if own.looked_up:
        looked_up_gradient(net, &net.op[op.target], start, stop, total)
        return
    p.x, p.x_sample = source.value, source.stride
    p.dy, p.dy_sample, p.dy_step = target.gradient, target.stride, op.columns
    p.samples, p.steps = rows_of(net, batch), target.steps
    table_gradient(&p, own.vocabulary, start, stop, op.columns, op.columns, own.some, total)


cdef Methods embedding_methods():
    cdef Methods m = no_methods(EMBEDDING, sizeof(Embedding))
    m.describe, m.reserve = describe_embedding, reserve_embedding
    m.forward, m.backward = forward_embedding, backward_embedding
    m.gradient = gradient_of_embedding
    return m
