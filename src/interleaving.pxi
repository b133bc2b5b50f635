# Runs of operations through which images go four at a time, interleaved (kernels/interleaved.pxi):
# convolutions of few channels, and what stands between and behind them. Where a run begins and
# ends, tensors are as ever too; where a group is no multiple of four images, the last one of them
# is there several times, with a gradient of zeros.

cdef void choose_interleaved(Network* net, int mode):
    # Behind each run is an operation that is in none.
    cdef bint possible = mode != HOLDING and net.stages == 1
    cdef int first = 0, end, k
    while first < net.count:
        end = end_of_interleaved(net, first) if possible else first
        for k in range(first, min(end + 1, net.count)):
            net.op[k].interleaved = k < end
        first = end + 1
    find_runs(net)


cdef inline bint fills_fours(Py_ssize_t batch) noexcept nogil:
    # Whether of nine places in fours at most one would be empty.
    return batch >= FOUR and 8 * ((FOUR - batch % FOUR) % FOUR) <= batch


cdef inline bint in_fours(const Network* net, const Op* op) noexcept nogil:
    # Fewer images go one by one, in the same memory.
    return op.interleaved and net.has_fours


cdef int end_of_interleaved(const Network* net, int first) noexcept:
    # Behind a run that begins with the convolution `first`, or `first` if none does: to leave one
    # costs as much as a convolution wins.
    cdef int k = first
    cdef const Op* op = &net.op[first]
    if op.kind != CONVOLUTION:
        return first
    while op.methods.interleaves != NULL and op.methods.interleaves(net, op):
        k += 1
        if k == net.count or op.methods.parts_fours or _readers_of(net, k) > 1:
            break
        op = &net.op[k]
        if op.source[0] != k:
            break
    while k > first and net.op[k - 1].kind == PAD:
        k -= 1
    return k if k > first + 1 else first


cdef inline Py_ssize_t numbers_of_fours(const Tensor* t) noexcept nogil:
    return t.features * t.h * pitch_of(t.w)


cdef reserve_fours(Memory memory, Network* net):
    # For the tensors of such runs: values of a worker's group, if it goes back, or of four images.
    cdef int k
    cdef bint read, written, back = memory.mode != INFERENCE
    cdef Tensor* t
    net.fours = (net.rows + FOUR - 1) // FOUR if back else 1
    for k in range(net.count + 1):
        t = &net.tensor[k]
        t.fours = t.gradient_fours = NULL
        written = k > 0 and net.op[k - 1].interleaved and not net.op[k - 1].methods.parts_fours
        read = any([net.op[i].interleaved and net.op[i].source[0] == k for i in range(net.count)])
        if not (read or written):
            continue
        t.fours_stride = interleaved_size(t.features, t.h, t.w)
        t.fours = memory.take(memory.workers * net.fours * t.fours_stride)
        if back and t.needs_gradient:
            t.gradient_fours = memory.take_copies(t.fours_stride)
        memory.need(FOUR * t.stride, t.stride)


cdef inline Py_ssize_t place_of_fours(const Network* net, const Part* part) noexcept nogil:
    return part.worker * net.fours + part.first // FOUR % net.fours


cdef inline real* fours_of(const Network* net, const Tensor* t, const Part* part) noexcept nogil:
    return t.fours + place_of_fours(net, part) * t.fours_stride


cdef inline real* gradient_fours_of(const Network* net, const Tensor* t,
                                    const Part* part) noexcept nogil:
    # NULL where nobody wants it.
    if t.gradient_fours == NULL:
        return NULL
    return t.gradient_fours + part.worker * t.fours_stride


cdef inline void images_of(const Network* net, const Tensor* t, const Part* part, bint gradient,
                           real** image) noexcept nogil:
    # Where the part's images begin, each by itself; NULL where one is missing.
    cdef Part one = part[0]
    cdef int n
    for n in range(FOUR):
        one.first, image[n] = part.first + n, NULL
        if n < part.count:
            image[n] = gradient_of(net, t, &one) if gradient else value_of(net, t, &one)


cdef void interleave_rows(const Network* net, const Tensor* t, const Part* part, bint gradient,
                          const Tensor* image, real* fours) noexcept nogil:
    # From rows of t, images with the channels last, or, flattened, first.
    cdef real* row[4]
    cdef real* plane
    cdef int n
    images_of(net, t, part, gradient, row)
    for n in range(FOUR):
        if row[n] == NULL:
            row[n] = <real*>net.zeros if gradient else row[n - 1]
        elif t == image and t.features > 1:
            plane = fields_of(net, part.worker) + n * t.stride
            channels_first(row[n], plane, t.features, t.h * t.w)
            row[n] = plane
    interleave_planes(<const real**>row, image.features * image.h, image.w, fours)


cdef void part_rows(const Network* net, const Tensor* t, const Part* part, bint gradient,
                    const Tensor* image, const real* fours) noexcept nogil:
    # The way back.
    cdef real* row[4]
    cdef real* plane[4]
    cdef bint turns = t == image and t.features > 1
    cdef int n
    images_of(net, t, part, gradient, row)
    for n in range(FOUR):
        plane[n] = row[n]
        if turns or row[n] == NULL:
            plane[n] = fields_of(net, part.worker) + n * t.stride
    part_planes(fours, image.features * image.h, image.w, plane)
    for n in range(part.count if turns else 0):
        channels_last(plane[n], row[n], t.features, t.h * t.w)


# To where such a run begins and from where it ends, forward and back, unless its last operation
# parts images.

cdef inline void enter_fours(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* t = source_of(net, op)
    interleave_rows(net, t, part, False, t, fours_of(net, t, part))


cdef inline void leave_fours(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    if t.fours != NULL:
        part_rows(net, t, part, False, t, fours_of(net, t, part))


cdef inline void enter_fours_back(const Network* net, const Op* op,
                                  const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    if t.gradient_fours != NULL:
        interleave_rows(net, t, part, True, t, gradient_fours_of(net, t, part))


cdef inline void leave_fours_back(const Network* net, const Op* op,
                                  const Part* part) noexcept nogil:
    cdef const Tensor* t = source_of(net, op)
    if t.gradient_fours != NULL:
        part_rows(net, t, part, True, t, gradient_fours_of(net, t, part))
