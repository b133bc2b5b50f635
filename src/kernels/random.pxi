# Random numbers that come from a counter, and what draws them: dropout, and noise.

cdef inline uint64_t scramble(uint64_t x) noexcept nogil:
    # splitmix64 (Steele, Lea, Flood 2014): a counter goes in, random bits come out, so that the
    # draw for a sample depends on nothing but its place in the run, whatever the number of threads.
    x += <uint64_t>0x9E3779B97F4A7C15
    x = (x ^ (x >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    x = (x ^ (x >> 27)) * <uint64_t>0x94D049BB133111EB
    return x ^ (x >> 31)


cdef void dropout(const real* x, real* y, Py_ssize_t n, real rate, uint64_t seed) noexcept nogil:
    # Each number becomes zero with this probability, in steps of 2^-16, and the others grow, so
    # that the expectation stays (Srivastava et al. 2014). The same seed drops the same numbers: so
    # do gradients go back.
    cdef Py_ssize_t j
    cdef uint64_t bits = 0
    cdef uint64_t threshold = <uint64_t>(rate * 65536 + 0.5)
    cdef real factor[2]              # looked up, as a branch would be guessed wrong
    factor[0], factor[1] = 0, <real>(65536. / (65536 - threshold))
    if threshold == 0:
        memcpy(y, x, n * sizeof(real))
        return
    for j in range(n):
        if j % 4 == 0:
            bits = scramble(seed + <uint64_t>j)
        y[j] = x[j] * factor[(bits & 0xFFFF) >= threshold]
        bits >>= 16


cdef void add_noise(const real* x, real* y, Py_ssize_t n, real deviation,
                    uint64_t seed) noexcept nogil:
    # Each word of random bits gives two normally distributed numbers (Box and Muller 1958):
    # u and t uniform, sqrt(-2 log u) times the cosine of t turns, and then times its sine, which is
    # the cosine a quarter of a turn before.
    cdef real part[VEC_LANES]
    cdef real turns[VEC_LANES]
    cdef Py_ssize_t i
    cdef int k
    cdef uint64_t bits = 0
    cdef vec radius
    for i from 0 <= i < n by VEC_LANES:
        for k in range(VEC_LANES):
            if k % 2 == 0:
                bits = scramble(seed + <uint64_t>(i + k))
            part[k] = <real>((<double><uint32_t>bits + 0.5) * (1. / 4294967296.))
            turns[k] = <real>(<double>(bits >> 32) * (1. / 4294967296.) - 0.25 * (k % 2))
        radius = vec_sqrt(vec_set1(-2) * vec_log(vec_load(part)))
        store_lanes(y + i, vec_fma(vec_load(x + i), deviation,
                                   radius * vec_cos_of_turns(vec_load(turns))), n - i)
