# Minimal filtering along the height of four images interleaved, as in winograd_rows.pxi, whose
# letters these are:
#
#     v[p] (pairs, C, groups, P)    u[p] (groups, KW, C, O)    m[p] (O, P), a pair's
#
# and the places in them of what sums of products multiply by weights.

cdef enum:
    BACK_VECTORS = 1 + (FOURS <= 2)     # of a tile back: the wider, the more zeros are multiplied


cdef Filtering interleaved_filtering(const Window* g) noexcept nogil:
    # The v of a channel are equally far apart at all places.
    cdef Window rows = rows_as_steps(g)
    cdef Filtering f
    rows.c = pitch_of(g.w)
    f = filtering_of(&rows)
    f.v[0] = f.v[1] = f.v[2] = f.v[3] = f.groups[0] * pitch_of(g.w)
    return f


cdef Py_ssize_t rows_of_places(const Window* g) noexcept nogil:
    return interleaved_filtering(g).groups[0] if filters_forward(g) else g.kh


cdef Py_ssize_t number_of_places(const Window* g) noexcept nogil:
    return rows_of_places(g) * g.kw * g.c


cdef void places_of(const Window* g, int* place) noexcept nogil:
    # Of a pixel of v, or of x if it is not filtered: in the order of u, or of the weights.
    cdef Py_ssize_t plane = g.h * pitch_of(g.w), k, l, c
    if filters_forward(g):
        plane = interleaved_filtering(g).v[0]
    for k in range(rows_of_places(g)):
        for l in range(g.kw):
            for c in range(g.c):
                place[0] = <int>(c * plane + k * pitch_of(g.w) + l * FOUR)
                place += 1


cdef inline int vectors_back(const Window* g) noexcept nogil:
    return WIDE_VECTORS if g.c <= FEW_CHANNELS else BACK_VECTORS


cdef inline Py_ssize_t margin_of_zeros(const Window* g) noexcept nogil:
    # Beside rows of dy: as far as a tile may reach, one pixel of which is in the row.
    return vectors_back(g) * VEC_LANES - FOUR


cdef inline Py_ssize_t row_between_zeros(const Window* g) noexcept nogil:
    return padded(FOUR * g.ow + 2 * margin_of_zeros(g))


cdef inline Py_ssize_t rows_in_pairs(const Window* g) noexcept nogil:
    return (g.oh + 1) // 2 * 2


cdef void places_back(const Window* g, int* place) noexcept nogil:
    # Of rows of dy: (KW, O).
    cdef Py_ssize_t l, o
    for l in range(g.kw):
        for o in range(g.oc):
            place[0] = <int>(4 * o * row_between_zeros(g) - l * FOUR)
            place += 1


cdef void images_to_places(const Window* g, const Filtering* f, const real* x, Py_ssize_t first,
                           Py_ssize_t pairs, real** v) noexcept nogil:
    cdef Window rows = rows_as_steps(g)
    cdef TapGroup group
    cdef Py_ssize_t n, i, c, row = pitch_of(g.w)
    cdef const real* d
    cdef real* q[4]
    cdef bint alone
    cdef int p
    for n in range(f.groups[0]):
        group = group_at(&rows, n)
        for p in range(4):
            q[p] = v[p]
        for i in range(first, first + pairs):
            alone = 2 * i + 1 == g.oh
            for c in range(g.c):
                d = x + (c * g.h + 2 * i + group.first) * row
                if group.taps == 3: steps_to_group(3, d, row, alone, row, q, n * row)
                elif group.taps == 2: steps_to_group(2, d, row, alone, row, q, n * row)
                else: steps_to_group(1, d, row, alone, row, q, n * row)
                for p in range(4):
                    q[p] += f.v[p]


cdef void places_to_images(const Window* g, const Filtering* f, Py_ssize_t pair, real** v,
                           real* dx) noexcept nogil:
    # Adds a pair's to dx.
    cdef Window rows = rows_as_steps(g)
    cdef TapGroup group
    cdef Py_ssize_t n, c, row = pitch_of(g.w)
    cdef bint alone = 2 * pair + 1 == g.oh
    cdef real* d
    cdef real* q[4]
    cdef int p
    for n in range(f.groups[0]):
        group = group_at(&rows, n)
        for p in range(4):
            q[p] = v[p]
        for c in range(g.c):
            d = dx + (c * g.h + 2 * pair + group.first) * row
            if group.taps == 3: group_to_steps(3, q, n * row, row, alone, row, d)
            elif group.taps == 2: group_to_steps(2, q, n * row, row, alone, row, d)
            else: group_to_steps(1, q, n * row, row, alone, row, d)
            for p in range(4):
                q[p] += f.v[p]


cdef void both_rows(const real* dy, Py_ssize_t row, Py_ssize_t rows, bint alone,
                    real* both) noexcept nogil:
    # Of each pair of rows, their sum and their difference. The last one's second may be missing.
    cdef Py_ssize_t i, n
    cdef vec a, b
    for i from 0 <= i < rows by 2:
        for n from 0 <= n < row by VEC_LANES:
            a = vec_load(dy + n)
            b = vec_load(dy + row + n) if not alone or i + 2 < rows else vec_set1(0)
            vec_store(both + n, a + b)
            vec_store(both + row + n, a - b)
        dy += 2 * row
        both += 2 * row
