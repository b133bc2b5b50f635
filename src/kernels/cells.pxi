# The cells of recurrent layers: of one sample at one step, units `first` to before `last`, from its
# gates' sums p to its next state, and back. Gates become what their functions give. Going back,
# `dgates`, which may be the gates themselves, become the gradients with respect to p.
#
#     RNN          h' = f(p)
#     LSTM         i, f, o = sigmoid, g = tanh      in the order i f g o
#                  c' = f c + i g,  h' = o tanh c'
#     GRU_BEFORE   r, z = sigmoid, n = tanh         in the order r z n, and r h
#                  h' = h + z (n - h)               two functions, as n's sum has a product with r h
#     GRU_AFTER    r, z = sigmoid                   in the order r z n, and q
#                  n = tanh(p + r q),  h' = n + z (h - n)

cdef enum Cell:
    RNN, LSTM, GRU_BEFORE, GRU_AFTER

_CELLS = {"rnn": RNN, "lstm": LSTM, "gru_before": GRU_BEFORE, "gru_after": GRU_AFTER}


cdef inline void rnn_cell(int activation, real setting, const real* gates, real* h,
                          Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    ACTIVATION_ROWS[activation].forward(gates + first, h + first, setting, last - first)


cdef inline void rnn_cell_backward(int activation, real setting, const real* h, const real* dy,
                                   const real* dh, real* dgates, Py_ssize_t first,
                                   Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t j, left
    cdef real* d = dgates + first
    for j from first <= j < last by VEC_LANES:
        left = last - j
        store_lanes(dgates + j, load_lanes(dh + j, left) + load_lanes(dy + j, left), left)
    ACTIVATION_ROWS[activation].backward(d, h + first, d, setting, last - first)


cdef void lstm_cell(real* gates, const real* c_before, real* c, real* h, Py_ssize_t units,
                    Py_ssize_t first, Py_ssize_t last) noexcept nogil:
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


cdef void lstm_cell_backward(const real* gates, real* dgates, const real* c_before, const real* c,
                             const real* dy, const real* dh, real* dc, Py_ssize_t units,
                             Py_ssize_t first, Py_ssize_t last) noexcept nogil:
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
        store_lanes(dgates + j, wanted * g * sigmoid_slope(i), left)
        store_lanes(dgates + units + j,
                    wanted * load_lanes(c_before + j, left) * sigmoid_slope(f), left)
        store_lanes(dgates + 2 * units + j, wanted * i * tanh_slope(g), left)
        store_lanes(dgates + 3 * units + j, d * shown * sigmoid_slope(o), left)
        store_lanes(dc + j, wanted * f, left)


cdef void gru_reset(real* gates, const real* h_before, Py_ssize_t units, Py_ssize_t first,
                    Py_ssize_t last) noexcept nogil:
    # r and z become gates; r h is kept with them.
    cdef Py_ssize_t j, left
    cdef vec r
    for j from first <= j < last by VEC_LANES:
        left = last - j
        r = vec_sigmoid(load_lanes(gates + j, left))
        store_lanes(gates + units + j, vec_sigmoid(load_lanes(gates + units + j, left)), left)
        store_lanes(gates + 3 * units + j, r * load_lanes(h_before + j, left), left)
        store_lanes(gates + j, r, left)


cdef void gru_mix(real* gates, const real* h_before, real* h, Py_ssize_t units, Py_ssize_t first,
                  Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t j, left
    cdef vec n, before
    for j from first <= j < last by VEC_LANES:
        left = last - j
        n = vec_tanh(load_lanes(gates + 2 * units + j, left))
        before = load_lanes(h_before + j, left)
        store_lanes(gates + 2 * units + j, n, left)
        store_lanes(h + j, before + load_lanes(gates + units + j, left) * (n - before), left)


cdef void gru_mix_backward(const real* gates, real* dgates, const real* h_before, const real* dy,
                           real* dh, Py_ssize_t units, Py_ssize_t first,
                           Py_ssize_t last) noexcept nogil:
    # The gradients of z and n; dh becomes what goes straight to h_before.
    cdef Py_ssize_t j, left
    cdef vec z, n, d
    for j from first <= j < last by VEC_LANES:
        left = last - j
        z, n = load_lanes(gates + units + j, left), load_lanes(gates + 2 * units + j, left)
        d = load_lanes(dh + j, left) + load_lanes(dy + j, left)
        store_lanes(dgates + units + j,
                    d * (n - load_lanes(h_before + j, left)) * sigmoid_slope(z), left)
        store_lanes(dgates + 2 * units + j, d * z * tanh_slope(n), left)
        store_lanes(dh + j, d - d * z, left)


cdef void gru_reset_backward(const real* gates, real* dgates, const real* h_before,
                             const real* dkept, real* dh, Py_ssize_t units, Py_ssize_t first,
                             Py_ssize_t last) noexcept nogil:
    # The gradient of r, and what r h lets through to h_before. r h stands with these once more.
    cdef Py_ssize_t j, left
    cdef vec r, d, before
    for j from first <= j < last by VEC_LANES:
        left = last - j
        r = load_lanes(gates + j, left)
        d = load_lanes(dkept + j, left)
        before = load_lanes(h_before + j, left)
        store_lanes(dgates + 3 * units + j, r * before, left)
        store_lanes(dgates + j, d * before * sigmoid_slope(r), left)
        store_lanes(dh + j, load_lanes(dh + j, left) + d * r, left)


cdef void gru_after_cell(real* gates, const real* h_before, real* h, Py_ssize_t units,
                         Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t j, left
    cdef vec r, z, n, q
    for j from first <= j < last by VEC_LANES:
        left = last - j
        r = vec_sigmoid(load_lanes(gates + j, left))
        z = vec_sigmoid(load_lanes(gates + units + j, left))
        q = load_lanes(gates + 3 * units + j, left)
        n = vec_tanh(load_lanes(gates + 2 * units + j, left) + r * q)
        store_lanes(gates + j, r, left)
        store_lanes(gates + units + j, z, left)
        store_lanes(gates + 2 * units + j, n, left)
        store_lanes(h + j, n + z * (load_lanes(h_before + j, left) - n), left)


cdef void gru_after_cell_backward(const real* gates, real* dgates, const real* h_before,
                                  const real* dy, real* dh, Py_ssize_t units, Py_ssize_t first,
                                  Py_ssize_t last) noexcept nogil:
    cdef Py_ssize_t j, left
    cdef vec r, z, n, d, dn
    for j from first <= j < last by VEC_LANES:
        left = last - j
        r = load_lanes(gates + j, left)
        z = load_lanes(gates + units + j, left)
        n = load_lanes(gates + 2 * units + j, left)
        d = load_lanes(dh + j, left) + load_lanes(dy + j, left)
        dn = (d - d * z) * tanh_slope(n)
        store_lanes(dgates + j,
                    dn * load_lanes(gates + 3 * units + j, left) * sigmoid_slope(r), left)
        store_lanes(dgates + units + j,
                    d * (load_lanes(h_before + j, left) - n) * sigmoid_slope(z), left)
        store_lanes(dgates + 2 * units + j, dn, left)
        store_lanes(dgates + 3 * units + j, dn * r, left)
        store_lanes(dh + j, d * z, left)
