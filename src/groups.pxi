# How workers share a job out, and what they do with groups of samples.

cdef inline Py_ssize_t take(Job* job, work_items* items, Py_ssize_t total,
                            int worker) noexcept nogil:
    return next_item(items, total, job.crew.workers, worker)


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
        meet_looking(&job.crew, reset, look, job)
    else:
        meet(&job.crew, reset)
    return job.crew.over


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


# The work on each group of samples: a way through some stages.
ctypedef void (*group_function)(Job* job, Part* part, const Batch* batch, int stage,
                                Py_ssize_t group) noexcept nogil


cdef void forward_of_group(Job* job, Part* part, const Batch* batch, int stage,
                           Py_ssize_t group) noexcept nogil:
    cdef Py_ssize_t rows = begin_group(job, part, batch, group, stage == 0)
    forward_stage(&job.net, part, stage, rows)
    if (stage == stages_of(&job.net) - 1 and job.out != NULL and not job.last_in_place
            and leads(&job.net, part.worker)):
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
    if stage == stages_of(&job.net) - 1 and gives and not job.last_in_place:
        take_gradient(job, part, rows, job.x)
    backward_stage(&job.net, part, stage, rows)
    if stage == 0 and gives and not job.first_in_place:
        give_gradient(job, part, rows, job.out, job.net.tensor[0].size)


cdef inline void all_groups(Job* job, int worker, const Batch* batch, int stage,
                            group_function work, bint clears) noexcept nogil:
    # This worker's share of the slots, and of each slot all groups. Every other stage goes through
    # them the other way around: what the last one has left is in the cache.
    cdef Py_ssize_t groups = groups_of(&job.net, batch.samples)
    cdef Py_ssize_t slots = slots_of(&job.net, batch.samples), item, begin, end, i
    cdef bint turned = stage % 2, empties
    cdef int share = job.crew.workers - 1 - worker if turned else worker
    cdef const Network* net = &job.net
    cdef Part part
    part.worker, part.owner = worker, 0 if job.net.team != NULL else worker
    part.draw = batch.draw
    empties = net.aside != NULL and sets_aside(net, batch.samples)
    item = take_group(job, slots, share, -1)
    while item >= 0:
        part.slot = slots - 1 - item if turned else item
        if clears and leads(&job.net, worker):
            empty_slot(net, part.slot, empties)
        begin, end = groups * part.slot // slots, groups * (part.slot + 1) // slots
        for i in range(begin, end):
            work(job, &part, batch, stage, begin + end - 1 - i if turned else i)
            if not goes_on(&job.net):
                return
            if empties and (i + 1 - begin) % GROUPS_AT_A_TIME == 0:
                set_slot_aside(net, part.slot)
        if empties:
            take_slot_back(net, part.slot)
        item = take_group(job, slots, share, item)


cdef bint earlier_stages(Job* job, int worker, const Batch* batch, bint clears) noexcept nogil:
    # Forward through all but the last. Whether it all ends here.
    cdef int stage
    for stage in range(stages_of(&job.net) - 1):
        all_groups(job, worker, batch, stage, forward_of_group, clears and stage == 0)
        if (meet_all(job, worker, &job.items)
                or join_ranks(job, worker, stage + 1, False, batch.samples)):
            return True
        settle_stage(&job.net, stage + 1, worker, job.crew.workers, batch.samples)
    return False


cdef bint earlier_stages_back(Job* job, int worker, const Batch* batch) noexcept nogil:
    # Back through all but the last, which has been back.
    cdef int stage
    for stage in range(stages_of(&job.net) - 2, -1, -1):
        if (meet_all(job, worker, &job.items)
                or join_ranks(job, worker, stage + 1, True, batch.samples)):
            return True
        settle_stage_back(&job.net, stage + 1, worker, job.crew.workers, batch.samples)
        all_groups(job, worker, batch, stage, backward_of_group, False)
    return False
