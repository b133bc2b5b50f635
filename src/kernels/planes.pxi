# Planes of images as arrays hold them, (H, W), channel after channel: vectors run along rows.
# Layers compute on channels last (pooling.pxi); to bring arrays there and back takes longer than
# all of this.

cdef struct Planes:
    # Planes x (count, H, W), the windows over each, and the layout of a plane of y.
    Window window                   # of h, w, oh, ow, kh, kw, sh, sw
    Py_ssize_t ph, pw               # zeros around x
    const real* x
    const real* dy                  # (count, OH, OW), of windows' gradients
    real* y
    Py_ssize_t y_plane
    bint largest                    # of a window, or else the mean


cdef enum:
    BLOCK = 2048                    # numbers of scratch, about: they stay in the nearest cache,
    FIELDS_BLOCK = 16384            # and these in the second nearest


cdef inline vec every(const real* p, Py_ssize_t step, Py_ssize_t left) noexcept nogil:
    # Each step-th number, `left` of them or as many as a vector has; nothing behind them is read.
    cdef Py_ssize_t n, more = 2 * left - 1 - VEC_LANES
    cdef real lanes[VEC_LANES]
    if step == 1:
        return load_lanes(p, left)
    if step == 2:
        return vec_evens(load_lanes(p, 2 * left - 1),
                         load_lanes(p + VEC_LANES, more) if more > 0 else vec_set1(0))
    for n in range(VEC_LANES):
        lanes[n] = p[n * step] if n < left else 0
    return vec_load(lanes)


cdef inline void fill_zeros(real* y, Py_ssize_t n) noexcept nogil:
    # And more, up to a vector's end.
    cdef Py_ssize_t j
    for j from 0 <= j < n by VEC_LANES:
        vec_store(y + j, vec_set1(0))


