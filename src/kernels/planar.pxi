# Convolution of one-channel images and the pooling of what it gives. Such images, MNIST's, leave
# most lanes empty where vectors run over a handful of output channels; here they run over pixels,
# and the output is planar:
#
#     y (O, OH, P)   with P = OW rounded up to whole vectors
#
# The forward product is the usual tile with its operands exchanged. Pooling two by two brings the
# result back to channels last, so that nothing outside this pair of operations ever sees planes.
# For such images the gradient is computed from planes too, for any convolution.

cdef void planar_convolution_forward(const Window* g, const Matrix* w, const real* parameters,
                                     const real* x, real* biases, real* y) noexcept nogil:
    # `biases` is scratch of (O, P).
    cdef Product q
    cdef Py_ssize_t o, i, n
    cdef Py_ssize_t row = padded(g.ow)
    for o in range(g.oc):
        for n from 0 <= n < row by VEC_LANES:
            vec_store(biases + o * row + n, vec_set1(parameters[w.bias + o]))
    q = product(g.kw, x=parameters + w.offset, row_step=1, x_step=g.oc, w=x, w_step=1,
                init=biases, init_step=row, c=y, c_step=g.oh * row)
    in_segments(&q, g.kh, g.kw * g.oc, g.w)
    for i in range(g.oh):
        q.w = x + i * g.sh * g.w
        q.c = y + i * row
        multiply(&q, g.oc, row)


cdef inline void planar_products(const int taps, const int channels, const Window* g, const real* x,
                                 const real* dy, real* dw) noexcept nogil:
    # dw[l, o] += sum over pixels of x[i sh, j + l] dy[o, i, j], for the first `taps` l and the
    # first `channels` o.
    cdef vec acc[15]
    cdef vec image[5]
    cdef vec d
    cdef Py_ssize_t i, j
    cdef Py_ssize_t row = padded(g.ow)
    cdef const real* p
    cdef const real* q
    cdef int l, o
    for l in range(taps):
        for o in range(channels):
            acc[l * 3 + o] = vec_set1(0)
    for i in range(g.oh):
        p = x + i * g.sh * g.w
        q = dy + i * row
        for j from 0 <= j < row by VEC_LANES:
            for l in range(taps):
                image[l] = vec_keep(vec_load(p + j + l))
            for o in range(channels):
                d = vec_load(q + o * g.oh * row + j)
                for l in range(taps):
                    acc[l * 3 + o] = acc[l * 3 + o] + d * image[l]
    for l in range(taps):
        for o in range(channels):
            dw[l * g.oc + o] += vec_sum(acc[l * 3 + o])


cdef inline void planar_product_taps(const int channels, Py_ssize_t taps, const Window* g,
                                     const real* x, const real* dy, real* dw) noexcept nogil:
    if taps == 1: planar_products(1, channels, g, x, dy, dw)
    elif taps == 2: planar_products(2, channels, g, x, dy, dw)
    elif taps == 3: planar_products(3, channels, g, x, dy, dw)
    elif taps == 4: planar_products(4, channels, g, x, dy, dw)
    else: planar_products(5, channels, g, x, dy, dw)


cdef void planar_weight_gradient(const Window* g, const real* x, const real* dy, real* dw,
                                 real* db) noexcept nogil:
    # Adds to dw and db. What lies past the end of a row of dy is zero.
    cdef Py_ssize_t o, k, l, n, taps, channels
    cdef Py_ssize_t plane = g.oh * padded(g.ow)
    cdef vec total
    for o in range(g.oc):
        total = vec_set1(0)
        for n from 0 <= n < plane by VEC_LANES:
            total = total + vec_load(dy + o * plane + n)
        db[o] += vec_sum(total)
    for k in range(g.kh):
        for l in range(0, g.kw, 5):
            taps = g.kw - l if g.kw - l < 5 else 5
            o = 0
            while o < g.oc:
                channels = g.oc - o if g.oc - o < PRODUCT_CHANNELS else PRODUCT_CHANNELS
                if channels == 3:
                    planar_product_taps(3, taps, g, x + k * g.w + l, dy + o * plane,
                                        dw + (k * g.kw + l) * g.oc + o)
                elif channels == 2:
                    planar_product_taps(2, taps, g, x + k * g.w + l, dy + o * plane,
                                        dw + (k * g.kw + l) * g.oc + o)
                else:
                    planar_product_taps(1, taps, g, x + k * g.w + l, dy + o * plane,
                                        dw + (k * g.kw + l) * g.oc + o)
                o += channels


cdef Py_ssize_t width_of_planes(const Window* g) noexcept nogil:
    # A row of dy with zeros on both sides, as far as windows reach.
    return padded(g.ow + 2 * (g.kw - 1)) + VEC_LANES


