# Depthwise convolution: each channel is by itself, with its own kernel,
#
#     x (H, W, C)   weight (KH, KW, C)   y (OH, OW, C)
#
#     forward     y[i, j, c]    = b[c] + sum x[i sh + k dh, j sw + l dw, c] weight[k, l, c]
#     d weight    dW[k, l, c]   = sum over i, j of x[i sh + k dh, j sw + l dw, c] dy[i, j, c]
#     d input     dx[r, p, c]   = sum over k, l of dy[(r - k dh) / sh, (p - l dw) / sw, c]
#                                 weight[k, l, c]
#
# Vectors run over channels; some pixels of a row are taken together, so that a weight that has been
# read meets all of them. Where a channel has several filters, it is repeated for each of them
# first.

cdef enum:
    PIXELS = 8                  # that are taken together
    DEPTHWISE_TAPS = 5          # of a kernel's row, whose gradient is taken together,
    DEPTHWISE_PIXELS = 128      # over so many pixels, which stay in the nearest cache


cdef inline bint is_depthwise(const Window* g) noexcept nogil:
    return g.groups > 1 and g.groups == g.c


cdef struct Weighing:
    # y[i, c] = init[c] + sum over taps of x[i, tap, c] w[tap, c], for pixels i of a row.
    Py_ssize_t rows, columns    # of taps
    const real* x
    Py_ssize_t x_step, x_row, x_column      # from pixel to pixel, and from tap to tap
    const real* w
    Py_ssize_t w_row, w_column
    const real* init
    real* y
    Py_ssize_t y_step
    Py_ssize_t channels


