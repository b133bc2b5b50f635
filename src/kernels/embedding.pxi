# Tokens, and the gradient of a table whose rows they looked up.

cdef inline Py_ssize_t token_within(real token, Py_ssize_t rows) noexcept nogil:
    # One that is none has been found by the embedding, and ends the call; until then it is the
    # first.
    return <Py_ssize_t>token if 0 <= token < rows else 0


cdef struct Tokens:
    # The steps of samples, the token at each, and what is asked of it.
    const real* x
    Py_ssize_t x_sample
    const real* dy
    Py_ssize_t dy_sample, dy_step
    Py_ssize_t samples, steps


cdef inline Py_ssize_t places_at_a_time(Py_ssize_t vocabulary) noexcept nogil:
    # So many that a table of what is asked of them is added up in little time beside theirs.
    return max(NUMBERS_AT_A_TIME, 32 * vocabulary)


cdef void sum_places(const Tokens* given, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t step,
                     Py_ssize_t columns, real* total) noexcept nogil:
    # Rows start to stop of a table's gradient: what was asked of each place where the row stood.
    # They are `step` apart.
    cdef Tokens p = given[0]
    cdef Py_ssize_t i, t, token
    for token in range(start, stop):
        memset(total + token * step, 0, columns * sizeof(real))
    for i in range(p.samples):
        for t in range(p.steps):
            token = <Py_ssize_t>p.x[i * p.x_sample + t]
            if start <= token < stop:
                add_slice(total + token * step, p.dy + i * p.dy_sample + t * p.dy_step, columns)


cdef void table_gradient(const Tokens* p, Py_ssize_t vocabulary, Py_ssize_t start, Py_ssize_t stop,
                         Py_ssize_t step, Py_ssize_t columns, real* some,
                         real* total) noexcept nogil:
    # The same, some places at a time; `some` is another table, or NULL where there are few places.
    cdef Tokens q = p[0]
    cdef Py_ssize_t together = max(1, places_at_a_time(vocabulary) // p.steps), first, token
    if some == NULL:
        sum_places(p, start, stop, step, columns, total)
        return
    for token in range(start, stop):
        memset(total + token * step, 0, columns * sizeof(real))
    for first from 0 <= first < p.samples by together:
        q.x, q.dy = p.x + first * p.x_sample, p.dy + first * p.dy_sample
        q.samples = min(together, p.samples - first)
        sum_places(&q, start, stop, step, columns, some)
        for token in range(start, stop):
            add_slice(total + token * step, some + token * step, columns)
