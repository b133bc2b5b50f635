# What each number becomes by itself: an activation that stands alone, and dropout.

cdef void forward_activation(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef real* y = value_of(net, t, part)
    if ACTIVATION_ROWS[op.activation].of_input:
        activate_from_input(op.activation, op.setting, input_of(net, op, part), y, t.size)
    else:
        memcpy(y, input_of(net, op, part), t.size * sizeof(real))
        activate_output(net, op, y, t.size)


cdef void backward_activation(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef const real* dy = gradient_of(net, t, part)
    cdef real* dx = input_gradient_of(net, op, part)
    if dx == NULL:
        return
    if ACTIVATION_ROWS[op.activation].of_input:
        activate_from_input_backward(op.activation, op.setting, input_of(net, op, part), dy, dx,
                                     t.size)
    else:
        memcpy(dx, dy, t.size * sizeof(real))
        activate_output_backward(net, op, dx, value_of(net, t, part), t.size)


cdef struct Dropping:
    real rate
    Py_ssize_t nth              # how many draw numbers before it


cdef int describe_dropout(Network* net, Op* op, dict fields) except -1:
    cdef Dropping* own = <Dropping*>op.own
    own.rate, own.nth = fields["rate"], net.randoms
    net.randoms += 1
    return 0


cdef inline void drop(const Network* net, const Op* op, const Part* part, const real* x,
                      real* y) noexcept nogil:
    # The way back drops the same.
    cdef const Dropping* own = <const Dropping*>op.own
    dropout(x, y, target_of(net, op).size, own.rate if net.training else 0,
            drawn(part.draw, own.nth, part.row + part.first))


cdef void forward_dropout(const Network* net, const Op* op, const Part* part) noexcept nogil:
    drop(net, op, part, input_of(net, op, part), output_of(net, op, part))


cdef void backward_dropout(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef real* dx = input_gradient_of(net, op, part)
    if dx != NULL:
        drop(net, op, part, output_gradient_of(net, op, part), dx)


cdef Methods activation_methods():
    cdef Methods m = no_methods(ACTIVATION, 0)
    m.forward, m.backward = forward_activation, backward_activation
    return m


cdef Methods dropout_methods():
    cdef Methods m = no_methods(DROPOUT, sizeof(Dropping))
    m.describe, m.forward, m.backward = describe_dropout, forward_dropout, backward_dropout
    return m
