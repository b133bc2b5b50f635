# Periodic embedding (Gorishniy, Rubachev and Babenko 2022): each number becomes cosines of it, of
# frequencies and phases that are learned, K of them a feature.
#
#     y[f, k] = cos(2 pi t)    t = w[f, k] x[f] + b[f, k]
#     db[f, k] = -2 pi sin(2 pi t) dy[f, k]    dw[f, k] = db[f, k] x[f]
#     dx[f] = sum over k of db[f, k] w[f, k]

cdef int describe_periodic(Network* net, Op* op, dict fields) except -1:
    op.rows, op.trained_rows, op.columns = 2, 2, target_of(net, op).features
    op.work = 16. * target_of(net, op).size
    return 0


cdef void periodic_row(const real* x, const real* weight, const real* bias, real* y,
                       Py_ssize_t features, Py_ssize_t columns) noexcept nogil:
    # What is written behind a feature's cosines, the next one's overwrite; rows have room at their
    # end.
    cdef Py_ssize_t f, i, n, k = columns // features
    cdef vec t
    for f in range(features):
        for i from f * k <= i < (f + 1) * k by VEC_LANES:
            n = columns - i
            t = vec_fma(load_lanes(bias + i, n), x[f], load_lanes(weight + i, n))
            vec_store(y + i, vec_cos_of_turns(t))


cdef void periodic_row_backward(const real* x, const real* weight, const real* bias, const real* dy,
                                real* dx, real* dw, real* db, Py_ssize_t features,
                                Py_ssize_t columns) noexcept nogil:
    # Adds to dw and db. They may be NULL, and so may dx.
    cdef Py_ssize_t f, i, n, k = columns // features
    cdef vec w, g, sums
    for f in range(features):
        sums = vec_set1(0)
        for i from f * k <= i < (f + 1) * k by VEC_LANES:
            n = (f + 1) * k - i
            w = load_lanes(weight + i, n)
            # A sine is the cosine of a quarter of a turn less.
            g = vec_fma(load_lanes(bias + i, n) - vec_set1(0.25), x[f], w)
            g = load_lanes(dy + i, n) * vec_cos_of_turns(g) * vec_set1(-6.28318530717958647693)
            sums = sums + g * w
            if dw != NULL:
                store_lanes(dw + i, vec_fma(load_lanes(dw + i, n), x[f], g), n)
                store_lanes(db + i, load_lanes(db + i, n) + g, n)
        if dx != NULL:
            dx[f] = vec_sum(sums)


cdef void forward_periodic(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const real* weight = net.parameters + op.offset
    cdef const real* x = input_of(net, op, part)
    cdef real* y = output_of(net, op, part)
    cdef Py_ssize_t t, features = source_of(net, op).features
    for t in range(target_of(net, op).steps):
        periodic_row(x + t * features, weight, weight + op.columns, y + t * op.columns, features,
                     op.columns)


cdef void backward_periodic(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const real* weight = net.parameters + op.offset
    cdef const real* x = input_of(net, op, part)
    cdef const real* dy = output_gradient_of(net, op, part)
    cdef real* dx = input_gradient_of(net, op, part)
    cdef real* dw = slot_of(net, op, part) if op.learns else NULL
    cdef real* db = dw + op.columns if op.learns else NULL
    cdef Py_ssize_t t, features = source_of(net, op).features
    for t in range(target_of(net, op).steps):
        periodic_row_backward(x + t * features, weight, weight + op.columns, dy + t * op.columns,
                              dx + t * features if dx != NULL else NULL, dw, db, features,
                              op.columns)


cdef Methods periodic_methods():
    cdef Methods m = no_methods(PERIODIC, 0)
    m.describe, m.gradient = describe_periodic, gradient_of_slots
    m.forward, m.backward = forward_periodic, backward_periodic
    return m
