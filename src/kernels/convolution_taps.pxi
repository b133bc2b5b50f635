# Convolution tap by tap: where columns are dilated, or channels in groups, a field's row is no run
# of numbers. Each tap then has its C numbers, of its group, and the sum over a kernel's row has a
# segment for each of them. The weights are (KH, KW, C, O), O of all groups.
#
# The input's gradient comes straight from the sums here, for places sw apart together, as the same
# taps see them. Sequences, images of height 1, are taken so too: the fields of a whole row would
# leave the cache.

cdef void taps_forward(const Window* g, const real* weight, const real* bias, const real* x,
                       real* y) noexcept nogil:
    cdef Product q
    cdef Py_ssize_t group, i, k
    cdef Py_ssize_t c = g.c // g.groups, oc = g.oc // g.groups
    for group in range(g.groups):
        for i in range(g.oh):
            q = product(c, x=NULL, row_step=g.sw * g.c, x_step=1, w=NULL, w_step=g.oc,
                        init=bias + group * oc, init_step=0,
                        c=y + i * g.ow * g.oc + group * oc, c_step=g.oc)
            in_segments(&q, g.kw, g.dw * g.c, c * g.oc)
            for k in range(g.kh):
                q.x = x + (i * g.sh + k * g.dh) * g.w * g.c + group * c
                q.w = weight + k * g.kw * c * g.oc + group * oc
                multiply(&q, g.ow, oc)
                q.init, q.init_step = q.c, q.c_step


cdef void taps_weight_gradient(const Window* g, const real* x, const real* dy,
                               real* dw) noexcept nogil:
    # Adds to dw.
    cdef Product q
    cdef Py_ssize_t group, k, l
    cdef Py_ssize_t c = g.c // g.groups, oc = g.oc // g.groups
    for group in range(g.groups):
        for k in range(g.kh):
            for l in range(g.kw):
                q = product(g.ow, x=x + (k * g.dh * g.w + l * g.dw) * g.c + group * c, row_step=1,
                            x_step=g.sw * g.c, w=dy + group * oc, w_step=g.oc, init=NULL,
                            init_step=g.oc, c=dw + (k * g.kw + l) * c * g.oc + group * oc,
                            c_step=g.oc)
                q.init = q.c
                in_segments(&q, g.oh, g.sh * g.w * g.c, g.ow * g.oc)
                multiply(&q, c, oc)


cdef inline Py_ssize_t zeros_before(const Window* g) noexcept nogil:
    # The zeros in front of a framed row of outputs, so that all taps see a number everywhere.
    return ((g.kw - 1) * g.dw + g.sw - 1) // g.sw


cdef inline Py_ssize_t framed_width(const Window* g) noexcept nogil:
    return zeros_before(g) + (g.w - 1) // g.sw + 1


cdef inline Taps columns_at(const Window* g, Py_ssize_t place) noexcept nogil:
    # Their outputs are those of the framed row.
    return taps_at(place + g.sw * zeros_before(g), g.kw, g.sw, g.dw, framed_width(g))


cdef inline Py_ssize_t frame_size(const Window* g) noexcept nogil:
    # The size of the framed gradient, 0 if no frame is needed.
    cdef Py_ssize_t wide = framed_width(g)
    return padded(g.oh * wide * g.oc) + VEC_LANES if wide > g.ow else 0


cdef const real* framed_rows(const Window* g, const real* dy, real* frame) noexcept nogil:
    # dy, each row with the zeros before it and after; `frame` is scratch.
    cdef Py_ssize_t i, before = zeros_before(g) * g.oc, row = g.ow * g.oc
    cdef Py_ssize_t wide = framed_width(g) * g.oc
    if frame_size(g) == 0:
        return dy
    for i in range(g.oh):
        memset(frame + i * wide, 0, before * sizeof(real))
        memcpy(frame + i * wide + before, dy + i * row, row * sizeof(real))
        memset(frame + i * wide + before + row, 0, (wide - before - row) * sizeof(real))
    return frame


cdef void transpose_taps(const Window* g, const Matrix* w, const real* parameters,
                         real* transposed) noexcept nogil:
    # (KH, KW, O, C)
    cdef Py_ssize_t k, c = g.c // g.groups
    for k in range(g.kh * g.kw):
        transpose(parameters + w.offset + k * c * g.oc, g.oc, transposed + k * g.oc * c, c, c, g.oc)


cdef void taps_input_gradient(const Window* g, const real* transposed, const real* zeros,
                              const real* dy, real* frame, real* dx) noexcept nogil:
    cdef Product q
    cdef Taps rows, columns
    cdef Py_ssize_t group, r, p, k
    cdef Py_ssize_t c = g.c // g.groups, oc = g.oc // g.groups
    cdef Py_ssize_t tap = c * g.oc, row = framed_width(g) * g.oc
    cdef const real* framed = framed_rows(g, dy, frame)
    for group in range(g.groups):
        for r in range(g.h):
            rows = taps_at(r, g.kh, g.sh, g.dh, g.oh)
            for p in range(min(g.sw, g.w)):
                columns = columns_at(g, p)
                q = product(oc, x=framed + rows.output * row + columns.output * g.oc + group * oc,
                            row_step=g.oc, x_step=1,
                            w=transposed + (rows.first * g.kw + columns.first) * tap
                            + group * oc * c,
                            w_step=c, init=zeros, init_step=0,
                            c=dx + (r * g.w + p) * g.c + group * c, c_step=g.sw * g.c)
                in_segments(&q, columns.count if rows.count else 0, -columns.back * g.oc,
                            columns.step * tap)
                for k in range(max(1, rows.count)):
                    multiply(&q, (g.w - p + g.sw - 1) // g.sw, c)
                    q.init, q.init_step = q.c, q.c_step
                    q.x -= rows.back * row
                    q.w += rows.step * g.kw * tap
