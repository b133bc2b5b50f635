# Fields of weights to the places of winograd.pxi, laid in panels for the products, and their
# gradient back.

cdef void weights_to_places(const Window* g, const Tiling* t, const real* weight, Py_ssize_t rows,
                            int most, real* u, Py_ssize_t step) noexcept nogil:
    # Of so many channels, each place in panels of at most so many vectors.
    cdef Py_ssize_t vectors = padded(g.oc) // VEC_LANES, count = (vectors + most - 1) // most
    cdef Py_ssize_t tap = g.c * g.oc, k, start, wide, c, n
    for k in range(count):
        start = vectors * k // count
        wide = vectors * (k + 1) // count - start
        for c in range(rows):
            for n in range(start, start + wide):
                if t.edge == SMALL_TILE:
                    field_to_small(weight + c * g.oc + n * VEC_LANES, tap, u, step)
                else:
                    field_to_large(weight + c * g.oc + n * VEC_LANES, tap, u, step)
                u += VEC_LANES


cdef void lay_places(const Window* g, int edge, const real* weight, real* panels) noexcept nogil:
    # Each place's weights in panels.
    cdef Tiling t = tiling_of(g, edge, 1)
    weights_to_places(g, &t, weight, g.c, TILE, panels, t.u)


cdef void lay_places_back(const Window* g, int edge, const real* weight, real* panels,
                          real* scratch) noexcept nogil:
    # The transposed ones, a few channels at a time.
    cdef Tiling t = tiling_of(g, edge, 1)
    cdef Py_ssize_t step = apart(VEC_LANES * t.oc), first, last
    cdef Matrix w
    cdef int p
    for first from 0 <= first < g.c by VEC_LANES:
        last = min(first + VEC_LANES, g.c)
        weights_to_places(g, &t, weight + first * g.oc, last - first, <int>(t.oc // VEC_LANES),
                          scratch, step)
        for p in range(t.places):
            describe_matrix(&w, p * step - first * t.oc, g.c, g.oc, t.oc)
            lay_transposed_rows(&w, scratch, first, last, panels + p * t.back, TILE)


cdef void places_to_weights(const Window* g, const Tiling* t, const real* u,
                            real* dw) noexcept nogil:
    # Adds to dw.
    cdef Py_ssize_t c, n, columns = padded(g.oc), tap = g.c * g.oc
    for c in range(g.c):
        for n from 0 <= n < columns by VEC_LANES:
            if t.edge == SMALL_TILE:
                small_to_field(u + c * columns + n, t.u, dw + c * g.oc + n, tap, g.oc - n)
            else:
                large_to_field(u + c * columns + n, t.u, dw + c * g.oc + n, tap, g.oc - n)
