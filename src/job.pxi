# A job: what one call of the core is to do with a network, what comes in, and what goes out.

cdef struct Job:
    Network net
    const real* x                 # samples, as they cross the interface,
    const uint8_t* bytes          # or as whole numbers from 0 to 255
    const int64_t* order          # which sample comes when, pass after pass; NULL for as they lie
    Py_ssize_t samples, batch, batches
    Py_ssize_t first              # of the steps of all passes, or of the samples
    Py_ssize_t channels, pixels   # of the input
    uint64_t seed
    # training
    const uint64_t* seeds         # of each pass
    Lowered loss
    const int64_t* labels         # of rows of outputs, or
    const real* targets
    Py_ssize_t target_width       # numbers of a row
    const real* weights           # of rows, or NULL
    const uint8_t* counts         # whether the loss looks at a row; NULL for at all of them
    const int64_t* lengths        # of samples, or NULL; the network has those of the batch
    int64_t* batch_lengths
    Optimizer optimizer
    const double* rates           # one a step
    int64_t* steps                # taken so far, by the network
    int64_t steps_before          # and before this job
    real* states                  # after the last whole step, or NULL; `net` has today's
    Py_ssize_t states_size        # of the batch
    bint apart                    # gradients first, then a meeting, then updates
    Slice* slices
    Py_ssize_t slice_count, all_slices    # of what training changes, and of all
    double* losses                # of each group of the batch
    double* hits
    double* squares               # of each slice's gradient
    double* records               # of each step: loss, hits, and over how many outputs
    # inference
    real* out                     # or NULL
    # The caller's arrays are what the last tensor holds, and the first one's gradient.
    bint last_in_place, first_in_place
    Py_ssize_t out_channels, out_pixels
    # derivatives
    const real* cotangents        # a row for each sample's outputs; NULL for one at each of them
    Py_ssize_t rows_each          # how many rows of derivatives a sample has
    # ranks
    PyObject* ranks               # those that train together, or NULL
    flag held                     # something is to end it, at the end of a step
    meeting crew
    Watch watch
    work_items items, slice_items


cdef inline void empty_job(Job* job) noexcept nogil:
    # But for the items, 8 kB of them, which are reset once it is known who takes them.
    memset(job, 0, <char*>&job.items - <char*>job)


cdef inline void open_job(Job* job, int workers) noexcept nogil:
    # A meeting and a watch are of one run; ranks end theirs together, at the end of a step.
    meeting_open(&job.crew, workers)
    reset_items(&job.items, workers)
    reset_items(&job.slice_items, workers)
    memset(&job.held, 0, sizeof(flag))
    open_watch(&job.watch, &job.held if job.ranks != NULL else &job.crew.ending)


cdef inline Py_ssize_t sample_at(const Job* job, Py_ssize_t position) noexcept nogil:
    return job.order[position] if job.order != NULL else position


cdef inline const real* sample_of_input(Job* job, Py_ssize_t sample, int worker) noexcept nogil:
    # Bytes become numbers here, no sooner.
    cdef Py_ssize_t n = job.net.tensor[0].size
    if job.bytes == NULL:
        return job.x + sample * n
    numbers_of_bytes(job.bytes + sample * n, fields_of(&job.net, worker), n)
    return fields_of(&job.net, worker)


cdef inline bint comes_as_it_goes(const Job* job) noexcept nogil:
    # Whether samples are in order, and their numbers too.
    return (job.order == NULL and job.bytes == NULL and job.batch_lengths == NULL
            and not job.net.framed and not job.net.tensor[0].passing_value
            and (job.channels == 1 or job.pixels == 1))


cdef void gather(Job* job, Part* part, Py_ssize_t position, Py_ssize_t n) noexcept nogil:
    # n samples from `position` of the order on, into the input tensor; or straight into the frame
    # that the first operation would put around them.
    cdef const Tensor* input = &job.net.tensor[0]
    cdef Py_ssize_t sample
    cdef const real* x
    if comes_as_it_goes(job):
        part.first = 0
        copy_rows(job.x + position * input.size, input.size, value_of(&job.net, input, part),
                  input.stride, n, input.size)
        return
    part.count = 1
    for part.first in range(n):
        sample = sample_at(job, position + part.first)
        x = sample_of_input(job, sample, part.worker)
        if job.batch_lengths != NULL:
            job.batch_lengths[part.row + part.first] = job.lengths[sample]
        if job.net.framed:
            frame_sample(&job.net, &job.net.op[0], x, output_of(&job.net, &job.net.op[0], part),
                         part.row + part.first)
        else:
            channels_last(x, value_of(&job.net, input, part), job.channels, job.pixels)


