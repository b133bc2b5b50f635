# One step of a recurrent layer as a function of arrays.

cdef enum:
    FEW_SAMPLES = 4                 # fewer are taken one by one
    SAMPLES_TOGETHER = 48           # at most

# Multiply-adds from which on a second thread brings more than to wake it costs: 0.2 ms of work.
cdef double SHARED_SUMS = 8_000_000


cdef const real* _numbers(array, int rank, Py_ssize_t rows, Py_ssize_t columns,
                          Py_ssize_t* shape) except? NULL:
    # Of an array of DTYPE as it lies, whose owner outlives the use; NULL where it is none, or of
    # another shape. A negative size is any, and told in `shape`.
    cdef Py_buffer view
    cdef const real* numbers = NULL
    cdef Py_ssize_t first = 0, last
    if not take_ready(array, &view):
        return NULL
    if view.ndim == rank and view.len:
        first, last = view.shape[0], view.shape[rank - 1]
        if (rows < 0 or first == rows) and (columns < 0 or last == columns):
            numbers = <const real*>view.buf
            if shape != NULL:
                shape[0], shape[1] = first, last
    PyBuffer_Release(&view)
    return numbers


cdef struct StepJob:
    ColumnStep step
    const real* x
    const real* h
    const real* c                   # NULL but of an LSTM, as is c_after
    real* h_after
    real* c_after
    Py_ssize_t samples, groups      # of samples, taken together
    real* scratch                   # `room` for each worker
    Py_ssize_t room
    int workers
    flag infinite                   # perhaps
    work_items items


cdef bint _step_of_rows(const ColumnStep* s, const real* x, const real* h, const real* c,
                        real* h_after, real* c_after, Py_ssize_t rows,
                        real* scratch) noexcept nogil:
    # Of samples side by side, which are transposed for it, and back.
    cdef Py_ssize_t n = s.units * rows
    cdef real* gates = scratch
    cdef real* after = gates + s.width * rows + VEC_LANES       # h and c
    cdef real* before = after + 2 * n + VEC_LANES
    cdef real* inputs = before + 2 * n + VEC_LANES
    cdef bint finite
    if rows == 1:
        return step_of_columns(s, x, h, c, gates, h_after, c_after, 1)
    transpose(x, s.inputs, inputs, rows, rows, s.inputs)
    transpose(h, s.units, before, rows, rows, s.units)
    if c != NULL:
        transpose(c, s.units, before + n, rows, rows, s.units)
    finite = step_of_columns(s, inputs, before, before + n, gates, after, after + n, rows)
    transpose(after, rows, h_after, s.units, s.units, rows)
    if c != NULL:
        transpose(after + n, rows, c_after, s.units, s.units, rows)
    return finite


cdef void _step_of_group(StepJob* job, Py_ssize_t group, int worker) noexcept nogil:
    cdef const ColumnStep* s = &job.step
    cdef Py_ssize_t i = job.samples * group // job.groups
    cdef Py_ssize_t rows = job.samples * (group + 1) // job.groups - i
    cdef bint lstm = s.cell == LSTM
    if not _step_of_rows(s, job.x + i * s.inputs, job.h + i * s.units,
                         job.c + i * s.units if lstm else NULL, job.h_after + i * s.units,
                         job.c_after + i * s.units if lstm else NULL, rows,
                         job.scratch + worker * job.room):
        raise_flag(&job.infinite)


cdef void _columns_worker(void* context, int worker) noexcept nogil:
    cdef StepJob* job = <StepJob*>context
    cdef Py_ssize_t group
    while True:
        group = next_item(&job.items, job.groups, job.workers, worker)
        if group < 0:
            return
        _step_of_group(job, group, worker)


