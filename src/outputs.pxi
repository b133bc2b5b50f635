# The activation that an operation ends in, of its output and on the way back.

cdef inline int activation_of(const Network* net, const Op* op) noexcept nogil:
    return IDENTITY if net.skip_last and op.target == net.count else op.activation


cdef inline void activate_output(const Network* net, const Op* op, real* y,
                                 Py_ssize_t n) noexcept nogil:
    # n numbers of a sample, in place.
    activate_steps(activation_of(net, op), op.setting, y, n, target_of(net, op).steps)


cdef inline void activate_output_backward(const Network* net, const Op* op, real* dy, const real* y,
                                          Py_ssize_t n) noexcept nogil:
    activate_backward_steps(activation_of(net, op), op.setting, dy, y, n, target_of(net, op).steps)


cdef inline bint lies_together(const Network* net, const Op* op, Py_ssize_t stride) noexcept nogil:
    # Whether the target's rows, this far apart, can be one to its activation, with the vector that
    # is between them.
    return (stride - padded(target_of(net, op).size) == VEC_LANES
            and not ACTIVATION_ROWS[activation_of(net, op)].of_row)


cdef void activate_rows(const Network* net, const Op* op, real* y, Py_ssize_t stride,
                        Py_ssize_t rows) noexcept nogil:
    # The outputs of so many samples.
    cdef Py_ssize_t i
    if activation_of(net, op) == IDENTITY:
        return
    if lies_together(net, op, stride):
        activate_output(net, op, y, rows * stride)
        return
    for i in range(rows):
        activate_output(net, op, y + i * stride, target_of(net, op).size)


cdef void activate_target_backward(const Network* net, const Op* op,
                                   const Part* part) noexcept nogil:
    # All numbers of the part.
    cdef const Tensor* t = target_of(net, op)
    cdef const real* y = value_of(net, t, part)
    cdef real* dy = gradient_of(net, t, part)
    cdef Py_ssize_t i
    if activation_of(net, op) == IDENTITY:
        return
    if t.stride == t.gradient_stride and lies_together(net, op, t.stride):
        activate_output_backward(net, op, dy, y, part.count * t.stride)
        return
    for i in range(part.count):
        activate_output_backward(net, op, dy + i * t.gradient_stride, y + i * t.stride, t.size)
