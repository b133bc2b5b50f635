# Gradients that are summed sample by sample: a slot has those of a run of groups, and all slots are
# added up at the end. In a batch of very many groups a slot is emptied after some of them.

cdef inline bint sets_aside(const Network* net, Py_ssize_t samples) noexcept nogil:
    # Whether a slot is emptied after some groups: of very many in one sum, rounding would be seen.
    return groups_of(net, samples) > SLOTS * GROUPS_AT_A_TIME


cdef void empty_slot(const Network* net, Py_ssize_t slot, bint aside) noexcept nogil:
    # And what is aside, if something will be: an interrupted step may have left it there.
    memset(net.slots + slot * net.slot_stride, 0, net.slot_stride * sizeof(real))
    if aside:
        memset(net.aside + slot * net.slot_stride, 0, net.slot_stride * sizeof(real))


cdef void set_slot_aside(const Network* net, Py_ssize_t slot) noexcept nogil:
    add_run(net.aside + slot * net.slot_stride, net.slots + slot * net.slot_stride, net.slot_stride)
    memset(net.slots + slot * net.slot_stride, 0, net.slot_stride * sizeof(real))


cdef void take_slot_back(const Network* net, Py_ssize_t slot) noexcept nogil:
    add_run(net.slots + slot * net.slot_stride, net.aside + slot * net.slot_stride, net.slot_stride)
    memset(net.aside + slot * net.slot_stride, 0, net.slot_stride * sizeof(real))


cdef void gradient_of_slots(const Network* net, const Op* op, Py_ssize_t start, Py_ssize_t stop,
                            Py_ssize_t batch) noexcept nogil:
    # The gradient of parameters that is summed sample by sample, in slots.
    cdef real* total = net.gradients + op.offset
    cdef Py_ssize_t s
    start *= op.columns
    stop *= op.columns
    memcpy(total + start, net.slots + op.slot + start, (stop - start) * sizeof(real))
    for s in range(1, slots_of(net, batch)):
        add_slice(total + start, net.slots + s * net.slot_stride + op.slot + start, stop - start)


cdef void take_slot(Network* net, Op* op):
    # Room for its gradient in every slot.
    op.slot = net.slot_stride
    net.slot_stride += padded(op.trained_rows * op.columns) + VEC_LANES
