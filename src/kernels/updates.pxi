# An update of a slice of the parameters, by whatever rule: group after group of those that are
# trained alike, the running mean of parameters, and the clipping of gradients before it.

cdef inline void update_alike(const Optimizer* o, double rate, long step, real* p, const real* g,
                              Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    RULE_ROWS[o.rule].update(o, <real>rate, step, p, g, start, stop)


cdef void update_groups(const Optimizer* o, double rate, long step, real* p, const real* g,
                        Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef Optimizer own = o[0]
    cdef const Group* group = o.groups
    cdef Py_ssize_t end
    while start < stop:
        if group.stop > start:
            end = min(stop, group.stop)
            own.decay = 0 if group.is_bias and not o.decays_biases else o.decay * group.decay
            update_alike(&own, rate * group.rate, step, p, g, start, end)
            start = end
        group += 1


cdef void add_to_average(const Optimizer* o, long step, const real* p, Py_ssize_t start,
                         Py_ssize_t stop) noexcept nogil:
    cdef real share = <real>(1 - o.kept)
    cdef vec mean
    cdef Py_ssize_t i
    cdef int n
    if step <= o.first_step:
        memcpy(o.average + start, p + start, (stop - start) * sizeof(real))
        return
    for i from start <= i < stop by VEC_LANES:
        n = lanes_left(i, stop)
        mean = load_lanes(o.average + i, n)
        store_lanes(o.average + i, vec_fma(mean, share, load_lanes(p + i, n) - mean), n)


cdef void update(const Optimizer* o, double rate, long step, real* p, const real* g,
                 Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    if o.groups == NULL:
        update_alike(o, rate, step, p, g, start, stop)
    else:
        update_groups(o, rate, step, p, g, start, stop)
    if o.average != NULL:
        add_to_average(o, step, p, start, stop)


cdef inline bint is_plain_descent(const Optimizer* o) noexcept nogil:
    # p -= rate g, and nothing besides.
    return (o.rule == SGD and o.momentum == 0 and o.decay == 0 and o.clip_norm == 0
            and o.clip_value == 0 and o.groups == NULL and o.average == NULL)


cdef double sum_of_squares(const real* g, Py_ssize_t start, Py_ssize_t stop) noexcept nogil:
    cdef double a = 0, b = 0, c = 0, d = 0
    cdef Py_ssize_t i
    for i in range(start, stop - 3, 4):
        a += <double>g[i] * g[i]
        b += <double>g[i + 1] * g[i + 1]
        c += <double>g[i + 2] * g[i + 2]
        d += <double>g[i + 3] * g[i + 3]
    for i in range(start + (stop - start) // 4 * 4, stop):
        a += <double>g[i] * g[i]
    return (a + b) + (c + d)


cdef void clip(const Optimizer* o, double norm, real* g, Py_ssize_t start,
               Py_ssize_t stop) noexcept nogil:
    # norm: that of the whole gradient.
    cdef Py_ssize_t i
    cdef real scale = <real>(o.clip_norm / norm)
    cdef real limit = <real>o.clip_value
    if o.clip_norm > 0 and not norm <= o.clip_norm:
        for i in range(start, stop):
            g[i] *= scale
    if o.clip_value > 0:
        for i in range(start, stop):            # NaN stays what it is
            g[i] = limit if g[i] > limit else -limit if g[i] < -limit else g[i]
