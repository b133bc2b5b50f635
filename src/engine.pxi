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
# A job that is ended (watch.pxi) ends before an update or after a whole one: steps, parameters,
# moments and states agree.
#
# Where several processes train together (ranks.pxi), they meet before the updates, and between
# stages.

cdef void record(Job* job, const Batch* batch, Py_ssize_t step) noexcept nogil:
    cdef Py_ssize_t group
    for group in range(groups_of(&job.net, batch.samples)):
        job.records[3 * step] += job.losses[group]
        job.records[3 * step + 1] += job.hits[group]
    job.records[3 * step + 2] = batch.outputs


cdef void keep_states(Job* job) noexcept nogil:
    if job.states != NULL:
        memcpy(job.states, job.net.states, job.states_size * sizeof(real))


cdef inline Batch batch_of_step(const Job* job, Py_ssize_t step) noexcept nogil:
    # Passes over the samples follow one another; each has as many steps, its own order and seed.
    cdef Py_ssize_t steps = (job.samples + job.batch - 1) // job.batch
    cdef Py_ssize_t past = step // steps, begin = step % steps * job.batch
    cdef Batch batch
    batch.position, batch.samples = past * job.samples + begin, min(job.batch, job.samples - begin)
    batch.outputs = outputs_of(job, batch.position, batch.samples)
    batch.draw = scramble(job.seeds[past] + <uint64_t>begin)
    return batch


cdef void take_steps(Job* job, int worker) noexcept nogil:
    cdef int workers = job.crew.workers
    cdef Batch batch
    cdef Py_ssize_t step
    if lay_all(job, worker, True, True):
        return
    for step in range(job.batches):
        prepare_all(&job.net, worker)
        prepare_all_back(&job.net, worker)
        batch = batch_of_step(job, job.first + step)
        keep_share(&job.net, &batch)
        if earlier_stages(job, worker, &batch, True):
            return
        all_groups(job, worker, &batch, stages_of(&job.net) - 1, train_group,
                   stages_of(&job.net) == 1)
        if (earlier_stages_back(job, worker, &batch) or meet_all(job, worker, &job.slice_items)
                or add_up(job, worker, batch.samples)):
            return
        if worker == 0:
            record(job, &batch, step)
        if job.apart:
            train_slices(job, worker, batch.samples, step, True, False)
            if meet_all(job, worker, &job.slice_items):
                return
        if meet_ranks(job, worker, &job.records[3 * step]):
            return
        if worker == 0:
            keep_states(job)
            keep_all(&job.net, worker, workers, batch.samples)
        train_slices(job, worker, batch.samples, step, not job.apart, True)
        meet(&job.crew, &job.items)
        if worker == 0:
            job.steps[0] += 1
        if job.crew.over:
            return


cdef void take_given_step(Job* job, int worker) noexcept nogil:
    # With the gradients that are there.
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
    meet(&job.crew, NULL)
    if worker == 0:
        job.steps[0] += 1


cdef inline Batch all_samples(const Job* job) noexcept nogil:
    cdef Batch batch
    batch.position, batch.samples, batch.outputs = 0, job.samples, 0
    batch.draw = scramble(job.seed) + <uint64_t>job.first
    return batch


cdef void go_forward(Job* job, int worker) noexcept nogil:
    cdef Batch batch = all_samples(job)
    prepare_all(&job.net, worker)
    if lay_all(job, worker, True, False) or earlier_stages(job, worker, &batch, False):
        return
    all_groups(job, worker, &batch, stages_of(&job.net) - 1, forward_of_group, False)
    if stages_of(&job.net) > 1 and not meet_all(job, worker, NULL) and worker == 0:
        keep_all(&job.net, worker, job.crew.workers, batch.samples)


cdef void go_back(Job* job, int worker) noexcept nogil:
    # After a forward job over the same tensors, all wide. x is dy here, and out is dx.
    cdef Batch batch = all_samples(job)
    cdef Py_ssize_t item
    cdef const Slice* slice
    cdef const Op* op
    cdef int stage, workers = job.crew.workers
    prepare_all_back(&job.net, worker)
    if lay_all(job, worker, False, True):
        return
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


cdef void train_worker(void* context, int worker) noexcept nogil:
    cdef unsigned long mode = flush_subnormals()
    take_steps(<Job*>context, worker)
    set_floating_mode(mode)


cdef void step_worker(void* context, int worker) noexcept nogil:
    cdef unsigned long mode = flush_subnormals()
    take_given_step(<Job*>context, worker)
    set_floating_mode(mode)


cdef void forward_worker(void* context, int worker) noexcept nogil:
    # In training as `fit` goes: a loop of one's own takes the same steps to the bit.
    cdef unsigned long mode
    if not (<Job*>context).net.training:
        go_forward(<Job*>context, worker)
        return
    mode = flush_subnormals()
    go_forward(<Job*>context, worker)
    set_floating_mode(mode)


cdef void backward_worker(void* context, int worker) noexcept nogil:
    cdef unsigned long mode = flush_subnormals()
    go_back(<Job*>context, worker)
    set_floating_mode(mode)
