# A network lowered to C: a chain of operations, op k reading tensor k and writing tensor k + 1.
#
# A tensor's row is one sample, channels last, padded so that whole vectors may be read and written past its end.
# `wide` tensors have a row for each sample of the batch, because a dense layer's weight gradient is one product over
# the whole batch. The others exist once a worker, for the group of samples it is taking through the network, and stay in
# its cache.

cdef enum Kind:
    DENSE, CONVOLUTION, MAX_POOL, MEAN_POOL, FLATTEN, ACTIVATION, PAD, SHIFT

# Into how many sums a batch's convolution gradients are parted at the most. Like a group's size it is independent of the
# number of threads: so are the results.
cdef enum:
    SLOTS = 16


cdef struct Op:
    int kind
    int activation
    Window window               # of convolutions and pools; elsewhere h, w, c and oh, ow, oc alone
    Matrix matrix               # of dense layers and convolutions; columns is 0 elsewhere
    Py_ssize_t pad_h, pad_w     # of PAD; the largest shift of SHIFT
    bint planar                 # one of a pair of planar.pxi
    Py_ssize_t slot             # where this op's gradient lies inside a slot
    real* winners               # of MAX_POOL, a row for each of the output tensor's
    Py_ssize_t winners_stride


cdef struct Tensor:
    Py_ssize_t size, stride     # numbers of a sample, and of its storage
    bint wide
    bint after_weights          # some operation before it has weights
    bint needs_gradient
    bint passing_value          # of no use once the next operation has read it: one row a worker
    bint passing_gradient
    real* value
    real* gradient


cdef struct Network:
    int count                   # operations; there is one more tensor
    int first                   # 1 where the first operation is a PAD that the engine does, as samples come and go
    Py_ssize_t group            # samples that a worker takes through the network together, at the most
    Op* op
    Tensor* tensor
    real* parameters
    real* gradients
    const real* zeros
    real* fields                # scratch of each worker: what a row of pixels gives to a row of inputs, and indices of non-zero inputs
    int* nonzero
    Py_ssize_t fields_stride, nonzero_stride
    real* slots                 # convolution gradients, one sum a slot
    Py_ssize_t slot_stride
    bint training
    bint skip_softmax           # the loss takes logits: leave the last activation out
    bint has_transposed         # dense layers use transposed weights


cdef inline Py_ssize_t row_of(const Network* net, const Tensor* t, int worker, Py_ssize_t sample, Py_ssize_t i) noexcept nogil:
    # Where sample i of the group that begins at `sample` of the batch is kept.
    return sample + i if t.wide else worker * net.group + i


cdef inline real* value_of(const Network* net, int k, int worker, Py_ssize_t sample, Py_ssize_t i) noexcept nogil:
    cdef const Tensor* t = &net.tensor[k]
    return t.value + (worker * net.group if t.passing_value else row_of(net, t, worker, sample, i)) * t.stride


cdef inline real* gradient_of(const Network* net, int k, int worker, Py_ssize_t sample, Py_ssize_t i) noexcept nogil:
    # NULL where nobody wants it.
    cdef const Tensor* t = &net.tensor[k]
    if not t.needs_gradient:
        return NULL
    return t.gradient + (worker * net.group if t.passing_gradient else row_of(net, t, worker, sample, i)) * t.stride


cdef inline real* winners_of(const Network* net, int k, int worker, Py_ssize_t sample, Py_ssize_t i) noexcept nogil:
    cdef const Tensor* t = &net.tensor[k + 1]
    return net.op[k].winners + row_of(net, t, worker, sample, i) * net.op[k].winners_stride if net.op[k].winners != NULL else NULL


cdef inline Py_ssize_t extent(const Op* op, const Tensor* target) noexcept nogil:
    # Planes are padded, so that they take more than their numbers.
    return target.stride - VEC_LANES if op.planar and op.kind == CONVOLUTION else target.size


cdef inline int activation_of(const Network* net, int k) noexcept nogil:
    return IDENTITY if net.skip_softmax and k == net.count - 1 else net.op[k].activation


cdef inline Py_ssize_t frame_start(const Op* op) noexcept nogil:
    # Where the image lies in what a PAD makes of it.
    return (op.pad_h * op.window.ow + op.pad_w) * op.window.c


cdef void shift_of(const Network* net, const Op* op, uint64_t draw, Py_ssize_t sample, Py_ssize_t* down, Py_ssize_t* right) noexcept nogil:
    # Each sample's own, uniform in -pad .. pad on each axis; none outside training.
    cdef uint64_t bits, low
    down[0] = right[0] = 0
    if net.training:
        bits = scramble(draw + <uint64_t>sample)
        low = <uint32_t>bits
        down[0] = <Py_ssize_t>(low % <uint64_t>(2 * op.pad_h + 1)) - op.pad_h
        right[0] = <Py_ssize_t>((bits >> 32) % <uint64_t>(2 * op.pad_w + 1)) - op.pad_w


