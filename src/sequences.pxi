# Recurrent layers in a network: a group's samples through one direction or two, and the batch's gradients.

cdef Sequences sequences_of(const Network* net, int k, int direction, int worker, Py_ssize_t sample, Py_ssize_t n) noexcept nogil:
    # Of a team all members work on the memory of the first.
    cdef int first = 0 if net.team != NULL else worker
    cdef const Op* op = &net.op[k]
    cdef const Recurrent* r = &op.cells[direction]
    cdef const Tensor* source = &net.tensor[k]
    cdef Py_ssize_t row = row_of(net, &net.tensor[k + 1], first, sample, 0)
    cdef Sequences q
    memset(&q, 0, sizeof(Sequences))
    q.samples, q.steps, q.alone = n, source.steps, net.alone
    q.lengths = net.lengths + sample if net.lengths != NULL else NULL
    q.x, q.x_sample = value_of(net, k, first, sample, 0), source.stride
    if looks_up(net, k):
        q.tokens, q.tokens_sample = value_of(net, k - 1, first, sample, 0), net.tensor[k - 1].stride
    q.gates, q.gates_sample = r.gates + row * r.gates_sample, r.gates_sample
    q.h, q.c, q.h_sample = r.h + row * r.h_sample, r.c + row * r.h_sample if r.c != NULL else NULL, r.h_sample
    q.d_sample = padded(max(r.units, r.inputs))
    q.dh = net.fields + first * net.fields_stride
    q.dc = q.dh + net.group * q.d_sample
    q.spare = q.dc + net.group * q.d_sample
    q.start = net.fields + worker * net.fields_stride + 3 * net.group * q.d_sample
    q.team, q.member, q.members, q.watch = net.team, 0, 1, net.watch
    if net.team != NULL:
        q.member, q.members = worker, net.team.workers
    q.zeros, q.nonzero = net.zeros, net.nonzero + worker * net.nonzero_stride
    return q


cdef void take_state(const Recurrent* r, const real* states, real* h, real* c) noexcept nogil:
    # Zeros where there is none.
    if states == NULL:
        memset(h, 0, r.units * sizeof(real))
        if r.cell == LSTM:
            memset(c, 0, r.units * sizeof(real))
    else:
        memcpy(h, states + r.state, r.units * sizeof(real))
        if r.cell == LSTM:
            memcpy(c, states + r.state + r.units, r.units * sizeof(real))


cdef void give_state(const Recurrent* r, const real* h, const real* c, real* states) noexcept nogil:
    memcpy(states + r.state, h, r.units * sizeof(real))
    if r.cell == LSTM:
        memcpy(states + r.state + r.units, c, r.units * sizeof(real))


cdef inline real* row_of_states(const Network* net, const Op* op, real* states, Py_ssize_t row) noexcept nogil:
    # NULL where this layer starts from zeros.
    return states + row * net.state_stride if states != NULL and (op.stateful or net.all_states) else NULL


cdef inline bint gives_states(const Op* op) noexcept nogil:
    # Whether a layer's output is its states, one after another: no copy is made of them where all of them count.
    return op.kind == RECURRENT and op.directions == 1 and op.sequences


cdef void recurrent_output(const Op* op, const Sequences* q, int direction, Py_ssize_t i, real* y) noexcept nogil:
    # One direction's share of what goes on.
    cdef const Recurrent* r = &op.cells[direction]
    cdef Py_ssize_t t, units = r.units
    cdef Py_ssize_t features = units if op.adds else units * op.directions
    cdef Py_ssize_t length = min(q.lengths[i], q.steps) if q.lengths != NULL else q.steps
    cdef const real* h = q.h + i * q.h_sample
    if not op.sequences:
        h += (0 if r.reverse else q.steps) * units
        if op.adds and direction:
            add_slice(y, h, units)
        else:
            memcpy(y + direction * units, h, units * sizeof(real))
        return
    h += (0 if r.reverse else units)
    if y == h:
        return
    if op.directions == 1:
        memcpy(y, h, length * units * sizeof(real))
    else:
        for t in range(length):
            if op.adds and direction:
                add_slice(y + t * features, h + t * units, units)
            else:
                memcpy(y + t * features + (0 if op.adds else direction * units), h + t * units, units * sizeof(real))
    memset(y + length * features, 0, (q.steps - length) * features * sizeof(real))


