# Convolutions of images by minimal filtering along their height: an image's rows are the steps of
# winograd_steps.pxi, and two rows of outputs take seven rows of products where a kernel of five
# rows has ten. Along the rows sums are as ever, of fields that are one run of numbers. So it is
# worth while with few channels too, of which a product at one place would be of too few terms.
#
#     v[p] (pairs, groups, W C)    u[p] (groups, KW C, O)    m[p] (pairs, OW, O)
#
# The gradient of the input is that of convolution.pxi: back, places would be products of O terms
# alone, with no rows to add up.

cdef enum:
    PIXELS_TOGETHER = 64        # of a block: what the weights' gradient adds up at once


cdef inline bint goes_in_rows(const Window* g) noexcept nogil:
    # Whole vectors of outputs, and fields and rows of them large enough for what comes on top to be
    # little. Measured against sums of products on AVX2, a step of training: 0.78 of the time with
    # 32 channels and a kernel of 5 x 5, 0.87 to 0.9 with 6 or 8, 0.88 with 8 and one of 3 x 3; on
    # AVX-512 0.8 and 0.95, but 1.26 times with 3 x 3 where convolutions slide.
    return (g.h > 1 and g.groups == g.dh == g.dw == g.sh == 1 and g.kh >= 3 and g.c > 1
            and g.kw * g.c >= 24 and g.kw * g.c * g.ow >= 200 and g.oc % VEC_LANES == 0
            and g.oh >= 4 and (g.kh > 3 or not slides(g)))


cdef inline Window rows_as_steps(const Window* g) noexcept nogil:
    cdef Window rows = g[0]
    rows.h = rows.oh = rows.kh = rows.sh = 1
    rows.w, rows.ow, rows.kw, rows.sw = g.h, g.oh, g.kh, g.sh
    rows.c, rows.oc = g.w * g.c, g.ow * g.oc
    return rows


cdef inline Window taps_of_rows(const Window* g) noexcept nogil:
    # One of them is a row of the kernel.
    cdef Window taps = rows_as_steps(g)
    taps.c, taps.oc = g.kw * g.c, g.oc
    return taps


cdef inline Py_ssize_t pairs_together(const Window* g) noexcept nogil:
    # Of a block, at most.
    return (PIXELS_TOGETHER + g.ow - 1) // g.ow


cdef inline Filtering filtering_of_rows(const Window* g) noexcept nogil:
    # What a row of v spills, the next one overwrites, or nobody reads.
    cdef Window rows = rows_as_steps(g)
    cdef Filtering f = filtering_of(&rows)
    cdef Py_ssize_t together = pairs_together(g)
    cdef int p
    f.blocks = (f.pairs + together - 1) // together
    f.most = (f.pairs + f.blocks - 1) // f.blocks
    f.m = rows.oc
    for p in range(4):
        f.v[p] = apart(f.groups[p] * rows.c + VEC_LANES)
    return f


cdef Py_ssize_t rows_scratch(const Window* g) noexcept nogil:
    cdef Window taps = taps_of_rows(g)
    cdef Filtering f = filtering_of_rows(g)
    cdef Py_ssize_t most = min(f.pairs, pairs_together(g))    # of fewer rows blocks may be larger
    return most * (f.v[0] + f.v[1] + f.v[2] + f.v[3] + 4 * f.m) + VEC_LANES + filters_size(&taps)


cdef inline Py_ssize_t row_filters_size(const Window* g) noexcept nogil:
    cdef Window taps = taps_of_rows(g)
    return filters_size(&taps)


cdef void weights_to_row_filters(const Window* g, const real* weight, real* u) noexcept nogil:
    cdef Window taps = taps_of_rows(g)
    weights_to_filters(&taps, weight, u)


cdef inline void multiply_place(const Window* g, Py_ssize_t groups, const real* v, const real* u,
                                const real* init, Py_ssize_t init_step, real* y) noexcept nogil:
    # Of a row of outputs.
    cdef Product q = product(g.kw * g.c, x=v, row_step=g.sw * g.c, x_step=1, w=u, w_step=g.oc,
                             init=init, init_step=init_step, c=y, c_step=g.oc)
    in_segments(&q, groups, g.w * g.c, g.kw * g.c * g.oc)
    multiply(&q, g.ow, g.oc)


cdef void rows_forward(const Window* g, const real* filters, const real* bias, const real* zeros,
                       const real* x, real* y, real* scratch) noexcept nogil:
    cdef Window rows = rows_as_steps(g), taps = taps_of_rows(g)
    cdef Filtering f = filtering_of_rows(g)
    cdef Room r = room_in(&taps, &f, scratch)
    cdef real* u[4]
    cdef real* m[3]
    cdef Py_ssize_t block, i
    filters_at(&taps, &f, <real*>filters, u)
    for block in range(f.blocks):
        enter_block(&rows, &f, block, &r)
        steps_to_places(&rows, &f, x, r.first, r.pairs, r.v)
        for i in range(r.pairs):
            m[1], m[2] = r.m[1], r.m[1]
            multiply_place(g, f.groups[1], r.v[1] + i * f.v[1], u[1], bias, 0, m[1])
            if f.groups[2]:
                m[2] = r.m[2]
                multiply_place(g, f.groups[2], r.v[2] + i * f.v[2], u[2], zeros, 0, m[2])
                join_both(&rows, &f, 1, m[1], m[2])
            multiply_place(g, f.groups[0], r.v[0] + i * f.v[0], u[0], m[1], g.oc, y)
            y += rows.oc
            if i < r.seconds:
                multiply_place(g, f.groups[3], r.v[3] + i * f.v[3], u[3], m[2], g.oc, y)
                y += rows.oc


cdef void rows_weight_gradient(const Window* g, const real* zeros, const real* x, const real* dy,
                               real* dw, real* scratch) noexcept nogil:
    # Adds to dw.
    cdef Window rows = rows_as_steps(g), taps = taps_of_rows(g)
    cdef Filtering f = filtering_of_rows(g)
    cdef Room r = room_in(&taps, &f, scratch)
    cdef Py_ssize_t block, n
    cdef int p
    cdef Product q
    for block in range(f.blocks):
        enter_block(&rows, &f, block, &r)
        steps_to_places(&rows, &f, x, r.first, r.pairs, r.v)
        gradient_to_pairs(&rows, &f, dy + 2 * r.first * rows.oc, r.pairs, r.seconds < r.pairs, r.m)
        for p in range(4):
            for n in range(f.groups[p]):
                q = product(g.ow, x=r.v[p] + n * rows.c, row_step=1, x_step=g.sw * g.c, w=r.m[p],
                            w_step=g.oc, init=zeros, init_step=0, c=r.u[p] + n * taps.c * g.oc,
                            c_step=g.oc)
                if block:
                    q.init, q.init_step = q.c, q.c_step
                in_segments(&q, r.seconds if p == 3 else r.pairs, f.v[p], f.m)
                multiply(&q, taps.c, g.oc)
    filters_to_weights(&taps, r.u[0], dw)
