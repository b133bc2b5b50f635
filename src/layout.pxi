# Moving numbers without computing: between (C, H, W), as arrays cross the interface, and (H, W, C), as kernels want
# them; into padded frames; shifted by whole pixels.

cdef inline void transpose_block(const real* x, Py_ssize_t x_step, Py_ssize_t rows, real* y, Py_ssize_t y_step, Py_ssize_t columns) noexcept nogil:
    # At most as many rows and columns as a vector has lanes; rows of y are written as whole vectors. Each round zips the
    # upper half of the rows with the lower.
    cdef vec a[VEC_LANES]
    cdef vec b[VEC_LANES]
    cdef int i, turn
    for i in range(VEC_LANES):
        a[i] = vec_load(x)
        if i + 1 < rows:
            x += x_step
    for turn in range(VEC_LANES_LOG2):
        for i in range(VEC_LANES // 2):
            b[2 * i] = vec_zip_low(a[i], a[i + VEC_LANES // 2])
            b[2 * i + 1] = vec_zip_high(a[i], a[i + VEC_LANES // 2])
        for i in range(VEC_LANES):
            a[i] = b[i]
    for i in range(VEC_LANES):
        if i < columns:
            vec_store(y + i * y_step, a[i])


cdef void transpose(const real* x, Py_ssize_t x_step, real* y, Py_ssize_t y_step, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    # y[j, i] = x[i, j]
    cdef Py_ssize_t i, j, n, m
    cdef Py_ssize_t whole_rows = rows // VEC_LANES * VEC_LANES
    cdef Py_ssize_t whole_columns = columns // VEC_LANES * VEC_LANES
    for i from 0 <= i < whole_rows by VEC_LANES:
        for j from 0 <= j < whole_columns by VEC_LANES:
            transpose_block(x + i * x_step + j, x_step, VEC_LANES, y + j * y_step + i, y_step, VEC_LANES)
        for j in range(whole_columns, columns):
            for n in range(i, i + VEC_LANES):
                y[j * y_step + n] = x[n * x_step + j]
    for j in range(columns):
        for n in range(whole_rows, rows):
            y[j * y_step + n] = x[n * x_step + j]


cdef void channels_last(const real* x, real* y, Py_ssize_t c, Py_ssize_t pixels) noexcept nogil:
    if c == 1 or pixels == 1:
        memcpy(y, x, c * pixels * sizeof(real))
    else:
        transpose(x, pixels, y, c, c, pixels)


cdef void channels_first(const real* x, real* y, Py_ssize_t c, Py_ssize_t pixels) noexcept nogil:
    channels_last(x, y, pixels, c)


cdef void copy_image(const real* x, Py_ssize_t x_row, real* y, Py_ssize_t y_row, Py_ssize_t rows, Py_ssize_t row) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(rows):
        memcpy(y + i * y_row, x + i * x_row, row * sizeof(real))


cdef void shift_image(const real* x, real* y, Py_ssize_t h, Py_ssize_t w, Py_ssize_t c, Py_ssize_t down, Py_ssize_t right) noexcept nogil:
    # y[i, j] = x[i - down, j - right], zero where that is outside.
    cdef Py_ssize_t rows = h - (down if down > 0 else -down)
    cdef Py_ssize_t columns = w - (right if right > 0 else -right)
    memset(y, 0, h * w * c * sizeof(real))
    if rows > 0 and columns > 0:
        copy_image(x + ((-down if down < 0 else 0) * w + (-right if right < 0 else 0)) * c, w * c,
                   y + ((down if down > 0 else 0) * w + (right if right > 0 else 0)) * c, w * c, rows, columns * c)


cdef inline uint64_t scramble(uint64_t x) noexcept nogil:
    # splitmix64 (Steele, Lea, Flood 2014): a counter goes in, random bits come out, so that the draw for a sample
    # depends on nothing but its place in the run, whatever the number of threads.
    x += <uint64_t>0x9E3779B97F4A7C15
    x = (x ^ (x >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t>0x94D049BB133111EB
    return x ^ (x >> 31)


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


cdef void dropout(const real* x, real* y, Py_ssize_t n, real rate, uint64_t seed) noexcept nogil:
    # Each number becomes zero with this probability, in steps of 2^-16, and the others grow, so that the expectation stays
    # (Srivastava et al. 2014). The same seed drops the same numbers: so do gradients go back.
    cdef Py_ssize_t j
    cdef uint64_t bits = 0
    cdef uint64_t threshold = <uint64_t>(rate * 65536 + 0.5)
    cdef real factor[2]              # looked up, as a branch would be guessed wrong
    factor[0], factor[1] = 0, <real>(65536. / (65536 - threshold))
    if threshold == 0:
        memcpy(y, x, n * sizeof(real))
        return
    for j in range(n):
        if j % 4 == 0:
            bits = scramble(seed + <uint64_t>j)
        y[j] = x[j] * factor[(bits & 0xFFFF) >= threshold]
        bits >>= 16


cdef void embedding_gradient(const real* x, Py_ssize_t x_sample, const real* dy, Py_ssize_t dy_sample, Py_ssize_t samples, Py_ssize_t steps,
                             Py_ssize_t columns, Py_ssize_t start, Py_ssize_t stop, real* total) noexcept nogil:
    # Rows start to stop of a table's gradient: what was asked of each place where the row stood.
    cdef Py_ssize_t i, t, token
    memset(total + start * columns, 0, (stop - start) * columns * sizeof(real))
    for i in range(samples):
        for t in range(steps):
            token = <Py_ssize_t>x[i * x_sample + t]
            if start <= token < stop:
                add_slice(total + token * columns, dy + i * dy_sample + t * columns, columns)
