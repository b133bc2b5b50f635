# A node of article 7's trees, forward and back, on arrays as they come: see descend.pxi.

cdef bint copy_column(object column, Py_ssize_t rows, real* to) except -1:
    # Whether it is a finite column (rows, 1).
    cdef Py_buffer view
    cdef Py_ssize_t i
    cdef real products = 0              # NaN, if a number is not finite
    if not take_matrix(column, &view, 0, rows, 1):
        return False
    memcpy(to, view.buf, view.len)
    PyBuffer_Release(&view)
    for i in range(rows):
        products += to[i] * 0
    return products == 0


cdef void rows_times(const real* w, Py_ssize_t rows, Py_ssize_t columns, const real* x,
                     real* y) noexcept nogil:
    # y = w x. Whole vectors of x can be read past its end, but nothing past the end of w.
    cdef Py_ssize_t r = 0, i
    while (rows - r - 4) * columns >= VEC_LANES:
        inner_products(4, w + r * columns, columns, columns, x, y + r)
        r += 4
    while (rows - r - 1) * columns >= VEC_LANES:
        inner_products(1, w + r * columns, columns, columns, x, y + r)
        r += 1
    while r < rows:
        y[r] = 0
        for i in range(columns):
            y[r] += w[r * columns + i] * x[i]
        r += 1


cdef void add_times(real* y, real factor, const real* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, whole = n // VEC_LANES * VEC_LANES
    for i from 0 <= i < whole by VEC_LANES:
        vec_store(y + i, vec_fma(vec_load(y + i), factor, vec_load(x + i)))
    for i in range(whole, n):
        y[i] += factor * x[i]


def node_forward(str kernel, w, bias, tuple data):
    """The children below a node, and the node itself, f(w below + bias), as columns; or None.

    w (rows, children x rows), bias (rows, 1), and the children's data, columns (rows, 1). None if
    an array is not of its shape, or, except for w, not finite.
    """
    cdef Py_buffer view
    cdef Py_ssize_t rows, columns, start, k, count = len(data)
    cdef int kind = row_of_name(_ACTIVATIONS, "kernel", kernel)
    cdef real[::1] flat
    cdef real* x
    cdef real* y
    if count == 0 or not take_array(w, &view, PyBUF_C_CONTIGUOUS):
        return None
    try:
        if view.ndim != 2 or view.shape[1] != count * view.shape[0]:
            return None
        rows, columns = view.shape[0], view.shape[1]
        # With zeros between, so that whole vectors can be read past the end of x; the bias last.
        start = columns + VEC_LANES
        numbers = np.zeros(start + 2 * rows, DTYPE)
        flat = numbers
        x = &flat[0]
        y = x + start
        for k in range(count):
            if not copy_column(data[k], rows, x + k * rows):
                return None
        if not copy_column(bias, rows, y + rows):
            return None
        rows_times(<const real*>view.buf, rows, columns, x, y)
        add_times(y, 1, y + rows, rows)
        ACTIVATION_ROWS[kind].forward(y, y, 0, rows)
    finally:
        PyBuffer_Release(&view)
    return numbers[:columns, None], numbers[start:start + rows, None]


def node_backward(str kernel, w, error, below, w_gradient, bias_gradient):
    """The errors of a node's children, whose columns are `below`, from its own; or None.

    Adds to `w_gradient` and `bias_gradient`. If an array is not of the shape that `node_forward`
    takes or gives, the result is None and nothing is added.
    """
    cdef Py_buffer views[5]
    cdef int taken = 0, kind = row_of_name(_ACTIVATIONS, "kernel", kernel)
    cdef Py_ssize_t rows, columns, r
    cdef const real* weight
    cdef const real* d
    cdef const real* x
    cdef real* slope
    cdef real[::1] flat
    if not take_array(w, &views[0], PyBUF_C_CONTIGUOUS):
        return None
    taken = 1
    try:
        if views[0].ndim != 2:
            return None
        rows, columns = views[0].shape[0], views[0].shape[1]
        taken += take_matrix(error, &views[1], 0, rows, 1)
        if taken == 2:
            taken += take_matrix(below, &views[2], 0, columns, 1)
        if taken == 3:
            taken += take_matrix(w_gradient, &views[3], PyBUF_WRITABLE, rows, columns)
        if taken == 4:
            taken += take_matrix(bias_gradient, &views[4], PyBUF_WRITABLE, rows, 1)
        if taken < 5:
            return None
        weight, d, x = <real*>views[0].buf, <real*>views[1].buf, <real*>views[2].buf
        slope = <real*>views[3].buf
        numbers = np.zeros(columns, DTYPE)
        flat = numbers
        for r in range(rows):
            add_times(&flat[0], d[r], weight + r * columns, columns)
            add_times(slope + r * columns, d[r], x, columns)
        add_times(<real*>views[4].buf, 1, d, rows)
        ACTIVATION_ROWS[kind].backward(&flat[0], x, &flat[0], 0, columns)
    finally:
        for r in range(taken):
            PyBuffer_Release(&views[r])
    return numbers[:, None]
