# Four images interleaved, so that vectors are full however few channels there are:
#
#     x (C, H, P)   with P = 4 W rounded up to whole vectors, a row of pixels of four images each
#
# A vector has a pixel of all four, and as many pixels next to it as it reaches. From a pixel to the
# next one is a step of four numbers for every lane alike, so that a convolution multiplies whole
# rows by one weight after another. What lies past the end of a row is read but never used.

cdef enum:
    FOUR = 4
    FOURS = VEC_LANES // FOUR      # of a vector


cdef inline Py_ssize_t pitch_of(Py_ssize_t w) noexcept nogil:
    # Of a row of pixels.
    return padded(FOUR * w)


cdef inline Py_ssize_t interleaved_size(Py_ssize_t c, Py_ssize_t h, Py_ssize_t w) noexcept nogil:
    # As written, and read: the last row spills over.
    return c * h * pitch_of(w) + FOUR * VEC_LANES


cdef inline void interleave_run(const real** x, Py_ssize_t n, real* y) noexcept nogil:
    # n numbers of each image. Reads and writes whole vectors.
    cdef Py_ssize_t i
    cdef vec a, b, c, d
    for i from 0 <= i < n by VEC_LANES:
        a, b = vec_load(x[0] + i), vec_load(x[1] + i)
        c, d = vec_load(x[2] + i), vec_load(x[3] + i)
        vec_store(y, vec_zip_low(vec_zip_low(a, c), vec_zip_low(b, d)))
        vec_store(y + VEC_LANES, vec_zip_high(vec_zip_low(a, c), vec_zip_low(b, d)))
        vec_store(y + 2 * VEC_LANES, vec_zip_low(vec_zip_high(a, c), vec_zip_high(b, d)))
        vec_store(y + 3 * VEC_LANES, vec_zip_high(vec_zip_high(a, c), vec_zip_high(b, d)))
        y += FOUR * VEC_LANES


cdef inline void part_run(const real* x, Py_ssize_t n, real** y) noexcept nogil:
    # The way back.
    cdef Py_ssize_t i
    cdef vec a, b, c, d
    for i from 0 <= i < n by VEC_LANES:
        a, b = vec_load(x), vec_load(x + VEC_LANES)
        c, d = vec_load(x + 2 * VEC_LANES), vec_load(x + 3 * VEC_LANES)
        vec_store(y[0] + i, vec_evens(vec_evens(a, b), vec_evens(c, d)))
        vec_store(y[1] + i, vec_evens(vec_odds(a, b), vec_odds(c, d)))
        vec_store(y[2] + i, vec_odds(vec_evens(a, b), vec_evens(c, d)))
        vec_store(y[3] + i, vec_odds(vec_odds(a, b), vec_odds(c, d)))
        x += FOUR * VEC_LANES


cdef void interleave_planes(const real** planes, Py_ssize_t rows, Py_ssize_t w,
                            real* y) noexcept nogil:
    # Rows of w pixels of four images. What a row spills, the next one overwrites.
    cdef const real* x[4]
    cdef Py_ssize_t i
    cdef int n
    if pitch_of(w) == FOUR * w:                 # they are one
        rows, w = 1, rows * w
    for i in range(rows):
        for n in range(FOUR):
            x[n] = planes[n] + i * w
        interleave_run(x, w, y + i * pitch_of(w))


cdef void part_planes(const real* x, Py_ssize_t rows, Py_ssize_t w, real** planes) noexcept nogil:
    cdef real* y[4]
    cdef Py_ssize_t i
    cdef int n
    if pitch_of(w) == FOUR * w:
        rows, w = 1, rows * w
    for i in range(rows):
        for n in range(FOUR):
            y[n] = planes[n] + i * w
        part_run(x + i * pitch_of(w), w, y)
