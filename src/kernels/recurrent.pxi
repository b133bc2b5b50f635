# The arguments of the kernels of recurrent layers: a layer's parameters, and the memory of a group
# of sequences.
#
#     p = x U + b + h W + d        the gates' sums, of which a cell (cells.pxi) makes the next h
#
# The parameters are U (inputs, gates), W (units, gates), b and d (gates). V is the last third of a
# GRU's W, which has a product of its own: GRU_BEFORE's sum of n has (r h) V instead of h V (article
# 6), and GRU_AFTER keeps q = h V + d apart (PyTorch, cuDNN). U and W are of one width, so that all
# of it is one matrix with inputs + units + 2 rows.
#
# Everything a sample has lies together, step by step: x (T, inputs), gates (T, width), h and c (T +
# 1, units).

cdef struct Lookup:
    # For a layer behind an embedding: the products of its input weights with each row of the table.
    Py_ssize_t rows                 # 0 where nothing is looked up
    Py_ssize_t table                # where the rows lie among the parameters
    real* products                  # (rows, columns), one a worker
    Py_ssize_t stride
    real* gradient                  # (rows, columns), added up over the batch
    real* some                      # of it, where it is added up some places at a time


cdef struct Recurrent:
    int cell, activation            # activation of an RNN
    real setting                    # of the activation
    bint reverse                    # from the last step to the first
    Py_ssize_t inputs, units
    Py_ssize_t columns              # of U and W: a gate's units, times the gates
    Py_ssize_t width                # of a step's gates: a GRU keeps r h, or q, with them
    Matrix u, w, v
    Py_ssize_t bias, state_bias     # b and d
    Py_ssize_t state                # where h, and c after it, lie in a row of states
    real* gates                     # of each sample that is held,
    real* dgates                    # and their gradients: in their place, if it goes back once
    real* h
    real* c
    Py_ssize_t gates_sample, h_sample
    Lookup lookup


cdef struct Sequences:
    # A group of samples on its way through a layer: pointers to the first one's, and how far on the
    # next one's lies.
    Py_ssize_t samples, steps
    bint alone                      # a batch of one: panels of state weights are for a row
    # The length of each sample, or NULL: beyond it, its state stays, and has no gradient.
    const int64_t* lengths
    const real* x
    Py_ssize_t x_sample
    const real* tokens              # to look up, instead of x; or NULL
    Py_ssize_t tokens_sample
    real* gates
    real* dgates                    # may be the gates
    real* h
    real* c
    Py_ssize_t gates_sample, h_sample
    const real* dy                  # what is asked of each step's h from outside, or NULL
    Py_ssize_t dy_sample, dy_step
    # (T, units) of an RNN, each sample's in turn: the activation's derivative, or NULL.
    const real* slopes
    # (T + 1, units): gets the whole gradient with respect to each h, or NULL.
    real* whole
    real* dx                        # or NULL
    Py_ssize_t dx_sample
    bint adds                       # to what dx holds
    # Gradients with respect to the last state; they become those of the first.
    real* dh
    real* dc
    real* spare                     # as large as dh
    Py_ssize_t d_sample
    real* start                     # scratch: as wide as U
    const real* zeros
    int* nonzero
    meeting* team                   # or NULL
    int member, members
    Watch* watch                    # or NULL


cdef void describe_recurrent(Recurrent* r, int cell, int activation, real setting,
                             Py_ssize_t inputs, Py_ssize_t units, Py_ssize_t offset) noexcept nogil:
    cdef bint gru = cell == GRU_BEFORE or cell == GRU_AFTER
    memset(r, 0, sizeof(Recurrent))
    r.cell, r.activation, r.setting = cell, activation, setting
    r.inputs, r.units = inputs, units
    r.columns = units * (4 if cell == LSTM else 3 if gru else 1)
    r.width = 4 * units if gru else r.columns
    describe_matrix(&r.u, offset, inputs, r.columns, r.columns)
    describe_matrix(&r.w, offset + inputs * r.columns, units, 2 * units if gru else r.columns,
                    r.columns)
    describe_matrix(&r.v, r.w.offset + 2 * units, units, units if gru else 0, r.columns)
    r.bias = r.w.offset + units * r.columns
    r.state_bias = r.bias + r.columns


cdef inline Py_ssize_t state_size(const Recurrent* r) noexcept nogil:
    return 2 * r.units if r.cell == LSTM else r.units


cdef inline Matrix* matrix_of(Recurrent* r, int k) noexcept nogil:
    return &r.u if k == 0 else &r.w if k == 1 else &r.v


cdef inline Py_ssize_t slot_before(const Recurrent* r, Py_ssize_t t) noexcept nogil:
    # h and c before step t; those after it are in the other of the slots t and t + 1.
    return t + 1 if r.reverse else t
