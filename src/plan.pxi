# The interface to Python: a network run forward, back, and in steps of training. Arrays are C-
# contiguous, of this module's dtype, and checked: the Python layers above see to that.

cdef class Plan(Learner):
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
        self._check_samples(locate_input(x, &input), 0, samples, trees)
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
            graph.size, graph.output_shape = self.size, self.output_shape
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
        return EMPTY((samples,) + (self.output_shape if k else self.input_shape), DTYPE)

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
                        lengths is not None, ranks, False, training)
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
