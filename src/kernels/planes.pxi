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


cdef inline Py_ssize_t within(Py_ssize_t n, Py_ssize_t low, Py_ssize_t high) noexcept nogil:
    return low if n < low else high if n > high else n
