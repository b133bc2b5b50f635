# Recurrent layers: a group of sequences through all of its steps, and back.
#
#     RNN          h' = f(p)                        p = x U + b + h W + d
#     LSTM         i, f, o = sigmoid, g = tanh      p = x U + b + h W + d, gates in the order i f g o
#                  c' = f c + i g,  h' = o tanh c'
#     GRU_BEFORE   r, z = sigmoid                   p = x U + b + h W + d, gates in the order r z n
#                  n = tanh,  h' = h + z (n - h)    n's part of h W is (r h) V: reset before the product (article 6)
#     GRU_AFTER    likewise, but                    n = tanh(x U + b + r q),  q = h V + d: reset after it, and
#                  h' = n + z (h - n)               z says what stays (PyTorch, cuDNN)
#
# A layer's parameters are U (inputs, gates), W (units, gates), b and d (gates): V is the last third of a GRU's W. U and W
# are of one width, so that all of it is one matrix with inputs + units + 2 rows.
#
# Everything a sample has lies together, step by step: x (T, inputs), gates (T, width), h and c (T + 1, units). The input
# product of all steps is one product; what the state adds is one product a step over the group's samples, after which
# the gates, while in the cache, become the next state. Going back, `gates` turn into the gradient with respect to p, and
# the weights' gradients wait for the whole batch.
#
# Where there is one group alone, and a step is work enough, all workers are a team that takes it together: each has a share
# of the steps in the products that are over all of them, and a share of the units in every step.

cdef enum Cell:
    RNN, LSTM, GRU_BEFORE, GRU_AFTER

_CELLS = {"rnn": RNN, "lstm": LSTM, "gru_before": GRU_BEFORE, "gru_after": GRU_AFTER}


cdef struct Lookup:
    # Of a layer behind an embedding: what its input weights make of each row of the table (lookup.pxi).
    Py_ssize_t rows                 # 0 where nothing is looked up
    Py_ssize_t table                # where the rows lie among the parameters
    real* products                  # (rows, columns), one a worker
    Py_ssize_t stride
    real* gradient                  # (rows, columns), added up over the batch


cdef struct Recurrent:
    int cell, activation            # activation of an RNN
    real setting                    # of the activation
    bint reverse                    # from the last step to the first
    Py_ssize_t inputs, units
    Py_ssize_t columns              # of U and W: a gate's units, times the gates
    Py_ssize_t width                # of a step's gates: a GRU keeps r h, or q, with them
    Matrix u, w, v
    Py_ssize_t bias, state_bias     # b and d
    Py_ssize_t state                # where h, and c after it, lie in a row of states
    real* gates                     # of each sample that is held
    real* h
    real* c
    Py_ssize_t gates_sample, h_sample
    Lookup lookup


cdef struct Sequences:
    # A group of samples on its way through a layer: pointers to the first one's, and how far on the next one's lies.
    Py_ssize_t samples, steps
    bint alone                      # a batch of one: panels of state weights are for a row
    const int64_t* lengths          # of each sample, or NULL: from there on its state stays, and is asked for nothing
    const real* x
    Py_ssize_t x_sample
    const real* tokens              # to look up, instead of x; or NULL
    Py_ssize_t tokens_sample
    real* gates
    real* h
    real* c
    Py_ssize_t gates_sample, h_sample
    const real* dy                  # what is asked of each step's h from outside, or NULL
    Py_ssize_t dy_sample, dy_step
    const real* slopes              # (T, units) of an RNN, each sample's in turn: the activation's derivative, or NULL
    real* whole                     # (T + 1, units): gets the whole gradient with respect to each h, or NULL
    real* dx                        # or NULL
    Py_ssize_t dx_sample
    bint adds                       # to what dx holds
    real* dh                        # gradients with respect to the last state; they become those of the first
    real* dc
    real* spare                     # as large as dh
    Py_ssize_t d_sample
    real* start                     # scratch: as wide as U
    const real* zeros
    int* nonzero
    meeting* team                   # or NULL
    int member, members
    Watch* watch                    # or NULL


cdef void describe_matrix(Matrix* w, Py_ssize_t offset, Py_ssize_t rows, Py_ssize_t columns, Py_ssize_t step) noexcept nogil:
    memset(w, 0, sizeof(Matrix))
    w.offset, w.rows, w.columns, w.step, w.segments, w.length, w.padded = offset, rows, columns, step, 1, rows, padded(rows)


