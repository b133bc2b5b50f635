# Convolutions of sequences forward and back by winograd_steps.pxi, a block of pairs at a time.

cdef struct Room:
    # A block's places in scratch.
    real* v[4]
    real* m[4]
    real* u[4]
    Py_ssize_t first, pairs, seconds    # pairs of outputs, and how many of them are two


cdef Room room_in(const Window* g, const Filtering* f, real* scratch) noexcept nogil:
    cdef Room r
    cdef int p
    for p in range(4):
        r.v[p] = scratch
        scratch += f.most * f.v[p]
    for p in range(4):
        r.m[p] = scratch
        scratch += f.most * f.m
    filters_at(g, f, scratch, r.u)
    return r


cdef inline void enter_block(const Window* g, const Filtering* f, Py_ssize_t block,
                             Room* r) noexcept nogil:
    r.first = f.pairs * block // f.blocks
    r.pairs = f.pairs * (block + 1) // f.blocks - r.first
    r.seconds = r.pairs - (2 * (r.first + r.pairs) > g.ow)


cdef void steps_forward(const Window* g, const real* filters, const real* bias, const real* zeros,
                        const real* x, real* y, real* scratch) noexcept nogil:
    cdef Filtering f = filtering_of(g)
    cdef Room r = room_in(g, &f, scratch)
    cdef real* u[4]
    cdef Py_ssize_t block
    cdef Product q
    filters_at(g, &f, <real*>filters, u)
    for block in range(f.blocks):
        enter_block(g, &f, block, &r)
        steps_to_places(g, &f, x, r.first, r.pairs, r.v)
        q = product(f.groups[1] * g.c, x=r.v[1], row_step=f.v[1], x_step=1, w=u[1], w_step=g.oc,
                    init=bias, init_step=0, c=r.m[1], c_step=f.m)
        multiply(&q, r.pairs, g.oc)
        if f.groups[2]:
            q = product(f.groups[2] * g.c, x=r.v[2], row_step=f.v[2], x_step=1, w=u[2],
                        w_step=g.oc, init=zeros, init_step=0, c=r.m[2], c_step=f.m)
            multiply(&q, r.pairs, g.oc)
            join_both(g, &f, r.pairs, r.m[1], r.m[2])
        q = product(f.groups[0] * g.c, x=r.v[0], row_step=f.v[0], x_step=1, w=u[0], w_step=g.oc,
                    init=r.m[1], init_step=f.m, c=y + 2 * r.first * g.oc, c_step=2 * g.oc)
        multiply(&q, r.pairs, g.oc)
        q.x, q.w, q.c = r.v[3], u[3], q.c + g.oc
        if f.groups[2]:
            q.init = r.m[2]
        multiply(&q, r.seconds, g.oc)


cdef void steps_backward(const Window* g, const real* filters, const real* zeros, const real* x,
                         const real* dy, real* dw, real* dx, real* scratch) noexcept nogil:
    # Adds to dw, writes dx; either may be NULL.
    cdef Filtering f = filtering_of(g)
    cdef Room r = room_in(g, &f, scratch)
    cdef real* back[4]
    cdef Py_ssize_t block
    cdef int p
    cdef Product q
    filters_at(g, &f, <real*>filters, back)
    if dx != NULL:
        memset(dx, 0, g.w * g.c * sizeof(real))
    for block in range(f.blocks):
        enter_block(g, &f, block, &r)
        gradient_to_pairs(g, &f, dy + 2 * r.first * g.oc, r.pairs, r.seconds < r.pairs, r.m)
        if dw != NULL:
            steps_to_places(g, &f, x, r.first, r.pairs, r.v)
            for p in range(4):
                q = product(r.seconds if p == 3 else r.pairs, x=r.v[p], row_step=1, x_step=f.v[p],
                            w=r.m[p], w_step=f.m, init=<const real*>r.u[p] if block else zeros,
                            init_step=g.oc if block else 0, c=r.u[p], c_step=g.oc)
                multiply(&q, f.groups[p] * g.c, g.oc)
        if dx != NULL:
            for p in range(4):
                q = product(g.oc, x=r.m[p], row_step=f.m, x_step=1, w=back[p],
                            w_step=f.groups[p] * g.c, init=zeros, init_step=0, c=r.v[p],
                            c_step=f.v[p])
                multiply(&q, r.seconds if p == 3 else r.pairs, f.groups[p] * g.c)
            places_to_steps(g, &f, r.v, r.first, r.pairs, dx)
    if dw != NULL:
        filters_to_weights(g, r.u[0], dw)
