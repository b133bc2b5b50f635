# Taps to the filters u of winograd_steps.pxi, and their gradient back.

cdef inline void add_vec(real* p, vec v) noexcept nogil:
    vec_store(p, vec_load(p) + v)


cdef inline void filters_at(const Window* g, const Filtering* f, real* u,
                            real** places) noexcept nogil:
    cdef int p
    for p in range(4):
        places[p] = u
        u += place_size(g, f.groups[p])


cdef void weights_to_filters(const Window* g, const real* weight, real* u) noexcept nogil:
    cdef Filtering f = filtering_of(g)
    cdef Py_ssize_t n, i, size = g.c * g.oc, step = g.sw * size
    cdef vec a, b, c, half = vec_set1(<real>0.5)
    cdef TapGroup group
    cdef const real* w
    cdef real* q[4]
    filters_at(g, &f, u, q)
    for n in range(f.groups[0]):
        group = group_at(g, n)
        w = weight + group.first * size
        for i from 0 <= i < size by VEC_LANES:
            a = b = vec_load(w + i)
            if group.taps == 3:
                b, c = vec_load(w + step + i), vec_load(w + 2 * step + i)
                vec_store(q[1] + i, (a + c + b) * half)
                vec_store(q[2] + i, (a + c - b) * half)
                b = c
            elif group.taps == 2:
                b = vec_load(w + step + i)
                vec_store(q[1] + i, a + b)
            vec_store(q[0] + i, a)
            vec_store(q[3] + i, b)
        for i in range(4):
            q[i] += size


cdef void filters_to_weights(const Window* g, real* u, real* dw) noexcept nogil:
    # The transposed of it, added to dw.
    cdef Filtering f = filtering_of(g)
    cdef Py_ssize_t n, i, size = g.c * g.oc, step = g.sw * size
    cdef vec a, b, half = vec_set1(<real>0.5)
    cdef TapGroup group
    cdef real* w
    cdef real* q[4]
    filters_at(g, &f, u, q)
    for n in range(f.groups[0]):
        group = group_at(g, n)
        w = dw + group.first * size
        for i from 0 <= i < size by VEC_LANES:
            if group.taps == 1:
                add_vec(w + i, vec_load(q[0] + i) + vec_load(q[3] + i))
                continue
            a = vec_load(q[1] + i)
            if group.taps == 3:
                b = vec_load(q[2] + i)
                add_vec(w + step + i, (a - b) * half)
                a = (a + b) * half
            add_vec(w + i, vec_load(q[0] + i) + a)
            add_vec(w + (group.taps - 1) * step + i, a + vec_load(q[3] + i))
        for i in range(4):
            q[i] += size


cdef void filters_back(const Window* g, const real* weight, real* transposed,
                       real* scratch) noexcept nogil:
    # u[p]^T
    cdef Filtering f = filtering_of(g)
    cdef real* u[4]
    cdef real* back[4]
    cdef int p
    weights_to_filters(g, weight, scratch)
    filters_at(g, &f, scratch, u)
    filters_at(g, &f, transposed, back)
    for p in range(4):
        transpose(u[p], g.oc, back[p], f.groups[p] * g.c, f.groups[p] * g.c, g.oc)