cdef void describe_recurrent(Recurrent* r, int cell, int activation, real setting, Py_ssize_t inputs,
                             Py_ssize_t units, Py_ssize_t offset) noexcept nogil:
    cdef bint gru = cell == GRU_BEFORE or cell == GRU_AFTER
    memset(r, 0, sizeof(Recurrent))
    r.cell, r.activation, r.setting = cell, activation, setting
    r.inputs, r.units = inputs, units
    r.columns = units * (4 if cell == LSTM else 3 if gru else 1)
    r.width = 4 * units if gru else r.columns
    describe_matrix(&r.u, offset, inputs, r.columns, r.columns)
    describe_matrix(&r.w, offset + inputs * r.columns, units, 2 * units if gru else r.columns, r.columns)
    describe_matrix(&r.v, r.w.offset + 2 * units, units, units if gru else 0, r.columns)
    r.bias = r.w.offset + units * r.columns
    r.state_bias = r.bias + r.columns


cdef inline Py_ssize_t state_size(const Recurrent* r) noexcept nogil:
    return 2 * r.units if r.cell == LSTM else r.units


cdef inline void rnn_cell(const Recurrent* r, const real* gates, real* h, Py_ssize_t first,
                          Py_ssize_t last) noexcept nogil:
    ACTIVATION_ROWS[r.activation].forward(gates + first, h + first, r.setting, last - first)


