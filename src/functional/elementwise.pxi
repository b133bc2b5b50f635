# Activations, losses over whole arrays and one optimizer step for fastdl.functional. Flat,
# contiguous, checked arrays come in.

def activation_forward(str name, double setting, const real[:, ::1] x):
    """The activation of x (rows, features), in a new array; softmax works along rows."""
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
    """dx from dy and the output, or the input if the activation needs it, all (rows, features)."""
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


def losses_of_rows(loss, y, targets, weights, double over):
    """The weighted loss of each row, their sum, its gradient divided by a number, and the hits.

    y (rows, n), targets int64 labels (rows,) or numbers (rows, width), weights (rows,) or None.
    """
    cdef Py_ssize_t rows = y.shape[0], n = y.shape[1], width = 0, i
    cdef Lowered lowered
    cdef const real* outputs = <const real*>start_of(y, sizeof(real))
    cdef const real* target = NULL
    cdef const int64_t* labels = NULL
    cdef const real* weight = NULL
    cdef double hits = 0, total = 0
    settings = describe_loss(&lowered, loss)
    if targets.dtype.kind == "i":
        labels = <const int64_t*>start_of(targets, sizeof(int64_t))
    else:
        target, width = <const real*>start_of(targets, sizeof(real)), targets.shape[1]
    if len(targets) != rows or (weights is not None and len(weights) != rows):
        raise ValueError(f"targets and weights must be of {rows} rows")
    if weights is not None:
        weight = <const real*>start_of(weights, sizeof(real))
    out, found = np.empty((rows, n), DTYPE), np.empty(rows)
    cdef real* dy = <real*>start_of(out, sizeof(real))
    cdef double* losses = <double*>start_of(found, sizeof(double))
    # Rows are read, and written, past their end.
    cdef Py_ssize_t room = padded(n) + VEC_LANES
    cdef real* row = <real*>_zeroed(2 * room * sizeof(real))
    cdef real* d = row + room
    with nogil:
        for i in range(rows):
            memcpy(row, outputs + i * n, n * sizeof(real))
            losses[i] = lose(&lowered, row, target, 0 if labels == NULL else labels[i], d,
                             1 if weight == NULL else weight[i], over, n, &hits)
            total += losses[i]
            memcpy(dy + i * n, d, n * sizeof(real))
            if target != NULL:
                target += width
    free(row)
    return found, total, out, hits


def optimizer_step(rule, double rate, long step, real[::1] p, real[::1] g,
                   real[:, ::1] moments):
    """One update of p, and of the moments (K, P), in place. All are made by `aligned_zeros`."""
    cdef Optimizer o
    describe_rule(&o, rule)
    give_moments(&o, moments, None, p.shape[0])
    with nogil:
        clip(&o, sqrt(sum_of_squares(&g[0], 0, g.shape[0])), &g[0], 0, g.shape[0])
        update(&o, rate, step, &p[0], &g[0], 0, p.shape[0])