cdef Py_ssize_t gather_trees(Job* job, Part* part, Py_ssize_t position,
                             Py_ssize_t n) noexcept nogil:
    # The same of n trees, the first one being the batch's tree `part.row`: their nodes, laid out.
    # Gives how many.
    cdef const Forest* f = &job.net.forest
    cdef const Tensor* input = &job.net.tensor[0]
    cdef Py_ssize_t i
    cdef real* x
    part.row = nodes_of(f, job.order, position - part.row, position)
    lay_group(f, part.worker, part.group, part.row, job.order, position, position + n)
    part.first, part.count = 0, f.rows[part.group]
    x = value_of(&job.net, input, part)
    for i in range(f.rows[part.group]):
        memcpy(x, job.x + f.node[part.row + i] * input.size, input.size * sizeof(real))
        if job.net.reads_tokens and i >= f.leaves[part.group]:
            x[0] = -1
        x += input.stride
    return f.rows[part.group]


cdef Py_ssize_t outputs_of(const Job* job, Py_ssize_t position, Py_ssize_t batch) noexcept nogil:
    # How many outputs a batch has for the loss to compare: those samples, steps in time or nodes
    # that count.
    cdef const Forest* f = &job.net.forest
    cdef Py_ssize_t steps = job.net.tensor[job.net.count].steps, total = 0
    cdef Py_ssize_t i, sample, row, first, last
    for i in range(position, position + batch):
        sample = sample_at(job, i)
        first = f.start[sample] if has_trees(&job.net) else sample * steps
        last = f.start[sample + 1] if has_trees(&job.net) else first + steps
        if job.counts == NULL:
            total += last - first
            continue
        for row in range(first, last):
            total += job.counts[row]
    return total


cdef void losses_of_group(Job* job, const Part* part, Py_ssize_t position, Py_ssize_t n,
                          Py_ssize_t outputs) noexcept nogil:
    # The losses of a group's samples and steps, or nodes, and the gradient of their mean over
    # `outputs`.
    cdef const Tensor* t = &job.net.tensor[job.net.count]
    cdef Part group = part[0]
    cdef Py_ssize_t i, sample, step, row
    cdef const real* outputs_of_group
    cdef real* gradients
    cdef const real* y
    cdef const real* target
    cdef real* dy
    group.first = 0
    outputs_of_group = value_of(&job.net, t, &group)
    gradients = t.gradient + row_of(&job.net, t.wide_gradient, &group) * t.gradient_stride
    job.losses[part.group] = 0
    job.hits[part.group] = 0
    for i in range(n):
        if has_trees(&job.net):
            sample = job.net.forest.node[part.row + i]
        else:
            sample = sample_at(job, position + i)
        for step in range(t.steps):
            y = outputs_of_group + i * t.stride + step * t.features
            dy = gradients + i * t.gradient_stride + step * t.features
            row = sample * t.steps + step
            if job.counts != NULL and not job.counts[row]:
                memset(dy, 0, t.features * sizeof(real))
                continue
            target = job.targets + row * job.target_width if job.targets != NULL else NULL
            job.losses[part.group] += lose(
                &job.loss, y, target, job.labels[row] if target == NULL else 0, dy,
                job.weights[row] if job.weights != NULL else 1, outputs, t.features,
                &job.hits[part.group])


cdef inline Py_ssize_t sample_of(const Job* job, const Part* part,
                                 Py_ssize_t first) noexcept nogil:
    # The place of the part's sample, or node, in the caller's arrays; `first` is its group's.
    if has_trees(&job.net):
        return job.net.forest.node[part.row + part.first]
    return first + part.first


cdef void give_output(Job* job, Part* part, Py_ssize_t position, Py_ssize_t n) noexcept nogil:
    # The last tensor's rows, to where their samples are; `position` of a group's first sample.
    cdef const Tensor* t = &job.net.tensor[job.net.count]
    cdef Py_ssize_t at
    part.count = 1
    for part.first in range(n):
        at = sample_of(job, part, position)
        channels_first(value_of(&job.net, t, part), job.out + at * t.size, job.out_channels,
                       job.out_pixels)


cdef void take_gradient(Job* job, Part* part, Py_ssize_t n, const real* dy) noexcept nogil:
    # Takes the gradient of the last tensor's rows.
    cdef const Tensor* t = &job.net.tensor[job.net.count]
    cdef Py_ssize_t at
    part.count = 1
    for part.first in range(n):
        at = sample_of(job, part, part.row)
        channels_last(dy + at * t.size, gradient_of(&job.net, t, part), job.out_channels,
                      job.out_pixels)


cdef void give_gradient(Job* job, Part* part, Py_ssize_t n, real* dx,
                        Py_ssize_t stride) noexcept nogil:
    # Gives the gradient of the first tensor's rows.
    cdef const Tensor* t = &job.net.tensor[0]
    cdef Py_ssize_t at
    part.count = 1
    for part.first in range(n):
        at = sample_of(job, part, part.row)
        if job.net.framed:
            unframe_sample(&job.net, &job.net.op[0],
                           output_gradient_of(&job.net, &job.net.op[0], part),
                           dx + at * stride, part.row + part.first)
        else:
            channels_first(gradient_of(&job.net, t, part), dx + at * stride, job.channels,
                           job.pixels)
