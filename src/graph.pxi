# A network lowered to C: operations, each of which reads tensors and writes one. Together they are
# a graph.
#
# Operation k writes tensor k + 1; tensor 0 is the input. An operation comes behind those whose
# tensors it reads, and the last one's tensor is the output. What is read twice has a FAN_OUT for
# each further reader, with a gradient of its own, so that whoever goes back writes a gradient and
# need not add to one.
#
# A tensor's row is one sample, or a node of one that is a tree, channels last, padded so that whole
# vectors may be read and written past its end. What stands there may be anything, NaN of a training
# that diverged too: it is masked before it is summed. *Wide* values and gradients have a row for
# each sample of the batch, because a weight gradient is one product over the whole batch, or
# because a meeting of the workers lies between those who write and read them. The others exist once
# a worker, for the group of samples it is taking through the network, and stay in its cache;
# *passing* ones for a single sample of it. A value may be passing though a meeting lies between the
# ways forward and back, where it is made again at little cost.

# Into how many sums a batch's gradients that are summed sample by sample are parted at the most.
# Like a group's size it is independent of the number of threads: so are the results.
cdef enum:
    SLOTS = 16
    GROUPS_AT_A_TIME = 64       # whose gradients a slot adds up, if there are very many


cdef struct Tensor:
    Py_ssize_t size, stride     # numbers of a sample, and of its storage
    Py_ssize_t steps            # in time, that a sample consists of; 1 where there is no such axis
    Py_ssize_t features, h, w   # of a step; or channels, of an image
    Py_ssize_t pitch            # from row to row of an image that lies in the frame of a PAD, or 0
    bint after_weights          # some operation before it has weights that training changes
    bint needs_gradient
    bint wide_value, wide_gradient
    bint passing_value          # of no use once the sample has been through: one row a worker
    bint passing_gradient
    # The stages on the way back from whose beginning and to whose end the gradient is wanted; -1 is
    # that of the weights' gradients.
    int first_wanted, last_wanted
    real* value
    real* gradient
    Py_ssize_t gradient_stride  # may be another's, whose memory it shares
    int shares_gradient         # the tensor whose gradient is also this one's, or 0
    # Both for four images at a time (interleaving.pxi), and the numbers that these take; or NULL.
    real* fours
    real* gradient_fours
    Py_ssize_t fours_stride


cdef struct Op:
    int kind
    int reads                   # how many tensors,
    const int* source           # these,
    int target                  # and writes this one
    int activation              # of what it gives
    real setting                # of the activation
    Py_ssize_t offset, rows, columns    # its parameters, in rows of one width; or 0 rows
    Py_ssize_t trained_rows     # those of them that an optimizer changes, the first ones,
    bint frozen                 # unless it is to change none
    bint learns                 # whether their gradient is asked for
    bint is_remade              # its value is made again before a sample goes back
    bint adds_up                # and needs sums over the whole batch first
    Py_ssize_t slot             # where its gradient is in a slot, if summed sample by sample
    double work                 # multiply-adds of a forward pass, a sample
    # What a team's members share, rows of the target or columns, if it is worth while, and going
    # back of the source; and how many of them stay together (teams.pxi).
    Py_ssize_t span, span_back, grain
    # The first and the one behind the last of the operations that each sample goes through alone.
    int run, run_end
    bint takes_group            # or all rows of a group at once, as its kind or its size has it
    bint interleaved            # which images may go through four at a time
    void* own                   # what its kind needs to know besides
    const Methods* methods


