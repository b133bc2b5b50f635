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
