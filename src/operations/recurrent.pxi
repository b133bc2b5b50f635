# A recurrent layer: a group of sequences through one direction or two, and the batch's gradients. A
# team of workers takes a group together.

cdef struct RecurrentLayer:
    Recurrent cells[2]          # the second from the last step to the first
    int directions              # how many of them there are
    bint sequences              # whether each step's state goes on, or the last alone
    bint adds                   # whether two directions are added up, or lie side by side
    bint stateful
    double step                 # multiply-adds a sample; 0 where steps are too few for a team


cdef int describe_recurrence(Network* net, Op* op, dict fields) except -1:
    cdef RecurrentLayer* own = <RecurrentLayer*>op.own
    cdef const Tensor* source = source_of(net, op)
    cdef Recurrent* r
    cdef int direction
    cdef Py_ssize_t offset = op.offset
    own.directions, own.adds = fields["directions"], fields["adds"]
    own.sequences = fields["sequences"]
    own.stateful = fields["stateful"]
    for direction in range(own.directions):
        r = &own.cells[direction]
        describe_recurrent(r, row_of_name(_CELLS, "cell", fields["cell"]),
                           row_of_name(_FUSED, "cell_activation", fields["cell_activation"]),
                           fields["setting"], source.features, fields["units"], offset)
        r.reverse = direction
        r.state = net.state_stride
        net.state_stride += state_size(r)
        offset = r.state_bias + r.columns
        op.rows, op.columns = op.rows + r.inputs + r.units + 2, r.columns
        op.work += <double>(r.inputs + r.units) * r.columns * source.steps
        own.step = <double>r.units * r.columns if source.steps > 3 else 0
    op.trained_rows = op.rows
    op.adds_up = False                  # but where it looks products up
    if gives_states(op):                # and the one that it started with
        net.tensor[op.target].stride += padded(own.cells[0].units)
    return 0


cdef inline bint gives_states(const Op* op) noexcept nogil:
    # Whether its output is its states, one after another.
    cdef const RecurrentLayer* own = <const RecurrentLayer*>op.own
    return own.directions == 1 and own.sequences


cdef bint shares_states(Memory memory, const Op* op) noexcept:
    # No copy is made of them where all of them count.
    return gives_states(op) and not memory.masked


cdef int reserve_recurrence(Memory memory, Network* net, Op* op) except -1:
    cdef RecurrentLayer* own = <RecurrentLayer*>op.own
    cdef Tensor* target = &net.tensor[op.target]
    cdef const Tensor* source = source_of(net, op)
    cdef Recurrent* r
    cdef int direction
    for direction in range(own.directions):
        r = &own.cells[direction]
        # Scratch of sequences_of.
        memory.need(3 * net.group * padded(max(r.units, r.inputs)) + padded(r.columns), r.width)
        _copy_cell(memory, r, net, source)
        _hold_cell(memory, r, source.steps, memory.rows_of(net, target))
        reserve_lookup(memory, net, op, r)
    if shares_states(memory, op):
        target.value = own.cells[0].h + own.cells[0].units
    return 0


cdef _copy_cell(Memory memory, Recurrent* r, const Network* net, const Tensor* source):
    # Copies of the weights, where products with several rows will want them.
    cdef Matrix* w
    cdef int i
    for i in range(3):
        w = matrix_of(r, i)
        wanted = w.columns and (source.steps > 3 or (i > 0 and net.has_transposed))
        back = wanted and memory.mode != INFERENCE and (i > 0 or source.needs_gradient)
        memory.take_panels(w, wanted, back)


cdef _hold_cell(Memory memory, Recurrent* r, Py_ssize_t steps, Py_ssize_t rows):
    # States and gates of every step.
    r.gates_sample = padded(steps * r.width) + VEC_LANES
    r.h_sample = padded(steps * r.units) + padded(r.units) + VEC_LANES
    r.gates = r.dgates = memory.take(rows * r.gates_sample)
    if memory.mode == INPUT_GRADIENT:
        r.dgates = memory.take(rows * r.gates_sample)
    r.h = memory.take(rows * r.h_sample)
    r.c = memory.take(rows * r.h_sample) if r.cell == LSTM else r.h


cdef inline int members_of(const Network* net) noexcept nogil:
    return net.team.workers if net.team != NULL else 1