cdef struct Network:
    int count                   # operations; there is one more tensor
    bint framed                 # the engine does the first operation, a PAD
    Op* op
    Tensor* tensor
    int* sources                # of all operations
    int stages                  # parts of a pass in training, with a meeting after each,
    int* stage                  # where each begins, and where the last ends
    Py_ssize_t group            # samples that a worker takes through it together, at most
    Py_ssize_t rows             # of tensors that they take: as many, or the nodes of so many trees
    Forest forest               # of recursive layers: samples are trees, and rows their nodes
    real* parameters
    real* gradients
    const real* updated         # parameters, if updates follow their gradients at once, or NULL
    const real* zeros
    real* fields                # scratch of each worker
    int* nonzero                # and indices of non-zero inputs
    Py_ssize_t fields_stride, nonzero_stride
    real* slots                 # gradients that are summed sample by sample, one sum a slot,
    real* aside                 # and what has been taken out of each, or NULL
    Py_ssize_t slot_stride
    int randoms                 # operations that draw numbers
    bint reads_tokens           # an embedding reads the input
    bint training
    bint has_fours              # there are images enough to go four at a time;
    Py_ssize_t fours            # by four, those that a worker holds interleaved
    bint skip_last              # leave the last activation out: the loss has it in it
    bint has_panels             # there are samples enough for weights in panels to pay,
    bint has_transposed         # and for transposed ones
    bint alone                  # batches are of one sample
    bint one_group              # or are one product: there is no need to lay weights out for it
    bint adds_up                # some operation does
    const int64_t* lengths      # of the samples in time, or NULL
    real* states                # of recurrent layers, a row for each sample, or NULL
    real* state_gradients
    Py_ssize_t state_stride     # numbers of a sample's states, of all recurrent layers
    bint all_states             # of all recurrent layers, not only of stateful ones
    int rank, ranks             # which process this is, of how many that share each batch
    meeting* team               # of all workers, where they take one group together; or NULL
    Watch* watch


cdef inline bint begins_stage(const Op* op) noexcept nogil:
    return op.methods.measure != NULL and not op.frozen


cdef inline int back_run(const Network* net, int k) noexcept nogil:
    # The first of the operations that a sample goes back through alone, from the kth on: one that
    # begins a stage goes back with the end of that before.
    if k > 0 and begins_stage(&net.op[k]) and not net.op[k - 1].takes_group:
        return net.op[k - 1].run
    return net.op[k].run


cdef inline bint has_trees(const Network* net) noexcept nogil:
    return net.forest.start != NULL


cdef inline Py_ssize_t groups_of(const Network* net, Py_ssize_t samples) noexcept nogil:
    return (samples + net.group - 1) // net.group


cdef inline Py_ssize_t slots_of(const Network* net, Py_ssize_t samples) noexcept nogil:
    cdef Py_ssize_t groups = groups_of(net, samples)
    return groups if groups < SLOTS else SLOTS


cdef inline Py_ssize_t rows_of(const Network* net, Py_ssize_t batch) noexcept nogil:
    # The rows of a batch, once the groups of its samples are laid out.
    cdef Py_ssize_t last = groups_of(net, batch) - 1
    return net.forest.first[last] + net.forest.rows[last] if has_trees(net) else batch


cdef inline const Tensor* source_of(const Network* net, const Op* op) noexcept nogil:
    return &net.tensor[op.source[0]]


cdef inline const Tensor* target_of(const Network* net, const Op* op) noexcept nogil:
    return &net.tensor[op.target]


cdef inline Py_ssize_t height_of(const Tensor* t) noexcept nogil:
    # As an image: steps are one of height 1.
    return max(1, t.h)


cdef inline Py_ssize_t width_of(const Tensor* t) noexcept nogil:
    return t.w if t.h else t.steps


cdef inline bint is_shared(const Network* net, const Op* op) noexcept nogil:
    # By the members of a team (teams.pxi).
    return net.team != NULL and op.span > 0


cdef inline bint is_shared_back(const Network* net, const Op* op) noexcept nogil:
    return net.team != NULL and op.span_back > 0 and source_of(net, op).needs_gradient


cdef inline bint lays(const Network* net, const Op* op) noexcept nogil:
    # Whether rows are enough for laying weights out in panels to pay: those of one sample alone are
    # one product, which packs each panel when it needs it.
    return op.methods.lay != NULL and not net.one_group and not is_shared(net, op) and (
        net.has_panels or (not net.alone and source_of(net, op).steps >= LAID_ROWS))


cdef inline bint lays_back(const Network* net, const Op* op) noexcept nogil:
    return op.methods.lay_back != NULL and not net.one_group and not is_shared_back(net, op) and (
        net.has_transposed or source_of(net, op).steps > 3)