cdef void recurrent_forward_group(const Network* net, int k, int worker, Py_ssize_t sample, Py_ssize_t n) noexcept nogil:
    cdef const Op* op = &net.op[k]
    cdef const Recurrent* r
    cdef Sequences q
    cdef Py_ssize_t i, first, last
    cdef real* states
    cdef int direction
    for direction in range(op.directions):
        r = &op.cells[direction]
        q = sequences_of(net, k, direction, worker, sample, n)
        first = (q.steps if r.reverse else 0) * r.units
        last = q.steps * r.units - first
        if q.member == 0:
            for i in range(n):
                take_state(r, row_of_states(net, op, net.states, sample + i), q.h + i * q.h_sample + first, q.c + i * q.h_sample + first)
        recurrent_forward(r, net.parameters, worker, &q)
        if q.member > 0:
            continue
        for i in range(n):
            states = row_of_states(net, op, net.states, sample + i)
            if states != NULL:
                give_state(r, q.h + i * q.h_sample + last, q.c + i * q.h_sample + last, states)
            recurrent_output(op, &q, direction, i, value_of(net, k + 1, worker, sample, i))


cdef void recurrent_backward_group(const Network* net, int k, int worker, Py_ssize_t sample, Py_ssize_t n) noexcept nogil:
    # The gradient of the input and of the gates; that of the weights waits for the whole batch.
    cdef const Op* op = &net.op[k]
    cdef const Tensor* target = &net.tensor[k + 1]
    cdef const Recurrent* r
    cdef int memory = 0 if net.team != NULL else worker
    cdef real* dy = gradient_of(net, k + 1, memory, sample, 0)
    cdef Sequences q
    cdef Py_ssize_t i
    cdef real* states
    cdef int direction
    for direction in range(op.directions):
        r = &op.cells[direction]
        q = sequences_of(net, k, direction, worker, sample, n)
        if q.member == 0:
            for i in range(n):
                take_state(r, row_of_states(net, op, net.state_gradients, sample + i), q.dh + i * q.d_sample, q.dc + i * q.d_sample)
                if not op.sequences:
                    add_slice(q.dh + i * q.d_sample, dy + i * target.stride + (0 if op.adds else direction * r.units), r.units)
        if op.sequences:
            q.dy, q.dy_sample, q.dy_step = dy + (0 if op.adds else direction * r.units), target.stride, target.size // target.steps
        q.dx, q.dx_sample, q.adds = gradient_of(net, k, memory, sample, 0), net.tensor[k].stride, direction > 0
        if q.tokens != NULL:
            q.dx = NULL
        recurrent_backward(r, net.parameters, worker, &q)
        if q.member > 0:
            continue
        for i in range(n):
            states = row_of_states(net, op, net.state_gradients, sample + i)
            if states != NULL:
                give_state(r, q.dh + i * q.d_sample, q.dc + i * q.d_sample, states)


cdef void recurrent_gradient(const Network* net, int k, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t batch) noexcept nogil:
    # Rows start to stop, the second direction's below those of the first.
    cdef const Op* op = &net.op[k]
    cdef Py_ssize_t rows = op.rows // op.directions
    cdef Sequences q
    cdef int direction
    for direction in range(op.directions):
        if start < (direction + 1) * rows and stop > direction * rows:
            q = sequences_of(net, k, direction, 0, 0, batch)
            recurrent_weight_gradient(&op.cells[direction], &q, max(start - direction * rows, 0), min(stop - direction * rows, rows),
                                      net.gradients, net.parameters)
