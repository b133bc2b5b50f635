# Layer normalization (Ba, Kiros and Hinton 2016): the numbers of a step, or of a whole image, are
# brought to mean 0 and variance 1, then scaled and shifted, each by its own weight and bias.
#
#     y = z w + b    z = (x - mean) / sqrt(variance + epsilon)
#     dx = (g - mean(g) - z mean(g z)) / sqrt(variance + epsilon)    g = dy w

cdef struct LayerNorm:
    real epsilon
    Py_ssize_t width            # numbers that are normalized together
    real* moments               # of each row's steps: the mean, and what z is scaled by
    Py_ssize_t moments_stride


cdef int describe_layer_norm(Network* net, Op* op, dict fields) except -1:
    cdef LayerNorm* own = <LayerNorm*>op.own
    cdef const Tensor* t = target_of(net, op)
    own.epsilon, own.width = fields["epsilon"], t.size // t.steps
    op.rows, op.trained_rows, op.columns = 2, 2, own.width
    op.work = 16. * t.size
    let_share(op, t.steps, 1, own.width)
    return 0


cdef int reserve_layer_norm(Memory memory, Network* net, Op* op) except -1:
    cdef LayerNorm* own = <LayerNorm*>op.own
    cdef const Tensor* t = target_of(net, op)
    own.moments_stride = 2 * t.steps
    own.moments = memory.take(memory.rows_of(net, t) * own.moments_stride)
    return 0


cdef inline real* moments_of(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const LayerNorm* own = <const LayerNorm*>op.own
    return own.moments + place_of(net, target_of(net, op), part) * own.moments_stride


cdef void normalize_row(const real* x, const real* weight, const real* bias, real* y, real epsilon,
                        Py_ssize_t n, real* moments) noexcept nogil:
    cdef Py_ssize_t i
    cdef real mean = <real>(x[0] + sum_about(x, x[0], n) / n)
    cdef real scale = <real>(1 / sqrt(squares_about(x, mean, n) / n + epsilon))
    moments[0], moments[1] = mean, scale
    for i from 0 <= i < n by VEC_LANES:
        vec_store(y + i,
                  (vec_load(x + i) - vec_set1(mean)) * vec_set1(scale)
                  * load_lanes(weight + i, n - i) + load_lanes(bias + i, n - i))


cdef void normalize_row_backward(const real* x, const real* weight, const real* dy, real* dx,
                                 real* dw, real* db, Py_ssize_t n,
                                 const real* moments) noexcept nogil:
    # Adds to dw and db. They may be NULL, and so may dx.
    cdef Py_ssize_t i
    cdef vec z, d, g
    cdef vec mean = vec_set1(moments[0]), scale = vec_set1(moments[1])
    cdef vec sums = vec_set1(0), products = vec_set1(0)
    for i from 0 <= i < n by VEC_LANES:
        z = (load_lanes(x + i, n - i) - mean) * scale
        d = load_lanes(dy + i, n - i)
        g = d * load_lanes(weight + i, n - i)
        sums = sums + g
        products = products + g * z
        if dw != NULL:
            store_lanes(dw + i, load_lanes(dw + i, n - i) + d * z, n - i)
            store_lanes(db + i, load_lanes(db + i, n - i) + d, n - i)
    if dx == NULL:
        return
    sums, products = vec_set1(vec_sum(sums) / n), vec_set1(vec_sum(products) / n)
    for i from 0 <= i < n by VEC_LANES:
        z = (vec_load(x + i) - mean) * scale
        g = vec_load(dy + i) * load_lanes(weight + i, n - i)
        vec_store(dx + i, (g - sums - z * products) * scale)


cdef void normalize_steps(const Network* net, const Op* op, const Part* part, Py_ssize_t first,
                          Py_ssize_t last) noexcept nogil:
    cdef const LayerNorm* own = <const LayerNorm*>op.own
    cdef const real* x = input_of(net, op, part)
    cdef const real* weight = net.parameters + op.offset
    cdef real* y = output_of(net, op, part)
    cdef real* moments = moments_of(net, op, part)
    cdef Py_ssize_t t
    for t in range(first, last):
        normalize_row(x + t * own.width, weight, weight + own.width, y + t * own.width, own.epsilon,
                      own.width, moments + 2 * t)


cdef void forward_layer_norm(const Network* net, const Op* op, const Part* part) noexcept nogil:
    normalize_steps(net, op, part, 0, target_of(net, op).steps)


cdef void backward_layer_norm(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const LayerNorm* own = <const LayerNorm*>op.own
    cdef const real* x = input_of(net, op, part)
    cdef const real* dy = output_gradient_of(net, op, part)
    cdef const real* moments = moments_of(net, op, part)
    cdef real* dx = input_gradient_of(net, op, part)
    cdef real* dw = slot_of(net, op, part) if op.learns else NULL
    cdef real* db = dw + own.width if op.learns else NULL
    cdef Py_ssize_t t, at
    for t in range(target_of(net, op).steps):
        at = t * own.width
        normalize_row_backward(x + at, net.parameters + op.offset, dy + at,
                               dx + at if dx != NULL else NULL, dw, db, own.width, moments + 2 * t)


cdef Methods layer_norm_methods():
    cdef Methods m = no_methods(LAYER_NORM, sizeof(LayerNorm))
    m.describe, m.reserve = describe_layer_norm, reserve_layer_norm
    m.forward, m.backward = forward_layer_norm, backward_layer_norm
    m.forward_share = normalize_steps
    m.gradient = gradient_of_slots
    return m
