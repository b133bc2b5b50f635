# The engine: whole runs in one call without the interpreter. One job at a time goes to the pool; every worker runs the
# same function and takes work items.
#
# A training step has two phases with a meeting after each:
#   1. groups of samples: gather, forward, loss, backward. An item is a slot, a fixed run of groups.
#   2. slices of the parameters: their gradient (a product over the batch, or the sum over slots), and their update. Where
#      the gradient's norm is limited, and where a step takes long, there is a meeting between the two.
# What ends a job (watch.pxi) ends it before an update or after a whole one: steps, parameters, moments and states agree.

cdef struct Slice:
    int op
    Py_ssize_t start, stop        # rows of the op's matrix


cdef struct Job:
    Network net
    const real* x                 # samples, as they cross the interface
    const int64_t* order          # which sample comes when; NULL for as they lie
    Py_ssize_t samples, batch, batches, first
    Tensor input
    Py_ssize_t channels, pixels   # of the input
    uint64_t seed
    # training
    int loss
    const int64_t* labels         # or
    const real* targets
    const real* weights           # of rows of outputs, or NULL
    const int64_t* lengths        # of samples, or NULL; the network has those of the batch
    int64_t* batch_lengths
    Optimizer optimizer
    const double* rates           # one a step
    int64_t* steps                # taken so far, by the network
    int64_t steps_before          # and before this job
    real* states                  # those after the last whole step, or NULL: `net` has those that are being worked at
    Py_ssize_t states_size        # of the batch
    bint apart                    # gradients first, then a meeting, then updates
    Slice* slices
    Py_ssize_t slice_count
    double* losses                # of each group of the batch
    double* hits
    double* squares               # of each slice's gradient
    double* records               # of each step: sums of the weighted loss and of the hits, and over how many outputs
    # inference
    real* out                     # or NULL
    Py_ssize_t out_channels, out_pixels
    work_items items, slice_items
    meeting gathering
    Watch watch


cdef inline Py_ssize_t slots_of(const Network* net, Py_ssize_t samples) noexcept nogil:
    cdef Py_ssize_t groups = groups_of(net, samples)
    return groups if groups < SLOTS else SLOTS


cdef inline Py_ssize_t take(Job* job, work_items* items, Py_ssize_t total, int worker) noexcept nogil:
    return next_item(items, total, job.gathering.workers, worker)


cdef inline Py_ssize_t take_group(Job* job, Py_ssize_t total, int worker, Py_ssize_t last) noexcept nogil:
    # The next item of the first phase, after `last`, at first -1. A team's members take all of them, together.
    if job.net.team != NULL:
        return last + 1 if last + 1 < total else -1
    return take(job, &job.items, total, worker)


cdef inline bint leads(const Job* job, int worker) noexcept nogil:
    return job.net.team == NULL or worker == 0


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


cdef void check_tokens(Job* job, real* x, Py_ssize_t count, Py_ssize_t rows) noexcept nogil:
    # Of a copy that nobody else changes any more, though the samples may have been since they were checked.
    cdef Py_ssize_t i
    for i in range(count):
        if not (0 <= x[i] < rows and x[i] == <Py_ssize_t>x[i]):
            x[i] = 0
            raise_flag(&job.watch.no_token)
            raise_flag(job.watch.ending)


cdef void gather(Job* job, int worker, Py_ssize_t row, Py_ssize_t position, Py_ssize_t n) noexcept nogil:
    # n samples from `position` of the order on, into the input tensor from batch row `row` on; or straight into the frame that
    # the first operation would put around them.
    cdef const Window* g = &job.net.op[0].window
    cdef Py_ssize_t i, sample
    cdef const real* x
    for i in range(n):
        sample = job.order[position + i] if job.order != NULL else position + i
        x = job.x + sample * job.net.tensor[0].size
        if job.net.first:
            copy_image(x, g.w * g.c, value_of(&job.net, 1, worker, row, i) + frame_start(&job.net.op[0]), g.ow * g.c, g.h, g.w * g.c)
        else:
            channels_last(x, value_of(&job.net, 0, worker, row, i), job.channels, job.pixels)
            if job.net.op[0].kind == EMBEDDING:
                check_tokens(job, value_of(&job.net, 0, worker, row, i), job.net.tensor[0].size, job.net.op[0].rows)
        if job.batch_lengths != NULL:
            job.batch_lengths[row + i] = job.lengths[sample]


