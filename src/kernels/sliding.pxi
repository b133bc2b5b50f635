# Convolutions whose output channels fit one vector, with windows of three or five that move a pixel
# at a time. There the tile is bound by its broadcasts, one a multiply-add. Here a broadcast pixel
# meets every weight of a kernel's row, and so serves as many output pixels as the row has taps.

cdef inline bint slides(const Window* g) noexcept nogil:
    return (g.oc <= VEC_LANES and g.sw == 1 and (g.kw == 3 or g.kw == 5) and g.c > 1 and g.dh == 1
            and SLIDING)


cdef inline void slide(const int taps, const int pixels, const Window* g, const real* weight,
                       const real* bias, const real* x, real* y) noexcept nogil:
    # `pixels` output pixels of a row. Each may be overrun: what a pixel spills, the next
    # overwrites.
    cdef vec acc[10]
    cdef vec w[5]
    cdef vec pixel
    cdef Py_ssize_t k, c
    cdef const real* p
    cdef const real* q
    cdef int i, l
    for i in range(pixels):
        acc[i] = vec_load(bias)
    for k in range(g.kh):
        for c in range(g.c):
            q = weight + (k * taps * g.c + c) * g.oc
            for l in range(taps):
                w[l] = vec_load(q)
                q += g.c * g.oc
            p = x + k * g.w * g.c + c
            for i in range(pixels + taps - 1):
                pixel = vec_keep(vec_set1(p[0]))
                p += g.c
                for l in range(taps):
                    if 0 <= i - l < pixels:
                        acc[i - l] = acc[i - l] + pixel * w[l]
    for i in range(pixels):
        vec_store(y + i * g.oc, acc[i])


cdef inline void slide_pixels(const int taps, Py_ssize_t pixels, const Window* g,
                              const real* weight, const real* bias, const real* x,
                              real* y) noexcept nogil:
    if pixels == 1: slide(taps, 1, g, weight, bias, x, y)
    elif pixels == 2: slide(taps, 2, g, weight, bias, x, y)
    elif pixels == 3: slide(taps, 3, g, weight, bias, x, y)
    elif pixels == 4: slide(taps, 4, g, weight, bias, x, y)
    elif pixels == 5: slide(taps, 5, g, weight, bias, x, y)
    elif pixels == 6: slide(taps, 6, g, weight, bias, x, y)
    elif pixels == 7: slide(taps, 7, g, weight, bias, x, y)
    elif pixels == 8: slide(taps, 8, g, weight, bias, x, y)
    elif pixels == 9: slide(taps, 9, g, weight, bias, x, y)
    else: slide(taps, 10, g, weight, bias, x, y)


cdef void sliding_forward(const Window* g, const real* weight, const real* bias, const real* x,
                          real* y) noexcept nogil:
    cdef Py_ssize_t blocks = (g.ow + 9) // 10
    cdef Py_ssize_t i, block, start, pixels
    for i in range(g.oh):
        for block in range(blocks):
            start = g.ow * block // blocks
            pixels = g.ow * (block + 1) // blocks - start
            if g.kw == 3:
                slide_pixels(3, pixels, g, weight, bias, x + (i * g.sh * g.w + start) * g.c,
                             y + (i * g.ow + start) * g.oc)
            else:
                slide_pixels(5, pixels, g, weight, bias, x + (i * g.sh * g.w + start) * g.c,
                             y + (i * g.ow + start) * g.oc)
