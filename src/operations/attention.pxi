# Attention of a sequence to itself: of each step (q, k, v) side by side, (T, 3 F), a mean of the
# values v, head by head, (T, F). Steps that do not count are not seen, and give zeros.

cdef struct Attention:
    Py_ssize_t heads, width     # numbers of a head's step
    bint causal
    real* softmax               # a row each: what is kept of it, of every head's steps
    Py_ssize_t softmax_stride


cdef int describe_attention(Network* net, Op* op, dict fields) except -1:
    cdef Attention* own = <Attention*>op.own
    cdef const Tensor* t = target_of(net, op)
    own.heads, own.causal = fields["heads"], fields["causal"]
    own.width = t.features // own.heads
    op.work = (1. if own.causal else 2.) * t.steps * t.size
    let_share(op, own.heads, 1, own.width)
    let_share_back(op, own.heads, 1, own.width)
    return 0


cdef int reserve_attention(Memory memory, Network* net, Op* op) except -1:
    cdef Attention* own = <Attention*>op.own
    cdef const Tensor* t = target_of(net, op)
    own.softmax_stride = 2 * own.heads * t.steps
    own.softmax = memory.take(memory.rows_of(net, t) * own.softmax_stride)
    memory.need(scratch_of_head(t.steps, own.width), max(padded(t.steps), own.width))
    return 0


cdef Head head_of(const Network* net, const Op* op, const Part* part,
                  Py_ssize_t number) noexcept nogil:
    cdef const Attention* own = <const Attention*>op.own
    cdef const Tensor* t = target_of(net, op)
    cdef Head h
    h.steps = length_of(net, t, part.row + part.first)
    h.width, h.stride, h.y_stride = own.width, 3 * t.features, t.features
    h.scale, h.causal = <real>(1 / sqrt(<double>own.width)), own.causal
    h.q = input_of(net, op, part) + number * own.width
    h.k = h.q + t.features
    h.v = h.k + t.features
    h.softmax = own.softmax + place_of(net, t, part) * own.softmax_stride + 2 * number * t.steps
    h.zeros = net.zeros
    set_scratch(&h, fields_of(net, part.worker))
    return h


cdef void attend_heads(const Network* net, const Op* op, const Part* part, Py_ssize_t first,
                       Py_ssize_t last) noexcept nogil:
    cdef const Attention* own = <const Attention*>op.own
    cdef real* y = output_of(net, op, part)
    cdef Head h
    cdef Py_ssize_t i
    for i in range(first, last):
        h = head_of(net, op, part, i)
        attend(&h, y + i * own.width)
    if first == 0:
        clear_after_end(net, target_of(net, op), part.row + part.first, y)


cdef void forward_attention(const Network* net, const Op* op, const Part* part) noexcept nogil:
    attend_heads(net, op, part, 0, (<const Attention*>op.own).heads)


cdef void attend_heads_backward(const Network* net, const Op* op, const Part* part,
                                Py_ssize_t first, Py_ssize_t last) noexcept nogil:
    cdef const Attention* own = <const Attention*>op.own
    cdef const Tensor* t = target_of(net, op)
    cdef const real* dy = output_gradient_of(net, op, part)
    cdef real* dx = input_gradient_of(net, op, part)
    cdef real* dq
    cdef Head h
    cdef Py_ssize_t i
    for i in range(first, last):
        h = head_of(net, op, part, i)
        dq = dx + i * own.width
        attend_backward(&h, dy + i * own.width, dq, dq + t.features, dq + 2 * t.features)
    if first == 0:
        clear_after_end(net, source_of(net, op), part.row + part.first, dx)


cdef void backward_attention(const Network* net, const Op* op, const Part* part) noexcept nogil:
    if source_of(net, op).needs_gradient:
        attend_heads_backward(net, op, part, 0, (<const Attention*>op.own).heads)


cdef Methods attention_methods():
    cdef Methods m = no_methods(ATTENTION, sizeof(Attention))
    m.describe, m.reserve = describe_attention, reserve_attention
    m.forward, m.backward = forward_attention, backward_attention
    m.forward_share, m.backward_share = attend_heads, attend_heads_backward
    return m