cdef void gather_trees(Job* job, int worker, Py_ssize_t group, Py_ssize_t row, Py_ssize_t position, Py_ssize_t n) noexcept nogil:
    # The same of n trees, the first one being the batch's tree `row`: their nodes, laid out.
    cdef const Forest* f = &job.net.forest
    cdef Py_ssize_t i, size = job.net.tensor[0].size, first = nodes_of(f, job.order, position - row, position)
    cdef real* x
    lay_group(f, worker, group, first, job.order, position, position + n)
    for i in range(f.rows[group]):
        x = value_of(&job.net, 0, worker, first, i)
        memcpy(x, job.x + f.node[first + i] * size, size * sizeof(real))
        if job.net.op[0].kind == EMBEDDING and i < f.leaves[group]:
            check_tokens(job, x, 1, job.net.op[0].rows)
        elif job.net.op[0].kind == EMBEDDING:
            x[0] = -1


cdef Py_ssize_t outputs_of(const Job* job, Py_ssize_t position, Py_ssize_t batch) noexcept nogil:
    # How many outputs a batch has for the loss to compare: samples, their steps in time, or nodes that count.
    cdef Py_ssize_t i, node, total = 0, steps = job.net.tensor[job.net.count].steps
    cdef const Forest* f = &job.net.forest
    if has_trees(&job.net):
        for i in range(position, position + batch):
            for node in range(f.start[job.order[i]], f.start[job.order[i] + 1]):
                total += f.counts[node]
        return total
    if job.lengths == NULL or steps == 1:
        return batch * steps
    for i in range(position, position + batch):
        total += job.lengths[job.order[i]]
    return total


cdef void losses_of_group(Job* job, int worker, Py_ssize_t group, Py_ssize_t row, Py_ssize_t position, Py_ssize_t n,
                          Py_ssize_t outputs) noexcept nogil:
    # The losses of a group's samples and steps, or nodes, and the gradient of their mean over `outputs`.
    cdef const Tensor* t = &job.net.tensor[job.net.count]
    cdef Py_ssize_t first = row_of(&job.net, t, worker, row, 0), features = t.size // t.steps
    cdef Py_ssize_t i, sample, length, step, label
    cdef const real* y
    cdef const real* target
    cdef real* dy
    cdef double weight, loss
    job.losses[group] = 0
    job.hits[group] = 0
    for i in range(n):
        y = t.value + (first + i) * t.stride
        dy = t.gradient + (first + i) * t.stride
        if has_trees(&job.net):
            sample = job.net.forest.node[row + i]
            if not job.net.forest.counts[sample]:
                memset(dy, 0, t.size * sizeof(real))
                continue
        else:
            sample = job.order[position + i] if job.order != NULL else position + i
        length = job.lengths[sample] if job.lengths != NULL and t.steps > 1 else t.steps
        for step in range(length):
            weight = job.weights[sample * t.steps + step] if job.weights != NULL else 1
            target = job.targets + sample * t.size + step * features if job.targets != NULL else NULL
            label = job.labels[sample * t.steps + step] if target == NULL else largest_of(target, features)
            loss = LOSS_ROWS[job.loss].of_row(y, target, label, dy, <real>(weight / outputs), features)
            job.losses[group] += weight * loss
            job.hits[group] += largest_of(y, features) == label
            y += features
            dy += features
        memset(dy, 0, (t.steps - length) * features * sizeof(real))


