# A convolution of an image that is padded already. The gradient of its weights is summed sample by
# sample.

cdef struct Convolution:
    Window window
    Matrix w
    bint planar                 # the first of a pair of planar.pxi


cdef void describe_window(Window* g, const Tensor* source, const Tensor* target, dict fields):
    g.c, g.h, g.w = source.features, source.h, source.w
    g.oc, g.oh, g.ow = target.features, target.h, target.w
    g.kh, g.kw = fields.get("kernel", (1, 1))
    g.sh, g.sw = fields.get("stride", (1, 1))


cdef int describe_convolution(Network* net, Op* op, dict fields) except -1:
    cdef Convolution* own = <Convolution*>op.own
    cdef Window* g = &own.window
    cdef Matrix* w = &own.w
    describe_window(g, source_of(net, op), target_of(net, op), fields)
    w.offset, w.segments, w.length = op.offset, g.kh, g.kw * g.c
    w.rows = w.segments * w.length
    w.columns = w.step = g.oc
    w.padded = padded(w.length)
    w.bias = w.offset + w.rows * w.columns
    op.rows = op.trained_rows = w.rows + 1
    op.columns = w.columns
    op.work = <double>w.rows * w.columns * g.oh * g.ow
    return 0


cdef inline Py_ssize_t numbers_of(const Convolution* own, const Tensor* target) noexcept nogil:
    # Planes are padded, so that they take more than their numbers.
    return target.stride - VEC_LANES if own.planar else target.size


cdef void choose_planar(Network* net, int mode):
    # A convolution of a one-channel image, whose own gradient nobody wants, and the pool that alone
    # reads it.
    cdef int k
    cdef Op* op
    cdef Op* after
    cdef Convolution* own
    cdef Window* g
    cdef Tensor* t
    for k in range(net.count - 1):
        op, after, t = &net.op[k], &net.op[k + 1], &net.tensor[k + 1]
        if op.kind != CONVOLUTION:
            continue
        own = <Convolution*>op.own
        own.planar = False
        if after.kind == MAX_POOL or after.kind == MEAN_POOL:
            g = &(<Pool*>after.own).window
            own.planar = (own.window.c == 1 and own.window.sw == 1 and mode != HOLDING
                          and not source_of(net, op).after_weights and after.source[0] == op.target
                          and g.kh == g.kw == g.sh == g.sw == 2)
            (<Pool*>after.own).planar = own.planar
            t.stride = (g.c * g.h * padded(g.w) if own.planar else padded(t.size)) + VEC_LANES


cdef int reserve_convolution(Memory memory, Network* net, Op* op) except -1:
    cdef Convolution* own = <Convolution*>op.own
    cdef Window* g = &own.window
    cdef Tensor* target = &net.tensor[op.target]
    if own.planar:                      # the pool that comes next is all that reads its value
        target.passing_value = target.passing_gradient and op.activation == IDENTITY
    memory.need(max((g.ow + 1) * (own.w.padded + VEC_LANES), g.oc * padded(g.ow)),
                g.kh * own.w.padded)
    own.w.transposed_stride = own.w.columns * own.w.segments * own.w.padded + VEC_LANES
    own.w.transposed = NULL
    if source_of(net, op).needs_gradient and memory.mode != INFERENCE:
        own.w.transposed = memory.take_copies(own.w.transposed_stride)
    return 0


cdef void transpose_convolution(const Network* net, const Op* op, int worker) noexcept nogil:
    cdef const Matrix* w = &(<const Convolution*>op.own).w
    if w.transposed != NULL:
        transpose_matrix(w, net.parameters, w.transposed + worker * w.transposed_stride)


cdef void forward_convolution(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Convolution* own = <const Convolution*>op.own
    cdef const real* x = input_of(net, op, part)
    cdef real* y = output_of(net, op, part)
    if own.planar:
        planar_convolution_forward(&own.window, &own.w, net.parameters, x,
                                   fields_of(net, part.worker), y)
    else:
        convolution_forward(&own.window, &own.w, net.parameters, x, y)
    activate_output(net, op, y, numbers_of(own, target_of(net, op)))


cdef void backward_convolution(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Convolution* own = <const Convolution*>op.own
    cdef const Window* g = &own.window
    cdef const Matrix* w = &own.w
    cdef const real* x = input_of(net, op, part)
    cdef real* dx = input_gradient_of(net, op, part)
    cdef real* dy = output_gradient_of(net, op, part)
    cdef real* dw = slot_of(net, op, part)
    cdef real* db = dw + w.rows * w.columns
    activate_output_backward(net, op, dy, output_of(net, op, part),
                             numbers_of(own, target_of(net, op)))
    if own.planar:
        planar_weight_gradient(g, x, dy, dw, db)
        return
    if op.learns:
        convolution_weight_gradient(g, x, dy, dw, db)
    if dx != NULL:
        convolution_input_gradient(g, w, w.transposed + part.worker * w.transposed_stride,
                                   net.zeros, dy, fields_of(net, part.worker), dx)


cdef Methods convolution_methods():
    cdef Methods m = no_methods(CONVOLUTION, sizeof(Convolution))
    m.describe, m.reserve = describe_convolution, reserve_convolution
    m.prepare_back = transpose_convolution
    m.forward, m.backward, m.gradient = forward_convolution, backward_convolution, gradient_of_slots
    return m
