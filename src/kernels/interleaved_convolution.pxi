# Convolutions of four images interleaved that move a pixel at a time, as sums of products of rows
# of pixels by weights. Each sum is held in a register until it is whole: tiles are some output
# channels by one or two vectors of pixels.
#
# Along the height they are by minimal filtering, as in winograd_rows.pxi, whose letters these are:
#
#     v[p] (pairs, C, groups, P)    u[p] (groups, KW, C, O)    m[p] (O, P), a pair's
#
# but where a kernel's row sees so few numbers that what comes on top would be more than it saves.

cdef enum:
    TILE_CHANNELS = 6
    BACK_VECTORS = 1 + (FOURS <= 2)     # of a tile back: the wider, the more zeros are multiplied
    FEW_CHANNELS = 3            # of an image, whose tiles back would be too low to be so narrow
    WIDE_VECTORS = 4
    TAPS_TOGETHER = 5           # of the weights' gradient by channels, along a row of the kernel;
    FIELD_SUMS = 12             # and vectors of sums, at most
    PIXEL_TAPS = 4              # and by pixels
    PIXEL_CHANNELS = 3


cdef inline bint goes_interleaved(const Window* g) noexcept nogil:
    # Weights that stay in the nearest cache, of which each pixel reads all, and images in the next.
    return (VEC_LANES >= FOUR and g.h > 1 and g.sh == g.sw == g.dh == g.dw == g.groups == 1
            and g.kw > 1 and g.kh * g.kw * g.c * g.oc <= 4096
            and max(g.c * g.h * g.w, g.oc * g.oh * g.ow) <= 10000)


cdef inline bint filters_forward(const Window* g) noexcept nogil:
    return g.kh >= 3 and g.kw * g.c >= 24


cdef inline bint sums_by_channels(const Window* g) noexcept nogil:
    # The lanes of the weights' gradient: output channels, if they fill vectors, or pixels.
    return g.oc % VEC_LANES == 0


# Sums of products.

cdef struct Terms:
    # `runs` runs of `count` terms, each from `next` places after the one before on.
    const int* place            # in x, from where the sum's is
    Py_ssize_t count, runs, next
    Py_ssize_t step, run_step   # in the weights, from term to term and from run to run,
    Py_ssize_t apart            # and from channel to channel, where they are not side by side
    Py_ssize_t init_plane, plane        # from channel to channel: in what sums begin with, and in y


cdef inline void interleaved_tile(const int channels, const int vectors, const Terms* t,
                                  const real* x, const real* weight, Py_ssize_t apart,
                                  const real* init, real* y) noexcept nogil:
    cdef vec acc[TILE_CHANNELS * 2]
    cdef vec pixels[WIDE_VECTORS]
    cdef vec w
    cdef Py_ssize_t run, k
    cdef const real* p
    cdef const real* q
    cdef const int* place
    cdef int o, v
    for o in range(channels):
        for v in range(vectors):
            acc[o * vectors + v] = vec_load(init + o * t.init_plane + v * VEC_LANES)
    for run in range(t.runs):
        place, q = t.place + run * t.next, weight + run * t.run_step
        for k in range(t.count):
            p = x + place[k]
            for v in range(vectors):
                pixels[v] = vec_keep(vec_load(p + v * VEC_LANES))
            for o in range(channels):
                w = vec_set1(q[o * apart])
                for v in range(vectors):
                    acc[o * vectors + v] = acc[o * vectors + v] + w * pixels[v]
            q += t.step
    for o in range(channels):
        for v in range(vectors):
            vec_store(y + o * t.plane + v * VEC_LANES, acc[o * vectors + v])


cdef inline void interleaved_tiles(const int vectors, const Terms* t, Py_ssize_t channels,
                                   const real* x, const real* weight, const real* init,
                                   real* y) noexcept nogil:
    # Of all channels, in tiles as high as one another.
    cdef Py_ssize_t tiles = (channels + TILE_CHANNELS - 1) // TILE_CHANNELS, k, o, n
    for k in range(tiles):
        o = channels * k // tiles
        n = channels * (k + 1) // tiles - o
        if n == 1: interleaved_tile(1, vectors, t, x, weight + o, 1, init + o * t.init_plane,
                                    y + o * t.plane)
        elif n == 2: interleaved_tile(2, vectors, t, x, weight + o, 1, init + o * t.init_plane,
                                      y + o * t.plane)
        elif n == 3: interleaved_tile(3, vectors, t, x, weight + o, 1, init + o * t.init_plane,
                                      y + o * t.plane)
        elif n == 4: interleaved_tile(4, vectors, t, x, weight + o, 1, init + o * t.init_plane,
                                      y + o * t.plane)
        elif n == 5: interleaved_tile(5, vectors, t, x, weight + o, 1, init + o * t.init_plane,
                                      y + o * t.plane)
        else: interleaved_tile(6, vectors, t, x, weight + o, 1, init + o * t.init_plane,
                               y + o * t.plane)


