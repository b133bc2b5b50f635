# Convolutions of sequences by minimal filtering along time (Winograd 1980), as winograd.pxi has it
# along both axes of images. Outputs see every s-th tap of inputs s steps apart, s the stride; of
# three such taps, or two, two outputs take four multiplications for each channel, or three, rather
# than six or four.
#
# A group of taps g, for two outputs after one another that see inputs d, s steps apart, sums up as
#
#     v = (d0 - d2, d1 + d2, d2 - d1, d3 - d1)
#     u = (g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2)
#     m = (v0 u0, v1 u1, v2 u2, v3 u3)
#     y = (m0 + m1 + m2, m1 - m2 + m3)
#
# Of two taps v is (d0 - d1, d1, -, d2 - d1) and u (g0, g0 + g1, -, g1), and of one that is left
# over v is (d0, -, -, d1) and u (g0, -, -, g0). All groups of a place, 0 to 3, have one product of
# matrices, for T pairs of outputs:
#
#     v[p] (T, groups C)    u[p] (groups C, O)    m[p] (T, O)
#
# Groups of three come first, then those of two, so that each place's are the first ones. m1 begins
# at the bias, m0 and m3 at what m1 and m2 come to, so that they are the outputs. Back, dv[p] is
# dm[p] u[p]^T and du[p] is v[p]^T dm[p], and each sum above is transposed, as with images. An
# output that is the last of an odd number has no place 3: nothing is read that it does not see.

cdef struct TapGroup:
    int taps                    # 3, 2 or 1; 0 behind the last one
    Py_ssize_t first            # of them


cdef enum:
    # That are taken at once, so that the second nearest cache holds their places.
    PAIRS = 64


cdef struct Filtering:
    Py_ssize_t groups[4]        # of each place
    Py_ssize_t pairs            # of outputs, the last one's second may not be
    Py_ssize_t blocks, most     # of how many they consist, and how many pairs those have
    Py_ssize_t v[4]             # numbers from a pair to the next
    Py_ssize_t m


cdef inline bint goes_in_steps(const Window* g) noexcept nogil:
    # Whole vectors of channels, and of these and of steps enough for what goes from one to the
    # other, and for what it takes to lay the weights, to be little.
    return (g.h == g.groups == g.dw == 1 and g.kw > g.sw and g.c >= 32 and g.oc >= 32
            and g.c % VEC_LANES == g.oc % VEC_LANES == 0 and g.ow >= 32)


