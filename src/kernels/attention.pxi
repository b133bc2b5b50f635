# Attention of a head (Vaswani et al. 2017): each step in time asks all of them, or those up to
# itself, and gets a mean of what they hold.
#
#     S = q k^T / sqrt(D)    P = softmax(S), row by row    y = P v        q, k, v, y (T, D)
#     dP = dy v^T    dS = P (dP - sum(dP P)) / sqrt(D)    dq = dS k    dk = dS^T q    dv = P^T dy
#
# So many steps ask together that their scores stay in the cache, and so few that where each sees
# those up to itself not much is worked out of what none sees. Of each softmax two numbers alone are
# kept, and on the way back P is made again, to the bit (Dao et al. 2022): memory grows with T, not
# with its square.

cdef enum:
    ASKING = 48                 # tiles of 4, 6 and 8 rows


cdef struct Head:
    Py_ssize_t steps            # that count,
    Py_ssize_t width            # the numbers of each, D,
    Py_ssize_t stride           # and how far apart they lie: those of q, k and v,
    Py_ssize_t y_stride         # and of y
    real scale
    bint causal
    const real* q
    const real* k
    const real* v
    real* softmax               # of each step: its largest score, 1 over its sum
    # Scratch: rows of `row` numbers.
    Py_ssize_t row
    real* keys                  # k^T (D, T)
    real* values                # v^T, on the way back
    real* scores                # (ASKING, T): S, then P
    real* score_gradients       # on the way back: dP, then dS
    const real* zeros