cdef inline void wide_tiles(const int vectors, const Terms* t, Py_ssize_t channels, const real* x,
                            const real* weight, const real* zeros, real* y) noexcept nogil:
    # The same of few channels, or of some, whose weights lie apart.
    cdef Py_ssize_t o
    for o from 0 <= o < channels by FEW_CHANNELS:
        if channels - o == 1: interleaved_tile(1, vectors, t, x, weight + o * t.apart, t.apart,
                                               zeros, y + o * t.plane)
        elif channels - o == 2: interleaved_tile(2, vectors, t, x, weight + o * t.apart, t.apart,
                                                 zeros, y + o * t.plane)
        else: interleaved_tile(3, vectors, t, x, weight + o * t.apart, t.apart, zeros,
                               y + o * t.plane)


cdef void interleaved_rows(const Terms* t, Py_ssize_t channels, Py_ssize_t row, const real* x,
                           const real* weight, const real* init, bint init_moves,
                           real* y) noexcept nogil:
    # Of whole rows of pixels.
    cdef Py_ssize_t n
    for n from 0 <= n < row by 2 * VEC_LANES:
        if row - n > VEC_LANES:
            interleaved_tiles(2, t, channels, x + n, weight, init + n * init_moves, y + n)
        else:
            interleaved_tiles(1, t, channels, x + n, weight, init + n * init_moves, y + n)


# Places.

cdef Filtering interleaved_filtering(const Window* g) noexcept nogil:
    # The v of a channel are equally far apart at all places.
    cdef Window rows = rows_as_steps(g)
    cdef Filtering f
    rows.c = pitch_of(g.w)
    f = filtering_of(&rows)
    f.v[0] = f.v[1] = f.v[2] = f.v[3] = f.groups[0] * pitch_of(g.w)
    return f


cdef Py_ssize_t places_of(const Window* g, int* place) noexcept nogil:
    # Of a pixel of v, or of x if it is not filtered: in the order of u, or of the weights. Gives
    # how many there are; place may be NULL.
    cdef Filtering f = interleaved_filtering(g)
    cdef Py_ssize_t rows = f.groups[0] if filters_forward(g) else g.kh, k, l, c, count = 0
    cdef Py_ssize_t plane = f.v[0] if filters_forward(g) else g.h * pitch_of(g.w)
    for k in range(rows):
        for l in range(g.kw):
            for c in range(g.c):
                if place != NULL:
                    place[count] = <int>(c * plane + k * pitch_of(g.w) + l * FOUR)
                count += 1
    return count


cdef inline int vectors_back(const Window* g) noexcept nogil:
    return WIDE_VECTORS if g.c <= FEW_CHANNELS else BACK_VECTORS


cdef inline Py_ssize_t margin_of_zeros(const Window* g) noexcept nogil:
    # Beside rows of dy: as far as a tile may reach, one pixel of which is in the row.
    return vectors_back(g) * VEC_LANES - FOUR


cdef inline Py_ssize_t row_between_zeros(const Window* g) noexcept nogil:
    return padded(FOUR * g.ow + 2 * margin_of_zeros(g))


cdef inline Py_ssize_t rows_in_pairs(const Window* g) noexcept nogil:
    return (g.oh + 1) // 2 * 2


cdef void places_back(const Window* g, int* place) noexcept nogil:
    # Of rows of dy: (KW, O).
    cdef Py_ssize_t l, o
    for l in range(g.kw):
        for o in range(g.oc):
            place[0] = <int>(4 * o * row_between_zeros(g) - l * FOUR)
            place += 1


cdef void images_to_places(const Window* g, const Filtering* f, const real* x, Py_ssize_t first,
                           Py_ssize_t pairs, real** v) noexcept nogil:
    cdef Window rows = rows_as_steps(g)
    cdef TapGroup group
    cdef Py_ssize_t n, i, c, row = pitch_of(g.w)
    cdef const real* d
    cdef real* q[4]
    cdef bint alone
    cdef int p
    for n in range(f.groups[0]):
        group = group_at(&rows, n)
        for p in range(4):
            q[p] = v[p]
        for i in range(first, first + pairs):
            alone = 2 * i + 1 == g.oh
            for c in range(g.c):
                d = x + (c * g.h + 2 * i + group.first) * row
                if group.taps == 3: steps_to_group(3, d, row, alone, row, q, n * row)
                elif group.taps == 2: steps_to_group(2, d, row, alone, row, q, n * row)
                else: steps_to_group(1, d, row, alone, row, q, n * row)
                for p in range(4):
                    q[p] += f.v[p]


