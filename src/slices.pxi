# The work on slices of the parameters: gradients over the batch, and updates.

cdef bint any_adds_up(const Network* net) noexcept:
    cdef int k
    for k in range(net.count):
        if net.op[k].adds_up:
            return True
    return False


cdef bint add_up(Job* job, int worker, Py_ssize_t batch) noexcept nogil:
    # Adds up what gradients of weights need of the whole batch. Gives whether the job ends here.
    cdef int k
    if not job.net.adds_up:
        return False
    for k in range(job.net.count):
        if job.net.op[k].adds_up:
            job.net.op[k].methods.add_up(&job.net, &job.net.op[k], worker,
                                         job.crew.workers, batch)
    return meet_all(job, worker, NULL)


cdef inline Py_ssize_t begin_of(const Job* job, const Slice* slice) noexcept nogil:
    # In the flat vectors.
    return job.net.op[slice.op].offset + slice.start * job.net.op[slice.op].columns


cdef inline Py_ssize_t end_of(const Job* job, const Slice* slice) noexcept nogil:
    return job.net.op[slice.op].offset + slice.stop * job.net.op[slice.op].columns


cdef void measure_slice(Job* job, Py_ssize_t item) noexcept nogil:
    # Its gradient's share of the norm, where that is limited.
    cdef const Slice* slice = &job.slices[item]
    if job.optimizer.clip_norm > 0:
        job.squares[item] = sum_of_squares(job.net.gradients, begin_of(job, slice),
                                           end_of(job, slice))


cdef void update_slice(Job* job, Py_ssize_t item, Py_ssize_t step) noexcept nogil:
    cdef const Optimizer* o = &job.optimizer
    cdef Py_ssize_t start = begin_of(job, &job.slices[item])
    cdef Py_ssize_t stop = end_of(job, &job.slices[item]), i
    cdef double norm = 0
    if o.clip_norm > 0 or o.clip_value > 0:
        for i in range(job.slice_count):
            norm += job.squares[i]
        clip(o, sqrt(norm), job.net.gradients, start, stop)
    update(o, job.rates[step], job.steps_before + step + 1, job.net.parameters, job.net.gradients,
           start, stop)


cdef void lay_slice(Job* job, Py_ssize_t item, bint forward, bint back) noexcept nogil:
    # Once its weights have changed.
    cdef const Slice* slice = &job.slices[item]
    cdef const Op* op = &job.net.op[slice.op]
    if forward and lays(&job.net, op):
        op.methods.lay(&job.net, op, slice.start, slice.stop)
    if back and lays_back(&job.net, op):
        op.methods.lay_back(&job.net, op, slice.start, slice.stop)


cdef bint any_lays(const Network* net, bint forward, bint back) noexcept nogil:
    cdef int k
    for k in range(net.count):
        if (forward and lays(net, &net.op[k])) or (back and lays_back(net, &net.op[k])):
            return True
    return False


cdef bint lay_all(Job* job, int worker, bint forward, bint back) noexcept nogil:
    # At the beginning of a job. Whether it all ends here.
    cdef Py_ssize_t item
    if not any_lays(&job.net, forward, back):
        return False
    item = take(job, &job.slice_items, job.all_slices, worker)
    while item >= 0:
        lay_slice(job, item, forward, back)
        item = take(job, &job.slice_items, job.all_slices, worker)
    return meet_all(job, worker, &job.slice_items)


cdef void train_slice(Job* job, Py_ssize_t item, Py_ssize_t batch, Py_ssize_t step, bint computes,
                      bint updates) noexcept nogil:
    # Its gradient, its update, or both.
    cdef const Slice* slice = &job.slices[item]
    cdef bint lays = step + 1 < job.batches     # the next step reads the copies
    cdef const Op* op = &job.net.op[slice.op]
    cdef const Optimizer* o = &job.optimizer
    if (updates and batch == 1 and job.ranks == NULL and is_plain_descent(o)
            and op.methods.descend != NULL
            and op.methods.descend(&job.net, op, slice.start, slice.stop, <real>job.rates[step])):
        lay_slice(job, item, lays, lays)
        return
    if computes and batch == 0:         # other ranks have them all
        memset(job.net.gradients + begin_of(job, slice), 0,
               (end_of(job, slice) - begin_of(job, slice)) * sizeof(real))
    elif computes:
        op.methods.gradient(&job.net, op, slice.start, slice.stop, batch)
        measure_slice(job, item)
    if updates:
        update_slice(job, item, step)
        lay_slice(job, item, lays, lays)


cdef inline double work_of(const Job* job, const Slice* slice, Py_ssize_t batch) noexcept nogil:
    cdef const Op* op = &job.net.op[slice.op]
    return <double>(slice.stop - slice.start) * op.columns * batch * source_of(&job.net, op).steps


cdef void train_slices(Job* job, int worker, Py_ssize_t batch, Py_ssize_t step, bint computes,
                       bint updates) noexcept nogil:
    # All of them, or, where no parameter changes, as many as there are before the end.
    cdef Py_ssize_t item = take(job, &job.slice_items, job.slice_count, worker)
    while item >= 0 and (updates or not is_ending(&job.watch)):
        train_slice(job, item, batch, step, computes, updates)
        if not updates:
            worked(&job.watch, worker, work_of(job, &job.slices[item], batch))
        item = take(job, &job.slice_items, job.slice_count, worker)
