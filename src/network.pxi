# A network lowered to C: a chain of operations, op k reading tensor k and writing tensor k + 1.
#
# A tensor's row is one sample, or a node of one that is a tree, channels last, padded so that whole vectors may be read and written past its end.
# `wide` tensors have a row for each sample of the batch, because a dense layer's weight gradient is one product over
# the whole batch. The others exist once a worker, for the group of samples it is taking through the network, and stay in
# its cache.

cdef enum Kind:
    DENSE, CONVOLUTION, MAX_POOL, MEAN_POOL, FLATTEN, ACTIVATION, PAD, SHIFT, RECURRENT, EMBEDDING, DROPOUT, RECURSIVE

# Into how many sums a batch's convolution gradients are parted at the most. Like a group's size it is independent of the
# number of threads: so are the results.
cdef enum:
    SLOTS = 16


cdef struct Op:
    int kind
    int activation
    real setting                # of the activation
    Window window               # of convolutions and pools; elsewhere h, w, c and oh, ow, oc alone
    Matrix matrix               # of dense layers, convolutions and embeddings
    Recurrent cells[2]          # of recurrent layers, the second from the last step to the first
    int directions              # how many of them there are
    bint sequences              # whether each step's state goes on, or the last alone
    bint adds                   # whether two directions are added up, or lie side by side
    bint stateful
    Composition tree            # of recursive layers
    real rate                   # of DROPOUT
    Py_ssize_t nth              # of DROPOUT and SHIFT: how many of these there are before it
    double work                 # multiply-adds of a forward pass, a sample
    Py_ssize_t offset, rows, columns    # its parameters, all in rows of one width; 0 rows where there are none
    Py_ssize_t pad_h, pad_w     # of PAD; the largest shift of SHIFT
    bint planar                 # one of a pair of planar.pxi
    Py_ssize_t slot             # where this op's gradient lies inside a slot
    real* winners               # of MAX_POOL, a row for each of the output tensor's
    Py_ssize_t winners_stride


cdef struct Tensor:
    Py_ssize_t size, stride     # numbers of a sample, and of its storage
    Py_ssize_t steps            # in time, that a sample consists of; 1 where there is no such axis
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
    Py_ssize_t rows             # of tensors that they take: as many, or the nodes of so many trees
    Forest forest               # of recursive layers: samples are trees, and rows their nodes
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
    bint looks_up               # the first operation is an embedding, and the layer behind it looks its products up
    bint has_transposed         # there are samples enough for copies of weights to pay
    bint alone                  # batches are of one sample
    const int64_t* lengths      # of the samples in time, or NULL
    real* states                # a row for each sample: what recurrent layers start with, and then end with; or NULL
    real* state_gradients
    Py_ssize_t state_stride
    meeting* team               # of all workers, where there is one group that they take together; or NULL
    Watch* watch
    bint all_states             # of all recurrent layers, not only of stateful ones


cdef inline bint has_trees(const Network* net) noexcept nogil:
    return net.forest.start != NULL


cdef inline Py_ssize_t groups_of(const Network* net, Py_ssize_t samples) noexcept nogil:
    return (samples + net.group - 1) // net.group


cdef inline Py_ssize_t rows_of(const Network* net, Py_ssize_t batch) noexcept nogil:
    # Of a batch's samples, once their groups are laid out.
    cdef Py_ssize_t last = groups_of(net, batch) - 1
    return net.forest.first[last] + net.forest.rows[last] if has_trees(net) else batch


cdef inline Py_ssize_t row_of(const Network* net, const Tensor* t, int worker, Py_ssize_t sample, Py_ssize_t i) noexcept nogil:
    # Where sample i of the group that begins at `sample` of the batch is kept.
    return sample + i if t.wide else worker * net.rows + i


cdef inline real* value_of(const Network* net, int k, int worker, Py_ssize_t sample, Py_ssize_t i) noexcept nogil:
    cdef const Tensor* t = &net.tensor[k]
    return t.value + (worker * net.rows if t.passing_value else row_of(net, t, worker, sample, i)) * t.stride


cdef inline real* gradient_of(const Network* net, int k, int worker, Py_ssize_t sample, Py_ssize_t i) noexcept nogil:
    # NULL where nobody wants it.
    cdef const Tensor* t = &net.tensor[k]
    if not t.needs_gradient:
        return NULL
    return t.gradient + (worker * net.rows if t.passing_gradient else row_of(net, t, worker, sample, i)) * t.stride


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


cdef inline uint64_t drawn(const Op* op, uint64_t draw, Py_ssize_t sample) noexcept nogil:
    # Random bits of an operation's own for each sample.
    return scramble(draw + (<uint64_t>op.nth << 32) + <uint64_t>sample)


