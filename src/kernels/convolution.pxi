# Cross-correlation over one channels-last image, already padded:
#
#     x (H, W, C)   weight (KH, KW, C, O)   y (OH, OW, O)
#
#     forward     y[i, j, o]     = b[o] + sum x[i sh + k dh, j sw + l, c] weight[k, l, c, o]
#     d weight    dW[k, l, c, o] = sum over i, j of x[i sh + k dh, j sw + l, c] dy[i, j, o]
#     d input     f[r, j, l, c]  = sum over k, o of dy[(r - k dh) / sh, j, o] weight[k, l, c, o]
#                 dx[r, p, c]    = sum over l of f[r, (p - l) / sw, l, c]
#
# A field's row (l, c) is one contiguous run of KW C numbers, so that the sum over a field has KH
# segments. Where it is none, convolution_taps.pxi takes it tap by tap, and depthwise.pxi where
# each channel is by itself.

cdef struct Window:
    # The geometry that convolutions and pools share.
    Py_ssize_t h, w, c            # input, channels last
    Py_ssize_t oh, ow, oc         # output
    Py_ssize_t kh, kw, sh, sw
    Py_ssize_t dh, dw             # of a convolution: pixels from one tap to the next,
    Py_ssize_t groups             # and of channels, which see one another's alone


cdef struct Taps:
    # Those of a kernel's taps, along an axis, through which outputs see a place: each `step` of
    # them from the first on. The first one's output is `output`, the next one's `back` before it.
    Py_ssize_t first, step, count, output, back


