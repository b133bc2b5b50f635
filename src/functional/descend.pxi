# A step down a gradient on arrays as they come, for fastdl.compat: for numbers so few that checks
# and conversions in Python would take longer than the work. What is not this module's dtype, or
# lies otherwise, is left to the caller.

cdef bint take_matrix(object array, Py_buffer* view, int flags, Py_ssize_t rows,
                      Py_ssize_t columns) except -1:
    # The same of one of this shape.
    if not take_array(array, view, PyBUF_C_CONTIGUOUS | flags):
        return False
    if view.ndim == 2 and view.shape[0] == rows and view.shape[1] == columns:
        return True
    PyBuffer_Release(view)
    return False


cdef bint lie_alike(const Py_buffer* a, const Py_buffer* b) noexcept:
    cdef int k
    if a.ndim != b.ndim:
        return False
    for k in range(a.ndim):
        if a.shape[k] != b.shape[k] or a.strides[k] != b.strides[k]:
            return False
    return True


def descend(p, g, double rate):
    """Subtract `rate` times g from p, in place; False if these arrays cannot be read so."""
    cdef Py_buffer values, slopes
    cdef real* to
    cdef const real* slope
    cdef real step = <real>-rate
    cdef Py_ssize_t n, i, whole
    if not take_array(p, &values, PyBUF_ANY_CONTIGUOUS | PyBUF_WRITABLE):
        return False
    if not take_array(g, &slopes, PyBUF_ANY_CONTIGUOUS):
        PyBuffer_Release(&values)
        return False
    alike = lie_alike(&values, &slopes)
    if alike:
        to, slope = <real*>values.buf, <const real*>slopes.buf
        n = values.len // <Py_ssize_t>sizeof(real)
        whole = n // VEC_LANES * VEC_LANES
        for i from 0 <= i < whole by VEC_LANES:
            vec_store(to + i, vec_fma(vec_load(to + i), step, vec_load(slope + i)))
        for i in range(whole, n):
            to[i] += step * slope[i]
    PyBuffer_Release(&slopes)
    PyBuffer_Release(&values)
    return alike
