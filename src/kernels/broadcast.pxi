# Merging rows with what has one row for all of them, one number for each row, or one for all.

cdef struct Spread:
    Py_ssize_t rows, columns    # of what it is merged with
    Py_ssize_t row_step         # 0 if it has one row for all
    bint one_column             # a number is for all columns


cdef inline vec merge_lanes(const bint multiplies, vec y, vec x) noexcept nogil:
    return y * x if multiplies else y + x


cdef inline void merge_row(const bint multiplies, real* y, const real* x, Py_ssize_t n,
                           const bint one_column) noexcept nogil:
    cdef Py_ssize_t whole = n // VEC_LANES * VEC_LANES, j
    cdef vec number = vec_set1(x[0])
    for j from 0 <= j < whole by VEC_LANES:
        vec_store(y + j, merge_lanes(multiplies, vec_load(y + j),
                                     number if one_column else vec_load(x + j)))
    for j in range(whole, n):
        if multiplies:
            y[j] *= x[0 if one_column else j]
        else:
            y[j] += x[0 if one_column else j]


cdef inline void merge_rows(const bint multiplies, const Spread* g, real* y,
                            const real* x) noexcept nogil:
    cdef Py_ssize_t i
    if g.one_column:
        for i in range(g.rows):
            merge_row(multiplies, y + i * g.columns, x + i * g.row_step, g.columns, True)
    else:
        for i in range(g.rows):
            merge_row(multiplies, y + i * g.columns, x + i * g.row_step, g.columns, False)


cdef void merge_spread(bint multiplies, const Spread* g, real* y, const real* x) noexcept nogil:
    # y += x, or y *= x.
    if multiplies:
        merge_rows(True, g, y, x)
    else:
        merge_rows(False, g, y, x)


cdef void gather_spread(const Spread* g, const real* dy, real* dx) noexcept nogil:
    # dx = what each number has been spread to, added up.
    cdef Py_ssize_t i
    if g.one_column and g.row_step == 0:
        dx[0] = <real>sum_about(dy, 0, g.rows * g.columns)
    elif g.one_column:
        for i in range(g.rows):
            dx[i] = <real>sum_about(dy + i * g.columns, 0, g.columns)
    elif g.rows == 1:
        memcpy(dx, dy, g.columns * sizeof(real))
    else:
        memset(dx, 0, g.columns * sizeof(real))
        sum_rows(dy, g.columns, g.rows, g.columns, dx)
