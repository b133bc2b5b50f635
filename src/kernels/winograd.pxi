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