cdef void forward_one(const Network* net, int k, int worker, Py_ssize_t sample, Py_ssize_t i, uint64_t draw) noexcept nogil:
    # Operation k, any but a dense layer, on one sample.
    cdef const Op* op = &net.op[k]
    cdef const Window* g = &op.window
    cdef const real* x = value_of(net, k, worker, sample, i)
    cdef real* y = value_of(net, k + 1, worker, sample, i)
    cdef real* winners = winners_of(net, k, worker, sample, i)
    cdef real* fields = net.fields + worker * net.fields_stride
    cdef Py_ssize_t down, right
    if op.kind == CONVOLUTION and op.planar:
        planar_convolution_forward(g, &op.matrix, net.parameters, x, fields, y)
    elif op.kind == CONVOLUTION:
        convolution_forward(g, &op.matrix, net.parameters, x, y)
    elif op.kind in (MAX_POOL, MEAN_POOL) and op.planar:
        planar_pool_forward(g, x, y, winners)
    elif op.kind == MAX_POOL:
        max_pool_forward(g, x, y, winners)
    elif op.kind == MEAN_POOL:
        mean_pool_forward(g, x, y)
    elif op.kind == FLATTEN:
        channels_first(x, y, g.c, g.h * g.w)
    elif op.kind == ACTIVATION:
        memcpy(y, x, net.tensor[k].size * sizeof(real))
    elif op.kind == PAD:
        copy_image(x, g.w * g.c, y + frame_start(op), g.ow * g.c, g.h, g.w * g.c)
    elif op.kind == SHIFT:
        shift_of(net, op, draw, sample + i, &down, &right)
        shift_image(x, y, g.h, g.w, g.c, down, right)
    activate(activation_of(net, k), y, extent(op, &net.tensor[k + 1]))


cdef void forward_group(const Network* net, int worker, Py_ssize_t sample, Py_ssize_t n, uint64_t draw) noexcept nogil:
    # Samples sample .. sample + n of the batch, n <= net.group, whose input tensor is filled. `draw` seeds their randomness.
    # Dense layers take the group at once; from one of them to the next, each sample goes alone and stays in the cache.
    cdef int first = net.first, last, k
    cdef Py_ssize_t i
    while first < net.count:
        last = first
        while last < net.count and net.op[last].kind != DENSE:
            last += 1
        for i in range(n):
            for k in range(first, last):
                forward_one(net, k, worker, sample, i, draw)
        if last < net.count:
            dense_forward(&net.op[last].matrix, net.parameters, net.parameters + net.op[last].matrix.bias, 0,
                          value_of(net, last, worker, sample, 0), net.tensor[last].stride,
                          value_of(net, last + 1, worker, sample, 0), net.tensor[last + 1].stride, n,
                          net.nonzero + worker * net.nonzero_stride, net.fields + worker * net.fields_stride)
            for i in range(n):
                activate(activation_of(net, last), value_of(net, last + 1, worker, sample, i), net.tensor[last + 1].size)
        first = last + 1


cdef void transpose_weights(const Network* net, int worker) noexcept nogil:
    # Each worker for itself: that is quicker than to fetch the half that another core has done.
    cdef int k
    cdef const Matrix* w
    for k in range(net.count):
        w = &net.op[k].matrix
        if w.transposed != NULL and (net.has_transposed or net.op[k].kind == CONVOLUTION):
            transpose_matrix(w, net.parameters, w.transposed + worker * w.transposed_stride)


