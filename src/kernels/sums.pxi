# Vectors added to vectors, and the rows of a matrix, or the numbers of a vector, added up.
#
# What may be many numbers is added up some at a time: of a million in one float32 sum, rounding
# would be seen, as each is small beside what came before.

cdef enum:
    ROWS_AT_A_TIME = 256
    NUMBERS_AT_A_TIME = 4096    # of a row


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


cdef inline void sum_columns(const int vectors, const real* x, Py_ssize_t x_sample,
                             Py_ssize_t samples, Py_ssize_t step, Py_ssize_t rows,
                             Py_ssize_t columns, real* total) noexcept nogil:
    # Four sums of each, as one alone would wait for itself.
    cdef vec acc[8]
    cdef const real* p
    cdef Py_ssize_t i, r
    cdef int v, m
    for m in range(4 * vectors):
        acc[m] = vec_set1(0)
    for i in range(samples):
        p = x + i * x_sample
        for r in range(0, rows - 3, 4):
            for m in range(4):
                for v in range(vectors):
                    acc[m * vectors + v] = (acc[m * vectors + v]
                                            + vec_load(p + m * step + v * VEC_LANES))
            p += 4 * step
        for r in range(rows // 4 * 4, rows):
            for v in range(vectors):
                acc[v] = acc[v] + vec_load(p + v * VEC_LANES)
            p += step
    for v in range(vectors):
        acc[v] = (acc[v] + acc[vectors + v]) + (acc[2 * vectors + v] + acc[3 * vectors + v])
        store_lanes(total + v * VEC_LANES,
                    load_lanes(total + v * VEC_LANES, columns - v * VEC_LANES) + acc[v],
                    columns - v * VEC_LANES)


cdef void sum_some(const real* x, Py_ssize_t x_sample, Py_ssize_t samples, Py_ssize_t step,
                   Py_ssize_t rows, Py_ssize_t columns, real* total) noexcept nogil:
    # Whole lines at a time, as the next row's may drive out what lies beside.
    cdef Py_ssize_t n, last = (columns - 1) // VEC_LANES * VEC_LANES
    for n from 0 <= n < columns by 2 * VEC_LANES:
        if n < last:
            sum_columns(2, x + n, x_sample, samples, step, rows, columns - n, total + n)
        else:
            sum_columns(1, x + n, x_sample, samples, step, rows, columns - n, total + n)


cdef void sum_rows(const real* x, Py_ssize_t step, Py_ssize_t rows, Py_ssize_t columns,
                   real* total) noexcept nogil:
    # total += the column sums of x: the gradient of a bias.
    cdef Py_ssize_t first
    for first from 0 <= first < rows by ROWS_AT_A_TIME:
        sum_some(x + first * step, 0, 1, step, min(ROWS_AT_A_TIME, rows - first), columns, total)


cdef void sum_steps(const real* x, Py_ssize_t x_sample, Py_ssize_t samples, Py_ssize_t step,
                    Py_ssize_t steps, Py_ssize_t columns, real* total) noexcept nogil:
    # The same of rows that are the steps of samples.
    cdef Py_ssize_t first, some = ROWS_AT_A_TIME // steps
    if steps == 1:
        sum_rows(x, x_sample, samples, columns, total)
    elif some > 1:
        for first from 0 <= first < samples by some:
            sum_some(x + first * x_sample, x_sample, min(some, samples - first), step, steps,
                     columns, total)
    else:
        for first in range(samples):
            sum_rows(x + first * x_sample, step, steps, columns, total)


cdef void add_bias(const real* x, const real* bias, real* y, Py_ssize_t rows,
                   Py_ssize_t columns) noexcept nogil:
    # y = x + bias, row by row; y may be x.
    cdef Py_ssize_t i, n
    for i in range(rows):
        for n from 0 <= n < columns by VEC_LANES:
            store_lanes(y + i * columns + n,
                        vec_load(x + i * columns + n) + load_lanes(bias + n, columns - n),
                        columns - n)


ctypedef vec (*of_two_vectors)(vec x, vec y) noexcept nogil


cdef inline real sum_of(of_two_vectors f, const real* x, real about, Py_ssize_t n) noexcept nogil:
    # Of f(x, about): four sums where there are vectors enough, as one would wait for itself.
    cdef Py_ssize_t i, m, whole = n // VEC_LANES * VEC_LANES
    cdef Py_ssize_t fourfold = n // (4 * VEC_LANES) * (4 * VEC_LANES)
    cdef vec total = vec_set1(0), pivot = vec_set1(about)
    cdef vec some[4]
    if fourfold:
        for m in range(4):
            some[m] = f(vec_load(x + m * VEC_LANES), pivot)
        for i from 4 * VEC_LANES <= i < fourfold by 4 * VEC_LANES:
            for m in range(4):
                some[m] = some[m] + f(vec_load(x + i + m * VEC_LANES), pivot)
        total = (some[0] + some[1]) + (some[2] + some[3])
    for i from fourfold <= i < whole by VEC_LANES:
        total = total + f(vec_load(x + i), pivot)
    if whole < n:
        total = total + vec_keep_first(f(vec_load(x + whole), pivot), <int>(n - whole))
    return vec_sum(total)


cdef inline vec difference(vec x, vec y) noexcept nogil:
    return x - y


cdef inline vec squared_difference(vec x, vec y) noexcept nogil:
    return (x - y) * (x - y)


cdef double sum_about(const real* x, real start, Py_ssize_t n) noexcept nogil:
    # The sum of x - start, which rounding leaves small where x are large, and 0 where all are one.
    cdef Py_ssize_t i
    cdef double total = 0
    for i from 0 <= i < n by NUMBERS_AT_A_TIME:
        total += sum_of(difference, x + i, start, min(NUMBERS_AT_A_TIME, n - i))
    return total


cdef double squares_about(const real* x, real mean, Py_ssize_t n) noexcept nogil:
    # The sum of (x - mean)^2.
    cdef Py_ssize_t i
    cdef double total = 0
    for i from 0 <= i < n by NUMBERS_AT_A_TIME:
        total += sum_of(squared_difference, x + i, mean, min(NUMBERS_AT_A_TIME, n - i))
    return total
