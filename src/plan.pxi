# A Plan owns the memory of a network lowered to operations, and runs it. Arrays that come in are C-contiguous, of this
# module's dtype, and checked: the Python layers above see to that.
from fastdl._core.operations import check_operations

_KINDS = {"dense": DENSE, "convolution": CONVOLUTION, "max_pool": MAX_POOL, "mean_pool": MEAN_POOL, "flatten": FLATTEN,
          "activation": ACTIVATION, "pad": PAD, "shift": SHIFT, "recurrent": RECURRENT, "embedding": EMBEDDING, "dropout": DROPOUT,
          "recursive": RECURSIVE}

cdef enum:
    MOST_OPERATIONS = 64

cdef enum Mode:
    INFERENCE, TRAINING, HOLDING


def aligned_zeros(Py_ssize_t n):
    """A zero vector of n numbers as kernels want it: on a cache line, with room to read past the end."""
    cdef Py_ssize_t spare = 128 // sizeof(real)
    raw = np.zeros(n + 3 * spare, dtype=DTYPE)
    cdef real[::1] view = raw
    cdef Py_ssize_t skip = <Py_ssize_t>(-<uint64_t>&view[0] % 64) // <Py_ssize_t>sizeof(real)
    return raw[skip:skip + n]


cdef class Trees:
    """Trees as a plan takes them, or parts of trees. Each node comes after its children.

    Parameters
    ----------
    start : ndarray of int64, shape (trees + 1,)
        Where each tree's nodes begin, and the last one's end.
    children : ndarray of int32, shape (nodes, arity)
        Of each node, counted over all trees; -1 where there is none: a node has all of them or none.
    counts : ndarray of uint8, shape (nodes,)
        Whether the loss looks at a node.
    """
    cdef const int64_t[::1] start           # copies all, as the core relies on what was checked
    cdef const int32_t[:, ::1] children
    cdef const int32_t[::1] height
    cdef const uint8_t[::1] counts
    cdef object sizes               # sums of the largest trees' nodes
    cdef readonly Py_ssize_t nodes, arity

    def __cinit__(self, start, children, counts):
        cdef Py_ssize_t tree, i, k
        cdef int32_t child
        start = np.array(start, np.int64)
        self.start, self.children, self.counts = start, np.array(children, np.int32), np.array(counts, np.uint8)
        self.nodes, self.arity = self.children.shape[0], self.children.shape[1]
        cdef int32_t[::1] height = np.zeros(self.nodes, np.int32)
        sizes = np.diff(start)
        if not len(sizes) or start[0] != 0 or start[len(sizes)] != self.nodes or sizes.min() < 1 or len(self.counts) != self.nodes:
            raise ValueError(f"trees must have nodes from 0 to {self.nodes}; received others")
        for tree in range(len(self)):
            for i in range(self.start[tree], self.start[tree + 1]):
                for k in range(self.arity if self.children[i, 0] >= 0 else 0):
                    child = self.children[i, k]
                    if not self.start[tree] <= child < i:
                        raise ValueError("trees must have each node's children before it; received others")
                    height[i] = max(height[i], height[child] + 1)
        self.height = height
        self.sizes = np.cumsum(np.sort(sizes)[::-1])

    def __len__(self):
        return self.start.shape[0] - 1

    def largest(self, Py_ssize_t trees):
        """How many nodes so many trees have at the most."""
        return int(self.sizes[min(trees, len(self)) - 1])

    cdef describe(self, Forest* f):
        f.arity, f.start, f.children, f.height, f.counts = self.arity, &self.start[0], &self.children[0, 0], &self.height[0], &self.counts[0]


cdef inline int* _ints(block) except NULL:
    cdef int[::1] view = block
    return &view[0]