cdef void backward_one(const Network* net, int k, int worker, Py_ssize_t slot, Py_ssize_t sample, Py_ssize_t i, uint64_t draw) noexcept nogil:
    # Operation k, any but a dense layer, on one sample. The gradient of a convolution's weights is added to the slot.
    cdef const Op* op = &net.op[k]
    cdef const Window* g = &op.window
    cdef const Matrix* w = &op.matrix
    cdef const real* x = value_of(net, k, worker, sample, i)
    cdef real* dx = gradient_of(net, k, worker, sample, i)
    cdef real* dy = gradient_of(net, k + 1, worker, sample, i)
    cdef const real* winners = winners_of(net, k, worker, sample, i)
    cdef real* fields = net.fields + worker * net.fields_stride
    cdef real* dw = net.slots + slot * net.slot_stride + op.slot
    cdef Py_ssize_t down, right
    activate_backward(activation_of(net, k), dy, value_of(net, k + 1, worker, sample, i), extent(op, &net.tensor[k + 1]))
    if op.kind == CONVOLUTION and op.planar:
        planar_weight_gradient(g, x, dy, dw, dw + w.rows * w.columns)
    elif op.kind == CONVOLUTION:
        convolution_weight_gradient(g, x, dy, dw, dw + w.rows * w.columns)
        if dx != NULL:
            convolution_input_gradient(g, w, w.transposed + worker * w.transposed_stride, net.zeros, dy, fields, dx)
    elif dx == NULL:
        return
    elif op.kind in (MAX_POOL, MEAN_POOL) and op.planar:
        planar_pool_backward(g, dy, winners, dx)
    elif op.kind in (MAX_POOL, MEAN_POOL):
        pool_backward(g, dy, winners, dx)
    elif op.kind == FLATTEN:
        channels_last(dy, dx, g.c, g.h * g.w)
    elif op.kind == ACTIVATION:
        memcpy(dx, dy, net.tensor[k].size * sizeof(real))
    elif op.kind == PAD:
        copy_image(dy + frame_start(op), g.ow * g.c, dx, g.w * g.c, g.h, g.w * g.c)
    elif op.kind == SHIFT:
        shift_of(net, op, draw, sample + i, &down, &right)
        shift_image(dy, dx, g.h, g.w, g.c, -down, -right)


cdef void dense_backward_group(const Network* net, int k, int worker, Py_ssize_t sample, Py_ssize_t n) noexcept nogil:
    # The input's gradient alone: that of the weights waits for the whole batch (weight_gradient below).
    cdef const Matrix* w = &net.op[k].matrix
    cdef const Tensor* source = &net.tensor[k]
    cdef const Tensor* target = &net.tensor[k + 1]
    cdef real* dx = gradient_of(net, k, worker, sample, 0)
    cdef real* dy = gradient_of(net, k + 1, worker, sample, 0)
    cdef Py_ssize_t i
    for i in range(n):
        activate_backward(activation_of(net, k), dy + i * target.stride, value_of(net, k + 1, worker, sample, i), target.size)
    if dx != NULL and net.has_transposed and n >= 4:
        dense_input_gradient(w, w.transposed + worker * w.transposed_stride, net.zeros, dy, target.stride, dx, source.stride, n)
    elif dx != NULL:
        for i in range(n):
            dense_input_gradient_one(w, net.parameters, dy + i * target.stride, dx + i * source.stride)


cdef void backward_group(const Network* net, int worker, Py_ssize_t slot, Py_ssize_t sample, Py_ssize_t n, uint64_t draw) noexcept nogil:
    # From the last tensor's gradient to every gradient that is needed.
    cdef int last = net.count, first, k
    cdef Py_ssize_t i
    while last > net.first and net.tensor[last].needs_gradient:
        first = last
        while first > net.first and net.op[first - 1].kind != DENSE and net.tensor[first].needs_gradient:
            first -= 1
        for i in range(n):
            for k in range(last - 1, first - 1, -1):
                backward_one(net, k, worker, slot, sample, i, draw)
        if first > 0 and net.op[first - 1].kind == DENSE and net.tensor[first].needs_gradient:
            dense_backward_group(net, first - 1, worker, sample, n)
        last = first - 1


cdef void add_run(real* target, const real* source, Py_ssize_t n) noexcept nogil:
    # n is a multiple of the vector length.
    cdef Py_ssize_t i
    for i from 0 <= i < n by VEC_LANES:
        vec_store(target + i, vec_load(target + i) + vec_load(source + i))


cdef void add_slice(real* total, const real* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t whole = n // VEC_LANES * VEC_LANES
    add_run(total, x, whole)
    for n in range(whole, n):
        total[n] += x[n]


cdef void weight_gradient(const Network* net, int k, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t batch, Py_ssize_t slots) noexcept nogil:
    # Rows start to stop of op k's gradient, whose last row is the bias.
    cdef const Matrix* w = &net.op[k].matrix
    cdef const Tensor* source = &net.tensor[k]
    cdef const Tensor* target = &net.tensor[k + 1]
    cdef real* total = net.gradients + w.offset
    cdef Py_ssize_t s
    if net.op[k].kind == DENSE:
        if start < w.rows:
            dense_weight_gradient(w, net.zeros, source.value, source.stride, target.gradient, target.stride, batch,
                                  start, stop if stop < w.rows else w.rows, net.gradients, net.parameters)
        if stop > w.rows:
            memset(net.gradients + w.bias, 0, w.columns * sizeof(real))
            sum_rows(target.gradient, target.stride, batch, w.columns, net.gradients + w.bias)
        return
    start *= w.columns
    stop *= w.columns
    memcpy(total + start, net.slots + net.op[k].slot + start, (stop - start) * sizeof(real))
    for s in range(1, slots):
        add_slice(total + start, net.slots + s * net.slot_stride + net.op[k].slot + start, stop - start)
