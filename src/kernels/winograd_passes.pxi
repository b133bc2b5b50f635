# Convolutions forward and back by the places of winograd.pxi, a block of tiles at a time.

cdef void multiply_places(const Tiling* t, Product q, Py_ssize_t x_place, Py_ssize_t w_place,
                          Py_ssize_t c_place, Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    # One product a place; most are so small that to think about their blocks would take its time.
    cdef int p
    for p in range(t.places):
        if q.length <= PANEL_TERMS:
            multiply_rows(&q, rows, columns, False, False, False, False, 0, q.length)
        else:
            multiply(&q, rows, columns)
        q.x += x_place
        q.w += w_place
        q.c += c_place
        if q.init_step:
            q.init += c_place


cdef void winograd_forward(const Window* g, int edge, Py_ssize_t images, const real* panels,
                           const real* bias, const real* zeros, const real* x, Py_ssize_t x_step,
                           real* y, Py_ssize_t y_step, real* scratch) noexcept nogil:
    # Steps are from an image to the next.
    cdef Tiling t = tiling_of(g, edge, images)
    cdef real* v = scratch
    cdef real* m = v + t.places * t.v
    cdef real* alone = m + t.places * t.m
    cdef Py_ssize_t block, first, tiles
    cdef Product q = product(g.c, x=v, row_step=t.c, x_step=1, w=panels, w_step=0, init=zeros,
                             init_step=0, c=m, c_step=t.oc)
    for block in range(t.blocks):
        first = t.count * block // t.blocks
        tiles = t.count * (block + 1) // t.blocks - first
        image_to_tiles(g, &t, x, x_step, first, tiles, v, alone)
        multiply_places(&t, q, t.v, t.u, t.m, tiles, t.oc)
        tiles_to_output(g, &t, m, bias, first, tiles, y, y_step, alone)


cdef void winograd_backward(const Window* g, int edge, Py_ssize_t images, const real* panels,
                            const real* zeros, const real* x, Py_ssize_t x_step, const real* dy,
                            Py_ssize_t dy_step, real* dw, real* dx, Py_ssize_t dx_step,
                            real* scratch) noexcept nogil:
    # Adds to dw, writes dx; either may be NULL.
    cdef Tiling t = tiling_of(g, edge, images)
    cdef real* v = scratch
    cdef real* m = v + t.places * t.v
    cdef real* u = m + t.places * t.m
    cdef real* alone = u + t.places * t.u
    cdef Py_ssize_t block, first, tiles, i
    cdef Product q
    for i in range(images if dx != NULL else 0):
        memset(dx + i * dx_step, 0, g.h * g.w * g.c * sizeof(real))
    for block in range(t.blocks):
        first = t.count * block // t.blocks
        tiles = t.count * (block + 1) // t.blocks - first
        gradient_to_tiles(g, &t, dy, dy_step, first, tiles, m, alone)
        if dw != NULL:
            image_to_tiles(g, &t, x, x_step, first, tiles, v, alone)
            q = product(tiles, x=v, row_step=1, x_step=t.c, w=m, w_step=t.oc,
                        init=<const real*>u if block else zeros,
                        init_step=t.oc if block else 0, c=u, c_step=t.oc)
            multiply_places(&t, q, t.v, t.m, t.u, g.c, t.oc)
        if dx != NULL:
            q = product(g.oc, x=m, row_step=t.oc, x_step=1, w=panels, w_step=0, init=zeros,
                        init_step=0, c=v, c_step=t.c)
            multiply_places(&t, q, t.m, t.back, t.v, tiles, t.c)
            tiles_to_image(g, &t, v, first, tiles, dx, dx_step, alone)
    if dw != NULL:
        places_to_weights(g, &t, u, dw)
