# Which tensors are kept from one stage of a pass in training to another, and for how long.
#
# A value that a later stage reads, forward or back, is wide. So is a gradient that one stage writes
# and an earlier one reads, and one that weights' gradients read at the end; those that are not
# wanted for a sample at the same time share memory, whose rows are the widest one's: so a sample's
# gradient is written where the last one has been read, which is in the cache. What begins a stage
# gets its gradient of the next one, and gives one to that before. A value that is cheap to make of
# wide ones, and that a sample's own run of operations alone reads, is not kept, but made again
# before the sample goes back through it.


cdef int stage_of(const Network* net, int k) noexcept:
    # In which the kth operation goes forward.
    cdef int stage = 0
    while k >= net.stage[stage + 1]:
        stage += 1
    return stage


cdef int back_stage_of(const Network* net, int k) noexcept:
    # In which it goes back: what begins a stage, at the end of the one before.
    return stage_of(net, k) - begins_stage(&net.op[k])


cdef lay_stages(Network* net):
    # Which values are wide or made again, and which gradients are wanted how long.
    cdef int last = net.stages - 1, k
    cdef Tensor* t
    _find_remade(net)
    for k in range(net.count + 1):
        t = &net.tensor[k]
        if k > 0 and net.op[k - 1].is_remade:
            t.passing_value = True
        elif net.stages > 1 and k <= net.stage[last]:
            t.wide_value = True
    for k in range(net.count):
        _is_read(net, &net.op[k], back_stage_of(net, k))
    net.tensor[net.count].first_wanted = last           # by the loss
    for k in range(net.count):
        t = &net.tensor[k + 1]
        t.last_wanted = min(t.last_wanted, back_stage_of(net, k))
    for k in range(net.count - 1, -1, -1):
        _share_second(net, &net.op[k])


cdef void _share_second(Network* net, const Op* op) noexcept:
    # What is added to a target that the next stage leaves a gradient of has that one, uncopied.
    cdef Tensor* t
    if op.methods.adds_second and op.reads > 1 and begins_stage(op):
        t = &net.tensor[op.source[1]]
        if t.needs_gradient and t.last_wanted >= 0:
            t.shares_gradient, t.first_wanted = op.target, target_of(net, op).first_wanted


cdef void _is_read(Network* net, const Op* op, int stage) noexcept:
    # Going back, the operation writes its sources' gradients in this stage.
    cdef int i
    cdef Tensor* t
    for i in range(op.reads):
        t = &net.tensor[op.source[i]]
        t.first_wanted = max(t.first_wanted, stage)


cdef void _find_remade(Network* net) noexcept:
    cdef int last = net.stages - 1, k, i, source
    cdef Op* op
    for k in range(net.stage[1], net.stage[last] if last > 0 else 0):
        net.op[k].is_remade = net.op[k].methods.is_cheap and not net.tensor[k + 1].wide_value
    for k in range(net.count - 1, -1, -1):
        op = &net.op[k]
        for i in range(op.reads):
            source = op.source[i]
            if source > 0 and (net.op[source - 1].run != op.run
                               or (op.methods.passes_on and not op.is_remade)):
                net.op[source - 1].is_remade = False
    for k in range(net.count):
        op = &net.op[k]
        source = op.source[0]
        if op.methods.passes_on and (source == 0 or not net.op[source - 1].is_remade):
            op.is_remade = False


cdef take_gradients(Memory memory, Network* net):
    """Memory for all gradients that a mode needs."""
    cdef int k
    cdef Tensor* t
    wide = []
    for k in range(net.count + 1):
        t = &net.tensor[k]
        t.gradient, t.gradient_stride = NULL, t.stride
        if not (reaches_input(memory.mode)
                or (memory.mode == TRAINING and (t.needs_gradient or k == net.count))):
            continue
        if t.wide_gradient and t.last_wanted >= 0:      # which no weights' gradient reads
            if not t.shares_gradient:
                wide.append((-t.stride, k))
        else:
            t.gradient = memory.take(_gradient_rows(memory, net, t) * t.stride)
    shared = []
    for _, k in sorted(wide):           # the widest ones first, which leave room for others
        alike = _with_its_gradient(net, k)
        for tensors in shared:
            if not any([_any_wanted_with(net, one, tensors) for one in alike]):
                tensors += alike
                break
        else:
            shared.append(alike)
    for tensors in shared:
        t = &net.tensor[<int>tensors[0]]
        t.gradient = memory.take(memory.rows * t.stride)
        for k in tensors:
            net.tensor[k].gradient, net.tensor[k].gradient_stride = t.gradient, t.stride


cdef list _with_its_gradient(const Network* net, int number):
    # The tensor, and those that share its gradient, or that of one of them.
    cdef int k
    found = [number]
    for k in range(number - 1, 0, -1):
        if net.tensor[k].shares_gradient in found:
            found.append(k)
    return found


cdef Py_ssize_t _gradient_rows(Memory memory, const Network* net, const Tensor* t) noexcept:
    if t.wide_gradient:
        return memory.rows
    return memory.workers * (1 if t.passing_gradient else net.rows)


cdef bint _any_wanted_with(const Network* net, int number, list tensors):
    # Whether a sample's gradient of one of these is wanted while that of the tensor is: from the
    # first operation that writes it, going back, to the one whose target it is. All samples go back
    # through the operations in one order.
    cdef int k
    for k in tensors:
        if k - 1 <= _last_reader(net, number) and number - 1 <= _last_reader(net, k):
            return True
    return False


cdef int _last_reader(const Network* net, int number):
    # Going back, the first one to write its gradient; the loss, of the output.
    cdef int k, i, last = net.count if number == net.count else -1
    for k in range(net.count):
        for i in range(net.op[k].reads):
            if net.op[k].source[i] == number:
                last = max(last, k)
    return last