cdef void places_to_images(const Window* g, const Filtering* f, Py_ssize_t pair, real** v,
                           real* dx) noexcept nogil:
    # Adds a pair's to dx.
    cdef Window rows = rows_as_steps(g)
    cdef TapGroup group
    cdef Py_ssize_t n, c, row = pitch_of(g.w)
    cdef bint alone = 2 * pair + 1 == g.oh
    cdef real* d
    cdef real* q[4]
    cdef int p
    for n in range(f.groups[0]):
        group = group_at(&rows, n)
        for p in range(4):
            q[p] = v[p]
        for c in range(g.c):
            d = dx + (c * g.h + 2 * pair + group.first) * row
            if group.taps == 3: group_to_steps(3, q, n * row, row, alone, row, d)
            elif group.taps == 2: group_to_steps(2, q, n * row, row, alone, row, d)
            else: group_to_steps(1, q, n * row, row, alone, row, d)
            for p in range(4):
                q[p] += f.v[p]


cdef void both_rows(const real* dy, Py_ssize_t row, Py_ssize_t rows, bint alone,
                    real* both) noexcept nogil:
    # Of each pair of rows, their sum and their difference. The last one's second may be missing.
    cdef Py_ssize_t i, n
    cdef vec a, b
    for i from 0 <= i < rows by 2:
        for n from 0 <= n < row by VEC_LANES:
            a = vec_load(dy + n)
            b = vec_load(dy + row + n) if not alone or i + 2 < rows else vec_set1(0)
            vec_store(both + n, a + b)
            vec_store(both + row + n, a - b)
        dy += 2 * row
        both += 2 * row


# Forward.

cdef Py_ssize_t scratch_forward(const Window* g) noexcept nogil:
    cdef Filtering f = interleaved_filtering(g)
    return 4 * g.c * f.v[0] + 2 * g.oc * (pitch_of(g.ow) + VEC_LANES)


cdef void interleaved_forward(const Window* g, const int* place, const real* weight,
                              const real* bias, const real* zeros, const real* x, real* y,
                              real* scratch) noexcept nogil:
    # The weights are u where this is filtered.
    cdef real* biases = scratch             # (O, 2 vectors)
    cdef Py_ssize_t i, o, row = pitch_of(g.ow)
    cdef Terms t
    for o in range(g.oc):
        vec_store(biases + 2 * o * VEC_LANES, vec_set1(bias[o]))
        vec_store(biases + (2 * o + 1) * VEC_LANES, vec_set1(bias[o]))
    t.place, t.runs, t.next, t.step, t.run_step = place, 1, 0, g.oc, 0
    if filters_forward(g):
        filtered_forward(g, &t, weight, biases, zeros, x, y, biases + 2 * g.oc * VEC_LANES)
        return
    t.count, t.init_plane, t.plane = g.kh * g.kw * g.c, 2 * VEC_LANES, g.oh * row
    for i in range(g.oh):
        interleaved_rows(&t, g.oc, row, x + i * pitch_of(g.w), weight, biases, False, y + i * row)


cdef void filtered_forward(const Window* g, Terms* t, const real* filters, const real* biases,
                           const real* zeros, const real* x, real* y,
                           real* scratch) noexcept nogil:
    cdef Window taps = taps_of_rows(g)
    cdef Filtering f = interleaved_filtering(g)
    cdef Py_ssize_t i, n, p, row = pitch_of(g.ow), terms = g.kw * g.c
    cdef vec a, b
    cdef real* u[4]
    cdef real* v[4]
    cdef real* sums = scratch
    cdef real* differences = sums + g.oc * row
    filters_at(&taps, &f, <real*>filters, u)
    for p in range(4):
        v[p] = differences + g.oc * row + p * g.c * f.v[0]
    for i in range(f.pairs):
        images_to_places(g, &f, x, i, 1, v)
        t.count, t.init_plane, t.plane = f.groups[1] * terms, 2 * VEC_LANES, row
        interleaved_rows(t, g.oc, row, v[1], u[1], biases, False, sums)
        if f.groups[2]:
            t.count, t.init_plane = f.groups[2] * terms, 0
            interleaved_rows(t, g.oc, row, v[2], u[2], zeros, False, differences)
            for n from 0 <= n < g.oc * row by VEC_LANES:
                a, b = vec_load(sums + n), vec_load(differences + n)
                vec_store(sums + n, a + b)
                vec_store(differences + n, a - b)
        t.count, t.init_plane, t.plane = f.groups[0] * terms, row, g.oh * row
        interleaved_rows(t, g.oc, row, v[0], u[0], sums, True, y + 2 * i * row)
        if 2 * i + 1 < g.oh:
            interleaved_rows(t, g.oc, row, v[3], u[3], differences if f.groups[2] else sums, True,
                             y + (2 * i + 1) * row)


# Back to the input.

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


# The weights' gradient, of pixels by output channels.

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
