# Dense layers: y = x W + b, with W stored (inputs, outputs).
#
#     forward     y  (n, out) = x (n, in) W (in, out) + b
#     d input     dx (n, in)  = dy (n, out) W^T
#     d weight    dW (in, out) = x^T dy
#
# Several samples are a register-tiled product. For one sample there is nothing to tile: its zeros (80% of
# an MNIST image) are skipped, and only the weights that matter are read.

cdef struct Matrix:
    # A layer's weights inside the flat parameter vector, `rows` by `columns`, a row each `step`, and their transposed copies
    # (columns, segments, padded), one a worker, where row r is element r % length of segment r // length.
    # A recurrent layer's are in panels, as are copies that are not transposed.
    Py_ssize_t offset, bias, rows, columns, step, segments, length, padded
    real* transposed
    real* panels
    Py_ssize_t transposed_stride, panels_stride


cdef void transpose_matrix(const Matrix* w, const real* parameters, real* transposed) noexcept nogil:
    cdef Py_ssize_t s
    for s in range(w.segments):
        transpose(parameters + w.offset + s * w.length * w.step, w.step,
                  transposed + s * w.padded, w.segments * w.padded, w.length, w.columns)


cdef inline Matrix part_of(const Matrix* w, Py_ssize_t row, Py_ssize_t rows, Py_ssize_t column, Py_ssize_t columns) noexcept nogil:
    cdef Matrix part = w[0]
    part.offset += row * w.step + column
    part.rows, part.columns, part.length, part.padded = rows, columns, rows, padded(rows)
    return part


cdef enum:
    TILE = 3                # vectors of a panel that a tile takes, and one row alone, which needs more sums to keep the processor busy
    ROW = 8


cdef void lay_panels(const Matrix* w, const real* parameters, real* panels, int most) noexcept nogil:
    # The columns that a product takes at a time, side by side, `most` vectors: it reads memory from front to back.
    cdef Py_ssize_t vectors = padded(w.columns) // VEC_LANES, count = (vectors + most - 1) // most, i, j, v, start, wide
    cdef const real* row
    for i in range(count):
        start = vectors * i // count
        wide = vectors * (i + 1) // count - start
        row = parameters + w.offset + start * VEC_LANES
        for j in range(w.rows):
            for v in range(wide):
                vec_store(panels + v * VEC_LANES, vec_load(row + v * VEC_LANES))
            row += w.step
            panels += wide * VEC_LANES


cdef void lay_transposed_panels(const Matrix* w, const real* parameters, real* panels, int most) noexcept nogil:
    # The same of the transposed matrix.
    cdef Py_ssize_t vectors = padded(w.rows) // VEC_LANES, count = (vectors + most - 1) // most, i, start, wide
    for i in range(count):
        start = vectors * i // count * VEC_LANES
        wide = vectors * (i + 1) // count * VEC_LANES - start
        transpose(parameters + w.offset + start * w.step, w.step, panels, wide, min(wide, w.rows - start), w.columns)
        panels += wide * w.columns


