# Steps to the places v of winograd_steps.pxi, outputs to m, and back.

cdef inline void steps_to_group(const int taps, const real* x, Py_ssize_t step, bint alone,
                                Py_ssize_t channels, real** v, Py_ssize_t at) noexcept nogil:
    # For what a second output alone would see, where there is none, the last of the first one's.
    cdef Py_ssize_t n, last = step * (taps - 1 if alone else taps)
    cdef vec a, b, c
    for n from 0 <= n < channels by VEC_LANES:
        a = vec_load(x + n)
        if taps == 1:
            vec_store(v[0] + at + n, a)
            vec_store(v[3] + at + n, vec_load(x + last + n))
            continue
        b = vec_load(x + step + n)
        if taps == 2:
            vec_store(v[0] + at + n, a - b)
            vec_store(v[1] + at + n, b)
        else:
            c = vec_load(x + 2 * step + n)
            vec_store(v[0] + at + n, a - c)
            vec_store(v[1] + at + n, b + c)
            vec_store(v[2] + at + n, c - b)
        vec_store(v[3] + at + n, vec_load(x + last + n) - b)


cdef void steps_to_places(const Window* g, const Filtering* f, const real* x, Py_ssize_t first,
                          Py_ssize_t pairs, real** v) noexcept nogil:
    cdef Py_ssize_t n, i, p, step = g.sw * g.c
    cdef TapGroup group
    cdef const real* d
    cdef real* q[4]
    cdef bint alone
    for n in range(f.groups[0]):
        group = group_at(g, n)
        d = x + group.first * g.c + 2 * first * step
        for p in range(4):
            q[p] = v[p]
        for i in range(pairs):
            alone = 2 * (first + i) + 1 == g.ow
            if group.taps == 3: steps_to_group(3, d, step, alone, g.c, q, n * g.c)
            elif group.taps == 2: steps_to_group(2, d, step, alone, g.c, q, n * g.c)
            else: steps_to_group(1, d, step, alone, g.c, q, n * g.c)
            d += 2 * step
            for p in range(4):
                q[p] += f.v[p]


cdef inline void group_to_steps(const int taps, real** v, Py_ssize_t at, Py_ssize_t step,
                                bint alone, Py_ssize_t channels, real* dx) noexcept nogil:
    cdef Py_ssize_t n
    cdef vec a, b, c, d
    for n from 0 <= n < channels by VEC_LANES:
        a = vec_load(v[0] + at + n)
        d = vec_load(v[3] + at + n) if not alone else vec_set1(0)
        add_vec(dx + n, a)
        if taps == 3:
            b, c = vec_load(v[1] + at + n), vec_load(v[2] + at + n)
            add_vec(dx + step + n, b - c - d)
            add_vec(dx + 2 * step + n, b + c - a)
        elif taps == 2:
            add_vec(dx + step + n, vec_load(v[1] + at + n) - a - d)
        if not alone:
            add_vec(dx + taps * step + n, d)


cdef void places_to_steps(const Window* g, const Filtering* f, real** v, Py_ssize_t first,
                          Py_ssize_t pairs, real* dx) noexcept nogil:
    # Adds to dx.
    cdef Py_ssize_t n, i, p, step = g.sw * g.c
    cdef TapGroup group
    cdef real* d
    cdef real* q[4]
    cdef bint alone
    for n in range(f.groups[0]):
        group = group_at(g, n)
        d = dx + group.first * g.c + 2 * first * step
        for p in range(4):
            q[p] = v[p]
        for i in range(pairs):
            alone = 2 * (first + i) + 1 == g.ow
            if group.taps == 3: group_to_steps(3, q, n * g.c, step, alone, g.c, d)
            elif group.taps == 2: group_to_steps(2, q, n * g.c, step, alone, g.c, d)
            else: group_to_steps(1, q, n * g.c, step, alone, g.c, d)
            d += 2 * step
            for p in range(4):
                q[p] += f.v[p]


cdef void gradient_to_pairs(const Window* g, const Filtering* f, const real* dy, Py_ssize_t pairs,
                            bint alone, real** m) noexcept nogil:
    # The last pair's second output is not where the first one is alone.
    cdef Py_ssize_t i, n, at = 0
    cdef vec a, b
    for i in range(pairs):
        for n from 0 <= n < g.oc by VEC_LANES:
            a = vec_load(dy + n)
            b = vec_set1(0) if alone and i + 1 == pairs else vec_load(dy + g.oc + n)
            vec_store(m[0] + at + n, a)
            vec_store(m[1] + at + n, a + b)
            vec_store(m[2] + at + n, a - b)
            vec_store(m[3] + at + n, b)
        dy += 2 * g.oc
        at += f.m


cdef void join_both(const Window* g, const Filtering* f, Py_ssize_t pairs, real* m1,
                    real* m2) noexcept nogil:
    # m1 + m2 and m1 - m2, in their places.
    cdef Py_ssize_t i, n
    cdef vec a, b
    for i in range(pairs):
        for n from 0 <= n < g.oc by VEC_LANES:
            a, b = vec_load(m1 + n), vec_load(m2 + n)
            vec_store(m1 + n, a + b)
            vec_store(m2 + n, a - b)
        m1 += f.m
        m2 += f.m
