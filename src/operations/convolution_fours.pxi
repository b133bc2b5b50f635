# A convolution of four images interleaved (interleaving.pxi).

cdef int reserve_interleaved(Memory memory, const Network* net, const Op* op) except -1:
    cdef Convolution* own = <Convolution*>op.own
    cdef Window* g = &own.window
    memory.need(max(scratch_forward(g), scratch_to_weights(g)), 2 * VEC_LANES)
    own.places = memory.take_ints(number_of_places(g))
    places_of(g, own.places)
    own.filters_back = NULL
    if memory.mode != INFERENCE and source_of(net, op).needs_gradient:
        memory.need(max(scratch_to_input(g), row_filters_size(g)), 0)
        own.places_back = memory.take_ints(g.kw * g.oc)
        places_back(g, own.places_back)
        own.filters_back = memory.take_copies(row_filters_size(g))
    return 0


cdef bint interleaves_convolution(const Network* net, const Op* op) noexcept:
    cdef const Convolution* own = <const Convolution*>op.own
    return (goes_interleaved(&own.window) and not own.repeated and not own.edge
            and not own.in_steps and not ACTIVATION_ROWS[op.activation].of_row)


cdef void forward_fours_of_convolution(const Network* net, const Op* op,
                                       const Part* part) noexcept nogil:
    cdef const Convolution* own = <const Convolution*>op.own
    cdef const Window* g = &own.window
    cdef const real* weight = net.parameters + own.w.offset
    cdef const Tensor* t = target_of(net, op)
    cdef real* y = fours_of(net, t, part)
    if filters_forward(g):
        weight = laid_of(own, part.worker)
    interleaved_forward(g, own.places, weight, net.parameters + own.w.bias, net.zeros,
                        fours_of(net, source_of(net, op), part), y, fields_of(net, part.worker))
    activate_output(net, op, y, numbers_of_fours(t))


cdef void backward_fours_of_convolution(const Network* net, const Op* op,
                                        const Part* part) noexcept nogil:
    cdef const Convolution* own = <const Convolution*>op.own
    cdef const Tensor* s = source_of(net, op)
    cdef const Tensor* t = target_of(net, op)
    cdef real* dx = gradient_fours_of(net, s, part)
    cdef real* dy = gradient_fours_of(net, t, part)
    cdef real* dw = slot_of(net, op, part)
    cdef real* scratch = fields_of(net, part.worker)
    activate_output_backward(net, op, dy, fours_of(net, t, part), numbers_of_fours(t))
    if op.learns:
        interleaved_weight_gradient(&own.window, fours_of(net, s, part), dy, dw,
                                    dw + own.w.rows * own.w.columns, scratch)
    if dx != NULL:
        interleaved_input_gradient(&own.window, own.places_back, back_of(own, part.worker),
                                   net.zeros, dy, scratch, dx)
