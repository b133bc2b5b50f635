# Arrays that come in from Python, read where they lie.

cdef object NDARRAY = np.ndarray
cdef Py_ssize_t FEW_NUMBERS = 1 << 16


cdef Py_ssize_t locate(x, size_t size, void** start) except -1:
    # How many numbers, of so many bytes each, a contiguous array holds, and where; whoever asks
    # keeps it. A typed view would take three times as long.
    cdef Py_buffer view
    PyObject_GetBuffer(x, &view, PyBUF_C_CONTIGUOUS)
    start[0] = view.buf
    cdef Py_ssize_t n = view.len // <Py_ssize_t>size, given = view.itemsize
    PyBuffer_Release(&view)
    if given != <Py_ssize_t>size:
        raise ValueError(f"numbers must be of {size} bytes; received {x.dtype}")
    return n


cdef void* start_of(x, size_t size) except NULL:
    cdef void* start
    locate(x, size, &start)
    return start


cdef bint lies_ready(x):
    # Whether it is an array that the core reads, or writes, where it lies.
    if type(x) is not NDARRAY or x.dtype != DTYPE:
        return False
    flags = x.flags
    return flags.c_contiguous and flags.aligned


cdef bint holds_samples(const Py_buffer* view, tuple shape):
    # Whether an array is (N, *shape), in which None stands for any size.
    cdef Py_ssize_t i, rank = len(shape)
    if view.ndim != rank + 1:
        return False
    for i in range(rank):
        if shape[i] is not None and view.shape[i + 1] != <Py_ssize_t>shape[i]:
            return False
    return True


def is_ready(x, tuple shape=None):
    """Whether x is sure to be an array of finite numbers, one at least, that the core reads where
    it lies; and holds samples of this shape. Of many numbers it is not: several threads had better
    look through them."""
    cdef Py_buffer view
    cdef Py_ssize_t n
    if not lies_ready(x):
        return False
    PyObject_GetBuffer(x, &view, PyBUF_C_CONTIGUOUS)
    try:
        n = view.len // <Py_ssize_t>sizeof(real)
        return (0 < n <= FEW_NUMBERS and (shape is None or holds_samples(&view, shape))
                and finite_run(<const real*>view.buf, n))
    finally:
        PyBuffer_Release(&view)
