# The engine: whole runs in one call without the interpreter. One job at a time goes to the pool;
# every worker runs the same function and takes work items.
#
# A step of training is a list of stages with a meeting of all workers after each:
#   groups of samples: gather, forward, loss, backward. An item is a slot, a fixed run of groups.
#       Where operations have to see the whole batch, this is parted: forward up to each of them,
#       and on the way back down to each.
#   slices of the parameters: their gradient (a product over the batch, or the sum over slots), and
#       their update. Where the gradient's norm is limited, and where a step takes long, there is a
#       meeting between the two.
# What ends a job (watch.pxi) ends it before an update or after a whole one: steps, parameters,
# moments and states agree.

cdef inline Py_ssize_t take(Job* job, work_items* items, Py_ssize_t total,
                            int worker) noexcept nogil:
    return next_item(items, total, job.gathering.workers, worker)


cdef inline Py_ssize_t take_group(Job* job, Py_ssize_t total, int worker,
                                  Py_ssize_t last) noexcept nogil:
    # The next item of a stage of groups, after `last`, at first -1. A team's members take all of
    # them, together.
    if job.net.team != NULL:
        return last + 1 if last + 1 < total else -1
    return take(job, &job.items, total, worker)


cdef void look(void* context) noexcept nogil:
    # While worker 0 waits.
    ask(&(<Job*>context).watch)


cdef inline bint meet_all(Job* job, int worker, work_items* reset) noexcept nogil:
    # Whether it all ends here.
    if worker == 0:
        meet_looking(&job.gathering, reset, look, job)
    else:
        meet(&job.gathering, reset)
    return job.gathering.over


cdef struct Batch:
    # The samples of a step, or all of a job.
    Py_ssize_t position, samples
    Py_ssize_t outputs          # how many the loss compares
    uint64_t draw


cdef Py_ssize_t begin_group(Job* job, Part* part, const Batch* batch, Py_ssize_t group,
                            bint gathers) noexcept nogil:
    # Set the part to a group, and fill its input or find its rows. Gives how many there are.
    cdef Py_ssize_t groups = groups_of(&job.net, batch.samples)
    cdef Py_ssize_t first = batch.samples * group // groups
    cdef Py_ssize_t n = batch.samples * (group + 1) // groups - first
    part.group, part.row = group, first
    if has_trees(&job.net):
        if gathers:
            return gather_trees(job, part, batch.position + first, n)
        part.row = job.net.forest.first[group]
        return job.net.forest.rows[group]
    if gathers and leads(&job.net, part.worker):
        gather(job, part, batch.position + first, n)
    return n


# What workers do with each group of the samples: a way through some stages.
ctypedef void (*group_function)(Job* job, Part* part, const Batch* batch, int stage,
                                Py_ssize_t group) noexcept nogil


cdef void forward_of_group(Job* job, Part* part, const Batch* batch, int stage,
                           Py_ssize_t group) noexcept nogil:
    cdef Py_ssize_t rows = begin_group(job, part, batch, group, stage == 0)
    forward_stage(&job.net, part, stage, rows)
    if stage == stages_of(&job.net) - 1 and job.out != NULL and leads(&job.net, part.worker):
        give_output(job, part, part.row, rows)


cdef void train_group(Job* job, Part* part, const Batch* batch, int stage,
                      Py_ssize_t group) noexcept nogil:
    # The last stage forward, and back again.
    cdef Py_ssize_t rows = begin_group(job, part, batch, group, stage == 0)
    cdef Py_ssize_t first = batch.samples * group // groups_of(&job.net, batch.samples)
    forward_stage(&job.net, part, stage, rows)
    if leads(&job.net, part.worker):
        losses_of_group(job, part, batch.position + first, rows, batch.outputs)
    backward_stage(&job.net, part, stage, rows)


cdef void backward_of_group(Job* job, Part* part, const Batch* batch, int stage,
                            Py_ssize_t group) noexcept nogil:
    cdef Py_ssize_t rows = begin_group(job, part, batch, group, False)
    cdef bint gives = job.out != NULL and leads(&job.net, part.worker)
    if stage == stages_of(&job.net) - 1 and gives:
        take_gradient(job, part, rows)
    backward_stage(&job.net, part, stage, rows)
    if stage == 0 and gives:
        give_gradient(job, part, rows)