cdef TapGroup group_at(const Window* g, Py_ssize_t n) noexcept nogil:
    cdef TapGroup a
    # Of each phase's taps threes go first, as many as leave no single one if there are others.
    cdef Py_ssize_t p, taps, threes, count
    cdef int size
    for size in range(3, 0, -1):
        for p in range(g.sw):
            taps = (g.kw - p + g.sw - 1) // g.sw
            threes = max(0, taps // 3 - (taps % 3 == 1))
            count = threes if size == 3 else (taps - 3 * threes) // 2 if size == 2 else taps == 1
            if n < count:
                a.taps, a.first = size, p + g.sw * (size * n if size == 3 else 3 * threes + 2 * n)
                return a
            n -= count
    a.taps = 0
    return a


cdef Filtering filtering_of(const Window* g) noexcept nogil:
    cdef Filtering f
    cdef TapGroup a = group_at(g, 0)
    cdef int p
    memset(&f, 0, sizeof(Filtering))
    while a.taps:
        f.groups[0] += 1
        f.groups[1] += a.taps > 1
        f.groups[2] += a.taps > 2
        a = group_at(g, f.groups[0])
    f.groups[3] = f.groups[0]
    f.pairs = (g.ow + 1) // 2
    f.blocks = (f.pairs + PAIRS - 1) // PAIRS
    f.most = (f.pairs + f.blocks - 1) // f.blocks
    f.m = apart(g.oc)
    for p in range(4):
        f.v[p] = apart(f.groups[p] * g.c)
    return f


cdef inline Py_ssize_t place_size(const Window* g, Py_ssize_t groups) noexcept nogil:
    # Of u, with what the last group spills.
    return (groups - 1) * g.c * g.oc + padded(g.c * g.oc) if groups else 0


cdef inline Py_ssize_t filters_size(const Window* g) noexcept nogil:
    # Of u, a place behind the other.
    cdef Filtering f = filtering_of(g)
    cdef Py_ssize_t size = VEC_LANES
    cdef int p
    for p in range(4):
        size += place_size(g, f.groups[p])
    return size


cdef Py_ssize_t steps_scratch(const Window* g) noexcept nogil:
    # v, m and u; of fewer steps blocks may be larger.
    cdef Filtering f = filtering_of(g)
    cdef Py_ssize_t most = min(f.pairs, <Py_ssize_t>PAIRS)
    return most * (f.v[0] + f.v[1] + f.v[2] + f.v[3] + 4 * f.m) + VEC_LANES + filters_size(g)


cdef inline void add_vec(real* p, vec v) noexcept nogil:
    vec_store(p, vec_load(p) + v)


cdef inline void filters_at(const Window* g, const Filtering* f, real* u,
                            real** places) noexcept nogil:
    cdef int p
    for p in range(4):
        places[p] = u
        u += place_size(g, f.groups[p])


cdef void weights_to_filters(const Window* g, const real* weight, real* u) noexcept nogil:
    cdef Filtering f = filtering_of(g)
    cdef Py_ssize_t n, i, size = g.c * g.oc, step = g.sw * size
    cdef vec a, b, c, half = vec_set1(<real>0.5)
    cdef TapGroup group
    cdef const real* w
    cdef real* q[4]
    filters_at(g, &f, u, q)
    for n in range(f.groups[0]):
        group = group_at(g, n)
        w = weight + group.first * size
        for i from 0 <= i < size by VEC_LANES:
            a = b = vec_load(w + i)
            if group.taps == 3:
                b, c = vec_load(w + step + i), vec_load(w + 2 * step + i)
                vec_store(q[1] + i, (a + c + b) * half)
                vec_store(q[2] + i, (a + c - b) * half)
                b = c
            elif group.taps == 2:
                b = vec_load(w + step + i)
                vec_store(q[1] + i, a + b)
            vec_store(q[0] + i, a)
            vec_store(q[3] + i, b)
        for i in range(4):
            q[i] += size


cdef void filters_to_weights(const Window* g, real* u, real* dw) noexcept nogil:
    # The transposed of it, added to dw.
    cdef Filtering f = filtering_of(g)
    cdef Py_ssize_t n, i, size = g.c * g.oc, step = g.sw * size
    cdef vec a, b, half = vec_set1(<real>0.5)
    cdef TapGroup group
    cdef real* w
    cdef real* q[4]
    filters_at(g, &f, u, q)
    for n in range(f.groups[0]):
        group = group_at(g, n)
        w = dw + group.first * size
        for i from 0 <= i < size by VEC_LANES:
            if group.taps == 1:
                add_vec(w + i, vec_load(q[0] + i) + vec_load(q[3] + i))
                continue
            a = vec_load(q[1] + i)
            if group.taps == 3:
                b = vec_load(q[2] + i)
                add_vec(w + step + i, (a - b) * half)
                a = (a + b) * half
            add_vec(w + i, vec_load(q[0] + i) + a)
            add_vec(w + (group.taps - 1) * step + i, a + vec_load(q[3] + i))
        for i in range(4):
            q[i] += size


cdef void filters_back(const Window* g, const real* weight, real* transposed,
                       real* scratch) noexcept nogil:
    # u[p]^T
    cdef Filtering f = filtering_of(g)
    cdef real* u[4]
    cdef real* back[4]
    cdef int p
    weights_to_filters(g, weight, scratch)
    filters_at(g, &f, scratch, u)
    filters_at(g, &f, transposed, back)
    for p in range(4):
        transpose(u[p], g.oc, back[p], f.groups[p] * g.c, f.groups[p] * g.c, g.oc)


cdef inline void steps_to_group(const int taps, const real* x, Py_ssize_t step, bint alone,
                                Py_ssize_t channels, real** v, Py_ssize_t at) noexcept nogil:
    # For what a second output alone would see, where there is none, the last of the first one's.
    cdef Py_ssize_t n, last = step * (taps - 1 if alone else taps)
    cdef vec a, b, c
    for n from 0 <= n < channels by VEC_LANES:
        a = vec_load(x + n)
        if taps == 1:
            vec_store(v[0] + at + n, a)
            vec_store(v[3] + at + n, vec_load(x + last + n))
            continue
        b = vec_load(x + step + n)
        if taps == 2:
            vec_store(v[0] + at + n, a - b)
            vec_store(v[1] + at + n, b)
        else:
            c = vec_load(x + 2 * step + n)
            vec_store(v[0] + at + n, a - c)
            vec_store(v[1] + at + n, b + c)
            vec_store(v[2] + at + n, c - b)
        vec_store(v[3] + at + n, vec_load(x + last + n) - b)


cdef void steps_to_places(const Window* g, const Filtering* f, const real* x, Py_ssize_t first,
                          Py_ssize_t pairs, real** v) noexcept nogil:
    cdef Py_ssize_t n, i, p, step = g.sw * g.c
    cdef TapGroup group
    cdef const real* d
    cdef real* q[4]
    cdef bint alone
    for n in range(f.groups[0]):
        group = group_at(g, n)
        d = x + group.first * g.c + 2 * first * step
        for p in range(4):
            q[p] = v[p]
        for i in range(pairs):
            alone = 2 * (first + i) + 1 == g.ow
            if group.taps == 3: steps_to_group(3, d, step, alone, g.c, q, n * g.c)
            elif group.taps == 2: steps_to_group(2, d, step, alone, g.c, q, n * g.c)
            else: steps_to_group(1, d, step, alone, g.c, q, n * g.c)
            d += 2 * step
            for p in range(4):
                q[p] += f.v[p]


cdef inline void group_to_steps(const int taps, real** v, Py_ssize_t at, Py_ssize_t step,
                                bint alone, Py_ssize_t channels, real* dx) noexcept nogil:
    cdef Py_ssize_t n
    cdef vec a, b, c, d
    for n from 0 <= n < channels by VEC_LANES:
        a = vec_load(v[0] + at + n)
        d = vec_load(v[3] + at + n) if not alone else vec_set1(0)
        add_vec(dx + n, a)
        if taps == 3:
            b, c = vec_load(v[1] + at + n), vec_load(v[2] + at + n)
            add_vec(dx + step + n, b - c - d)
            add_vec(dx + 2 * step + n, b + c - a)
        elif taps == 2:
            add_vec(dx + step + n, vec_load(v[1] + at + n) - a - d)
        if not alone:
            add_vec(dx + taps * step + n, d)


cdef void places_to_steps(const Window* g, const Filtering* f, real** v, Py_ssize_t first,
                          Py_ssize_t pairs, real* dx) noexcept nogil:
    # Adds to dx.
    cdef Py_ssize_t n, i, p, step = g.sw * g.c
    cdef TapGroup group
    cdef real* d
    cdef real* q[4]
    cdef bint alone
    for n in range(f.groups[0]):
        group = group_at(g, n)
        d = dx + group.first * g.c + 2 * first * step
        for p in range(4):
            q[p] = v[p]
        for i in range(pairs):
            alone = 2 * (first + i) + 1 == g.ow
            if group.taps == 3: group_to_steps(3, q, n * g.c, step, alone, g.c, d)
            elif group.taps == 2: group_to_steps(2, q, n * g.c, step, alone, g.c, d)
            else: group_to_steps(1, q, n * g.c, step, alone, g.c, d)
            d += 2 * step
            for p in range(4):
                q[p] += f.v[p]


cdef void gradient_to_pairs(const Window* g, const Filtering* f, const real* dy, Py_ssize_t pairs,
                            bint alone, real** m) noexcept nogil:
    # The last pair's second output is not where the first one is alone.
    cdef Py_ssize_t i, n, at = 0
    cdef vec a, b
    for i in range(pairs):
        for n from 0 <= n < g.oc by VEC_LANES:
            a = vec_load(dy + n)
            b = vec_set1(0) if alone and i + 1 == pairs else vec_load(dy + g.oc + n)
            vec_store(m[0] + at + n, a)
            vec_store(m[1] + at + n, a + b)
            vec_store(m[2] + at + n, a - b)
            vec_store(m[3] + at + n, b)
        dy += 2 * g.oc
        at += f.m


cdef void join_both(const Window* g, const Filtering* f, Py_ssize_t pairs, real* m1,
                    real* m2) noexcept nogil:
    # m1 + m2 and m1 - m2, in their places.
    cdef Py_ssize_t i, n
    cdef vec a, b
    for i in range(pairs):
        for n from 0 <= n < g.oc by VEC_LANES:
            a, b = vec_load(m1 + n), vec_load(m2 + n)
            vec_store(m1 + n, a + b)
            vec_store(m2 + n, a - b)
        m1 += f.m
        m2 += f.m


cdef struct Room:
    # A block's places in scratch.
    real* v[4]
    real* m[4]
    real* u[4]
    Py_ssize_t first, pairs, seconds    # pairs of outputs, and how many of them are two


cdef Room room_in(const Window* g, const Filtering* f, real* scratch) noexcept nogil:
    cdef Room r
    cdef int p
    for p in range(4):
        r.v[p] = scratch
        scratch += f.most * f.v[p]
    for p in range(4):
        r.m[p] = scratch
        scratch += f.most * f.m
    filters_at(g, f, scratch, r.u)
    return r


cdef inline void enter_block(const Window* g, const Filtering* f, Py_ssize_t block,
                             Room* r) noexcept nogil:
    r.first = f.pairs * block // f.blocks
    r.pairs = f.pairs * (block + 1) // f.blocks - r.first
    r.seconds = r.pairs - (2 * (r.first + r.pairs) > g.ow)


cdef void steps_forward(const Window* g, const real* filters, const real* bias, const real* zeros,
                        const real* x, real* y, real* scratch) noexcept nogil:
    cdef Filtering f = filtering_of(g)
    cdef Room r = room_in(g, &f, scratch)
    cdef real* u[4]
    cdef Py_ssize_t block
    cdef Product q
    filters_at(g, &f, <real*>filters, u)
    for block in range(f.blocks):
        enter_block(g, &f, block, &r)
        steps_to_places(g, &f, x, r.first, r.pairs, r.v)
        q = product(f.groups[1] * g.c, x=r.v[1], row_step=f.v[1], x_step=1, w=u[1], w_step=g.oc,
                    init=bias, init_step=0, c=r.m[1], c_step=f.m)
        multiply(&q, r.pairs, g.oc)
        if f.groups[2]:
            q = product(f.groups[2] * g.c, x=r.v[2], row_step=f.v[2], x_step=1, w=u[2],
                        w_step=g.oc, init=zeros, init_step=0, c=r.m[2], c_step=f.m)
            multiply(&q, r.pairs, g.oc)
            join_both(g, &f, r.pairs, r.m[1], r.m[2])
        q = product(f.groups[0] * g.c, x=r.v[0], row_step=f.v[0], x_step=1, w=u[0], w_step=g.oc,
                    init=r.m[1], init_step=f.m, c=y + 2 * r.first * g.oc, c_step=2 * g.oc)
        multiply(&q, r.pairs, g.oc)
        q.x, q.w, q.c = r.v[3], u[3], q.c + g.oc
        if f.groups[2]:
            q.init = r.m[2]
        multiply(&q, r.seconds, g.oc)


cdef void steps_backward(const Window* g, const real* filters, const real* zeros, const real* x,
                         const real* dy, real* dw, real* dx, real* scratch) noexcept nogil:
    # Adds to dw, writes dx; either may be NULL.
    cdef Filtering f = filtering_of(g)
    cdef Room r = room_in(g, &f, scratch)
    cdef real* back[4]
    cdef Py_ssize_t block
    cdef int p
    cdef Product q
    filters_at(g, &f, <real*>filters, back)
    if dx != NULL:
        memset(dx, 0, g.w * g.c * sizeof(real))
    for block in range(f.blocks):
        enter_block(g, &f, block, &r)
        gradient_to_pairs(g, &f, dy + 2 * r.first * g.oc, r.pairs, r.seconds < r.pairs, r.m)
        if dw != NULL:
            steps_to_places(g, &f, x, r.first, r.pairs, r.v)
            for p in range(4):
                q = product(r.seconds if p == 3 else r.pairs, x=r.v[p], row_step=1, x_step=f.v[p],
                            w=r.m[p], w_step=f.m, init=<const real*>r.u[p] if block else zeros,
                            init_step=g.oc if block else 0, c=r.u[p], c_step=g.oc)
                multiply(&q, f.groups[p] * g.c, g.oc)
        if dx != NULL:
            for p in range(4):
                q = product(g.oc, x=r.m[p], row_step=f.m, x_step=1, w=back[p],
                            w_step=f.groups[p] * g.c, init=zeros, init_step=0, c=r.v[p],
                            c_step=f.v[p])
                multiply(&q, r.seconds if p == 3 else r.pairs, f.groups[p] * g.c)
            places_to_steps(g, &f, r.v, r.first, r.pairs, dx)
    if dw != NULL:
        filters_to_weights(g, r.u[0], dw)
