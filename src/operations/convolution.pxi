# A convolution of an image that is padded already, or of a sequence, an image of height 1. The
# gradient of its weights is summed sample by sample.

cdef struct Convolution:
    Window window
    Matrix w
    bint planar                 # the first of a pair of planar.pxi
    int edge                    # of tiles of winograd.pxi, or 0
    bint in_steps               # of winograd_steps.pxi
    bint in_rows                # of winograd_rows.pxi
    real* laid                  # what these multiply by, of the weights, a copy for each worker
    int* places                 # of interleaved_places.pxi, forward
    int* places_back
    real* filters_back          # what its input's gradient comes of, a copy for each worker
    Py_ssize_t repeated         # how many filters a channel has, of a depthwise one


cdef void describe_window(Window* g, const Tensor* source, const Tensor* target, dict fields):
    g.c, g.h, g.w = source.features, height_of(source), width_of(source)
    g.oc, g.oh, g.ow = target.features, height_of(target), width_of(target)
    g.kh, g.kw = fields["kernel"]
    g.sh, g.sw = fields["stride"]


cdef void describe_kernel(Matrix* w, const Window* g, Py_ssize_t offset):
    w.offset, w.segments, w.length = offset, g.kh, g.kw * (g.c // g.groups)
    w.rows = w.segments * w.length
    w.columns = w.step = g.oc
    w.padded = padded(w.length)
    w.bias = w.offset + w.rows * w.columns
    w.transposed_stride = w.columns * w.segments * w.padded + VEC_LANES


cdef int describe_convolution(Network* net, Op* op, dict fields) except -1:
    cdef Convolution* own = <Convolution*>op.own
    cdef Window* g = &own.window
    cdef Matrix* w = &own.w
    describe_window(g, source_of(net, op), target_of(net, op), fields)
    g.groups = fields["groups"]
    g.dh, g.dw = fields["dilation"]
    if g.kh == 1:
        g.dh = 1
    if g.kw == 1:
        g.dw = 1
    describe_kernel(w, g, op.offset)
    op.rows = op.trained_rows = w.rows + 1
    op.columns = w.columns
    op.work = <double>w.rows * w.columns * g.oh * g.ow
    if is_depthwise(g):
        own.repeated = g.oc // g.c
        g.c = g.oc
    elif g.c > 1 and g.kh == g.kw == g.sh == g.sw == 1:
        own.window = row_of_pixels(g)
    own.in_steps = goes_in_steps(g)
    own.in_rows = goes_in_rows(g)
    if own.repeated <= 1 and is_one_row(g):
        let_share(op, g.ow, 16, g.oc)
    elif own.repeated <= 1 and g.c > 1:     # pairs of rows stay whole; planes are not shared
        let_share(op, g.oh, 2, g.oc)
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
            own.planar = (own.window.c == 1 and own.window.sw == 1
                          and own.window.dh == own.window.dw == 1 and not reaches_input(mode)
                          and not source_of(net, op).after_weights and after.source[0] == op.target
                          and g.kh == g.kw == g.sh == g.sw == 2)
            (<Pool*>after.own).planar = own.planar
            t.stride = (g.c * g.h * padded(g.w) if own.planar else padded(t.size)) + VEC_LANES


cdef bint choose_tiles(Network* net, bint training, Py_ssize_t batch):
    # Which convolutions go in tiles, how large these are, and whether that is news. In training,
    # also by hand, they may be large.
    cdef int k, edge
    cdef bint news = False
    cdef Op* op
    cdef Convolution* own
    for k in range(net.count):
        op = &net.op[k]
        if op.kind != CONVOLUTION:
            continue
        own = <Convolution*>op.own
        edge = edge_of_tiles(&own.window, training, batch)
        if edge != own.edge:
            own.edge, news = edge, True
            own.in_rows = goes_in_rows(&own.window) and not edge
            op.takes_group = edge > 0 and fills_no_block(&own.window, edge)
            op.grain = max(2, edge)         # tiles stay whole, where their rows are shared
    return news


cdef inline Py_ssize_t transposed_size(const Convolution* own) noexcept:
    cdef const Window* g = &own.window
    if own.edge:
        return winograd_panels(g, own.edge, True)
    if own.in_steps:
        return filters_size(g)
    return own.w.columns * own.w.segments * own.w.padded + VEC_LANES


cdef int reserve_convolution(Memory memory, Network* net, Op* op) except -1:
    cdef Convolution* own = <Convolution*>op.own
    cdef Window* g = &own.window
    cdef Tensor* target = &net.tensor[op.target]
    if own.planar:                      # the pool that comes next is all that reads its value
        target.passing_value = (target.passing_gradient and not target.wide_value
                                and op.activation == IDENTITY)
    if op.interleaved:
        reserve_interleaved(memory, net, op)
    memory.need(scratch_of(own, net.rows if op.takes_group else 1), g.kh * own.w.padded)
    if own.edge:
        memory.need(0, max(padded(g.c), padded(g.oc)))
        own.laid = memory.take_copies(winograd_panels(g, own.edge, False))
    if own.in_steps:
        memory.need(0, max(padded(g.kw * g.c), padded(g.oc)))
        own.laid = memory.take_copies(filters_size(g))
    if own.in_rows:
        memory.need(rows_scratch(g), g.ow * g.oc)
    if own.in_rows or (op.interleaved and filters_forward(g)):
        own.laid = memory.take_copies(row_filters_size(g))
    own.w.transposed = NULL
    if (source_of(net, op).needs_gradient and memory.mode != INFERENCE and not own.repeated
            and not goes_back_in_planes(g)):
        own.w.transposed_stride = transposed_size(own)
        own.w.transposed = memory.take_copies(own.w.transposed_stride)
    return 0


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


cdef inline bint goes_back_in_planes(const Window* g) noexcept nogil:
    # Where there is one channel, whose runs would leave most lanes empty.
    return g.c == 1 and g.groups == 1 and g.sw == g.dw == 1 and g.h > 1


cdef inline bint goes_back_in_runs(const Window* g) noexcept nogil:
    return is_in_runs(g) and g.h > 1 and not goes_back_in_planes(g) and not passes_over(g)


cdef Py_ssize_t scratch_of(const Convolution* own, Py_ssize_t images) noexcept:
    cdef const Window* g = &own.window
    if own.planar:
        return g.oc * padded(g.ow)
    if own.edge:
        return winograd_scratch(g, own.edge, images)
    if own.in_steps:
        return steps_scratch(g)
    if goes_back_in_planes(g):
        return g.oc * width_of_planes(g) + VEC_LANES
    if passes_over(g):
        return pixels_seen(g)
    if goes_back_in_runs(g):
        return (g.ow + 1) * (own.w.padded + VEC_LANES)
    return frame_size(g) + (g.h * g.w * g.c if own.repeated > 1 else 0)


cdef inline real* repeated_image(const Convolution* own, real* scratch) noexcept nogil:
    # Behind the frame.
    return scratch + frame_size(&own.window)


cdef inline real* laid_of(const Convolution* own, int worker) noexcept nogil:
    cdef const Window* g = &own.window
    return own.laid + worker * (winograd_panels(g, own.edge, False) if own.edge
                                else filters_size(g) if own.in_steps else row_filters_size(g))


cdef void lay_weights(const Network* net, const Op* op, int worker) noexcept nogil:
    cdef const Convolution* own = <const Convolution*>op.own
    if own.edge:
        lay_places(&own.window, own.edge, net.parameters + own.w.offset, laid_of(own, worker))
    elif own.in_steps:
        weights_to_filters(&own.window, net.parameters + own.w.offset, laid_of(own, worker))
    elif filters_forward(&own.window) if in_fours(net, op) else own.in_rows:
        weights_to_row_filters(&own.window, net.parameters + own.w.offset, laid_of(own, worker))


cdef inline real* transposed_of(const Convolution* own, int worker) noexcept nogil:
    # NULL where the input's gradient does not come of them, or nobody wants it.
    return own.w.transposed + worker * own.w.transposed_stride if own.w.transposed != NULL else NULL


cdef inline real* back_of(const Convolution* own, int worker) noexcept nogil:
    return own.filters_back + worker * row_filters_size(&own.window)


cdef void transpose_convolution(const Network* net, const Op* op, int worker) noexcept nogil:
    # Its own, or that of which a transposed one is the way back.
    cdef const Convolution* own = <const Convolution*>op.own
    cdef const Window* g = &own.window
    cdef const Matrix* w = &own.w
    cdef Window taps
    cdef real* transposed = transposed_of(own, worker)
    if in_fours(net, op):
        if own.filters_back != NULL:
            taps = taps_of_rows(g)
            filters_back(&taps, net.parameters + w.offset, back_of(own, worker),
                         fields_of(net, worker))
        return
    if transposed == NULL or goes_back_in_planes(g):
        return
    if own.edge:
        lay_places_back(g, own.edge, net.parameters + w.offset, transposed, fields_of(net, worker))
    elif goes_back_in_runs(g):
        transpose_matrix(w, net.parameters, transposed)
    elif own.in_steps:
        filters_back(g, net.parameters + w.offset, transposed, fields_of(net, worker))
    else:
        transpose_taps(g, w, net.parameters, transposed)


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


cdef Methods convolution_methods():
    cdef Methods m = no_methods(CONVOLUTION, sizeof(Convolution))
    m.describe, m.reserve = describe_convolution, reserve_convolution
    m.prepare, m.prepare_back = lay_weights, transpose_convolution
    m.forward, m.backward, m.gradient = forward_convolution, backward_convolution, gradient_of_slots
    m.forward_share = forward_share_of_convolution
    m.interleaves = interleaves_convolution
    m.forward_fours, m.backward_fours = forward_fours_of_convolution, backward_fours_of_convolution
    return m
