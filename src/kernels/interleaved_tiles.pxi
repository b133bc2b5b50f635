# Sums of products of rows of pixels, of four images interleaved, by weights. Each sum is held in a
# register until it is whole: tiles are some output channels by some vectors of pixels.

cdef enum:
    TILE_CHANNELS = 6
    FEW_CHANNELS = 3            # of an image, whose tiles back would be too low to be narrow
    WIDE_VECTORS = 4


cdef struct Terms:
    # `runs` runs of `count` terms, each from `next` places after the one before on.
    const int* place            # in x, from where the sum's is
    Py_ssize_t count, runs, next
    Py_ssize_t step, run_step   # in the weights, from term to term and from run to run,
    Py_ssize_t apart            # and from channel to channel, where they are not side by side
    Py_ssize_t init_plane, plane        # from channel to channel: in what sums begin with, and in y


cdef inline void interleaved_tile(const int channels, const int vectors, const Terms* t,
                                  const real* x, const real* weight, Py_ssize_t apart,
                                  const real* init, real* y) noexcept nogil:
    cdef vec acc[TILE_CHANNELS * 2]
    cdef vec pixels[WIDE_VECTORS]
    cdef vec w
    cdef Py_ssize_t run, k
    cdef const real* p
    cdef const real* q
    cdef const int* place
    cdef int o, v
    for o in range(channels):
        for v in range(vectors):
            acc[o * vectors + v] = vec_load(init + o * t.init_plane + v * VEC_LANES)
    for run in range(t.runs):
        place, q = t.place + run * t.next, weight + run * t.run_step
        for k in range(t.count):
            p = x + place[k]
            for v in range(vectors):
                pixels[v] = vec_keep(vec_load(p + v * VEC_LANES))
            for o in range(channels):
                w = vec_set1(q[o * apart])
                for v in range(vectors):
                    acc[o * vectors + v] = acc[o * vectors + v] + w * pixels[v]
            q += t.step
    for o in range(channels):
        for v in range(vectors):
            vec_store(y + o * t.plane + v * VEC_LANES, acc[o * vectors + v])


cdef inline void interleaved_tiles(const int vectors, const Terms* t, Py_ssize_t channels,
                                   const real* x, const real* weight, const real* init,
                                   real* y) noexcept nogil:
    # Of all channels, in tiles as high as one another.
    cdef Py_ssize_t tiles = (channels + TILE_CHANNELS - 1) // TILE_CHANNELS, k, o, n
    for k in range(tiles):
        o = channels * k // tiles
        n = channels * (k + 1) // tiles - o
        if n == 1: interleaved_tile(1, vectors, t, x, weight + o, 1, init + o * t.init_plane,
                                    y + o * t.plane)
        elif n == 2: interleaved_tile(2, vectors, t, x, weight + o, 1, init + o * t.init_plane,
                                      y + o * t.plane)
        elif n == 3: interleaved_tile(3, vectors, t, x, weight + o, 1, init + o * t.init_plane,
                                      y + o * t.plane)
        elif n == 4: interleaved_tile(4, vectors, t, x, weight + o, 1, init + o * t.init_plane,
                                      y + o * t.plane)
        elif n == 5: interleaved_tile(5, vectors, t, x, weight + o, 1, init + o * t.init_plane,
                                      y + o * t.plane)
        else: interleaved_tile(6, vectors, t, x, weight + o, 1, init + o * t.init_plane,
                               y + o * t.plane)


cdef inline void wide_tiles(const int vectors, const Terms* t, Py_ssize_t channels, const real* x,
                            const real* weight, const real* zeros, real* y) noexcept nogil:
    # The same of few channels, or of some, whose weights lie apart.
    cdef Py_ssize_t o
    for o from 0 <= o < channels by FEW_CHANNELS:
        if channels - o == 1: interleaved_tile(1, vectors, t, x, weight + o * t.apart, t.apart,
                                               zeros, y + o * t.plane)
        elif channels - o == 2: interleaved_tile(2, vectors, t, x, weight + o * t.apart, t.apart,
                                                 zeros, y + o * t.plane)
        else: interleaved_tile(3, vectors, t, x, weight + o * t.apart, t.apart, zeros,
                               y + o * t.plane)


cdef void interleaved_rows(const Terms* t, Py_ssize_t channels, Py_ssize_t row, const real* x,
                           const real* weight, const real* init, bint init_moves,
                           real* y) noexcept nogil:
    # Of whole rows of pixels.
    cdef Py_ssize_t n
    for n from 0 <= n < row by 2 * VEC_LANES:
        if row - n > VEC_LANES:
            interleaved_tiles(2, t, channels, x + n, weight, init + n * init_moves, y + n)
        else:
            interleaved_tiles(1, t, channels, x + n, weight, init + n * init_moves, y + n)
