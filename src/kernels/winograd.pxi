# 3 x 3 convolutions by minimal filtering (Winograd 1980; Lavin, Gray 2016): four outputs that touch
# take 16 multiplications for each channel rather than 36, and sixteen 36 rather than 144.
#
# Along an axis, four inputs d and three taps g give two outputs y:
#
#     v = (d0 - d2, d1 + d2, d2 - d1, d1 - d3)
#     u = (g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2)
#     m = (v0 u0, v1 u1, v2 u2, v3 u3)
#     y = (m0 + m1 + m2, m1 - m2 - m3)
#
# For m1 + m2 is d1 g1 + d2 (g0 + g2), m1 - m2 is d1 (g0 + g2) + d2 g1, and m0 and m3 put right what
# is too much in either. Along both axes it is the same done twice. A small tile is 4 x 4 pixels of
# the image, of which the next one has two again, and 2 x 2 of the output; place p of its 16 is in
# row p / 4 and column p % 4. T tiles have one product of matrices a place:
#
#     v (16, T, C)    u (16, C, O)    m (16, T, O)
#
#     forward     m[p] = v[p] u[p]
#     back        dv[p] = dm[p] u[p]^T    du[p] = v[p]^T dm[p]
#
# Back, dm comes from dy, dx from dv and the weights' gradient from du, each by the transposed of
# the sums above. So tiles are the same as forward, and dx is where they overlap their sum.
#
# A large tile has 6 x 6 pixels, 4 x 4 outputs and 36 places. The taps are a polynomial, and so are
# the outputs' gradients; their product is known by its values at as many points z, of which one is
# infinity (Toom 1963), and y and v come of the transposed sums:
#
#     z     0, p, -p, q, -q and infinity
#     u     (g0 + g1 z + g2 z^2) / n(z), at infinity g2; n(z) is the product of z's distances from
#           the other points
#     y     sums over z of z^k m(z), k from 0 to 3; at infinity of the last one alone
#     v     d0 p^2 q^2 - d2 (p^2 + q^2) + d4 at 0, d1 p^2 q^2 - d3 (p^2 + q^2) + d5 at infinity,
#           (d4 - q^2 d2) + z (d3 - q^2 d1) at p and -p, and likewise with p^2 at q and -q
#
# p is 5/8 and q 3/2, which no rounding changes and whose powers are so alike that results are twice
# as precise as with 1 and 2. Still such sums hold pixels that an output does not see, and which
# cancel each other but for rounding: beside a pixel 10,000 times as bright as others they would
# cost digits. A step of training forgives that; what is predicted, or asked for otherwise, comes
# of small tiles, whose sums have nothing that does not belong there.

cdef enum:
    SMALL_TILE = 2                   # outputs along a tile's edge
    LARGE_TILE = 4


cdef inline Py_ssize_t most_tiles(int edge) noexcept nogil:
    # That are taken at once, so that the second nearest cache holds their places.
    return 64 if edge == SMALL_TILE else 32


cdef struct Tiling:
    int edge, places                # outputs along an edge of a tile, and numbers that make it
    Py_ssize_t across, each, count  # tiles of a row, of an image, and of all images
    Py_ssize_t blocks, most         # of how many they consist, and how many tiles those have
    Py_ssize_t c, oc                # in whole vectors
    Py_ssize_t v, m, u, back        # numbers from a place to the next; back is that of u^T


cdef inline Py_ssize_t apart(Py_ssize_t n) noexcept nogil:
    # An odd number of vectors for as many numbers: no two places fall on the same cache lines then.
    return (padded(n) // VEC_LANES | 1) * VEC_LANES


cdef Tiling tiling_of(const Window* g, int edge, Py_ssize_t images) noexcept nogil:
    cdef Tiling t
    t.edge, t.places = edge, (edge + 2) * (edge + 2)
    t.across = (g.ow + edge - 1) // edge
    t.each = t.across * ((g.oh + edge - 1) // edge)
    t.count = t.each * images
    t.blocks = (t.count + most_tiles(edge) - 1) // most_tiles(edge)
    t.most = (t.count + t.blocks - 1) // t.blocks
    t.c, t.oc = padded(g.c), padded(g.oc)
    t.v, t.m = apart(t.most * t.c), apart(t.most * t.oc)
    t.u, t.back = apart(g.c * t.oc), apart(g.oc * t.c)
    return t


cdef int edge_of_tiles(const Window* g, bint training, Py_ssize_t batch) noexcept:
    # The edge of the tiles that are the least work, or 0 for sums of products.
    #
    # Small ones, measured against those, forward and back, on AVX2: 1.2 and 1.4 times as quick with
    # 16 channels of 16 x 16 pixels, 1.6 and 1.7 with 32, 1.8 and 1.9 with 64, of 8 x 8 pixels 1.9
    # and 1.6, of 6 x 6 1.8 and 1.4, of 5 x 5 1.5 and 1.1; on AVX-512 1.0 and 1.2, 1.5 and 1.6, 1.7
    # and 1.8, 1.7 and 1.6, 1.8 and 1.4, 1.2 and 1.0. One image alone has to bring in what it takes
    # to lay the weights, too, and still does with 6 x 6. Batches of training may share that, and be
    # it for the weights' gradient: from 12 large tiles on, images of 3 x 3 gain by it.
    cdef Py_ssize_t large = tiling_of(g, LARGE_TILE, 1).each
    cdef Py_ssize_t small = tiling_of(g, SMALL_TILE, 1).each
    if (g.kh != 3 or g.kw != 3 or g.sh > 1 or g.sw > 1 or g.dh > 1 or g.dw > 1 or g.groups > 1
            or g.c < 16 or g.oc < 16):
        return 0
    if training and large * batch >= 12:
        if 36 * large < 13 * small:
            return LARGE_TILE
        if 16 * small < 7 * g.oh * g.ow:
            return SMALL_TILE
    return SMALL_TILE if g.oh >= 6 and g.ow >= 6 else 0


cdef inline bint fills_no_block(const Window* g, int edge) noexcept nogil:
    # An image alone. Several together read the weights once, and leave one sum for them.
    return tiling_of(g, edge, 1).each < most_tiles(edge)


cdef Py_ssize_t winograd_scratch(const Window* g, int edge, Py_ssize_t images) noexcept nogil:
    # v, m, u and a tile by itself; of fewer rows blocks may be larger.
    cdef Tiling t = tiling_of(g, edge, images)
    cdef Py_ssize_t most = min(t.count, most_tiles(edge))
    return t.places * (apart(most * t.c) + apart(most * t.oc) + t.u + max(t.c, t.oc)) + VEC_LANES


cdef Py_ssize_t winograd_panels(const Window* g, int edge, bint back) noexcept nogil:
    # Numbers of the weights in panels.
    cdef Tiling t = tiling_of(g, edge, 1)
    return t.places * (t.back if back else t.u)


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
