# Pooling over one channels-last image, any window and stride; windows that do not fit are dropped.
#
# Vectors run over channels. The last vector of a pixel spills into the next pixel, which is written
# after it. Windows of two by two, the usual ones, have loops of their own: their bounds are
# constants.

cdef inline vec pool_two_rows(const real* p, Py_ssize_t row, Py_ssize_t second,
                              real* winners) noexcept nogil:
    # Two by two: two rows of a plane, `row` apart, to as many results as a vector has lanes: the
    # largest, and which it is, or without winners the mean. `second` is VEC_LANES, or 0 where a row
    # ends before a second vector.
    cdef vec top0 = vec_load(p), top1 = vec_load(p + second)
    cdef vec bottom0 = vec_load(p + row), bottom1 = vec_load(p + row + second)
    cdef vec best = vec_evens(top0, top1)
    cdef vec winner = vec_set1(0)
    cdef vec value
    if winners == NULL:
        return (best + vec_odds(top0, top1) + vec_evens(bottom0, bottom1)
                + vec_odds(bottom0, bottom1)) * vec_set1(<real>0.25)
    value = vec_odds(top0, top1)
    winner = vec_if_greater(value, best, vec_set1(1), winner)
    best = vec_max(value, best)
    value = vec_evens(bottom0, bottom1)
    winner = vec_if_greater(value, best, vec_set1(2), winner)
    best = vec_max(value, best)
    value = vec_odds(bottom0, bottom1)
    winner = vec_if_greater(value, best, vec_set1(3), winner)
    best = vec_max(value, best)
    vec_store(winners, winner)
    return best


cdef inline void spread_two(const int k, vec d, const real* winners, vec* even,
                            vec* odd) noexcept nogil:
    # Two by two: what of the gradients d goes to row k of their windows, left and right.
    cdef vec winner
    if winners == NULL:
        even[0] = odd[0] = d * vec_set1(<real>0.25)
    else:
        winner = vec_load(winners)
        even[0] = vec_if_equal(winner, vec_set1(<real>(2 * k)), d, vec_set1(0))
        odd[0] = vec_if_equal(winner, vec_set1(<real>(2 * k + 1)), d, vec_set1(0))


cdef inline bint pools_plane(const Window* g) noexcept nogil:
    # One channel fills no vector: vectors run along its rows.
    return g.c == 1 and g.kh == 2 and g.kw == 2 and g.sh == 2 and g.sw == 2


cdef void pool_plane(const Window* g, const real* x, real* y, real* winners) noexcept nogil:
    # The next row overwrites what a row writes beyond its end.
    cdef Py_ssize_t i, j, n
    for i in range(g.oh):
        for j from 0 <= j < g.ow by VEC_LANES:
            n = i * g.ow + j
            vec_store(y + n,
                      pool_two_rows(x + 2 * i * g.w + 2 * j, g.w,
                                    VEC_LANES if 2 * j + VEC_LANES < g.w else 0,
                                    winners + n if winners != NULL else NULL))


cdef void spread_plane(const Window* g, const real* dy, const real* winners,
                       real* dx) noexcept nogil:
    # A row writes zeros beyond its end, which the next one overwrites.
    cdef Py_ssize_t i, j, n
    cdef vec d, even, odd
    cdef real* p
    cdef int k
    for i in range(g.oh):
        for k in range(2):
            for j from 0 <= j < g.ow by VEC_LANES:
                n = i * g.ow + j
                d = vec_load(dy + n)
                if g.ow - j < VEC_LANES:
                    d = vec_keep_first(d, <int>(g.ow - j))
                spread_two(k, d, winners + n if winners != NULL else NULL, &even, &odd)
                p = dx + (2 * i + k) * g.w + 2 * j
                vec_store(p, vec_zip_low(even, odd))
                if 2 * j + VEC_LANES < g.w:
                    vec_store(p + VEC_LANES, vec_zip_high(even, odd))


cdef inline void max_pool_windows(const int kh, const int kw, const Window* g, const real* x,
                                  real* y, real* winners) noexcept nogil:
    cdef Py_ssize_t i, j, n, out
    cdef int k, l
    cdef vec best, value, winner
    cdef const real* corner
    for i in range(g.oh):
        for j in range(g.ow):
            corner = x + (i * g.sh * g.w + j * g.sw) * g.c
            out = (i * g.ow + j) * g.c
            for n from 0 <= n < g.c by VEC_LANES:
                best = vec_load(corner + n)
                winner = vec_set1(0)
                for k in range(kh):
                    for l in range(kw):
                        value = vec_load(corner + (k * g.w + l) * g.c + n)
                        winner = vec_if_greater(value, best, vec_set1(<real>(k * kw + l)), winner)
                        best = vec_max(value, best)
                vec_store(y + out + n, best)
                vec_store(winners + out + n, winner)


