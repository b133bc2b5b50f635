# What each number becomes by itself: an activation that stands alone, dropout, noise, rescaled.

cdef inline void activate_apart(const Network* net, const Op* op, const real* x, real* y,
                                Py_ssize_t n) noexcept nogil:
    if ACTIVATION_ROWS[op.activation].of_input:
        activate_from_input(op.activation, op.setting, x, y, n)
    else:
        memcpy(y, x, n * sizeof(real))
        activate_output(net, op, y, n)


cdef inline void activate_apart_backward(const Network* net, const Op* op, const real* x,
                                         const real* y, const real* dy, real* dx,
                                         Py_ssize_t n) noexcept nogil:
    if dx == NULL:
        return
    if ACTIVATION_ROWS[op.activation].of_input:
        activate_from_input_backward(op.activation, op.setting, x, dy, dx, n)
    else:
        memcpy(dx, dy, n * sizeof(real))
        activate_output_backward(net, op, dx, y, n)


cdef int describe_activation(Network* net, Op* op, dict fields) except -1:
    # Those that are computed from their input take about as long as so many multiply-adds.
    cdef Py_ssize_t size = target_of(net, op).size
    if ACTIVATION_ROWS[op.activation].of_input:
        op.work = 20. * size
        let_share(op, size, VEC_LANES, VEC_LANES)
        let_share_back(op, size, VEC_LANES, VEC_LANES)
    return 0


cdef void activate_some(const Network* net, const Op* op, const Part* part, Py_ssize_t first,
                        Py_ssize_t last) noexcept nogil:
    activate_apart(net, op, input_of(net, op, part) + first, output_of(net, op, part) + first,
                   last - first)


cdef void activate_some_backward(const Network* net, const Op* op, const Part* part,
                                 Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef real* dx = input_gradient_of(net, op, part)
    activate_apart_backward(net, op, input_of(net, op, part) + first,
                            output_of(net, op, part) + first,
                            output_gradient_of(net, op, part) + first,
                            dx + first if dx != NULL else NULL, last - first)


cdef void forward_activation(const Network* net, const Op* op, const Part* part) noexcept nogil:
    activate_some(net, op, part, 0, target_of(net, op).size)


cdef void backward_activation(const Network* net, const Op* op, const Part* part) noexcept nogil:
    activate_some_backward(net, op, part, 0, target_of(net, op).size)


cdef bint interleaves_activation(const Network* net, const Op* op) noexcept:
    return target_of(net, op).h > 0 and not ACTIVATION_ROWS[op.activation].of_row


cdef void forward_fours_of_activation(const Network* net, const Op* op,
                                      const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    activate_apart(net, op, fours_of(net, source_of(net, op), part), fours_of(net, t, part),
                   numbers_of_fours(t))


cdef void backward_fours_of_activation(const Network* net, const Op* op,
                                       const Part* part) noexcept nogil:
    cdef const Tensor* s = source_of(net, op)
    cdef const Tensor* t = target_of(net, op)
    activate_apart_backward(net, op, fours_of(net, s, part), fours_of(net, t, part),
                            gradient_fours_of(net, t, part), gradient_fours_of(net, s, part),
                            numbers_of_fours(t))


cdef struct Randomness:
    real amount                 # the rate of DROPOUT, the standard deviation of NOISE
    Py_ssize_t nth              # how many draw numbers before it


cdef int describe_dropout(Network* net, Op* op, dict fields) except -1:
    cdef Randomness* own = <Randomness*>op.own
    own.amount, own.nth = fields["rate"], net.randoms
    net.randoms += 1
    return 0


cdef int describe_noise(Network* net, Op* op, dict fields) except -1:
    cdef Randomness* own = <Randomness*>op.own
    own.amount, own.nth = fields["stddev"], net.randoms
    net.randoms += 1
    op.work = 20. * target_of(net, op).size
    return 0


cdef inline uint64_t bits_of(const Network* net, const Op* op, const Part* part) noexcept nogil:
    return drawn(part.draw, (<const Randomness*>op.own).nth, part.row + part.first)


cdef inline void drop(const Network* net, const Op* op, const Part* part, const real* x,
                      real* y) noexcept nogil:
    # The way back drops the same.
    dropout(x, y, target_of(net, op).size,
            (<const Randomness*>op.own).amount if net.training else 0, bits_of(net, op, part))


cdef void forward_dropout(const Network* net, const Op* op, const Part* part) noexcept nogil:
    drop(net, op, part, input_of(net, op, part), output_of(net, op, part))


cdef void backward_dropout(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef real* dx = input_gradient_of(net, op, part)
    if dx != NULL:
        drop(net, op, part, output_gradient_of(net, op, part), dx)


cdef void forward_noise(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const real* x = input_of(net, op, part)
    cdef real* y = output_of(net, op, part)
    cdef Py_ssize_t n = target_of(net, op).size
    if net.training:
        add_noise(x, y, n, (<const Randomness*>op.own).amount, bits_of(net, op, part))
    else:
        memcpy(y, x, n * sizeof(real))


cdef void backward_noise(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef real* dx = input_gradient_of(net, op, part)
    if dx != NULL:
        memcpy(dx, output_gradient_of(net, op, part), target_of(net, op).size * sizeof(real))


cdef struct Rescaling:
    real scale, added


cdef int describe_rescale(Network* net, Op* op, dict fields) except -1:
    cdef Rescaling* own = <Rescaling*>op.own
    own.scale, own.added = fields["scale"], fields["added"]
    return 0


cdef void forward_rescale(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Rescaling* own = <const Rescaling*>op.own
    cdef const real* x = input_of(net, op, part)
    cdef real* y = output_of(net, op, part)
    cdef Py_ssize_t i
    for i from 0 <= i < target_of(net, op).size by VEC_LANES:
        vec_store(y + i, vec_fma(vec_set1(own.added), own.scale, vec_load(x + i)))


cdef void backward_rescale(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef vec scale = vec_set1((<const Rescaling*>op.own).scale)
    cdef const real* dy = output_gradient_of(net, op, part)
    cdef real* dx = input_gradient_of(net, op, part)
    cdef Py_ssize_t i
    for i from 0 <= i < (target_of(net, op).size if dx != NULL else 0) by VEC_LANES:
        vec_store(dx + i, vec_load(dy + i) * scale)


cdef Methods activation_methods():
    cdef Methods m = no_methods(ACTIVATION, 0)
    m.describe, m.is_cheap = describe_activation, True
    m.forward, m.backward = forward_activation, backward_activation
    m.forward_share, m.backward_share = activate_some, activate_some_backward
    m.interleaves = interleaves_activation
    m.forward_fours, m.backward_fours = forward_fours_of_activation, backward_fours_of_activation
    return m


cdef Methods dropout_methods():
    cdef Methods m = no_methods(DROPOUT, sizeof(Randomness))
    m.describe, m.forward, m.backward = describe_dropout, forward_dropout, backward_dropout
    return m


cdef Methods noise_methods():
    cdef Methods m = no_methods(NOISE, sizeof(Randomness))
    m.describe, m.forward, m.backward = describe_noise, forward_noise, backward_noise
    return m


cdef Methods rescale_methods():
    cdef Methods m = no_methods(RESCALE, sizeof(Rescaling))
    m.describe, m.forward, m.backward = describe_rescale, forward_rescale, backward_rescale
    return m