cdef inline Py_ssize_t row_of_head(Py_ssize_t steps) noexcept nogil:
    # An odd number of vectors: rows a power of two apart drive one another out of the cache.
    return (padded(steps) // VEC_LANES | 1) * VEC_LANES


cdef inline Py_ssize_t scratch_of_head(Py_ssize_t steps, Py_ssize_t width) noexcept nogil:
    return (2 * width + 2 * ASKING) * row_of_head(steps) + VEC_LANES


cdef inline void set_scratch(Head* h, real* scratch) noexcept nogil:
    h.row = row_of_head(h.steps)
    h.keys = scratch
    h.values = h.keys + h.width * h.row
    h.scores = h.values + h.width * h.row
    h.score_gradients = h.scores + ASKING * h.row


cdef inline Py_ssize_t seen(const Head* h, Py_ssize_t step) noexcept nogil:
    # How many steps one sees.
    return step + 1 if h.causal else h.steps


cdef inline void ask_keys(const Head* h, const real* x, Py_ssize_t x_step, const real* turned,
                          Py_ssize_t rows, Py_ssize_t keys, real* scores) noexcept nogil:
    # scores (rows, keys) = x turned, in whole vectors.
    cdef Product p = product(h.width, x=x, row_step=x_step, x_step=1, w=turned, w_step=h.row,
                             init=h.zeros, init_step=0, c=scores, c_step=h.row)
    multiply(&p, rows, padded(keys))


cdef inline void mean_of(const Head* h, const real* scores, const real* x, Py_ssize_t x_step,
                         real* y, Py_ssize_t y_step, Py_ssize_t rows,
                         Py_ssize_t keys) noexcept nogil:
    # y (rows, D) = scores (rows, keys) x (keys, D)
    cdef Product p = product(keys, x=scores, row_step=h.row, x_step=1, w=x, w_step=x_step,
                             init=h.zeros, init_step=0, c=y, c_step=y_step)
    p.may_pack = True
    multiply(&p, rows, h.width)


cdef inline void share_out(const Head* h, const real* scores, const real* x, Py_ssize_t x_step,
                           real* y, Py_ssize_t rows, Py_ssize_t fresh,
                           Py_ssize_t keys) noexcept nogil:
    # y (keys, D) += scores^T (keys, rows) x (rows, D), where y from row `fresh` on is yet to begin.
    cdef Product p = product(rows, x=scores, row_step=1, x_step=h.row, w=x, w_step=x_step, init=y,
                             init_step=h.stride, c=y, c_step=h.stride)
    p.may_pack = True
    multiply(&p, fresh, h.width)
    p.x += fresh
    p.c += fresh * h.stride
    p.init, p.init_step = h.zeros, 0
    multiply(&p, keys - fresh, h.width)


cdef inline vec exponential(vec s, real scale, real most) noexcept nogil:
    # At most 1: `most` is the largest product, rounded, which the fused one here may exceed.
    return vec_exp_below(vec_at_most(s * vec_set1(scale) - vec_set1(most), 0))


cdef real exponentials(real* s, real scale, real most, Py_ssize_t n, Py_ssize_t end) noexcept nogil:
    # s = e^(scale s - most) of the first n, and zeros up to the end. Gives their sum.
    cdef Py_ssize_t i, whole = n // VEC_LANES * VEC_LANES
    cdef vec total = vec_set1(0), e
    for i from 0 <= i < whole by VEC_LANES:
        e = exponential(vec_load(s + i), scale, most)
        vec_store(s + i, e)
        total = total + e
    if whole < n:
        e = exponential(vec_load(s + whole), scale, most)
        e = vec_keep_first(e, <int>(n - whole))
        vec_store(s + whole, e)
        total = total + e
        whole += VEC_LANES
    for i from whole <= i < end by VEC_LANES:
        vec_store(s + i, vec_set1(0))
    return vec_sum(total)


cdef void softmax_of_scores(real* s, real scale, Py_ssize_t n, Py_ssize_t end,
                            real* kept) noexcept nogil:
    cdef Py_ssize_t i
    kept[0] = scale * largest_number(s, n)
    kept[1] = 1 / exponentials(s, scale, kept[0], n, end)
    for i from 0 <= i < end by VEC_LANES:
        vec_store(s + i, vec_load(s + i) * vec_set1(kept[1]))


cdef void softmax_of_scores_backward(real* s, real* dp, real scale, Py_ssize_t n, Py_ssize_t end,
                                     const real* kept) noexcept nogil:
    # s becomes P again, and dp dS.
    cdef Py_ssize_t i
    cdef vec total = vec_set1(0), p
    exponentials(s, scale, kept[0], n, end)
    for i from 0 <= i < end by VEC_LANES:
        p = vec_load(s + i) * vec_set1(kept[1])
        vec_store(s + i, p)
        total = total + p * vec_load(dp + i)
    total = vec_set1(vec_sum(total))
    for i from 0 <= i < end by VEC_LANES:
        vec_store(dp + i, vec_load(s + i) * (vec_load(dp + i) - total) * vec_set1(scale))


cdef void attend(const Head* h, real* y) noexcept nogil:
    cdef Py_ssize_t first, last, keys, t
    transpose(h.k, h.stride, h.keys, h.row, h.steps, h.width)
    for first from 0 <= first < h.steps by ASKING:
        last = min(first + ASKING, h.steps)
        keys = seen(h, last - 1)
        ask_keys(h, h.q + first * h.stride, h.stride, h.keys, last - first, keys, h.scores)
        for t in range(first, last):
            softmax_of_scores(h.scores + (t - first) * h.row, h.scale, seen(h, t), padded(keys),
                              h.softmax + 2 * t)
        mean_of(h, h.scores, h.v, h.stride, y + first * h.y_stride, h.y_stride, last - first, keys)


cdef void attend_backward(const Head* h, const real* dy, real* dq, real* dk,
                          real* dv) noexcept nogil:
    cdef Py_ssize_t first, last, keys, fresh, t, row
    transpose(h.k, h.stride, h.keys, h.row, h.steps, h.width)
    for row in range(h.width):
        # Behind the last step P is zero, but zero times what scratch may hold there need not be.
        vec_store(h.values + row * h.row + padded(h.steps) - VEC_LANES, vec_set1(0))
    transpose(h.v, h.stride, h.values, h.row, h.steps, h.width)
    for first from 0 <= first < h.steps by ASKING:
        last = min(first + ASKING, h.steps)
        keys = seen(h, last - 1)
        fresh = first if h.causal or first == 0 else keys
        ask_keys(h, h.q + first * h.stride, h.stride, h.keys, last - first, keys, h.scores)
        ask_keys(h, dy + first * h.y_stride, h.y_stride, h.values, last - first, keys,
                 h.score_gradients)
        for t in range(first, last):
            row = (t - first) * h.row
            softmax_of_scores_backward(h.scores + row, h.score_gradients + row, h.scale, seen(h, t),
                                       padded(keys), h.softmax + 2 * t)
        share_out(h, h.scores, dy + first * h.y_stride, h.y_stride, dv, last - first, fresh, keys)
        share_out(h, h.score_gradients, h.q + first * h.stride, h.stride, dk, last - first, fresh,
                  keys)
        mean_of(h, h.score_gradients, h.k, h.stride, dq + first * h.stride, h.stride, last - first,
                keys)