cdef void copy_recurrence(const Network* net, const Op* op, int worker) noexcept nogil:
    # Each worker makes its own: that is quicker than to fetch the half that another core has done.
    cdef const RecurrentLayer* own = <const RecurrentLayer*>op.own
    cdef int direction
    for direction in range(own.directions):
        lay_recurrent(&own.cells[direction], net.parameters, worker, members_of(net), net.alone)
        if looks_up(op):
            lay_lookup(net, op, direction, worker)


cdef void copy_recurrence_back(const Network* net, const Op* op, int worker) noexcept nogil:
    cdef const RecurrentLayer* own = <const RecurrentLayer*>op.own
    cdef int direction
    for direction in range(own.directions):
        lay_transposed_recurrent(&own.cells[direction], net.parameters, worker, members_of(net),
                                 net.alone)


cdef Sequences sequences_of(const Network* net, const Op* op, int direction,
                            const Part* part) noexcept nogil:
    cdef const Recurrent* r = &(<const RecurrentLayer*>op.own).cells[direction]
    cdef const Tensor* source = source_of(net, op)
    cdef const Tensor* tokens
    cdef Py_ssize_t row = place_of(net, target_of(net, op), part)
    cdef Sequences q
    memset(&q, 0, sizeof(Sequences))
    q.samples, q.steps, q.alone = part.count, source.steps, net.alone
    q.lengths = net.lengths + part.row if net.lengths != NULL else NULL
    q.x, q.x_sample = value_of(net, source, part), source.stride
    if looks_up(op):
        tokens = source_of(net, &net.op[op.source[0] - 1])
        q.tokens, q.tokens_sample = value_of(net, tokens, part), tokens.stride
    q.gates, q.gates_sample = r.gates + row * r.gates_sample, r.gates_sample
    q.dgates = r.dgates + row * r.gates_sample
    q.h_sample = r.h_sample
    q.h = r.h + row * r.h_sample
    q.c = r.c + row * r.h_sample if r.c != NULL else NULL
    q.d_sample = padded(max(r.units, r.inputs))
    q.dh = fields_of(net, part.owner)
    q.dc = q.dh + net.group * q.d_sample
    q.spare = q.dc + net.group * q.d_sample
    q.start = fields_of(net, part.worker) + 3 * net.group * q.d_sample
    q.team, q.member, q.members, q.watch = net.team, 0, 1, net.watch
    if net.team != NULL:
        q.member, q.members = part.worker, net.team.workers
    q.zeros, q.nonzero = net.zeros, nonzero_of(net, part.worker)
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


cdef inline real* row_of_states(const Network* net, const Op* op, real* states,
                                Py_ssize_t row) noexcept nogil:
    # NULL where the layer starts with zeros.
    if states == NULL or not (net.all_states or (<const RecurrentLayer*>op.own).stateful):
        return NULL
    return states + row * net.state_stride


cdef void give_direction(const RecurrentLayer* own, const Sequences* q, int direction, Py_ssize_t i,
                         real* y) noexcept nogil:
    # One direction's share of what goes on.
    cdef const Recurrent* r = &own.cells[direction]
    cdef Py_ssize_t t, units = r.units
    cdef Py_ssize_t features = units if own.adds else units * own.directions
    cdef Py_ssize_t length = min(q.lengths[i], q.steps) if q.lengths != NULL else q.steps
    cdef const real* h = q.h + i * q.h_sample
    if not own.sequences:
        h += (0 if r.reverse else q.steps) * units
        if own.adds and direction:
            add_slice(y, h, units)
        else:
            memcpy(y + direction * units, h, units * sizeof(real))
        return
    h += (0 if r.reverse else units)
    if y == h:
        return
    if own.directions == 1:
        memcpy(y, h, length * units * sizeof(real))
    else:
        for t in range(length):
            if own.adds and direction:
                add_slice(y + t * features, h + t * units, units)
            else:
                memcpy(y + t * features + (0 if own.adds else direction * units), h + t * units,
                       units * sizeof(real))
    memset(y + length * features, 0, (q.steps - length) * features * sizeof(real))


