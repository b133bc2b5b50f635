# Images made larger by whole factors: each pixel becomes a block of itself, or pixels lie between
# those there were, which are in the middle of their blocks; at the edges these go on.

cdef struct Upsampling:
    Py_ssize_t down, right      # how many pixels each becomes
    bint bilinear


cdef int describe_upsample(Network* net, Op* op, dict fields) except -1:
    cdef Upsampling* own = <Upsampling*>op.own
    own.down, own.right = fields["size"]
    own.bilinear = fields["bilinear"]
    op.work = 4. * target_of(net, op).size
    return 0


cdef inline double position_before(Py_ssize_t i, Py_ssize_t size, Py_ssize_t n,
                                   bint bilinear) noexcept nogil:
    # Where pixel i of an axis lies on that of n pixels.
    if not bilinear:
        return <double>(i // size)
    return min(max((<double>i + 0.5) / <double>size - 0.5, 0), <double>(n - 1))


cdef void forward_upsample(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Upsampling* own = <const Upsampling*>op.own
    cdef const Tensor* s = source_of(net, op)
    cdef const Tensor* t = target_of(net, op)
    cdef const real* x = input_of(net, op, part)
    cdef real* y = output_of(net, op, part)
    cdef Neighbours rows, columns
    cdef Spots spots
    cdef Py_ssize_t i, j
    for i in range(t.h):
        neighbours_at(position_before(i, own.down, s.h, own.bilinear), s.h, &rows)
        for j in range(t.w):
            neighbours_at(position_before(j, own.right, s.w, own.bilinear), s.w, &columns)
            spots_of(&rows, &columns, s.w, &spots)
            read_spots(x, &spots, t.features, y + (i * t.w + j) * t.features)


cdef void backward_upsample(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Upsampling* own = <const Upsampling*>op.own
    cdef const Tensor* s = source_of(net, op)
    cdef const Tensor* t = target_of(net, op)
    cdef const real* dy = output_gradient_of(net, op, part)
    cdef real* dx = input_gradient_of(net, op, part)
    cdef Neighbours rows, columns
    cdef Spots spots
    cdef Py_ssize_t i, j
    if dx == NULL:
        return
    memset(dx, 0, s.size * sizeof(real))
    for i in range(t.h):
        neighbours_at(position_before(i, own.down, s.h, own.bilinear), s.h, &rows)
        for j in range(t.w):
            neighbours_at(position_before(j, own.right, s.w, own.bilinear), s.w, &columns)
            spots_of(&rows, &columns, s.w, &spots)
            write_spots(dy + (i * t.w + j) * t.features, &spots, t.features, dx)


cdef Methods upsample_methods():
    cdef Methods m = no_methods(UPSAMPLE, sizeof(Upsampling))
    m.describe, m.forward, m.backward = describe_upsample, forward_upsample, backward_upsample
    return m
