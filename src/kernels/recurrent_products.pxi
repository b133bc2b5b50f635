# The products of recurrent layers with their weights: copies of these for steps forward and back,
# in panels, and the share of a team's member in them.

cdef inline Py_ssize_t share(Py_ssize_t n, Py_ssize_t unit, int member, int members) noexcept nogil:
    # The beginning of a member's share of n, in whole units; the last share ends where a next one
    # would begin.
    return min(n, (n + unit - 1) // unit * member // members * unit)


cdef void lay_state_panels(const Recurrent* r, const Matrix* w, const real* p, int member,
                           int members, real* panels, int most) noexcept nogil:
    # The panels of a member's units, gate by gate.
    cdef Py_ssize_t first = share(r.units, VEC_LANES, member, members)
    cdef Py_ssize_t count = share(r.units, VEC_LANES, member + 1, members) - first
    cdef Py_ssize_t gate
    cdef Matrix part
    for gate in range(w.columns // r.units):
        part = part_of(w, 0, w.rows, gate * r.units + first, count)
        lay_panels(&part, p, panels + gate * w.rows * padded(count), most)


cdef void lay_recurrent(const Recurrent* r, const real* p, int worker, int members,
                        bint alone) noexcept nogil:
    # Copies of the weights as the steps going forward want them; a team has more than one member.
    cdef int most = ROW if alone else TILE
    lay_panels_of(&r.u, p, worker, TILE)
    if members == 1:
        lay_panels_of(&r.w, p, worker, most)
        lay_panels_of(&r.v, p, worker, most)
    else:
        lay_state_panels(r, &r.w, p, worker, members, r.w.panels + worker * r.w.panels_stride, most)
        lay_state_panels(r, &r.v, p, worker, members, r.v.panels + worker * r.v.panels_stride, most)


cdef void lay_transposed_recurrent(const Recurrent* r, const real* p, int worker, int members,
                                   bint alone) noexcept nogil:
    # And those going back.
    cdef int member = worker if members > 1 else 0, most = ROW if alone else TILE
    cdef Py_ssize_t first = share(r.units, VEC_LANES, member, members)
    cdef Py_ssize_t count = share(r.units, VEC_LANES, member + 1, members) - first
    cdef Matrix part
    if r.u.transposed != NULL:
        lay_transposed_panels(&r.u, p, r.u.transposed + worker * r.u.transposed_stride, TILE)
    if r.w.transposed != NULL:
        part = part_of(&r.w, first, count, 0, r.w.columns)
        lay_transposed_panels(&part, p, r.w.transposed + worker * r.w.transposed_stride, most)
    if r.v.transposed != NULL:
        part = part_of(&r.v, first, count, 0, r.v.columns)
        lay_transposed_panels(&part, p, r.v.transposed + worker * r.v.transposed_stride, most)


cdef inline void multiply_samples(const Sequences* q, const real* panels, Py_ssize_t length,
                                  const real* init, Py_ssize_t init_step, const real* x,
                                  Py_ssize_t x_step, real* y, Py_ssize_t y_step,
                                  Py_ssize_t columns) noexcept nogil:
    if q.alone:
        multiply_row(panels, length, init, x, y, columns)
    else:
        multiply_panels(panels, length, init, init_step, x, x_step, y, y_step, q.samples, columns)


cdef void state_product(const Recurrent* r, const Matrix* w, const real* p, int worker,
                        const Sequences* q, const real* init, Py_ssize_t init_step, const real* x,
                        Py_ssize_t x_step, real* y) noexcept nogil:
    # y = init + x W for each sample, of this member's units.
    cdef Py_ssize_t gate, first, count
    cdef const real* panels = w.panels + worker * w.panels_stride
    if w.panels == NULL:
        rows_product(w, p, worker, init, init_step, x, x_step, y, q.gates_sample, q.samples,
                     q.nonzero)
    # Also of a team that turned out to have one, where the others are busy.
    elif q.members == 1:
        multiply_samples(q, panels, w.rows, init, init_step, x, x_step, y, q.gates_sample,
                         w.columns)
    else:
        first = share(r.units, VEC_LANES, q.member, q.members)
        count = share(r.units, VEC_LANES, q.member + 1, q.members) - first
        for gate in range(w.columns // r.units if count else 0):
            multiply_samples(q, panels + gate * w.rows * padded(count), w.rows,
                             init + gate * r.units + first, init_step, x, x_step,
                             y + gate * r.units + first, q.gates_sample, count)


cdef void state_product_back(const Recurrent* r, const Matrix* w, const real* p, int worker,
                             const Sequences* q, const real* init, const real* dy,
                             real* dx) noexcept nogil:
    # dx = dy W^T for each sample, or dx + dy W^T where there is no init, of this member's units.
    cdef Py_ssize_t first = share(r.units, VEC_LANES, q.member, q.members)
    cdef Py_ssize_t count = share(r.units, VEC_LANES, q.member + 1, q.members) - first
    if w.transposed == NULL:
        rows_product_back(w, p, worker, init, dy, q.gates_sample, dx, q.d_sample, q.samples,
                          q.spare)
    elif count:
        dx += first
        multiply_samples(q, w.transposed + worker * w.transposed_stride, w.columns,
                         init if init != NULL else dx, 0 if init != NULL else q.d_sample, dy,
                         q.gates_sample, dx, q.d_sample, count)
