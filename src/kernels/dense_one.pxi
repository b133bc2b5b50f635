# One sample through a dense layer. There is nothing to tile: its zeros (80% of an MNIST image) are
# skipped, forward and in the update, and only the weights that matter are read.

cdef inline void sparse_panel(const int vectors, const real* x, const int* nonzero,
                              Py_ssize_t count, const real* w, Py_ssize_t step, const real* bias,
                              real* y, int last) noexcept nogil:
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


cdef void dense_forward_one(const Matrix* w, const real* parameters, const real* init,
                            const real* x, int* nonzero, real* y) noexcept nogil:
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


cdef inline void inner_products(const int rows, const real* w, Py_ssize_t step, Py_ssize_t columns,
                                const real* dy, real* dx) noexcept nogil:
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
    if rest:                    # behind either row there may be what is no number
        d = vec_load_first(dy + whole, rest)
        for r in range(rows):
            acc[r] = acc[r] + vec_keep_first(vec_load(w + r * step + whole), rest) * d
    for r in range(rows):
        dx[r] = vec_sum(acc[r])


cdef void dense_input_gradient_one(const Matrix* w, const real* parameters, Py_ssize_t first,
                                   Py_ssize_t last, const real* dy, real* dx) noexcept nogil:
    # Without the transposed copy: an inner product for each input, from first to last.
    cdef Py_ssize_t i
    for i from first <= i < last - 3 by 4:
        inner_products(4, parameters + w.offset + i * w.step, w.step, w.columns, dy, dx + i)
    for i in range(last - (last - first) % 4, last):
        inner_products(1, parameters + w.offset + i * w.step, w.step, w.columns, dy, dx + i)


cdef void dense_descend_one(const Matrix* w, const real* x, const real* dy, real rate,
                            Py_ssize_t start, Py_ssize_t stop, real* parameters) noexcept nogil:
    # Plain gradient descent on one sample, rows start to stop: W -= rate x dy^T, in place, no row
    # of a zero input touched.
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
