# Numbers of any scale brought to about one, and far ones near, by constants of each feature that no
# optimizer changes (Holzmueller, Grinsztajn and Steinwart 2024).
#
#     y = z / sqrt(1 + (z / limit)^2)    z = (x - center) scale
#     dx = scale dy / (1 + (z / limit)^2)^(3/2)

cdef struct RobustScale:
    real narrow                 # 1 / limit


cdef int describe_robust_scale(Network* net, Op* op, dict fields) except -1:
    (<RobustScale*>op.own).narrow = 1 / fields["limit"]
    op.rows, op.columns = 2, target_of(net, op).features
    op.work = 4. * target_of(net, op).size
    return 0


cdef inline vec scaled(const real* x, const real* center, const real* scale,
                       Py_ssize_t left) noexcept nogil:
    # z, of which no square is infinite: from far less on, y is the limit, as far as can be told.
    cdef vec z = (vec_load(x) - load_lanes(center, left)) * load_lanes(scale, left)
    return vec_at_least(vec_at_most(z, 1e15), -1e15)


cdef inline vec shrinkage(vec z, real narrow) noexcept nogil:
    # 1 / sqrt(1 + (z narrow)^2)
    z = z * vec_set1(narrow)
    return vec_set1(1) / vec_sqrt(vec_set1(1) + z * z)


cdef void forward_robust_scale(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const real* center = net.parameters + op.offset
    cdef const real* scale = center + op.columns
    cdef const real* x = input_of(net, op, part)
    cdef real* y = output_of(net, op, part)
    cdef real narrow = (<const RobustScale*>op.own).narrow
    cdef Py_ssize_t t, i, n = op.columns
    cdef vec z
    for t in range(target_of(net, op).steps):
        for i from 0 <= i < n by VEC_LANES:
            z = scaled(x + t * n + i, center + i, scale + i, n - i)
            vec_store(y + t * n + i, z * shrinkage(z, narrow))


cdef void backward_robust_scale(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const real* center = net.parameters + op.offset
    cdef const real* scale = center + op.columns
    cdef const real* x = input_of(net, op, part)
    cdef const real* dy = output_gradient_of(net, op, part)
    cdef real* dx = input_gradient_of(net, op, part)
    cdef real narrow = (<const RobustScale*>op.own).narrow
    cdef Py_ssize_t t, i, n = op.columns
    cdef vec r
    for t in range(target_of(net, op).steps if dx != NULL else 0):
        for i from 0 <= i < n by VEC_LANES:
            r = shrinkage(scaled(x + t * n + i, center + i, scale + i, n - i), narrow)
            vec_store(dx + t * n + i, vec_load(dy + t * n + i) * load_lanes(scale + i, n - i)
                      * r * r * r)


cdef Methods robust_scale_methods():
    cdef Methods m = no_methods(ROBUST_SCALE, sizeof(RobustScale))
    m.describe, m.forward, m.backward = (describe_robust_scale, forward_robust_scale,
                                         backward_robust_scale)
    return m