cdef void rows_of_gradient(const Window* g, const real* dy, real* rows) noexcept nogil:
    # A row of dy (OW, O) as (O, P), between zeros: those behind it are spilled upon.
    cdef Py_ssize_t row = width_of_planes(g), margin = g.kw - 1
    cdef Py_ssize_t j, o
    for o from 0 <= o < g.oc by VEC_LANES:
        for j from 0 <= j < g.ow by VEC_LANES:
            transpose_block(dy + j * g.oc + o, g.oc, min(VEC_LANES, g.ow - j),
                            rows + o * row + margin + j, row, min(VEC_LANES, g.oc - o))
    for o in range(g.oc if margin else 0):
        memset(rows + o * row + margin + g.ow, 0, (row - margin - g.ow) * sizeof(real))


cdef void planar_input_gradient(const Window* g, const real* weight, const real* dy, real* rows,
                                real* dx) noexcept nogil:
    # For windows that move a pixel at a time along rows. A row of dy adds to as many rows of dx
    # as the kernel has: they are one tile. `rows` is scratch of (O, P).
    cdef Product q
    cdef Py_ssize_t i, row = width_of_planes(g)
    memset(dx, 0, g.h * g.w * sizeof(real))
    memset(rows, 0, g.oc * row * sizeof(real))
    q = product(g.oc, x=weight, row_step=g.kw * g.oc, x_step=1, w=rows + g.kw - 1, w_step=row,
                init=dx, init_step=g.dh * g.w, c=dx, c_step=g.dh * g.w)
    in_segments(&q, g.kw, g.oc, -1)
    for i in range(g.oh):
        rows_of_gradient(g, dy + i * g.ow * g.oc, rows)
        q.c = dx + i * g.sh * g.w
        q.init = q.c
        multiply(&q, g.kh, g.w)


cdef void planar_pool_forward(const Window* g, const real* x, real* y,
                              real* winners) noexcept nogil:
    # Two by two: x (C, H, P) to y (OH, OW, C). `winners` (C, OH, OW rounded up) as of
    # max_pool_forward, or NULL for the mean. Of the channels those that fill no vector go first:
    # what they spill, the others and the next pixels overwrite.
    cdef Py_ssize_t c, i, j, n, lanes, channels
    cdef Py_ssize_t row = padded(g.w), pooled_row = padded(g.ow)
    cdef real pooled[VEC_LANES * VEC_LANES]
    memset(pooled, 0, sizeof(pooled))
    for i in range(g.oh):
        for j from 0 <= j < g.ow by VEC_LANES:
            lanes = g.ow - j if g.ow - j < VEC_LANES else VEC_LANES
            c = padded(g.c) - VEC_LANES
            while c >= 0:
                channels = g.c - c if g.c - c < VEC_LANES else VEC_LANES
                for n in range(channels):
                    vec_store(pooled + n * VEC_LANES,
                              pool_two_rows(x + ((c + n) * g.h + 2 * i) * row + 2 * j, row,
                                            VEC_LANES,
                                            winners + ((c + n) * g.oh + i) * pooled_row + j
                                            if winners != NULL else NULL))
                transpose_block(pooled, VEC_LANES, VEC_LANES, y + (i * g.ow + j) * g.c + c, g.c,
                                lanes)
                c -= VEC_LANES


cdef void planar_pool_backward(const Window* g, const real* dy, const real* winners,
                               real* dx) noexcept nogil:
    # Writes dx (C, H, P) and the zeros past the end of its rows.
    cdef Py_ssize_t c, i, j, n, lanes, channels
    cdef Py_ssize_t row = padded(g.w), pooled_row = padded(g.ow)
    cdef vec d, even, odd
    cdef real* p
    cdef real pooled[VEC_LANES * VEC_LANES]
    cdef int k
    if 2 * g.oh < g.h or 2 * pooled_row < row:
        memset(dx, 0, g.c * g.h * row * sizeof(real))
    for i in range(g.oh):
        for j from 0 <= j < g.ow by VEC_LANES:
            lanes = g.ow - j if g.ow - j < VEC_LANES else VEC_LANES
            for c from 0 <= c < g.c by VEC_LANES:
                channels = g.c - c if g.c - c < VEC_LANES else VEC_LANES
                transpose_block(dy + (i * g.ow + j) * g.c + c, g.c, lanes, pooled, VEC_LANES,
                                channels)
                for n in range(channels):
                    d = vec_load(pooled + n * VEC_LANES)
                    if lanes < VEC_LANES:
                        d = vec_keep_first(d, <int>lanes)
                    for k in range(2):
                        spread_two(k, d,
                                   winners + ((c + n) * g.oh + i) * pooled_row + j
                                   if winners != NULL else NULL, &even, &odd)
                        p = dx + ((c + n) * g.h + 2 * i + k) * row + 2 * j
                        vec_store(p, vec_zip_low(even, odd))
                        if 2 * j + VEC_LANES < row:
                            vec_store(p + VEC_LANES, vec_zip_high(even, odd))
