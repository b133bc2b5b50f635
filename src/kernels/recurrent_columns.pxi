# One step of a recurrent layer with weights as arrays hold them, (columns, inputs) and (columns,
# units). They are read once, so that to lay them out, as layers do for all of their steps, would
# take longer than the step. Samples lie side by side instead, and everything is transposed: x
# (inputs, N), gates (width, N), h and c (units, N). The product broadcasts weights, and a cell sees
# one sample of N times as many units. One sample would leave most lanes empty: then each weight's
# row is a dot product along it.

cdef struct ColumnStep:
    int cell, activation
    Py_ssize_t inputs, units
    Py_ssize_t columns, width       # of weights and gates, as of a Recurrent
    const real* u                   # (columns, inputs)
    const real* w                   # (columns, units)
    const real* b                   # (columns), or NULL
    const real* d                   # likewise


cdef inline void halve(vec* acc, const int half) noexcept nogil:
    # Sums of the lower and the upper half of lanes, of two vectors in turn.
    cdef int m
    for m in range(half):
        acc[m] = vec_zip_low(acc[m], acc[m + half]) + vec_zip_high(acc[m], acc[m + half])


cdef inline void add_dots(const int rows, const real* w, Py_ssize_t length, const real* x,
                          real* y) noexcept nogil:
    # y += W x, W of as many rows as a vector has lanes, or one. Rows come in threes behind one
    # pointer, as in a tile.
    cdef vec acc[VEC_LANES]
    cdef vec v
    cdef const real* row[6]
    cdef Py_ssize_t j
    cdef int m
    for m in range((rows + 2) // 3):
        row[m] = w + 3 * m * length
    for m in range(rows):
        acc[m] = vec_set1(0)
    for j from 0 <= j <= length - VEC_LANES by VEC_LANES:
        v = vec_load(x + j)
        for m in range(rows):
            acc[m] = acc[m] + v * vec_load(row[m // 3] + m % 3 * length + j)
    j = length // VEC_LANES * VEC_LANES
    if j < length:
        v = vec_load_first(x + j, <int>(length - j))
        for m in range(rows):
            acc[m] = acc[m] + v * vec_load_first(row[m // 3] + m % 3 * length + j,
                                                 <int>(length - j))
    if rows == 1:
        y[0] += vec_sum(acc[0])
        return
    if VEC_LANES > 8: halve(acc, 8)
    if VEC_LANES > 4: halve(acc, 4)
    if VEC_LANES > 2: halve(acc, 2)
    halve(acc, 1)
    vec_store(y, vec_load(y) + acc[0])


cdef void add_product(const real* w, Py_ssize_t rows, Py_ssize_t length, const real* x, real* y,
                      Py_ssize_t samples) noexcept nogil:
    # y (rows, samples) += W x
    cdef Product q
    cdef Py_ssize_t i, whole = rows // VEC_LANES * VEC_LANES
    if samples == 1:
        for i from 0 <= i < whole by VEC_LANES:
            add_dots(VEC_LANES, w + i * length, length, x, y + i)
        for i in range(whole, rows):
            add_dots(1, w + i * length, length, x, y + i)
    else:
        q = product(length, x=w, row_step=length, x_step=1, w=x, w_step=samples, init=y,
                    init_step=samples, c=y, c_step=samples)
        multiply(&q, rows, samples)


cdef inline vec biases(const real* b, const real* d, Py_ssize_t left) noexcept nogil:
    # Each or both may be NULL.
    return ((load_lanes(b, left) if b != NULL else vec_set1(0))
            + (load_lanes(d, left) if d != NULL else vec_set1(0)))


cdef void fill_biases(const real* b, const real* d, Py_ssize_t rows, real* y,
                      Py_ssize_t samples) noexcept nogil:
    # The next row overwrites what a row writes beyond its end; behind the last there is room.
    cdef Py_ssize_t i, j
    cdef vec bias
    if samples == 1:
        for i from 0 <= i < rows by VEC_LANES:
            vec_store(y + i, biases(b + i if b != NULL else NULL, d + i if d != NULL else NULL,
                                    rows - i))
        return
    for i in range(rows):
        bias = vec_set1((b[i] if b != NULL else 0) + (d[i] if d != NULL else 0))
        for j from 0 <= j < samples by VEC_LANES:
            vec_store(y + i * samples + j, bias)


cdef bint step_of_columns(const ColumnStep* s, const real* x, const real* h, const real* c,
                          real* gates, real* h_after, real* c_after,
                          Py_ssize_t samples) noexcept nogil:
    # Gives whether all sums, and c_after, are finite: then everything that came was, as what is not
    # stays in every sum.
    cdef bint gru = s.cell == GRU_BEFORE or s.cell == GRU_AFTER
    cdef Py_ssize_t n = s.units * samples, first = 2 * s.units if gru else s.columns
    cdef const real* d_last = s.d + first if s.d != NULL else NULL
    cdef const real* w_last = s.w + first * s.units
    cdef bint finite
    fill_biases(s.b, s.d, first, gates, samples)
    if gru:
        fill_biases(s.b + first if s.b != NULL else NULL, d_last if s.cell == GRU_BEFORE else NULL,
                    s.units, gates + 2 * n, samples)
    add_product(s.u, s.columns, s.inputs, x, gates, samples)
    add_product(s.w, first, s.units, h, gates, samples)
    if s.cell == GRU_AFTER:
        fill_biases(NULL, d_last, s.units, gates + 3 * n, samples)
        add_product(w_last, s.units, s.units, h, gates + 3 * n, samples)
    elif s.cell == GRU_BEFORE:
        finite = finite_run(gates, 3 * n)
        gru_reset(gates, h, n, 0, n)
        add_product(w_last, s.units, s.units, gates + 3 * n, gates + 2 * n, samples)
        finite = finite and finite_run(gates + 2 * n, n)
        gru_mix(gates, h, h_after, n, 0, n)
        return finite
    finite = finite_run(gates, s.width * samples)
    if s.cell == GRU_AFTER:
        gru_after_cell(gates, h, h_after, n, 0, n)
    elif s.cell == LSTM:
        lstm_cell(gates, c, c_after, h_after, n, 0, n)
        finite = finite and finite_run(c_after, n)
    else:
        rnn_cell(s.activation, 0, gates, h_after, 0, n)
    return finite
