# The gradient of a convolution's weights, of four images interleaved: of pixels by output channels.

cdef enum:
    TAPS_TOGETHER = 5           # by channels, along a row of the kernel;
    FIELD_SUMS = 12             # and vectors of sums, at most
    PIXEL_TAPS = 4              # by pixels
    PIXEL_CHANNELS = 3


cdef inline bint sums_by_channels(const Window* g) noexcept nogil:
    # The lanes of the weights' gradient: output channels, if they fill vectors, or pixels.
    return g.oc % VEC_LANES == 0


cdef Py_ssize_t scratch_to_weights(const Window* g) noexcept nogil:
    cdef Filtering f = interleaved_filtering(g)
    if not sums_by_channels(g):
        return 0
    return (4 * f.pairs * g.c * f.v[0] + 2 * rows_in_pairs(g) * FOUR * g.ow * g.oc
            + row_filters_size(g))


cdef void channels_innermost(const Window* g, const real* dy, real* y) noexcept nogil:
    # (O, OH, P) to (OH, OW, 4, O), whole vectors of channels.
    cdef Py_ssize_t i, j, o, plane = g.oh * pitch_of(g.ow)
    for i in range(g.oh):
        for j from 0 <= j < FOUR * g.ow by VEC_LANES:
            for o from 0 <= o < g.oc by VEC_LANES:
                transpose_block(dy + o * plane + j, plane, VEC_LANES, y + j * g.oc + o, g.oc,
                                min(VEC_LANES, FOUR * g.ow - j))
        dy += pitch_of(g.ow)
        y += FOUR * g.ow * g.oc


cdef inline void products_by_channels(const int taps, const int fields, const int vectors,
                                      const Window* g, Py_ssize_t rows, Py_ssize_t v_row,
                                      const real** v, const real* m, real** u) noexcept nogil:
    # u[l, o] += sum over pixels of v[i, j + l] m[i, j, o] for some taps of a row of the kernel, of
    # some fields.
    cdef vec acc[FIELD_SUMS]
    cdef vec d[2]
    cdef vec pixel
    cdef Py_ssize_t i, n, m_row = 2 * FOUR * g.ow * g.oc
    cdef const real* q
    cdef int l, r, o
    for l in range(taps * fields * vectors):
        acc[l] = vec_set1(0)
    for i in range(rows):
        q = m + i * m_row
        for n in range(i * v_row, i * v_row + FOUR * g.ow):
            for o in range(vectors):
                d[o] = vec_load(q + o * VEC_LANES)
            for r in range(fields):
                for l in range(taps):
                    pixel = vec_set1(v[r][n + l * FOUR])
                    for o in range(vectors):
                        acc[(r * taps + l) * vectors + o] = (acc[(r * taps + l) * vectors + o]
                                                             + pixel * d[o])
            q += g.oc
    for r in range(fields):
        for l in range(taps):
            for o in range(vectors):
                add_vec(u[r] + l * g.c * g.oc + o * VEC_LANES, acc[(r * taps + l) * vectors + o])


