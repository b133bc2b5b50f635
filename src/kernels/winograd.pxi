# 3 x 3 convolutions by minimal filtering (Winograd 1980; Lavin, Gray 2016): four outputs that touch
# take 16 multiplications for each channel rather than 36.
#
# Along an axis, four inputs d and three taps g give two outputs y:
#
#     v = (d0 - d2, d1 + d2, d2 - d1, d1 - d3)
#     u = (g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2)
#     m = (v0 u0, v1 u1, v2 u2, v3 u3)
#     y = (m0 + m1 + m2, m1 - m2 - m3)
#
# For m1 + m2 is d1 g1 + d2 (g0 + g2), m1 - m2 is d1 (g0 + g2) + d2 g1, and m0 and m3 put right what
# is too much in either. Along both axes it is the same done twice. A tile is 4 x 4 pixels of the
# image, of which the next one has two again, and 2 x 2 of the output; place p of its 16 is in row
# p / 4 and column p % 4. T tiles have one product of matrices a place:
#
#     v (16, T, C)    u (16, C, O)    m (16, T, O)
#
#     forward     m[p] = v[p] u[p]
#     back        dv[p] = dm[p] u[p]^T    du[p] = v[p]^T dm[p]
#
# Back, dm comes from dy, dx from dv and the weights' gradient from du, each by the transposed of
# the sums above. So tiles are the same as forward, and dx is where they overlap their sum.

cdef inline bint goes_in_tiles(const Window* g) noexcept nogil:
    # Measured against sums of products, forward and back, on AVX2: 1.2 and 1.4 times as quick with
    # 16 channels of 16 x 16 pixels, 1.6 and 1.7 with 32, 1.8 and 1.9 with 64, of 8 x 8 pixels 1.9
    # and 1.6, of 6 x 6 1.8 and 1.4, of 5 x 5 1.5 and 1.1; on AVX-512 1.0 and 1.2, 1.5 and 1.6, 1.7
    # and 1.8, 1.7 and 1.6, 1.8 and 1.4, 1.2 and 1.0. One image alone has to bring in what it takes
    # to lay the weights, too, and still does with 6 x 6.
    return (g.kh == g.kw == 3 and g.sh == g.sw == g.dh == g.dw == g.groups == 1
            and g.c >= 16 and g.oc >= 16 and g.oh >= 6 and g.ow >= 6)


cdef enum:
    # Tiles that are taken at once, so that the second nearest cache holds their places.
    TILES = 64


cdef struct Tiling:
    Py_ssize_t across, count        # tiles of a row, and of the image
    Py_ssize_t blocks, most         # of how many it consists, and how many tiles those have
    Py_ssize_t c, oc                # in whole vectors
    Py_ssize_t v, m, u, back        # numbers from a place to the next; back is that of u^T


