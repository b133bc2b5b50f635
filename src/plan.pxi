# A Plan owns the memory of a network lowered to operations, and runs it. Arrays that come in are
# C-contiguous, of this module's dtype, and checked: the Python layers above see to that.
from fastdl._core.graph import Graph

cdef class Plan:
    """A graph of operations over flat parameters.

    Parameters
    ----------
    graph : fastdl._core.graph.Graph
        Finished.
    parameters, gradients : ndarray
        Of these operations alone: flat vectors made by `aligned_zeros`, or a part of such.
    turn : fastdl._turn.Turn
        What all plans over these parameters share.
    """
    cdef Network net
    cdef Slice* slices
    cdef Py_ssize_t slice_count             # of parameters that training changes, the first ones,
    cdef Py_ssize_t all_slices              # and of all
    cdef Py_ssize_t channels, pixels, out_channels, out_pixels
    cdef Habits habits
    cdef Layout layout
    cdef readonly bint has_trees            # then x and results have a row for each node
    cdef Py_ssize_t arity                   # of these
    cdef Memory memory                      # or None, where it must be taken anew
    cdef object held                        # the trees of the last forward
    cdef bint spent                         # gradients are where the forward's gates were
    cdef object batch_lengths, turn
    cdef list operations                    # whose arrays are read where they lie
    cdef readonly object parameters, gradients
    cdef readonly tuple input_shape, output_shape

    def __cinit__(self, graph, parameters, gradients, turn):
        cdef real[::1] p = parameters
        cdef real[::1] g = gradients
        if not isinstance(graph, Graph) or graph.output_shape is None:
            raise TypeError(f"graph must be a finished Graph; received {graph!r}")
        if parameters.size != graph.size:
            raise ValueError(f"parameters must be the {graph.size} numbers that the operations "
                             f"have; received {parameters.size}")
        if gradients.size != parameters.size:
            raise ValueError(f"gradients must be as many as parameters, {parameters.size}; "
                             f"received {gradients.size}")
        self.parameters, self.gradients = parameters, gradients
        self.turn, self.operations = turn, graph.operations
        self.input_shape, self.output_shape = graph.input_shape, graph.output_shape
        if parameters.size:
            self.net.parameters, self.net.gradients = &p[0], &g[0]
        self.channels, self.pixels = _channels_pixels(self.input_shape)
        self.out_channels, self.out_pixels = _channels_pixels(self.output_shape)
        self.habits, self.layout = Habits(), Layout()
        describe_network(&self.net, self.operations, self.input_shape)
        self._get_to_know()
        self._slice()

    def __dealloc__(self):
        free_network(&self.net)
        free(self.slices)

    @property
    def state_size(self):
        """Numbers of a sample's states, of all recurrent layers."""
        return self.net.state_stride

    cdef _get_to_know(self):
        # How operations are to be scheduled, and what samples are.
        cdef int k
        find_runs(&self.net)
        find_stages(&self.net)
        for k in range(self.net.count):
            self.habits.see(&self.net, &self.net.op[k])
            if self.net.op[k].kind == RECURSIVE:
                self.has_trees, self.arity = True, self.operations[k]["children"]

    cdef _slice(self):
        cdef Py_ssize_t i
        found = slices_of(&self.net, False)
        self.slice_count = len(found)
        found += slices_of(&self.net, True)
        self.all_slices = len(found)
        self.slices = <Slice*>_zeroed(self.all_slices * sizeof(Slice))
        for i in range(self.all_slices):
            self.slices[i].op, self.slices[i].start, self.slices[i].stop = found[i]

    cdef _prepare(self, int mode, Py_ssize_t rows, int workers, bint masked):
        # Memory for a batch in this mode, kept for the next call that fits.
        if mode == INFERENCE:
            rows = 0
        if (self.memory is not None and mode == self.memory.mode and workers <= self.memory.workers
                and rows <= self.memory.batch and masked == self.memory.masked):
            return
        self.memory = None                  # until all of it is there
        choose_planar(&self.net, mode)
        self.memory = reserve(&self.net, mode, rows, workers, masked)
        self.batch_lengths = np.empty(max(rows, 1), np.int64)

    cdef Py_ssize_t _plant(self, Trees trees, Py_ssize_t batch, int threads) except -1:
        # Groups of trees, and room for where nodes will stand. Gives the most nodes that a batch
        # can have.
        cdef Py_ssize_t rows = trees.largest(batch), largest = trees.largest(1), groups
        cdef int workers = max(1, min(threads, MAX_WORKERS))
        self.net.group = trees_together(len(trees), trees.nodes)
        if trees.largest(self.net.group) > self.net.rows:
            self.net.rows, self.memory = trees.largest(self.net.group), None
        groups = groups_of(&self.net, batch)
        if not self.layout.has_room(rows, groups, largest, workers):
            self.layout.grow(&self.net.forest, rows, groups, largest, workers, trees.arity)
        return rows

    cdef bint _ends_in_softmax(self):
        return self.net.count > 0 and self.net.op[self.net.count - 1].activation == SOFTMAX

    cdef _check_turn(self):
        if self.turn.running:
            raise RuntimeError("a signal's handler cannot use a network in the middle of its own "
                               "step; a copy can be made there")

    cdef _check_trees(self, Trees trees):
        if self.has_trees != (trees is not None):
            expected = "be given" if self.has_trees else "be None"
            raise ValueError(f"trees must {expected} for these operations; received {trees!r}")
        if trees is not None and self.arity != trees.arity:
            raise ValueError(f"trees must have {self.arity} children a node; "
                             f"received {trees.arity}")

    cdef _start(self, Job* job, int mode, Py_ssize_t batch, int threads, double work,
                Trees trees=None, bint masked=False):
        cdef Py_ssize_t rows = batch
        self._check_trees(trees)
        self._check_turn()
        memset(job, 0, sizeof(Job))
        if trees is None:
            group = self.habits.group(batch)
            if group != self.net.group:
                self.net.group, self.net.rows, self.memory = group, group, None
        else:
            rows = self._plant(trees, batch, threads)
            work *= <double>trees.nodes / len(trees)
        if work < SMALL_WORK:
            threads = 1
        team = self.habits.takes_team(&self.net, batch)
        if not team:
            threads = <int>min(threads, groups_of(&self.net, batch))
        threads = max(1, min(threads, MAX_WORKERS))
        if self.habits.has_sequences and self.net.has_transposed != (batch >= 4):
            self.memory = None
        if choose_lookups(&self.net, batch):
            self.memory = None
        self.net.has_transposed = batch >= 4 or self.has_trees
        self.net.alone = batch == 1
        self._prepare(mode, rows, threads, masked)
        self.net.training = mode == TRAINING
        self.net.skip_softmax = False
        self.net.lengths, self.net.states, self.net.state_gradients = NULL, NULL, NULL
        self.net.all_states = False
        self._gather(job, threads)
        if mode == HOLDING:
            job.slice_count = self.all_slices
        if trees is not None:
            trees.describe(&job.net.forest)
        job.channels, job.pixels = self.channels, self.pixels
        job.out_channels, job.out_pixels = self.out_channels, self.out_pixels
        self._frame(job)
        job.net.team = &job.gathering if team and threads > 1 else NULL

    cdef _gather(self, Job* job, int threads):
        # What every job has: the network as it is now, and workers who watch what ends them.
        job.net = self.net
        job.slices, job.slice_count = self.slices, self.slice_count
        meeting_open(&job.gathering, threads)
        open_watch(&job.watch, &job.gathering.ending)
        job.net.watch, job.net.team = &job.watch, NULL

    def predict(self, const real[::1] x, Py_ssize_t samples, int threads, bint logits=False,
                lengths=None, states=None, Trees trees=None):
        """The last tensor for each sample, as a flat vector; with `logits`, without a last softmax.

        `lengths`, int64, says how many steps of each sample in time there are. `states` (samples,
        state_size) are what stateful layers start with, and become what they end with. Where
        samples are trees, x and what is given have a row for each of their nodes.
        """
        cdef Job job
        self._check_samples(x, 0, samples, trees)
        out = self._outputs(self.net.count, samples, trees)
        cdef real[::1] y = out
        with self.turn.lock:
            self._start(&job, INFERENCE, samples, threads, self.habits.work * samples, trees,
                        lengths is not None)
            job.net.skip_softmax = logits and self._ends_in_softmax()
            states = self._take_sequences(&job, samples, lengths, states)
            self._forward(&job, x, samples, y)
            self._give_states(&job, states)
        return out

    cdef _check_samples(self, const real[::1] x, int k, Py_ssize_t samples, Trees trees):
        # That each sample, or node, has a row of tensor k.
        rows = samples if trees is None else trees.nodes
        if (samples < 1 or (trees is not None and len(trees) != samples)
                or x.shape[0] != rows * self.net.tensor[k].size):
            raise ValueError(f"{samples} samples must have {rows} rows of "
                             f"{self.net.tensor[k].size} numbers; received {x.shape[0]} numbers")

    cdef _run(self, Job* job, parallel_task task):
        self.turn.running = True
        with nogil:
            parallel_run(task, job, &job.gathering.workers, look)
        meeting_close(&job.gathering)
        self.turn.running = False
        if is_ending(&job.watch) and self.memory is not None and self.memory.mode == HOLDING:
            self.memory = None          # there is nothing to go back from
        raise_what_ended(&job.watch)

    cdef _outputs(self, int k, Py_ssize_t samples, Trees trees):
        return np.empty((samples if trees is None else trees.nodes) * self.net.tensor[k].size,
                        dtype=DTYPE)

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

    def forward(self, const real[::1] x, Py_ssize_t samples, int threads, bint training,
                uint64_t seed, bint channels_last, lengths=None, states=None, bint all_states=False,
                Trees trees=None):
        """As `predict`, holding every tensor for `backward`.

        With `channels_last` x comes so, and the result goes so. With `all_states`, layers that are
        not stateful start with theirs too.
        """
        cdef Job job
        self._check_samples(x, 0, samples, trees)
        out = self._outputs(self.net.count, samples, trees)
        cdef real[::1] y = out
        with self.turn.lock:
            self._start(&job, HOLDING, samples, threads, self.habits.work * samples, trees,
                        lengths is not None)
            self._hold(&job, training, seed, channels_last)
            states = self._take_sequences(&job, samples, lengths, states)
            job.net.all_states = all_states
            self.held, self.spent = trees, False
            self._forward(&job, x, samples, y)
            self._give_states(&job, states)
        return out

    cdef _hold(self, Job* job, bint training, uint64_t seed, bint channels_last):
        job.net.training, job.seed = training, seed
        if channels_last:               # as tensors are: one channel, so to say
            job.channels, job.pixels = 1, self.net.tensor[0].size
            job.out_channels, job.out_pixels = 1, self.net.tensor[self.net.count].size
            self._frame(job)

    cdef _frame(self, Job* job):
        # Images that come as the kernels want them need no stop before their frame.
        job.net.first = job.channels == 1 and self.net.count > 0 and self.net.op[0].kind == PAD

    cdef _forward(self, Job* job, const real[::1] x, Py_ssize_t samples, real[::1] y):
        job.x, job.out, job.samples = &x[0], &y[0] if y is not None else NULL, samples
        self._run(job, forward_worker)

    def backward(self, const real[::1] dy, Py_ssize_t samples, int threads, bint training,
                 uint64_t seed, bint channels_last, lengths=None, state_gradients=None,
                 Trees trees=None):
        """The input's gradient, flat; the parameters' gradients are written to `gradients`.

        `state_gradients` (samples, state_size), with respect to the states after the last step,
        become those with respect to the states before the first.
        """
        cdef Job job
        self._check_samples(dy, self.net.count, samples, trees)
        out = self._outputs(0, samples, trees)
        cdef real[::1] dx = out
        with self.turn.lock:
            rows = samples if trees is None else trees.nodes
            if self.memory is None or self.memory.mode != HOLDING or rows > self.memory.batch:
                raise RuntimeError("backward must follow forward, before other calls of the same "
                                   "network or layer")
            if self.spent:
                raise RuntimeError("backward must follow forward: it can go back once through "
                                   "recurrent and recursive layers")
            if trees is not self.held:
                raise RuntimeError("backward must follow a forward of the same trees")
            self._start(&job, HOLDING, samples, threads, self.habits.work * samples, trees,
                        lengths is not None)
            self._hold(&job, training, seed, channels_last)
            gradients = self._take_sequences(&job, samples, lengths, state_gradients)
            job.net.states, job.net.state_gradients, job.net.all_states = NULL, job.net.states, True
            self.spent = self.habits.has_sequences or self.has_trees
            self._backward(&job, dy, samples, dx)
            job.net.states = job.net.state_gradients
            self._give_states(&job, gradients)
        return out

    cdef _backward(self, Job* job, const real[::1] dy, Py_ssize_t samples, real[::1] dx):
        job.x, job.out, job.samples = &dy[0], &dx[0], samples
        self._run(job, backward_worker)

    def gradients_at(self, const real[::1] x, const real[::1] dy, Py_ssize_t samples, int threads):
        """What `backward` gives and writes, in one call with the `forward` that it must follow.

        Samples are vectors or images.
        """
        cdef Job job
        self._check_samples(x, 0, samples, None)
        self._check_samples(dy, self.net.count, samples, None)
        out = self._outputs(0, samples, None)
        cdef real[::1] dx = out
        with self.turn.lock:
            self._start(&job, HOLDING, samples, threads, self.habits.work * samples)
            self.held = None
            self._forward(&job, x, samples, None)
            self._start(&job, HOLDING, samples, threads, self.habits.work * samples)
            self._backward(&job, dy, samples, dx)
        return out

    def train(self, const real[::1] x, targets, weights, const int64_t[::1] order, Py_ssize_t batch,
              Py_ssize_t first, const double[::1] rates, int64_t[::1] steps, loss,
              rule, real[:, ::1] moments, uint64_t seed, int threads,
              double[:, ::1] records, lengths=None, states=None, Trees trees=None):
        """One step for each of `rates`, from position `first` of the order on.

        `steps` (1,) counts them, one by one. Fills `records` (steps, 3): each step's sums over
        outputs of the weighted loss and of the hits, and how many outputs there were: samples, or
        steps in time. `targets` are int64 labels (N,) or (N, T), or numbers (N, F) or (N, T, F);
        weights are flat, one for each output; `rule` is an optimizer's, and `moments` (K, P) are
        its. `lengths` and `states` are as of `predict`; states have a row for each sample of a
        batch, and go on from one batch to the next. With `trees`, the order is one of trees, and
        x, targets and weights have a row for each node.
        """
        cdef Job job
        cdef const int64_t[::1] labels
        cdef const real[::1] values
        cdef double[::1] sums
        cdef const int64_t[::1] counts
        cdef int64_t[::1] batch_lengths
        cdef Py_ssize_t samples = order.shape[0]
        cdef Py_ssize_t groups
        batch = min(batch, samples)
        records[:, :] = 0
        with self.turn.lock:
            self._start(&job, TRAINING, batch, threads, 3 * self.habits.work * batch, trees,
                        lengths is not None)
            groups = groups_of(&self.net, batch)
            sums = np.zeros(2 * groups + self.slice_count)
            job.x, job.order, job.samples = &x[0], &order[0], samples
            job.batch, job.first, job.batches = batch, first, rates.shape[0]
            job.rates, job.steps, job.steps_before, job.seed = &rates[0], &steps[0], steps[0], seed
            job.loss, job.loss_setting = row_of_name(_LOSSES, "loss", loss.name), loss.setting
            job.net.skip_softmax = job.loss == CROSS_ENTROPY and self._ends_in_softmax()
            if targets.dtype == np.int64:
                labels = targets.reshape(-1)
                job.labels = &labels[0]
            else:
                values = targets.reshape(-1)
                job.targets = &values[0]
            if weights is not None:
                values = weights
                job.weights = &values[0]
            states = self._take_sequences(&job, batch, None, states)
            if lengths is not None:
                counts, batch_lengths = lengths, self.batch_lengths
                job.lengths = &counts[0]
                job.batch_lengths = job.net.lengths = &batch_lengths[0]
            describe_optimizer(&job.optimizer, rule, moments, self.parameters.size)
            # `adds_up`: a gradient reads weights other than its own.
            job.apart = (job.optimizer.clip_norm > 0 or job.net.adds_up
                         or 3 * self.habits.work * batch > LONG_WORK)
            job.losses, job.hits, job.squares = &sums[0], &sums[groups], &sums[0] + 2 * groups
            job.records = &records[0, 0]
            self._run(&job, train_worker)

    def step(self, double rate, int64_t[::1] steps, rule, real[:, ::1] moments, int threads):
        """A step with what `gradients` hold, which is clipped in place; the rest as of `train`."""
        cdef Job job
        cdef double[::1] squares = np.zeros(max(self.slice_count, 1))
        with self.turn.lock:
            self._check_turn()
            memset(&job, 0, sizeof(Job))
            describe_optimizer(&job.optimizer, rule, moments, self.parameters.size)
            if 8. * self.parameters.size < SMALL_WORK:
                threads = 1
            self._gather(&job, max(1, min(threads, MAX_WORKERS)))
            job.rates, job.squares = &rate, &squares[0]
            job.steps, job.steps_before = &steps[0], steps[0]
            self._run(&job, step_worker)


cdef tuple _channels_pixels(tuple shape):
    if len(shape) == 3:
        return shape[0], shape[1] * shape[2]
    return 1, shape[0] * (shape[1] if len(shape) == 2 else 1)
