# Planes (planes.pxi) pooled, forward and back.

cdef enum:
    BLOCK = 2048                # numbers of scratch, about: they stay in the nearest cache


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
