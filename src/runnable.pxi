# A network with all that it needs to run: groups and slices, where trees lie, and memory, kept from
# one job to the next, and taken anew where a job needs another.
from fastdl._core.graph import Graph
from fastdl._core.parameter_groups import has_scales, parameter_groups

cdef class Runnable:
    cdef Network net
    cdef Slice* slices
    cdef Py_ssize_t slice_count             # of parameters that training changes, the first ones,
    cdef Py_ssize_t all_slices              # and of all
    cdef Group* groups                      # of parameters that are trained alike, once needed
    cdef bint has_scales                    # of the optimizer's rate and decay, of some
    cdef Py_ssize_t channels, pixels, out_channels, out_pixels
    cdef Habits habits
    cdef Places places
    cdef readonly bint has_trees            # then x and results have a row for each node
    cdef Py_ssize_t arity                   # of these
    cdef Memory memory                      # or None, where it must be taken anew
    cdef object batch_lengths, turn
    cdef readonly list operations           # whose arrays are read where they lie
    cdef list biases                        # from where to where
    cdef readonly object parameters, gradients
    cdef Py_ssize_t size                    # of each of them
    cdef readonly tuple input_shape, output_shape

    def __cinit__(self, graph, parameters, gradients, turn):
        if not isinstance(graph, Graph) or graph.output_shape is None:
            raise TypeError(f"graph must be a finished Graph; received {graph!r}")
        if locate(parameters, sizeof(real), <void**>&self.net.parameters) != graph.size:
            raise ValueError(f"parameters must be the {graph.size} numbers that the operations "
                             f"have; received {parameters.size}")
        if locate(gradients, sizeof(real), <void**>&self.net.gradients) != graph.size:
            raise ValueError(f"gradients must be as many as parameters, {parameters.size}; "
                             f"received {gradients.size}")
        self.parameters, self.gradients, self.size = parameters, gradients, graph.size
        self.turn, self.operations, self.biases = turn, graph.operations, graph.biases
        self.input_shape, self.output_shape = graph.input_shape, graph.output_shape
        self.channels, self.pixels = _channels_pixels(self.input_shape)
        self.out_channels, self.out_pixels = _channels_pixels(self.output_shape)
        self.habits, self.places = Habits(), Places()
        describe_network(&self.net, self.operations, self.input_shape, graph.size)
        self._get_to_know()
        self._slice()
        self.has_scales = has_scales(self.operations)

    def __dealloc__(self):
        free_network(&self.net)
        free(self.slices)
        free(self.groups)

    @property
    def has_stages(self):
        """Whether an operation needs the whole batch in training."""
        return self.net.stages > 1

    @property
    def state_size(self):
        """The number of a sample's states, of all recurrent layers."""
        return self.net.state_stride

    @property
    def work(self):
        """The multiply-adds of a forward pass, for each sample, or node of a tree."""
        return self.habits.work

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

    cdef Group* _grouped(self) except NULL:
        cdef Py_ssize_t i, size = self.size
        cdef Group* group
        if self.groups != NULL:
            return self.groups
        found = parameter_groups(self.operations, self.biases, size)
        stops = [one.stop for one in found]
        if sorted({0, size, *stops}) != [0, *stops]:
            raise ValueError(f"groups must be of all {size} parameters, one behind another; "
                             f"received {found}")
        self.groups = <Group*>_zeroed(len(found) * sizeof(Group))
        for i in range(len(found)):
            group = &self.groups[i]
            group.stop, group.rate, group.decay, group.is_bias = found[i]
        return self.groups

    cdef _prepare(self, int mode, Py_ssize_t rows, int workers, bint masked):
        # Memory for a batch in this mode, kept for the next call that fits.
        if mode == INFERENCE or mode == INPUT_GRADIENT:
            rows = 0
        if (self.memory is not None and mode == self.memory.mode and workers <= self.memory.workers
                and rows <= self.memory.rows and masked == self.memory.masked):
            return
        self.memory = None                  # until all of it is there
        choose_interleaved(&self.net, mode)
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
        if not self.places.has_room(rows, groups, largest, workers):
            self.places.grow(&self.net.forest, rows, groups, largest, workers, trees.arity)
        return rows

    cdef bint _ends_in(self, int activation):
        return self.net.count > 0 and self.net.op[self.net.count - 1].activation == activation

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
                Trees trees=None, bint masked=False, Ranks ranks=None, bint goes_back=False,
                bint training=False):
        cdef Py_ssize_t rows = batch
        self._check_trees(trees)
        self._check_turn()
        empty_job(job)
        if trees is not None:
            rows = self._plant(trees, batch, threads)
            work *= <double>trees.nodes / len(trees)
        small_step = mode == TRAINING and trees is None and not self.habits.has_images
        if work < (SMALL_STEP if small_step else SMALL_WORK):
            threads = 1
        if trees is None and not goes_back:
            self._group(mode, batch, threads)
        team = self.habits.takes_team(&self.net, batch)
        members = self.habits.members(&self.net, mode, batch, threads)
        if trees is None and not team and members > 1:
            team, threads = True, members
        if not team:
            threads = <int>min(threads, groups_of(&self.net, batch))
        threads = max(1, min(threads, MAX_WORKERS))
        if self.habits.has_sequences and self.net.has_transposed != (batch >= 4):
            self.memory = None
        if choose_lookups(&self.net, batch):
            self.memory = None
        if not goes_back and choose_tiles(&self.net, training or mode == TRAINING, batch):
            self.memory = None
        self.net.adds_up = any_adds_up(&self.net)
        self.net.has_panels = batch >= LAID_ROWS or self.has_trees
        self.net.has_transposed = batch >= 4 or self.has_trees
        self.net.alone = batch == 1
        self.net.has_fours = fills_fours(batch)
        self.net.one_group = (self.net.group == ROWS_ALONE and not self.has_trees
                              and 4 <= batch <= ROWS_ALONE)
        self._share(ranks)
        self._prepare(mode, rows, threads, masked)
        self.net.training = mode == TRAINING
        self.net.skip_last = False
        self.net.lengths, self.net.states, self.net.state_gradients = NULL, NULL, NULL
        self.net.all_states = False
        job.ranks = <PyObject*>ranks if ranks is not None else NULL
        self._open(job, threads)
        if mode == HOLDING:
            job.slice_count = self.all_slices
        if trees is not None:
            trees.describe(&job.net.forest)
        job.channels, job.pixels = self.channels, self.pixels
        job.out_channels, job.out_pixels = self.out_channels, self.out_pixels
        self._frame(job)
        job.net.team = &job.crew if team and threads > 1 else NULL

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

    cdef _group(self, int mode, Py_ssize_t batch, int threads):
        # A worker alone takes the most rows that stay in its cache, where results are the same
        # however rows are grouped: forward, too, where weights would be laid out otherwise.
        cdef Py_ssize_t group = self.habits.group(batch)
        cdef bint forward = mode == INFERENCE and LAID_ROWS <= batch <= ROWS_ALONE
        if (PACKS and threads == 1 and (mode == HOLDING or forward) and self.habits.steps == 1
                and not self.habits.has_images and not self.net.slot_stride
                and self.net.stages == 1):
            group = ROWS_ALONE
        if group != self.net.group:
            self.net.group, self.net.rows, self.memory = group, group, None

    cdef _share(self, Ranks ranks):
        cdef int count = 1 if ranks is None else ranks.count
        if count != self.net.ranks:
            self.memory = None          # has room for what all of them bring
        self.net.rank, self.net.ranks = 0 if ranks is None else ranks.rank, count

    cdef _open(self, Job* job, int threads):
        # Every job has the network as it is now, and workers who watch for what ends them.
        job.net = self.net
        job.slices, job.slice_count = self.slices, self.slice_count
        job.all_slices = self.all_slices
        job.net.watch, job.net.team = &job.watch, NULL
        open_job(job, threads)

    cdef _run(self, Job* job, parallel_task task):
        self.turn.running = True
        with nogil:
            parallel_run(task, job, &job.crew.workers, look)
        meeting_close(&job.crew)
        self.turn.running = False
        if is_ending(&job.watch) and self.memory is not None and self.memory.mode == HOLDING:
            self.memory = None          # there is nothing to go back from
        raise_what_ended(&job.watch)

    cdef _frame(self, Job* job):
        # Images that come as the kernels want them need no stop before their frame.
        job.net.framed = job.channels == 1 and self.net.count > 0 and self.net.op[0].kind == PAD


cdef tuple _channels_pixels(tuple shape):
    if len(shape) == 3:
        return shape[0], shape[1] * shape[2]
    return 1, shape[0] * (shape[1] if len(shape) == 2 else 1)
