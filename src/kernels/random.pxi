# Random numbers that come from a counter, and dropout, which draws them.

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
