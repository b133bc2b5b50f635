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


# The sum, and the product, number by number, of tensors. The target's shape is that of one of them
# at least; each of the others may have one row for all steps or pixels, or one feature, or both.

cdef Spread spread_of(const Tensor* s, const Tensor* t) noexcept nogil:
    cdef Spread g
    g.rows, g.columns = t.size // t.features, t.features
    g.row_step = s.features if s.size > s.features else 0
    g.one_column = s.features < t.features
    if s.size == t.size:
        g.rows, g.columns = 1, t.size
    return g


cdef int whole_source(const Network* net, const Op* op) noexcept nogil:
    # The first of the target's shape.
    cdef int i = 0
    while net.tensor[op.source[i]].size < target_of(net, op).size:
        i += 1
    return i


cdef bint spreads(const Network* net, const Op* op) noexcept nogil:
    cdef int i
    for i in range(op.reads):
        if net.tensor[op.source[i]].size < target_of(net, op).size:
            return True
    return False


cdef int describe_sum(Network* net, Op* op, dict fields) except -1:
    cdef Py_ssize_t size = target_of(net, op).size
    op.work = 16. * size
    if not spreads(net, op):
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


cdef void merge_others(const Network* net, const Op* op, const Part* part, bint multiplies, int one,
                       real* y) noexcept nogil:
    # y plus, or times, all sources but one.
    cdef const Tensor* s
    cdef Spread g
    cdef int i
    for i in range(op.reads):
        if i != one:
            s = &net.tensor[op.source[i]]
            g = spread_of(s, target_of(net, op))
            merge_spread(multiplies, &g, y, value_of(net, s, part))


cdef void merge_all(const Network* net, const Op* op, const Part* part,
                    bint multiplies) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef real* y = value_of(net, t, part)
    cdef int whole = whole_source(net, op)
    memcpy(y, value_of(net, &net.tensor[op.source[whole]], part), t.size * sizeof(real))
    merge_others(net, op, part, multiplies, whole, y)


cdef void forward_sum(const Network* net, const Op* op, const Part* part) noexcept nogil:
    if spreads(net, op):
        merge_all(net, op, part, False)
        activate_output(net, op, output_of(net, op, part), target_of(net, op).size)
    else:
        sum_some_numbers(net, op, part, 0, target_of(net, op).size)


cdef void backward_sum(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef const Tensor* s
    cdef real* dy = gradient_of(net, t, part)
    cdef real* dx
    cdef Spread g
    cdef int i
    activate_output_backward(net, op, dy, value_of(net, t, part), t.size)
    for i in range(op.reads):
        s = &net.tensor[op.source[i]]
        dx = gradient_of(net, s, part)
        if dx != NULL:
            g = spread_of(s, t)
            gather_spread(&g, dy, dx)


cdef Methods sum_methods():
    cdef Methods m = no_methods(SUM, 0)
    m.describe, m.forward, m.backward = describe_sum, forward_sum, backward_sum
    m.forward_share = sum_some_numbers
    return m


cdef int reserve_product(Memory memory, Network* net, Op* op) except -1:
    # A gradient before it is gathered.
    if spreads(net, op):
        memory.need(target_of(net, op).size, 0)
    return 0


cdef void forward_product(const Network* net, const Op* op, const Part* part) noexcept nogil:
    merge_all(net, op, part, True)


cdef void backward_product(const Network* net, const Op* op, const Part* part) noexcept nogil:
    # Each gets the product of the others, which a quotient would lose where it is zero.
    cdef const Tensor* t = target_of(net, op)
    cdef const Tensor* s
    cdef real* dx
    cdef real* d
    cdef Spread g
    cdef int i
    for i in range(op.reads):
        s = &net.tensor[op.source[i]]
        dx = gradient_of(net, s, part)
        if dx == NULL:
            continue
        d = dx if s.size == t.size else fields_of(net, part.worker)
        memcpy(d, gradient_of(net, t, part), t.size * sizeof(real))
        merge_others(net, op, part, True, i, d)
        if d != dx:
            g = spread_of(s, t)
            gather_spread(&g, d, dx)


cdef Methods product_methods():
    cdef Methods m = no_methods(PRODUCT, 0)
    m.reserve, m.forward, m.backward = reserve_product, forward_product, backward_product
    return m