cdef Taps taps_at(Py_ssize_t place, Py_ssize_t taps, Py_ssize_t stride, Py_ssize_t dilation,
                  Py_ssize_t outputs) noexcept nogil:
    cdef Taps t
    cdef Py_ssize_t a = stride, b = dilation
    while b:
        a, b = b, a % b
    t.step, t.back = stride // a, dilation // a
    t.first = t.count = t.output = 0
    while t.first < taps and place >= 0 and (place % stride or place > (outputs - 1) * stride):
        t.first += 1
        place -= dilation
    if t.first < taps and place >= 0:
        t.output = place // stride
        t.count = min((taps - t.first + t.step - 1) // t.step, t.output // t.back + 1)
    return t


cdef inline bint is_one_row(const Window* g) noexcept nogil:
    # A sequence, or pixels of an image in one run.
    return g.h == 1


cdef Window rows_of_window(const Window* g, Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    # Of some rows of outputs; of some outputs, where they are one row.
    cdef Window some = g[0]
    if is_one_row(g):
        some.ow = last - first
        some.w = (some.ow - 1) * g.sw + (g.kw - 1) * g.dw + 1
    else:
        some.oh = last - first
        some.h = (some.oh - 1) * g.sh + (g.kh - 1) * g.dh + 1
    return some


cdef inline Py_ssize_t input_before(const Window* g, Py_ssize_t row) noexcept nogil:
    # Numbers of the input before what such a row sees,
    return row * (g.sw * g.c if is_one_row(g) else g.sh * g.w * g.c)


cdef inline Py_ssize_t output_before(const Window* g, Py_ssize_t row) noexcept nogil:
    # and of the output before it.
    return row * (g.oc if is_one_row(g) else g.ow * g.oc)


cdef inline bint is_in_runs(const Window* g) noexcept nogil:
    # Whether a field's row is one run.
    return g.dw == 1 and g.groups == 1


cdef void runs_forward(const Window* g, const real* weight, const real* bias, const real* x,
                       real* y) noexcept nogil:
    cdef Product q
    cdef Py_ssize_t i
    if slides(g):
        sliding_forward(g, weight, bias, x, y)
        return
    q = product(g.kw * g.c, x=x, row_step=g.sw * g.c, x_step=1,
                w=weight, w_step=g.oc, init=bias, init_step=0, c=y, c_step=g.oc)
    in_segments(&q, g.kh, g.dh * g.w * g.c, g.kw * g.c * g.oc)
    q.in_order = True
    for i in range(g.oh):
        q.x = x + i * g.sh * g.w * g.c
        q.c = y + i * g.ow * g.oc
        multiply(&q, g.ow, g.oc)


cdef void runs_weight_gradient(const Window* g, const real* x, const real* dy,
                               real* dw) noexcept nogil:
    # Adds to dw.
    cdef Product q
    cdef Py_ssize_t k
    cdef Py_ssize_t run = g.kw * g.c
    q = product(g.ow, x=x, row_step=1, x_step=g.sw * g.c, w=dy, w_step=g.oc,
                init=dw, init_step=g.oc, c=dw, c_step=g.oc)
    in_segments(&q, g.oh, g.sh * g.w * g.c, g.ow * g.oc)
    for k in range(g.kh):
        q.x = x + k * g.dh * g.w * g.c
        q.c = dw + k * run * g.oc
        q.init = q.c
        multiply(&q, run, g.oc)


cdef void runs_input_gradient(const Window* g, const Matrix* w, const real* transposed,
                              const real* zeros, const real* dy, real* fields,
                              real* dx) noexcept nogil:
    # `fields` is scratch: what each output pixel of a row of windows gives to one row of dx, a
    # vector of zeros before each and after the last. So the sum at any place of the row reads whole
    # vectors of all fields that reach it.
    cdef Product q
    cdef Taps rows
    cdef Py_ssize_t r, i, n, first, last
    cdef Py_ssize_t padded = w.padded, between = padded + VEC_LANES
    cdef Py_ssize_t step = g.sw * g.c, width = g.kw * g.c
    cdef const real* field
    cdef vec total
    for i in range(g.ow + 1):
        vec_store(fields + i * between, vec_set1(0))
    q = product(g.oc, x=dy, row_step=g.oc, x_step=1, w=transposed, w_step=g.kh * padded,
                init=zeros, init_step=0, c=fields + VEC_LANES, c_step=between)
    for r in range(g.h):
        rows = taps_at(r, g.kh, g.sh, g.dh, g.oh)
        in_segments(&q, rows.count, -rows.back * g.ow * g.oc, rows.step * padded)
        q.x = dy + rows.output * g.ow * g.oc
        q.w = transposed + rows.first * padded
        multiply(&q, g.ow, padded)
        first = last = 0
        for n from 0 <= n < g.w * g.c by VEC_LANES:
            # The field of output column j covers j step .. j step + width of the row.
            while last < g.ow and last * step < n + VEC_LANES:
                last += 1
            while first < last and first * step + width <= n:
                first += 1
            total = vec_set1(0)
            field = q.c + n + first * (between - step)
            for i in range(first, last):
                total = total + vec_load(field)
                field += between - step
            vec_store(dx + r * g.w * g.c + n, total)


# Windows of one pixel that pass over some see the others alone: these, brought together, are a row,
# one product for an image rather than one for each row of it.

cdef inline bint passes_over(const Window* g) noexcept nogil:
    return g.kh == g.kw == g.groups == 1 and g.c > 1 and g.h > 1 and g.sh * g.sw > 1


cdef inline Window row_of_pixels(const Window* g) noexcept nogil:
    # The pixels that windows of one pixel see.
    cdef Window row = g[0]
    row.h = row.oh = row.sh = row.sw = 1
    row.w = row.ow = g.oh * g.ow
    return row


cdef inline Py_ssize_t pixels_seen(const Window* g) noexcept nogil:
    # Numbers of them.
    return padded(g.oh * g.ow * g.c) + VEC_LANES


cdef void copy_pixels(const real* x, Py_ssize_t x_step, real* y, Py_ssize_t y_step,
                      Py_ssize_t pixels, Py_ssize_t c) noexcept nogil:
    cdef Py_ssize_t i, n
    for i in range(pixels):
        for n from 0 <= n < c by VEC_LANES:
            store_lanes(y + n, vec_load(x + n), c - n)
        x += x_step
        y += y_step


cdef void see_pixels(const Window* g, const real* x, real* seen) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(g.oh):
        copy_pixels(x + i * g.sh * g.w * g.c, g.sw * g.c, seen + i * g.ow * g.c, g.c, g.ow, g.c)


cdef void spread_pixels(const Window* g, const real* seen, real* x) noexcept nogil:
    # Zeros where nobody looks.
    cdef Py_ssize_t i
    memset(x, 0, g.h * g.w * g.c * sizeof(real))
    for i in range(g.oh):
        copy_pixels(seen + i * g.ow * g.c, g.c, x + i * g.sh * g.w * g.c, g.sw * g.c, g.ow, g.c)
