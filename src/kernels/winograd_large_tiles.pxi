# One large tile of winograd.pxi, or one field of weights, along both axes: to its 36 places, a
# `step` apart, and back. What comes of p and of -p has its even part, of the inputs that even
# powers of p go with, and its odd part in common. Rows that the first axis gives are made again
# from the image where they have no room among the registers: to load is cheaper than to store.

cdef struct Points:
    vec p, pp, ppp              # 5 / 8, its square and its cube
    vec q, qq, qqq              # 3 / 2
    vec ppqq, both              # both squares' product and their sum
    vec share, share_p, share_q     # of the weights: at 0, p and q


cdef inline Points points() noexcept nogil:
    cdef Points f
    cdef double p = 0.625, q = 1.5, pp = p * p, qq = q * q
    f.p, f.pp, f.ppp = vec_set1(<real>p), vec_set1(<real>pp), vec_set1(<real>(p * pp))
    f.q, f.qq, f.qqq = vec_set1(<real>q), vec_set1(<real>qq), vec_set1(<real>(q * qq))
    f.ppqq, f.both = vec_set1(<real>(pp * qq)), vec_set1(<real>(pp + qq))
    f.share = vec_set1(<real>(1 / (pp * qq)))
    f.share_p = vec_set1(<real>(1 / (2 * pp * (pp - qq))))
    f.share_q = vec_set1(<real>(1 / (2 * qq * (qq - pp))))
    return f


cdef inline void spread_six(const Points* f, const vec* d, real* v, Py_ssize_t step) noexcept nogil:
    cdef vec even, odd
    vec_store(v, f.ppqq * d[0] + (d[4] - f.both * d[2]))
    even, odd = d[4] - f.qq * d[2], f.p * (d[3] - f.qq * d[1])
    vec_store(v + step, even + odd)
    vec_store(v + 2 * step, even - odd)
    even, odd = d[4] - f.pp * d[2], f.q * (d[3] - f.pp * d[1])
    vec_store(v + 3 * step, even + odd)
    vec_store(v + 4 * step, even - odd)
    vec_store(v + 5 * step, f.ppqq * d[1] + (d[5] - f.both * d[3]))


cdef inline void spread_pair(const Points* f, const vec* even, const vec* odd, real* v,
                             Py_ssize_t step) noexcept nogil:
    # Two rows, of a point and of its negative.
    cdef vec t[6]
    cdef int i
    for i in range(6):
        t[i] = even[i] + odd[i]
    spread_six(f, t, v, step)
    for i in range(6):
        t[i] = even[i] - odd[i]
    spread_six(f, t, v + 6 * step, step)


cdef void image_to_large(const real* x, Py_ssize_t row, Py_ssize_t channels, real* v,
                         Py_ssize_t step) noexcept nogil:
    # v from 6 x 6 pixels.
    cdef Py_ssize_t n
    cdef Points f = points()
    cdef vec t[6]
    cdef vec even[6]
    cdef vec odd[6]
    cdef const real* p
    cdef real* q
    cdef int i, k
    for n from 0 <= n < channels by VEC_LANES:
        step, channels, row = not_before(step), not_before(channels), not_before(row)
        p, q = x + n, v + n
        if n % LINE == 0:
            fetch_places(q, step, 36)
        for i in range(6):
            t[i] = (f.ppqq * vec_load(p + i * channels)
                    + (vec_load(p + 4 * row + i * channels)
                       - f.both * vec_load(p + 2 * row + i * channels)))
        spread_six(&f, t, q, step)
        q += 6 * step
        p += row
        for k in range(2):
            for i in range(6):
                odd[i] = (f.q if k else f.p) * (
                    vec_load(p + 2 * row + i * channels)
                    - (f.pp if k else f.qq) * vec_load(p + i * channels))
                even[i] = (vec_load(p + 3 * row + i * channels)
                           - (f.pp if k else f.qq) * vec_load(p + row + i * channels))
            spread_pair(&f, even, odd, q, step)
            q += 12 * step
        for i in range(6):
            t[i] = (f.ppqq * vec_load(p + i * channels)
                    + (vec_load(p + 4 * row + i * channels)
                       - f.both * vec_load(p + 2 * row + i * channels)))
        spread_six(&f, t, q, step)