cdef void multiply_panels(const real* panels, Py_ssize_t length, const real* init, Py_ssize_t init_step, const real* x, Py_ssize_t x_step,
                          real* y, Py_ssize_t y_step, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    # y = init + x W, W (length, columns) in panels for tiles.
    cdef Product q
    q.x, q.row_step, q.x_segment, q.x_step = x, x_step, 0, 1
    q.w, q.w_segment, q.w_step = panels, 0, 0
    q.segments, q.length = 1, length
    q.init, q.init_step = init, init_step
    q.c, q.c_step, q.in_order = y, y_step, 0
    q.may_pack, q.next = 0, NULL
    multiply(&q, rows, columns)


cdef inline void row_of_panel(const int vectors, const real* w, Py_ssize_t length, const real* init, const real* x, real* y, int last) noexcept nogil:
    cdef vec acc[ROW]
    cdef Py_ssize_t j
    cdef int v
    for v in range(vectors - 1):
        acc[v] = vec_load(init + v * VEC_LANES)
    acc[vectors - 1] = load_lanes(init + (vectors - 1) * VEC_LANES, last)
    for j in range(length):
        for v in range(vectors):
            acc[v] = vec_fma(acc[v], x[j], vec_load(w + v * VEC_LANES))
        w += vectors * VEC_LANES
    for v in range(vectors - 1):
        vec_store(y + v * VEC_LANES, acc[v])
    store_lanes(y + (vectors - 1) * VEC_LANES, acc[vectors - 1], last)


cdef void multiply_row(const real* panels, Py_ssize_t length, const real* init, const real* x, real* y, Py_ssize_t columns) noexcept nogil:
    # The same of one row, W in panels for it.
    cdef Py_ssize_t vectors = padded(columns) // VEC_LANES, count = (vectors + ROW - 1) // ROW, i, start, wide
    cdef int last
    for i in range(count):
        start = vectors * i // count
        wide = vectors * (i + 1) // count - start
        last = VEC_LANES if i + 1 < count else <int>(columns - (vectors - 1) * VEC_LANES)
        if wide == 8: row_of_panel(8, panels, length, init, x, y, last)
        elif wide == 7: row_of_panel(7, panels, length, init, x, y, last)
        elif wide == 6: row_of_panel(6, panels, length, init, x, y, last)
        elif wide == 5: row_of_panel(5, panels, length, init, x, y, last)
        elif wide == 4: row_of_panel(4, panels, length, init, x, y, last)
        elif wide == 3: row_of_panel(3, panels, length, init, x, y, last)
        elif wide == 2: row_of_panel(2, panels, length, init, x, y, last)
        else: row_of_panel(1, panels, length, init, x, y, last)
        panels += wide * VEC_LANES * length
        init += wide * VEC_LANES
        y += wide * VEC_LANES


cdef inline void sparse_panel(const int vectors, const real* x, const int* nonzero, Py_ssize_t count, const real* w,
                              Py_ssize_t step, const real* bias, real* y, int last) noexcept nogil:
    cdef vec acc[8]
    cdef Py_ssize_t i
    cdef int v
    cdef const real* row
    for v in range(vectors):
        acc[v] = vec_load(bias + v * VEC_LANES)
    for i in range(count):
        row = w + nonzero[i] * step
        for v in range(vectors):
            acc[v] = vec_fma(acc[v], x[nonzero[i]], vec_load(row + v * VEC_LANES))
    for v in range(vectors - 1):
        vec_store(y + v * VEC_LANES, acc[v])
    if last == VEC_LANES:
        vec_store(y + (vectors - 1) * VEC_LANES, acc[vectors - 1])
    else:
        vec_store_first(y + (vectors - 1) * VEC_LANES, acc[vectors - 1], last)


cdef Py_ssize_t find_nonzero(const real* x, Py_ssize_t n, int* nonzero) noexcept nogil:
    cdef Py_ssize_t i
    cdef Py_ssize_t count = 0
    for i in range(n):
        nonzero[count] = <int>i
        count += x[i] != 0
    return count


cdef void dense_forward_one(const Matrix* w, const real* parameters, const real* init, const real* x, int* nonzero, real* y) noexcept nogil:
    cdef Py_ssize_t count = find_nonzero(x, w.rows, nonzero)
    cdef Py_ssize_t n = 0
    cdef Py_ssize_t left
    cdef const real* weight = parameters + w.offset
    while n < w.columns:
        left = w.columns - n
        if left >= 8 * VEC_LANES:
            sparse_panel(8, x, nonzero, count, weight + n, w.step, init + n, y + n, VEC_LANES)
            n += 8 * VEC_LANES
        elif left >= 4 * VEC_LANES:
            sparse_panel(4, x, nonzero, count, weight + n, w.step, init + n, y + n, VEC_LANES)
            n += 4 * VEC_LANES
        elif left >= 2 * VEC_LANES:
            sparse_panel(2, x, nonzero, count, weight + n, w.step, init + n, y + n, VEC_LANES)
            n += 2 * VEC_LANES
        else:
            sparse_panel(1, x, nonzero, count, weight + n, w.step, init + n, y + n,
                         VEC_LANES if left >= VEC_LANES else <int>left)
            n += VEC_LANES


cdef void dense_forward(const Matrix* w, const real* parameters, const real* init, Py_ssize_t init_step, const real* x,
                        Py_ssize_t x_step, real* y, Py_ssize_t y_step, Py_ssize_t samples, int* nonzero) noexcept nogil:
    # y = init + x W; init is the bias, or y itself to add to it.
    cdef Product q
    cdef Py_ssize_t i
    if samples < 4:
        for i in range(samples):
            dense_forward_one(w, parameters, init + i * init_step, x + i * x_step, nonzero, y + i * y_step)
        return
    q.x, q.row_step, q.x_segment, q.x_step = x, x_step, 0, 1
    q.w, q.w_segment, q.w_step = parameters + w.offset, 0, w.step
    q.segments, q.length = 1, w.rows
    q.init, q.init_step = init, init_step
    q.c, q.c_step, q.in_order = y, y_step, 0
    q.may_pack, q.next = 1, NULL
    multiply(&q, samples, w.columns)


cdef void dense_input_gradient(const Matrix* w, const real* transposed, const real* zeros, const real* dy, Py_ssize_t dy_step, real* dx,
                               Py_ssize_t dx_step, Py_ssize_t samples) noexcept nogil:
    cdef Product q
    q.x, q.row_step, q.x_segment, q.x_step = dy, dy_step, 0, 1
    q.w, q.w_segment, q.w_step = transposed, 0, w.padded
    q.segments, q.length = 1, w.columns
    q.init, q.init_step = zeros, 0
    q.c, q.c_step, q.in_order = dx, dx_step, 0
    q.may_pack, q.next = 1, NULL
    multiply(&q, samples, w.rows)


cdef inline void inner_products(const int rows, const real* w, Py_ssize_t step, Py_ssize_t columns, const real* dy, real* dx) noexcept nogil:
    # Several rows of W at a time share the loads of dy.
    cdef Py_ssize_t o, whole = columns // VEC_LANES * VEC_LANES
    cdef int rest = <int>(columns - whole)
    cdef vec acc[4]
    cdef vec d
    cdef int r
    for r in range(rows):
        acc[r] = vec_set1(0)
    for o from 0 <= o < whole by VEC_LANES:
        d = vec_load(dy + o)
        for r in range(rows):
            acc[r] = acc[r] + vec_load(w + r * step + o) * d
    if rest:
        d = vec_load(dy + whole)
        for r in range(rows):
            acc[r] = acc[r] + vec_keep_first(vec_load(w + r * step + whole), rest) * d
    for r in range(rows):
        dx[r] = vec_sum(acc[r])


cdef void dense_input_gradient_one(const Matrix* w, const real* parameters, const real* dy, real* dx) noexcept nogil:
    # Without the transposed copy: an inner product for each input.
    cdef Py_ssize_t i
    for i in range(0, w.rows - 3, 4):
        inner_products(4, parameters + w.offset + i * w.step, w.step, w.columns, dy, dx + i)
    for i in range(w.rows // 4 * 4, w.rows):
        inner_products(1, parameters + w.offset + i * w.step, w.step, w.columns, dy, dx + i)


cdef void dense_weight_gradient(const Matrix* w, const real* zeros, const real* x, Py_ssize_t x_sample, Py_ssize_t x_step, const real* dy,
                                Py_ssize_t dy_sample, Py_ssize_t dy_step, Py_ssize_t samples, Py_ssize_t steps, Py_ssize_t start,
                                Py_ssize_t stop, real* gradients, const real* parameters) noexcept nogil:
    # Rows start to stop of dW, summed over samples and their steps in time. Their weights are changed next: by then this
    # core should own their cache lines.
    cdef Product q
    if steps == 1:                      # one long sum rather than many short ones
        samples, steps, x_step, dy_step = 1, samples, x_sample, dy_sample
    q.x, q.row_step, q.x_segment, q.x_step = x + start, 1, x_sample, x_step
    q.w, q.w_segment, q.w_step = dy, dy_sample, dy_step
    q.segments, q.length = samples, steps
    q.init, q.init_step = zeros, 0
    q.c, q.c_step, q.in_order = gradients + w.offset + start * w.step, w.step, 0
    q.may_pack, q.next = 1, parameters + w.offset + start * w.step
    multiply(&q, stop - start, w.columns)


cdef void dense_descend_one(const Matrix* w, const real* x, const real* dy, real rate, Py_ssize_t start,
                            Py_ssize_t stop, real* parameters) noexcept nogil:
    # Plain gradient descent on one sample, rows start to stop: W -= rate x dy^T, in place, no row of a zero input touched.
    cdef Py_ssize_t i, o, whole = w.columns // VEC_LANES * VEC_LANES
    cdef int rest = <int>(w.columns - whole)
    cdef real* row
    cdef real step
    cdef vec last
    for i in range(start, stop):
        if x[i] == 0:
            continue
        step = -rate * x[i]
        row = parameters + w.offset + i * w.step
        for o from 0 <= o < whole by VEC_LANES:
            vec_store(row + o, vec_fma(vec_load(row + o), step, vec_load(dy + o)))
        if rest:
            last = vec_fma(vec_load_first(row + whole, rest), step, vec_load(dy + whole))
            vec_store_pieces(row + whole, last, rest)
