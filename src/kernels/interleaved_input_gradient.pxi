# The gradient of a convolution's input, of four images interleaved: always filtered.

cdef Py_ssize_t scratch_to_input(const Window* g) noexcept nogil:
    cdef Filtering f = interleaved_filtering(g)
    return 4 * g.oc * row_between_zeros(g) + 4 * g.c * f.v[0]


cdef void pair_between_zeros(const Window* g, const real* dy, Py_ssize_t pair,
                             real* m) noexcept nogil:
    # A pair of rows, with their sum and difference between: (O, 4, row). The last one may be alone.
    cdef Py_ssize_t o, n, left, row = row_between_zeros(g), dy_row = pitch_of(g.ow)
    cdef bint alone = 2 * pair + 1 == g.oh
    cdef vec a, b
    dy += 2 * pair * dy_row
    for o in range(g.oc):
        for n from 0 <= n < FOUR * g.ow by VEC_LANES:
            left = FOUR * g.ow - n
            a = vec_load(dy + n)
            b = vec_load(dy + dy_row + n) if not alone else vec_set1(0)
            store_lanes(m + n, a, left)
            store_lanes(m + row + n, a + b, left)
            store_lanes(m + 2 * row + n, a - b, left)
            store_lanes(m + 3 * row + n, b, left)
        dy += g.oh * dy_row
        m += 4 * row


cdef inline void tiles_back(const Window* g, int vectors, const Terms* t, Py_ssize_t channels,
                            const real* x, const real* weight, real* y,
                            const real* zeros) noexcept nogil:
    if g.c > FEW_CHANNELS:
        if vectors == 2: interleaved_tiles(2, t, channels, x, weight, zeros, y)
        else: interleaved_tiles(1, t, channels, x, weight, zeros, y)
    elif vectors == WIDE_VECTORS: wide_tiles(WIDE_VECTORS, t, channels, x, weight, zeros, y)
    elif vectors == 2: wide_tiles(2, t, channels, x, weight, zeros, y)
    else: wide_tiles(1, t, channels, x, weight, zeros, y)


cdef void sums_back(const Window* g, Terms* t, const int* place, Py_ssize_t groups, const real* m,
                    const real* u, const real* zeros, real* v) noexcept nogil:
    # Of a row of pixels, for all groups of a place; an image's only channel has them for channels.
    cdef Py_ssize_t n = 0, left = pitch_of(g.w) // VEC_LANES, terms = g.kw * g.c, j, first, last
    cdef Py_ssize_t group, together = groups if g.c == 1 else 1
    cdef int vectors
    t.step = groups * terms
    while left > 0:
        vectors = vectors_back(g)
        while vectors > left:
            vectors //= 2
        j = n // FOUR                           # the taps through which these pixels are seen
        first = max(0, j - g.ow + 1)
        last = max(first, min(g.kw, j + vectors * FOURS))
        t.place, t.runs = place + first * g.oc, last - first
        for group from 0 <= group < groups by together:
            tiles_back(g, vectors, t, g.c * together, m + n, u + group * terms + first * g.c,
                       v + group * pitch_of(g.w) + n, zeros)
        n += vectors * VEC_LANES
        left -= vectors


cdef void interleaved_input_gradient(const Window* g, const int* place, const real* back,
                                     const real* zeros, const real* dy, real* scratch,
                                     real* dx) noexcept nogil:
    # `back` is u, transposed.
    cdef Window taps = taps_of_rows(g)
    cdef Filtering f = interleaved_filtering(g)
    cdef Py_ssize_t i, row = row_between_zeros(g)
    cdef real* m = scratch + margin_of_zeros(g)
    cdef real* u[4]
    cdef real* v[4]
    cdef Terms t
    cdef int p
    filters_at(&taps, &f, <real*>back, u)
    for p in range(4):
        v[p] = scratch + 4 * g.oc * row + p * g.c * f.v[0]
    memset(scratch, 0, 4 * g.oc * row * sizeof(real))
    memset(dx, 0, g.c * g.h * pitch_of(g.w) * sizeof(real))
    t.count, t.next, t.run_step, t.init_plane = g.oc, g.oc, g.c, 0
    t.apart = g.kw if g.c == 1 else 1
    t.plane = pitch_of(g.w) if g.c == 1 else f.v[0]
    for i in range(f.pairs):
        pair_between_zeros(g, dy, i, m)
        for p in range(4 if 2 * i + 1 < g.oh else 3):
            sums_back(g, &t, place, f.groups[p], m + p * row, u[p], zeros, v[p])
        places_to_images(g, &f, i, v, dx)