cdef bint _describe_step(StepJob* job, str cell, str activation, x, h, c, weight_ih, weight_hh,
                         bias_ih, bias_hh) except -1:
    # Whether all arrays have the shapes that they give one another, and can be read as they lie.
    cdef ColumnStep* s = &job.step
    cdef Py_ssize_t of_x[2]
    cdef Py_ssize_t of_h[2]
    cdef Recurrent layer
    job.x, job.h = _numbers(x, 2, -1, -1, of_x), _numbers(h, 2, -1, -1, of_h)
    if job.x == NULL or job.h == NULL or of_x[0] != of_h[0]:
        return False
    job.samples = of_x[0]
    describe_recurrent(&layer, row_of_name(_CELLS, "cell", cell),
                       row_of_name(_FUSED, "activation", activation), 0, of_x[1], of_h[1], 0)
    s.cell, s.activation, s.inputs, s.units = layer.cell, layer.activation, of_x[1], of_h[1]
    s.columns, s.width = layer.columns, layer.width
    s.u = _numbers(weight_ih, 2, s.columns, s.inputs, NULL)
    s.w = _numbers(weight_hh, 2, s.columns, s.units, NULL)
    s.b = _numbers(bias_ih, 1, s.columns, -1, NULL) if bias_ih is not None else NULL
    s.d = _numbers(bias_hh, 1, s.columns, -1, NULL) if bias_hh is not None else NULL
    job.c = _numbers(c, 2, job.samples, s.units, NULL) if s.cell == LSTM else NULL
    return (s.u != NULL and s.w != NULL and (s.b != NULL or bias_ih is None)
            and (s.d != NULL or bias_hh is None) and (job.c != NULL or s.cell != LSTM))


cdef int _share_step(StepJob* job, int threads) except -1:
    # Parts the samples into groups, for as many threads as pay, each with its scratch.
    cdef const ColumnStep* s = &job.step
    cdef Py_ssize_t together
    if job.samples < FEW_SAMPLES:
        job.workers, job.groups = 1, job.samples
    else:
        # A group of one sample would add up in another order than others do: there is none.
        job.workers = threads_for(
            <double>job.samples * s.columns * (s.inputs + s.units) / SHARED_SUMS,
            min(threads, MAX_WORKERS, max(1, job.samples // VEC_LANES)))
        together = job.workers * SAMPLES_TOGETHER
        job.groups = job.workers * ((job.samples + together - 1) // together)
    together = (job.samples + job.groups - 1) // job.groups
    job.room = (s.width + 4 * s.units + s.inputs) * together + 4 * VEC_LANES
    job.scratch = <real*>malloc(job.workers * job.room * sizeof(real))
    if job.scratch == NULL:
        raise MemoryError
    return 0


cdef void _run_step(StepJob* job) noexcept nogil:
    cdef Py_ssize_t group
    memset(&job.infinite, 0, sizeof(flag))
    if job.workers == 1:
        for group in range(job.groups):
            _step_of_group(job, group, 0)
    else:
        reset_items(&job.items, job.workers)
        parallel_run(_columns_worker, job, &job.workers, NULL)


def cell_step(str cell, str activation, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh,
              int threads=1, bint checked=False):
    """The next h of a cell; for an LSTM, the next h and c.

    Parameters
    ----------
    cell : {"rnn", "lstm", "gru_before", "gru_after"}
    activation : str
        The activation of an RNN.
    x, h, c : (N, inputs), (N, units), (N, units)
        c is None except for an LSTM.
    weight_ih, weight_hh : (gates units, inputs), (gates units, units)
    bias_ih, bias_hh : (gates units,) or None
    threads : int
        The most threads to use.
    checked : bool
        Whether all numbers are known to be finite.

    Returns
    -------
    None if an array does not have its shape or cannot be read in place, or may not be finite.
    """
    cdef StepJob job
    cdef bint lstm
    c_after = None
    if not _describe_step(&job, cell, activation, x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
        return None
    lstm = job.step.cell == LSTM
    h_after = EMPTY((job.samples, job.step.units), DTYPE)
    job.h_after, job.c_after = <real*>_numbers(h_after, 2, -1, -1, NULL), NULL
    if lstm:
        c_after = EMPTY((job.samples, job.step.units), DTYPE)
        job.c_after = <real*>_numbers(c_after, 2, -1, -1, NULL)
    _share_step(&job, threads)
    with nogil:
        _run_step(&job)
        free(job.scratch)
    if job.samples >= FEW_SAMPLES:
        job_ended()
    if not checked and is_raised(&job.infinite):
        return None
    return (h_after, c_after) if lstm else h_after
