# Images to the places of winograd.pxi, tile after tile, and back.

cdef inline void image_to_places(const Tiling* t, const real* x, Py_ssize_t row,
                                 Py_ssize_t channels, real* v) noexcept nogil:
    if t.edge == SMALL_TILE:
        image_to_small(x, row, channels, v, t.v)
    else:
        image_to_large(x, row, channels, v, t.v)


cdef inline void places_to_image(const Tiling* t, const real* v, real* dx, Py_ssize_t row,
                                 Py_ssize_t channels) noexcept nogil:
    if t.edge == SMALL_TILE:
        small_to_image(v, t.v, dx, row, channels)
    else:
        large_to_image(v, t.v, dx, row, channels)


cdef inline void places_to_output(const Tiling* t, const real* m, const real* bias, real* y,
                                  Py_ssize_t row, Py_ssize_t channels) noexcept nogil:
    if t.edge == SMALL_TILE:
        small_to_output(m, t.m, bias, y, row, channels)
    else:
        large_to_output(m, t.m, bias, y, row, channels)


cdef inline void gradient_to_places(const Tiling* t, const real* dy, Py_ssize_t row,
                                    Py_ssize_t channels, real* m) noexcept nogil:
    if t.edge == SMALL_TILE:
        gradient_to_small(dy, row, channels, m, t.m)
    else:
        gradient_to_large(dy, row, channels, m, t.m)


cdef struct Corner:
    # A tile's image and first output, and how many of its rows and columns the image has.
    Py_ssize_t image, i, j, rows, columns


cdef inline Corner corner_at(const Window* g, const Tiling* t, Py_ssize_t image, Py_ssize_t i,
                             Py_ssize_t j) noexcept nogil:
    cdef Corner a
    a.image, a.i, a.j = image, i, j
    a.rows, a.columns = min(t.edge, g.oh - i), min(t.edge, g.ow - j)
    return a


cdef inline Corner corner_of(const Window* g, const Tiling* t, Py_ssize_t tile) noexcept nogil:
    cdef Py_ssize_t image = tile // t.each
    tile -= image * t.each
    return corner_at(g, t, image, tile // t.across * t.edge, tile % t.across * t.edge)


cdef inline Corner corner_after(const Window* g, const Tiling* t, Corner a) noexcept nogil:
    if a.j + t.edge < g.ow:
        return corner_at(g, t, a.image, a.i, a.j + t.edge)
    if a.i + t.edge < g.oh:
        return corner_at(g, t, a.image, a.i + t.edge, 0)
    return corner_at(g, t, a.image + 1, 0, 0)


cdef inline bint is_whole(const Tiling* t, Corner a) noexcept nogil:
    return a.rows + a.columns == 2 * t.edge


# From images, `image` numbers apart, to places, and back; the tiles are those from the `first` on.
# Those that an image's edge cuts go by way of a frame of their own, `alone`, with zeros outside.

cdef void image_to_tiles(const Window* g, const Tiling* t, const real* x, Py_ssize_t image,
                         Py_ssize_t first, Py_ssize_t tiles, real* v, real* alone) noexcept nogil:
    cdef Corner a = corner_of(g, t, first)
    cdef Py_ssize_t i, row = g.w * g.c, wide = (t.edge + 2) * g.c
    cdef const real* p
    for i in range(tiles):
        p = x + a.image * image + a.i * row + a.j * g.c
        if is_whole(t, a):
            image_to_places(t, p, row, g.c, v + i * t.c)
        else:
            memset(alone, 0, t.places * g.c * sizeof(real))
            copy_rows(p, row, alone, wide, a.rows + 2, (a.columns + 2) * g.c)
            image_to_places(t, alone, wide, g.c, v + i * t.c)
        a = corner_after(g, t, a)


cdef void tiles_to_image(const Window* g, const Tiling* t, const real* v, Py_ssize_t first,
                         Py_ssize_t tiles, real* dx, Py_ssize_t image, real* alone) noexcept nogil:
    # Adds to dx.
    cdef Corner a = corner_of(g, t, first)
    cdef Py_ssize_t i, r, row = g.w * g.c, wide = (t.edge + 2) * g.c
    cdef real* p
    for i in range(tiles):
        p = dx + a.image * image + a.i * row + a.j * g.c
        if is_whole(t, a):
            places_to_image(t, v + i * t.c, p, row, g.c)
        else:
            memset(alone, 0, t.places * g.c * sizeof(real))
            places_to_image(t, v + i * t.c, alone, wide, g.c)
            for r in range(a.rows + 2):
                add_slice(p + r * row, alone + r * wide, (a.columns + 2) * g.c)
        a = corner_after(g, t, a)


cdef void tiles_to_output(const Window* g, const Tiling* t, const real* m, const real* bias,
                          Py_ssize_t first, Py_ssize_t tiles, real* y, Py_ssize_t image,
                          real* alone) noexcept nogil:
    cdef Corner a = corner_of(g, t, first)
    cdef Py_ssize_t i, row = g.ow * g.oc, wide = t.edge * g.oc
    cdef real* p
    for i in range(tiles):
        p = y + a.image * image + a.i * row + a.j * g.oc
        if is_whole(t, a):
            places_to_output(t, m + i * t.oc, bias, p, row, g.oc)
        else:
            places_to_output(t, m + i * t.oc, bias, alone, wide, g.oc)
            copy_rows(alone, wide, p, row, a.rows, a.columns * g.oc)
        a = corner_after(g, t, a)


cdef void gradient_to_tiles(const Window* g, const Tiling* t, const real* dy, Py_ssize_t image,
                            Py_ssize_t first, Py_ssize_t tiles, real* m,
                            real* alone) noexcept nogil:
    cdef Corner a = corner_of(g, t, first)
    cdef Py_ssize_t i, row = g.ow * g.oc, wide = t.edge * g.oc
    cdef const real* p
    for i in range(tiles):
        p = dy + a.image * image + a.i * row + a.j * g.oc
        if is_whole(t, a):
            gradient_to_places(t, p, row, g.oc, m + i * t.oc)
        else:
            memset(alone, 0, t.edge * wide * sizeof(real))
            copy_rows(p, row, alone, wide, a.rows, a.columns * g.oc)
            gradient_to_places(t, alone, wide, g.oc, m + i * t.oc)
        a = corner_after(g, t, a)
