# Matrices laid out in panels, copies of weights that many products read: the columns that a product
# takes at a time lie side by side, so that it reads memory from front to back.

cdef enum:
    # Vectors of a panel that one row alone takes: more than a tile's, as it needs more sums to keep
    # the processor busy.
    ROW = 8
    # Rows of a batch from which on it pays to lay a dense layer's weights out for them.
    LAID_ROWS = 64
    ROWS_LAID = 8               # of a matrix, at a time


cdef void lay_rows(const Matrix* w, const real* parameters, Py_ssize_t first, Py_ssize_t last,
                   real* panels, int most) noexcept nogil:
    # Rows first to last into panels of at most so many vectors side by side: some rows into all
    # panels at a time, as what lies rows apart comes from far away half as fast. All workers have
    # read these: where the next panel's rows go is called back from the others' caches meanwhile.
    cdef Py_ssize_t vectors = padded(w.columns) // VEC_LANES, count = (vectors + most - 1) // most
    cdef Py_ssize_t i, j, v, start, wide, begin, end
    cdef const real* row
    cdef real* y
    cdef real* following
    for begin from first <= begin < last by ROWS_LAID:
        end = min(begin + ROWS_LAID, last)
        for i in range(count):
            start = vectors * i // count
            wide = vectors * (i + 1) // count - start
            row = parameters + w.offset + begin * w.step + start * VEC_LANES
            y = panels + (start * w.rows + begin * wide) * VEC_LANES
            following = y + wide * w.rows * VEC_LANES
            for j in range(begin, end):
                for v in range(wide):
                    prefetch_to_write(following + v * VEC_LANES)
                for v in range(wide - 1):
                    vec_store(y + v * VEC_LANES, vec_load(row + v * VEC_LANES))
                vec_store(y + (wide - 1) * VEC_LANES,
                          load_lanes(row + (wide - 1) * VEC_LANES,
                                     w.columns - (start + wide - 1) * VEC_LANES))
                row += w.step
                y += wide * VEC_LANES
                following += wide * VEC_LANES


cdef void lay_transposed_rows(const Matrix* w, const real* parameters, Py_ssize_t first,
                              Py_ssize_t last, real* panels, int most) noexcept nogil:
    # The same rows of the matrix into panels of the transposed one, of which they are columns.
    cdef Py_ssize_t vectors = padded(w.rows) // VEC_LANES, count = (vectors + most - 1) // most
    cdef Py_ssize_t i, start, end, wide, row
    for i in range(count):
        start = vectors * i // count * VEC_LANES
        end = vectors * (i + 1) // count * VEC_LANES
        wide = end - start
        row = max(first, start)
        if row < min(last, end):
            transpose(parameters + w.offset + row * w.step, w.step,
                      panels + start * w.columns + row - start, wide, min(last, end) - row,
                      w.columns)


cdef inline void lay_panels(const Matrix* w, const real* parameters, real* panels,
                            int most) noexcept nogil:
    lay_rows(w, parameters, 0, w.rows, panels, most)


cdef inline void lay_transposed_panels(const Matrix* w, const real* parameters, real* panels,
                                       int most) noexcept nogil:
    lay_transposed_rows(w, parameters, 0, w.rows, panels, most)


cdef inline void lay_panels_of(const Matrix* w, const real* p, int worker, int most) noexcept nogil:
    if w.panels != NULL:
        lay_panels(w, p, w.panels + worker * w.panels_stride, most)


cdef void multiply_panels(const real* panels, Py_ssize_t length, const real* init,
                          Py_ssize_t init_step, const real* x, Py_ssize_t x_step, real* y,
                          Py_ssize_t y_step, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    # y = init + x W, W (length, columns) in panels for tiles.
    cdef Product q = product(length, x=x, row_step=x_step, x_step=1, w=panels, w_step=0,
                             init=init, init_step=init_step, c=y, c_step=y_step)
    multiply(&q, rows, columns)


cdef inline void row_of_panel(const int vectors, const real* w, Py_ssize_t length, const real* init,
                              const real* x, real* y, int last) noexcept nogil:
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


cdef void multiply_row(const real* panels, Py_ssize_t length, const real* init, const real* x,
                       real* y, Py_ssize_t columns) noexcept nogil:
    # The same of one row, W in panels for it.
    cdef Py_ssize_t vectors = padded(columns) // VEC_LANES, count = (vectors + ROW - 1) // ROW
    cdef Py_ssize_t i, start, wide
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


cdef void rows_product(const Matrix* w, const real* p, int worker, const real* init,
                       Py_ssize_t init_step, const real* x, Py_ssize_t x_step, real* y,
                       Py_ssize_t y_step, Py_ssize_t rows, int* nonzero) noexcept nogil:
    # y = init + x W
    cdef Py_ssize_t i
    if w.panels != NULL:
        multiply_panels(w.panels + worker * w.panels_stride, w.rows, init, init_step, x, x_step, y,
                        y_step, rows, w.columns)
        return
    for i in range(rows):
        dense_forward_one(w, p, init + i * init_step, x + i * x_step, nonzero, y + i * y_step)


cdef void rows_product_back(const Matrix* w, const real* p, int worker, const real* init,
                            const real* dy, Py_ssize_t dy_step, real* dx, Py_ssize_t dx_step,
                            Py_ssize_t rows, real* spare) noexcept nogil:
    # dx = dy W^T, or dx + dy W^T where there is no init, a row of zeros.
    cdef Py_ssize_t i
    if w.transposed != NULL:
        multiply_panels(w.transposed + worker * w.transposed_stride, w.columns,
                        init if init != NULL else dx, 0 if init != NULL else dx_step, dy, dy_step,
                        dx, dx_step, rows, w.rows)
        return
    for i in range(rows):
        if init != NULL:
            dense_input_gradient_one(w, p, 0, w.rows, dy + i * dy_step, dx + i * dx_step)
        else:
            dense_input_gradient_one(w, p, 0, w.rows, dy + i * dy_step, spare)
            add_slice(dx + i * dx_step, spare, w.rows)