cdef inline Py_ssize_t apart(Py_ssize_t n) noexcept nogil:
    # An odd number of vectors for as many numbers: no two places fall on the same cache lines then.
    return (padded(n) // VEC_LANES | 1) * VEC_LANES


cdef Tiling tiling_of(const Window* g) noexcept nogil:
    cdef Tiling t
    t.across = (g.ow + 1) // 2
    t.count = t.across * ((g.oh + 1) // 2)
    t.blocks = (t.count + TILES - 1) // TILES
    t.most = (t.count + t.blocks - 1) // t.blocks
    t.c, t.oc = padded(g.c), padded(g.oc)
    t.v, t.m = apart(t.most * t.c), apart(t.most * t.oc)
    t.u, t.back = apart(g.c * t.oc), apart(g.oc * t.c)
    return t


cdef Py_ssize_t winograd_scratch(const Window* g) noexcept nogil:
    # v, m, u and a tile by itself; of fewer rows blocks may be larger.
    cdef Tiling t = tiling_of(g)
    cdef Py_ssize_t most = min(t.count, <Py_ssize_t>TILES)
    return 16 * (apart(most * t.c) + apart(most * t.oc) + t.u + max(t.c, t.oc)) + VEC_LANES


cdef Py_ssize_t winograd_panels(const Window* g, bint back) noexcept nogil:
    # Numbers of the weights in panels.
    cdef Tiling t = tiling_of(g)
    return 16 * (t.back if back else t.u)


cdef void lay_places(const Window* g, const real* weight, real* panels) noexcept nogil:
    # Each place's weights in panels.
    weights_to_places(g, weight, g.c, TILE, panels, tiling_of(g).u)


cdef void lay_places_back(const Window* g, const real* weight, real* panels,
                          real* scratch) noexcept nogil:
    # The transposed ones, a few channels at a time.
    cdef Tiling t = tiling_of(g)
    cdef Py_ssize_t step = apart(VEC_LANES * t.oc), first, last
    cdef Matrix w
    cdef int p
    for first from 0 <= first < g.c by VEC_LANES:
        last = min(first + VEC_LANES, g.c)
        weights_to_places(g, weight + first * g.oc, last - first, <int>(t.oc // VEC_LANES), scratch,
                          step)
        for p in range(16):
            describe_matrix(&w, p * step - first * t.oc, g.c, g.oc, t.oc)
            lay_transposed_rows(&w, scratch, first, last, panels + p * t.back, TILE)


cdef struct Corner:
    # A tile's first output, and how many rows and columns of its two the image has.
    Py_ssize_t i, j, rows, columns


cdef inline Corner corner_at(const Window* g, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    cdef Corner a
    a.i, a.j, a.rows, a.columns = i, j, min(2, g.oh - i), min(2, g.ow - j)
    return a


cdef inline Corner corner_of(const Window* g, const Tiling* t, Py_ssize_t tile) noexcept nogil:
    return corner_at(g, tile // t.across * 2, tile % t.across * 2)


cdef inline Corner corner_after(const Window* g, Corner a) noexcept nogil:
    return corner_at(g, a.i, a.j + 2) if a.j + 2 < g.ow else corner_at(g, a.i + 2, 0)


cdef inline bint is_whole(Corner a) noexcept nogil:
    return a.rows + a.columns == 4


# Tiles that the image's edge cuts go by way of a frame of their own, `alone`, with zeros outside.

cdef void image_to_tiles(const Window* g, const Tiling* t, const real* x, Py_ssize_t first,
                         Py_ssize_t tiles, real* v, real* alone) noexcept nogil:
    cdef Corner a = corner_of(g, t, first)
    cdef Py_ssize_t i, row = g.w * g.c
    cdef const real* p
    for i in range(tiles):
        p = x + a.i * row + a.j * g.c
        if is_whole(a):
            image_to_places(p, row, g.c, v + i * t.c, t.v)
        else:
            memset(alone, 0, 16 * g.c * sizeof(real))
            copy_rows(p, row, alone, 4 * g.c, a.rows + 2, (a.columns + 2) * g.c)
            image_to_places(alone, 4 * g.c, g.c, v + i * t.c, t.v)
        a = corner_after(g, a)


cdef void tiles_to_image(const Window* g, const Tiling* t, const real* v, Py_ssize_t first,
                         Py_ssize_t tiles, real* dx, real* alone) noexcept nogil:
    # Adds to dx.
    cdef Corner a = corner_of(g, t, first)
    cdef Py_ssize_t i, r, row = g.w * g.c
    cdef real* p
    for i in range(tiles):
        p = dx + a.i * row + a.j * g.c
        if is_whole(a):
            places_to_image(v + i * t.c, t.v, p, row, g.c)
        else:
            memset(alone, 0, 16 * g.c * sizeof(real))
            places_to_image(v + i * t.c, t.v, alone, 4 * g.c, g.c)
            for r in range(a.rows + 2):
                add_slice(p + r * row, alone + r * 4 * g.c, (a.columns + 2) * g.c)
        a = corner_after(g, a)


cdef void tiles_to_output(const Window* g, const Tiling* t, const real* m, const real* bias,
                          Py_ssize_t first, Py_ssize_t tiles, real* y, real* alone) noexcept nogil:
    cdef Corner a = corner_of(g, t, first)
    cdef Py_ssize_t i, row = g.ow * g.oc
    cdef real* p
    for i in range(tiles):
        p = y + a.i * row + a.j * g.oc
        if is_whole(a):
            places_to_output(m + i * t.oc, t.m, bias, p, row, g.oc)
        else:
            places_to_output(m + i * t.oc, t.m, bias, alone, 2 * g.oc, g.oc)
            copy_rows(alone, 2 * g.oc, p, row, a.rows, a.columns * g.oc)
        a = corner_after(g, a)


cdef void gradient_to_tiles(const Window* g, const Tiling* t, const real* dy, Py_ssize_t first,
                            Py_ssize_t tiles, real* m, real* alone) noexcept nogil:
    cdef Corner a = corner_of(g, t, first)
    cdef Py_ssize_t i, row = g.ow * g.oc
    cdef const real* p
    for i in range(tiles):
        p = dy + a.i * row + a.j * g.oc
        if is_whole(a):
            gradient_to_places(p, row, g.oc, m + i * t.oc, t.m)
        else:
            memset(alone, 0, 4 * g.oc * sizeof(real))
            copy_rows(p, row, alone, 2 * g.oc, a.rows, a.columns * g.oc)
            gradient_to_places(alone, 2 * g.oc, g.oc, m + i * t.oc, t.m)
        a = corner_after(g, a)


cdef void multiply_places(Product q, Py_ssize_t x_place, Py_ssize_t w_place, Py_ssize_t c_place,
                          Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    # One product a place; most are so small that to think about their blocks would take its time.
    cdef int p
    for p in range(16):
        if q.length <= PANEL_TERMS:
            multiply_rows(&q, rows, columns, False, False, False, False, 0, q.length)
        else:
            multiply(&q, rows, columns)
        q.x += x_place
        q.w += w_place
        q.c += c_place
        if q.init_step:
            q.init += c_place


cdef void winograd_forward(const Window* g, const real* panels, const real* bias,
                           const real* zeros, const real* x, real* y, real* scratch) noexcept nogil:
    cdef Tiling t = tiling_of(g)
    cdef real* v = scratch
    cdef real* m = v + 16 * t.v
    cdef real* alone = m + 16 * t.m
    cdef Py_ssize_t block, first, tiles
    cdef Product q = product(g.c, x=v, row_step=t.c, x_step=1, w=panels, w_step=0, init=zeros,
                             init_step=0, c=m, c_step=t.oc)
    for block in range(t.blocks):
        first = t.count * block // t.blocks
        tiles = t.count * (block + 1) // t.blocks - first
        image_to_tiles(g, &t, x, first, tiles, v, alone)
        multiply_places(q, t.v, t.u, t.m, tiles, t.oc)
        tiles_to_output(g, &t, m, bias, first, tiles, y, alone)


cdef void winograd_backward(const Window* g, const real* panels, const real* zeros, const real* x,
                            const real* dy, real* dw, real* dx, real* scratch) noexcept nogil:
    # Adds to dw, writes dx; either may be NULL.
    cdef Tiling t = tiling_of(g)
    cdef real* v = scratch
    cdef real* m = v + 16 * t.v
    cdef real* u = m + 16 * t.m
    cdef real* alone = u + 16 * t.u
    cdef Py_ssize_t block, first, tiles
    cdef Product q
    if dx != NULL:
        memset(dx, 0, g.h * g.w * g.c * sizeof(real))
    for block in range(t.blocks):
        first = t.count * block // t.blocks
        tiles = t.count * (block + 1) // t.blocks - first
        gradient_to_tiles(g, &t, dy, first, tiles, m, alone)
        if dw != NULL:
            image_to_tiles(g, &t, x, first, tiles, v, alone)
            q = product(tiles, x=v, row_step=1, x_step=t.c, w=m, w_step=t.oc,
                        init=<const real*>u if block else zeros,
                        init_step=t.oc if block else 0, c=u, c_step=t.oc)
            multiply_places(q, t.v, t.m, t.u, g.c, t.oc)
        if dx != NULL:
            q = product(g.oc, x=m, row_step=t.oc, x_step=1, w=panels, w_step=0, init=zeros,
                        init_step=0, c=v, c_step=t.c)
            multiply_places(q, t.m, t.back, t.v, tiles, t.c)
            tiles_to_image(g, &t, v, first, tiles, dx, alone)
    if dw != NULL:
        places_to_weights(g, u, t.u, dw)
