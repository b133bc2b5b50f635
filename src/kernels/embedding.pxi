# Tokens, and the gradient of a table whose rows they looked up.

cdef inline Py_ssize_t token_within(real token, Py_ssize_t rows) noexcept nogil:
    # One that is none has been found by the embedding, and ends the call; until then it is the
    # first.
    return <Py_ssize_t>token if 0 <= token < rows else 0


cdef void embedding_gradient(const real* x, Py_ssize_t x_sample, const real* dy,
                             Py_ssize_t dy_sample, Py_ssize_t samples, Py_ssize_t steps,
                             Py_ssize_t columns, Py_ssize_t start, Py_ssize_t stop,
                             real* total) noexcept nogil:
    # Rows start to stop of a table's gradient: what was asked of each place where the row stood.
    cdef Py_ssize_t i, t, token
    memset(total + start * columns, 0, (stop - start) * columns * sizeof(real))
    for i in range(samples):
        for t in range(steps):
            token = <Py_ssize_t>x[i * x_sample + t]
            if start <= token < stop:
                add_slice(total + token * columns, dy + i * dy_sample + t * columns, columns)
