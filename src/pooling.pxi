# Pooling over one channels-last image, any window and stride; windows that do not fit are dropped.
#
# Vectors run over channels. The last vector of a pixel spills into the next pixel, which is written after it. Windows
# of two by two, the usual ones, have loops of their own: their bounds are constants.

cdef inline void max_pool_windows(const int kh, const int kw, const Window* g, const real* x, real* y, real* winners) noexcept nogil:
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
    if g.kh == 2 and g.kw == 2:
        max_pool_windows(2, 2, g, x, y, winners)
    else:
        max_pool_windows(<int>g.kh, <int>g.kw, g, x, y, winners)


cdef inline void mean_pool_windows(const int kh, const int kw, const Window* g, const real* x, real* y) noexcept nogil:
    cdef Py_ssize_t i, j, n
    cdef int k, l
    cdef vec total
    cdef vec share = vec_set1(<real>(1.0 / <double>(kh * kw)))
    cdef const real* corner
    for i in range(g.oh):
        for j in range(g.ow):
            corner = x + (i * g.sh * g.w + j * g.sw) * g.c
            for n from 0 <= n < g.c by VEC_LANES:
                total = vec_set1(0)
                for k in range(kh):
                    for l in range(kw):
                        total = total + vec_load(corner + (k * g.w + l) * g.c + n)
                vec_store(y + (i * g.ow + j) * g.c + n, total * share)


cdef void mean_pool_forward(const Window* g, const real* x, real* y) noexcept nogil:
    if g.kh == 2 and g.kw == 2:
        mean_pool_windows(2, 2, g, x, y)
    else:
        mean_pool_windows(<int>g.kh, <int>g.kw, g, x, y)


cdef inline void spread(const int kh, const int kw, const bint apart, const Window* g, const real* dy, const real* winners, real* dx) noexcept nogil:
    # Each window's gradient to its winner, or in equal shares where there are no winners. Windows that lie apart are
    # written, pixel after pixel; where they overlap, gradients add.
    cdef Py_ssize_t i, j, n, c = g.c, step = g.sw * g.c
    cdef int k, l
    cdef vec d
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
                            d = vec_if_equal(vec_load(winner + n), vec_set1(<real>(k * kw + l)), d, zero)
                        vec_store(p + l * c + n, d if apart else vec_load(p + l * c + n) + d)
                p += step
                gradient += c
                if winners != NULL:
                    winner += c


cdef void pool_backward(const Window* g, const real* dy, const real* winners, real* dx) noexcept nogil:
    # `winners` of max_pool_forward, or NULL for a mean.
    cdef bint apart = g.sh >= g.kh and g.sw >= g.kw
    if not apart or g.oh * g.kh < g.h or g.ow * g.kw < g.w:
        memset(dx, 0, g.h * g.w * g.c * sizeof(real))
    if apart and g.kh == 2 and g.kw == 2:
        spread(2, 2, True, g, dy, winners, dx)
    elif apart:
        spread(<int>g.kh, <int>g.kw, True, g, dy, winners, dx)
    else:
        spread(<int>g.kh, <int>g.kw, False, g, dy, winners, dx)
