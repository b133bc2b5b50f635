# The gradient of a recurrent layer's parameters, over a whole batch that has gone back.

cdef void recurrent_weight_gradient(const Recurrent* r, const Sequences* q, Py_ssize_t start,
                                    Py_ssize_t stop, real* gradients, const real* p,
                                    const real* updated) noexcept nogil:
    # Rows start to stop of U, W, b and d, one below the other. q holds the whole batch, gone back.
    cdef Py_ssize_t units = r.units
    cdef Py_ssize_t first = max(start - r.inputs, 0), last = min(stop - r.inputs, units)
    cdef const real* h = q.h + slot_before(r, 0) * units
    if start < r.inputs and q.tokens != NULL:
        dense_weight_gradient(&r.u, q.zeros, p + r.lookup.table, 0, r.inputs, r.lookup.gradient, 0,
                              r.columns, 1, r.lookup.rows, start, min(stop, r.inputs), gradients,
                              updated)
    elif start < r.inputs:
        dense_weight_gradient(&r.u, q.zeros, q.x, q.x_sample, r.inputs, q.dgates, q.gates_sample,
                              r.width, q.samples, q.steps, start, min(stop, r.inputs), gradients,
                              updated)
    if first < last:
        dense_weight_gradient(&r.w, q.zeros, h, q.h_sample, units, q.dgates, q.gates_sample,
                              r.width, q.samples, q.steps, first, last, gradients, updated)
        if r.cell == GRU_AFTER:
            dense_weight_gradient(&r.v, q.zeros, h, q.h_sample, units, q.dgates + 3 * units,
                                  q.gates_sample, r.width, q.samples, q.steps, first, last,
                                  gradients, updated)
        elif r.cell == GRU_BEFORE:
            dense_weight_gradient(&r.v, q.zeros, q.dgates + 3 * units, q.gates_sample, r.width,
                                  q.dgates + 2 * units, q.gates_sample, r.width, q.samples, q.steps,
                                  first, last, gradients, updated)
    if start <= r.inputs + units < stop:
        memset(gradients + r.bias, 0, r.columns * sizeof(real))
        sum_steps(q.dgates, q.gates_sample, q.samples, r.width, q.steps, r.columns,
                  gradients + r.bias)
    if start <= r.inputs + units and r.inputs + units + 1 < stop and r.cell != GRU_AFTER:
        memcpy(gradients + r.state_bias, gradients + r.bias, r.columns * sizeof(real))
    elif start <= r.inputs + units + 1 < stop:
        memset(gradients + r.state_bias, 0, r.columns * sizeof(real))
        if r.cell == GRU_AFTER:
            sum_steps(q.dgates, q.gates_sample, q.samples, r.width, q.steps, 2 * units,
                      gradients + r.state_bias)
            sum_steps(q.dgates + 3 * units, q.gates_sample, q.samples, r.width, q.steps, units,
                      gradients + r.state_bias + 2 * units)
        else:
            sum_steps(q.dgates, q.gates_sample, q.samples, r.width, q.steps, r.columns,
                      gradients + r.state_bias)
