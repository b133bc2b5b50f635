# One small tile of winograd.pxi, or one field of weights, along both axes: to its 16 places, a
# `step` apart, and back. Vectors run over channels. A tile has few, so addresses are not made
# before they are needed: 32 of them at once are more than there are registers, and take longer
# than the sums.

cdef inline void spread_image(vec a, vec b, vec c, vec d, real* v, Py_ssize_t step) noexcept nogil:
    vec_store(v, a - c)
    vec_store(v + step, b + c)
    vec_store(v + 2 * step, c - b)
    vec_store(v + 3 * step, b - d)


cdef inline void fetch_places(real* q, Py_ssize_t step, const int places) noexcept nogil:
    # To be written, all together: one by one, as stores reach them, takes twice as long.
    cdef int i
    for i in range(places):
        prefetch_to_write(q + i * step)


cdef void image_to_small(const real* x, Py_ssize_t row, Py_ssize_t channels, real* v,
                         Py_ssize_t step) noexcept nogil:
    # v from 4 x 4 pixels.
    cdef Py_ssize_t n
    cdef vec t[4]
    cdef const real* p
    cdef real* q
    cdef int i
    for n from 0 <= n < channels by VEC_LANES:
        step, channels, row = not_before(step), not_before(channels), not_before(row)
        p, q = x + n, v + n
        if n % LINE == 0:
            fetch_places(q, step, 16)
        for i in range(4):
            t[i] = vec_load(p + i * channels) - vec_load(p + 2 * row + i * channels)
        spread_image(t[0], t[1], t[2], t[3], q, step)
        p += row
        q += 4 * step
        for i in range(4):
            t[i] = vec_load(p + i * channels) + vec_load(p + row + i * channels)
        spread_image(t[0], t[1], t[2], t[3], q, step)
        q += 4 * step
        for i in range(4):
            t[i] = vec_load(p + row + i * channels) - vec_load(p + i * channels)
        spread_image(t[0], t[1], t[2], t[3], q, step)
        q += 4 * step
        for i in range(4):
            t[i] = vec_load(p + i * channels) - vec_load(p + 2 * row + i * channels)
        spread_image(t[0], t[1], t[2], t[3], q, step)


cdef void small_to_output(const real* m, Py_ssize_t step, const real* bias, real* y,
                          Py_ssize_t row, Py_ssize_t channels) noexcept nogil:
    cdef Py_ssize_t n, left
    cdef vec a[4]
    cdef vec b[4]
    cdef vec c, d
    cdef const real* p
    cdef real* q
    cdef int i
    for n from 0 <= n < channels by VEC_LANES:
        step, channels, row = not_before(step), not_before(channels), not_before(row)
        p, q, left = m + n, y + n, channels - n
        for i in range(4):
            a[i] = vec_load(p + i * step)
        p += 4 * step
        for i in range(4):
            b[i] = vec_load(p + i * step)
        b[1] = b[1] + vec_load(bias + n)    # place 5 is part of all four outputs
        p += 4 * step
        for i in range(4):
            c = vec_load(p + i * step)
            a[i], b[i] = a[i] + b[i] + c, b[i] - c
        p += 4 * step
        for i in range(4):
            b[i] = b[i] - vec_load(p + i * step)
        store_lanes(q, a[0] + a[1] + a[2], left)
        store_lanes(q + channels, a[1] - a[2] - a[3], left)
        q += row
        store_lanes(q, b[0] + b[1] + b[2], left)
        store_lanes(q + channels, b[1] - b[2] - b[3], left)


cdef inline void spread_gradient(vec a, vec b, real* m, Py_ssize_t step) noexcept nogil:
    vec_store(m, a)
    vec_store(m + step, a + b)
    vec_store(m + 2 * step, a - b)
    vec_store(m + 3 * step, -b)


cdef void gradient_to_small(const real* dy, Py_ssize_t row, Py_ssize_t channels, real* m,
                            Py_ssize_t step) noexcept nogil:
    cdef Py_ssize_t n
    cdef vec a, b, c, d
    for n from 0 <= n < channels by VEC_LANES:
        fetch_places(m + n, step, 16)
        a, b = vec_load(dy + n), vec_load(dy + channels + n)
        c, d = vec_load(dy + row + n), vec_load(dy + row + channels + n)
        spread_gradient(a, b, m + n, step)
        spread_gradient(a + c, b + d, m + 4 * step + n, step)
        spread_gradient(a - c, b - d, m + 8 * step + n, step)
        spread_gradient(-c, -d, m + 12 * step + n, step)


