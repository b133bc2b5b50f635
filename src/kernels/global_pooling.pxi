# The largest number, or the mean, of each feature over rows: pixels, or steps in time.
#
# Vectors run over features. The last vector of a row spills into the next one, which is written
# after it.

cdef void max_of_rows(const real* x, real* y, real* winners, Py_ssize_t rows,
                      Py_ssize_t features) noexcept nogil:
    # winners (features,): the first row that holds the largest number.
    cdef Py_ssize_t i, n
    cdef vec best, value, winner
    for n from 0 <= n < features by VEC_LANES:
        best, winner = vec_load(x + n), vec_set1(0)
        for i in range(1, rows):
            value = vec_load(x + i * features + n)
            winner = vec_if_greater(value, best, vec_set1(<real>i), winner)
            best = vec_max(value, best)
        vec_store(y + n, best)
        vec_store(winners + n, winner)


cdef void mean_of_rows(const real* x, real* y, Py_ssize_t rows, Py_ssize_t features) noexcept nogil:
    cdef Py_ssize_t i, n, first
    cdef vec total, part
    for n from 0 <= n < features by VEC_LANES:
        total = vec_set1(0)
        for first from 0 <= first < rows by ROWS_AT_A_TIME:
            part = vec_load(x + first * features + n)
            for i in range(first + 1, min(first + ROWS_AT_A_TIME, rows)):
                part = part + vec_load(x + i * features + n)
            total = total + part
        vec_store(y + n, total * vec_set1(<real>(1. / <double>rows)))


cdef void to_winners(const real* dy, const real* winners, real* dx, Py_ssize_t rows,
                     Py_ssize_t features) noexcept nogil:
    cdef Py_ssize_t i, n
    cdef vec row
    for i in range(rows):
        row = vec_set1(<real>i)
        for n from 0 <= n < features by VEC_LANES:
            vec_store(dx + i * features + n,
                      vec_if_equal(vec_load(winners + n), row, vec_load(dy + n), vec_set1(0)))


cdef void to_all_rows(const real* dy, real* dx, Py_ssize_t rows,
                      Py_ssize_t features) noexcept nogil:
    cdef Py_ssize_t i, n
    cdef vec share = vec_set1(<real>(1. / <double>rows))
    for i in range(rows):
        for n from 0 <= n < features by VEC_LANES:
            vec_store(dx + i * features + n, vec_load(dy + n) * share)
