# Rows of numbers brought to mean 0 and variance 1, column by column, and back.
#
#     y = (x - mean) scale w + b (+ a)   dx = (dy - db - (x - mean) scale dw) scale w
#
# Each number takes little more than to be read and written: so products of columns' numbers are
# made beforehand, and a copy of where they lie says that nothing that is written changes it.
#
# Memory is gone through from front to back, once: numbers of a whole batch are in no cache, and it
# brings them half as fast in any other order. A sum with what goes around it, a, and a relu of what
# comes out are part of it, and so is the way back through the relu. What is added up comes of the
# sample at hand, which is in the cache: there some rows are taken together, one vector of columns
# after another, so that sums stay in registers.

cdef enum:
    ROWS_TOGETHER = 16


cdef struct Normalizing:
    # The numbers of each column: a factor is scale w, a slope scale dw; db and dw are means over
    # all rows.
    Py_ssize_t columns
    const real* means
    const real* scales
    const real* factors
    const real* b
    const real* db
    const real* slopes


cdef inline void normalize_at(const bint rectifies, const bint adds, const Normalizing* q,
                              const real* x, const real* a, real* y, Py_ssize_t j,
                              Py_ssize_t left) noexcept nogil:
    # A row's vector of columns from j on, of which so many are left.
    cdef vec v = (vec_load(x + j) - load_lanes(q.means + j, left)) * load_lanes(q.factors + j, left)
    v = v + load_lanes(q.b + j, left)
    if adds:
        v = v + vec_load(a + j)
    store_lanes(y + j, relu(v, 0) if rectifies else v, left)


cdef inline void normalize_some(const bint rectifies, const bint adds, const Normalizing* given,
                                const real* x, const real* a, real* y,
                                Py_ssize_t rows) noexcept nogil:
    cdef Normalizing q = given[0]
    cdef Py_ssize_t i, j, place, whole = q.columns // VEC_LANES * VEC_LANES
    for i in range(rows):
        place = i * q.columns
        for j from 0 <= j < whole by VEC_LANES:
            normalize_at(rectifies, adds, &q, x + place, a + place, y + place, j, VEC_LANES)
        if whole < q.columns:
            normalize_at(rectifies, adds, &q, x + place, a + place, y + place, whole,
                         q.columns - whole)


cdef void normalize_rows(const Normalizing* q, const real* x, const real* a, real* y,
                         Py_ssize_t rows, bint rectifies) noexcept nogil:
    # `a` is NULL where nothing is added.
    if rectifies and a != NULL:
        normalize_some(True, True, q, x, a, y, rows)
    elif rectifies:
        normalize_some(True, False, q, x, x, y, rows)
    elif a != NULL:
        normalize_some(False, True, q, x, a, y, rows)
    else:
        normalize_some(False, False, q, x, x, y, rows)


cdef inline void normalize_at_back(const Normalizing* q, const real* x, const real* dy, real* dx,
                                   Py_ssize_t j, Py_ssize_t left) noexcept nogil:
    cdef vec d = vec_load(dy + j) - load_lanes(q.db + j, left)
    d = d - (vec_load(x + j) - load_lanes(q.means + j, left)) * load_lanes(q.slopes + j, left)
    store_lanes(dx + j, d * load_lanes(q.factors + j, left), left)


cdef void normalize_rows_back(const Normalizing* given, const real* x, const real* dy, real* dx,
                              Py_ssize_t rows) noexcept nogil:
    cdef Normalizing q = given[0]
    cdef Py_ssize_t i, j, whole = q.columns // VEC_LANES * VEC_LANES
    for i in range(rows):
        for j from 0 <= j < whole by VEC_LANES:
            normalize_at_back(&q, x, dy, dx, j, VEC_LANES)
        if whole < q.columns:
            normalize_at_back(&q, x, dy, dx, whole, q.columns - whole)
        x += q.columns
        dy += q.columns
        dx += q.columns


cdef void normalize_groups_back(const Normalizing* given, const real* offsets, const real* x,
                                const real* dy, real* dx, Py_ssize_t rows) noexcept nogil:
    # dx = dy factor - offset - (x - mean) slope: columns of a group have one offset and one slope.
    cdef Normalizing q = given[0]
    cdef Py_ssize_t i, j, left
    cdef vec d
    for i in range(rows):
        for j from 0 <= j < q.columns by VEC_LANES:
            left = q.columns - j
            d = vec_load(dy + j) * load_lanes(q.factors + j, left) - load_lanes(offsets + j, left)
            d = d - ((vec_load(x + j) - load_lanes(q.means + j, left))
                     * load_lanes(q.slopes + j, left))
            store_lanes(dx + j, d, left)
        x += q.columns
        dy += q.columns
        dx += q.columns


cdef void scale_rows_back(const Normalizing* given, const real* dy, real* dx,
                          Py_ssize_t rows) noexcept nogil:
    # The way back if mean and variance are given ones, which the rows do not change.
    cdef Normalizing q = given[0]
    cdef Py_ssize_t i, j, left
    for i in range(rows):
        for j from 0 <= j < q.columns by VEC_LANES:
            left = q.columns - j
            store_lanes(dx + i * q.columns + j,
                        vec_load(dy + i * q.columns + j) * load_lanes(q.factors + j, left), left)