cdef void shift_of(const Network* net, const Op* op, uint64_t draw, Py_ssize_t sample, Py_ssize_t* down, Py_ssize_t* right) noexcept nogil:
    # Each sample's own, uniform in -pad .. pad on each axis; none outside training.
    cdef uint64_t bits, low
    down[0] = right[0] = 0
    if net.training:
        bits = drawn(op, draw, sample)
        low = <uint32_t>bits
        down[0] = <Py_ssize_t>(low % <uint64_t>(2 * op.pad_h + 1)) - op.pad_h
        right[0] = <Py_ssize_t>((bits >> 32) % <uint64_t>(2 * op.pad_w + 1)) - op.pad_w


cdef inline void clear_after_end(const Network* net, const Tensor* t, Py_ssize_t sample, real* x) noexcept nogil:
    # Of what a sample has there, the steps that do not count.
    cdef Py_ssize_t length
    if net.lengths != NULL and t.steps > 1:
        length = min(net.lengths[sample], t.steps)
        memset(x + length * (t.size // t.steps), 0, (t.steps - length) * (t.size // t.steps) * sizeof(real))


cdef void forward_one(const Network* net, int k, int worker, Py_ssize_t sample, Py_ssize_t i, uint64_t draw) noexcept nogil:
    # Operation k, any that does not take the group at once, on one sample.
    cdef const Op* op = &net.op[k]
    cdef const Window* g = &op.window
    cdef const real* x = value_of(net, k, worker, sample, i)
    cdef real* y = value_of(net, k + 1, worker, sample, i)
    cdef real* winners = winners_of(net, k, worker, sample, i)
    cdef real* fields = net.fields + worker * net.fields_stride
    cdef Py_ssize_t down, right, token
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
        clear_after_end(net, &net.tensor[k], sample + i, y)
    elif op.kind == ACTIVATION:
        memcpy(y, x, net.tensor[k].size * sizeof(real))
    elif op.kind == PAD:
        copy_image(x, g.w * g.c, y + frame_start(op), g.ow * g.c, g.h, g.w * g.c)
    elif op.kind == SHIFT:
        shift_of(net, op, draw, sample + i, &down, &right)
        shift_image(x, y, g.h, g.w, g.c, down, right)
    elif op.kind == EMBEDDING and net.looks_up:
        pass                        # nobody reads y
    elif op.kind == EMBEDDING:
        for token in range(net.tensor[k + 1].steps):
            if x[token] < 0:        # a node that is no leaf
                memset(y + token * op.columns, 0, op.columns * sizeof(real))
            else:
                memcpy(y + token * op.columns, net.parameters + op.offset + <Py_ssize_t>x[token] * op.columns, op.columns * sizeof(real))
    elif op.kind == DROPOUT:
        dropout(x, y, net.tensor[k].size, op.rate if net.training else 0, drawn(op, draw, sample + i))
    activate_steps(activation_of(net, k), net.op[k].setting, y, extent(op, &net.tensor[k + 1]), net.tensor[k + 1].steps)


cdef inline bint takes_group(const Op* op) noexcept nogil:
    return op.kind == DENSE or op.kind == RECURRENT or op.kind == RECURSIVE


cdef void dense_forward_group(const Network* net, int k, int worker, Py_ssize_t sample, Py_ssize_t n) noexcept nogil:
    cdef const Matrix* w = &net.op[k].matrix
    cdef const Tensor* source = &net.tensor[k]
    cdef const Tensor* target = &net.tensor[k + 1]
    cdef const real* x = value_of(net, k, worker, sample, 0)
    cdef real* y = value_of(net, k + 1, worker, sample, 0)
    cdef const real* bias = net.parameters + w.bias
    cdef int* nonzero = net.nonzero + worker * net.nonzero_stride
    cdef Py_ssize_t i
    if source.steps == 1:
        dense_forward(w, net.parameters, bias, 0, x, source.stride, y, target.stride, n, nonzero)
    for i in range(n):
        if source.steps > 1:
            dense_forward(w, net.parameters, bias, 0, x + i * source.stride, w.rows, y + i * target.stride, w.columns, source.steps, nonzero)
        activate_steps(activation_of(net, k), net.op[k].setting, y + i * target.stride, target.size, target.steps)
        worked(net.watch, worker, net.op[k].work)
        if is_ending(net.watch):
            return


cdef void forward_group(const Network* net, int worker, Py_ssize_t sample, Py_ssize_t n, uint64_t draw) noexcept nogil:
    # Samples sample .. sample + n of the batch, n <= net.rows, whose input tensor is filled. `draw` seeds their randomness.
    # Dense, recurrent and recursive layers take the group at once; from one of them to the next, each sample goes alone and stays in
    # the cache.
    cdef int first = net.first, last, k
    cdef bint leads = net.team == NULL or worker == 0       # a team's others help with recurrent layers alone
    cdef Py_ssize_t i
    while first < net.count and (net.team != NULL or not is_ending(net.watch)):
        last = first
        while last < net.count and not takes_group(&net.op[last]):
            last += 1
        for i in range(n if leads else 0):
            for k in range(first, last):
                forward_one(net, k, worker, sample, i, draw)
                worked(net.watch, worker, net.op[k].work)
            if is_ending(net.watch):
                break
        if last < net.count and net.op[last].kind == DENSE and leads:
            dense_forward_group(net, last, worker, sample, n)
        elif last < net.count and net.op[last].kind == RECURRENT:
            recurrent_forward_group(net, last, worker, sample, n)
        elif last < net.count and net.op[last].kind == RECURSIVE:
            recursive_forward_group(net, last, worker, sample, n)
            worked(net.watch, worker, net.op[last].work * n)
        first = last + 1


# Copies of the weights as products with several rows want them. Each worker makes its own: that is quicker than to fetch
# the half that another core has done.

cdef inline int members_of(const Network* net) noexcept nogil:
    return net.team.workers if net.team != NULL else 1


cdef void lay_weights(const Network* net, int worker) noexcept nogil:
    cdef int k, direction
    for k in range(net.count):
        for direction in range(net.op[k].directions):
            lay_recurrent(&net.op[k].cells[direction], net.parameters, worker, members_of(net), net.alone)
            if looks_up(net, k):
                lay_lookup(net, k, direction, worker)
        if net.op[k].kind == RECURSIVE:
            lay_panels_of(&net.op[k].tree.w, net.parameters, worker, TILE)


cdef void transpose_weights(const Network* net, int worker) noexcept nogil:
    cdef int k, direction
    cdef const Matrix* w
    for k in range(net.count):
        w = &net.op[k].matrix
        if w.transposed != NULL and (net.has_transposed or net.tensor[k].steps > 3 or net.op[k].kind == CONVOLUTION):
            transpose_matrix(w, net.parameters, w.transposed + worker * w.transposed_stride)
        for direction in range(net.op[k].directions):
            lay_transposed_recurrent(&net.op[k].cells[direction], net.parameters, worker, members_of(net), net.alone)
        if net.op[k].kind == RECURSIVE:
            w = &net.op[k].tree.w
            lay_transposed_panels(w, net.parameters, w.transposed + worker * w.transposed_stride, TILE)


cdef void backward_one(const Network* net, int k, int worker, Py_ssize_t slot, Py_ssize_t sample, Py_ssize_t i, uint64_t draw) noexcept nogil:
    # Operation k, any that does not take the group at once, on one sample. The gradient of a convolution's weights is added to the slot.
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
    activate_backward_steps(activation_of(net, k), net.op[k].setting, dy, value_of(net, k + 1, worker, sample, i), extent(op, &net.tensor[k + 1]),
                            net.tensor[k + 1].steps)
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
        clear_after_end(net, &net.tensor[k], sample + i, dx)
    elif op.kind == ACTIVATION:
        memcpy(dx, dy, net.tensor[k].size * sizeof(real))
    elif op.kind == PAD:
        copy_image(dy + frame_start(op), g.ow * g.c, dx, g.w * g.c, g.h, g.w * g.c)
    elif op.kind == SHIFT:
        shift_of(net, op, draw, sample + i, &down, &right)
        shift_image(dy, dx, g.h, g.w, g.c, -down, -right)
    elif op.kind == EMBEDDING:
        memset(dx, 0, net.tensor[k].size * sizeof(real))
    elif op.kind == DROPOUT:
        dropout(dy, dx, net.tensor[k].size, op.rate if net.training else 0, drawn(op, draw, sample + i))


cdef void dense_backward_group(const Network* net, int k, int worker, Py_ssize_t sample, Py_ssize_t n) noexcept nogil:
    # The input's gradient alone: that of the weights waits for the whole batch (weight_gradient below).
    cdef const Matrix* w = &net.op[k].matrix
    cdef const Tensor* source = &net.tensor[k]
    cdef const Tensor* target = &net.tensor[k + 1]
    cdef const real* transposed = w.transposed + worker * w.transposed_stride
    cdef real* dx = gradient_of(net, k, worker, sample, 0)
    cdef real* dy = gradient_of(net, k + 1, worker, sample, 0)
    cdef Py_ssize_t i, t
    for i in range(n):
        activate_backward_steps(activation_of(net, k), net.op[k].setting, dy + i * target.stride, value_of(net, k + 1, worker, sample, i),
                                target.size, target.steps)
    if dx == NULL:
        return
    if source.steps == 1 and net.has_transposed and (n >= 4 or has_trees(net)):      # a tree's results depend on no other's
        dense_input_gradient(w, transposed, net.zeros, dy, target.stride, dx, source.stride, n)
        return
    for i in range(n):
        worked(net.watch, worker, net.op[k].work)
        if is_ending(net.watch):
            return
        if source.steps > 3:
            dense_input_gradient(w, transposed, net.zeros, dy, w.columns, dx, w.rows, source.steps)
        else:
            for t in range(source.steps):
                dense_input_gradient_one(w, net.parameters, dy + t * w.columns, dx + t * w.rows)
        dx += source.stride
        dy += target.stride


cdef void backward_group(const Network* net, int worker, Py_ssize_t slot, Py_ssize_t sample, Py_ssize_t n, uint64_t draw) noexcept nogil:
    # From the last tensor's gradient to every gradient that is needed.
    cdef int last = net.count, first, k
    cdef bint leads = net.team == NULL or worker == 0
    cdef Py_ssize_t i
    while last > net.first and net.tensor[last].needs_gradient and (net.team != NULL or not is_ending(net.watch)):
        first = last
        while first > net.first and not takes_group(&net.op[first - 1]) and net.tensor[first].needs_gradient:
            first -= 1
        for i in range(n if leads else 0):
            for k in range(last - 1, first - 1, -1):
                backward_one(net, k, worker, slot, sample, i, draw)
                worked(net.watch, worker, 2 * net.op[k].work)
            if is_ending(net.watch):
                break
        if first > 0 and net.op[first - 1].kind == DENSE and net.tensor[first].needs_gradient and leads:
            dense_backward_group(net, first - 1, worker, sample, n)
        elif first > 0 and net.op[first - 1].kind == RECURRENT and net.tensor[first].needs_gradient:
            recurrent_backward_group(net, first - 1, worker, sample, n)
        elif first > 0 and net.op[first - 1].kind == RECURSIVE and net.tensor[first].needs_gradient:
            recursive_backward_group(net, first - 1, worker, sample, n)
            worked(net.watch, worker, net.op[first - 1].work * n)
        last = first - 1


cdef void weight_gradient(const Network* net, int k, Py_ssize_t start, Py_ssize_t stop, Py_ssize_t batch, Py_ssize_t slots) noexcept nogil:
    # Rows start to stop of op k's gradient. The last one of a dense layer or convolution is the bias.
    cdef Py_ssize_t rows = rows_of(net, batch)
    cdef const Op* op = &net.op[k]
    cdef const Matrix* w = &op.matrix
    cdef const Tensor* source = &net.tensor[k]
    cdef const Tensor* target = &net.tensor[k + 1]
    cdef real* total = net.gradients + op.offset
    cdef Py_ssize_t s
    if op.kind == RECURRENT:
        recurrent_gradient(net, k, start, stop, batch)
    elif op.kind == RECURSIVE:
        recursive_gradient(net, k, start, stop, groups_of(net, batch))
    elif op.kind == EMBEDDING and net.looks_up:
        looked_up_gradient(net, k + 1, start, stop, total)
    elif op.kind == EMBEDDING:
        embedding_gradient(source.value, source.stride, target.gradient, target.stride, rows, target.steps, op.columns, start, stop, total)
    elif op.kind == DENSE:
        if start < w.rows:
            dense_weight_gradient(w, net.zeros, source.value, source.stride, w.rows, target.gradient, target.stride, w.columns, rows, source.steps,
                                  start, min(stop, w.rows), net.gradients, net.parameters)
        if stop > w.rows:
            memset(net.gradients + w.bias, 0, w.columns * sizeof(real))
            if source.steps == 1:
                sum_rows(target.gradient, target.stride, rows, w.columns, net.gradients + w.bias)
            else:
                for s in range(batch):
                    sum_rows(target.gradient + s * target.stride, w.columns, source.steps, w.columns, net.gradients + w.bias)
    else:
        start *= w.columns
        stop *= w.columns
        memcpy(total + start, net.slots + op.slot + start, (stop - start) * sizeof(real))
        for s in range(1, slots):
            add_slice(total + start, net.slots + s * net.slot_stride + op.slot + start, stop - start)
