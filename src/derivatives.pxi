# Derivatives of the outputs with respect to the input: each group of samples goes forward once, and
# back for every row of derivatives that a sample is to have. No gradient of a weight is made.

cdef void put_one(Job* job, Part* part, Py_ssize_t n, Py_ssize_t output) noexcept nogil:
    # The gradient of one output, counted as they cross the interface, of each of the group's
    # samples; of a step that does not count there is none.
    cdef const Tensor* t = &job.net.tensor[job.net.count]
    cdef Py_ssize_t step = output // t.features if t.steps > 1 else 0
    cdef Py_ssize_t place = (output % job.out_pixels * job.out_channels
                             + output // job.out_pixels)
    cdef real* dy
    part.count = 1
    for part.first in range(n):
        dy = gradient_of(&job.net, t, part)
        memset(dy, 0, t.size * sizeof(real))
        if step < length_of(&job.net, t, part.row + part.first):
            dy[place] = 1


cdef void derive_group(Job* job, Part* part, const Batch* batch, int stage,
                       Py_ssize_t group) noexcept nogil:
    cdef Py_ssize_t rows = begin_group(job, part, batch, group, True), k
    cdef Py_ssize_t size = job.net.tensor[0].size
    cdef bint first = leads(&job.net, part.worker)
    forward_stage(&job.net, part, stage, rows)
    for k in range(job.rows_each):
        if first and job.cotangents != NULL:
            take_gradient(job, part, rows, job.cotangents)
        elif first:
            put_one(job, part, rows, k)
        backward_stage(&job.net, part, stage, rows)
        if first:
            give_gradient(job, part, rows, job.out + k * size, job.rows_each * size)
        if not goes_on(&job.net) or (job.net.team != NULL and meet_all(job, part.worker, NULL)):
            return


cdef void derive_worker(void* context, int worker) noexcept nogil:
    cdef Job* job = <Job*>context
    cdef unsigned long mode = flush_subnormals()
    cdef Batch batch = all_samples(job)
    prepare_all(&job.net, worker)
    prepare_all_back(&job.net, worker)
    if not lay_all(job, worker, True, True):
        all_groups(job, worker, &batch, 0, derive_group, False)
    set_floating_mode(mode)


cdef class Derivatives(Plan):
    """A separate plan for derivatives of predictions: other plans keep their tensors."""

    def rows(self, const real[::1] x, v, Py_ssize_t samples, int threads, lengths=None, states=None,
             Trees trees=None):
        """v^T J for each sample, flat, where J is its Jacobian; all of J if v is None.

        x, v, lengths and trees are as for `predict` and `backward`. The states of stateful layers
        do not change.
        """
        cdef Job job
        cdef const real[::1] cotangents
        cdef Py_ssize_t each = 1
        self._check_samples(x.shape[0], 0, samples, trees)
        if v is None:
            each = self.net.tensor[self.net.count].size
        else:
            cotangents = v
            self._check_samples(cotangents.shape[0], self.net.count, samples, trees)
        out = np.empty(each * x.shape[0], dtype=DTYPE)
        cdef real[::1] dx = out
        with self.turn.lock:
            self._start(&job, INPUT_GRADIENT, samples, threads,
                        (1 + each) * self.habits.work * samples, trees, lengths is not None)
            states = self._take_sequences(&job, samples, lengths, states)
            if v is not None:
                job.cotangents = &cotangents[0]
            job.rows_each = each
            job.x, job.out, job.samples = &x[0], &dx[0], samples
            self._run(&job, derive_worker)
        return out