cdef inline void gather_four(const Points* f, vec m0, vec m1, vec m2, vec m3, vec m4, vec m5,
                             vec* y) noexcept nogil:
    cdef vec a = m1 + m2, b = m1 - m2, c = m3 + m4, d = m3 - m4
    y[0] = m0 + a + c
    y[1] = f.p * b + f.q * d
    y[2] = f.pp * a + f.qq * c
    y[3] = f.ppp * b + (f.qqq * d + m5)


cdef void large_to_output(const real* m, Py_ssize_t step, const real* bias, real* y,
                          Py_ssize_t row, Py_ssize_t channels) noexcept nogil:
    cdef Py_ssize_t n, left
    cdef Points f = points()
    cdef vec t[24]
    cdef vec a[4]
    cdef const real* p
    cdef real* q
    cdef int i, k
    for n from 0 <= n < channels by VEC_LANES:
        step, channels, row = not_before(step), not_before(channels), not_before(row)
        p, q, left = m + n, y + n, channels - n
        for i in range(6):
            gather_four(&f, vec_load(p), vec_load(p + 6 * step), vec_load(p + 12 * step),
                        vec_load(p + 18 * step), vec_load(p + 24 * step), vec_load(p + 30 * step),
                        t + 4 * i)
            p += step
        for i in range(4):
            gather_four(&f, t[i], t[4 + i], t[8 + i], t[12 + i], t[16 + i], t[20 + i], a)
            for k in range(4):
                store_lanes(q + k * channels, a[k] + vec_load(bias + n), left)
            q += row


cdef inline void spread_four(const Points* f, vec a, vec b, vec c, vec d, real* m,
                             Py_ssize_t step) noexcept nogil:
    cdef vec even = a + f.pp * c, odd = f.p * b + f.ppp * d
    vec_store(m, a)
    vec_store(m + step, even + odd)
    vec_store(m + 2 * step, even - odd)
    even, odd = a + f.qq * c, f.q * b + f.qqq * d
    vec_store(m + 3 * step, even + odd)
    vec_store(m + 4 * step, even - odd)
    vec_store(m + 5 * step, d)


cdef void gradient_to_large(const real* dy, Py_ssize_t row, Py_ssize_t channels, real* m,
                            Py_ssize_t step) noexcept nogil:
    # m from 4 x 4 outputs.
    cdef Py_ssize_t n
    cdef Points f = points()
    cdef vec even[4]
    cdef vec odd[4]
    cdef const real* p
    cdef real* q
    cdef int i, k
    for n from 0 <= n < channels by VEC_LANES:
        step, channels, row = not_before(step), not_before(channels), not_before(row)
        p, q = dy + n, m + n
        if n % LINE == 0:
            fetch_places(q, step, 36)
        spread_four(&f, vec_load(p), vec_load(p + channels), vec_load(p + 2 * channels),
                    vec_load(p + 3 * channels), q, step)
        q += 6 * step
        for k in range(2):
            for i in range(4):
                even[i] = (vec_load(p + i * channels)
                           + (f.qq if k else f.pp) * vec_load(p + 2 * row + i * channels))
                odd[i] = ((f.q if k else f.p) * vec_load(p + row + i * channels)
                          + (f.qqq if k else f.ppp) * vec_load(p + 3 * row + i * channels))
            spread_four(&f, even[0] + odd[0], even[1] + odd[1], even[2] + odd[2], even[3] + odd[3],
                        q, step)
            q += 6 * step
            spread_four(&f, even[0] - odd[0], even[1] - odd[1], even[2] - odd[2], even[3] - odd[3],
                        q, step)
            q += 6 * step
        p += 3 * row
        spread_four(&f, vec_load(p), vec_load(p + channels), vec_load(p + 2 * channels),
                    vec_load(p + 3 * channels), q, step)


