# The part of a batch that an operation's function computes, and where its numbers are.

cdef struct Part:
    # A sample, or all rows of a worker's group.
    int worker
    int owner                   # whose memory holds the group: that of a team, the first one's
    Py_ssize_t group            # its number in the batch,
    Py_ssize_t row              # the row of the batch where it begins,
    Py_ssize_t first, count     # and which of its rows are meant
    Py_ssize_t slot
    uint64_t draw               # seeds what is random
    bint together               # a team's members: nobody has done a thing alone since they met


cdef inline Py_ssize_t row_of(const Network* net, bint wide, const Part* part) noexcept nogil:
    # The row of the part's first sample.
    return (part.row if wide else part.owner * net.rows) + part.first


cdef inline Py_ssize_t place_of(const Network* net, const Tensor* t,
                                const Part* part) noexcept nogil:
    # The row of a value, and of what else an operation keeps for it.
    return row_of(net, t.wide_value, part)


cdef inline real* value_of(const Network* net, const Tensor* t, const Part* part) noexcept nogil:
    cdef Py_ssize_t row = part.owner if t.passing_value else place_of(net, t, part)
    return t.value + row * t.stride


cdef inline real* gradient_of(const Network* net, const Tensor* t, const Part* part) noexcept nogil:
    # NULL where nobody wants it.
    cdef Py_ssize_t row = part.owner
    if not t.needs_gradient:
        return NULL
    if not t.passing_gradient:
        row = row_of(net, t.wide_gradient, part)
    return t.gradient + row * t.gradient_stride


cdef inline const real* input_of(const Network* net, const Op* op, const Part* part) noexcept nogil:
    return value_of(net, source_of(net, op), part)


cdef inline real* output_of(const Network* net, const Op* op, const Part* part) noexcept nogil:
    return value_of(net, target_of(net, op), part)


cdef inline real* input_gradient_of(const Network* net, const Op* op,
                                    const Part* part) noexcept nogil:
    return gradient_of(net, source_of(net, op), part)


cdef inline real* output_gradient_of(const Network* net, const Op* op,
                                     const Part* part) noexcept nogil:
    return gradient_of(net, target_of(net, op), part)


cdef inline real* slot_of(const Network* net, const Op* op, const Part* part) noexcept nogil:
    return net.slots + part.slot * net.slot_stride + op.slot


cdef inline real* fields_of(const Network* net, int worker) noexcept nogil:
    return net.fields + worker * net.fields_stride


cdef inline int* nonzero_of(const Network* net, int worker) noexcept nogil:
    return net.nonzero + worker * net.nonzero_stride


cdef inline Py_ssize_t length_of(const Network* net, const Tensor* t,
                                 Py_ssize_t sample) noexcept nogil:
    # How many of a sample's steps count.
    return min(net.lengths[sample], t.steps) if net.lengths != NULL and t.steps > 1 else t.steps


cdef inline uint64_t drawn(uint64_t draw, Py_ssize_t nth, Py_ssize_t sample) noexcept nogil:
    # Random bits for each sample, of the nth operation that draws some.
    return scramble(draw + (<uint64_t>nth << 32) + <uint64_t>sample)
