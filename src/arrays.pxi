# Arrays that come in from Python, read where they lie.

# What is looked up for many small arrays.
cdef object NDARRAY = np.ndarray, EMPTY = np.empty
cdef Py_ssize_t FEW_NUMBERS = 1 << 16


cdef Py_ssize_t locate_any(x, Py_ssize_t* size, void** start) except -1:
    # How many numbers, of how many bytes each, a contiguous array holds, and where; whoever asks
    # keeps it. A typed view would take three times as long.
    cdef Py_buffer view
    PyObject_GetBuffer(x, &view, PyBUF_C_CONTIGUOUS)
    start[0], size[0] = view.buf, view.itemsize
    cdef Py_ssize_t n = view.len // max(view.itemsize, 1)
    PyBuffer_Release(&view)
    return n


cdef inline int check_size(x, Py_ssize_t given, Py_ssize_t size) except -1:
    if given != size:
        raise ValueError(f"numbers must be of {size} bytes; received {x.dtype}")
    return 0


cdef Py_ssize_t locate(x, Py_ssize_t size, void** start) except -1:
    # The same of numbers of this size.
    cdef Py_ssize_t given, n = locate_any(x, &given, start)
    check_size(x, given, size)
    return n


cdef void* start_of(x, size_t size) except NULL:
    cdef void* start
    locate(x, size, &start)
    return start


cdef bint take_array(object array, Py_buffer* view, int flags) except -1:
    # Whether it has numbers of this module's dtype; then the view is to be released.
    try:
        PyObject_GetBuffer(array, view, flags | PyBUF_FORMAT)
    except (TypeError, ValueError, BufferError):
        return False
    if view.itemsize == sizeof(real) and view.format[0] == (c"d" if sizeof(real) == 8 else c"f"):
        return True
    PyBuffer_Release(view)
    return False


cdef bint take_ready(x, Py_buffer* view, int flags=0) except -1:
    # Whether it is an array that the core reads where it lies; then the view is to be released.
    if type(x) is not NDARRAY or not take_array(x, view, PyBUF_C_CONTIGUOUS | flags):
        return False
    if <uint64_t>view.buf % sizeof(real) == 0:
        return True
    PyBuffer_Release(view)
    return False


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
    """Whether x is a non-empty array of samples of this shape, all finite, that the core reads in
    place. False for large arrays too, which several threads check faster."""
    cdef Py_buffer view
    cdef Py_ssize_t n
    if not take_ready(x, &view):
        return False
    try:
        n = view.len // <Py_ssize_t>sizeof(real)
        return (0 < n <= FEW_NUMBERS and (shape is None or holds_samples(&view, shape))
                and finite_run(<const real*>view.buf, n))
    finally:
        PyBuffer_Release(&view)


def are_labels(labels, Py_ssize_t classes):
    """Whether all of labels, contiguous and int64, are from 0 to `classes` - 1."""
    cdef const int64_t* label
    cdef Py_ssize_t i, n = locate(labels, sizeof(int64_t), <void**>&label)
    cdef bint inside = True
    with nogil:
        for i in range(n):
            inside = inside and 0 <= label[i] < classes
    return inside


def are_within(x, real low, real high):
    """Whether all of x, contiguous and of this module's dtype, are from `low` to `high`."""
    cdef const real* numbers
    cdef Py_ssize_t i, n = locate(x, sizeof(real), <void**>&numbers)
    cdef bint inside = True
    with nogil:
        for i in range(n):
            inside = inside and low <= numbers[i] <= high
    return inside


def are_zeros_and_ones(rows, bint one_each=False):
    """Whether all of rows (..., F), contiguous and of this module's dtype, are 0 or 1; with
    `one_each`, also a single 1 in each row."""
    cdef const real* x
    cdef Py_ssize_t i, j, n = locate(rows, sizeof(real), <void**>&x)
    cdef Py_ssize_t width = rows.shape[rows.ndim - 1]
    cdef bint found = True
    cdef real ones
    with nogil:
        for i from 0 <= i < n by width:
            ones = 0
            for j in range(i, i + width):
                found = found and (x[j] == 0 or x[j] == 1)
                ones += x[j]
            found = found and (ones == 1 or not one_each)
            if not found:
                break
    return found
