# Pools of four images interleaved whose windows lie apart.

cdef inline bint pools_interleaved(const Window* g) noexcept nogil:
    return VEC_LANES >= FOUR and g.h > 1 and g.sh >= g.kh and g.sw >= g.kw and g.sw <= FOUR


cdef inline void interleaved_max_windows(const int kh, const int kw, const Window* g, const real* x,
                                         real* y, real* winners) noexcept nogil:
    # `winners`, which lie as y does, as of max_pool_forward.
    cdef Py_ssize_t i, j, row = pitch_of(g.w), plane
    cdef Py_ssize_t step = FOUR * g.sw
    cdef vec best, value, winner
    cdef const real* corner
    cdef int k, l
    for plane in range(g.c):
        for i in range(g.oh):
            corner = x + (plane * g.h + i * g.sh) * row
            for j from 0 <= j < pitch_of(g.ow) by VEC_LANES:
                best = vec_load_fours(corner, step)
                winner = vec_set1(0)
                for k in range(kh):
                    for l in range(kw):
                        value = vec_load_fours(corner + k * row + FOUR * l, step)
                        winner = vec_if_greater(value, best, vec_set1(<real>(k * kw + l)), winner)
                        best = vec_max(value, best)
                vec_store(y + j, best)
                vec_store(winners + j, winner)
                corner += FOURS * step
            y += pitch_of(g.ow)
            winners += pitch_of(g.ow)


cdef inline void interleaved_mean_windows(const int kh, const int kw, const Window* g,
                                          const real* x, real* y) noexcept nogil:
    cdef Py_ssize_t i, j, row = pitch_of(g.w), plane
    cdef Py_ssize_t step = FOUR * g.sw
    cdef vec total
    cdef vec share = vec_set1(<real>(1.0 / <double>(kh * kw)))
    cdef const real* corner
    cdef int k, l
    for plane in range(g.c):
        for i in range(g.oh):
            corner = x + (plane * g.h + i * g.sh) * row
            for j from 0 <= j < pitch_of(g.ow) by VEC_LANES:
                total = vec_set1(0)
                for k in range(kh):
                    for l in range(kw):
                        total = total + vec_load_fours(corner + k * row + FOUR * l, step)
                vec_store(y + j, total * share)
                corner += FOURS * step
            y += pitch_of(g.ow)


cdef void interleaved_max_pool(const Window* g, const real* x, real* y,
                               real* winners) noexcept nogil:
    if g.kh == 2 and g.kw == 2:
        interleaved_max_windows(2, 2, g, x, y, winners)
    else:
        interleaved_max_windows(<int>g.kh, <int>g.kw, g, x, y, winners)


cdef void interleaved_mean_pool(const Window* g, const real* x, real* y) noexcept nogil:
    if g.kh == 2 and g.kw == 2:
        interleaved_mean_windows(2, 2, g, x, y)
    else:
        interleaved_mean_windows(<int>g.kh, <int>g.kw, g, x, y)


cdef inline void spread_windows(const int kh, const int kw, const Window* g, const real* dy,
                                const real* winners, real* dx) noexcept nogil:
    cdef Py_ssize_t i, j, row = pitch_of(g.w), plane
    cdef Py_ssize_t step = FOUR * g.sw
    cdef vec d, place, zero = vec_set1(0)
    cdef vec share = vec_set1(<real>(1.0 / <double>(kh * kw)))
    cdef real* corner
    cdef int k, l
    for plane in range(g.c):
        for i in range(g.oh):
            corner = dx + (plane * g.h + i * g.sh) * row
            for j from 0 <= j < pitch_of(g.ow) by VEC_LANES:
                d = vec_load(dy + j)
                if winners == NULL:
                    d = d * share
                for k in range(kh):
                    for l in range(kw):
                        place = d
                        if winners != NULL:
                            place = vec_if_equal(vec_load(winners + j),
                                                 vec_set1(<real>(k * kw + l)), d, zero)
                        vec_store_fours(corner + k * row + FOUR * l, step, place,
                                        <int>(g.ow - j // FOUR))
                corner += FOURS * step
            dy += pitch_of(g.ow)
            if winners != NULL:
                winners += pitch_of(g.ow)


cdef void interleaved_pool_backward(const Window* g, const real* dy, const real* winners,
                                    real* dx) noexcept nogil:
    # `winners` of interleaved_max_pool, or NULL for a mean.
    if g.oh * g.kh < g.h or g.ow * g.kw < g.w or g.sh > g.kh or g.sw > g.kw:
        memset(dx, 0, g.c * g.h * pitch_of(g.w) * sizeof(real))
    if g.kh == 2 and g.kw == 2:
        spread_windows(2, 2, g, dy, winners, dx)
    else:
        spread_windows(<int>g.kh, <int>g.kw, g, dy, winners, dx)
