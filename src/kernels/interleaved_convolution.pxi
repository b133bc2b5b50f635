# Convolutions of four images interleaved that move a pixel at a time: filtered along the height
# (interleaved_places.pxi), but where a kernel's row sees so few numbers that what comes on top
# would be more than it saves.

cdef inline bint goes_interleaved(const Window* g) noexcept nogil:
    # Weights that stay in the nearest cache, of which each pixel reads all, and images in the next.
    return (VEC_LANES >= FOUR and g.h > 1 and g.sh == g.sw == g.dh == g.dw == g.groups == 1
            and g.kw > 1 and g.kh * g.kw * g.c * g.oc <= 4096
            and max(g.c * g.h * g.w, g.oc * g.oh * g.ow) <= 10000)


cdef inline bint filters_forward(const Window* g) noexcept nogil:
    return g.kh >= 3 and g.kw * g.c >= 24


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
