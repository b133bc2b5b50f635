# Moving numbers without computing: between (C, H, W), as arrays cross the interface, and (H, W, C),
# as kernels want them; into padded frames; shifted by whole pixels; mirrored.

cdef inline void transpose_block(const real* x, Py_ssize_t x_step, Py_ssize_t rows, real* y,
                                 Py_ssize_t y_step, Py_ssize_t columns) noexcept nogil:
    # At most as many rows and columns as a vector has lanes; rows of y are written as whole
    # vectors. Each round zips the upper half of the rows with the lower.
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


cdef void transpose(const real* x, Py_ssize_t x_step, real* y, Py_ssize_t y_step, Py_ssize_t rows,
                    Py_ssize_t columns) noexcept nogil:
    # y[j, i] = x[i, j]
    cdef Py_ssize_t i, j, n, m
    cdef Py_ssize_t whole_rows = rows // VEC_LANES * VEC_LANES
    cdef Py_ssize_t whole_columns = columns // VEC_LANES * VEC_LANES
    for i from 0 <= i < whole_rows by VEC_LANES:
        for j from 0 <= j < whole_columns by VEC_LANES:
            transpose_block(x + i * x_step + j, x_step, VEC_LANES, y + j * y_step + i, y_step,
                            VEC_LANES)
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


cdef void numbers_of_bytes(const uint8_t* x, real* y, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, whole = n // VEC_LANES * VEC_LANES
    for i from 0 <= i < whole by VEC_LANES:
        vec_store(y + i, vec_of_bytes(x + i))
    for i in range(whole, n):
        y[i] = x[i]


cdef void copy_rows(const real* x, Py_ssize_t x_step, real* y, Py_ssize_t y_step, Py_ssize_t rows,
                    Py_ssize_t columns) noexcept nogil:
    cdef Py_ssize_t i
    if x_step == columns and y_step == columns:
        memcpy(y, x, rows * columns * sizeof(real))
        return
    for i in range(rows):
        memcpy(y + i * y_step, x + i * x_step, columns * sizeof(real))


cdef void shift_image(const real* x, real* y, Py_ssize_t h, Py_ssize_t w, Py_ssize_t c,
                      Py_ssize_t down, Py_ssize_t right) noexcept nogil:
    # y[i, j] = x[i - down, j - right], zero where that is outside.
    cdef Py_ssize_t rows = h - (down if down > 0 else -down)
    cdef Py_ssize_t columns = w - (right if right > 0 else -right)
    memset(y, 0, h * w * c * sizeof(real))
    if rows > 0 and columns > 0:
        copy_rows(x + ((-down if down < 0 else 0) * w + (-right if right < 0 else 0)) * c, w * c,
                  y + ((down if down > 0 else 0) * w + (right if right > 0 else 0)) * c, w * c,
                  rows, columns * c)


cdef void mirror_image(const real* x, real* y, Py_ssize_t h, Py_ssize_t w, Py_ssize_t c, bint down,
                       bint right) noexcept nogil:
    # Upside down, the left on the right, or both. A pixel's last vector spills into the next one,
    # which is written after it.
    cdef Py_ssize_t i, j, n
    cdef const real* row
    cdef const real* pixel
    for i in range(h):
        row = x + (h - 1 - i if down else i) * w * c
        if not right:
            memcpy(y, row, w * c * sizeof(real))
            y += w * c
            continue
        for j in range(w):
            pixel = row + (w - 1 - j) * c
            for n from 0 <= n < c by VEC_LANES:
                vec_store(y + n, vec_load(pixel + n))
            y += c