cdef inline void weigh(const int pixels, const bint slides, const Weighing* q, Py_ssize_t i,
                       Py_ssize_t n) noexcept nogil:
    # Vector n of the pixels from i on. They come in threes behind one pointer, as in the tile.
    # If three adjacent taps slide, a pixel that has been read meets all of them.
    cdef vec acc[PIXELS]
    cdef vec w[3]
    cdef vec v
    cdef const real* x[4]
    cdef const real* weight = q.w + n
    cdef const real* row = q.x + n + i * q.x_step
    cdef real* y = q.y + n + i * q.y_step
    cdef Py_ssize_t x_step = q.x_step, y_step = q.y_step, left = q.channels - n, k, l
    cdef int m, t
    v = load_lanes(q.init + n, left)
    for m in range(pixels):
        acc[m] = v
    for k in range(q.rows):
        for m in range((pixels + 4 if slides else pixels + 2) // 3):
            x[m] = row + 3 * m * x_step
        if slides:
            for t in range(3):
                w[t] = vec_load(weight + t * q.w_column)
            for m in range(pixels + 2):
                v = vec_keep(vec_load(x[m // 3] + m % 3 * x_step))
                for t in range(3):
                    if 0 <= m - t < pixels:
                        acc[m - t] = acc[m - t] + v * w[t]
        else:
            for l in range(q.columns):
                v = vec_load(weight + l * q.w_column)
                for m in range(pixels):
                    acc[m] = acc[m] + vec_load(x[m // 3] + m % 3 * x_step) * v
                for m in range((pixels + 2) // 3):
                    x[m] += q.x_column
        weight += q.w_row
        row += q.x_row
    if left >= VEC_LANES:
        for m in range(pixels):
            vec_store(y, acc[m])
            y += y_step
    else:
        for m in range(pixels):
            vec_store_first(y, acc[m], <int>left)
            y += y_step


cdef inline void weigh_pixels(const bint slides, Py_ssize_t pixels, const Weighing* q,
                              Py_ssize_t i) noexcept nogil:
    cdef Py_ssize_t n
    for n from 0 <= n < q.channels by VEC_LANES:
        if pixels == 8: weigh(8, slides, q, i, n)
        elif pixels == 7: weigh(7, slides, q, i, n)
        elif pixels == 6: weigh(6, slides, q, i, n)
        elif pixels == 5: weigh(5, slides, q, i, n)
        elif pixels == 4: weigh(4, slides, q, i, n)
        elif pixels == 3: weigh(3, slides, q, i, n)
        elif pixels == 2: weigh(2, slides, q, i, n)
        else: weigh(1, slides, q, i, n)


cdef void weigh_row(const Weighing* q, Py_ssize_t count) noexcept nogil:
    cdef Py_ssize_t blocks = (count + PIXELS - 1) // PIXELS, block, i, pixels
    for block in range(blocks):
        i = count * block // blocks
        pixels = count * (block + 1) // blocks - i
        if q.columns == 3 and q.x_column == q.x_step:
            weigh_pixels(True, pixels, q, i)
        else:
            weigh_pixels(False, pixels, q, i)


cdef void depthwise_forward(const Window* g, const real* weight, const real* bias, const real* x,
                            real* y) noexcept nogil:
    cdef Weighing q
    cdef Py_ssize_t i
    q.rows, q.columns, q.channels = g.kh, g.kw, g.c
    q.x_step, q.x_row, q.x_column = g.sw * g.c, g.dh * g.w * g.c, g.dw * g.c
    q.w, q.w_row, q.w_column = weight, g.kw * g.c, g.c
    q.init, q.y_step = bias, g.c
    for i in range(g.oh):
        q.x = x + i * g.sh * g.w * g.c
        q.y = y + i * g.ow * g.c
        weigh_row(&q, g.ow)


cdef inline void turn_row(Weighing* q) noexcept nogil:
    # The same taps, the last one first.
    q.x += (q.columns - 1) * q.x_column
    q.w += (q.columns - 1) * q.w_column
    q.x_column, q.w_column = -q.x_column, -q.w_column


cdef void depthwise_input_gradient(const Window* g, const real* weight, const real* zeros,
                                   const real* dy, real* frame, real* dx) noexcept nogil:
    # Places sw apart are seen by the same taps.
    cdef Weighing q
    cdef Taps rows, columns
    cdef Py_ssize_t r, p, row = framed_width(g) * g.c
    cdef const real* framed = framed_rows(g, dy, frame)
    q.channels, q.init = g.c, zeros
    q.x_step, q.y_step = g.c, g.sw * g.c
    for r in range(g.h):
        rows = taps_at(r, g.kh, g.sh, g.dh, g.oh)
        q.rows, q.x_row, q.w_row = rows.count, -rows.back * row, rows.step * g.kw * g.c
        for p in range(min(g.sw, g.w)):
            columns = columns_at(g, p)
            q.columns, q.x_column = columns.count, -columns.back * g.c
            q.w_column = columns.step * g.c
            q.x = framed + rows.output * row + columns.output * g.c
            q.w = weight + (rows.first * g.kw + columns.first) * g.c
            turn_row(&q)
            q.y = dx + (r * g.w + p) * g.c
            weigh_row(&q, (g.w - p + g.sw - 1) // g.sw)


cdef inline void depthwise_products(const int taps, const Window* g, Py_ssize_t rows,
                                    Py_ssize_t columns, Py_ssize_t left, const real* x,
                                    const real* dy, real* dw) noexcept nogil:
    # dw[l, c] += sum over so many rows and columns of x[i sh, j sw + l dw, c] dy[i, j, c], for the
    # first `taps` l and a vector of channels, of which `left` are left. Every other pixel has sums
    # of its own: one must not wait for the last.
    cdef vec acc[2 * DEPTHWISE_TAPS]
    cdef vec d, e
    cdef Py_ssize_t i, j, step = g.sw * g.c, tap = g.dw * g.c
    cdef const real* p
    cdef const real* q
    cdef int l
    for l in range(2 * taps):
        acc[l] = vec_set1(0)
    for i in range(rows):
        p = x + i * g.sh * g.w * g.c
        q = dy + i * g.ow * g.c
        for j in range(columns // 2):
            d = vec_load(q)
            e = vec_load(q + g.c)
            for l in range(taps):
                acc[2 * l] = acc[2 * l] + vec_load(p + l * tap) * d
            p += step
            for l in range(taps):
                acc[2 * l + 1] = acc[2 * l + 1] + vec_load(p + l * tap) * e
            p += step
            q += 2 * g.c
        if columns % 2:
            d = vec_load(q)
            for l in range(taps):
                acc[2 * l] = acc[2 * l] + vec_load(p + l * tap) * d
    for l in range(taps):
        store_lanes(dw + l * g.c, load_lanes(dw + l * g.c, left) + (acc[2 * l] + acc[2 * l + 1]),
                    left)


cdef inline void depthwise_product_taps(Py_ssize_t taps, const Window* g, Py_ssize_t rows,
                                        Py_ssize_t columns, Py_ssize_t left, const real* x,
                                        const real* dy, real* dw) noexcept nogil:
    if taps == 1: depthwise_products(1, g, rows, columns, left, x, dy, dw)
    elif taps == 2: depthwise_products(2, g, rows, columns, left, x, dy, dw)
    elif taps == 3: depthwise_products(3, g, rows, columns, left, x, dy, dw)
    elif taps == 4: depthwise_products(4, g, rows, columns, left, x, dy, dw)
    else: depthwise_products(5, g, rows, columns, left, x, dy, dw)


cdef void depthwise_weight_gradient(const Window* g, const real* x, const real* dy,
                                    real* dw) noexcept nogil:
    # Adds to dw.
    cdef Py_ssize_t wide = min(g.ow, DEPTHWISE_PIXELS), high = max(1, DEPTHWISE_PIXELS // g.ow)
    cdef Py_ssize_t i, j, k, l, n
    cdef const real* p
    for i from 0 <= i < g.oh by high:
        for j from 0 <= j < g.ow by wide:
            for n from 0 <= n < g.c by VEC_LANES:
                for k in range(g.kh):
                    for l from 0 <= l < g.kw by DEPTHWISE_TAPS:
                        p = x + ((i * g.sh + k * g.dh) * g.w + j * g.sw + l * g.dw) * g.c + n
                        depthwise_product_taps(min(g.kw - l, DEPTHWISE_TAPS), g,
                                               min(high, g.oh - i), min(wide, g.ow - j), g.c - n, p,
                                               dy + (i * g.ow + j) * g.c + n,
                                               dw + (k * g.kw + l) * g.c + n)


cdef void repeat_channels(const real* x, real* y, Py_ssize_t channels, Py_ssize_t times,
                          Py_ssize_t pixels) noexcept nogil:
    # y (pixels, channels times)
    cdef Py_ssize_t i, j
    for i in range(pixels * channels):
        for j in range(times):
            y[i * times + j] = x[i]


cdef void add_up_repeated(const real* dy, real* dx, Py_ssize_t channels, Py_ssize_t times,
                          Py_ssize_t pixels) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef real total
    for i in range(pixels * channels):
        total = 0
        for j in range(times):
            total += dy[i * times + j]
        dx[i] = total
