# What fastdl.functional needs besides plans of one operation: elementwise activations, losses over whole
# arrays, one optimizer step, and columns. Flat, contiguous, checked arrays come in.

def activation_forward(str name, double setting, const real[:, ::1] x):
    """The activation of each row of x (rows, features), as a new array; softmax works along rows."""
    cdef Py_ssize_t n = x.shape[1], i
    cdef int kind = row_of_name(_ACTIVATIONS, "name", name)
    out = np.empty((x.shape[0], n), dtype=DTYPE)
    cdef real[:, ::1] y = out
    cdef real[::1] row = aligned_zeros(n)
    with nogil:
        for i in range(x.shape[0]):
            memcpy(&row[0], &x[i, 0], n * sizeof(real))
            activate(kind, <real>setting, &row[0], n)
            memcpy(&y[i, 0], &row[0], n * sizeof(real))
    return out


def activation_backward(str name, double setting, const real[:, ::1] dy, const real[:, ::1] seen):
    """dx from dy and the activation's output, or input where that tells it, each (rows, features)."""
    cdef Py_ssize_t n = seen.shape[1], i
    cdef int kind = row_of_name(_ACTIVATIONS, "name", name)
    out = np.empty((seen.shape[0], n), dtype=DTYPE)
    cdef real[:, ::1] dx = out
    cdef real[::1] d = aligned_zeros(n)
    cdef real[::1] row = aligned_zeros(n)
    with nogil:
        for i in range(seen.shape[0]):
            memcpy(&d[0], &dy[i, 0], n * sizeof(real))
            memcpy(&row[0], &seen[i, 0], n * sizeof(real))
            activate_backward(kind, <real>setting, &d[0], &row[0], n)
            memcpy(&dx[i, 0], &d[0], n * sizeof(real))
    return out


def loss_and_gradient(str name, const real[:, ::1] y, targets, weights=None):
    """The mean over rows of the weighted loss, its gradient with respect to y, and how many rows hit."""
    cdef Py_ssize_t n = y.shape[1], rows = y.shape[0], i
    cdef int loss = row_of_name(_LOSSES, "loss", name)
    cdef bint labelled = targets.dtype == np.int64
    cdef const int64_t[::1] labels = targets if labelled else np.zeros(1, np.int64)
    cdef const real[:, ::1] values = targets if not labelled else np.zeros((1, 1), DTYPE)
    cdef bint weighted = weights is not None
    cdef const real[::1] weight = weights if weighted else np.zeros(1, DTYPE)
    cdef real[::1] row = aligned_zeros(n)
    cdef real[::1] d = aligned_zeros(n)
    cdef double total = 0, one
    cdef double w
    cdef Py_ssize_t hits = 0
    cdef const real* target
    out = np.empty((rows, n), dtype=DTYPE)
    cdef real[:, ::1] dy = out
    with nogil:
        for i in range(rows):
            w = weight[i] if weighted else 1
            memcpy(&row[0], &y[i, 0], n * sizeof(real))
            target = NULL
            if not labelled:
                target = &values[i, 0]
            one = LOSS_ROWS[loss].of_row(&row[0], target, labels[i] if labelled else 0, &d[0],
                                         <real>(w / rows), n)
            total += w * one
            hits += largest_of(&row[0], n) == (labels[i] if labelled else largest_of(target, n))
            memcpy(&dy[i, 0], &d[0], n * sizeof(real))
    return total / rows, out, hits


def optimizer_step(tuple optimizer, double rate, long step, real[::1] p, real[::1] g, real[:, ::1] moments):
    """One update of p, and of the moments (K, P), in place. All are made by `aligned_zeros`."""
    cdef Optimizer o
    describe_optimizer(&o, optimizer, moments)
    with nogil:
        clip(&o, sqrt(sum_of_squares(&g[0], 0, g.shape[0])), &g[0], 0, g.shape[0])
        update(&o, <real>rate, step, &p[0], &g[0], 0, p.shape[0])


def im2col(const real[:, :, :, ::1] x, Py_ssize_t kh, Py_ssize_t kw, Py_ssize_t sh, Py_ssize_t sw, Py_ssize_t oh, Py_ssize_t ow):
    """Columns (N, C KH KW, OH OW) of padded images x (N, C, H, W): every field of every pixel."""
    cdef Py_ssize_t n, c, k, l, i, j
    out = np.empty((x.shape[0], x.shape[1], kh, kw, oh, ow), dtype=DTYPE)
    cdef real[:, :, :, :, :, ::1] y = out
    with nogil:
        for n in range(x.shape[0]):
            for c in range(x.shape[1]):
                for k in range(kh):
                    for l in range(kw):
                        for i in range(oh):
                            for j in range(ow):
                                y[n, c, k, l, i, j] = x[n, c, i * sh + k, j * sw + l]
    return out.reshape(x.shape[0], x.shape[1] * kh * kw, oh * ow)


def col2im(const real[:, :, :, :, :, ::1] columns, Py_ssize_t h, Py_ssize_t w, Py_ssize_t sh, Py_ssize_t sw):
    """The adjoint of im2col: fields (N, C, KH, KW, OH, OW) added where they lie in (N, C, H, W)."""
    cdef Py_ssize_t n, c, k, l, i, j
    out = np.zeros((columns.shape[0], columns.shape[1], h, w), dtype=DTYPE)
    cdef real[:, :, :, ::1] x = out
    with nogil:
        for n in range(columns.shape[0]):
            for c in range(columns.shape[1]):
                for k in range(columns.shape[2]):
                    for l in range(columns.shape[3]):
                        for i in range(columns.shape[4]):
                            for j in range(columns.shape[5]):
                                x[n, c, i * sh + k, j * sw + l] += columns[n, c, k, l, i, j]
    return out


