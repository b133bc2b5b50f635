# Several processes that train one network together, MPI's ranks: each takes its share of every
# batch, in the same order, and has the whole of everything else. They meet where a step has all of
# its gradients, and where an operation has to see the whole batch, forward and back.
#
# A message of gradients has a tail with places for each rank, in which all others leave zeros: so
# these pass through the sum unharmed, to be added up in the same order everywhere. In them a rank
# tells its losses, its hits, and whether its step is to be the end, as after a signal: what ends a
# step on one rank ends it on all, before any parameter changes.

cdef enum:
    DIGITS = 4                  # into which a double is parted, of 16 bits, which a float holds
    TAIL = 2 * DIGITS + 1       # numbers of a rank at the end of a message


class EndedElsewhere(Exception):
    """Another rank has ended a step, or the training."""


cdef void put_double(real* places, double number) noexcept nogil:
    cdef uint64_t bits
    cdef int i
    memcpy(&bits, &number, sizeof(double))
    for i in range(DIGITS):
        places[i] = <real>(bits >> 16 * i & 0xffff)


cdef double double_at(const real* places) noexcept nogil:
    cdef uint64_t bits = 0
    cdef double number
    cdef int i
    for i in range(DIGITS):
        bits |= <uint64_t>places[i] << 16 * i
    memcpy(&number, &bits, sizeof(double))
    return number


cdef class Ranks:
    """The meetings of a process with the others that train the same network.

    At meetings outside steps, each process fills its `row` and gets the `rows` of all. A row begins
    with whether its rank has ended. No signal is handled during a meeting, so that an interrupted
    process knows where the others are: at the next meeting, unless it is `lost`.

    Parameters
    ----------
    communicator : object
        With mpi4py's methods `Get_rank`, `Get_size`, `Allreduce` and `Allgather`.
    width : int
        The length of a row.
    """
    cdef readonly int rank, count
    cdef readonly object row, rows
    cdef public bint over           # some rank has told that it is at its end: nobody meets again
    cdef public bint lost           # others may be in the middle of a step: they cannot be told
    cdef object allreduce, allgather
    cdef object message, total

    def __init__(self, communicator, Py_ssize_t width):
        self.rank, self.count = communicator.Get_rank(), communicator.Get_size()
        self.allreduce, self.allgather = communicator.Allreduce, communicator.Allgather
        self.row, self.rows = np.zeros(width), np.zeros((self.count, width))

    def share(self, Py_ssize_t samples):
        """This rank's share of the samples: its first, and the one after its last."""
        return samples * self.rank // self.count, samples * (self.rank + 1) // self.count

    def tell(self):
        """Exchange rows: fill `rows` with those of all."""
        cdef const double[:, ::1] rows = self.rows
        cdef int i
        self.lost = True
        self.allgather(self.row, self.rows)
        for i in range(self.count):
            self.over = self.over or rows[i, 0] != 0
        self.lost = False

    def begin(self):
        """Begin steps; no rank may leave before they end on all."""
        self.row[:] = 0
        self.tell()
        if self.over:
            raise EndedElsewhere()
        self.lost = True

    def end(self, states):
        """End the steps. Each rank has the states of its own samples: give each those of all."""
        self.lost = True
        if states is not None:
            first, last = self.share(len(states))
            mine = np.zeros(states.shape, DTYPE)    # zeros_like gives signals a turn
            mine[first:last] = states[first:last]
            self.allreduce(mine, states)
        self.lost = False

    cdef gather(self, double* table, Py_ssize_t n):
        # A table (ranks, n), of which this one's row is filled.
        received = np.asarray(<double[:self.count * n]>table)
        self.allgather(received[self.rank * n:(self.rank + 1) * n].copy(), received)

    cdef bint meet(self, Job* job, double* record, bint ends) except -1:
        """Add up the gradients that training uses, and the losses and hits of a step.

        Gives whether all ranks must leave the step.
        """
        cdef Py_ssize_t size = trained_size(job), i, n, at = 0
        cdef real[::1] sent, received
        cdef real* places
        cdef real* gradients = job.net.gradients
        if self.message is None or self.message.size != size + self.count * TAIL:
            self.message = np.empty(size + self.count * TAIL, DTYPE)
            self.total = np.empty(self.message.size, DTYPE)
        sent, received = self.message, self.total
        for i in range(job.slice_count):
            n = end_of(job, &job.slices[i]) - begin_of(job, &job.slices[i])
            memcpy(&sent[at], gradients + begin_of(job, &job.slices[i]), n * sizeof(real))
            at += n
        sent[at:] = 0
        places = &sent[at] + self.rank * TAIL
        put_double(places, record[0])
        put_double(places + DIGITS, record[1])
        places[2 * DIGITS] = ends
        self.allreduce(self.message, self.total)
        at = 0
        for i in range(job.slice_count):
            n = end_of(job, &job.slices[i]) - begin_of(job, &job.slices[i])
            memcpy(gradients + begin_of(job, &job.slices[i]), &received[at], n * sizeof(real))
            at += n
        record[0] = record[1] = 0
        ends = False
        for i in range(self.count):
            places = &received[at] + i * TAIL
            record[0] += double_at(places)
            record[1] += double_at(places + DIGITS)
            ends = ends or places[2 * DIGITS] != 0
        if ends:
            self.lost = False
        return ends