cdef inline void add_lanes(real* p, vec v, Py_ssize_t left) noexcept nogil:
    store_lanes(p, load_lanes(p, left) + v, left)


cdef inline void add_row(vec a, vec b, vec c, vec d, real* dx, Py_ssize_t pixel,
                         Py_ssize_t left) noexcept nogil:
    add_lanes(dx, a, left)
    add_lanes(dx + pixel, b - c + d, left)
    add_lanes(dx + 2 * pixel, b + c - a, left)
    add_lanes(dx + 3 * pixel, -d, left)


cdef void small_to_image(const real* v, Py_ssize_t step, real* dx, Py_ssize_t row,
                         Py_ssize_t channels) noexcept nogil:
    # Adds to dx.
    cdef Py_ssize_t n, left
    cdef vec a[4]
    cdef vec b[4]
    cdef vec c[4]
    cdef vec d
    cdef const real* p
    cdef real* q
    cdef int i
    for n from 0 <= n < channels by VEC_LANES:
        step, channels, row = not_before(step), not_before(channels), not_before(row)
        p, q, left = v + n, dx + n, channels - n
        for i in range(4):
            a[i] = vec_load(p + i * step)
        add_row(a[0], a[1], a[2], a[3], q, channels, left)
        p += 4 * step
        q += row
        for i in range(4):
            b[i], c[i] = vec_load(p + i * step), vec_load(p + (4 + i) * step)
            b[i], c[i] = b[i] + c[i], b[i] - c[i]
        p += 8 * step
        for i in range(4):
            d = vec_load(p + i * step)
            a[i] = b[i] - a[i]
            c[i], b[i] = c[i] + d, d
        add_row(c[0], c[1], c[2], c[3], q, channels, left)
        q += row
        add_row(a[0], a[1], a[2], a[3], q, channels, left)
        q += row
        add_row(-b[0], -b[1], -b[2], -b[3], q, channels, left)


cdef inline void field_to_small(const real* w, Py_ssize_t tap, real* u,
                                Py_ssize_t step) noexcept nogil:
    cdef vec half = vec_set1(0.5)
    cdef vec t[12]
    cdef vec a, b
    cdef int i
    fetch_places(u, step, 16)
    for i in range(3):
        t[i], t[9 + i] = vec_load(w + i * tap), vec_load(w + (6 + i) * tap)
        a, b = half * (t[i] + t[9 + i]), half * vec_load(w + (3 + i) * tap)
        t[3 + i], t[6 + i] = a + b, a - b
    for i in range(4):
        a, b = half * (t[3 * i] + t[3 * i + 2]), half * t[3 * i + 1]
        vec_store(u + 4 * i * step, t[3 * i])
        vec_store(u + (4 * i + 1) * step, a + b)
        vec_store(u + (4 * i + 2) * step, a - b)
        vec_store(u + (4 * i + 3) * step, t[3 * i + 2])


cdef inline void small_to_field(const real* u, Py_ssize_t step, real* w, Py_ssize_t tap,
                                Py_ssize_t left) noexcept nogil:
    # Adds to w.
    cdef vec half = vec_set1(0.5)
    cdef vec t[12]
    cdef vec a, b
    cdef int i
    for i in range(4):
        a = half * (vec_load(u + (4 + i) * step) + vec_load(u + (8 + i) * step))
        b = half * (vec_load(u + (4 + i) * step) - vec_load(u + (8 + i) * step))
        t[i], t[4 + i] = vec_load(u + i * step) + a, b
        t[8 + i] = vec_load(u + (12 + i) * step) + a
    for i in range(3):
        a, b = half * (t[4 * i + 1] + t[4 * i + 2]), half * (t[4 * i + 1] - t[4 * i + 2])
        add_lanes(w + 3 * i * tap, t[4 * i] + a, left)
        add_lanes(w + (3 * i + 1) * tap, b, left)
        add_lanes(w + (3 * i + 2) * tap, t[4 * i + 3] + a, left)