def expand(const real[:, :, :, ::1] delta, Py_ssize_t sh, Py_ssize_t sw, Py_ssize_t h, Py_ssize_t w):
    """delta (N, C, OH, OW) spread out to the places that stride 1 would give it, zeros between."""
    cdef Py_ssize_t n, c, i, j
    out = np.zeros((delta.shape[0], delta.shape[1], h, w), dtype=DTYPE)
    cdef real[:, :, :, ::1] y = out
    with nogil:
        for n in range(delta.shape[0]):
            for c in range(delta.shape[1]):
                for i in range(delta.shape[2]):
                    for j in range(delta.shape[3]):
                        y[n, c, i * sh, j * sw] = delta[n, c, i, j]
    return out


def tree_heights(const int64_t[::1] start, const int32_t[::1] parents):
    """The height of each node, 0 of a leaf; None where trees are not in post-order, every root being its tree's last node."""
    cdef Py_ssize_t tree, i, child, open_nodes, nodes = parents.shape[0]
    cdef bint ordered = True
    out = np.zeros(nodes, np.int32)
    cdef int32_t[::1] height = out
    cdef int32_t[::1] waiting = np.zeros(max(1, nodes), np.int32)       # nodes whose parent has not come yet
    with nogil:
        for tree in range(start.shape[0] - 1):
            open_nodes = 0
            for i in range(start[tree], start[tree + 1]):
                while open_nodes and parents[waiting[open_nodes - 1]] == i:
                    open_nodes -= 1
                    child = waiting[open_nodes]
                    height[i] = max(height[i], height[child] + 1)
                if parents[i] <= i and i + 1 < start[tree + 1]:
                    ordered = False
                waiting[open_nodes] = <int32_t>i
                open_nodes += 1
            ordered = ordered and open_nodes == 1 and parents[start[tree + 1] - 1] == -1
    return out if ordered else None


def tree_spans(const int64_t[::1] start, const int32_t[::1] parents):
    """(nodes, 2): the first leaf below each node, counted from its tree's first one, and the one after its last."""
    cdef Py_ssize_t tree, i
    cdef int32_t leaf, parent
    if start[0] != 0 or start[start.shape[0] - 1] != parents.shape[0] or (np.diff(start) < 0).any():
        raise ValueError(f"start must rise from 0 to {parents.shape[0]}; received {np.asarray(start)}")
    out = np.zeros((parents.shape[0], 2), np.int32)
    cdef int32_t[:, ::1] span = out
    with nogil:
        for tree in range(start.shape[0] - 1):
            leaf = 0
            for i in range(start[tree], start[tree + 1]):
                if span[i, 1] == 0:
                    span[i, 0] = leaf
                    leaf += 1
                    span[i, 1] = leaf
                parent = parents[i]
                if parent >= 0 and parent < parents.shape[0]:
                    span[parent, 0] = span[i, 0] if span[parent, 1] == 0 else min(span[parent, 0], span[i, 0])
                    span[parent, 1] = max(span[parent, 1], span[i, 1])
    return out


cdef struct Scan:
    const real* x
    Py_ssize_t n
    bint finite[MAX_WORKERS]
    meeting gathering


cdef bint finite_run(const real* x, Py_ssize_t n) noexcept nogil:
    # A finite number times zero is zero; the sums stay so.
    cdef Py_ssize_t i, whole = n // (4 * VEC_LANES) * (4 * VEC_LANES)
    cdef vec a = vec_set1(0), b = vec_set1(0), c = vec_set1(0), d = vec_set1(0)
    cdef real rest = 0
    for i from 0 <= i < whole by 4 * VEC_LANES:
        a = a + vec_load(x + i) * a
        b = b + vec_load(x + i + VEC_LANES) * b
        c = c + vec_load(x + i + 2 * VEC_LANES) * c
        d = d + vec_load(x + i + 3 * VEC_LANES) * d
    for i in range(whole, n):
        rest += x[i] * 0
    rest += vec_sum((a + b) + (c + d))
    return rest == 0


cdef void scan_worker(void* context, int worker) noexcept nogil:
    cdef Scan* scan = <Scan*>context
    cdef Py_ssize_t start = scan.n * worker // scan.gathering.workers
    scan.finite[worker] = finite_run(scan.x + start, scan.n * (worker + 1) // scan.gathering.workers - start)


def all_finite(x, int threads=1):
    """Whether no element of x, contiguous and of any shape, is NaN or infinite."""
    cdef Scan scan
    cdef int worker
    cdef bint finite = True
    cdef Py_buffer view                 # small arrays would feel what a typed view costs
    PyObject_GetBuffer(x, &view, PyBUF_C_CONTIGUOUS)
    scan.x, scan.n = <const real*>view.buf, view.len // <Py_ssize_t>sizeof(real)
    meeting_open(&scan.gathering, min(threads, MAX_WORKERS))
    with nogil:
        parallel_run(scan_worker, &scan, &scan.gathering.workers, NULL)
    for worker in range(scan.gathering.workers):
        finite = finite and scan.finite[worker]
    meeting_close(&scan.gathering)
    PyBuffer_Release(&view)
    return finite


def config():
    """What this module was built with."""
    return {"lanes": VEC_LANES, "dtype": DTYPE.name, "threads": bool(parallel_available())}