cdef void train_slot(Job* job, int worker, Py_ssize_t slot, Py_ssize_t position, Py_ssize_t batch, uint64_t draw) noexcept nogil:
    cdef Py_ssize_t groups = groups_of(&job.net, batch)
    cdef Py_ssize_t slots = slots_of(&job.net, batch)
    cdef Py_ssize_t outputs = outputs_of(job, position, batch)
    cdef Py_ssize_t group, row, first, n
    if leads(job, worker):
        memset(job.net.slots + slot * job.net.slot_stride, 0, job.net.slot_stride * sizeof(real))
    for group in range(groups * slot // slots, groups * (slot + 1) // slots):
        row = batch * group // groups
        n = batch * (group + 1) // groups - row
        first = position + row
        if has_trees(&job.net):
            gather_trees(job, worker, group, row, first, n)
            row, n = job.net.forest.first[group], job.net.forest.rows[group]
        elif leads(job, worker):
            gather(job, worker, row, first, n)
        forward_group(&job.net, worker, row, n, draw)
        if leads(job, worker):
            losses_of_group(job, worker, group, row, first, n, outputs)
        backward_group(&job.net, worker, slot, row, n, draw)
        if is_ending(&job.watch) and job.net.team == NULL:
            return


cdef void descend_online(Job* job, const Slice* slice, real rate) noexcept nogil:
    # A step of plain gradient descent on one sample, without writing the gradient down.
    cdef const Matrix* w = &job.net.op[slice.op].matrix
    cdef const real* dy = job.net.tensor[slice.op + 1].gradient
    cdef Py_ssize_t o
    dense_descend_one(w, job.net.tensor[slice.op].value, dy, rate, slice.start, slice.stop if slice.stop < w.rows else w.rows, job.net.parameters)
    if slice.stop > w.rows:
        for o in range(w.columns):
            job.net.parameters[w.bias + o] -= rate * dy[o]


cdef void train_slice(Job* job, Py_ssize_t item, Py_ssize_t batch, Py_ssize_t step, bint counts, bint updates) noexcept nogil:
    # Its gradient, its update, or both.
    cdef const Slice* slice = &job.slices[item]
    cdef const Op* op = &job.net.op[slice.op]
    cdef const Optimizer* o = &job.optimizer
    cdef double rate = job.rates[step], norm = 0
    cdef Py_ssize_t start = op.offset + slice.start * op.columns, stop = op.offset + slice.stop * op.columns, i
    if (o.rule == SGD and o.momentum == 0 and o.decay == 0 and o.clip_norm == 0 and o.clip_value == 0 and batch == 1
            and op.kind == DENSE and job.net.tensor[slice.op].steps == 1 and not has_trees(&job.net)):
        if updates:
            descend_online(job, slice, <real>rate)
        return
    if counts:
        weight_gradient(&job.net, slice.op, slice.start, slice.stop, batch, slots_of(&job.net, batch))
        job.squares[item] = sum_of_squares(job.net.gradients, start, stop) if o.clip_norm > 0 else 0
    if updates:
        if o.clip_norm > 0 or o.clip_value > 0:
            for i in range(job.slice_count):
                norm += job.squares[i]
            clip(o, sqrt(norm), job.net.gradients, start, stop)
        update(o, rate, job.steps_before + step + 1, job.net.parameters, job.net.gradients, start, stop)


cdef void train_slices(Job* job, int worker, Py_ssize_t batch, Py_ssize_t step, bint counts, bint updates) noexcept nogil:
    # All of them, or, where no parameter changes, as many as there are before the end.
    cdef Py_ssize_t item = take(job, &job.slice_items, job.slice_count, worker)
    cdef const Slice* slice
    while item >= 0:
        train_slice(job, item, batch, step, counts, updates)
        if not updates:
            slice = &job.slices[item]
            worked(&job.watch, worker, <double>(slice.stop - slice.start) * job.net.op[slice.op].columns * batch
                   * job.net.tensor[slice.op].steps)
            if is_ending(&job.watch):
                return
        item = take(job, &job.slice_items, job.slice_count, worker)


cdef bint add_up(Job* job, int worker, Py_ssize_t batch) noexcept nogil:
    # What gradients of weights need of the whole batch first. Whether it all ends here.
    if not job.net.looks_up:
        return False
    add_up_lookups(&job.net, worker, job.gathering.workers, batch)
    return meet_all(job, worker, NULL)


cdef void train_worker(void* context, int worker) noexcept nogil:
    cdef Job* job = <Job*>context
    cdef Py_ssize_t step, position, batch, item, group
    for step in range(job.batches):
        lay_weights(&job.net, worker)
        transpose_weights(&job.net, worker)
        position = job.first + step * job.batch
        batch = job.batch if job.samples - position >= job.batch else job.samples - position
        item = take_group(job, slots_of(&job.net, batch), worker, -1)
        while item >= 0:
            train_slot(job, worker, item, position, batch, scramble(job.seed + <uint64_t>position))
            if is_ending(&job.watch) and job.net.team == NULL:
                break
            item = take_group(job, slots_of(&job.net, batch), worker, item)
        if meet_all(job, worker, &job.slice_items) or add_up(job, worker, batch):
            return
        if job.apart:
            train_slices(job, worker, batch, step, True, False)
            if meet_all(job, worker, &job.slice_items):
                return
        if worker == 0:
            for group in range(groups_of(&job.net, batch)):
                job.records[3 * step] += job.losses[group]
                job.records[3 * step + 1] += job.hits[group]
            job.records[3 * step + 2] = outputs_of(job, position, batch)
            if job.states != NULL:
                memcpy(job.states, job.net.states, job.states_size * sizeof(real))
        train_slices(job, worker, batch, step, not job.apart, True)
        meet(&job.gathering, &job.items)
        if worker == 0:
            job.steps[0] += 1
        if job.gathering.over:
            return


cdef inline Py_ssize_t sample_at(const Job* job, Py_ssize_t row) noexcept nogil:
    # What stands at a row: samples are as they lie, nodes of trees are not.
    return job.net.forest.node[row] if has_trees(&job.net) else row


cdef void forward_worker(void* context, int worker) noexcept nogil:
    cdef Job* job = <Job*>context
    cdef const Tensor* t = &job.net.tensor[job.net.count]
    cdef Py_ssize_t groups = groups_of(&job.net, job.samples)
    cdef Py_ssize_t i, row, n
    cdef Py_ssize_t item
    lay_weights(&job.net, worker)
    item = take_group(job, groups, worker, -1)
    while item >= 0:
        row = job.samples * item // groups
        n = job.samples * (item + 1) // groups - row
        if has_trees(&job.net):
            gather_trees(job, worker, item, row, row, n)
            row, n = job.net.forest.first[item], job.net.forest.rows[item]
        elif leads(job, worker):
            gather(job, worker, row, row, n)
        forward_group(&job.net, worker, row, n, scramble(job.seed))
        for i in range(n if job.out != NULL and leads(job, worker) else 0):
            channels_first(value_of(&job.net, job.net.count, worker, row, i), job.out + sample_at(job, row + i) * t.size,
                           job.out_channels, job.out_pixels)
        if is_ending(&job.watch) and job.net.team == NULL:
            return
        item = take_group(job, groups, worker, item)


cdef void backward_worker(void* context, int worker) noexcept nogil:
    # After a forward job over the same tensors, all wide. x is dy here, and out is dx.
    cdef Job* job = <Job*>context
    cdef const Tensor* last = &job.net.tensor[job.net.count]
    cdef const Tensor* t = &job.net.tensor[0]
    cdef const Window* g = &job.net.op[0].window
    cdef Py_ssize_t groups = groups_of(&job.net, job.samples)
    cdef Py_ssize_t slots = slots_of(&job.net, job.samples)
    cdef Py_ssize_t i, row, n, group, item
    transpose_weights(&job.net, worker)
    item = take_group(job, slots, worker, -1)
    while item >= 0:
        if leads(job, worker):
            memset(job.net.slots + item * job.net.slot_stride, 0, job.net.slot_stride * sizeof(real))
        for group in range(groups * item // slots, groups * (item + 1) // slots):
            row = job.samples * group // groups
            n = job.samples * (group + 1) // groups - row
            if has_trees(&job.net):
                row, n = job.net.forest.first[group], job.net.forest.rows[group]
            for i in range(row, row + n if leads(job, worker) else row):
                channels_last(job.x + sample_at(job, i) * last.size, last.gradient + i * last.stride, job.out_channels, job.out_pixels)
            backward_group(&job.net, worker, item, row, n, scramble(job.seed))
            for i in range(row, row + n if leads(job, worker) else row):
                if job.net.first:
                    copy_image(gradient_of(&job.net, 1, worker, i, 0) + frame_start(&job.net.op[0]), g.ow * g.c,
                               job.out + i * t.size, g.w * g.c, g.h, g.w * g.c)
                else:
                    channels_first(t.gradient + i * t.stride, job.out + sample_at(job, i) * t.size, job.channels, job.pixels)
        if is_ending(&job.watch) and job.net.team == NULL:
            break
        item = take_group(job, slots, worker, item)
    if meet_all(job, worker, &job.slice_items) or add_up(job, worker, job.samples):
        return
    item = take(job, &job.slice_items, job.slice_count, worker)
    while item >= 0 and not is_ending(&job.watch):
        weight_gradient(&job.net, job.slices[item].op, job.slices[item].start, job.slices[item].stop, job.samples, slots)
        worked(&job.watch, worker, <double>(job.slices[item].stop - job.slices[item].start)
               * job.net.op[job.slices[item].op].columns * job.samples * job.net.tensor[job.slices[item].op].steps)
        item = take(job, &job.slice_items, job.slice_count, worker)
