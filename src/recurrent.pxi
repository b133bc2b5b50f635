# Recurrent cells: a step forward, and a whole sequence back through time. Rows are N sequences side by side.
#
#     RNN     h' = f(p)                        p = x U + h W + b
#     LSTM    i, f, o = sigmoid, g = tanh      p = x U + h W + b, gates in the order i f g o
#             c' = f c + i g,  h' = o tanh c'
#     GRU     r, z = sigmoid                   p = x U + h W + b, gates in the order r z n
#             n = tanh,  h' = h + z (n - h)    n's part of h W is (r h) V: reset before the product
#
# Going back, `dgates` is the gradient with respect to p. U (inputs, gates), W (units, gates) and V (units, units) are
# dense matrices; of a GRU, W has the columns of r and z alone.

cdef enum Cell:
    RNN, LSTM, GRU

_CELLS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}


cdef inline vec load_lanes(const real* p, Py_ssize_t left) noexcept nogil:
    # What lies past the end of a row is none of ours.
    cdef real lanes[VEC_LANES]
    if left >= VEC_LANES:
        return vec_load(p)
    memset(lanes, 0, sizeof(lanes))
    memcpy(lanes, p, left * sizeof(real))
    return vec_load(lanes)


cdef inline void store_lanes(real* p, vec v, Py_ssize_t left) noexcept nogil:
    if left >= VEC_LANES:
        vec_store(p, v)
    else:
        vec_store_first(p, v, <int>left)


cdef inline vec sigmoid_slope(vec y) noexcept nogil:
    return y * (vec_set1(1) - y)


cdef inline vec tanh_slope(vec y) noexcept nogil:
    return (vec_set1(1) - y) * (vec_set1(1) + y)


cdef inline void rnn_cell(const int activation, real* gates, real* h, Py_ssize_t units) noexcept nogil:
    cdef Py_ssize_t j
    cdef vec y
    for j from 0 <= j < units by VEC_LANES:
        y = activate_vector(activation, load_lanes(gates + j, units - j))
        store_lanes(gates + j, y, units - j)
        store_lanes(h + j, y, units - j)


cdef void lstm_cell(real* gates, const real* c_before, real* c, real* h, Py_ssize_t units) noexcept nogil:
    cdef Py_ssize_t j, left
    cdef vec i, f, g, o, cell
    for j from 0 <= j < units by VEC_LANES:
        left = units - j
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


cdef void lstm_cell_backward(const real* gates, const real* c_before, const real* c, const real* dh,
                             real* dc, real* dgates, Py_ssize_t units) noexcept nogil:
    # dc comes in as what the next step asks of c, and goes out as what this one asks of c_before.
    cdef Py_ssize_t j, left
    cdef vec i, f, g, o, shown, d, wanted
    for j from 0 <= j < units by VEC_LANES:
        left = units - j
        i, f = load_lanes(gates + j, left), load_lanes(gates + units + j, left)
        g, o = load_lanes(gates + 2 * units + j, left), load_lanes(gates + 3 * units + j, left)
        shown, d = vec_tanh(load_lanes(c + j, left)), load_lanes(dh + j, left)
        wanted = load_lanes(dc + j, left) + d * o * tanh_slope(shown)
        store_lanes(dgates + j, wanted * g * sigmoid_slope(i), left)
        store_lanes(dgates + units + j, wanted * load_lanes(c_before + j, left) * sigmoid_slope(f), left)
        store_lanes(dgates + 2 * units + j, wanted * i * tanh_slope(g), left)
        store_lanes(dgates + 3 * units + j, d * shown * sigmoid_slope(o), left)
        store_lanes(dc + j, wanted * f, left)


cdef void gru_reset(real* gates, const real* h_before, real* kept, Py_ssize_t units) noexcept nogil:
    # r and z become gates; kept = r h.
    cdef Py_ssize_t j, left
    cdef vec r
    for j from 0 <= j < units by VEC_LANES:
        left = units - j
        r = vec_sigmoid(load_lanes(gates + j, left))
        store_lanes(gates + j, r, left)
        store_lanes(gates + units + j, vec_sigmoid(load_lanes(gates + units + j, left)), left)
        store_lanes(kept + j, r * load_lanes(h_before + j, left), left)


cdef void gru_mix(real* gates, const real* h_before, real* h, Py_ssize_t units) noexcept nogil:
    cdef Py_ssize_t j, left
    cdef vec n, before
    for j from 0 <= j < units by VEC_LANES:
        left = units - j
        n, before = vec_tanh(load_lanes(gates + 2 * units + j, left)), load_lanes(h_before + j, left)
        store_lanes(gates + 2 * units + j, n, left)
        store_lanes(h + j, before + load_lanes(gates + units + j, left) * (n - before), left)


cdef void gru_mix_backward(const real* gates, const real* h_before, real* dh, real* dgates, Py_ssize_t units) noexcept nogil:
    # The gradients of z and n; dh becomes what goes straight to h_before.
    cdef Py_ssize_t j, left
    cdef vec z, n, d
    for j from 0 <= j < units by VEC_LANES:
        left = units - j
        z, n = load_lanes(gates + units + j, left), load_lanes(gates + 2 * units + j, left)
        d = load_lanes(dh + j, left)
        store_lanes(dgates + units + j, d * (n - load_lanes(h_before + j, left)) * sigmoid_slope(z), left)
        store_lanes(dgates + 2 * units + j, d * z * tanh_slope(n), left)
        store_lanes(dh + j, d - d * z, left)


