# The kinds of operation there are: a name that Python uses, a row of functions, and a place in a
# file of this folder each.

cdef enum Kind:
    DENSE, CONVOLUTION, MAX_POOL, MEAN_POOL, ACTIVATION, DROPOUT, PAD, SHIFT, FLATTEN, SELECT
    EMBEDDING, RECURRENT, RECURSIVE, LAYER_NORM, BATCH_NORM, FAN_OUT, CONCAT, SUM, PRODUCT
    ATTENTION, POSITIONS
    RESHAPE, GLOBAL_MAX, GLOBAL_MEAN, UPSAMPLE, NOISE, RESCALE, FLIP, ROTATE, ERASE
    TRANSPOSED_CONVOLUTION, PERIODIC, ROBUST_SCALE, GROUP_NORM, KINDS


# The functions of a kind of operation: NULL where it has nothing to do.
ctypedef int (*describe_function)(Network* net, Op* op, dict fields) except -1
ctypedef int (*reserve_function)(Memory memory, Network* net, Op* op) except -1
ctypedef bint (*shares_function)(Memory memory, const Op* op) noexcept
ctypedef void (*lay_function)(const Network* net, const Op* op, Py_ssize_t start,
                              Py_ssize_t stop) noexcept nogil
ctypedef void (*prepare_function)(const Network* net, const Op* op, int worker) noexcept nogil
ctypedef void (*pass_function)(const Network* net, const Op* op, const Part* part) noexcept nogil
ctypedef void (*share_function)(const Network* net, const Op* op, const Part* part,
                                Py_ssize_t first, Py_ssize_t last) noexcept nogil
ctypedef bint (*interleaves_function)(const Network* net, const Op* op) noexcept
ctypedef void (*batch_function)(const Network* net, const Op* op, int worker, int workers,
                                Py_ssize_t batch) noexcept nogil
# Writes this rank's row of a table (ranks, n) that has one for each, and gives it, and n.
ctypedef double* (*join_function)(const Network* net, const Op* op, Py_ssize_t batch,
                                  Py_ssize_t* n) noexcept nogil
ctypedef void (*gradient_function)(const Network* net, const Op* op, Py_ssize_t start,
                                   Py_ssize_t stop, Py_ssize_t batch) noexcept nogil
ctypedef bint (*descend_function)(const Network* net, const Op* op, Py_ssize_t start,
                                  Py_ssize_t stop, real rate) noexcept nogil


cdef struct Methods:
    int kind
    size_t own                  # bytes of what it needs to know besides
    describe_function describe  # takes what Python says of it
    reserve_function reserve    # memory for a batch
    bint passes_on              # the target's value is the source's own
    bint fills_frames           # writes, and reads going back, images that lie in a frame of zeros
    bint is_cheap               # to do again rather than keep what it gives
    bint adds_second            # its second source, whose gradient is the target's
    shares_function shares_value    # whether the target's value lies in what `reserve` takes
    lay_function lay            # rows of its weights, into copies that all workers read,
    lay_function lay_back       # for the way forward and back
    prepare_function prepare    # what a worker needs before a step goes forward: its own copies of
    prepare_function prepare_back   # weights, running statistics; and before it goes back
    bint takes_group            # all rows of a group at once, rather than sample after sample
    bint takes_team             # all workers of a team together, rather than the first alone
    # Writes no number beside a row's own; reads gradients of a step by whole vectors.
    bint keeps_to_rows
    pass_function forward       # writes the target's values
    pass_function backward      # the sources' gradients, and what is summed in slots
    share_function forward_share    # what a member does of it, from one row or column to another,
    share_function backward_share   # and of the sources' gradients,
    pass_function before_shares     # behind what the first one does alone
    # The same for four images interleaved, where `interleaves` says so of an operation.
    interleaves_function interleaves
    pass_function forward_fours
    pass_function backward_fours
    bint parts_fours            # such a run's last: its target is of single images
    gradient_function gradient  # rows of the parameters', once the whole batch has been back
    bint gradient_reads_target  # the target's values too: they are kept until then
    # Adds up over the batch, before a meeting, what gradients need; called if an op `adds_up`.
    batch_function add_up
    descend_function descend    # plain descent on one sample, no gradient being written
    # For an operation that has to see the whole batch: it begins a stage.
    pass_function measure       # a group's share, before that stage
    join_function join          # where several ranks share the batch: what this one's come to
    batch_function settle       # what all shares come to
    pass_function measure_back  # on the way back each sample's, of the target's gradient
    join_function join_back
    batch_function settle_back
    batch_function keep         # what a step of training leaves behind besides parameters


cdef Methods no_methods(int kind, size_t own):
    # To begin a row with.
    cdef Methods m
    memset(&m, 0, sizeof(Methods))
    m.kind, m.own = kind, own
    return m
