# Where a graph parts and comes together: one more reader of a tensor, and several tensors as one.

cdef int describe_fan_out(Network* net, Op* op, dict fields) except -1:
    net.tensor[op.target].stride = source_of(net, op).stride
    return 0


cdef void forward_fan_out(const Network* net, const Op* op, const Part* part) noexcept nogil:
    # The value is the source's own.
    pass


cdef void backward_fan_out(const Network* net, const Op* op, const Part* part) noexcept nogil:
    # Another reader has written the source's gradient by now.
    cdef real* dx = input_gradient_of(net, op, part)
    if dx != NULL:
        add_slice(dx, output_gradient_of(net, op, part), target_of(net, op).size)


cdef Methods fan_out_methods():
    cdef Methods m = no_methods(FAN_OUT, 0)
    m.describe, m.forward, m.backward = describe_fan_out, forward_fan_out, backward_fan_out
    m.passes_on = m.is_cheap = True
    return m


# Several tensors side by side, step by step and pixel by pixel:
# (F1,), (F2,) ... as (F1 + F2 + ...,).

cdef void forward_concat(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef const Tensor* s
    cdef real* y = value_of(net, t, part)
    cdef int i
    for i in range(op.reads):
        s = &net.tensor[op.source[i]]
        copy_rows(value_of(net, s, part), s.features, y, t.features, t.size // t.features,
                  s.features)
        y += s.features


cdef void backward_concat(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef const Tensor* s
    cdef const real* dy = gradient_of(net, t, part)
    cdef real* dx
    cdef int i
    for i in range(op.reads):
        s = &net.tensor[op.source[i]]
        dx = gradient_of(net, s, part)
        if dx != NULL:
            copy_rows(dy, t.features, dx, s.features, t.size // t.features, s.features)
        dy += s.features


cdef Methods concat_methods():
    cdef Methods m = no_methods(CONCAT, 0)
    m.forward, m.backward = forward_concat, backward_concat
    return m


# The sum of tensors of one shape.

cdef int describe_sum(Network* net, Op* op, dict fields) except -1:
    cdef Py_ssize_t size = target_of(net, op).size
    op.work = 16. * size
    let_share(op, size, VEC_LANES, VEC_LANES)
    return 0


cdef void sum_some_numbers(const Network* net, const Op* op, const Part* part, Py_ssize_t first,
                           Py_ssize_t last) noexcept nogil:
    cdef const real* x = input_of(net, op, part)
    cdef const real* other
    cdef real* y = output_of(net, op, part)
    cdef Py_ssize_t j
    cdef int i
    if op.reads == 1:
        memcpy(y + first, x + first, (last - first) * sizeof(real))
    for i in range(1, op.reads):
        other = value_of(net, &net.tensor[op.source[i]], part)
        for j from first <= j < last by VEC_LANES:
            vec_store(y + j, vec_load(x + j) + vec_load(other + j))
        x = y
    activate_output(net, op, y + first, last - first)


cdef void forward_sum(const Network* net, const Op* op, const Part* part) noexcept nogil:
    sum_some_numbers(net, op, part, 0, target_of(net, op).size)


cdef void backward_sum(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef real* dx
    cdef int i
    activate_output_backward(net, op, gradient_of(net, t, part), value_of(net, t, part), t.size)
    for i in range(op.reads):
        dx = gradient_of(net, &net.tensor[op.source[i]], part)
        if dx != NULL:
            memcpy(dx, gradient_of(net, t, part), t.size * sizeof(real))


cdef Methods sum_methods():
    cdef Methods m = no_methods(SUM, 0)
    m.describe, m.forward, m.backward = describe_sum, forward_sum, backward_sum
    m.forward_share = sum_some_numbers
    return m


# The product of tensors of one shape, number by number.

cdef void times(real* y, const real* x, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i from 0 <= i < n by VEC_LANES:
        vec_store(y + i, vec_load(y + i) * vec_load(x + i))


cdef void forward_product(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef real* y = value_of(net, t, part)
    cdef int i
    memcpy(y, input_of(net, op, part), t.size * sizeof(real))
    for i in range(1, op.reads):
        times(y, value_of(net, &net.tensor[op.source[i]], part), t.size)


cdef void backward_product(const Network* net, const Op* op, const Part* part) noexcept nogil:
    # Each gets the product of the others, which a quotient would lose where it is zero.
    cdef const Tensor* t = target_of(net, op)
    cdef real* dx
    cdef int i, j
    for i in range(op.reads):
        dx = gradient_of(net, &net.tensor[op.source[i]], part)
        if dx == NULL:
            continue
        memcpy(dx, gradient_of(net, t, part), t.size * sizeof(real))
        for j in range(op.reads):
            if j != i:
                times(dx, value_of(net, &net.tensor[op.source[j]], part), t.size)


cdef Methods product_methods():
    cdef Methods m = no_methods(PRODUCT, 0)
    m.forward, m.backward = forward_product, backward_product
    return m
