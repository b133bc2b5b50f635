# Where samples are too few to go around, all workers are a team that takes a group together: an
# operation that is much work for one sample is done by all of them, some rows or columns of its
# target each, or, going back, of its source, and the others by the first one. They meet after what
# is shared, and before it where the first one has done a thing alone. Who computes a number, and
# beside which others, does not change it.
#
# The rows are an image's, or pixels, or steps in time; the columns, a dense layer's outputs or
# inputs, or heads of attention. Shares are whole vectors, so that nobody writes where another one
# does.

cdef enum:
    LEAST_SHARED = 200_000      # multiply-adds of an operation: a meeting takes half a microsecond


cdef bint is_worth_sharing(const Op* op, Py_ssize_t span, Py_ssize_t grain,
                           Py_ssize_t numbers) noexcept:
    # So many rows or columns, some of which stay together. Numbers that lie side by side go to one
    # member, if they are a row's, or to several.
    return op.work >= LEAST_SHARED and span >= 2 * grain and numbers % VEC_LANES == 0


cdef void let_share(Op* op, Py_ssize_t span, Py_ssize_t grain, Py_ssize_t numbers) noexcept:
    if (is_worth_sharing(op, span, grain, numbers)
            and not ACTIVATION_ROWS[op.activation].of_row):
        op.span, op.grain = span, grain


cdef void let_share_back(Op* op, Py_ssize_t span, Py_ssize_t grain, Py_ssize_t numbers) noexcept:
    if is_worth_sharing(op, span, grain, numbers):
        op.span_back, op.grain = span, grain


cdef inline bint leads(const Network* net, int worker) noexcept nogil:
    # A team's others help with what it shares alone.
    return net.team == NULL or worker == 0


cdef inline bint goes_on(const Network* net) noexcept nogil:
    # A team stops at its meetings alone, all of it.
    return net.team != NULL or not is_ending(net.watch)


cdef void take_share(const Network* net, const Op* op, Part* part, share_function work,
                     Py_ssize_t span) noexcept nogil:
    # A member's, since all last met and until they meet again.
    cdef int members = net.team.workers
    cdef Py_ssize_t shares = span // op.grain
    cdef Py_ssize_t first = shares * part.worker // members * op.grain
    cdef Py_ssize_t last = shares * (part.worker + 1) // members * op.grain
    if part.worker == members - 1:
        last = span
    if not part.together:
        meet(net.team, NULL)
    if first < last and not net.team.over:
        work(net, op, part, first, last)
    meet(net.team, NULL)
    part.together = True


cdef inline void take_alone(const Network* net, const Op* op, Part* part,
                            pass_function work) noexcept nogil:
    part.together = False
    if leads(net, part.worker) or op.methods.takes_team:
        work(net, op, part)


cdef inline void forward_operation(const Network* net, const Op* op, Part* part) noexcept nogil:
    if is_shared(net, op):
        take_share(net, op, part, op.methods.forward_share, op.span)
    elif not op.methods.passes_on:
        take_alone(net, op, part, op.methods.forward)


cdef inline void backward_operation(const Network* net, const Op* op, Part* part) noexcept nogil:
    if not target_of(net, op).needs_gradient:
        return
    if is_shared_back(net, op):
        if op.methods.before_shares != NULL:
            take_alone(net, op, part, op.methods.before_shares)
        take_share(net, op, part, op.methods.backward_share, op.span_back)
    else:
        take_alone(net, op, part, op.methods.backward)
