# How work is shared out, none of which depends on the number of threads: runs of operations,
# stages, groups of samples, slices of the parameters.

cdef enum:
    ROWS_ALONE = 256            # of a group that a worker alone takes


cdef struct Slice:
    int op
    Py_ssize_t start, stop        # rows of the op's matrix


cdef inline bint turns_interleaved(const Network* net, int k) noexcept:
    return k > 0 and net.op[k].interleaved != net.op[k - 1].interleaved


cdef void find_runs(Network* net):
    # Operations that samples go through alone, or four at a time, one after another, between those
    # that take groups or begin stages.
    cdef int k, first = 0, j
    for k in range(net.count + 1):
        if k < net.count and not (net.op[k].takes_group or begins_stage(&net.op[k])
                                  or turns_interleaved(net, k)):
            continue
        for j in range(first, k):
            net.op[j].run, net.op[j].run_end = first, k
        first = k
        if k < net.count and net.op[k].takes_group:
            net.op[k].run, net.op[k].run_end = k, k + 1
            first = k + 1


cdef void find_stages(Network* net):
    cdef int k
    net.stages, net.stage[0] = 1, 0
    for k in range(net.count):
        if begins_stage(&net.op[k]):
            net.stage[net.stages] = k
            net.stages += 1
    net.stage[net.stages] = net.count


cdef bint has_many_products(const Network* net):
    # Whether its dense layers in time are slices enough to share, be they ever so large.
    cdef int k, found = 0
    for k in range(net.count):
        found += net.op[k].kind == DENSE and target_of(net, &net.op[k]).steps >= LAID_ROWS
    return found >= 8


cdef list slices_of(const Network* net, bint frozen):
    # A slice is whole rows of at most about 16,000 weights, but, if there are enough, 128 rows or
    # more, as each slice reads, and packs, all of the output's gradient. The number of slices is
    # one that two or four workers can share evenly, and slices begin where tiles do.
    cdef Py_ssize_t pieces, rows, i
    cdef list ends
    cdef int k
    cdef bint many = has_many_products(net)
    cdef list found = []
    for k in range(net.count):
        if net.op[k].trained_rows and net.op[k].frozen == frozen:
            rows = net.op[k].trained_rows
            pieces = min(rows, (rows * net.op[k].columns + 16383) // 16384)
            pieces = min(pieces, max(1 if many else 2, rows // 128))
            if pieces > 2:
                pieces = (pieces + 3) // 4 * 4
            ends = [rows * i // pieces // VEC_LANES * VEC_LANES for i in range(pieces)] + [rows]
            found += [(k, ends[i], ends[i + 1]) for i in range(pieces) if ends[i] < ends[i + 1]]
    return found


cdef class Habits:
    """What decides on groups and teams: the kinds of operations of a network, and its work."""
    cdef bint has_images, has_sequences
    cdef Py_ssize_t steps           # the most that a sample has
    cdef double work                # multiply-adds of a forward pass, a sample
    cdef double shared_work         # and those of operations that a team shares, forward
    cdef double shared_back         # and back
    cdef double least_step          # multiply-adds a sample; 0 where steps are too few
    cdef Py_ssize_t fewest_units    # of a recurrent layer

    cdef see(self, const Network* net, const Op* op):
        cdef const RecurrentLayer* own
        if op.kind == RECURRENT:
            own = <const RecurrentLayer*>op.own
            self.least_step = min(self.least_step, own.step) if self.has_sequences else own.step
            units = own.cells[0].units
            self.fewest_units = min(self.fewest_units, units) if self.has_sequences else units
            self.has_sequences = True
        elif target_of(net, op).h > 0 or op.kind == CONVOLUTION:
            self.has_images = True
        self.steps = max(self.steps, target_of(net, op).steps)
        self.work += op.work
        if op.span:
            self.shared_work += op.work
        if op.span_back:
            self.shared_back += op.work

    cdef Py_ssize_t group(self, Py_ssize_t batch):
        # Small enough for the activations of a group to stay in a core's cache, and for eight cores
        # to share a batch, sixteen one of 64 images, which may go four at a time; larger, where the
        # batch is, to read the weights of dense layers less often: as many samples, or steps of
        # them. A recurrent layer has a product for each step: its group is half the batch, where
        # that is rows enough for one.
        if self.has_images and not self.has_sequences:
            return FOUR if batch < 128 else 2 * FOUR
        if self.has_sequences:
            return max(8, min(16, (batch + 1) // 2))
        return max(1, max(16, min(128, batch // 8)) // max(1, self.steps))

    cdef int members(self, const Network* net, int mode, Py_ssize_t batch, int threads):
        # Of a team, where there is one group: each has work enough, with a sample, or with all
        # vectors, which are one product. What recurrent layers need for theirs, `takes_team` knows.
        cdef double work = self.shared_work if mode == INFERENCE else self.shared_back
        if groups_of(net, batch) > 1 or self.has_sequences:
            return 1
        if self.steps == 1 and not self.has_images:
            if mode != INFERENCE:
                return threads if work >= FAR_WEIGHTS else 1
            work *= batch
        return <int>min(<double>threads, work / MEMBER_WORK)

    cdef bint takes_team(self, const Network* net, Py_ssize_t batch):
        return (self.has_sequences and groups_of(net, batch) == 1
                and batch * self.fewest_units >= SHARED_UNITS
                and batch * self.least_step >= SHARED_STEP)


cdef Py_ssize_t trees_together(Py_ssize_t trees, Py_ssize_t nodes):
    # About so many nodes as keep a product busy and stay in a cache.
    return max(1, GROUP_NODES * trees // nodes)
