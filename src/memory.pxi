# The memory of a network for batches of some size: what each tensor and operation needs, taken once
# and kept.

cdef enum Mode:
    # Forward; group after group forward and back; forward, and back in another call; and group
    # after group to the gradient of the input alone.
    INFERENCE, TRAINING, HOLDING, INPUT_GRADIENT


cdef inline bint reaches_input(int mode) noexcept:
    # Whether gradients go back to the input, whatever is trained.
    return mode == HOLDING or mode == INPUT_GRADIENT


cdef enum:
    LARGE = 1 << 22                 # bytes, from which on NumPy asks the system for large pages


cdef inline Py_ssize_t room_for(Py_ssize_t n) noexcept:
    cdef Py_ssize_t spare = 128 // sizeof(real), ahead = 8192 // sizeof(real)
    return (n + 3 * spare + min(n, ahead)) // spare * spare


def aligned_zeros(Py_ssize_t n):
    """A zero vector of n numbers for kernels: aligned to cache lines, and readable past its end.

    The next allocation is kilobytes away: the processor prefetches that far ahead, and would keep
    taking lines from the core that works on it.
    """
    raw = np.zeros(room_for(n), dtype=DTYPE)
    cdef uint64_t start = <uint64_t>start_of(raw, sizeof(real))
    cdef Py_ssize_t skip = <Py_ssize_t>(-start % 64) // <Py_ssize_t>sizeof(real)
    return raw[skip:skip + n]


cdef class Memory:
    """Memory for a number of rows and workers, requested in pieces and allocated at once."""
    cdef int mode, workers
    cdef Py_ssize_t rows            # samples of a batch, or nodes of its trees
    cdef bint masked                # sequences are of different lengths
    cdef list blocks
    cdef Py_ssize_t bytes           # of all of them
    cdef Py_ssize_t taken           # numbers, with what is between them,
    cdef real* whole                # of one block that has them all, or NULL
    cdef Py_ssize_t fields          # the most scratch that an operation needs,
    cdef Py_ssize_t widest          # and the widest row that it reads zeros for
    cdef Snapshot before            # of the last training in it

    def __cinit__(self, int mode, Py_ssize_t rows, int workers, bint masked):
        self.mode, self.rows, self.workers, self.masked = mode, rows, workers, masked
        self.blocks = []
        self.before = Snapshot.__new__(Snapshot)

    cdef real* take(self, Py_ssize_t n) except NULL:
        cdef real[::1] block
        cdef Py_ssize_t place = self.taken
        self.taken += room_for(max(n, 1))
        if self.whole != NULL:
            return self.whole + place
        block = aligned_zeros(max(n, 1))
        self.blocks.append(block)
        return &block[0]

    cdef begin_again(self):
        # The same will be taken once more, of one block.
        cdef real[::1] block
        self.blocks = []                # the ones that there are, first
        block = aligned_zeros(self.taken)
        self.blocks.append(block)
        self.whole, self.taken = &block[0], 0

    cdef double* take_doubles(self, Py_ssize_t n) except NULL:
        cdef double[::1] block = np.zeros(max(n, 1))
        self.blocks.append(block)
        return &block[0]

    cdef int* take_ints(self, Py_ssize_t n) except NULL:
        cdef int[::1] block = np.zeros(max(n, 1), np.intc)
        self.blocks.append(block)
        return &block[0]

    cdef real* take_copies(self, Py_ssize_t stride) except NULL:
        # One for each worker.
        return self.take(self.workers * stride)

    cdef Py_ssize_t rows_of(self, const Network* net, const Tensor* t):
        # For a value, and for what else an operation keeps with it.
        return self.rows if t.wide_value else self.workers * net.rows

    cdef take_panels(self, Matrix* w, bint wanted, bint wanted_back):
        # Copies of a matrix in panels, each worker's, and of the transposed one.
        w.panels_stride = w.rows * (padded(w.columns) + 4 * VEC_LANES)
        w.transposed_stride = w.columns * w.padded + VEC_LANES
        w.panels = self.take_copies(w.panels_stride) if wanted else NULL
        w.transposed = self.take_copies(w.transposed_stride) if wanted_back else NULL

    cdef void need(self, Py_ssize_t fields, Py_ssize_t widest):
        self.fields, self.widest = max(self.fields, fields), max(self.widest, widest)


cdef Memory reserve(Network* net, int mode, Py_ssize_t rows, int workers, bint masked):
    """Take memory for a network.

    If it is much, all of it is one block, which the system backs by large pages: an address in
    small ones takes the processor long to find in batches that no cache holds.
    """
    cdef Memory memory = Memory(mode, rows, workers, masked)
    _take_all(memory, net)
    if memory.taken * <Py_ssize_t>sizeof(real) >= LARGE:
        memory.begin_again()
        _take_all(memory, net)
    memory.bytes = sum([block.nbytes for block in memory.blocks])
    return memory


