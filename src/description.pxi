# A network described for C: what Python says of its operations.
from fastdl._core.kinds import FROM_OUTPUT

if set(FROM_OUTPUT) != _FUSED.keys():
    raise ImportError(f"FROM_OUTPUT of kinds.py must be {', '.join(_FUSED)}, as the activations' "
                      f"rows say; received {', '.join(FROM_OUTPUT)}")


cdef describe_network(Network* net, list operations, tuple input_shape, Py_ssize_t size):
    # `net` is zeros, and what it takes is freed by `free_network`, whatever is raised here. `size`
    # counts the parameters of all.
    cdef int k, count = len(operations)
    cdef int reads = sum([len(operation["reads"]) for operation in operations])
    cdef int* source
    net.op = <Op*>_zeroed(count * sizeof(Op))
    net.count = count
    net.tensor = <Tensor*>_zeroed((count + 1) * sizeof(Tensor))
    net.stage = <int*>_zeroed((count + 2) * sizeof(int))
    net.sources = source = <int*>_zeroed(reads * sizeof(int))
    describe_tensor(&net.tensor[0], input_shape)
    for k in range(count):
        net.op[k].source, net.op[k].target = source, k + 1
        for number in operations[k]["reads"]:
            source[0] = number
            source += 1
        describe_operation(net, &net.op[k], operations[k])
    _check_parameters(net, operations, size)


cdef describe_operation(Network* net, Op* op, dict operation):
    op.kind = row_of_name(_KINDS, "kind", operation["kind"])
    op.methods = &METHODS[op.kind]
    op.takes_group = op.methods.takes_group
    op.reads, op.offset = len(operation["reads"]), operation["offset"]
    op.activation = row_of_name(_ACTIVATIONS, "activation",
                                operation.get("activation", "identity"))
    op.setting = operation.get("setting", 0)
    op.frozen = operation.get("frozen", False)
    op.adds_up = op.methods.add_up != NULL
    op.own = _zeroed(op.methods.own)
    describe_tensor(&net.tensor[op.target], operation["output_shape"])
    if op.methods.describe != NULL:
        op.methods.describe(net, op, operation)
    if op.trained_rows and op.methods.gradient == NULL:
        raise ValueError(f"{operation['kind']}: must have a gradient, having rows that are trained")
    if op.methods.gradient == gradient_of_slots:
        take_slot(net, op)
    op.work += source_of(net, op).size
    net.tensor[op.target].after_weights = ((op.rows > 0 and not op.frozen)
                                           or _any_after_weights(net, op))


cdef _check_parameters(const Network* net, list operations, Py_ssize_t size):
    # Each operation has been given its place by a count that is Python's own (_core/kinds.py).
    cdef Py_ssize_t count = 0
    cdef int k
    for k in range(net.count):
        if net.op[k].rows:
            if net.op[k].offset != count:
                raise ValueError(f"{operations[k]['kind']}: parameters must be from {count} on; "
                                 f"received {net.op[k].offset}")
            count += net.op[k].rows * net.op[k].columns
    if count != size:
        raise ValueError(f"operations must have {count} parameters; received {size}")


cdef void free_network(Network* net) noexcept:
    cdef int k
    for k in range(net.count):
        free(net.op[k].own)
    free(net.op)
    free(net.tensor)
    free(net.stage)
    free(net.sources)


cdef void* _zeroed(size_t size) except NULL:
    cdef void* block = calloc(1, max(size, 1))
    if block == NULL:
        raise MemoryError()
    return block


cdef describe_tensor(Tensor* t, tuple shape):
    t.features, t.h, t.w = shape if len(shape) == 3 else (shape[len(shape) - 1], 0, 0)
    t.steps = shape[0] if len(shape) == 2 else 1
    t.size = t.features * t.steps * (t.h * t.w if len(shape) == 3 else 1)
    t.stride = padded(t.size) + VEC_LANES


cdef bint _any_after_weights(const Network* net, const Op* op):
    cdef int i
    for i in range(op.reads):
        if net.tensor[op.source[i]].after_weights:
            return True
    return False
