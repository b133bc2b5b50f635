# One step of a recurrent layer as a function of arrays.

cdef enum:
    FEW_SAMPLES = 4                 # fewer are taken one by one
    SAMPLES_TOGETHER = 48           # at most

# What is looked up for each of many small arrays.
cdef object _NDARRAY = np.ndarray, _EMPTY = np.empty, _DTYPE = DTYPE


cdef const real* _numbers(array, int rank, Py_ssize_t rows, Py_ssize_t columns,
                          Py_ssize_t* shape) except? NULL:
    # Of an array of DTYPE as it lies, whose owner outlives the use; NULL where it is none, or of
    # another shape. A negative size is any, and told in `shape`.
    cdef Py_buffer view
    cdef const real* numbers = NULL
    cdef Py_ssize_t first = 0, last
    if type(array) is not _NDARRAY:
        return NULL
    dtype = array.dtype
    if dtype is not _DTYPE and dtype != _DTYPE:
        return NULL
    try:
        PyObject_GetBuffer(array, &view, PyBUF_C_CONTIGUOUS)
    except (BufferError, ValueError):
        return NULL
    if view.ndim == rank and view.len and <uint64_t>view.buf % sizeof(real) == 0:
        first, last = view.shape[0], view.shape[rank - 1]
        if (rows < 0 or first == rows) and (columns < 0 or last == columns):
            numbers = <const real*>view.buf
            if shape != NULL:
                shape[0], shape[1] = first, last
    PyBuffer_Release(&view)
    return numbers


cdef bint _step_of_rows(const ColumnStep* s, const real* x, const real* h, const real* c,
                        real* h_after, real* c_after, Py_ssize_t rows,
                        real* scratch) noexcept nogil:
    # Of samples side by side, which are transposed for it, and back.
    cdef Py_ssize_t n = s.units * rows
    cdef real* gates = scratch
    cdef real* after = gates + s.width * rows + VEC_LANES       # h and c
    cdef real* before = after + 2 * n + VEC_LANES
    cdef real* inputs = before + 2 * n + VEC_LANES
    cdef bint finite
    if rows == 1:
        finite = step_of_columns(s, x, h, c, gates, after, after + n, 1)
    else:
        transpose(x, s.inputs, inputs, rows, rows, s.inputs)
        transpose(h, s.units, before, rows, rows, s.units)
        if c != NULL:
            transpose(c, s.units, before + n, rows, rows, s.units)
        finite = step_of_columns(s, inputs, before, before + n, gates, after, after + n, rows)
    transpose(after, rows, h_after, s.units, s.units, rows)
    if c != NULL:
        transpose(after + n, rows, c_after, s.units, s.units, rows)
    return finite


def cell_step(str cell, str activation, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh,
              bint checked=False):
    """The next h of a cell, or of an LSTM the next h and c.

    Parameters
    ----------
    cell : {"rnn", "lstm", "gru_before", "gru_after"}
    activation : str
        Of an RNN.
    x, h, c : (N, inputs), (N, units), (N, units)
        c is None but of an LSTM.
    weight_ih, weight_hh : (gates units, inputs), (gates units, units)
    bias_ih, bias_hh : (gates units,) or None
    checked : bool
        Whether all numbers are known to be finite.

    Returns
    -------
    None where one is no array of these shapes as kernels want it, or perhaps not finite.
    """
    cdef ColumnStep s
    cdef Py_ssize_t of_x[2]
    cdef Py_ssize_t of_h[2]
    cdef Py_ssize_t i, samples, together, room
    cdef const real* inputs
    cdef const real* before
    cdef const real* cells = NULL
    cdef real* states
    cdef real* cell_states = NULL
    cdef real* scratch
    cdef bint finite = True
    cdef Recurrent layer
    s.b = s.d = NULL
    inputs, before = _numbers(x, 2, -1, -1, of_x), _numbers(h, 2, -1, -1, of_h)
    if inputs == NULL or before == NULL or of_x[0] != of_h[0]:
        return None
    samples = of_x[0]
    describe_recurrent(&layer, row_of_name(_CELLS, "cell", cell),
                       row_of_name(_FUSED, "activation", activation), 0, of_x[1], of_h[1], 0)
    s.cell, s.activation, s.inputs, s.units = layer.cell, layer.activation, of_x[1], of_h[1]
    s.columns, s.width = layer.columns, layer.width
    if s.cell == LSTM:
        cells = _numbers(c, 2, samples, s.units, NULL)
        if cells == NULL:
            return None
    s.u = _numbers(weight_ih, 2, s.columns, s.inputs, NULL)
    s.w = _numbers(weight_hh, 2, s.columns, s.units, NULL)
    if s.u == NULL or s.w == NULL:
        return None
    if bias_ih is not None:
        s.b = _numbers(bias_ih, 1, s.columns, -1, NULL)
        if s.b == NULL:
            return None
    if bias_hh is not None:
        s.d = _numbers(bias_hh, 1, s.columns, -1, NULL)
        if s.d == NULL:
            return None
    h_after = _EMPTY((samples, s.units), _DTYPE)
    states = <real*>_numbers(h_after, 2, -1, -1, NULL)
    if s.cell == LSTM:
        c_after = _EMPTY((samples, s.units), _DTYPE)
        cell_states = <real*>_numbers(c_after, 2, -1, -1, NULL)
    together = 1 if samples < FEW_SAMPLES else min(samples, SAMPLES_TOGETHER)
    room = (s.width + 4 * s.units + s.inputs) * together + 4 * VEC_LANES
    scratch = <real*>malloc(room * sizeof(real))
    if scratch == NULL:
        raise MemoryError
    with nogil:
        i = 0
        while i < samples:
            room = min(together, samples - i)
            finite &= _step_of_rows(&s, inputs + i * s.inputs, before + i * s.units,
                                    cells + i * s.units if cells != NULL else NULL,
                                    states + i * s.units,
                                    cell_states + i * s.units if cells != NULL else NULL, room,
                                    scratch)
            i += room
        free(scratch)
    if not (finite or checked):
        return None
    return (h_after, c_after) if s.cell == LSTM else h_after