cdef _take_all(Memory memory, Network* net):
    cdef Tensor* t
    cdef int k
    _lay_tensors(net, memory.mode)
    memory.need(net.tensor[0].size, 0)          # for a sample that comes as bytes
    for k in range(net.count + 1):
        t = &net.tensor[k]
        memory.need(0, t.stride)
        t.value = NULL
        if k == 0 or not (t.pitch or lies_elsewhere(memory, &net.op[k - 1])):
            t.value = memory.take((memory.workers if t.passing_value else memory.rows_of(net, t))
                                  * t.stride)
    take_gradients(memory, net)
    reserve_fours(memory, net)
    for k in range(net.count):
        memory.need(0, net.op[k].columns)
        if net.op[k].methods.reserve != NULL:
            net.op[k].methods.reserve(memory, net, &net.op[k])
        if net.op[k].methods.passes_on:
            net.tensor[k + 1].value = source_of(net, &net.op[k]).value
    net.zeros = memory.take(memory.widest + 4 * VEC_LANES)
    net.fields_stride = padded(memory.fields) + VEC_LANES
    net.fields = memory.take_copies(net.fields_stride)
    net.nonzero_stride = memory.widest + 16
    net.nonzero = <int*>memory.take_copies(net.nonzero_stride)
    net.slots = memory.take(slots_of(net, memory.rows) * net.slot_stride)
    net.aside = memory.take(SLOTS * net.slot_stride) if sets_aside(net, memory.rows) else NULL


cdef bint lies_elsewhere(Memory memory, const Op* op) noexcept:
    # Whether the value of an operation's target needs no memory of its own.
    return op.methods.passes_on or (op.methods.shares_value != NULL
                                    and op.methods.shares_value(memory, op))


cdef _lay_tensors(Network* net, int mode):
    # Gives each tensor's rows their place.
    cdef int k, i, source
    cdef bint sums_batch
    cdef Tensor* t
    cdef Op* op
    for k in range(net.count + 1):
        t = &net.tensor[k]
        t.needs_gradient = reaches_input(mode) or t.after_weights
        t.wide_value = mode == HOLDING
        t.first_wanted, t.last_wanted = 0, -1 if mode == HOLDING else net.stages
        t.passing_value, t.shares_gradient = False, 0
        t.passing_gradient = mode == TRAINING and 0 < k < net.count
    for k in range(net.count):
        net.op[k].learns = mode != INPUT_GRADIENT and (mode == HOLDING or not net.op[k].frozen)
        net.op[k].is_remade = False
    for k in range(net.count if mode == TRAINING else 0):
        op = &net.op[k]
        sums_batch = op.methods.gradient != NULL and op.methods.gradient != gradient_of_slots
        if sums_batch:                  # its weights' gradient is a product over the batch
            net.tensor[op.target].last_wanted = -1
            net.tensor[op.target].wide_value |= op.methods.gradient_reads_target
        for i in range(op.reads):
            source = op.source[i]
            if sums_batch:
                net.tensor[source].wide_value = True
            if source == 0 or net.op[source - 1].run != back_run(net, k):
                net.tensor[source].passing_gradient = False
    if mode == TRAINING:
        lay_stages(net)
        _share_wide(net)
    for k in range(net.count + 1):
        t = &net.tensor[k]
        t.wide_gradient = t.last_wanted < t.first_wanted
        t.passing_gradient = t.passing_gradient and not t.wide_gradient
    for k in range(net.count):
        if net.op[k].kind == PAD:
            _lay_in_frame(net, &net.op[k], mode)


cdef _lay_in_frame(Network* net, const Op* pad, int mode):
    # Lays a tensor that `pad` alone reads into its frame, if it can be written there.
    cdef Tensor* t = &net.tensor[pad.source[0]]
    cdef const Tensor* framed = target_of(net, pad)
    cdef const Op* op
    if pad.source[0] == 0 or not net.op[pad.source[0] - 1].methods.fills_frames:
        return
    op = &net.op[pad.source[0] - 1]
    t.pitch, t.stride = 0, padded(t.size) + VEC_LANES
    if (mode == TRAINING and t.h > 0 and begins_stage(op)
            and (op.activation == IDENTITY or op.activation == RELU)
            and t.wide_value == framed.wide_value and t.passing_value == framed.passing_value
            and _readers_of(net, pad.source[0]) == 1):
        t.pitch, t.stride = framed.w * framed.features, framed.stride


cdef int _readers_of(const Network* net, int number):
    cdef int k, i, count = 0
    for k in range(net.count):
        for i in range(net.op[k].reads):
            count += net.op[k].source[i] == number
    return count


cdef _share_wide(Network* net):
    # Tensors of one value lie alike.
    cdef int k
    for k in range(net.count - 1, -1, -1):
        if net.op[k].methods.passes_on and net.tensor[k + 1].wide_value:
            net.tensor[net.op[k].source[0]].wide_value = True
    for k in range(net.count):
        if net.op[k].methods.passes_on:
            net.tensor[k + 1].wide_value = net.tensor[net.op[k].source[0]].wide_value
            net.tensor[k + 1].passing_value = net.tensor[net.op[k].source[0]].passing_value
