# Vectors added to vectors, and the rows of a matrix added up.

cdef void add_run(real* target, const real* source, Py_ssize_t n) noexcept nogil:
    # n is a multiple of the vector length.
    cdef Py_ssize_t i
    for i from 0 <= i < n by VEC_LANES:
        vec_store(target + i, vec_load(target + i) + vec_load(source + i))


cdef void add_slice(real* total, const real* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t whole = n // VEC_LANES * VEC_LANES
    add_run(total, x, whole)
    for n in range(whole, n):
        total[n] += x[n]


cdef void sum_rows(const real* x, Py_ssize_t step, Py_ssize_t rows, Py_ssize_t columns,
                   real* total) noexcept nogil:
    # total += the column sums of x: the gradient of a bias.
    cdef Py_ssize_t n, r
    cdef vec a, b, c, d
    cdef const real* p
    for n from 0 <= n < columns by VEC_LANES:
        p = x + n
        a = load_lanes(total + n, columns - n)
        b = vec_set1(0)
        c = b
        d = b
        for r in range(0, rows - 3, 4):
            a = a + vec_load(p)
            b = b + vec_load(p + step)
            c = c + vec_load(p + 2 * step)
            d = d + vec_load(p + 3 * step)
            p += 4 * step
        for r in range(rows // 4 * 4, rows):
            a = a + vec_load(p)
            p += step
        a = (a + b) + (c + d)
        store_lanes(total + n, a, columns - n)


cdef void add_bias(const real* x, const real* bias, real* y, Py_ssize_t rows,
                   Py_ssize_t columns) noexcept nogil:
    # y = x + bias, row by row; y may be x.
    cdef Py_ssize_t i, n
    for i in range(rows):
        for n from 0 <= n < columns by VEC_LANES:
            store_lanes(y + i * columns + n,
                        vec_load(x + i * columns + n) + load_lanes(bias + n, columns - n),
                        columns - n)