cdef inline Py_ssize_t within(Py_ssize_t n, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    return low if n < low else high if n > high else n


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


cdef inline vec fold(const bint largest, vec a, vec b) noexcept nogil:
    return vec_max(a, b) if largest else a + b


cdef inline Py_ssize_t pooled_at_once(const Planes* p) noexcept nogil:
    return within(BLOCK // padded(p.window.w), 1, p.window.oh)


cdef inline Py_ssize_t room_for_pool(const Planes* p) noexcept nogil:
    # As wide as x, and readable past the end.
    return pooled_at_once(p) * padded(p.window.w) + p.window.kw + 2 * VEC_LANES


cdef inline void pool_rows(const bint largest, const int kh, const int kw, const int step,
                           const Planes* p, const real* x, real* y, real* rows) noexcept nogil:
    # Down first, some rows, as a vector that is loaded across stores has to wait for them; then
    # across. `step` is sw, or 0 for any.
    cdef const Window* g = &p.window
    cdef Py_ssize_t many = pooled_at_once(p), wide = padded(g.w), end = g.oh * g.ow
    cdef Py_ssize_t i, j, m, left
    cdef int k, l
    cdef vec v
    cdef vec share = vec_set1(<real>(1.0 / (<double>kh * kw)))
    cdef const real* row
    for i from 0 <= i < g.oh by many:
        for m in range(min(many, g.oh - i)):
            row = x + (i + m) * g.sh * g.w
            for j from 0 <= j < g.w by VEC_LANES:
                left = g.w - j
                v = load_lanes(row + j, left)
                for k in range(1, kh):
                    v = fold(largest, v, load_lanes(row + k * g.w + j, left))
                vec_store(rows + m * wide + j, v)
        for m in range(min(many, g.oh - i)):
            row = rows + m * wide
            for j from 0 <= j < g.ow by VEC_LANES:
                left = g.ow - j if step == 0 else 2 * VEC_LANES
                v = every(row + j * g.sw, step if step else g.sw, left)
                for l in range(1, kw):
                    v = fold(largest, v, every(row + j * g.sw + l, step if step else g.sw, left))
                # The next row overwrites what a row writes beyond its end.
                store_lanes(y, v if largest else v * share, end)
                left = min(VEC_LANES, g.ow - j)
                y += left
                end -= left


cdef void pool_of_plane(const Planes* p, const real* x, real* y, real* rows) noexcept nogil:
    # y (OH, OW): the largest number of each window, or the mean. `rows` is scratch, zeros in
    # `room_for_pool`.
    cdef const Window* g = &p.window
    cdef int kh = <int>g.kh, kw = <int>g.kw
    if kh == 2 and kw == 2 and g.sw == 2:
        if p.largest:
            pool_rows(True, 2, 2, 2, p, x, y, rows)
        else:
            pool_rows(False, 2, 2, 2, p, x, y, rows)
    elif p.largest:
        pool_rows(True, kh, kw, 0, p, x, y, rows)
    else:
        pool_rows(False, kh, kw, 0, p, x, y, rows)


cdef inline void back_of_quarters(const bint largest, const Planes* p, const real* x,
                                  const real* dy, real* dx, real* winners) noexcept nogil:
    # Windows of two by two, side by side. What a row spills, the next one overwrites, or is zero.
    cdef const Window* g = &p.window
    cdef Py_ssize_t i, j, left, at
    cdef int k
    cdef vec best, value, winner, even, odd
    for i in range(g.oh):
        if largest:
            for j from 0 <= j < g.ow by VEC_LANES:
                left = g.ow - j
                best = every(x + 2 * j, 2, left)
                winner = vec_set1(0)
                for k in range(1, 4):
                    value = every(x + k // 2 * g.w + 2 * j + k % 2, 2, left)
                    winner = vec_if_greater(value, best, vec_set1(<real>k), winner)
                    best = vec_max(value, best)
                vec_store(winners + j, winner)
        for k in range(2):
            for j from 0 <= j < g.ow by VEC_LANES:
                left = g.ow - j
                spread_two(k, load_lanes(dy + j, left), winners + j if largest else NULL, &even,
                           &odd)
                at = (2 * i + k) * g.w + 2 * j
                store_lanes(dx + at, vec_zip_low(even, odd), g.h * g.w - at)
                at += VEC_LANES
                if 2 * left > VEC_LANES:
                    store_lanes(dx + at, vec_zip_high(even, odd), g.h * g.w - at)
        x += 2 * g.w
        dy += g.ow


cdef void give_back(const Planes* p, const real* x, const real* dy, real* dx) noexcept nogil:
    # Each window's gradient to the first place that holds its largest number: window by window.
    cdef const Window* g = &p.window
    cdef Py_ssize_t i, j, k, l, n, left, corner
    cdef vec best, value, row, column
    cdef real rows[VEC_LANES]
    cdef real columns[VEC_LANES]
    for i in range(g.oh):
        for j from 0 <= j < g.ow by VEC_LANES:
            left = g.ow - j
            corner = i * g.sh * g.w + j * g.sw
            best = every(x + corner, g.sw, left)
            row = column = vec_set1(0)
            for k in range(g.kh):
                for l in range(g.kw):
                    value = every(x + corner + k * g.w + l, g.sw, left)
                    row = vec_if_greater(value, best, vec_set1(<real>k), row)
                    column = vec_if_greater(value, best, vec_set1(<real>l), column)
                    best = vec_max(value, best)
            vec_store(rows, row)
            vec_store(columns, column)
            for n in range(min(left, VEC_LANES)):
                dx[corner + <Py_ssize_t>rows[n] * g.w + n * g.sw + <Py_ssize_t>columns[n]] += dy[n]
            dy += min(left, VEC_LANES)


cdef void share_back(const Planes* p, const real* dy, real* dx) noexcept nogil:
    # Equal shares of each window's gradient, which add up in the windows' order.
    cdef const Window* g = &p.window
    cdef Py_ssize_t i, j, k, l
    cdef real share = <real>(1.0 / (<double>g.kh * g.kw)), d
    cdef real* row
    for i in range(g.oh):
        for k in range(g.kh):
            row = dx + (i * g.sh + k) * g.w
            for j in range(g.ow):
                d = dy[i * g.ow + j] * share
                for l in range(g.kw):
                    row[j * g.sw + l] += d


cdef void pool_back_of_plane(const Planes* p, const real* x, const real* dy, real* dx,
                             real* rows) noexcept nogil:
    # dx (H, W) of dy (OH, OW), the gradient of a pool. `rows` is scratch, `room_for_pool`.
    cdef const Window* g = &p.window
    cdef bint quarters = g.kh == 2 and g.kw == 2 and g.sh == 2 and g.sw == 2
    if not quarters or 2 * g.oh < g.h or 2 * g.ow < g.w:
        memset(dx, 0, g.h * g.w * sizeof(real))
    if quarters:
        if p.largest:
            back_of_quarters(True, p, x, dy, dx, rows)
        else:
            back_of_quarters(False, p, x, dy, dx, rows)
    elif p.largest:
        give_back(p, x, dy, dx)
    else:
        share_back(p, dy, dx)
