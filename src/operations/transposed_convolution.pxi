# A transposed convolution: forward it is a convolution's way back, so that each pixel of the input
# gives a window to the output, whose windows add up; back it is that convolution forward. That
# convolution's image is the output with a frame, which is left out.

cdef struct Transposed:
    Convolution of              # whose way back this is; first, as transpose_convolution wants it
    Py_ssize_t top, left        # pixels of the frame, which has as many below and right


cdef int describe_transposed(Network* net, Op* op, dict fields) except -1:
    cdef Transposed* own = <Transposed*>op.own
    cdef Window* g = &own.of.window
    own.top, own.left = fields["padding"]
    describe_window(g, target_of(net, op), source_of(net, op), fields)
    g.h += 2 * own.top
    g.w += 2 * own.left
    g.dh = g.dw = g.groups = 1
    describe_kernel(&own.of.w, g, op.offset)
    # Flat, as many numbers as the weights and the biases are.
    op.rows = op.trained_rows = g.kh * g.kw * g.oc + 1
    op.columns = g.c
    op.work = <double>own.of.w.rows * g.oc * g.oh * g.ow
    return 0


cdef inline Py_ssize_t framed_size(const Transposed* own) noexcept nogil:
    cdef const Window* g = &own.of.window
    return padded(g.h * g.w * g.c) + VEC_LANES if own.top or own.left else 0


cdef int reserve_transposed(Memory memory, Network* net, Op* op) except -1:
    cdef Transposed* own = <Transposed*>op.own
    memory.need(framed_size(own) + scratch_of(&own.of, 1), own.of.window.kh * own.of.w.padded)
    own.of.w.transposed = memory.take_copies(own.of.w.transposed_stride)
    return 0


cdef void forward_transposed(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Transposed* own = <const Transposed*>op.own
    cdef const Window* g = &own.of.window
    cdef const Matrix* w = &own.of.w
    cdef const Tensor* t = target_of(net, op)
    cdef real* scratch = fields_of(net, part.worker)
    cdef real* y = output_of(net, op, part)
    cdef real* framed = scratch if framed_size(own) else y
    cdef Py_ssize_t i
    convolution_input_gradient(&own.of, net.parameters + w.offset,
                               w.transposed + part.worker * w.transposed_stride, net.zeros,
                               input_of(net, op, part), framed, scratch + framed_size(own))
    for i in range(t.h):
        add_bias(framed + ((i + own.top) * g.w + own.left) * g.c, net.parameters + w.bias,
                 y + i * t.w * g.c, t.w, g.c)
    activate_output(net, op, y, t.size)


cdef void backward_transposed(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Transposed* own = <const Transposed*>op.own
    cdef const Window* g = &own.of.window
    cdef const Matrix* w = &own.of.w
    cdef const Tensor* t = target_of(net, op)
    cdef real* scratch = fields_of(net, part.worker)
    cdef real* dx = input_gradient_of(net, op, part)
    cdef real* dy = output_gradient_of(net, op, part)
    cdef real* dw = slot_of(net, op, part)
    cdef real* framed = scratch if framed_size(own) else dy
    activate_output_backward(net, op, dy, output_of(net, op, part), t.size)
    if framed_size(own):
        memset(framed, 0, g.h * g.w * g.c * sizeof(real))
        copy_rows(dy, t.w * g.c, framed + (own.top * g.w + own.left) * g.c, g.w * g.c, t.h,
                  t.w * g.c)
    if op.learns:
        convolution_weight_gradient(&own.of, framed, input_of(net, op, part), dw,
                                    scratch + framed_size(own))
        sum_rows(dy, g.c, t.h * t.w, g.c, dw + w.rows * w.columns)
    if dx != NULL:
        convolution_forward(&own.of, &own.of.window, net.parameters + w.offset, net.zeros,
                            framed, dx, scratch + framed_size(own))


cdef Methods transposed_convolution_methods():
    cdef Methods m = no_methods(TRANSPOSED_CONVOLUTION, sizeof(Transposed))
    m.describe, m.reserve = describe_transposed, reserve_transposed
    m.prepare = transpose_convolution
    m.forward, m.backward, m.gradient = forward_transposed, backward_transposed, gradient_of_slots
    return m