cdef inline void products_of_taps(const int taps, const int vectors, const Window* g,
                                  Py_ssize_t groups, Py_ssize_t rows, Py_ssize_t channel,
                                  const real* v, const real* m, real* u) noexcept nogil:
    # A field is one group's of one channel, and channels of v are `channel` apart. As many at a
    # time as there are registers for their sums.
    cdef Py_ssize_t n = 0, k, fields = groups * g.c, count
    cdef const real* field[FIELD_SUMS]
    cdef real* sums[FIELD_SUMS]
    while n < fields:
        count = FIELD_SUMS // (taps * vectors)
        if fields - n < count:
            count = 1
        for k in range(count):
            field[k] = v + n % g.c * channel + n // g.c * pitch_of(g.w)
            sums[k] = u + (n // g.c * g.kw * g.c + n % g.c) * g.oc
            n += 1
        if count > 1:
            products_by_channels(taps, FIELD_SUMS // (taps * vectors), vectors, g, rows,
                                 g.c * channel, field, m, sums)
        else:
            products_by_channels(taps, 1, vectors, g, rows, g.c * channel, field, m, sums)


cdef inline void products_of_vectors(const int vectors, Py_ssize_t taps, const Window* g,
                                     Py_ssize_t groups, Py_ssize_t rows, Py_ssize_t channel,
                                     const real* v, const real* m, real* u) noexcept nogil:
    if taps == 1: products_of_taps(1, vectors, g, groups, rows, channel, v, m, u)
    elif taps == 2: products_of_taps(2, vectors, g, groups, rows, channel, v, m, u)
    elif taps == 3: products_of_taps(3, vectors, g, groups, rows, channel, v, m, u)
    elif taps == 4: products_of_taps(4, vectors, g, groups, rows, channel, v, m, u)
    else: products_of_taps(5, vectors, g, groups, rows, channel, v, m, u)


cdef void products_of_place(const Window* g, Py_ssize_t groups, Py_ssize_t rows, Py_ssize_t channel,
                            const real* v, const real* m, real* u) noexcept nogil:
    cdef Py_ssize_t l, o, taps
    cdef real* sums
    for o from 0 <= o < g.oc by 2 * VEC_LANES:
        for l from 0 <= l < g.kw by TAPS_TOGETHER:
            taps = min(TAPS_TOGETHER, g.kw - l)
            sums = u + l * g.c * g.oc + o
            if g.oc - o > VEC_LANES:
                products_of_vectors(2, taps, g, groups, rows, channel, v + l * FOUR, m + o, sums)
            else:
                products_of_vectors(1, taps, g, groups, rows, channel, v + l * FOUR, m + o, sums)


cdef void weight_gradient_by_channels(const Window* g, const real* x, const real* dy, real* dw,
                                      real* db, real* scratch) noexcept nogil:
    cdef Window taps = taps_of_rows(g)
    cdef Filtering f = interleaved_filtering(g)
    cdef Py_ssize_t row = FOUR * g.ow * g.oc, p
    cdef real* m[4]
    cdef real* u[4]
    cdef real* v[4]
    m[0], m[3] = scratch, scratch + row
    m[1] = scratch + rows_in_pairs(g) * row
    m[2] = m[1] + row
    for p in range(4):
        v[p] = m[1] + rows_in_pairs(g) * row + p * f.pairs * g.c * f.v[0]
    filters_at(&taps, &f, v[3] + f.pairs * g.c * f.v[0], u)
    channels_innermost(g, dy, m[0])
    sum_rows(m[0], g.oc, FOUR * g.oh * g.ow, g.oc, db)
    both_rows(m[0], row, rows_in_pairs(g), g.oh % 2, m[1])
    images_to_places(g, &f, x, 0, f.pairs, v)
    memset(u[0], 0, filters_size(&taps) * sizeof(real))
    for p in range(4):
        products_of_place(g, f.groups[p], g.oh // 2 if p == 3 else f.pairs, f.v[0], v[p], m[p],
                          u[p])
    filters_to_weights(&taps, u[0], dw)


cdef inline void products_by_pixels(const int taps, const int channels, const Window* g,
                                    const real** x, const real* dy, real* dw) noexcept nogil:
    # dw[k, o] += sum over pixels of x[k][i, j] dy[o, i, j], for some taps and some channels.
    cdef vec acc[PIXEL_TAPS * PIXEL_CHANNELS]
    cdef vec d[PIXEL_CHANNELS]
    cdef vec pixels
    cdef Py_ssize_t i, j, row = pitch_of(g.ow), whole = FOUR * g.ow // VEC_LANES * VEC_LANES
    cdef int rest = <int>(FOUR * g.ow - whole)
    cdef int k, o
    for k in range(taps * channels):
        acc[k] = vec_set1(0)
    for i in range(g.oh):
        for j from 0 <= j < whole by VEC_LANES:
            for o in range(channels):
                d[o] = vec_load(dy + o * g.oh * row + j)
            for k in range(taps):
                pixels = vec_keep(vec_load(x[k] + i * pitch_of(g.w) + j))
                for o in range(channels):
                    acc[k * channels + o] = acc[k * channels + o] + pixels * d[o]
        if rest:
            for o in range(channels):
                d[o] = vec_keep_first(vec_load(dy + o * g.oh * row + whole), rest)
            for k in range(taps):
                pixels = vec_keep_first(vec_load(x[k] + i * pitch_of(g.w) + whole), rest)
                for o in range(channels):
                    acc[k * channels + o] = acc[k * channels + o] + pixels * d[o]
        dy += row
    for k in range(taps):
        for o in range(channels):
            dw[k * g.oc + o] += vec_sum(acc[k * channels + o])


cdef inline void products_of_pixels(const int channels, Py_ssize_t taps, const Window* g,
                                    const real** x, const real* dy, real* dw) noexcept nogil:
    if taps == 1: products_by_pixels(1, channels, g, x, dy, dw)
    elif taps == 2: products_by_pixels(2, channels, g, x, dy, dw)
    elif taps == 3: products_by_pixels(3, channels, g, x, dy, dw)
    else: products_by_pixels(4, channels, g, x, dy, dw)


cdef void weight_gradient_by_pixels(const Window* g, const real* x, const real* dy,
                                    real* dw) noexcept nogil:
    cdef Py_ssize_t terms = g.kh * g.kw * g.c, plane = g.oh * pitch_of(g.ow)
    cdef Py_ssize_t tiles = (terms + PIXEL_TAPS - 1) // PIXEL_TAPS, n, k, first, taps, o, c, l
    cdef const real* places[PIXEL_TAPS]
    for n in range(tiles):
        first = terms * n // tiles
        taps = terms * (n + 1) // tiles - first
        for k in range(first, first + taps):
            c, l = k % g.c, k // g.c % g.kw
            places[k - first] = x + (c * g.h + k // g.c // g.kw) * pitch_of(g.w) + l * FOUR
        for o from 0 <= o < g.oc by PIXEL_CHANNELS:
            if g.oc - o == 1:
                products_of_pixels(1, taps, g, places, dy + o * plane, dw + first * g.oc + o)
            elif g.oc - o == 2:
                products_of_pixels(2, taps, g, places, dy + o * plane, dw + first * g.oc + o)
            else:
                products_of_pixels(3, taps, g, places, dy + o * plane, dw + first * g.oc + o)


cdef void interleaved_bias_gradient(const Window* g, const real* dy, real* db) noexcept nogil:
    # Four sums of each, as one alone would wait for itself.
    cdef Py_ssize_t o, i, j, m, row = pitch_of(g.ow)
    cdef vec acc[4]
    for o in range(g.oc):
        for m in range(4):
            acc[m] = vec_set1(0)
        for i from 0 <= i < g.oh by 4:
            for j from 0 <= j < FOUR * g.ow by VEC_LANES:
                for m in range(min(4, g.oh - i)):
                    acc[m] = acc[m] + load_lanes(dy + m * row + j, FOUR * g.ow - j)
            dy += min(4, g.oh - i) * row
        db[o] += vec_sum((acc[0] + acc[1]) + (acc[2] + acc[3]))


cdef void interleaved_weight_gradient(const Window* g, const real* x, const real* dy, real* dw,
                                      real* db, real* scratch) noexcept nogil:
    # Adds to both.
    if sums_by_channels(g):
        weight_gradient_by_channels(g, x, dy, dw, db, scratch)
    else:
        weight_gradient_by_pixels(g, x, dy, dw)
        interleaved_bias_gradient(g, dy, db)
