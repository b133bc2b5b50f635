# Cross-correlation over one channels-last image, already padded:
#
#     x (H, W, C)   weight (KH, KW, C, O)   y (OH, OW, O)
#
#     forward     y[i, j, o]     = b[o] + sum x[i sh + k, j sw + l, c] weight[k, l, c, o]
#     d weight    dW[k, l, c, o] = sum over i, j of x[i sh + k, j sw + l, c] dy[i, j, o]
#     d input     dx[i sh + k, j sw + l, c] += sum over o of dy[i, j, o] weight[k, l, c, o]
#
# A field's row (l, c) is one contiguous run of KW C numbers, so that the sum over a field has KH segments. The input
# gradient is computed a row of pixels at a time as columns (pixel, KH, KW C), then added where they overlap.

cdef struct Window:
    # The geometry that convolutions and pools share.
    Py_ssize_t h, w, c            # input, channels last
    Py_ssize_t oh, ow, oc         # output
    Py_ssize_t kh, kw, sh, sw


cdef void convolution_forward(const Window* g, const Matrix* w, const real* parameters, const real* x, real* y) noexcept nogil:
    cdef Product q
    cdef Py_ssize_t i
    q.row_step, q.x_segment, q.x_step = g.sw * g.c, g.w * g.c, 1
    q.w, q.w_segment, q.w_step = parameters + w.offset, g.kw * g.c * g.oc, g.oc
    q.segments, q.length = g.kh, g.kw * g.c
    q.init, q.init_step = parameters + w.bias, 0
    q.c_step, q.in_order = g.oc, 1
    for i in range(g.oh):
        q.x = x + i * g.sh * g.w * g.c
        q.c = y + i * g.ow * g.oc
        multiply(&q, g.ow, g.oc)


cdef void convolution_weight_gradient(const Window* g, const real* x, const real* dy, real* dw, real* db) noexcept nogil:
    # Adds to dw and db.
    cdef Product q
    cdef Py_ssize_t k
    cdef Py_ssize_t run = g.kw * g.c
    q.row_step, q.x_segment, q.x_step = 1, g.sh * g.w * g.c, g.sw * g.c
    q.w, q.w_segment, q.w_step = dy, g.ow * g.oc, g.oc
    q.segments, q.length = g.oh, g.ow
    q.init_step, q.c_step, q.in_order = g.oc, g.oc, 0
    for k in range(g.kh):
        q.x = x + k * g.w * g.c
        q.c = dw + k * run * g.oc
        q.init = q.c
        multiply(&q, run, g.oc)
    sum_rows(dy, g.oc, g.oh * g.ow, g.oc, db)


cdef void add_run(real* target, const real* source, Py_ssize_t padded) noexcept nogil:
    # `padded` is a multiple of the vector length; the source is zero past the run itself.
    cdef Py_ssize_t i
    for i from 0 <= i < padded by VEC_LANES:
        vec_store(target + i, vec_load(target + i) + vec_load(source + i))


cdef void convolution_input_gradient(const Window* g, const Matrix* w, const real* zeros, const real* dy, real* columns, real* dx) noexcept nogil:
    # Adds to dx. `columns` is scratch of (OW, KH, padded).
    cdef Product q
    cdef Py_ssize_t i, j, k
    cdef Py_ssize_t field = g.kh * w.padded
    q.row_step, q.x_segment, q.x_step = g.oc, 0, 1
    q.w, q.w_segment, q.w_step = w.transposed, 0, field
    q.segments, q.length = 1, g.oc
    q.init, q.init_step = zeros, 0
    q.c, q.c_step, q.in_order = columns, field, 0
    for i in range(g.oh):
        q.x = dy + i * g.ow * g.oc
        multiply(&q, g.ow, field)
        for j in range(g.ow):
            for k in range(g.kh):
                add_run(dx + ((i * g.sh + k) * g.w + j * g.sw) * g.c, columns + j * field + k * w.padded, w.padded)