cdef inline void add_some_back(const bint rectified, const Normalizing* given, const real* x,
                               const real* y, real* dy, Py_ssize_t rows, real* dw,
                               real* db) noexcept nogil:
    # Sums of their own for rows that follow: one must not wait for the last.
    cdef Normalizing q = given[0]
    cdef Py_ssize_t i, j, left
    cdef vec mean, d
    cdef vec sums[4]
    cdef vec products[4]
    cdef int k
    for j from 0 <= j < q.columns by VEC_LANES:
        left = q.columns - j
        mean = load_lanes(q.means + j, left)
        for k in range(4):
            sums[k] = products[k] = vec_set1(0)
        for i in range(0, rows - 3, 4):
            for k in range(4):
                d = vec_load(dy + (i + k) * q.columns + j)
                if rectified:
                    d = relu_back(d, vec_load(y + (i + k) * q.columns + j), 0)
                    store_lanes(dy + (i + k) * q.columns + j, d, left)
                sums[k] = sums[k] + d
                products[k] = products[k] + d * (vec_load(x + (i + k) * q.columns + j) - mean)
        for i in range(rows // 4 * 4, rows):
            d = vec_load(dy + i * q.columns + j)
            if rectified:
                d = relu_back(d, vec_load(y + i * q.columns + j), 0)
                store_lanes(dy + i * q.columns + j, d, left)
            sums[0] = sums[0] + d
            products[0] = products[0] + d * (vec_load(x + i * q.columns + j) - mean)
        d = (products[0] + products[1]) + (products[2] + products[3])
        store_lanes(dw + j, load_lanes(dw + j, left) + d * load_lanes(q.scales + j, left), left)
        d = (sums[0] + sums[1]) + (sums[2] + sums[3])
        store_lanes(db + j, load_lanes(db + j, left) + d, left)


cdef void add_rows_back(const Normalizing* q, const real* x, const real* y, real* dy,
                        Py_ssize_t rows, bint rectified, real* dw, real* db) noexcept nogil:
    # Adds to dw and db; where y is rectified, dy becomes what comes back from before that.
    cdef Py_ssize_t i, n, place
    for i from 0 <= i < rows by ROWS_TOGETHER:
        n, place = min(rows - i, ROWS_TOGETHER), i * q.columns
        if rectified:
            add_some_back(True, q, x + place, y + place, dy + place, n, dw, db)
        else:
            add_some_back(False, q, x + place, y + place, dy + place, n, dw, db)


cdef inline void add_about(const bint squares, const real* x, Py_ssize_t step, Py_ssize_t rows,
                           Py_ssize_t columns, const real* about, real* totals) noexcept nogil:
    # Adds x - about to the totals, or the squares of that.
    cdef Py_ssize_t begin, end, i, j, left
    cdef vec start, d
    cdef vec sums[4]
    cdef int k
    for begin from 0 <= begin < rows by ROWS_TOGETHER:
        end = min(rows, begin + ROWS_TOGETHER)
        for j from 0 <= j < columns by VEC_LANES:
            left = columns - j
            start = load_lanes(about + j, left)
            sums[0] = load_lanes(totals + j, left)
            sums[1] = sums[2] = sums[3] = vec_set1(0)
            for i in range(begin, end - 3, 4):
                for k in range(4):
                    d = vec_load(x + (i + k) * step + j) - start
                    if squares:
                        d = d * d
                    sums[k] = sums[k] + d
            for i in range(begin + (end - begin) // 4 * 4, end):
                d = vec_load(x + i * step + j) - start
                if squares:
                    d = d * d
                sums[0] = sums[0] + d
            store_lanes(totals + j, (sums[0] + sums[1]) + (sums[2] + sums[3]), left)


cdef void sum_about_rows(bint squares, const real* x, Py_ssize_t step, Py_ssize_t rows,
                         Py_ssize_t columns, const real* about, real* totals,
                         double* sums) noexcept nogil:
    # The sums of that, as exact as those of few rows.
    cdef Py_ssize_t i, j, n
    memset(sums, 0, columns * sizeof(double))
    for i from 0 <= i < rows by NUMBERS_AT_A_TIME:
        n = min(NUMBERS_AT_A_TIME, rows - i)
        memset(totals, 0, columns * sizeof(real))
        if squares:
            add_about(True, x + i * step, step, n, columns, about, totals)
        else:
            add_about(False, x + i * step, step, n, columns, about, totals)
        for j in range(columns):
            sums[j] += totals[j]


cdef void measure_rows(const real* x, Py_ssize_t step, Py_ssize_t rows, Py_ssize_t columns,
                       real* about, real* totals, double* means, double* squares) noexcept nogil:
    # The means of columns, then the squares about them; `about` and `totals` are scratch. Of what
    # is added up for the means, the first row is taken: so rounding stays small where numbers are
    # large, and is none where all are one.
    cdef Py_ssize_t j
    sum_about_rows(False, x, step, rows, columns, x, totals, means)
    for j in range(columns):
        means[j] = x[j] + means[j] / rows
        about[j] = <real>means[j]
    sum_about_rows(True, x, step, rows, columns, about, totals, squares)
