# The interface to Python: a network run forward, back, and in steps of training. Arrays are C-
# contiguous, of this module's dtype, and checked: the Python layers above see to that.

cdef struct Input:
    # The samples, which the caller keeps alive.
    const real* numbers             # or
    const uint8_t* bytes


cdef Py_ssize_t _input_of(x, Input* found) except -1:
    # How many numbers there are, of whatever shape.
    found.numbers, found.bytes = NULL, NULL
    if x.itemsize == 1:
        return locate(x, 1, <void**>&found.bytes)
    return locate(x, sizeof(real), <void**>&found.numbers)


cdef class Plan(Runnable):
    """A graph of operations over flat parameters.

    Parameters
    ----------
    graph : fastdl._core.graph.Graph
        The finished graph.
    parameters, gradients : ndarray
        Those of these operations only: flat vectors made by `aligned_zeros`, or parts of one.
    turn : fastdl._turn.Turn
        The lock that all plans over these parameters share.
    """
    cdef object held                        # the trees of the last forward
    cdef readonly int64_t forwards          # how many there have been
    cdef bint spent                         # gradients are where the forward's gates were
    # The last training's loss and rule, as C has them: neither ever changes.
    cdef object loss, settings, rule
    cdef Lowered lowered
    cdef Optimizer optimizer
    cdef double[::1] sums
    cdef Plan beside                        # which predicts between steps of training

    def predict(self, x, Py_ssize_t samples, int threads,
                str leaves_out="identity", lengths=None, states=None, Trees trees=None):
        """The outputs (N, *output_shape), or (M, F) of nodes, without the last activation if its
        name is `leaves_out`.

        `lengths`, int64, are the numbers of steps of sequences that count. `states` (samples,
        state_size) are the initial states of stateful layers, and become the final ones. If samples
        are trees, x and the result have a row for each of their nodes. x may be uint8.
        """
        cdef Job job
        cdef Input input
        self._check_samples(_input_of(x, &input), 0, samples, trees)
        out = self._outputs(self.net.count, samples, trees)
        cdef real* y = <real*>start_of(out, sizeof(real))
        with self.turn.lock:
            self._predicting()._infer(&job, input, y, samples, threads,
                                      row_of_name(_ACTIVATIONS, "leaves_out", leaves_out),
                                      lengths, states, trees)
        return out

    cdef Plan _predicting(self):
        # Memory of training stays for the next step, unless that is much: another plan predicts.
        if (self.memory is None or self.memory.mode != TRAINING
                or self.memory.bytes > KEPT_BYTES):
            return self
        if self.beside is None:
            graph = Graph(self.input_shape)
            graph.operations, graph.biases = self.operations, self.biases
            graph.size, graph.output_shape = self.parameters.size, self.output_shape
            self.beside = Plan(graph, self.parameters, self.gradients, self.turn)
        return self.beside

    cdef _infer(self, Job* job, Input x, real* y, Py_ssize_t samples, int threads,
                int leaves_out, lengths, states, Trees trees):
        self._start(job, INFERENCE, samples, threads, self.habits.work * samples, trees,
                    lengths is not None)
        job.net.skip_last = self._ends_in(leaves_out)
        states = self._take_sequences(job, samples, lengths, states)
        job.bytes = x.bytes
        self._forward(job, x.numbers, samples, y)
        self._give_states(job, states)

    cdef _check_samples(self, Py_ssize_t numbers, int k, Py_ssize_t samples, Trees trees):
        # That each sample, or node, has a row of tensor k.
        rows = samples if trees is None else trees.nodes
        if (samples < 1 or (trees is not None and len(trees) != samples)
                or numbers != rows * self.net.tensor[k].size):
            raise ValueError(f"{samples} samples must have {rows} rows of "
                             f"{self.net.tensor[k].size} numbers; received {numbers} numbers")

    cdef _outputs(self, int k, Py_ssize_t samples, Trees trees):
        # For a tensor's numbers, a row for each sample, or node.
        if trees is not None:
            return EMPTY((trees.nodes, self.net.tensor[k].size), DTYPE)
        return EMPTY((samples, *(self.output_shape if k else self.input_shape)), DTYPE)

    cdef _take_sequences(self, Job* job, Py_ssize_t samples, lengths, states):
        # States are worked at in a copy, which is given: those of the caller change once a step, or
        # the whole call, is done.
        cdef const int64_t[::1] counts
        cdef real[:, ::1] rows
        cdef real[:, ::1] copy
        if lengths is not None:
            counts = lengths
            if counts.shape[0] != samples:
                raise ValueError(f"lengths must have shape ({samples},); received {lengths.shape}")
            job.net.lengths = &counts[0]
        if states is None or not self.net.state_stride:
            return None
        rows, copy = states, states.copy()
        if rows.shape[0] != samples or rows.shape[1] != self.net.state_stride:
            raise ValueError(f"states must have shape ({samples}, {self.net.state_stride}); "
                             f"received {states.shape}")
        job.states, job.states_size = &rows[0, 0], samples * self.net.state_stride
        job.net.states = &copy[0, 0]
        return copy

    cdef _give_states(self, Job* job, copy):
        if copy is not None:
            memcpy(job.states, job.net.states, job.states_size * sizeof(real))

    def forward(self, x, Py_ssize_t samples, int threads, bint training, uint64_t seed,
                bint channels_last, lengths=None, states=None, bint all_states=False,
                Trees trees=None, Ranks ranks=None, Py_ssize_t first=0):
        """As `predict`, but keep all tensors for `backward`.

        With `channels_last`, x and the result have channels last. With `all_states`, layers that
        are not stateful start from given states too. With `ranks`, these are the samples from
        `first` on of a batch that all ranks share.
        """
        cdef Job job
        cdef const real* numbers
        self._check_samples(locate(x, sizeof(real), <void**>&numbers), 0, samples, trees)
        out = self._outputs(self.net.count, samples, trees)
        cdef real* y = <real*>start_of(out, sizeof(real))
        with self.turn.lock:
            self._start(&job, HOLDING, samples, threads, self.habits.work * samples, trees,
                        lengths is not None, ranks)
            self._hold(&job, training, seed, channels_last)
            job.first = first
            states = self._take_sequences(&job, samples, lengths, states)
            job.net.all_states = all_states
            self.held, self.spent = trees, False
            self.forwards += 1
            self._forward(&job, numbers, samples, y)
            self._give_states(&job, states)
        return out

    cdef _hold(self, Job* job, bint training, uint64_t seed, bint channels_last):
        job.net.training, job.seed = training, seed
        if channels_last:               # as tensors are: one channel, so to say
            job.channels, job.pixels = 1, self.net.tensor[0].size
            job.out_channels, job.out_pixels = 1, self.net.tensor[self.net.count].size
            self._frame(job)

    cdef _forward(self, Job* job, const real* x, Py_ssize_t samples, real* y):
        cdef Tensor* last = &self.net.tensor[self.net.count]
        cdef Tensor own = last[0]
        job.x, job.out, job.samples = x, y, samples
        job.last_in_place = y != NULL and self._gives_in_place()
        if job.last_in_place:
            last.value, last.stride = y, last.size
        try:
            self._run(job, forward_worker)
        finally:
            last[0] = own

    cdef bint _gives_in_place(self):
        # Whether what is held of the last tensor may lie in the caller's arrays: nobody asks for
        # its value again.
        cdef Py_ssize_t count = self.net.count
        return (self.memory.mode == HOLDING and count > 0 and not self.has_trees
                and self.net.op[count - 1].methods.keeps_to_rows
                and self.net.op[count - 1].activation == IDENTITY)

    def backward(self, dy, Py_ssize_t samples, int threads, bint training, uint64_t seed,
                 bint channels_last, lengths=None, state_gradients=None, Trees trees=None,
                 Ranks ranks=None, Py_ssize_t first=0):
        """The gradient of the input, in its shape; those of the parameters go to `gradients`.

        `state_gradients` (samples, state_size), with respect to the states after the last step,
        become those with respect to the states before the first.
        """
        cdef Job job
        cdef const real* given
        self._check_samples(locate(dy, sizeof(real), <void**>&given), self.net.count, samples,
                            trees)
        out = self._outputs(0, samples, trees)
        cdef real* dx = <real*>start_of(out, sizeof(real))
        with self.turn.lock:
            rows = samples if trees is None else trees.nodes
            if self.memory is None or self.memory.mode != HOLDING or rows > self.memory.rows:
                raise RuntimeError("backward must follow forward, before other calls of the same "
                                   "network or layer")
            if self.spent:
                raise RuntimeError("backward must follow forward: it can go back once through "
                                   "recurrent and recursive layers")
            if trees is not self.held:
                raise RuntimeError("backward must follow a forward of the same trees")
            threads = min(threads, self.memory.workers)     # others have nothing to go back from
            self._start(&job, HOLDING, samples, threads, self.habits.work * samples, trees,
                        lengths is not None, ranks, True)
            self._hold(&job, training, seed, channels_last)
            job.first = first
            gradients = self._take_sequences(&job, samples, lengths, state_gradients)
            job.net.states, job.net.state_gradients, job.net.all_states = NULL, job.net.states, True
            self.spent = self._spends()
            self._backward(&job, given, samples, dx)
            job.net.states = job.net.state_gradients
            self._give_states(&job, gradients)
        return out

    cdef bint _spends(self):
        # Whether the way back needs the memory of what the way forward has left.
        return self.habits.has_sequences or self.has_trees

    cdef _backward(self, Job* job, const real* dy, Py_ssize_t samples, real* dx):
        cdef Tensor* first = &self.net.tensor[0]
        cdef Tensor* last = &self.net.tensor[self.net.count]
        cdef Tensor own_first = first[0], own_last = last[0]
        job.x, job.out, job.samples = dy, dx, samples
        # Whole vectors are read of each step.
        job.last_in_place = self._gives_in_place() and last.features % VEC_LANES == 0
        if job.last_in_place:
            last.gradient, last.gradient_stride = <real*>dy, last.size
        job.first_in_place = (self.net.count > 0 and not self.has_trees
                              and self.net.op[0].methods.keeps_to_rows)
        if job.first_in_place:
            first.gradient, first.gradient_stride = dx, first.size
        try:
            self._run(job, backward_worker)
        finally:
            first[0], last[0] = own_first, own_last

    def gradients_at(self, x, dy, Py_ssize_t samples, int threads):
        """`forward` and `backward` in one call: gives and writes what `backward` does.

        Samples are vectors or images.
        """
        cdef Job job
        cdef const real* numbers
        cdef const real* given
        self._check_samples(locate(x, sizeof(real), <void**>&numbers), 0, samples, None)
        self._check_samples(locate(dy, sizeof(real), <void**>&given), self.net.count, samples,
                            None)
        out = self._outputs(0, samples, None)
        cdef real* dx = <real*>start_of(out, sizeof(real))
        with self.turn.lock:
            self._start(&job, HOLDING, samples, threads, self.habits.work * samples)
            self.held = None
            self._forward(&job, numbers, samples, NULL)
            self._start(&job, HOLDING, samples, threads, self.habits.work * samples, None, False,
                        None, True)
            self._backward(&job, given, samples, dx)
        return out

    def train(self, x, targets, weights, order, Py_ssize_t batch, Py_ssize_t first, rates, steps,
              loss, bint counts_hits, rule, moments, seeds, int threads, records,
              counts=None, lengths=None, states=None, Trees trees=None, average=None,
              Ranks ranks=None):
        """One step for each of `rates`, from step `first` of the passes on.

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
        cdef Input input
        cdef const int64_t* places
        cdef double* sums
        cdef double* recorded
        cdef const int64_t[::1] steps_of
        cdef int64_t[::1] batch_lengths
        cdef Py_ssize_t numbers = _input_of(x, &input), rows
        cdef const uint64_t* seed_of
        cdef Py_ssize_t passes = locate(seeds, sizeof(uint64_t), <void**>&seed_of)
        cdef Py_ssize_t samples = locate(order, sizeof(int64_t), <void**>&places) // passes
        cdef Py_ssize_t records_size = locate(records, sizeof(double), <void**>&recorded)
        cdef Py_ssize_t groups, share
        batch = min(batch, samples)
        share = batch if ranks is None else (batch + ranks.count - 1) // ranks.count
        memset(recorded, 0, records_size * sizeof(double))
        with self.turn.lock:
            self._start(&job, TRAINING, share, threads, 3 * self.habits.work * share, trees,
                        lengths is not None, ranks)
            groups = groups_of(&self.net, share)
            sums = self._zero_sums(2 * groups + self.slice_count)
            job.x, job.bytes = input.numbers, input.bytes
            job.order, job.samples, job.batch, job.first = places, samples, batch, first
            job.batches = locate(rates, sizeof(double), <void**>&job.rates)
            job.steps, job.seeds = <int64_t*>start_of(steps, sizeof(int64_t)), seed_of
            job.steps_before = job.steps[0]
            self._describe_loss(&job.loss, loss, counts_hits)
            job.net.skip_last = self._ends_in(job.loss.row.leaves_out)
            if targets.dtype.kind == "i":
                job.labels = <const int64_t*>start_of(targets, sizeof(int64_t))
            else:
                job.targets = <const real*>start_of(targets, sizeof(real))
                job.target_width = targets.shape[targets.ndim - 1]
            if weights is not None:
                job.weights = <const real*>start_of(weights, sizeof(real))
            if counts is not None:
                rows = numbers // self.net.tensor[0].size * self.net.tensor[self.net.count].steps
                if locate(counts, 1, <void**>&job.counts) != rows:
                    raise ValueError(f"counts must be {rows}; received {counts.size}")
            begin, end = (0, batch) if ranks is None else ranks.share(batch)
            own = states[begin:end] if states is not None and begin < end else None
            own = self._take_sequences(&job, end - begin, None, own)
            if lengths is not None:
                steps_of, batch_lengths = lengths, self.batch_lengths
                job.lengths = &steps_of[0]
                job.batch_lengths = job.net.lengths = &batch_lengths[0]
            self._describe_optimizer(&job.optimizer, rule, moments, average)
            # `adds_up`: a gradient reads weights other than its own.
            job.apart = (job.optimizer.clip_norm > 0 or job.net.adds_up or ranks is not None
                         or 3 * self.habits.work * share > LONG_WORK)
            job.net.updated = NULL if job.apart else job.net.parameters
            job.losses, job.hits, job.squares = sums, sums + groups, sums + 2 * groups
            job.records = recorded
            self._train(&job, states, ranks)

    cdef _train(self, Job* job, states, Ranks ranks):
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
        """A step with the present `gradients`, which are clipped in place; else as `train`."""
        cdef Job job
        with self.turn.lock:
            self._check_turn()
            empty_job(&job)
            self._describe_optimizer(&job.optimizer, rule, moments, average)
            if 8. * self.parameters.size < SMALL_WORK:
                threads = 1
            self._open(&job, max(1, min(threads, MAX_WORKERS)))
            job.rates, job.squares = &rate, self._zero_sums(self.slice_count)
            job.steps = <int64_t*>start_of(steps, sizeof(int64_t))
            job.steps_before = job.steps[0]
            self._run(&job, step_worker)

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
        give_moments(o, moments, average, self.parameters.size)
        if self.has_scales or (o.decay != 0 and not o.decays_biases):
            o.groups = self._grouped()
