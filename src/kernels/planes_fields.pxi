# What each place of a kernel sees of a plane (planes.pxi), as columns; and a plane spread out, as
# the gradient of a convolution with strides has it.

cdef enum:
    FIELDS_BLOCK = 16384        # numbers of scratch, about: they stay in the second nearest cache


cdef inline void fill_zeros(real* y, Py_ssize_t n) noexcept nogil:
    # And more, up to a vector's end.
    cdef Py_ssize_t j
    for j from 0 <= j < n by VEC_LANES:
        vec_store(y + j, vec_set1(0))


cdef inline Py_ssize_t windows_before(Py_ssize_t place, Py_ssize_t step) noexcept nogil:
    # How many windows have their place before this one, at 0, step, 2 step, ...
    return (place + step - 1) // step if place > 0 else 0


cdef inline Py_ssize_t rows_at_once(const Planes* p) noexcept nogil:
    # The rows of y whose fields stay in the cache.
    cdef const Window* g = &p.window
    return within((FIELDS_BLOCK // (g.ow * g.kw) - g.kh) // g.sh + 1, 1, g.oh)


cdef inline Py_ssize_t rows_apart(const Planes* p) noexcept nogil:
    # How many rows of the image, sh apart, so many windows and a window's height make.
    return (p.window.kh - 1) // p.window.sh + rows_at_once(p)


cdef inline Py_ssize_t room_for_fields(const Planes* p) noexcept nogil:
    cdef const Window* g = &p.window
    return g.kw * min(g.sh, g.kh) * rows_apart(p) * g.ow + VEC_LANES


cdef inline void row_of_fields(const Planes* p, const real* x, Py_ssize_t row, Py_ssize_t l,
                               Py_ssize_t first, Py_ssize_t last, real* y) noexcept nogil:
    # The pixels under place l of a kernel's row, window after window; `first` to before `last` are
    # in the image, the others in the zeros around it. Lanes beyond y are overwritten later.
    cdef const Window* g = &p.window
    cdef Py_ssize_t j
    if row < 0 or row >= g.h:
        last = first
    fill_zeros(y, first)
    x += row * g.w + l - p.pw
    for j from first <= j < last by VEC_LANES:
        vec_store(y + j, every(x + j * g.sw, g.sw, last - j))
    fill_zeros(y + last, g.ow - last)


cdef void fields_of_plane(const Planes* p, const real* x, real* y, real* rows) noexcept nogil:
    # y (KH, KW, OH, OW): what each place of the kernel sees, of the plane with zeros around it.
    # Places below one another see the same rows but for the first and the last ones: these are put
    # together once, those sh apart side by side, and each place copies a run of them. So y, which
    # is in no cache, is written from front to back. `rows` is scratch, `room_for_fields`.
    cdef const Window* g = &p.window
    cdef Py_ssize_t many = rows_at_once(p), apart = rows_apart(p), size = g.ow * sizeof(real)
    cdef Py_ssize_t steps = min(g.sh, g.kh), i, k, l, n, row, count, first, last
    for i from 0 <= i < g.oh by many:
        count = min(many, g.oh - i)
        for l in range(g.kw):
            first = within(windows_before(p.pw - l, g.sw), 0, g.ow)
            last = within(windows_before(g.w + p.pw - l, g.sw), first, g.ow)
            for k in range(steps):
                for n in range((g.kh - 1 - k) // g.sh + count):
                    row = (i + n) * g.sh + k - p.ph
                    row_of_fields(p, x, row, l, first, last,
                                  rows + ((l * steps + k) * apart + n) * g.ow)
        for k in range(g.kh):
            for l in range(g.kw):
                memcpy(y + ((k * g.kw + l) * g.oh + i) * g.ow,
                       rows + ((l * steps + k % g.sh) * apart + k // g.sh) * g.ow, count * size)


cdef inline void spread_row(const bint inside, const int step, const real* x, Py_ssize_t w,
                            real* y, Py_ssize_t row, Py_ssize_t end,
                            vec* zeros) noexcept nogil:
    # y, a number of x each `step` for the steps 1 and 2, zeros up to `row`. Where it is `inside`,
    # whole vectors are read and written, past all that; else nothing behind x + w and y + end.
    # `zeros` stay so if x is finite.
    cdef Py_ssize_t j, at
    cdef vec v, zero = vec_keep(vec_set1(0))        # no call of memset for a few vectors
    for j from 0 <= j < w by VEC_LANES:
        at = j * step
        v = load_lanes(x + j, VEC_LANES if inside else w - j)
        zeros[0] = zeros[0] + v * zeros[0]
        if step == 1:
            store_lanes(y + at, v, VEC_LANES if inside else end - at)
            continue
        store_lanes(y + at, vec_zip_low(v, zero), VEC_LANES if inside else end - at)
        at += VEC_LANES
        if inside or at < end:
            store_lanes(y + at, vec_zip_high(v, zero), VEC_LANES if inside else end - at)
    for j from min(w * step, end) <= j < row by VEC_LANES:
        store_lanes(y + j, zero, VEC_LANES if inside else end - j)


cdef inline bint spread_rows(const int step, const Planes* p, const real* x,
                             real* y) noexcept nogil:
    # The next row overwrites what a row writes beyond its end; the last rows must not do so.
    cdef const Window* g = &p.window
    cdef Py_ssize_t i, row = g.sh * g.ow, end = g.oh * g.ow, wide = padded(g.w)
    cdef vec zeros = vec_set1(0)
    for i in range(g.h):
        if (i + 1 < g.h and row + VEC_LANES <= end and step * wide <= end
                and wide <= (g.h - i) * g.w):
            spread_row(True, step, x, g.w, y, row, end, &zeros)
        else:
            spread_row(False, step, x, g.w, y, row if i + 1 < g.h else end, end, &zeros)
        x += g.w
        y += row
        end -= row
    return vec_sum(zeros) == 0


cdef bint spread_over_plane(const Planes* p, const real* x, real* y) noexcept nogil:
    # y (OH, OW), x (H, W) at each sh-th row and sw-th column and zeros elsewhere. Gives whether x
    # is finite.
    cdef const Window* g = &p.window
    cdef Py_ssize_t i, j
    if g.sw == 1:
        return spread_rows(1, p, x, y)
    if g.sw == 2:
        return spread_rows(2, p, x, y)
    memset(y, 0, g.oh * g.ow * sizeof(real))
    for i in range(g.h):
        for j in range(g.w):
            y[i * g.sh * g.ow + j * g.sw] = x[i * g.w + j]
    return finite_run(x, g.h * g.w)