cdef Py_ssize_t trained_size(const Job* job) noexcept nogil:
    cdef Py_ssize_t i, total = 0
    for i in range(job.slice_count):
        total += end_of(job, &job.slices[i]) - begin_of(job, &job.slices[i])
    return total


cdef void keep_share(const Network* net, Batch* batch) noexcept nogil:
    # Keeps this rank's share of a batch. Its samples draw what they would if all were here.
    cdef Py_ssize_t first = batch.samples * net.rank // net.ranks
    cdef Py_ssize_t last = batch.samples * (net.rank + 1) // net.ranks
    batch.position += first
    batch.samples = last - first
    batch.draw += <uint64_t>first


cdef void raise_here(Job* job, error) noexcept:
    # Unless something has been raised before.
    if job.watch.raised == NULL:
        Py_INCREF(error)
        job.watch.raised = <PyObject*>error


cdef void meet_with_gradients(Job* job, double* record) noexcept with gil:
    cdef bint ends
    cdef Py_ssize_t item
    ask(&job.watch)
    try:
        ends = (<Ranks>job.ranks).meet(job, record, is_ending(&job.watch))
        if not ends:
            for item in range(job.slice_count):
                measure_slice(job, item)
            return
        if not is_ending(&job.watch):
            raise_here(job, EndedElsewhere())
    except BaseException as error:
        raise_here(job, error)
    raise_flag(&job.crew.ending)


cdef void meet_with_shares(Job* job, int stage, bint back, Py_ssize_t batch) noexcept with gil:
    # Brings together what the operation that begins a stage has to see.
    cdef const Op* op = &job.net.op[job.net.stage[stage]]
    cdef Py_ssize_t n = 0
    cdef double* table
    try:
        if back:
            table = op.methods.join_back(&job.net, op, batch, &n)
        else:
            table = op.methods.join(&job.net, op, batch, &n)
        (<Ranks>job.ranks).gather(table, n)
    except BaseException as error:
        raise_here(job, error)
        raise_flag(&job.crew.ending)


cdef bint meet_ranks(Job* job, int worker, double* record) noexcept nogil:
    # Once there are all gradients. Whether it all ends here.
    if job.ranks == NULL:
        return False
    if worker == 0:
        meet_with_gradients(job, record)
    return meet_all(job, worker, NULL)


cdef bint join_ranks(Job* job, int worker, int stage, bint back, Py_ssize_t batch) noexcept nogil:
    # Between two stages, once all shares of the batch are there. Whether it all ends here.
    if job.ranks == NULL:
        return False
    if worker == 0:
        meet_with_shares(job, stage, back, batch)
    return meet_all(job, worker, NULL)
