# The one hot loop: a register tile of sums of products.
#
#     c[m, n] = init[m, n] + sum over s, j of x[m * row_step + s * x_segment + j * x_step]
#                                            * w[s * w_segment + j * w_step + n]
#
# m runs over rows (samples, pixels or weights), n over contiguous features, `vectors` SIMD vectors
# of them. The sum runs over segments s of equal length, because a convolution's receptive field is
# a few contiguous runs of a channels-last image. Forward, input gradients and weight gradients of
# dense and convolution layers are all this product, with other steps:
#
#     layer        rows m   summed over         x                  w
#     forward      pixels   (kh), (kw, ci)      input              weight   (kh, kw, ci, co)
#     d weight     (kw, ci) (oh), (ow)          input              d output (oh, ow, co)
#     d input      pixels   (kh), (co)          d output           weight   (co, kh, kw, ci)
#
# A dense layer is a convolution whose field is the whole sample: one segment. One of x's two steps
# is 1 in each of them, which the tile is told as a constant (`unit`: it is the step between rows).

cdef inline Py_ssize_t padded(Py_ssize_t n) noexcept nogil:
    # Rounded up to whole vectors.
    return (n + VEC_LANES - 1) // VEC_LANES * VEC_LANES


cdef inline vec load_lanes(const real* p, Py_ssize_t left) noexcept nogil:
    return vec_load(p) if left >= VEC_LANES else vec_load_first(p, <int>left)


cdef inline void store_lanes(real* p, vec v, Py_ssize_t left) noexcept nogil:
    if left >= VEC_LANES:
        vec_store(p, v)
    else:
        vec_store_first(p, v, <int>left)


cdef struct Product:
    const real* x
    Py_ssize_t row_step, x_segment, x_step
    const real* w
    Py_ssize_t w_segment, w_step     # w_step is 0 where w, of one segment, lies panel by panel
    # From one column of w to the next: 1, or more where w lies transposed and is packed.
    Py_ssize_t w_column
    Py_ssize_t segments, length
    const real* init          # a row of the start values each init_step; 0 repeats one row
    Py_ssize_t init_step
    real* c
    Py_ssize_t c_step
    # What is written after c, element for element, or NULL: fetched while c is computed.
    const real* next
    # Panels of w: not a convolution's, whose products are many small ones with the same w.
    bint may_pack
    # Rows of c are compact and may be overrun: what a row spills, the next row overwrites.
    bint in_order


cdef inline void tile(const int rows, const int vectors, const int unit, const Product* q,
                      Py_ssize_t row, Py_ssize_t n, int last) noexcept nogil:
    # Rows come in threes behind one pointer, so that a tile of 14 needs 5 pointers and not 14.
    cdef vec acc[48]
    cdef vec wide[3]
    cdef const real* x[6]
    cdef const real* w
    cdef const real* end
    cdef const real* p = q.init + n + row * q.init_step
    cdef real* c
    cdef Py_ssize_t step = 1 if unit else q.row_step, x_step = q.x_step if unit else 1
    cdef Py_ssize_t w_step = q.w_step, c_step = q.c_step, s
    cdef int m, v
    for m in range(rows):
        for v in range(vectors - 1):
            acc[m * 3 + v] = vec_load(p + v * VEC_LANES)
        acc[m * 3 + vectors - 1] = vec_load_first(p + (vectors - 1) * VEC_LANES, last)
        p += q.init_step
    if q.next != NULL:
        p = q.next + n + row * c_step
        for m in range(rows):
            for v in range(vectors):
                prefetch_to_write(p + v * VEC_LANES)
            p += c_step
    for s in range(q.segments):
        for m in range(1 if unit else (rows + 2) // 3):
            x[m] = q.x + s * q.x_segment + (row + 3 * m) * step
        w = q.w + s * q.w_segment + n
        end = w + q.length * w_step
        while w != end:                 # a pointer and no counter: registers are scarce here
            for v in range(vectors):
                wide[v] = vec_load(w + v * VEC_LANES)
            for m in range(rows):
                for v in range(vectors):
                    acc[m * 3 + v] = vec_fma(acc[m * 3 + v], x[0 if unit else m // 3]
                                             [m if unit else (m % 3) * step], wide[v])
            for m in range(1 if unit else (rows + 2) // 3):
                x[m] += x_step
            w += w_step
    c_step = not_before(c_step)
    c = q.c + n + row * c_step
    if last == VEC_LANES:
        for m in range(rows):
            for v in range(vectors):
                vec_store(c + v * VEC_LANES, acc[m * 3 + v])
            c += c_step
    else:
        for m in range(rows):
            for v in range(vectors - 1):
                vec_store(c + v * VEC_LANES, acc[m * 3 + v])
            vec_store_first(c + (vectors - 1) * VEC_LANES, acc[m * 3 + vectors - 1], last)
            c += c_step


cdef inline void rows_of_tile(int rows, const int vectors, const int unit, const Product* q,
                              Py_ssize_t row, Py_ssize_t n, int last) noexcept nogil:
    # One instance a height: constant bounds are what lets the compiler keep every accumulator in a
    # register.
    if rows == 1: tile(1, vectors, unit, q, row, n, last)
    elif rows == 2: tile(2, vectors, unit, q, row, n, last)
    elif rows == 3: tile(3, vectors, unit, q, row, n, last)
    elif rows == 4: tile(4, vectors, unit, q, row, n, last)
    elif vectors == 3 and TILE_ROWS_3 == 4: pass
    elif rows == 5: tile(5, vectors, unit, q, row, n, last)
    elif rows == 6: tile(6, vectors, unit, q, row, n, last)
    elif vectors >= 2 and TILE_ROWS_2 == 6: pass
    elif rows == 7: tile(7, vectors, unit, q, row, n, last)
    elif rows == 8: tile(8, vectors, unit, q, row, n, last)
    elif vectors == 3 and TILE_ROWS_3 == 8: pass
    elif rows == 9: tile(9, vectors, unit, q, row, n, last)
    elif vectors == 3: pass
    elif rows == 10: tile(10, vectors, unit, q, row, n, last)
    elif vectors == 2 and TILE_ROWS_2 == 10: pass
    elif rows == 11: tile(11, vectors, unit, q, row, n, last)
    elif rows == 12: tile(12, vectors, unit, q, row, n, last)
    elif rows == 13: tile(13, vectors, unit, q, row, n, last)
    elif rows == 14: tile(14, vectors, unit, q, row, n, last)
    elif vectors == 2: pass
    elif rows == 15: tile(15, vectors, unit, q, row, n, last)
    elif rows == 16: tile(16, vectors, unit, q, row, n, last)