cdef class Plan:
    """A chain of operations over flat parameters.

    Parameters
    ----------
    input_shape : tuple
        (C, H, W), (T, F) or (F,), of one sample.
    output_shape : tuple
        The last operation's.
    operations : list of dict
        Each names its `kind`, its `output_shape` and what `check_operations` says that the kind needs, such as `offset`: where its
        parameters begin in the flat vector.
    parameters, gradients : ndarray
        Of these operations alone: flat vectors made by `aligned_zeros`, or a part of such.
    turn : fastdl._turn.Turn
        What all plans over these parameters share.

    Raises
    ------
    ValueError
        Where operations do not follow one another from one shape to the other.
    """
    cdef Network net
    cdef Op op[MOST_OPERATIONS]
    cdef Tensor tensor[MOST_OPERATIONS + 1]
    cdef Slice* slices
    cdef Py_ssize_t slice_count
    cdef Py_ssize_t channels, pixels, out_channels, out_pixels
    cdef double work                        # multiply-adds of a forward pass, a sample
    cdef bint has_images, has_sequences
    cdef readonly bint has_trees            # samples are trees then: what comes in and goes out has a row for each of their nodes
    cdef double least_step                  # multiply-adds of a step of a recurrent layer, a sample; 0 where steps are too few for a team
    cdef Py_ssize_t fewest_units            # of a recurrent layer
    cdef int mode, workers
    cdef Py_ssize_t capacity
    cdef Py_ssize_t laid_rows, laid_groups, laid_largest, laid_workers      # what `layout` has room for
    cdef object layout, held                # and the trees of the last forward
    cdef bint masked                        # sequences are of different lengths
    cdef bint spent                         # a backward has been, and put gradients where the forward's gates were
    cdef object memory, batch_lengths, turn
    cdef readonly object parameters, gradients
    cdef readonly tuple input_shape, output_shape
    cdef readonly Py_ssize_t state_size     # numbers of a sample's states, of all recurrent layers

    def __cinit__(self, tuple input_shape, tuple output_shape, list operations, parameters, gradients, turn):
        cdef real[::1] p = parameters
        cdef real[::1] g = gradients
        cdef int k = 0
        if len(operations) > MOST_OPERATIONS:
            raise ValueError(f"layers must make at most {MOST_OPERATIONS} operations; received {len(operations)}")
        check_operations(input_shape, output_shape, operations, parameters.size)
        if gradients.size != parameters.size:
            raise ValueError(f"gradients must be as many as parameters, {parameters.size}; received {gradients.size}")
        self.parameters, self.gradients, self.turn = parameters, gradients, turn
        self.input_shape, self.output_shape = input_shape, output_shape
        self.net.op, self.net.tensor = self.op, self.tensor
        if parameters.size:
            self.net.parameters, self.net.gradients = &p[0], &g[0]
        self.channels, self.pixels = _channels_pixels(self.input_shape)
        self.out_channels, self.out_pixels = _channels_pixels(self.output_shape)
        self.capacity = -1
        shape = input_shape
        self._describe_tensor(0, shape, False)
        for operation in operations:
            if operation["kind"] == "flatten" and not _moves(shape):
                shape = operation["output_shape"]
                continue
            self._describe_op(k, shape, operation)
            self.has_images = self.has_images or self.op[k].kind in (CONVOLUTION, MAX_POOL, MEAN_POOL, PAD, SHIFT)
            shape = operation["output_shape"]
            self._describe_tensor(k + 1, shape, self.op[k].rows > 0)
            if gives_states(&self.op[k]):       # and the one that it started with
                self.tensor[k + 1].stride += padded(self.op[k].cells[0].units)
            if self.op[k].kind == MAX_POOL and k > 0 and self.op[k - 1].activation == RELU:
                # The largest of rectified numbers is the largest number, rectified: a quarter of the work.
                self.op[k - 1].activation, self.op[k].activation = IDENTITY, RELU
            k += 1
        self.net.count = k
        self._slice()

    def __dealloc__(self):
        free(self.slices)

    cdef _describe_tensor(self, int k, tuple shape, bint after_weights):
        cdef Tensor* t = &self.tensor[k]
        t.size = 1
        for n in shape:
            t.size *= n
        t.steps = shape[0] if len(shape) == 2 else 1
        t.stride = padded(t.size) + VEC_LANES
        t.after_weights = after_weights or (k > 0 and self.tensor[k - 1].after_weights)

    cdef _describe_op(self, int k, tuple shape, dict operation):
        cdef Op* op = &self.op[k]
        cdef Window* g = &op.window
        cdef Matrix* w = &op.matrix
        cdef double before = self.work
        op.kind = _KINDS[operation["kind"]]
        op.activation = row_of_name(_FUSED, "activation", operation.get("activation", "identity"))
        op.setting = operation.get("setting", 0)
        g.c, g.h, g.w = shape if len(shape) == 3 else (shape[len(shape) - 1], 1, 1)
        out = operation["output_shape"]
        g.oc, g.oh, g.ow = out if len(out) == 3 else (out[len(out) - 1], 1, 1)
        if op.kind == FLATTEN and len(shape) == 2:      # steps lie one after another, as the rows of one channel do
            g.c, g.h, g.w = 1, shape[0], shape[1]
        op.offset = operation.get("offset", 0)
        op.rate = operation.get("rate", 0)
        op.nth = sum([self.op[i].kind in (DROPOUT, SHIFT) for i in range(k)])
        g.kh, g.kw = operation.get("kernel", (1, 1))
        g.sh, g.sw = operation.get("stride", (1, 1))
        op.pad_h, op.pad_w = operation.get("padding", (0, 0))
        if op.kind == DENSE or op.kind == CONVOLUTION:
            w.offset = op.offset
            w.segments = g.kh if op.kind == CONVOLUTION else 1
            w.length = g.kw * g.c if op.kind == CONVOLUTION else self.tensor[k].size // self.tensor[k].steps
            w.rows, w.columns, w.step = w.segments * w.length, g.oc, g.oc
            op.rows, op.columns = w.rows + 1, w.columns
            w.padded = padded(w.length)
            if op.kind == DENSE and w.padded * sizeof(real) % 1024 == 0:
                w.padded += VEC_LANES
            w.bias = w.offset + w.rows * w.columns
            self.work += <double>w.rows * w.columns * g.oh * g.ow * self.tensor[k].steps
            if op.kind == CONVOLUTION:
                op.slot = self.net.slot_stride
                self.net.slot_stride += padded((w.rows + 1) * w.columns) + VEC_LANES
        elif op.kind == EMBEDDING:
            op.rows, op.columns = operation["vocabulary"], g.oc
        elif op.kind == RECURRENT:
            self._describe_recurrent(k, operation)
        elif op.kind == RECURSIVE:
            self.has_trees = True
            describe_composition(&op.tree, _COMPOSITIONS[operation["composition"]],
                                 row_of_name(_FUSED, "activation", operation["composition_activation"]), 0,
                                 operation["children"], g.c, op.offset)
            op.rows, op.columns = op.tree.w.rows + 1, op.tree.w.columns
            self.work += <double>op.tree.w.rows * op.tree.w.columns / 2          # about half of the nodes are leaves
        self.work += <double>self.tensor[k].size
        op.work = self.work - before

    cdef _describe_recurrent(self, int k, dict operation):
        cdef Op* op = &self.op[k]
        cdef Recurrent* r
        cdef int direction
        cdef double step
        cdef Py_ssize_t offset = op.offset
        op.directions, op.sequences, op.adds = operation["directions"], operation["sequences"], operation["adds"]
        op.stateful = operation["stateful"]
        for direction in range(op.directions):
            r = &op.cells[direction]
            describe_recurrent(r, _CELLS[operation["cell"]], row_of_name(_FUSED, "activation", operation["cell_activation"]), 0, op.window.c,
                               operation["units"], offset)
            r.reverse = direction
            r.state = self.state_size
            self.state_size += state_size(r)
            offset = r.state_bias + r.columns
            op.rows, op.columns = op.rows + r.inputs + r.units + 2, r.columns
            self.work += <double>(r.inputs + r.units) * r.columns * self.tensor[k].steps
            step = <double>r.units * r.columns if self.tensor[k].steps > 3 else 0
            self.least_step = min(self.least_step, step) if self.has_sequences else step
            self.fewest_units = min(self.fewest_units, r.units) if self.has_sequences else r.units
            self.has_sequences = True

    cdef _slice(self):
        # Slices of at most about 16,000 weights, whole rows, but of 96 rows where there are so many: each reads all of the output's gradient.
        cdef Py_ssize_t pieces, rows, i
        cdef int k
        cdef list found = []
        for k in range(self.net.count):
            if self.op[k].rows:
                rows = self.op[k].rows
                pieces = min(rows, (rows * self.op[k].columns + 16383) // 16384)
                pieces = min(pieces, max(2, rows // 96))
                found += [(k, rows * i // pieces, rows * (i + 1) // pieces) for i in range(pieces)]
        self.slice_count = len(found)
        self.slices = <Slice*>malloc(max(1, self.slice_count) * sizeof(Slice))
        if self.slices == NULL:
            raise MemoryError()
        for i in range(self.slice_count):
            self.slices[i].op, self.slices[i].start, self.slices[i].stop = found[i]

    cdef real* _reserve(self, Py_ssize_t n) except NULL:
        cdef real[::1] block = aligned_zeros(max(n, 1))
        self.memory.append(block)
        return &block[0]

    cdef _prepare(self, int mode, Py_ssize_t batch, int workers):
        # Memory for a batch in this mode, kept for the next call that fits.
        cdef int k
        cdef Py_ssize_t rows, fields = 0, widest = 0
        cdef Tensor* t
        cdef Op* op
        if mode == INFERENCE:
            batch = 0
        if mode == self.mode and workers <= self.workers and batch <= self.capacity and self.memory is not None:
            return
        self._choose_planar(mode)
        self.memory = []
        self.mode = -1                  # until all of it is there
        for k in range(self.net.count + 1):
            t = &self.tensor[k]
            t.needs_gradient = mode == HOLDING or t.after_weights
            t.wide = mode == HOLDING or (mode == TRAINING and self._is_wide(k))
            between = mode == TRAINING and 0 < k < self.net.count and not self._is_wide(k)
            t.passing_value = (between and self.op[k - 1].planar and self.op[k - 1].kind == CONVOLUTION
                               and self.op[k - 1].activation == IDENTITY)
            t.passing_gradient = between
            rows = batch if t.wide else workers * self.net.rows
            if k == 0 or self.masked or not gives_states(&self.op[k - 1]):
                t.value = self._reserve(rows * t.stride)
            held = mode == HOLDING or (mode == TRAINING and (t.needs_gradient or k == self.net.count))
            t.gradient = self._reserve(rows * t.stride) if held else NULL
            widest = max(widest, t.stride)
            if k < self.net.count:
                op = &self.op[k]
                widest = max(widest, op.columns, op.window.kh * op.matrix.padded)
                if op.kind == CONVOLUTION:
                    fields = max(fields, (op.window.ow + 1) * (op.matrix.padded + VEC_LANES), op.window.oc * padded(op.window.ow))
                for direction in range(op.directions):
                    widest = max(widest, op.cells[direction].width)
                    fields = max(fields, self._room_for_sequences(&op.cells[direction]))
                    self._copy_recurrent(k, direction, mode, batch, workers)
                if op.kind == RECURSIVE:
                    widest = max(widest, op.tree.w.rows)
                    fields = max(fields, (ROWS_BACK + 1) * op.tree.features_stride + self.net.rows * op.tree.c_stride)
                    self._copy_recursive(&op.tree.w, mode, workers)
                if op.matrix.columns:
                    held = mode != INFERENCE and t.needs_gradient
                    op.matrix.transposed_stride = op.matrix.columns * op.matrix.segments * op.matrix.padded + VEC_LANES
                    op.matrix.transposed = self._reserve(workers * op.matrix.transposed_stride) if held else NULL
        for k in range(self.net.count):
            op, t = &self.op[k], &self.tensor[k + 1]
            rows = batch if t.wide else workers * self.net.rows
            for direction in range(op.directions):
                self._hold_recurrent(&op.cells[direction], self.tensor[k].steps, rows)
                if gives_states(op) and not self.masked:
                    t.value = op.cells[0].h + op.cells[0].units
                self._hold_lookup(&op.cells[direction].lookup, mode, workers, op.columns, k == 1 and self.net.looks_up)
            if op.kind == RECURSIVE:
                self._hold_recursive(&op.tree, rows)
            if op.kind == MAX_POOL:
                op.winners_stride = op.window.c * op.window.oh * padded(op.window.ow) if op.planar else t.stride
                op.winners = self._reserve(rows * op.winners_stride)
        self.net.zeros = self._reserve(widest + 4 * VEC_LANES)
        self.net.fields_stride = padded(fields) + VEC_LANES
        self.net.fields = self._reserve(workers * self.net.fields_stride)
        self.net.nonzero_stride = widest + 16
        self.net.nonzero = <int*>self._reserve(workers * self.net.nonzero_stride)
        self.net.slots = self._reserve(slots_of(&self.net, batch) * self.net.slot_stride)
        self.batch_lengths = np.empty(max(batch, 1), np.int64)
        self.mode, self.workers, self.capacity = mode, workers, batch

    cdef _copy_recursive(self, Matrix* w, int mode, int workers):
        w.panels_stride, w.transposed_stride = w.rows * (padded(w.columns) + 4 * VEC_LANES), w.columns * w.padded + VEC_LANES
        w.panels = self._reserve(workers * w.panels_stride)
        w.transposed = self._reserve(workers * w.transposed_stride) if mode != INFERENCE else NULL

    cdef _hold_recursive(self, Composition* p, Py_ssize_t rows):
        p.features = self._reserve(rows * p.features_stride)
        p.gates = self._reserve(rows * p.gates_stride) if p.kind == TREE_LSTM else p.features
        p.c = self._reserve(rows * p.c_stride) if p.kind == TREE_LSTM else p.features

    cdef Py_ssize_t _room_for_sequences(self, const Recurrent* r):
        # Scratch of sequences_of.
        return 3 * self.net.group * padded(max(r.units, r.inputs)) + padded(r.columns)

    cdef _copy_recurrent(self, int k, int direction, int mode, Py_ssize_t batch, int workers):
        # Memory for copies of the weights, where products with several rows will want them.
        cdef Matrix* w
        cdef int i
        for i in range(3):
            w = matrix_of(&self.op[k].cells[direction], i)
            wanted = w.columns and (self.tensor[k].steps > 3 or (i > 0 and self.net.has_transposed))
            w.panels_stride, w.transposed_stride = w.rows * (padded(w.columns) + 4 * VEC_LANES), w.columns * w.padded + VEC_LANES
            w.panels = self._reserve(workers * w.panels_stride) if wanted else NULL
            wanted = wanted and mode != INFERENCE and (i > 0 or self.tensor[k].needs_gradient)
            w.transposed = self._reserve(workers * w.transposed_stride) if wanted else NULL

    cdef _hold_recurrent(self, Recurrent* r, Py_ssize_t steps, Py_ssize_t rows):
        # States and gates of every step.
        r.gates_sample = padded(steps * r.width) + VEC_LANES
        r.h_sample = padded(steps * r.units) + padded(r.units) + VEC_LANES
        r.gates = self._reserve(rows * r.gates_sample)
        r.h = self._reserve(rows * r.h_sample)
        r.c = self._reserve(rows * r.h_sample) if r.cell == LSTM else r.h

    cdef _hold_lookup(self, Lookup* p, int mode, int workers, Py_ssize_t columns, bint wanted):
        p.rows, p.table, p.stride = self.op[0].rows if wanted else 0, self.op[0].offset, self.op[0].rows * columns + VEC_LANES
        p.products = self._reserve(workers * p.stride) if wanted else NULL
        p.gradient = self._reserve(p.stride) if wanted and mode != INFERENCE else NULL

    cdef _choose_group(self, Py_ssize_t batch):
        # Small enough for the activations of a group to stay in a core's cache, and for eight cores to share a batch;
        # larger, where the batch is, to read the weights of dense layers less often.
        # A recurrent layer has a product for each step: its group is half the batch, where that is rows enough for one.
        cdef Py_ssize_t group = (8 if self.has_images else max(8, min(16, (batch + 1) // 2)) if self.has_sequences
                                 else max(16, min(128, batch // 8)))
        if group != self.net.group:
            self.net.group, self.net.rows, self.memory = group, group, None

    cdef Py_ssize_t _plant(self, Trees trees, Py_ssize_t batch, int threads) except -1:
        # Groups of trees with about so many nodes as keep a product busy and stay in a cache, and room for where nodes will
        # stand. Gives the most nodes that a batch can have.
        cdef Forest* f = &self.net.forest
        cdef Py_ssize_t rows = trees.largest(batch), largest = trees.largest(1), groups
        cdef int workers = max(1, min(threads, MAX_WORKERS))
        self.net.group = max(1, GROUP_NODES * len(trees) // trees.nodes)
        if trees.largest(self.net.group) > self.net.rows:
            self.net.rows, self.memory = trees.largest(self.net.group), None
        groups = groups_of(&self.net, batch)
        if rows > self.laid_rows or groups > self.laid_groups or largest > self.laid_largest or workers > self.laid_workers:
            rows, groups = max(rows, self.laid_rows), max(groups, self.laid_groups)
            largest, workers = max(largest, self.laid_largest), max(workers, self.laid_workers)
            self._lay_out(f, rows, groups, largest, workers, trees.arity)
        return trees.largest(batch)

    cdef _lay_out(self, Forest* f, Py_ssize_t rows, Py_ssize_t groups, Py_ssize_t largest, int workers, Py_ssize_t arity):
        stride = 2 * largest + 16
        blocks = [np.empty(n, np.intc) for n in (rows * arity, rows, groups, groups, groups, workers * stride)]
        f.child, f.node, f.first = _ints(blocks[0]), _ints(blocks[1]), _ints(blocks[2])
        f.rows, f.leaves, f.scratch = _ints(blocks[3]), _ints(blocks[4]), _ints(blocks[5])
        f.scratch_stride = stride
        self.layout = blocks
        self.laid_rows, self.laid_groups, self.laid_largest, self.laid_workers = rows, groups, largest, workers

    cdef _choose_planar(self, int mode):
        # A convolution of a one-channel image, whose own gradient nobody wants, and the pool after it.
        cdef int k
        cdef Op* op
        cdef Window* g
        cdef Tensor* t
        for k in range(self.net.count - 1):
            op, g, t = &self.op[k], &self.op[k + 1].window, &self.tensor[k + 1]
            if op.kind != CONVOLUTION:
                continue
            op.planar = (op.window.c == 1 and op.window.sw == 1 and mode != HOLDING
                         and not self.tensor[k].after_weights and self.op[k + 1].kind in (MAX_POOL, MEAN_POOL)
                         and g.kh == g.kw == g.sh == g.sw == 2)
            self.op[k + 1].planar = op.planar
            t.stride = (g.c * g.h * padded(g.w) if op.planar else padded(t.size)) + VEC_LANES

    cdef bint _looks_up(self, Py_ssize_t batch):
        # Whether there are so many more tokens than rows that each of several workers may as well have all products of its own.
        return (self.net.count > 1 and self.op[0].kind == EMBEDDING and self.op[1].kind == RECURRENT and self.tensor[1].steps > 3
                and batch * self.tensor[1].steps >= LOOKUP_TOKENS * self.op[0].rows)

    cdef bint _ends_in_softmax(self):
        return self.net.count > 0 and self.op[self.net.count - 1].activation == SOFTMAX

    cdef bint _is_wide(self, int k):
        # A neighbour's weight gradient is a product over the whole batch.
        return (k > 0 and self._sums_batch(k - 1)) or (k < self.net.count and self._sums_batch(k))

    cdef bint _sums_batch(self, int k):
        return self.op[k].rows > 0 and self.op[k].kind != CONVOLUTION

    cdef _check_trees(self, Trees trees):
        cdef int k
        if self.has_trees != (trees is not None):
            raise ValueError(f"trees must {'be given' if self.has_trees else 'be None'} for these operations; received {trees!r}")
        for k in range(self.net.count if self.has_trees else 0):
            if self.op[k].kind == RECURSIVE and self.op[k].tree.arity != trees.arity:
                raise ValueError(f"trees must have {self.op[k].tree.arity} children a node; received {trees.arity}")

    cdef _start(self, Job* job, int mode, Py_ssize_t batch, int threads, double work, Trees trees=None, bint masked=False):
        cdef Py_ssize_t rows = batch
        self._check_trees(trees)
        if self.turn.running:
            raise RuntimeError("a signal's handler cannot use a network in the middle of its own step; a copy can be made there")
        memset(job, 0, sizeof(Job))
        if trees is None:
            self._choose_group(batch)
        else:
            rows = self._plant(trees, batch, threads)
            work *= <double>trees.nodes / len(trees)
        if work < SMALL_WORK:
            threads = 1
        team = (self.has_sequences and groups_of(&self.net, batch) == 1 and batch * self.fewest_units >= SHARED_UNITS
                and batch * self.least_step >= SHARED_STEP)
        threads = <int>max(1, min(threads, MAX_WORKERS if team else groups_of(&self.net, batch), MAX_WORKERS))
        if self.has_sequences and self.net.has_transposed != (batch >= 4):
            self.memory = None
        if self.masked != masked:
            self.masked, self.memory = masked, None
        if self.net.looks_up != self._looks_up(batch):
            self.net.looks_up, self.memory = not self.net.looks_up, None
        self.net.has_transposed = batch >= 4 or self.has_trees
        self.net.alone = batch == 1
        self._prepare(mode, rows, threads)
        self.net.training = mode == TRAINING
        self.net.skip_softmax = False
        self.net.lengths, self.net.states, self.net.state_gradients = NULL, NULL, NULL
        self.net.all_states, self.net.state_stride = False, self.state_size
        job.net = self.net
        if trees is not None:
            trees.describe(&job.net.forest)
        job.slices, job.slice_count = self.slices, self.slice_count
        job.channels, job.pixels = self.channels, self.pixels
        job.out_channels, job.out_pixels = self.out_channels, self.out_pixels
        self._frame(job)
        meeting_open(&job.gathering, threads)
        open_watch(&job.watch, &job.gathering.ending)
        job.net.watch = &job.watch
        job.net.team = &job.gathering if team and threads > 1 else NULL

    def predict(self, const real[::1] x, Py_ssize_t samples, int threads, bint logits=False, lengths=None, states=None, Trees trees=None):
        """The last tensor for each sample, as a flat vector; with `logits`, without a last softmax.

        `lengths`, int64, says how many steps of each sample in time there are. `states` (samples, state_size) are what
        stateful layers start with, and become what they end with. Where samples are trees, x and what is given have a row for
        each of their nodes.
        """
        cdef Job job
        self._check_samples(x, 0, samples, trees)
        out = self._outputs(self.net.count, samples, trees)
        cdef real[::1] y = out
        with self.turn.lock:
            self._start(&job, INFERENCE, samples, threads, self.work * samples, trees, lengths is not None)
            job.net.skip_softmax = logits and self._ends_in_softmax()
            states = self._take_sequences(&job, samples, lengths, states)
            self._forward(&job, x, samples, y)
            self._give_states(&job, states)
        return out

    cdef _check_samples(self, const real[::1] x, int k, Py_ssize_t samples, Trees trees):
        # That each sample, or node, has a row of tensor k.
        rows = samples if trees is None else trees.nodes
        if samples < 1 or (trees is not None and len(trees) != samples) or x.shape[0] != rows * self.tensor[k].size:
            raise ValueError(f"{samples} samples must have {rows} rows of {self.tensor[k].size} numbers; received {x.shape[0]} numbers")

    cdef _run(self, Job* job, parallel_task task):
        self.turn.running = True
        with nogil:
            parallel_run(task, job, &job.gathering.workers, look)
        meeting_close(&job.gathering)
        self.turn.running = False
        if is_ending(&job.watch) and self.mode == HOLDING:
            self.mode = -1              # there is nothing to go back from
        raise_what_ended(&job.watch)

    cdef _outputs(self, int k, Py_ssize_t samples, Trees trees):
        return np.empty((samples if trees is None else trees.nodes) * self.tensor[k].size, dtype=DTYPE)

    cdef _take_sequences(self, Job* job, Py_ssize_t samples, lengths, states):
        # States are worked at in a copy, which is given: those of the caller change once a step, or the whole call, is done.
        cdef const int64_t[::1] counts
        cdef real[:, ::1] rows
        cdef real[:, ::1] copy
        if lengths is not None:
            counts = lengths
            if counts.shape[0] != samples:
                raise ValueError(f"lengths must have shape ({samples},); received {lengths.shape}")
            job.net.lengths = &counts[0]
        if states is None or not self.state_size:
            return None
        rows, copy = states, states.copy()
        if rows.shape[0] != samples or rows.shape[1] != self.state_size:
            raise ValueError(f"states must have shape ({samples}, {self.state_size}); received {states.shape}")
        job.states, job.states_size, job.net.states = &rows[0, 0], samples * self.state_size, &copy[0, 0]
        return copy

    cdef _give_states(self, Job* job, copy):
        if copy is not None:
            memcpy(job.states, job.net.states, job.states_size * sizeof(real))

    def forward(self, const real[::1] x, Py_ssize_t samples, int threads, bint training, uint64_t seed, bint channels_last,
                lengths=None, states=None, bint all_states=False, Trees trees=None):
        """As `predict`, holding every tensor for `backward`; x comes and y goes channels last where that is said.

        With `all_states`, layers that are not stateful start with theirs too.
        """
        cdef Job job
        self._check_samples(x, 0, samples, trees)
        out = self._outputs(self.net.count, samples, trees)
        cdef real[::1] y = out
        with self.turn.lock:
            self._start(&job, HOLDING, samples, threads, self.work * samples, trees, lengths is not None)
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
            job.channels, job.pixels = 1, self.tensor[0].size
            job.out_channels, job.out_pixels = 1, self.tensor[self.net.count].size
            self._frame(job)

    cdef _frame(self, Job* job):
        # Images that come as the kernels want them need no stop before their frame.
        job.net.first = job.channels == 1 and self.net.count > 0 and self.op[0].kind == PAD

    cdef _forward(self, Job* job, const real[::1] x, Py_ssize_t samples, real[::1] y):
        job.x, job.out, job.samples = &x[0], &y[0] if y is not None else NULL, samples
        self._run(job, forward_worker)

    def backward(self, const real[::1] dy, Py_ssize_t samples, int threads, bint training, uint64_t seed, bint channels_last,
                 lengths=None, state_gradients=None, Trees trees=None):
        """The input's gradient, flat; the parameters' gradients are written to `gradients`.

        `state_gradients` (samples, state_size), with respect to the states after the last step, become those with respect
        to the states before the first.
        """
        cdef Job job
        self._check_samples(dy, self.net.count, samples, trees)
        out = self._outputs(0, samples, trees)
        cdef real[::1] dx = out
        with self.turn.lock:
            if self.mode != HOLDING or self.memory is None or (samples if trees is None else trees.nodes) > self.capacity:
                raise RuntimeError("backward must follow forward, before other calls of the same network or layer")
            if self.spent:
                raise RuntimeError("backward must follow forward: it can go back once through recurrent and recursive layers")
            if trees is not self.held:
                raise RuntimeError("backward must follow a forward of the same trees")
            self._start(&job, HOLDING, samples, threads, self.work * samples, trees, lengths is not None)
            self._hold(&job, training, seed, channels_last)
            gradients = self._take_sequences(&job, samples, lengths, state_gradients)
            job.net.states, job.net.state_gradients, job.net.all_states = NULL, job.net.states, True
            self.spent = self.has_sequences or self.has_trees
            self._backward(&job, dy, samples, dx)
            job.net.states = job.net.state_gradients
            self._give_states(&job, gradients)
        return out

    cdef _backward(self, Job* job, const real[::1] dy, Py_ssize_t samples, real[::1] dx):
        job.x, job.out, job.samples = &dy[0], &dx[0], samples
        self._run(job, backward_worker)

    def gradients_at(self, const real[::1] x, const real[::1] dy, Py_ssize_t samples, int threads):
        """What `backward` gives and writes, of vectors or images, in one call with the `forward` that it must follow."""
        cdef Job job
        self._check_samples(x, 0, samples, None)
        self._check_samples(dy, self.net.count, samples, None)
        out = self._outputs(0, samples, None)
        cdef real[::1] dx = out
        with self.turn.lock:
            self._start(&job, HOLDING, samples, threads, self.work * samples)
            self.held = None
            self._forward(&job, x, samples, None)
            self._start(&job, HOLDING, samples, threads, self.work * samples)
            self._backward(&job, dy, samples, dx)
        return out

    def train(self, const real[::1] x, targets, weights, const int64_t[::1] order, Py_ssize_t batch,
              Py_ssize_t first, const double[::1] rates, int64_t[::1] steps, str loss, tuple optimizer,
              real[:, ::1] moments, uint64_t seed, int threads, double[:, ::1] records, lengths=None, states=None,
              Trees trees=None):
        """One step for each of `rates`, from position `first` of the order on; `steps` (1,) counts them, one by one.

        Fills `records` (steps, 3): each step's sums over outputs of the weighted loss and of the hits, and how many outputs
        there were: samples, or steps in time. `targets` are int64 labels (N,) or (N, T), or numbers (N, F) or (N, T, F);
        `moments` (K, P) are the optimizer's. `lengths` and `states` are as of `predict`; states
        have a row for each sample of a batch, and go on from one batch to the next. With `trees`, the order is one of trees,
        and x, targets and weights have a row for each node.
        Weights are flat, one for each output.
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
            self._start(&job, TRAINING, batch, threads, 3 * self.work * batch, trees, lengths is not None)
            groups = groups_of(&self.net, batch)
            sums = np.zeros(2 * groups + self.slice_count)
            job.x, job.order, job.samples = &x[0], &order[0], samples
            job.batch, job.first, job.batches = batch, first, rates.shape[0]
            job.rates, job.steps, job.steps_before, job.seed = &rates[0], &steps[0], steps[0], seed
            job.loss = row_of_name(_LOSSES, "loss", loss)
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
                job.lengths, job.batch_lengths, job.net.lengths = &counts[0], &batch_lengths[0], &batch_lengths[0]
            describe_optimizer(&job.optimizer, optimizer, moments)
            job.apart = (job.optimizer.clip_norm > 0 or job.net.looks_up        # a gradient that reads other weights
                         or 3 * self.work * batch > LONG_WORK)
            job.losses, job.hits, job.squares, job.records = &sums[0], &sums[groups], &sums[0] + 2 * groups, &records[0, 0]
            self._run(&job, train_worker)


cdef describe_optimizer(Optimizer* o, tuple settings, real[:, ::1] moments):
    # Of one moment both names are right, and of none they are not used.
    rule, o.nesterov, o.momentum, o.decay, o.beta1, o.beta2, o.epsilon, o.clip_norm, o.clip_value = settings
    o.rule = row_of_name(_RULES, "rule", rule)
    o.first, o.second = &moments[0, 0], &moments[max(moments.shape[0], 1) - 1, 0]


cdef bint _moves(tuple shape):
    # Whether a flat row of these numbers is another: one channel, or one pixel, lies in memory as it should already. Steps lie
    # so too, but those that do not count are left out.
    return (len(shape) == 3 and shape[0] > 1 and shape[1] * shape[2] > 1) or (len(shape) == 2 and shape[0] > 1)


cdef tuple _channels_pixels(tuple shape):
    return (shape[0], shape[1] * shape[2]) if len(shape) == 3 else (1, shape[0] * (shape[1] if len(shape) == 2 else 1))