cdef inline void rnn_cell_backward(const Recurrent* r, const real* h, const real* dy,
                                   const real* dh, real* dgates, Py_ssize_t first,
                                   Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t j, left
    cdef real* d = dgates + first
    for j from first <= j < last by VEC_LANES:
        left = last - j
        store_lanes(dgates + j, load_lanes(dh + j, left) + load_lanes(dy + j, left), left)
    ACTIVATION_ROWS[r.activation].backward(d, h + first, d, r.setting, last - first)


cdef void lstm_cell(real* gates, const real* c_before, real* c, real* h, Py_ssize_t units, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t j, left
    cdef vec i, f, g, o, cell
    for j from first <= j < last by VEC_LANES:
        left = last - j
        i = vec_sigmoid(load_lanes(gates + j, left))
        f = vec_sigmoid(load_lanes(gates + units + j, left))
        g = vec_tanh(load_lanes(gates + 2 * units + j, left))
        o = vec_sigmoid(load_lanes(gates + 3 * units + j, left))
        cell = f * load_lanes(c_before + j, left) + i * g
        store_lanes(gates + j, i, left)
        store_lanes(gates + units + j, f, left)
        store_lanes(gates + 2 * units + j, g, left)
        store_lanes(gates + 3 * units + j, o, left)
        store_lanes(c + j, cell, left)
        store_lanes(h + j, o * vec_tanh(cell), left)


cdef void lstm_cell_backward(real* gates, const real* c_before, const real* c, const real* dy, const real* dh, real* dc,
                             Py_ssize_t units, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # dc comes in as what the next step asks of c, and goes out as what this one asks of c_before.
    cdef Py_ssize_t j, left
    cdef vec i, f, g, o, shown, d, wanted
    for j from first <= j < last by VEC_LANES:
        left = last - j
        i, f = load_lanes(gates + j, left), load_lanes(gates + units + j, left)
        g, o = load_lanes(gates + 2 * units + j, left), load_lanes(gates + 3 * units + j, left)
        shown = vec_tanh(load_lanes(c + j, left))
        d = load_lanes(dh + j, left) + load_lanes(dy + j, left)
        wanted = load_lanes(dc + j, left) + d * o * tanh_slope(shown)
        store_lanes(gates + j, wanted * g * sigmoid_slope(i), left)
        store_lanes(gates + units + j,
                    wanted * load_lanes(c_before + j, left) * sigmoid_slope(f), left)
        store_lanes(gates + 2 * units + j, wanted * i * tanh_slope(g), left)
        store_lanes(gates + 3 * units + j, d * shown * sigmoid_slope(o), left)
        store_lanes(dc + j, wanted * f, left)


cdef void gru_reset(real* gates, const real* h_before, Py_ssize_t units, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # r and z become gates; r h is kept with them.
    cdef Py_ssize_t j, left
    cdef vec r
    for j from first <= j < last by VEC_LANES:
        left = last - j
        r = vec_sigmoid(load_lanes(gates + j, left))
        store_lanes(gates + units + j, vec_sigmoid(load_lanes(gates + units + j, left)), left)
        store_lanes(gates + 3 * units + j, r * load_lanes(h_before + j, left), left)
        store_lanes(gates + j, r, left)


cdef void gru_mix(real* gates, const real* h_before, real* h, Py_ssize_t units, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t j, left
    cdef vec n, before
    for j from first <= j < last by VEC_LANES:
        left = last - j
        n = vec_tanh(load_lanes(gates + 2 * units + j, left))
        before = load_lanes(h_before + j, left)
        store_lanes(gates + 2 * units + j, n, left)
        store_lanes(h + j, before + load_lanes(gates + units + j, left) * (n - before), left)


cdef void gru_mix_backward(real* gates, const real* h_before, const real* dy, real* dh, Py_ssize_t units,
                           Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # The gradients of z and n; dh becomes what goes straight to h_before.
    cdef Py_ssize_t j, left
    cdef vec z, n, d
    for j from first <= j < last by VEC_LANES:
        left = last - j
        z, n = load_lanes(gates + units + j, left), load_lanes(gates + 2 * units + j, left)
        d = load_lanes(dh + j, left) + load_lanes(dy + j, left)
        store_lanes(gates + units + j,
                    d * (n - load_lanes(h_before + j, left)) * sigmoid_slope(z), left)
        store_lanes(gates + 2 * units + j, d * z * tanh_slope(n), left)
        store_lanes(dh + j, d - d * z, left)


cdef void gru_reset_backward(real* gates, const real* h_before, const real* dkept, real* dh, Py_ssize_t units,
                             Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # The gradient of r, and what r h lets through to h_before. r h stands with the gates once more.
    cdef Py_ssize_t j, left
    cdef vec r, d, before
    for j from first <= j < last by VEC_LANES:
        left = last - j
        r = load_lanes(gates + j, left)
        d = load_lanes(dkept + j, left)
        before = load_lanes(h_before + j, left)
        store_lanes(gates + 3 * units + j, r * before, left)
        store_lanes(gates + j, d * before * sigmoid_slope(r), left)
        store_lanes(dh + j, load_lanes(dh + j, left) + d * r, left)


cdef void gru_after_cell(real* gates, const real* h_before, real* h, Py_ssize_t units, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t j, left
    cdef vec r, z, n
    for j from first <= j < last by VEC_LANES:
        left = last - j
        r = vec_sigmoid(load_lanes(gates + j, left))
        z = vec_sigmoid(load_lanes(gates + units + j, left))
        n = vec_tanh(load_lanes(gates + 2 * units + j, left) + r * load_lanes(gates + 3 * units + j, left))
        store_lanes(gates + j, r, left)
        store_lanes(gates + units + j, z, left)
        store_lanes(gates + 2 * units + j, n, left)
        store_lanes(h + j, n + z * (load_lanes(h_before + j, left) - n), left)


cdef void gru_after_cell_backward(real* gates, const real* h_before, const real* dy, real* dh, Py_ssize_t units,
                                  Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t j, left
    cdef vec r, z, n, d, dn
    for j from first <= j < last by VEC_LANES:
        left = last - j
        r = load_lanes(gates + j, left)
        z = load_lanes(gates + units + j, left)
        n = load_lanes(gates + 2 * units + j, left)
        d = load_lanes(dh + j, left) + load_lanes(dy + j, left)
        dn = (d - d * z) * tanh_slope(n)
        store_lanes(gates + j,
                    dn * load_lanes(gates + 3 * units + j, left) * sigmoid_slope(r), left)
        store_lanes(gates + units + j,
                    d * (load_lanes(h_before + j, left) - n) * sigmoid_slope(z), left)
        store_lanes(gates + 2 * units + j, dn, left)
        store_lanes(gates + 3 * units + j, dn * r, left)
        store_lanes(dh + j, d * z, left)


cdef void rows_product(const Matrix* w, const real* p, int worker, const real* init, Py_ssize_t init_step, const real* x,
                       Py_ssize_t x_step, real* y, Py_ssize_t y_step, Py_ssize_t rows, int* nonzero) noexcept nogil:
    # y = init + x W
    cdef Py_ssize_t i
    if w.panels != NULL:
        multiply_panels(w.panels + worker * w.panels_stride, w.rows, init, init_step, x, x_step, y, y_step, rows, w.columns)
        return
    for i in range(rows):
        dense_forward_one(w, p, init + i * init_step, x + i * x_step, nonzero, y + i * y_step)


cdef void rows_product_back(const Matrix* w, const real* p, int worker, const real* init, const real* dy, Py_ssize_t dy_step,
                            real* dx, Py_ssize_t dx_step, Py_ssize_t rows, real* spare) noexcept nogil:
    # dx = dy W^T, or dx + dy W^T where there is no init, a row of zeros.
    cdef Py_ssize_t i
    if w.transposed != NULL:
        multiply_panels(w.transposed + worker * w.transposed_stride, w.columns, init if init != NULL else dx,
                        0 if init != NULL else dx_step, dy, dy_step, dx, dx_step, rows, w.rows)
        return
    for i in range(rows):
        if init != NULL:
            dense_input_gradient_one(w, p, dy + i * dy_step, dx + i * dx_step)
        else:
            dense_input_gradient_one(w, p, dy + i * dy_step, spare)
            add_slice(dx + i * dx_step, spare, w.rows)


cdef inline Py_ssize_t share(Py_ssize_t n, Py_ssize_t unit, int member, int members) noexcept nogil:
    # Where a member's share of n begins, in whole units; the last one's ends where the next would begin.
    return min(n, (n + unit - 1) // unit * member // members * unit)


cdef inline void gather_team(const Sequences* q) noexcept nogil:
    if q.team != NULL:
        meet(q.team, NULL)


cdef inline bint leaves_off(const Recurrent* r, int worker, const Sequences* q) noexcept nogil:
    # After a step in time, a team all at the same one.
    worked(q.watch, worker, <double>r.units * r.columns * q.samples / q.members)
    return q.team.over if q.team != NULL else is_ending(q.watch)


cdef void lay_state_panels(const Recurrent* r, const Matrix* w, const real* p, int member, int members, real* panels, int most) noexcept nogil:
    # Of a member's units, gate by gate.
    cdef Py_ssize_t first = share(r.units, VEC_LANES, member, members), count = share(r.units, VEC_LANES, member + 1, members) - first, gate
    cdef Matrix part
    for gate in range(w.columns // r.units):
        part = part_of(w, 0, w.rows, gate * r.units + first, count)
        lay_panels(&part, p, panels + gate * w.rows * padded(count), most)


cdef void lay_recurrent(const Recurrent* r, const real* p, int worker, int members, bint alone) noexcept nogil:
    # Copies of the weights as the steps going forward want them; a team has more than one member.
    cdef int most = ROW if alone else TILE
    lay_panels_of(&r.u, p, worker, TILE)
    if members == 1:
        lay_panels_of(&r.w, p, worker, most)
        lay_panels_of(&r.v, p, worker, most)
    else:
        lay_state_panels(r, &r.w, p, worker, members, r.w.panels + worker * r.w.panels_stride, most)
        lay_state_panels(r, &r.v, p, worker, members, r.v.panels + worker * r.v.panels_stride, most)


cdef inline void lay_panels_of(const Matrix* w, const real* p, int worker, int most) noexcept nogil:
    if w.panels != NULL:
        lay_panels(w, p, w.panels + worker * w.panels_stride, most)


cdef void lay_transposed_recurrent(const Recurrent* r, const real* p, int worker, int members, bint alone) noexcept nogil:
    # And those going back.
    cdef int member = worker if members > 1 else 0, most = ROW if alone else TILE
    cdef Py_ssize_t first = share(r.units, VEC_LANES, member, members), count = share(r.units, VEC_LANES, member + 1, members) - first
    cdef Matrix part
    if r.u.transposed != NULL:
        lay_transposed_panels(&r.u, p, r.u.transposed + worker * r.u.transposed_stride, TILE)
    if r.w.transposed != NULL:
        part = part_of(&r.w, first, count, 0, r.w.columns)
        lay_transposed_panels(&part, p, r.w.transposed + worker * r.w.transposed_stride, most)
    if r.v.transposed != NULL:
        part = part_of(&r.v, first, count, 0, r.v.columns)
        lay_transposed_panels(&part, p, r.v.transposed + worker * r.v.transposed_stride, most)


cdef inline void multiply_samples(const Sequences* q, const real* panels, Py_ssize_t length, const real* init, Py_ssize_t init_step,
                                  const real* x, Py_ssize_t x_step, real* y, Py_ssize_t y_step, Py_ssize_t columns) noexcept nogil:
    if q.alone:
        multiply_row(panels, length, init, x, y, columns)
    else:
        multiply_panels(panels, length, init, init_step, x, x_step, y, y_step, q.samples, columns)


cdef void state_product(const Recurrent* r, const Matrix* w, const real* p, int worker, const Sequences* q, const real* init,
                        Py_ssize_t init_step, const real* x, Py_ssize_t x_step, real* y) noexcept nogil:
    # y = init + x W for each sample, of this member's units.
    cdef Py_ssize_t gate, first, count
    cdef const real* panels = w.panels + worker * w.panels_stride
    if w.panels == NULL:
        rows_product(w, p, worker, init, init_step, x, x_step, y, q.gates_sample, q.samples, q.nonzero)
    elif q.members == 1:        # also of a team that turned out to have one, where the others are busy
        multiply_samples(q, panels, w.rows, init, init_step, x, x_step, y, q.gates_sample, w.columns)
    else:
        first = share(r.units, VEC_LANES, q.member, q.members)
        count = share(r.units, VEC_LANES, q.member + 1, q.members) - first
        for gate in range(w.columns // r.units if count else 0):
            multiply_samples(q, panels + gate * w.rows * padded(count), w.rows, init + gate * r.units + first, init_step, x, x_step,
                             y + gate * r.units + first, q.gates_sample, count)


cdef void state_product_back(const Recurrent* r, const Matrix* w, const real* p, int worker, const Sequences* q, const real* init,
                             const real* dy, real* dx) noexcept nogil:
    # dx = dy W^T for each sample, or dx + dy W^T where there is no init, of this member's units.
    cdef Py_ssize_t first = share(r.units, VEC_LANES, q.member, q.members), count = share(r.units, VEC_LANES, q.member + 1, q.members) - first
    if w.transposed == NULL:
        rows_product_back(w, p, worker, init, dy, q.gates_sample, dx, q.d_sample, q.samples, q.spare)
    elif count:
        dx += first
        multiply_samples(q, w.transposed + worker * w.transposed_stride, w.columns, init if init != NULL else dx,
                         0 if init != NULL else q.d_sample, dy, q.gates_sample, dx, q.d_sample, count)


cdef inline Py_ssize_t slot_before(const Recurrent* r, Py_ssize_t t) noexcept nogil:
    # h and c before step t; those after it are in the other of the slots t and t + 1.
    return t + 1 if r.reverse else t


cdef inline bint is_over(const Sequences* q, Py_ssize_t i, Py_ssize_t t) noexcept nogil:
    return q.lengths != NULL and t >= q.lengths[i]


cdef void recurrent_step(const Recurrent* r, const real* p, int worker, const Sequences* q, Py_ssize_t t) noexcept nogil:
    cdef Py_ssize_t i, units = r.units, before = slot_before(r, t), after = 2 * t + 1 - before
    cdef Py_ssize_t first = share(units, VEC_LANES, q.member, q.members), last = share(units, VEC_LANES, q.member + 1, q.members)
    cdef real* gates = q.gates + t * r.width
    cdef const real* h = q.h + before * units
    cdef real* h_after = q.h + after * units
    state_product(r, &r.w, p, worker, q, gates, q.gates_sample, h, q.h_sample, gates)
    if r.cell == GRU_AFTER:
        state_product(r, &r.v, p, worker, q, p + r.state_bias + 2 * units, 0, h, q.h_sample, gates + 3 * units)
    elif r.cell == GRU_BEFORE:
        for i in range(q.samples):
            gru_reset(gates + i * q.gates_sample, h + i * q.h_sample, units, first, last)
        gather_team(q)
        state_product(r, &r.v, p, worker, q, gates + 2 * units, q.gates_sample, gates + 3 * units, q.gates_sample, gates + 2 * units)
    for i in range(q.samples):
        if is_over(q, i, t):
            memcpy(h_after + first, h + first, (last - first) * sizeof(real))
            if r.cell == LSTM:
                memcpy(q.c + i * q.h_sample + after * units + first, q.c + i * q.h_sample + before * units + first, (last - first) * sizeof(real))
        elif r.cell == LSTM:
            lstm_cell(gates, q.c + i * q.h_sample + before * units, q.c + i * q.h_sample + after * units, h_after, units, first, last)
        elif r.cell == GRU_AFTER:
            gru_after_cell(gates, h, h_after, units, first, last)
        elif r.cell == GRU_BEFORE:
            gru_mix(gates, h, h_after, units, first, last)
        else:
            rnn_cell(r, gates, h_after, first, last)
        gates += q.gates_sample
        h += q.h_sample
        h_after += q.h_sample
    gather_team(q)


cdef void start_gates(const Recurrent* r, const real* p, real* start) noexcept nogil:
    # The biases that come before any product with the state.
    cdef Py_ssize_t i
    for i in range(r.columns):
        start[i] = p[r.bias + i] + (p[r.state_bias + i] if r.cell != GRU_AFTER or i < 2 * r.units else 0)


cdef void recurrent_forward(const Recurrent* r, const real* p, int worker, const Sequences* q) noexcept nogil:
    # The state before the first step is there already.
    cdef Py_ssize_t i, s, first = share(q.steps, 1, q.member, q.members), last = share(q.steps, 1, q.member + 1, q.members)
    start_gates(r, p, q.start)
    gather_team(q)
    if q.tokens != NULL:
        look_up(r, worker, q, first, last)
    for i in range(q.samples if q.tokens == NULL else 0):
        rows_product(&r.u, p, worker, q.start, 0, q.x + i * q.x_sample + first * r.inputs, r.inputs,
                     q.gates + i * q.gates_sample + first * r.width, r.width, last - first, q.nonzero)
        worked(q.watch, worker, <double>r.inputs * r.columns * (last - first))
        if is_ending(q.watch):
            break
    gather_team(q)
    for s in range(q.steps):
        recurrent_step(r, p, worker, q, q.steps - 1 - s if r.reverse else s)
        if leaves_off(r, worker, q):
            return


cdef void cells_back(const Recurrent* r, const Sequences* q, Py_ssize_t t, Py_ssize_t i, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # Sample i's gates become gradients, and dh what goes straight to the state before: past its end, where its state stays, all of it.
    cdef Py_ssize_t j, units = r.units, before = slot_before(r, t), after = 2 * t + 1 - before
    cdef real* gates = q.gates + i * q.gates_sample + t * r.width
    cdef real* dh = q.dh + i * q.d_sample
    cdef const real* h = q.h + i * q.h_sample
    cdef const real* dy = q.dy + i * q.dy_sample + t * q.dy_step if q.dy != NULL and not is_over(q, i, t) else q.zeros
    if q.whole != NULL:
        for j in range(units):
            q.whole[(i * (q.steps + 1) + after) * units + j] = dh[j] + dy[j]
    if is_over(q, i, t):
        for j in range(r.width // units):
            memset(gates + j * units + first, 0, (last - first) * sizeof(real))
        return
    if r.cell == LSTM:
        lstm_cell_backward(gates, q.c + i * q.h_sample + before * units, q.c + i * q.h_sample + after * units, dy, dh,
                           q.dc + i * q.d_sample, units, first, last)
    elif r.cell == GRU_AFTER:
        gru_after_cell_backward(gates, h + before * units, dy, dh, units, first, last)
    elif r.cell == GRU_BEFORE:
        gru_mix_backward(gates, h + before * units, dy, dh, units, first, last)
    elif q.slopes != NULL:
        for j in range(units):
            gates[j] = (dh[j] + dy[j]) * q.slopes[(i * q.steps + t) * units + j]
    else:
        rnn_cell_backward(r, h + after * units, dy, dh, gates, first, last)
    if r.cell == RNN or r.cell == LSTM:
        memset(dh + first, 0, (last - first) * sizeof(real))


cdef void recurrent_step_back(const Recurrent* r, const real* p, int worker, const Sequences* q, Py_ssize_t t) noexcept nogil:
    cdef Py_ssize_t i, units = r.units
    cdef Py_ssize_t first = share(units, VEC_LANES, q.member, q.members), last = share(units, VEC_LANES, q.member + 1, q.members)
    cdef real* gates = q.gates + t * r.width
    for i in range(q.samples):
        cells_back(r, q, t, i, first, last)
    gather_team(q)
    if r.cell == GRU_AFTER:
        state_product_back(r, &r.v, p, worker, q, NULL, gates + 3 * units, q.dh)
    elif r.cell == GRU_BEFORE:
        state_product_back(r, &r.v, p, worker, q, q.zeros, gates + 2 * units, q.spare)
        for i in range(q.samples):
            gru_reset_backward(gates + i * q.gates_sample, q.h + i * q.h_sample + slot_before(r, t) * units, q.spare + i * q.d_sample,
                               q.dh + i * q.d_sample, units, first, last)
        gather_team(q)
    state_product_back(r, &r.w, p, worker, q, NULL, gates, q.dh)


cdef void recurrent_backward(const Recurrent* r, const real* p, int worker, const Sequences* q) noexcept nogil:
    cdef Py_ssize_t i, s, first = share(q.steps, 1, q.member, q.members), last = share(q.steps, 1, q.member + 1, q.members)
    cdef const real* init = q.zeros
    if q.adds:
        init = NULL
    gather_team(q)
    for s in range(q.steps):
        recurrent_step_back(r, p, worker, q, s if r.reverse else q.steps - 1 - s)
        if leaves_off(r, worker, q):
            break
    if q.whole != NULL:
        for i in range(q.samples):
            memcpy(q.whole + (i * (q.steps + 1) + (q.steps if r.reverse else 0)) * r.units, q.dh + i * q.d_sample, r.units * sizeof(real))
    gather_team(q)
    if q.dx != NULL:
        for i in range(q.samples):
            rows_product_back(&r.u, p, worker, init, q.gates + i * q.gates_sample + first * r.width, r.width,
                              q.dx + i * q.dx_sample + first * r.inputs, r.inputs, last - first, q.spare)
            worked(q.watch, worker, <double>r.inputs * r.columns * (last - first))
            if is_ending(q.watch):
                break
    gather_team(q)


cdef void recurrent_weight_gradient(const Recurrent* r, const Sequences* q, Py_ssize_t start, Py_ssize_t stop, real* gradients,
                                    const real* p) noexcept nogil:
    # Rows start to stop of U, W, b and d, one below the other. q holds the whole batch, gone back.
    cdef Py_ssize_t i, units = r.units, first = max(start - r.inputs, 0), last = min(stop - r.inputs, units)
    cdef const real* h = q.h + slot_before(r, 0) * units
    if start < r.inputs and q.tokens != NULL:
        dense_weight_gradient(&r.u, q.zeros, p + r.lookup.table, 0, r.inputs, r.lookup.gradient, 0, r.columns, 1, r.lookup.rows,
                              start, min(stop, r.inputs), gradients, p)
    elif start < r.inputs:
        dense_weight_gradient(&r.u, q.zeros, q.x, q.x_sample, r.inputs, q.gates, q.gates_sample, r.width, q.samples, q.steps,
                              start, min(stop, r.inputs), gradients, p)
    if first < last:
        dense_weight_gradient(&r.w, q.zeros, h, q.h_sample, units, q.gates, q.gates_sample, r.width, q.samples, q.steps, first, last, gradients, p)
        if r.cell == GRU_AFTER:
            dense_weight_gradient(&r.v, q.zeros, h, q.h_sample, units, q.gates + 3 * units, q.gates_sample, r.width,
                                  q.samples, q.steps, first, last, gradients, p)
        elif r.cell == GRU_BEFORE:
            dense_weight_gradient(&r.v, q.zeros, q.gates + 3 * units, q.gates_sample, r.width, q.gates + 2 * units, q.gates_sample, r.width,
                                  q.samples, q.steps, first, last, gradients, p)
    if start <= r.inputs + units < stop:
        memset(gradients + r.bias, 0, r.columns * sizeof(real))
        for i in range(q.samples):
            sum_rows(q.gates + i * q.gates_sample, r.width, q.steps, r.columns, gradients + r.bias)
    if start <= r.inputs + units and r.inputs + units + 1 < stop and r.cell != GRU_AFTER:
        memcpy(gradients + r.state_bias, gradients + r.bias, r.columns * sizeof(real))
    elif start <= r.inputs + units + 1 < stop:
        memset(gradients + r.state_bias, 0, r.columns * sizeof(real))
        for i in range(q.samples):
            if r.cell == GRU_AFTER:
                sum_rows(q.gates + i * q.gates_sample, r.width, q.steps, 2 * units, gradients + r.state_bias)
                sum_rows(q.gates + i * q.gates_sample + 3 * units, r.width, q.steps, units, gradients + r.state_bias + 2 * units)
            else:
                sum_rows(q.gates + i * q.gates_sample, r.width, q.steps, r.columns, gradients + r.state_bias)


cdef inline Matrix* matrix_of(Recurrent* r, int k) noexcept nogil:
    return &r.u if k == 0 else &r.w if k == 1 else &r.v