cdef void max_pool_forward(const Window* g, const real* x, real* y, real* winners) noexcept nogil:
    # winners (OH, OW, C): which window position, counted row by row, holds the first largest value.
    if pools_plane(g):
        pool_plane(g, x, y, winners)
    elif g.kh == 2 and g.kw == 2:
        max_pool_windows(2, 2, g, x, y, winners)
    else:
        max_pool_windows(<int>g.kh, <int>g.kw, g, x, y, winners)


cdef inline void mean_pool_windows(const int kh, const int kw, const Window* g, const real* x,
                                   real* y) noexcept nogil:
    # Row by row of a window: of all its numbers in one sum, rounding might be seen.
    cdef Py_ssize_t i, j, n
    cdef int k, l
    cdef vec total, of_row
    cdef vec share = vec_set1(<real>(1.0 / <double>(kh * kw)))
    cdef const real* corner
    for i in range(g.oh):
        for j in range(g.ow):
            corner = x + (i * g.sh * g.w + j * g.sw) * g.c
            for n from 0 <= n < g.c by VEC_LANES:
                total = vec_set1(0)
                for k in range(kh):
                    of_row = vec_load(corner + k * g.w * g.c + n)
                    for l in range(1, kw):
                        of_row = of_row + vec_load(corner + (k * g.w + l) * g.c + n)
                    total = total + of_row
                vec_store(y + (i * g.ow + j) * g.c + n, total * share)


cdef void mean_pool_forward(const Window* g, const real* x, real* y) noexcept nogil:
    if pools_plane(g):
        pool_plane(g, x, y, NULL)
    elif g.kh == 2 and g.kw == 2:
        mean_pool_windows(2, 2, g, x, y)
    else:
        mean_pool_windows(<int>g.kh, <int>g.kw, g, x, y)


cdef inline void spread(const int kh, const int kw, const bint apart, const Window* g,
                        const real* dy, const real* winners, real* dx) noexcept nogil:
    # Each window's gradient to its winner, or in equal shares where there are no winners. Windows
    # that lie apart are written, pixel after pixel; where they overlap, gradients add.
    cdef Py_ssize_t i, j, n, c = g.c, step = g.sw * g.c
    cdef int k, l
    cdef vec d, place
    cdef vec zero = vec_set1(0)
    cdef vec share = vec_set1(<real>(1.0 / <double>(kh * kw)))
    cdef const real* gradient
    cdef const real* winner
    cdef real* p
    for i in range(g.oh):
        for k in range(kh):
            p = dx + (i * g.sh + k) * g.w * c
            gradient = dy + i * g.ow * c
            winner = winners + i * g.ow * c if winners != NULL else NULL
            for j in range(g.ow):
                for l in range(kw):
                    for n from 0 <= n < c by VEC_LANES:
                        d = vec_load(gradient + n)
                        if c - n < VEC_LANES:
                            d = vec_keep_first(d, <int>(c - n))
                        if winners == NULL:
                            d = d * share
                        else:
                            place = vec_set1(<real>(k * kw + l))
                            d = vec_if_equal(vec_load(winner + n), place, d, zero)
                        vec_store(p + l * c + n, d if apart else vec_load(p + l * c + n) + d)
                p += step
                gradient += c
                if winners != NULL:
                    winner += c


cdef void pool_backward(const Window* g, const real* dy, const real* winners,
                        real* dx) noexcept nogil:
    # `winners` of max_pool_forward, or NULL for a mean.
    cdef bint apart = g.sh >= g.kh and g.sw >= g.kw
    if not apart or g.oh * g.kh < g.h or g.ow * g.kw < g.w:
        memset(dx, 0, g.h * g.w * g.c * sizeof(real))
    if pools_plane(g):
        spread_plane(g, dy, winners, dx)
    elif apart and g.kh == 2 and g.kw == 2:
        spread(2, 2, True, g, dy, winners, dx)
    elif apart:
        spread(<int>g.kh, <int>g.kw, True, g, dy, winners, dx)
    else:
        spread(<int>g.kh, <int>g.kw, False, g, dy, winners, dx)
