# The largest number, or the mean, of each window.

cdef struct Pool:
    Window window
    bint planar                 # the second of a pair of planar.pxi
    real* winners               # which one of its window is largest, for each of the target's
    Py_ssize_t winners_stride
    real* winners_of_fours      # the same, interleaved


cdef int describe_pool(Network* net, Op* op, dict fields) except -1:
    describe_window(&(<Pool*>op.own).window, source_of(net, op), target_of(net, op), fields)
    return 0


cdef int reserve_max_pool(Memory memory, Network* net, Op* op) except -1:
    cdef Pool* own = <Pool*>op.own
    cdef Window* g = &own.window
    cdef const Tensor* target = target_of(net, op)
    own.winners_stride = g.c * g.oh * padded(g.ow) if own.planar else target.stride
    own.winners = memory.take(memory.rows_of(net, target) * own.winners_stride)
    if op.interleaved:
        own.winners_of_fours = memory.take(memory.workers * net.fours * target.fours_stride)
    return 0


cdef inline real* winners_of(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Pool* own = <const Pool*>op.own
    return own.winners + place_of(net, target_of(net, op), part) * own.winners_stride


cdef void forward_max_pool(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Pool* own = <const Pool*>op.own
    cdef real* y = output_of(net, op, part)
    if own.planar:
        planar_pool_forward(&own.window, input_of(net, op, part), y, winners_of(net, op, part))
    else:
        max_pool_forward(&own.window, input_of(net, op, part), y, winners_of(net, op, part))
    activate_output(net, op, y, target_of(net, op).size)


cdef void backward_max_pool(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Pool* own = <const Pool*>op.own
    cdef real* dx = input_gradient_of(net, op, part)
    cdef real* dy = output_gradient_of(net, op, part)
    activate_output_backward(net, op, dy, output_of(net, op, part), target_of(net, op).size)
    if dx == NULL:
        return
    if own.planar:
        planar_pool_backward(&own.window, dy, winners_of(net, op, part), dx)
    else:
        pool_backward(&own.window, dy, winners_of(net, op, part), dx)


cdef void forward_mean_pool(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Pool* own = <const Pool*>op.own
    if own.planar:
        planar_pool_forward(&own.window, input_of(net, op, part), output_of(net, op, part), NULL)
    else:
        mean_pool_forward(&own.window, input_of(net, op, part), output_of(net, op, part))


cdef void backward_mean_pool(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Pool* own = <const Pool*>op.own
    cdef real* dx = input_gradient_of(net, op, part)
    if dx == NULL:
        return
    if own.planar:
        planar_pool_backward(&own.window, output_gradient_of(net, op, part), NULL, dx)
    else:
        pool_backward(&own.window, output_gradient_of(net, op, part), NULL, dx)


cdef bint interleaves_pool(const Network* net, const Op* op) noexcept:
    return pools_interleaved(&(<const Pool*>op.own).window)


cdef inline real* winners_of_fours(const Network* net, const Op* op,
                                   const Part* part) noexcept nogil:
    cdef const Pool* own = <const Pool*>op.own
    return own.winners_of_fours + place_of_fours(net, part) * target_of(net, op).fours_stride


cdef void forward_fours_of_max_pool(const Network* net, const Op* op,
                                    const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef real* y = fours_of(net, t, part)
    interleaved_max_pool(&(<const Pool*>op.own).window, fours_of(net, source_of(net, op), part), y,
                         winners_of_fours(net, op, part))
    activate_output(net, op, y, numbers_of_fours(t))


cdef void backward_fours_of_max_pool(const Network* net, const Op* op,
                                     const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef real* dx = gradient_fours_of(net, source_of(net, op), part)
    cdef real* dy = gradient_fours_of(net, t, part)
    activate_output_backward(net, op, dy, fours_of(net, t, part), numbers_of_fours(t))
    if dx != NULL:
        interleaved_pool_backward(&(<const Pool*>op.own).window, dy,
                                  winners_of_fours(net, op, part), dx)


cdef void forward_fours_of_mean_pool(const Network* net, const Op* op,
                                     const Part* part) noexcept nogil:
    interleaved_mean_pool(&(<const Pool*>op.own).window, fours_of(net, source_of(net, op), part),
                          fours_of(net, target_of(net, op), part))


cdef void backward_fours_of_mean_pool(const Network* net, const Op* op,
                                      const Part* part) noexcept nogil:
    cdef real* dx = gradient_fours_of(net, source_of(net, op), part)
    if dx != NULL:
        interleaved_pool_backward(&(<const Pool*>op.own).window,
                                  gradient_fours_of(net, target_of(net, op), part), NULL, dx)


cdef Methods max_pool_methods():
    cdef Methods m = no_methods(MAX_POOL, sizeof(Pool))
    m.describe, m.reserve = describe_pool, reserve_max_pool
    m.forward, m.backward = forward_max_pool, backward_max_pool
    m.interleaves = interleaves_pool
    m.forward_fours, m.backward_fours = forward_fours_of_max_pool, backward_fours_of_max_pool
    return m


cdef Methods mean_pool_methods():
    cdef Methods m = no_methods(MEAN_POOL, sizeof(Pool))
    m.describe, m.forward, m.backward = describe_pool, forward_mean_pool, backward_mean_pool
    m.interleaves = interleaves_pool
    m.forward_fours, m.backward_fours = forward_fours_of_mean_pool, backward_fours_of_mean_pool
    return m
