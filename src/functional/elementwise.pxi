# Activations, losses over whole arrays and one optimizer step for fastdl.functional. Flat,
# contiguous, checked arrays come in.

def activation_forward(str name, double setting, const real[:, ::1] x):
    """The activation of each row of x (rows, features), anew; softmax works along rows."""
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
    """dx from dy and the output, or the input where that tells it, each (rows, features)."""
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


def losses_of_rows(loss, const real[:, ::1] y, targets, weights, double over):
    """Each row's weighted loss, the gradient of their sum over a number, and how much is hit."""
    cdef Py_ssize_t n = y.shape[1], rows = y.shape[0], i
    cdef Lowered lowered
    settings = describe_loss(&lowered, loss)
    cdef bint labelled = targets.dtype == np.int64
    cdef const int64_t[::1] labels = targets if labelled else np.zeros(rows, np.int64)
    cdef const real[:, ::1] values = targets if not labelled else np.zeros((1, 1), DTYPE)
    cdef bint weighted = weights is not None
    cdef const real[::1] weight = weights if weighted else np.zeros(1, DTYPE)
    cdef real[::1] row = aligned_zeros(n)
    cdef real[::1] d = aligned_zeros(n)
    cdef double hits = 0
    out = np.empty((rows, n), dtype=DTYPE)
    cdef real[:, ::1] dy = out
    found = np.empty(rows)
    cdef double[::1] losses = found
    with nogil:
        for i in range(rows):
            memcpy(&row[0], &y[i, 0], n * sizeof(real))
            losses[i] = lose(&lowered, &row[0], NULL if labelled else &values[i, 0], labels[i],
                             &d[0], weight[i] if weighted else 1, over, n, &hits)
            memcpy(&dy[i, 0], &d[0], n * sizeof(real))
    return found, out, hits


def optimizer_step(rule, double rate, long step, real[::1] p, real[::1] g,
                   real[:, ::1] moments):
    """One update of p, and of the moments (K, P), in place. All are made by `aligned_zeros`."""
    cdef Optimizer o
    describe_rule(&o, rule)
    give_moments(&o, moments, None, p.shape[0])
    with nogil:
        clip(&o, sqrt(sum_of_squares(&g[0], 0, g.shape[0])), &g[0], 0, g.shape[0])
        update(&o, rate, step, &p[0], &g[0], 0, p.shape[0])
