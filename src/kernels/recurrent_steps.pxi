# Recurrent layers step by step: a group of sequences through all of its steps, and back.
#
# The input product of all steps is one product; what the state adds is one product a step over the
# group's samples, after which the gates, while in the cache, become the next state. Going back,
# `dgates` get the gradient with respect to p, and the weights' gradients wait for the whole batch.
#
# If there is only one group, and a step is enough work, all workers are a team that takes it
# together: each has a share of the steps in the products that are over all of them, and a share of
# the units in every step. So this is more than arithmetic: the members meet at every step, and look
# for what ends the call.

cdef inline void meet_team(const Sequences* q) noexcept nogil:
    if q.team != NULL:
        meet(q.team, NULL)


cdef inline bint leaves_off(const Recurrent* r, int worker, const Sequences* q) noexcept nogil:
    # After a step in time, a team all at the same one.
    worked(q.watch, worker, <double>r.units * r.columns * q.samples / q.members)
    return q.team.over if q.team != NULL else is_ending(q.watch)


cdef inline bint is_over(const Sequences* q, Py_ssize_t i, Py_ssize_t t) noexcept nogil:
    return q.lengths != NULL and t >= q.lengths[i]


cdef void recurrent_step(const Recurrent* r, const real* p, int worker, const Sequences* q,
                         Py_ssize_t t) noexcept nogil:
    cdef Py_ssize_t i, units = r.units, before = slot_before(r, t), after = 2 * t + 1 - before
    cdef Py_ssize_t first = share(units, VEC_LANES, q.member, q.members)
    cdef Py_ssize_t last = share(units, VEC_LANES, q.member + 1, q.members)
    cdef real* gates = q.gates + t * r.width
    cdef const real* h = q.h + before * units
    cdef real* h_after = q.h + after * units
    state_product(r, &r.w, p, worker, q, gates, q.gates_sample, h, q.h_sample, gates)
    if r.cell == GRU_AFTER:
        state_product(r, &r.v, p, worker, q, p + r.state_bias + 2 * units, 0, h, q.h_sample,
                      gates + 3 * units)
    elif r.cell == GRU_BEFORE:
        for i in range(q.samples):
            gru_reset(gates + i * q.gates_sample, h + i * q.h_sample, units, first, last)
        meet_team(q)
        state_product(r, &r.v, p, worker, q, gates + 2 * units, q.gates_sample, gates + 3 * units,
                      q.gates_sample, gates + 2 * units)
    for i in range(q.samples):
        if is_over(q, i, t):
            memcpy(h_after + first, h + first, (last - first) * sizeof(real))
            if r.cell == LSTM:
                memcpy(q.c + i * q.h_sample + after * units + first,
                       q.c + i * q.h_sample + before * units + first, (last - first) * sizeof(real))
        elif r.cell == LSTM:
            lstm_cell(gates, q.c + i * q.h_sample + before * units,
                      q.c + i * q.h_sample + after * units, h_after, units, first, last)
        elif r.cell == GRU_AFTER:
            gru_after_cell(gates, h, h_after, units, first, last)
        elif r.cell == GRU_BEFORE:
            gru_mix(gates, h, h_after, units, first, last)
        elif r.cell == RNN:
            rnn_cell(r.activation, r.setting, gates, h_after, first, last)
        gates += q.gates_sample
        h += q.h_sample
        h_after += q.h_sample
    meet_team(q)


cdef void start_gates(const Recurrent* r, const real* p, real* start) noexcept nogil:
    # The biases that come before any product with the state.
    cdef Py_ssize_t i
    for i in range(r.columns):
        start[i] = p[r.bias + i]
        if r.cell != GRU_AFTER or i < 2 * r.units:
            start[i] += p[r.state_bias + i]


cdef void look_up(const Recurrent* r, int worker, const Sequences* q, Py_ssize_t first,
                  Py_ssize_t last) noexcept nogil:
    # The gates' start at steps first to last.
    cdef Py_ssize_t i, t, token
    cdef const real* products = r.lookup.products + worker * r.lookup.stride
    for i in range(q.samples):
        for t in range(first, last):
            token = token_within(q.tokens[i * q.tokens_sample + t], r.lookup.rows)
            memcpy(q.gates + i * q.gates_sample + t * r.width, products + token * r.columns,
                   r.columns * sizeof(real))


cdef void recurrent_forward(const Recurrent* r, const real* p, int worker,
                            const Sequences* q) noexcept nogil:
    # The state before the first step is there already.
    cdef Py_ssize_t first = share(q.steps, 1, q.member, q.members)
    cdef Py_ssize_t last = share(q.steps, 1, q.member + 1, q.members)
    cdef Py_ssize_t i, s
    start_gates(r, p, q.start)
    meet_team(q)
    if q.tokens != NULL:
        look_up(r, worker, q, first, last)
    for i in range(q.samples if q.tokens == NULL else 0):
        rows_product(&r.u, p, worker, q.start, 0, q.x + i * q.x_sample + first * r.inputs, r.inputs,
                     q.gates + i * q.gates_sample + first * r.width, r.width, last - first,
                     q.nonzero)
        worked(q.watch, worker, <double>r.inputs * r.columns * (last - first))
        if is_ending(q.watch):
            break
    meet_team(q)
    for s in range(q.steps):
        recurrent_step(r, p, worker, q, q.steps - 1 - s if r.reverse else s)
        if leaves_off(r, worker, q):
            return


