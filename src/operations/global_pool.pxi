# The largest number, or the mean, of each channel of an image, or of each feature over the steps
# that count.

cdef struct GlobalPool:
    real* winners               # of the largest: which row it is in, for each of the target's
    Py_ssize_t winners_stride


cdef int reserve_global_max(Memory memory, Network* net, Op* op) except -1:
    cdef GlobalPool* own = <GlobalPool*>op.own
    cdef const Tensor* t = target_of(net, op)
    own.winners_stride = t.stride
    own.winners = memory.take(memory.rows_of(net, t) * own.winners_stride)
    return 0


cdef inline real* global_winners_of(const Network* net, const Op* op,
                                    const Part* part) noexcept nogil:
    cdef const GlobalPool* own = <const GlobalPool*>op.own
    return own.winners + place_of(net, target_of(net, op), part) * own.winners_stride


cdef inline Py_ssize_t pooled_rows(const Network* net, const Op* op,
                                   const Part* part) noexcept nogil:
    # Pixels, or steps that count.
    cdef const Tensor* s = source_of(net, op)
    return s.h * s.w if s.h > 0 else length_of(net, s, part.row + part.first)


cdef void forward_global_max(const Network* net, const Op* op, const Part* part) noexcept nogil:
    max_of_rows(input_of(net, op, part), output_of(net, op, part), global_winners_of(net, op, part),
                pooled_rows(net, op, part), source_of(net, op).features)


cdef void backward_global_max(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* s = source_of(net, op)
    cdef real* dx = input_gradient_of(net, op, part)
    if dx != NULL:
        to_winners(output_gradient_of(net, op, part), global_winners_of(net, op, part), dx,
                   pooled_rows(net, op, part), s.features)
        clear_after_end(net, s, part.row + part.first, dx)


cdef void forward_global_mean(const Network* net, const Op* op, const Part* part) noexcept nogil:
    mean_of_rows(input_of(net, op, part), output_of(net, op, part), pooled_rows(net, op, part),
                 source_of(net, op).features)


cdef void backward_global_mean(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* s = source_of(net, op)
    cdef real* dx = input_gradient_of(net, op, part)
    if dx != NULL:
        to_all_rows(output_gradient_of(net, op, part), dx, pooled_rows(net, op, part), s.features)
        clear_after_end(net, s, part.row + part.first, dx)


cdef Methods global_max_methods():
    cdef Methods m = no_methods(GLOBAL_MAX, sizeof(GlobalPool))
    m.reserve, m.forward, m.backward = reserve_global_max, forward_global_max, backward_global_max
    return m


cdef Methods global_mean_methods():
    cdef Methods m = no_methods(GLOBAL_MEAN, 0)
    m.forward, m.backward = forward_global_mean, backward_global_mean
    return m
