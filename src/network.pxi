# The way of a group of samples through a network, and back.
#
# Dense, recurrent and recursive layers take the group at once; from one of them to the next, each
# sample goes alone, through a run of operations, and stays in the cache.

cdef inline int stages_of(const Network* net) noexcept nogil:
    # Outside training nothing has to see the whole batch.
    return net.stages if net.training else 1


cdef inline int stage_begin(const Network* net, int stage) noexcept nogil:
    return max(<int>net.framed, net.stage[stage])


cdef inline int stage_end(const Network* net, int stage) noexcept nogil:
    return net.stage[stage + 1] if net.training else net.count


cdef void prepare_all(const Network* net, int worker) noexcept nogil:
    cdef int k
    for k in range(net.count):
        if net.op[k].methods.prepare != NULL:
            net.op[k].methods.prepare(net, &net.op[k], worker)


cdef void prepare_all_back(const Network* net, int worker) noexcept nogil:
    cdef int k
    for k in range(net.count):
        if net.op[k].methods.prepare_back != NULL:
            net.op[k].methods.prepare_back(net, &net.op[k], worker)


cdef inline bint reads_rows(const Network* net, const Op* op) noexcept nogil:
    # Whether each sample that it reads has several rows: pixels, or steps.
    return source_of(net, op).size > source_of(net, op).features


cdef void forward_fours(const Network* net, Part* part, int first, int last,
                        Py_ssize_t rows) noexcept nogil:
    # All images of a group through a run of operations, four at a time.
    cdef const Op* op
    cdef Py_ssize_t i
    cdef int j
    for i from 0 <= i < rows by FOUR:
        part.first, part.count = i, min(FOUR, rows - i)
        enter_fours(net, &net.op[first], part)
        for j in range(first, last):
            op = &net.op[j]
            op.methods.forward_fours(net, op, part)
            worked(net.watch, part.worker, part.count * op.work)
        leave_fours(net, &net.op[last - 1], part)
        if is_ending(net.watch):
            return


cdef void backward_fours(const Network* net, Part* part, int first, int last,
                         Py_ssize_t rows) noexcept nogil:
    cdef const Op* op
    cdef Py_ssize_t i
    cdef int j
    for i from 0 <= i < rows by FOUR:
        part.first, part.count = i, min(FOUR, rows - i)
        enter_fours_back(net, &net.op[last - 1], part)
        for j in range(last - 1, first - 1, -1):
            op = &net.op[j]
            if target_of(net, op).needs_gradient:
                op.methods.backward_fours(net, op, part)
                worked(net.watch, part.worker, 2 * part.count * op.work)
        leave_fours_back(net, &net.op[first], part)
        if is_ending(net.watch):
            return


cdef void forward_stage(const Network* net, Part* part, int stage, Py_ssize_t rows) noexcept nogil:
    # All rows of a group through one stage's operations; its input is filled.
    cdef int k = stage_begin(net, stage), end = stage_end(net, stage), last, j
    cdef bint measures = False
    cdef const Op* op
    cdef Py_ssize_t i
    part.together = False
    while k < end and goes_on(net):
        op = &net.op[k]
        if op.takes_group:
            part.first, part.count = 0, rows
            forward_operation(net, op, part)
            k += 1
            continue
        last = min(op.run_end, end)
        if in_fours(net, op):
            part.together = False
            forward_fours(net, part, k, last, rows if leads(net, part.worker) else 0)
            k = last
            continue
        part.count = 1
        measures = last == end and end < net.count and reads_rows(net, &net.op[end])
        for i in range(rows):
            part.first = i
            for j in range(k, last):
                forward_operation(net, &net.op[j], part)
                worked(net.watch, part.worker, net.op[j].work)
            if measures and leads(net, part.worker):
                net.op[end].methods.measure(net, &net.op[end], part)
            if not goes_on(net):
                break
        k = last
    if end < net.count and not measures and leads(net, part.worker):
        part.first, part.count = 0, rows
        net.op[end].methods.measure(net, &net.op[end], part)


cdef void backward_stage(const Network* net, Part* part, int stage, Py_ssize_t rows) noexcept nogil:
    # Back through it: with the operation that begins the next one, and without that which begins
    # this one, of which the group leaves a share.
    cdef int k = min(stage_end(net, stage), net.count - 1), begin = stage_begin(net, stage)
    cdef int first, j
    cdef bint measures = False
    cdef const Op* op
    cdef Py_ssize_t i
    if stage > 0:
        begin += 1
    part.together = False
    while k >= begin and goes_on(net):
        op = &net.op[k]
        if op.takes_group:
            part.first, part.count = 0, rows
            backward_operation(net, op, part)
            k -= 1
            continue
        first = max(back_run(net, k), begin)
        if in_fours(net, op):
            part.together = False
            backward_fours(net, part, first, k + 1, rows if leads(net, part.worker) else 0)
            k = first - 1
            continue
        measures = stage > 0 and first == begin
        part.count = 1
        for i in range(rows):
            part.first = i
            for j in range(first - measures, k):
                if net.op[j].is_remade:
                    forward_operation(net, &net.op[j], part)
            for j in range(k, first - 1, -1):
                backward_operation(net, &net.op[j], part)
                worked(net.watch, part.worker, 2 * net.op[j].work)
            if measures and leads(net, part.worker):
                net.op[begin - 1].methods.measure_back(net, &net.op[begin - 1], part)
            if not goes_on(net):
                break
        k = first - 1
    if stage > 0 and not measures and leads(net, part.worker):
        op = &net.op[begin - 1]
        part.count = 1
        for i in range(rows):
            part.first = i
            op.methods.measure_back(net, op, part)


cdef void settle_stage(const Network* net, int stage, int worker, int workers,
                       Py_ssize_t batch) noexcept nogil:
    # Before the operation that begins it.
    cdef const Op* op = &net.op[net.stage[stage]]
    op.methods.settle(net, op, worker, workers, batch)


cdef void settle_stage_back(const Network* net, int stage, int worker, int workers,
                            Py_ssize_t batch) noexcept nogil:
    cdef const Op* op = &net.op[net.stage[stage]]
    op.methods.settle_back(net, op, worker, workers, batch)


cdef void keep_all(const Network* net, int worker, int workers, Py_ssize_t batch) noexcept nogil:
    # The results of a step besides parameters.
    cdef int stage
    for stage in range(1, net.stages):
        net.op[net.stage[stage]].methods.keep(net, &net.op[net.stage[stage]], worker, workers,
                                              batch)
