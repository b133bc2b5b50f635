# One tile of winograd.pxi, or one field of weights, along both axes: to its 16 places, a `step`
# apart, and back. Vectors run over channels.

cdef inline void spread_image(vec a, vec b, vec c, vec d, real* v, Py_ssize_t step) noexcept nogil:
    vec_store(v, a - c)
    vec_store(v + step, b + c)
    vec_store(v + 2 * step, c - b)
    vec_store(v + 3 * step, b - d)


cdef void image_to_places(const real* x, Py_ssize_t row, Py_ssize_t channels, real* v,
                          Py_ssize_t step) noexcept nogil:
    # v from 4 x 4 pixels. The places' lines are fetched together: one by one, as stores reach them,
    # takes twice as long.
    cdef Py_ssize_t n
    cdef vec t[4]
    cdef const real* p
    cdef int i
    for n from 0 <= n < channels by VEC_LANES:
        p = x + n
        for i in range(16):
            prefetch_to_write(v + i * step + n)
        for i in range(4):
            t[i] = vec_load(p + i * channels) - vec_load(p + 2 * row + i * channels)
        spread_image(t[0], t[1], t[2], t[3], v + n, step)
        for i in range(4):
            t[i] = vec_load(p + row + i * channels) + vec_load(p + 2 * row + i * channels)
        spread_image(t[0], t[1], t[2], t[3], v + 4 * step + n, step)
        for i in range(4):
            t[i] = vec_load(p + 2 * row + i * channels) - vec_load(p + row + i * channels)
        spread_image(t[0], t[1], t[2], t[3], v + 8 * step + n, step)
        for i in range(4):
            t[i] = vec_load(p + row + i * channels) - vec_load(p + 3 * row + i * channels)
        spread_image(t[0], t[1], t[2], t[3], v + 12 * step + n, step)


cdef void places_to_output(const real* m, Py_ssize_t step, const real* bias, real* y,
                           Py_ssize_t row, Py_ssize_t channels) noexcept nogil:
    cdef Py_ssize_t n
    cdef vec a[4]
    cdef vec b[4]
    cdef vec c, d
    cdef int i
    for n from 0 <= n < channels by VEC_LANES:
        for i in range(4):
            c, d = vec_load(m + (4 + i) * step + n), vec_load(m + (8 + i) * step + n)
            if i == 1:              # place 5 is part of all four outputs
                c = c + vec_load(bias + n)
            a[i] = vec_load(m + i * step + n) + c + d
            b[i] = c - d - vec_load(m + (12 + i) * step + n)
        store_lanes(y + n, a[0] + a[1] + a[2], channels - n)
        store_lanes(y + channels + n, a[1] - a[2] - a[3], channels - n)
        store_lanes(y + row + n, b[0] + b[1] + b[2], channels - n)
        store_lanes(y + row + channels + n, b[1] - b[2] - b[3], channels - n)


cdef inline void spread_gradient(vec a, vec b, real* m, Py_ssize_t step) noexcept nogil:
    vec_store(m, a)
    vec_store(m + step, a + b)
    vec_store(m + 2 * step, a - b)
    vec_store(m + 3 * step, -b)


cdef void gradient_to_places(const real* dy, Py_ssize_t row, Py_ssize_t channels, real* m,
                             Py_ssize_t step) noexcept nogil:
    cdef Py_ssize_t n
    cdef vec a, b, c, d
    cdef int i
    for n from 0 <= n < channels by VEC_LANES:
        for i in range(16):
            prefetch_to_write(m + i * step + n)
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


cdef void places_to_image(const real* v, Py_ssize_t step, real* dx, Py_ssize_t row,
                          Py_ssize_t channels) noexcept nogil:
    # Adds to dx.
    cdef Py_ssize_t n
    cdef vec a[4]
    cdef vec b[4]
    cdef vec c[4]
    cdef vec d[4]
    cdef int i
    for n from 0 <= n < channels by VEC_LANES:
        for i in range(4):
            a[i], b[i] = vec_load(v + i * step + n), vec_load(v + (4 + i) * step + n)
            c[i], d[i] = vec_load(v + (8 + i) * step + n), vec_load(v + (12 + i) * step + n)
        add_row(a[0], a[1], a[2], a[3], dx + n, channels, channels - n)
        for i in range(4):
            a[i], b[i], c[i] = b[i] - c[i] + d[i], b[i] + c[i] - a[i], d[i]
        add_row(a[0], a[1], a[2], a[3], dx + row + n, channels, channels - n)
        add_row(b[0], b[1], b[2], b[3], dx + 2 * row + n, channels, channels - n)
        add_row(-c[0], -c[1], -c[2], -c[3], dx + 3 * row + n, channels, channels - n)


cdef void weights_to_places(const Window* g, const real* weight, Py_ssize_t rows, int most,
                            real* u, Py_ssize_t step) noexcept nogil:
    # Of so many channels, each place in panels of at most so many vectors.
    cdef Py_ssize_t vectors = padded(g.oc) // VEC_LANES, count = (vectors + most - 1) // most
    cdef Py_ssize_t tap = g.c * g.oc, k, start, wide, c, n
    cdef vec half = vec_set1(0.5)
    cdef vec t[12]
    cdef vec a, b
    cdef const real* w
    cdef int i
    for k in range(count):
        start = vectors * k // count
        wide = vectors * (k + 1) // count - start
        for c in range(rows):
            for n in range(start, start + wide):
                for i in range(16):
                    prefetch_to_write(u + i * step)
                w = weight + c * g.oc + n * VEC_LANES
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
                u += VEC_LANES


cdef void places_to_weights(const Window* g, const real* u, Py_ssize_t step,
                            real* dw) noexcept nogil:
    # Adds to dw.
    cdef Py_ssize_t c, n, columns = padded(g.oc), tap = g.c * g.oc
    cdef vec half = vec_set1(0.5)
    cdef vec t[12]
    cdef vec a, b
    cdef const real* p
    cdef real* w
    cdef int i
    for c in range(g.c):
        for n from 0 <= n < columns by VEC_LANES:
            w, p = dw + c * g.oc + n, u + c * columns + n
            for i in range(4):
                a = half * (vec_load(p + (4 + i) * step) + vec_load(p + (8 + i) * step))
                b = half * (vec_load(p + (4 + i) * step) - vec_load(p + (8 + i) * step))
                t[i], t[4 + i] = vec_load(p + i * step) + a, b
                t[8 + i] = vec_load(p + (12 + i) * step) + a
            for i in range(3):
                a, b = half * (t[4 * i + 1] + t[4 * i + 2]), half * (t[4 * i + 1] - t[4 * i + 2])
                add_lanes(w + 3 * i * tap, t[4 * i] + a, g.oc - n)
                add_lanes(w + (3 * i + 1) * tap, b, g.oc - n)
                add_lanes(w + (3 * i + 2) * tap, t[4 * i + 3] + a, g.oc - n)
