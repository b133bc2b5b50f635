# Pooling over one channels-last image, any window and stride; windows that do not fit are dropped.
# Vectors run over channels. The last vector of a pixel spills into the next pixel, which is written after it.

cdef void max_pool_forward(const Window* g, const real* x, real* y, real* winners) noexcept nogil:
    # winners (OH, OW, C): which window position, counted row by row, holds the first largest value. NaN wins.
    cdef Py_ssize_t i, j, k, l, n, out
    cdef vec best, value, winner
    cdef const real* corner
    for i in range(g.oh):
        for j in range(g.ow):
            corner = x + (i * g.sh * g.w + j * g.sw) * g.c
            out = (i * g.ow + j) * g.c
            for n from 0 <= n < g.c by VEC_LANES:
                best = vec_load(corner + n)
                winner = vec_set1(0)
                for k in range(g.kh):
                    for l in range(g.kw):
                        value = vec_load(corner + (k * g.w + l) * g.c + n)
                        winner = vec_if_greater(value, best, vec_set1(<real>(k * g.kw + l)), winner)
                        best = vec_max(value, best)
                vec_store(y + out + n, best)
                vec_store(winners + out + n, winner)


cdef void max_pool_backward(const Window* g, const real* dy, const real* winners, real* dx) noexcept nogil:
    # Adds to dx.
    cdef Py_ssize_t i, j, k, l, n, out
    cdef vec d, winner
    cdef real* corner
    cdef real* p
    for i in range(g.oh):
        for j in range(g.ow):
            corner = dx + (i * g.sh * g.w + j * g.sw) * g.c
            out = (i * g.ow + j) * g.c
            for n from 0 <= n < g.c by VEC_LANES:
                d = vec_load(dy + out + n)
                if g.c - n < VEC_LANES:
                    d = vec_keep_first(d, <int>(g.c - n))
                winner = vec_load(winners + out + n)
                for k in range(g.kh):
                    for l in range(g.kw):
                        p = corner + (k * g.w + l) * g.c + n
                        vec_store(p, vec_load(p) + vec_if_equal(winner, vec_set1(<real>(k * g.kw + l)), d, vec_set1(0)))


cdef void mean_pool_forward(const Window* g, const real* x, real* y) noexcept nogil:
    cdef Py_ssize_t i, j, k, l, n
    cdef vec total
    cdef vec share = vec_set1(<real>(1.0 / <double>(g.kh * g.kw)))
    cdef const real* corner
    for i in range(g.oh):
        for j in range(g.ow):
            corner = x + (i * g.sh * g.w + j * g.sw) * g.c
            for n from 0 <= n < g.c by VEC_LANES:
                total = vec_set1(0)
                for k in range(g.kh):
                    for l in range(g.kw):
                        total = total + vec_load(corner + (k * g.w + l) * g.c + n)
                vec_store(y + (i * g.ow + j) * g.c + n, total * share)


cdef void mean_pool_backward(const Window* g, const real* dy, real* dx) noexcept nogil:
    # Adds to dx.
    cdef Py_ssize_t i, j, k, l, n
    cdef vec d
    cdef vec share = vec_set1(<real>(1.0 / <double>(g.kh * g.kw)))
    cdef real* corner
    cdef real* p
    for i in range(g.oh):
        for j in range(g.ow):
            corner = dx + (i * g.sh * g.w + j * g.sw) * g.c
            for n from 0 <= n < g.c by VEC_LANES:
                d = vec_load(dy + (i * g.ow + j) * g.c + n) * share
                if g.c - n < VEC_LANES:
                    d = vec_keep_first(d, <int>(g.c - n))
                for k in range(g.kh):
                    for l in range(g.kw):
                        p = corner + (k * g.w + l) * g.c + n
                        vec_store(p, vec_load(p) + d)