cdef void all_groups(Job* job, int worker, const Batch* batch, int stage, group_function work,
                     bint clears) noexcept nogil:
    # This worker's share of the slots, and of each slot all groups.
    cdef Py_ssize_t groups = groups_of(&job.net, batch.samples)
    cdef Py_ssize_t slots = slots_of(&job.net, batch.samples), group
    cdef Part part
    part.worker, part.draw = worker, batch.draw
    part.slot = take_group(job, slots, worker, -1)
    while part.slot >= 0:
        if clears and leads(&job.net, worker):
            memset(job.net.slots + part.slot * job.net.slot_stride, 0,
                   job.net.slot_stride * sizeof(real))
        for group in range(groups * part.slot // slots, groups * (part.slot + 1) // slots):
            work(job, &part, batch, stage, group)
            if not goes_on(&job.net):
                return
        part.slot = take_group(job, slots, worker, part.slot)


cdef bint earlier_stages(Job* job, int worker, const Batch* batch, bint clears) noexcept nogil:
    # Forward through all but the last. Whether it all ends here.
    cdef int stage
    for stage in range(stages_of(&job.net) - 1):
        all_groups(job, worker, batch, stage, forward_of_group, clears and stage == 0)
        if meet_all(job, worker, &job.items):
            return True
        settle_stage(&job.net, stage + 1, worker, job.gathering.workers, batch.samples)
    return False


cdef bint earlier_stages_back(Job* job, int worker, const Batch* batch) noexcept nogil:
    # Back through all but the last, which has been back.
    cdef int stage
    for stage in range(stages_of(&job.net) - 2, -1, -1):
        if meet_all(job, worker, &job.items):
            return True
        settle_stage_back(&job.net, stage + 1, worker, job.gathering.workers, batch.samples)
        all_groups(job, worker, batch, stage, backward_of_group, False)
    return False


cdef bint add_up(Job* job, int worker, Py_ssize_t batch) noexcept nogil:
    # What gradients of weights need of the whole batch first. Whether it all ends here.
    cdef int k
    if not job.net.adds_up:
        return False
    for k in range(job.net.count):
        if job.net.op[k].methods.add_up != NULL:
            job.net.op[k].methods.add_up(&job.net, &job.net.op[k], worker,
                                         job.gathering.workers, batch)
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


cdef void train_slice(Job* job, Py_ssize_t item, Py_ssize_t batch, Py_ssize_t step, bint counts,
                      bint updates) noexcept nogil:
    # Its gradient, its update, or both.
    cdef const Slice* slice = &job.slices[item]
    cdef const Op* op = &job.net.op[slice.op]
    cdef const Optimizer* o = &job.optimizer
    if (updates and batch == 1 and is_plain_descent(o) and op.methods.descend != NULL
            and op.methods.descend(&job.net, op, slice.start, slice.stop, <real>job.rates[step])):
        return
    if counts:
        op.methods.gradient(&job.net, op, slice.start, slice.stop, batch)
        measure_slice(job, item)
    if updates:
        update_slice(job, item, step)


cdef inline double work_of(const Job* job, const Slice* slice, Py_ssize_t batch) noexcept nogil:
    cdef const Op* op = &job.net.op[slice.op]
    return <double>(slice.stop - slice.start) * op.columns * batch * source_of(&job.net, op).steps


cdef void train_slices(Job* job, int worker, Py_ssize_t batch, Py_ssize_t step, bint counts,
                       bint updates) noexcept nogil:
    # All of them, or, where no parameter changes, as many as there are before the end.
    cdef Py_ssize_t item = take(job, &job.slice_items, job.slice_count, worker)
    while item >= 0:
        train_slice(job, item, batch, step, counts, updates)
        if not updates:
            worked(&job.watch, worker, work_of(job, &job.slices[item], batch))
            if is_ending(&job.watch):
                return
        item = take(job, &job.slice_items, job.slice_count, worker)


cdef void record(Job* job, const Batch* batch, Py_ssize_t step) noexcept nogil:
    cdef Py_ssize_t group
    for group in range(groups_of(&job.net, batch.samples)):
        job.records[3 * step] += job.losses[group]
        job.records[3 * step + 1] += job.hits[group]
    job.records[3 * step + 2] = batch.outputs
    if job.states != NULL:
        memcpy(job.states, job.net.states, job.states_size * sizeof(real))


cdef void train_worker(void* context, int worker) noexcept nogil:
    cdef Job* job = <Job*>context
    cdef int workers = job.gathering.workers
    cdef Batch batch
    cdef Py_ssize_t step
    for step in range(job.batches):
        copy_weights(&job.net, worker)
        copy_weights_back(&job.net, worker)
        batch.position = job.first + step * job.batch
        batch.samples = min(job.batch, job.samples - batch.position)
        batch.outputs = outputs_of(job, batch.position, batch.samples)
        batch.draw = scramble(job.seed + <uint64_t>batch.position)
        if earlier_stages(job, worker, &batch, True):
            return
        all_groups(job, worker, &batch, stages_of(&job.net) - 1, train_group,
                   stages_of(&job.net) == 1)
        if (earlier_stages_back(job, worker, &batch) or meet_all(job, worker, &job.slice_items)
                or add_up(job, worker, batch.samples)):
            return
        if job.apart:
            train_slices(job, worker, batch.samples, step, True, False)
            if meet_all(job, worker, &job.slice_items):
                return
        if worker == 0:
            record(job, &batch, step)
            keep_all(&job.net, worker, workers, batch.samples)
        train_slices(job, worker, batch.samples, step, not job.apart, True)
        meet(&job.gathering, &job.items)
        if worker == 0:
            job.steps[0] += 1
        if job.gathering.over:
            return


cdef void step_worker(void* context, int worker) noexcept nogil:
    # One step, with the gradients that are there.
    cdef Job* job = <Job*>context
    cdef Py_ssize_t item
    if job.optimizer.clip_norm > 0:
        item = take(job, &job.slice_items, job.slice_count, worker)
        while item >= 0:
            measure_slice(job, item)
            item = take(job, &job.slice_items, job.slice_count, worker)
        if meet_all(job, worker, &job.slice_items):
            return
    item = take(job, &job.slice_items, job.slice_count, worker)
    while item >= 0:
        update_slice(job, item, 0)
        item = take(job, &job.slice_items, job.slice_count, worker)
    meet(&job.gathering, NULL)
    if worker == 0:
        job.steps[0] += 1


cdef inline Batch all_samples(const Job* job) noexcept nogil:
    cdef Batch batch
    batch.position, batch.samples, batch.outputs, batch.draw = 0, job.samples, 0, scramble(job.seed)
    return batch


cdef void forward_worker(void* context, int worker) noexcept nogil:
    cdef Job* job = <Job*>context
    cdef Batch batch = all_samples(job)
    copy_weights(&job.net, worker)
    if earlier_stages(job, worker, &batch, False):
        return
    all_groups(job, worker, &batch, stages_of(&job.net) - 1, forward_of_group, False)
    if job.net.training and worker == 0 and stages_of(&job.net) > 1:
        keep_all(&job.net, worker, job.gathering.workers, batch.samples)


cdef void backward_worker(void* context, int worker) noexcept nogil:
    # After a forward job over the same tensors, all wide. x is dy here, and out is dx.
    cdef Job* job = <Job*>context
    cdef Batch batch = all_samples(job)
    cdef Py_ssize_t item
    cdef const Slice* slice
    cdef const Op* op
    cdef int stage, workers = job.gathering.workers
    copy_weights_back(&job.net, worker)
    for stage in range(1, stages_of(&job.net)):
        settle_stage(&job.net, stage, worker, workers, batch.samples)
    all_groups(job, worker, &batch, stages_of(&job.net) - 1, backward_of_group, True)
    if (earlier_stages_back(job, worker, &batch) or meet_all(job, worker, &job.slice_items)
            or add_up(job, worker, batch.samples)):
        return
    item = take(job, &job.slice_items, job.slice_count, worker)
    while item >= 0 and not is_ending(&job.watch):
        slice = &job.slices[item]
        op = &job.net.op[slice.op]
        op.methods.gradient(&job.net, op, slice.start, slice.stop, job.samples)
        worked(&job.watch, worker, work_of(job, slice, job.samples))
        item = take(job, &job.slice_items, job.slice_count, worker)