cdef void cells_back(const Recurrent* r, const Sequences* q, Py_ssize_t t, Py_ssize_t i,
                     Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # The gradients of sample i's gates, and dh becomes what goes straight to the state before: past
    # its end, where its state stays, all of it.
    cdef Py_ssize_t j, units = r.units, before = slot_before(r, t), after = 2 * t + 1 - before
    cdef const real* gates = q.gates + i * q.gates_sample + t * r.width
    cdef real* dgates = q.dgates + i * q.gates_sample + t * r.width
    cdef real* dh = q.dh + i * q.d_sample
    cdef const real* h = q.h + i * q.h_sample
    cdef const real* dy = q.zeros
    if q.dy != NULL and not is_over(q, i, t):
        dy = q.dy + i * q.dy_sample + t * q.dy_step
    if q.whole != NULL:
        for j in range(units):
            q.whole[(i * (q.steps + 1) + after) * units + j] = dh[j] + dy[j]
    if is_over(q, i, t):
        for j in range(r.width // units):
            memset(dgates + j * units + first, 0, (last - first) * sizeof(real))
        return
    if r.cell == LSTM:
        lstm_cell_backward(gates, dgates, q.c + i * q.h_sample + before * units,
                           q.c + i * q.h_sample + after * units, dy, dh, q.dc + i * q.d_sample,
                           units, first, last)
    elif r.cell == GRU_AFTER:
        gru_after_cell_backward(gates, dgates, h + before * units, dy, dh, units, first, last)
    elif r.cell == GRU_BEFORE:
        gru_mix_backward(gates, dgates, h + before * units, dy, dh, units, first, last)
    elif r.cell == RNN and q.slopes == NULL:
        rnn_cell_backward(r.activation, r.setting, h + after * units, dy, dh, dgates, first, last)
    elif r.cell == RNN:
        for j in range(units):
            dgates[j] = (dh[j] + dy[j]) * q.slopes[(i * q.steps + t) * units + j]
    if r.cell == RNN or r.cell == LSTM:
        memset(dh + first, 0, (last - first) * sizeof(real))


cdef void recurrent_step_back(const Recurrent* r, const real* p, int worker, const Sequences* q,
                              Py_ssize_t t) noexcept nogil:
    cdef Py_ssize_t i, units = r.units
    cdef Py_ssize_t first = share(units, VEC_LANES, q.member, q.members)
    cdef Py_ssize_t last = share(units, VEC_LANES, q.member + 1, q.members)
    cdef real* dgates = q.dgates + t * r.width
    for i in range(q.samples):
        cells_back(r, q, t, i, first, last)
    meet_team(q)
    if r.cell == GRU_AFTER:
        state_product_back(r, &r.v, p, worker, q, NULL, dgates + 3 * units, q.dh)
    elif r.cell == GRU_BEFORE:
        state_product_back(r, &r.v, p, worker, q, q.zeros, dgates + 2 * units, q.spare)
        for i in range(q.samples):
            gru_reset_backward(q.gates + i * q.gates_sample + t * r.width,
                               dgates + i * q.gates_sample,
                               q.h + i * q.h_sample + slot_before(r, t) * units,
                               q.spare + i * q.d_sample, q.dh + i * q.d_sample, units, first, last)
        meet_team(q)
    state_product_back(r, &r.w, p, worker, q, NULL, dgates, q.dh)


cdef void recurrent_backward(const Recurrent* r, const real* p, int worker,
                             const Sequences* q) noexcept nogil:
    cdef Py_ssize_t first = share(q.steps, 1, q.member, q.members)
    cdef Py_ssize_t last = share(q.steps, 1, q.member + 1, q.members)
    cdef Py_ssize_t i, s
    cdef const real* init = q.zeros
    if q.adds:
        init = NULL
    meet_team(q)
    for s in range(q.steps):
        recurrent_step_back(r, p, worker, q, s if r.reverse else q.steps - 1 - s)
        if leaves_off(r, worker, q):
            break
    if q.whole != NULL:
        for i in range(q.samples):
            memcpy(q.whole + (i * (q.steps + 1) + (q.steps if r.reverse else 0)) * r.units,
                   q.dh + i * q.d_sample, r.units * sizeof(real))
    meet_team(q)
    if q.dx != NULL:
        for i in range(q.samples):
            rows_product_back(&r.u, p, worker, init,
                              q.dgates + i * q.gates_sample + first * r.width, r.width,
                              q.dx + i * q.dx_sample + first * r.inputs, r.inputs,
                              last - first, q.spare)
            worked(q.watch, worker, <double>r.inputs * r.columns * (last - first))
            if is_ending(q.watch):
                break
    meet_team(q)
