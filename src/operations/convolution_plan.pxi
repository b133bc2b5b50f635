# What a convolution is, which way of computing it is taken, and the memory for that.

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


cdef inline Py_ssize_t transposed_taps(const Matrix* w) noexcept nogil:
    return w.columns * w.segments * w.padded + VEC_LANES


cdef void describe_kernel(Matrix* w, const Window* g, Py_ssize_t offset):
    w.offset, w.segments, w.length = offset, g.kh, g.kw * (g.c // g.groups)
    w.rows = w.segments * w.length
    w.columns = w.step = g.oc
    w.padded = padded(w.length)
    w.bias = w.offset + w.rows * w.columns
    w.transposed_stride = transposed_taps(w)


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
    return transposed_taps(&own.w)


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
