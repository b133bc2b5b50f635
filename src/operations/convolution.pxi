# A convolution of an image that is padded already, or of a sequence, an image of height 1. The
# gradient of its weights is summed sample by sample.

cdef inline real* repeated_image(const Convolution* own, real* scratch) noexcept nogil:
    # Behind the frame.
    return scratch + frame_size(&own.window)


cdef const real* repeated_input(const Convolution* own, const real* x,
                                real* scratch) noexcept nogil:
    # Each channel as often as it has filters.
    cdef const Window* g = &own.window
    if own.repeated == 1:
        return x
    repeat_channels(x, repeated_image(own, scratch), g.c // own.repeated, own.repeated, g.h * g.w)
    return repeated_image(own, scratch)


cdef void convolution_forward(const Convolution* own, const Window* g, const real* weight,
                              const real* bias, const real* x, real* y,
                              real* scratch) noexcept nogil:
    # The window is its own, or that of some rows.
    cdef Window row
    if own.repeated:
        depthwise_forward(g, weight, bias, repeated_input(own, x, scratch), y)
    elif passes_over(g):
        row = row_of_pixels(g)
        see_pixels(g, x, scratch)
        runs_forward(&row, weight, bias, scratch, y)
    elif is_in_runs(g):
        runs_forward(g, weight, bias, x, y)
    else:
        taps_forward(g, weight, bias, x, y)


cdef void convolution_weight_gradient(const Convolution* own, const real* x, const real* dy,
                                      real* dw, real* scratch) noexcept nogil:
    # Adds to dw.
    cdef const Window* g = &own.window
    cdef Window row
    if own.repeated:
        depthwise_weight_gradient(g, repeated_input(own, x, scratch), dy, dw)
    elif passes_over(g):
        row = row_of_pixels(g)
        see_pixels(g, x, scratch)
        runs_weight_gradient(&row, scratch, dy, dw)
    elif is_in_runs(g):
        runs_weight_gradient(g, x, dy, dw)
    else:
        taps_weight_gradient(g, x, dy, dw)


cdef void convolution_input_gradient(const Convolution* own, const real* weight,
                                     const real* transposed, const real* zeros, const real* dy,
                                     real* dx, real* scratch) noexcept nogil:
    cdef const Window* g = &own.window
    cdef Window row
    cdef real* repeated
    if own.repeated > 1:
        repeated = repeated_image(own, scratch)
        depthwise_input_gradient(g, weight, zeros, dy, scratch, repeated)
        add_up_repeated(repeated, dx, g.c // own.repeated, own.repeated, g.h * g.w)
    elif own.repeated:
        depthwise_input_gradient(g, weight, zeros, dy, scratch, dx)
    elif goes_back_in_planes(g):
        planar_input_gradient(g, weight, dy, scratch, dx)
    elif passes_over(g):
        row = row_of_pixels(g)
        taps_input_gradient(&row, transposed, zeros, dy, NULL, scratch)
        spread_pixels(g, scratch, dx)
    elif goes_back_in_runs(g):
        runs_input_gradient(g, &own.w, transposed, zeros, dy, scratch, dx)
    else:
        taps_input_gradient(g, transposed, zeros, dy, scratch, dx)


cdef void convolve(const Network* net, const Op* op, const Window* g, const Part* part,
                   const real* x, real* y) noexcept nogil:
    cdef const Convolution* own = <const Convolution*>op.own
    cdef const real* bias = net.parameters + own.w.bias
    cdef real* scratch = fields_of(net, part.worker)
    if own.edge:
        winograd_forward(g, own.edge, part.count, laid_of(own, part.worker), bias, net.zeros, x,
                         source_of(net, op).stride, y, target_of(net, op).stride, scratch)
    elif own.in_steps:
        steps_forward(g, laid_of(own, part.worker), bias, net.zeros, x, y, scratch)
    elif own.in_rows:
        rows_forward(g, laid_of(own, part.worker), bias, net.zeros, x, y, scratch)
    else:
        convolution_forward(own, g, net.parameters + own.w.offset, bias, x, y, scratch)


cdef inline void activate_images(const Network* net, const Op* op, const Part* part, real* y,
                                 Py_ssize_t numbers) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(part.count):
        activate_output(net, op, y + i * target_of(net, op).stride, numbers)
    if op.takes_group:
        worked(net.watch, part.worker, part.count * op.work)


cdef void forward_convolution(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Convolution* own = <const Convolution*>op.own
    cdef const real* x = input_of(net, op, part)
    cdef real* y = output_of(net, op, part)
    if own.planar:
        planar_convolution_forward(&own.window, &own.w, net.parameters, x,
                                   fields_of(net, part.worker), y)
    else:
        convolve(net, op, &own.window, part, x, y)
    activate_images(net, op, part, y, numbers_of(own, target_of(net, op)))


cdef void forward_share_of_convolution(const Network* net, const Op* op, const Part* part,
                                       Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef const Window* g = &(<const Convolution*>op.own).window
    cdef Window some = rows_of_window(g, first, last)
    cdef real* y = output_of(net, op, part) + output_before(g, first)
    convolve(net, op, &some, part, input_of(net, op, part) + input_before(g, first), y)
    activate_images(net, op, part, y, output_before(g, last - first))


cdef void backward_in_tiles(const Network* net, const Op* op, const Part* part) noexcept nogil:
    # Of several images, if the operation takes groups.
    cdef const Convolution* own = <const Convolution*>op.own
    cdef const Window* g = &own.window
    cdef const Tensor* source = source_of(net, op)
    cdef const Tensor* target = target_of(net, op)
    cdef const real* y = output_of(net, op, part)
    cdef real* dy = output_gradient_of(net, op, part)
    cdef real* dw = slot_of(net, op, part) if op.learns else NULL
    cdef Py_ssize_t i
    for i in range(part.count):
        activate_output_backward(net, op, dy + i * target.gradient_stride, y + i * target.stride,
                                 target.size)
    winograd_backward(g, own.edge, part.count, transposed_of(own, part.worker), net.zeros,
                      input_of(net, op, part), source.stride, dy, target.gradient_stride, dw,
                      input_gradient_of(net, op, part), source.gradient_stride,
                      fields_of(net, part.worker))
    for i in range(part.count if op.learns else 0):
        sum_rows(dy + i * target.gradient_stride, g.oc, g.oh * g.ow, g.oc,
                 dw + own.w.rows * own.w.columns)
    if op.takes_group:
        worked(net.watch, part.worker, 2 * part.count * op.work)


cdef void backward_convolution(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Convolution* own = <const Convolution*>op.own
    cdef const Window* g = &own.window
    cdef const Matrix* w = &own.w
    cdef const real* x = input_of(net, op, part)
    cdef real* dx = input_gradient_of(net, op, part)
    cdef real* dy = output_gradient_of(net, op, part)
    cdef real* dw = slot_of(net, op, part)
    cdef real* db = dw + w.rows * w.columns
    cdef real* scratch = fields_of(net, part.worker)
    cdef const real* transposed = transposed_of(own, part.worker)
    if own.edge:
        backward_in_tiles(net, op, part)
        return
    activate_output_backward(net, op, dy, output_of(net, op, part),
                             numbers_of(own, target_of(net, op)))
    if own.planar:
        planar_weight_gradient(g, x, dy, dw, db)
        return
    if own.in_steps:
        steps_backward(g, transposed, net.zeros, x, dy, dw if op.learns else NULL, dx, scratch)
        if op.learns:
            sum_rows(dy, g.oc, g.ow, g.oc, db)
        return
    if op.learns:
        if own.in_rows:
            rows_weight_gradient(g, net.zeros, x, dy, dw, scratch)
        else:
            convolution_weight_gradient(own, x, dy, dw, scratch)
        sum_rows(dy, g.oc, g.oh * g.ow, g.oc, db)
    if dx != NULL:
        convolution_input_gradient(own, net.parameters + w.offset, transposed, net.zeros, dy, dx,
                                   scratch)


cdef Methods convolution_methods():
    cdef Methods m = no_methods(CONVOLUTION, sizeof(Convolution))
    m.describe, m.reserve = describe_convolution, reserve_convolution
    m.prepare, m.prepare_back = lay_weights, transpose_convolution
    m.forward, m.backward, m.gradient = forward_convolution, backward_convolution, gradient_of_slots
    m.forward_share = forward_share_of_convolution
    m.interleaves = interleaves_convolution
    m.forward_fours, m.backward_fours = forward_fours_of_convolution, backward_fours_of_convolution
    return m