cdef void gru_reset_backward(const real* gates, const real* h_before, const real* dkept, real* dh, real* dgates,
                             real* kept, Py_ssize_t units) noexcept nogil:
    # The gradient of r, and what r h lets through to h_before; kept = r h once more.
    cdef Py_ssize_t j, left
    cdef vec r, d, before
    for j from 0 <= j < units by VEC_LANES:
        left = units - j
        r, d, before = load_lanes(gates + j, left), load_lanes(dkept + j, left), load_lanes(h_before + j, left)
        store_lanes(dgates + j, d * before * sigmoid_slope(r), left)
        store_lanes(dh + j, load_lanes(dh + j, left) + d * r, left)
        store_lanes(kept + j, r * before, left)


cdef void describe_matrix(Matrix* w, Py_ssize_t offset, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    memset(w, 0, sizeof(Matrix))
    w.offset, w.rows, w.columns, w.segments, w.length, w.padded = offset, rows, columns, 1, rows, padded(rows)


cdef class Recurrence:
    """A recurrent cell over flat parameters: U, W, for a GRU V, and the bias.

    Parameters
    ----------
    cell : {"rnn", "lstm", "gru"}
    activation : str
        Of an RNN.
    inputs, units : int
    parameters, gradients : ndarray
        Flat vectors made by `aligned_zeros`.
    """
    cdef int cell, activation
    cdef Py_ssize_t inputs, units, width
    cdef Matrix u, w, v
    cdef readonly object parameters, gradients
    cdef object memory
    cdef real* weights
    cdef real* weight_gradients
    cdef const real* zeros
    cdef int* nonzero

    def __cinit__(self, str cell, str activation, Py_ssize_t inputs, Py_ssize_t units, parameters, gradients):
        cdef real[::1] p = parameters
        cdef real[::1] g = gradients
        cdef real[::1] nonzero, zeros
        cdef Py_ssize_t gates = {"rnn": 1, "lstm": 4, "gru": 3}[cell]
        self.cell, self.activation = _CELLS[cell], _ACTIVATIONS[activation]
        self.inputs, self.units, self.width = inputs, units, gates * units
        self.parameters, self.gradients = parameters, gradients
        describe_matrix(&self.u, 0, inputs, self.width)
        describe_matrix(&self.w, self.u.rows * self.u.columns, units, 2 * units if self.cell == GRU else self.width)
        describe_matrix(&self.v, self.w.offset + self.w.rows * self.w.columns, units if self.cell == GRU else 0, units)
        self.u.bias = self.v.offset + self.v.rows * self.v.columns
        nonzero, zeros = aligned_zeros(inputs + units + 16), aligned_zeros(inputs + self.width)
        self.memory = nonzero, zeros
        self.weights, self.weight_gradients = &p[0], &g[0]
        self.nonzero, self.zeros = <int*>&nonzero[0], &zeros[0]

    cdef void _advance(self, const real* x, const real* h, const real* c, real* gates, real* kept, real* h_next,
                       real* c_next, Py_ssize_t rows) noexcept nogil:
        cdef Py_ssize_t n, width = self.width, units = self.units
        cdef real* p = self.weights
        dense_forward(&self.u, p, p + self.u.bias, 0, x, self.inputs, gates, width, rows, self.nonzero, NULL)
        dense_forward(&self.w, p, gates, width, h, units, gates, width, rows, self.nonzero, NULL)
        for n in range(rows):
            if self.cell == LSTM:
                lstm_cell(gates + n * width, c + n * units, c_next + n * units, h_next + n * units, units)
            elif self.cell == GRU:
                gru_reset(gates + n * width, h + n * units, kept + n * units, units)
            elif self.activation == TANH:
                rnn_cell(TANH, gates + n * width, h_next + n * units, units)
            elif self.activation == SIGMOID:
                rnn_cell(SIGMOID, gates + n * width, h_next + n * units, units)
            elif self.activation == RELU:
                rnn_cell(RELU, gates + n * width, h_next + n * units, units)
            else:
                rnn_cell(IDENTITY, gates + n * width, h_next + n * units, units)
        if self.cell == GRU:
            dense_forward(&self.v, p, gates + 2 * units, width, kept, units, gates + 2 * units, width, rows, self.nonzero, NULL)
            for n in range(rows):
                gru_mix(gates + n * width, h + n * units, h_next + n * units, units)

    def step(self, const real[:, ::1] x, const real[:, ::1] h, c=None):
        """One step of rows x (N, inputs), h and, of an LSTM, c (N, units): the gates (N, G units), the next h and the next c."""
        cdef Py_ssize_t rows = x.shape[0]
        cdef const real[:, ::1] cell = h if c is None else c
        cdef real[:, ::1] gates = aligned_zeros(rows * self.width).reshape(rows, self.width)
        cdef real[:, ::1] kept = aligned_zeros(rows * self.units).reshape(rows, self.units)
        cdef real[:, ::1] h_next = np.empty((rows, self.units), DTYPE)
        cdef real[:, ::1] c_next = np.empty((rows, self.units), DTYPE)
        with nogil:
            self._advance(&x[0, 0], &h[0, 0], &cell[0, 0], &gates[0, 0], &kept[0, 0], &h_next[0, 0], &c_next[0, 0], rows)
        return gates.base, h_next.base, c_next.base

    cdef void _retreat(self, const real* gates, const real* h, const real* c, const real* slopes, real* dh, real* dh_before,
                       real* dc, real* dgates, real* kept, real* dkept, Py_ssize_t rows) noexcept nogil:
        # h, c: before the step and, from rows * units on, after it. dh is complete, and dh_before and dc will be.
        cdef Py_ssize_t n, j, width = self.width, units = self.units
        cdef real* p = self.weights
        for n in range(rows):
            if self.cell == RNN:
                for j from 0 <= j < units by VEC_LANES:
                    store_lanes(dgates + j, load_lanes(dh + j, units - j) * load_lanes(slopes + j, units - j), units - j)
                dense_input_gradient_one(&self.w, p, dgates, dh_before)
                slopes += units
            elif self.cell == LSTM:
                lstm_cell_backward(gates, c, c + rows * units, dh, dc, dgates, units)
                dense_input_gradient_one(&self.w, p, dgates, dh_before)
                c += units
                dc += units
            else:
                memcpy(dh_before, dh, units * sizeof(real))
                gru_mix_backward(gates, h, dh_before, dgates, units)
                dense_input_gradient_one(&self.v, p, dgates + 2 * units, dkept)
                gru_reset_backward(gates, h, dkept, dh_before, dgates, kept, units)
                dense_input_gradient_one(&self.w, p, dgates, dkept)
                add_slice(dh_before, dkept, units)
                kept += units
                h += units
            gates += width
            dgates += width
            dh += units
            dh_before += units

    def backward(self, const real[:, :, ::1] x, const real[:, :, ::1] h, c, const real[:, :, ::1] gates, slopes, real[:, :, ::1] dh):
        """Back through time.

        x (T, N, inputs), h and, of an LSTM, c (T + 1, N, units), the first before all steps, gates (T, N, G units). slopes
        (T, N, units): of an RNN, its activation's derivative. dh (T + 1, N, units): what is asked of every h from
        outside; becomes the whole gradient with respect to it. Gives dgates (T, N, G units), dx (T, N, inputs), and
        dc (N, units), that of the first c. The parameters' gradients are written.
        """
        cdef Py_ssize_t steps = x.shape[0], rows = x.shape[1], units = self.units, width = self.width
        cdef Py_ssize_t t, n, total = steps * rows
        cdef const real[:, :, ::1] cells = h if c is None else c
        cdef const real[:, :, ::1] slope = h if slopes is None else slopes
        cdef real[:, :, ::1] dgates = aligned_zeros(total * width).reshape(steps, rows, width)
        cdef real[:, ::1] kept = aligned_zeros(total * units).reshape(total, units)
        cdef real[:, ::1] dkept = aligned_zeros(units).reshape(1, units)
        cdef real[:, ::1] dh_before = aligned_zeros(rows * units).reshape(rows, units)
        cdef real[:, ::1] dc = np.zeros((rows, units), DTYPE)
        cdef real[:, :, ::1] dx = np.empty((steps, rows, self.inputs), DTYPE)
        cdef real[::1] transposed = aligned_zeros(self.u.columns * self.u.padded)
        cdef real* p = self.weights
        cdef real* g = self.weight_gradients
        with nogil:
            for t in range(steps - 1, -1, -1):
                self._retreat(&gates[t, 0, 0], &h[t, 0, 0], &cells[t, 0, 0], &slope[t, 0, 0], &dh[t + 1, 0, 0], &dh_before[0, 0],
                              &dc[0, 0], &dgates[t, 0, 0], &kept[t * rows, 0], &dkept[0, 0], rows)
                add_slice(&dh[t, 0, 0], &dh_before[0, 0], rows * units)
            transpose_matrix(&self.u, p, &transposed[0])
            dense_input_gradient(&self.u, &transposed[0], self.zeros, &dgates[0, 0, 0], width, &dx[0, 0, 0], self.inputs, total)
            dense_weight_gradient(&self.u, self.zeros, &x[0, 0, 0], self.inputs, &dgates[0, 0, 0], width, total, 0, self.inputs, g, p)
            dense_weight_gradient(&self.w, self.zeros, &h[0, 0, 0], units, &dgates[0, 0, 0], width, total, 0, units, g, p)
            if self.cell == GRU:
                dense_weight_gradient(&self.v, self.zeros, &kept[0, 0], units, &dgates[0, 0, 2 * units], width, total, 0, units, g, p)
            memset(g + self.u.bias, 0, width * sizeof(real))
            sum_rows(&dgates[0, 0, 0], width, total, width, g + self.u.bias)
        return dgates.base, dx.base, dc.base
