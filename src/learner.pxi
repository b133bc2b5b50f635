# Steps of training. Whatever ends them leaves the network after a whole step, all of whose numbers
# are finite.

cdef struct Input:
    # The samples, which the caller keeps alive.
    const real* numbers             # or
    const uint8_t* bytes


cdef Py_ssize_t locate_input(x, Input* found) except -1:
    # How many numbers there are, of whatever shape.
    cdef void* start
    cdef Py_ssize_t size, n = locate_any(x, &size, &start)
    found.numbers = <const real*>start if size > 1 else NULL
    found.bytes = <const uint8_t*>start if size == 1 else NULL
    if size > 1:
        check_size(x, size, sizeof(real))
    return n


cdef int take_targets(Job* job, targets) except -1:
    # Labels, or numbers, so many to a row.
    cdef Py_buffer view
    PyObject_GetBuffer(targets, &view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT)
    if view.format[0] == c"l" or view.format[0] == c"q":
        job.labels = <const int64_t*>view.buf
    else:
        job.targets, job.target_width = <const real*>view.buf, view.shape[view.ndim - 1]
    PyBuffer_Release(&view)
    return check_size(targets, view.itemsize,
                      sizeof(int64_t) if job.targets == NULL else sizeof(real))


cdef class Learner(Runnable):
    # The last training's loss and rule, as C has them: neither ever changes.
    cdef object loss, settings, rule
    cdef Lowered lowered
    cdef Optimizer optimizer
    cdef double[::1] sums

    def train(self, x, targets, weights, order, Py_ssize_t batch, Py_ssize_t first, rates, steps,
              loss, bint counts_hits, rule, moments, seeds, int threads, records,
              counts=None, lengths=None, states=None, Trees trees=None, average=None,
              Ranks ranks=None):
        """One step for each of `rates`, from step `first` of the passes on, and whether all are
        finite. If not, the network is left after the last one that is.

        `order`, int64 (passes, N), is the order of the samples in each pass, and `seeds`, uint64
        (passes,), the seed of its random layers; each pass has ceil(N / batch) steps. `steps` (1,)
        counts them, one by one. Fills `records` (steps, 3): the sums of each step over its outputs,
        samples or steps in time, of the weighted loss, of the hits if asked for, and of the outputs
        that count. `targets` are int64 labels (N,) or (N, T), or numbers (N, F) or (N, T, F).
        `weights` has a weight for each output, and `counts`, uint8, whether it counts. `rule` is an
        optimizer's, and `moments` (K, P) are its moments. `lengths` and `states` are as for
        `predict`; states have a row for each sample of a batch, and continue from one batch to the
        next. With `trees`, `order` is one of trees, and x, targets, weights and counts have a row
        for each node. x may be uint8. After each step the parameters are added to the values of
        `average`, a `fastdl.callbacks.EMA`. With `ranks`, this rank takes its share of each batch,
        and has the states of that share; all else that is filled or changed is the same in all
        ranks.
        """
        cdef Job job
        cdef Snapshot before
        cdef const uint64_t* seed_of
        cdef const int64_t* places
        cdef double* recorded
        cdef Py_ssize_t passes = locate(seeds, sizeof(uint64_t), <void**>&seed_of)
        cdef Py_ssize_t samples = locate(order, sizeof(int64_t), <void**>&places) // passes
        locate(records, sizeof(double), <void**>&recorded)
        with self.turn.lock:
            own = self._begin(&job, samples, batch, x, targets, weights, steps, loss, counts_hits,
                              rule, moments, threads, counts, lengths, states, trees, average,
                              ranks)
            job.order, job.first = places, first
            job.batches = locate(rates, sizeof(double), <void**>&job.rates)
            job.seeds, job.records = seed_of, recorded
            before = self._snapshot(&job, moments, states, threads)
            return self._take(&job, before, states, ranks)

    def train_on_batch(self, x, targets, weights, Py_ssize_t samples, double rate, steps, loss,
                       bint counts_hits, rule, moments, uint64_t seed, int threads, counts=None,
                       lengths=None, states=None, Trees trees=None, average=None,
                       Ranks ranks=None):
        """One step of `train` on all samples, as they lie: its record, or None if it is not finite.
        """
        cdef Job job
        cdef Snapshot before
        cdef double record[3]
        with self.turn.lock:
            own = self._begin(&job, samples, samples, x, targets, weights, steps, loss, counts_hits,
                              rule, moments, threads, counts, lengths, states, trees, average,
                              ranks)
            job.batches, job.rates, job.seeds, job.records = 1, &rate, &seed, record
            before = self._snapshot(&job, moments, states, threads)
            finite = self._take(&job, before, states, ranks)
        return (record[0], record[1], record[2]) if finite else None

    cdef _begin(self, Job* job, Py_ssize_t samples, Py_ssize_t batch, x, targets, weights, steps,
                loss, bint counts_hits, rule, moments, int threads, counts, lengths, states,
                Trees trees, average, Ranks ranks):
        # All of a job of steps but which ones. Gives what the caller must hold.
        cdef Input input
        cdef Py_ssize_t numbers = locate_input(x, &input), rows, groups, share
        cdef double* sums
        cdef const int64_t[::1] steps_of
        cdef int64_t[::1] batch_lengths
        batch = min(batch, samples)
        share = batch if ranks is None else (batch + ranks.count - 1) // ranks.count
        self._start(job, TRAINING, share, threads, 3 * self.habits.work * share, trees,
                    lengths is not None, ranks)
        groups = groups_of(&self.net, share)
        sums = self._zero_sums(2 * groups + self.slice_count)
        job.losses, job.hits, job.squares = sums, sums + groups, sums + 2 * groups
        job.x, job.bytes = input.numbers, input.bytes
        job.samples, job.batch = samples, batch
        job.steps = <int64_t*>start_of(steps, sizeof(int64_t))
        job.steps_before = job.steps[0]
        self._describe_loss(&job.loss, loss, counts_hits)
        job.net.skip_last = self._ends_in(job.loss.row.leaves_out)
        take_targets(job, targets)
        if weights is not None:
            job.weights = <const real*>start_of(weights, sizeof(real))
        if counts is not None:
            rows = numbers // self.net.tensor[0].size * self.net.tensor[self.net.count].steps
            if locate(counts, 1, <void**>&job.counts) != rows:
                raise ValueError(f"counts must be {rows}; received {counts.size}")
        begin, end = (0, batch) if ranks is None else ranks.share(batch)
        own = states[begin:end] if states is not None and begin < end else None
        own = self._take_sequences(job, end - begin, None, own)
        if lengths is not None:
            steps_of, batch_lengths = lengths, self.batch_lengths
            job.lengths = &steps_of[0]
            job.batch_lengths = job.net.lengths = &batch_lengths[0]
        self._describe_optimizer(&job.optimizer, rule, moments, average)
        # `adds_up`: a gradient reads weights other than its own.
        job.apart = (job.optimizer.clip_norm > 0 or job.net.adds_up or ranks is not None
                     or 3 * self.habits.work * share > LONG_WORK)
        job.net.updated = NULL if job.apart else job.net.parameters
        return own

    cdef Snapshot _snapshot(self, Job* job, moments, states, int threads):
        # Of all that steps change; by hand they need no memory.
        cdef Snapshot before = (self.memory.before if self.memory is not None
                                else Snapshot.__new__(Snapshot))
        cdef Py_ssize_t size = self.size * sizeof(real)
        before.empty()
        before.add(job.net.parameters, size)
        before.add(job.optimizer.first, len(moments) * size)
        before.add(job.steps, sizeof(int64_t))
        if states is not None:
            before.add(start_of(states, sizeof(real)), states.nbytes)
        if job.optimizer.average != NULL:
            before.add(job.optimizer.average, size)
        before.take(threads)
        return before

    cdef bint _take(self, Job* job, Snapshot before, states, Ranks ranks) except -1:
        # Whether all steps are finite; if not, only those up to there are taken.
        cdef Py_ssize_t taken = job.batches
        try:
            self._run_steps(job, taken, states, ranks)
            if are_finite(job, before, taken):
                return True
            self._go_back(job, before, taken, states, ranks)
        except BaseException:
            taken = job.steps[0] - job.steps_before
            if taken == 0:
                before.restore()
            elif not are_finite(job, before, taken):
                self._go_back(job, before, taken, states, ranks)
            raise
        return False

    cdef _go_back(self, Job* job, Snapshot before, Py_ssize_t bad, states, Ranks ranks):
        # To after the last finite step before the bad one, by taking those up to there once more.
        # As steps are the same again, to the bit, bisection finds the first that is not finite.
        cdef Py_ssize_t good = 0, middle
        try:
            while bad - good > 1:
                middle = (good + bad) // 2
                before.restore()
                self._run_steps(job, middle, states, ranks)
                if are_finite(job, before, middle):
                    good = middle
                else:
                    bad = middle
            before.restore()
            if good > 0:
                self._run_steps(job, good, states, ranks)
        except BaseException:
            before.restore()
            raise

    cdef _run_steps(self, Job* job, Py_ssize_t count, states, Ranks ranks):
        # The first ones, from where the network is before them.
        job.batches = count
        memset(job.records, 0, 3 * count * sizeof(double))
        if job.net.states != NULL:
            memcpy(job.net.states, job.states, job.states_size * sizeof(real))
        open_job(job, job.crew.workers)
        if ranks is None:
            self._run(job, train_worker)
            return
        ranks.begin()
        try:
            self._run(job, train_worker)
            ranks.lost = False
        finally:
            if not ranks.lost:
                ranks.end(states)

    def meet(self, Ranks ranks, double[::1] record, bint ends):
        """Add up the gradients that training uses, and the losses and hits of a step, over ranks.

        Gives whether a rank ends the step here.
        """
        cdef Job job
        with self.turn.lock:
            empty_job(&job)
            self._open(&job, 1)
            try:
                return ranks.meet(&job, &record[0], ends)
            finally:
                meeting_close(&job.crew)

    def step(self, double rate, steps, rule, moments, int threads, average=None):
        """A step with the present `gradients`, which are clipped in place, if it is finite; else as
        `train`."""
        cdef Job job
        cdef Snapshot before
        cdef bint finite = False
        with self.turn.lock:
            self._check_turn()
            empty_job(&job)
            job.steps = <int64_t*>start_of(steps, sizeof(int64_t))
            job.steps_before = job.steps[0]
            self._describe_optimizer(&job.optimizer, rule, moments, average)
            if 8. * self.size < SMALL_WORK:
                threads = 1
            self._open(&job, max(1, min(threads, MAX_WORKERS)))
            job.rates, job.squares = &rate, self._zero_sums(self.slice_count)
            before = self._snapshot(&job, moments, None, threads)
            try:
                self._run(&job, step_worker)
            finally:
                finite = job.steps[0] > job.steps_before and before.is_finite()
                if not finite:
                    before.restore()
        return finite

    cdef double* _zero_sums(self, Py_ssize_t n) except NULL:
        # Room for so many, until the next call asks for some; for one where no parameter changes.
        n = max(n, 1)
        if self.sums is None or self.sums.shape[0] < n:
            self.sums = np.empty(n)
        memset(&self.sums[0], 0, n * sizeof(double))
        return &self.sums[0]

    cdef _describe_loss(self, Lowered* lowered, loss, bint counts_hits):
        if loss is not self.loss:
            self.loss = None                # until all of it is there
            self.settings = describe_loss(&self.lowered, loss)
            self.loss = loss
        lowered[0] = self.lowered
        if not counts_hits:
            lowered.hit = NULL

    cdef _describe_optimizer(self, Optimizer* o, rule, moments, average):
        if rule is not self.rule:
            self.rule = None
            describe_rule(&self.optimizer, rule)
            self.rule = rule
        o[0] = self.optimizer
        give_moments(o, moments, average, self.size)
        if self.has_scales or (o.decay != 0 and not o.decays_biases):
            o.groups = self._grouped()


cdef bint are_finite(const Job* job, Snapshot before, Py_ssize_t steps) except -1:
    # The losses of so many steps, and what they have changed.
    cdef Py_ssize_t i
    for i in range(steps):
        if not isfinite(job.records[3 * i]):
            return False
    return before.is_finite()