cdef void forward_recurrence(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const RecurrentLayer* own = <const RecurrentLayer*>op.own
    cdef const Tensor* target = target_of(net, op)
    cdef const Recurrent* r
    cdef Sequences q
    cdef Py_ssize_t i, first, last
    cdef real* states
    cdef int direction
    for direction in range(own.directions):
        r = &own.cells[direction]
        q = sequences_of(net, op, direction, part)
        first = (q.steps if r.reverse else 0) * r.units
        last = q.steps * r.units - first
        if q.member == 0:
            for i in range(part.count):
                take_state(r, row_of_states(net, op, net.states, part.row + i),
                           q.h + i * q.h_sample + first, q.c + i * q.h_sample + first)
        recurrent_forward(r, net.parameters, part.worker, &q)
        if q.member > 0:
            continue
        for i in range(part.count):
            states = row_of_states(net, op, net.states, part.row + i)
            if states != NULL:
                give_state(r, q.h + i * q.h_sample + last, q.c + i * q.h_sample + last, states)
            give_direction(own, &q, direction, i, value_of(net, target, part) + i * target.stride)


cdef void backward_recurrence(const Network* net, const Op* op, const Part* part) noexcept nogil:
    # The gradient of the input and of the gates; that of the weights waits for the whole batch.
    cdef const RecurrentLayer* own = <const RecurrentLayer*>op.own
    cdef const Tensor* target = target_of(net, op)
    cdef const Recurrent* r
    cdef real* dy = gradient_of(net, target, part)
    cdef Sequences q
    cdef Py_ssize_t i
    cdef real* states
    cdef int direction
    for direction in range(own.directions):
        r = &own.cells[direction]
        q = sequences_of(net, op, direction, part)
        if q.member == 0:
            for i in range(part.count):
                take_state(r, row_of_states(net, op, net.state_gradients, part.row + i),
                           q.dh + i * q.d_sample, q.dc + i * q.d_sample)
                if not own.sequences:
                    add_slice(q.dh + i * q.d_sample,
                              dy + i * target.stride + (0 if own.adds else direction * r.units),
                              r.units)
        if own.sequences:
            q.dy, q.dy_sample = dy + (0 if own.adds else direction * r.units), target.stride
            q.dy_step = target.features
        q.dx = gradient_of(net, source_of(net, op), part)
        q.dx_sample = source_of(net, op).gradient_stride
        q.adds = direction > 0
        if q.tokens != NULL:
            q.dx = NULL
        recurrent_backward(r, net.parameters, part.worker, &q)
        if q.member > 0:
            continue
        for i in range(part.count):
            states = row_of_states(net, op, net.state_gradients, part.row + i)
            if states != NULL:
                give_state(r, q.dh + i * q.d_sample, q.dc + i * q.d_sample, states)


cdef inline Part whole(Py_ssize_t batch) noexcept nogil:
    # All of it, whose tensors are wide.
    cdef Part part
    memset(&part, 0, sizeof(Part))
    part.count = batch
    return part


cdef void gradient_of_recurrence(const Network* net, const Op* op, Py_ssize_t start,
                                 Py_ssize_t stop, Py_ssize_t batch) noexcept nogil:
    # The second direction's rows are below those of the first.
    cdef const RecurrentLayer* own = <const RecurrentLayer*>op.own
    cdef Py_ssize_t rows = op.rows // own.directions
    cdef Part part = whole(batch)
    cdef Sequences q
    cdef int direction
    for direction in range(own.directions):
        if start < (direction + 1) * rows and stop > direction * rows:
            q = sequences_of(net, op, direction, &part)
            recurrent_weight_gradient(&own.cells[direction], &q, max(start - direction * rows, 0),
                                      min(stop - direction * rows, rows), net.gradients,
                                      net.parameters, net.updated)


cdef Methods recurrent_methods():
    cdef Methods m = no_methods(RECURRENT, sizeof(RecurrentLayer))
    m.describe, m.reserve = describe_recurrence, reserve_recurrence
    m.shares_value = shares_states
    m.prepare, m.prepare_back = copy_recurrence, copy_recurrence_back
    m.forward, m.backward = forward_recurrence, backward_recurrence
    m.gradient, m.gradient_reads_target = gradient_of_recurrence, True
    m.add_up = add_up_lookups
    m.takes_group = m.takes_team = True
    return m