cdef inline void gather_six(const Points* f, vec v0, vec v1, vec v2, vec v3, vec v4, vec v5,
                            vec* d) noexcept nogil:
    cdef vec a = v1 + v2, b = v1 - v2, c = v3 + v4, e = v3 - v4
    d[0] = f.ppqq * v0
    d[4] = v0 + a + c
    d[2] = -(f.both * v0 + (f.qq * a + f.pp * c))
    b, e = f.p * b, f.q * e
    d[1] = f.ppqq * v5 - (f.qq * b + f.pp * e)
    d[3] = (b + e) - f.both * v5
    d[5] = v5


cdef void large_to_image(const real* v, Py_ssize_t step, real* dx, Py_ssize_t row,
                         Py_ssize_t channels) noexcept nogil:
    # Adds to dx.
    cdef Py_ssize_t n, left
    cdef Points f = points()
    cdef vec t[36]
    cdef vec d[6]
    cdef const real* p
    cdef real* q
    cdef int i, k
    for n from 0 <= n < channels by VEC_LANES:
        step, channels, row = not_before(step), not_before(channels), not_before(row)
        p, q, left = v + n, dx + n, channels - n
        for i in range(6):
            gather_six(&f, vec_load(p), vec_load(p + 6 * step), vec_load(p + 12 * step),
                       vec_load(p + 18 * step), vec_load(p + 24 * step), vec_load(p + 30 * step),
                       t + 6 * i)
            p += step
        for i in range(6):
            gather_six(&f, t[i], t[6 + i], t[12 + i], t[18 + i], t[24 + i], t[30 + i], d)
            for k in range(6):
                add_lanes(q + k * channels, d[k], left)
            q += row


cdef inline void spread_three(const Points* f, vec a, vec b, vec c, vec* u) noexcept nogil:
    cdef vec even, odd
    u[0], u[5] = f.share * a, c
    even, odd = f.share_p * (a + f.pp * c), f.share_p * f.p * b
    u[1], u[2] = even + odd, even - odd
    even, odd = f.share_q * (a + f.qq * c), f.share_q * f.q * b
    u[3], u[4] = even + odd, even - odd


cdef inline void field_to_large(const real* w, Py_ssize_t tap, real* u,
                                Py_ssize_t step) noexcept nogil:
    cdef Points f = points()
    cdef vec t[18]
    cdef vec a[6]
    cdef int i, k
    fetch_places(u, step, 36)
    for i in range(3):
        spread_three(&f, vec_load(w + i * tap), vec_load(w + (3 + i) * tap),
                     vec_load(w + (6 + i) * tap), t + 6 * i)
    for i in range(6):
        spread_three(&f, t[i], t[6 + i], t[12 + i], a)
        for k in range(6):
            vec_store(u + (6 * i + k) * step, a[k])


cdef inline void gather_three(const Points* f, vec u0, vec u1, vec u2, vec u3, vec u4, vec u5,
                              vec* w) noexcept nogil:
    cdef vec a = f.share_p * (u1 + u2), b = f.share_p * (u1 - u2)
    cdef vec c = f.share_q * (u3 + u4), d = f.share_q * (u3 - u4)
    w[0] = f.share * u0 + (a + c)
    w[1] = f.p * b + f.q * d
    w[2] = f.pp * a + (f.qq * c + u5)


cdef inline void large_to_field(const real* u, Py_ssize_t step, real* w, Py_ssize_t tap,
                                Py_ssize_t left) noexcept nogil:
    # Adds to w.
    cdef Points f = points()
    cdef vec t[18]
    cdef vec a[3]
    cdef int i, k
    for i in range(6):
        gather_three(&f, vec_load(u + i * step), vec_load(u + (6 + i) * step),
                     vec_load(u + (12 + i) * step), vec_load(u + (18 + i) * step),
                     vec_load(u + (24 + i) * step), vec_load(u + (30 + i) * step), t + 3 * i)
    for i in range(3):
        gather_three(&f, t[i], t[3 + i], t[6 + i], t[9 + i], t[12 + i], t[15 + i], a)
        for k in range(3):
            add_lanes(w + (3 * i + k) * tap, a[k], left)
