# What moves numbers without computing: a frame of zeros, a random shift, rows of all that a sample
# has and what such rows become, and some features of many.

cdef struct Frame:
    Py_ssize_t top, left        # of PAD: zeros before the image; the largest shift of SHIFT
    Py_ssize_t nth              # of SHIFT: how many draw numbers before it


cdef int describe_pad(Network* net, Op* op, dict fields) except -1:
    cdef Frame* own = <Frame*>op.own
    (own.top, _), (own.left, _) = fields["padding"]
    return 0


cdef int describe_shift(Network* net, Op* op, dict fields) except -1:
    cdef Frame* own = <Frame*>op.own
    own.top, own.left = fields["padding"]
    own.nth = net.randoms
    net.randoms += 1
    return 0


cdef inline void clear_after_end(const Network* net, const Tensor* t, Py_ssize_t sample,
                                 real* x) noexcept nogil:
    # Of what a sample has there, the steps that do not count.
    cdef Py_ssize_t length = length_of(net, t, sample)
    memset(x + length * t.features, 0, (t.steps - length) * t.features * sizeof(real))


cdef inline Py_ssize_t start_in_frame(const Op* op, const Tensor* framed) noexcept nogil:
    cdef const Frame* own = <const Frame*>op.own
    return (own.top * width_of(framed) + own.left) * framed.features


cdef int reserve_pad(Memory memory, Network* net, Op* op) except -1:
    cdef Tensor* s = &net.tensor[op.source[0]]
    if s.pitch:
        s.value = target_of(net, op).value + start_in_frame(op, target_of(net, op))
    return 0


cdef void frame_sample(const Network* net, const Op* op, const real* x, real* y,
                       Py_ssize_t sample) noexcept nogil:
    # The frame itself is zeros from the start.
    cdef const Tensor* s = source_of(net, op)
    cdef const Tensor* t = target_of(net, op)
    cdef Py_ssize_t row = width_of(s) * s.features, framed = width_of(t) * t.features
    y += start_in_frame(op, t)
    copy_rows(x, row, y, framed, height_of(s), row)
    clear_after_end(net, s, sample, y)


cdef void unframe_sample(const Network* net, const Op* op, const real* y, real* x,
                         Py_ssize_t sample) noexcept nogil:
    cdef const Tensor* s = source_of(net, op)
    cdef const Tensor* t = target_of(net, op)
    cdef Py_ssize_t row = width_of(s) * s.features, framed = width_of(t) * t.features
    copy_rows(y + start_in_frame(op, t), framed, x, row, height_of(s), row)
    clear_after_end(net, s, sample, x)


cdef void forward_pad(const Network* net, const Op* op, const Part* part) noexcept nogil:
    if source_of(net, op).pitch == 0:
        frame_sample(net, op, input_of(net, op, part), output_of(net, op, part),
                     part.row + part.first)


cdef void backward_pad(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef real* dx = input_gradient_of(net, op, part)
    if dx != NULL:
        unframe_sample(net, op, output_gradient_of(net, op, part), dx, part.row + part.first)


cdef bint interleaves_pad(const Network* net, const Op* op) noexcept:
    return source_of(net, op).h > 0


cdef inline real* inside_frame(const Op* op, const Tensor* framed, real* y,
                               Py_ssize_t channel) noexcept nogil:
    # Where a channel's image begins, of four interleaved.
    cdef const Frame* own = <const Frame*>op.own
    return y + (channel * framed.h + own.top) * pitch_of(framed.w) + FOUR * own.left


cdef void forward_fours_of_pad(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* s = source_of(net, op)
    cdef const Tensor* t = target_of(net, op)
    cdef const real* x = fours_of(net, s, part)
    cdef real* y = fours_of(net, t, part)
    cdef Py_ssize_t c
    memset(y, 0, numbers_of_fours(t) * sizeof(real))
    for c in range(s.features):
        copy_rows(x + c * s.h * pitch_of(s.w), pitch_of(s.w), inside_frame(op, t, y, c),
                  pitch_of(t.w), s.h, FOUR * s.w)


cdef void backward_fours_of_pad(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* s = source_of(net, op)
    cdef const Tensor* t = target_of(net, op)
    cdef real* dx = gradient_fours_of(net, s, part)
    cdef real* dy = gradient_fours_of(net, t, part)
    cdef Py_ssize_t c
    for c in range(s.features if dx != NULL else 0):
        copy_rows(inside_frame(op, t, dy, c), pitch_of(t.w), dx + c * s.h * pitch_of(s.w),
                  pitch_of(s.w), s.h, FOUR * s.w)


cdef void shift_of(const Network* net, const Op* op, const Part* part, Py_ssize_t* down,
                   Py_ssize_t* right) noexcept nogil:
    # Each sample's own, uniform in -pad .. pad on each axis; none outside training.
    cdef const Frame* own = <const Frame*>op.own
    cdef uint64_t bits, low
    down[0] = right[0] = 0
    if net.training:
        bits = drawn(part.draw, own.nth, part.row + part.first)
        low = <uint32_t>bits
        down[0] = <Py_ssize_t>(low % <uint64_t>(2 * own.top + 1)) - own.top
        right[0] = <Py_ssize_t>((bits >> 32) % <uint64_t>(2 * own.left + 1)) - own.left


cdef void forward_shift(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef Py_ssize_t down, right
    shift_of(net, op, part, &down, &right)
    shift_image(input_of(net, op, part), output_of(net, op, part), t.h, t.w, t.features, down,
                right)


cdef void backward_shift(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef real* dx = input_gradient_of(net, op, part)
    cdef Py_ssize_t down, right
    if dx != NULL:
        shift_of(net, op, part, &down, &right)
        shift_image(output_gradient_of(net, op, part), dx, t.h, t.w, t.features, -down, -right)


cdef void forward_flatten(const Network* net, const Op* op, const Part* part) noexcept nogil:
    # Steps lie one after another already; channels do not.
    cdef const Tensor* s = source_of(net, op)
    cdef real* y = output_of(net, op, part)
    if s.steps > 1:
        memcpy(y, input_of(net, op, part), s.size * sizeof(real))
        clear_after_end(net, s, part.row + part.first, y)
    else:
        channels_first(input_of(net, op, part), y, s.features, max(1, s.h * s.w))


cdef void backward_flatten(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* s = source_of(net, op)
    cdef const real* dy = output_gradient_of(net, op, part)
    cdef real* dx = input_gradient_of(net, op, part)
    if dx == NULL:
        return
    if s.steps > 1:
        memcpy(dx, dy, s.size * sizeof(real))
        clear_after_end(net, s, part.row + part.first, dx)
    else:
        channels_last(dy, dx, s.features, max(1, s.h * s.w))


cdef bint interleaves_flatten(const Network* net, const Op* op) noexcept:
    return source_of(net, op).h > 0


cdef void forward_fours_of_flatten(const Network* net, const Op* op,
                                   const Part* part) noexcept nogil:
    cdef const Tensor* s = source_of(net, op)
    part_rows(net, target_of(net, op), part, False, s, fours_of(net, s, part))


cdef void backward_fours_of_flatten(const Network* net, const Op* op,
                                    const Part* part) noexcept nogil:
    cdef const Tensor* s = source_of(net, op)
    cdef real* dx = gradient_fours_of(net, s, part)
    if dx != NULL:
        interleave_rows(net, target_of(net, op), part, True, s, dx)


cdef void forward_reshape(const Network* net, const Op* op, const Part* part) noexcept nogil:
    # A row, channels first, as steps or as an image.
    cdef const Tensor* t = target_of(net, op)
    channels_last(input_of(net, op, part), output_of(net, op, part),
                  t.features if t.h > 0 else 1, t.h * t.w if t.h > 0 else t.size)


cdef void backward_reshape(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef real* dx = input_gradient_of(net, op, part)
    if dx != NULL:
        channels_first(output_gradient_of(net, op, part), dx, t.features if t.h > 0 else 1,
                       t.h * t.w if t.h > 0 else t.size)


cdef struct Selection:
    const Py_ssize_t* index     # of each feature that goes on


cdef int describe_select(Network* net, Op* op, dict fields) except -1:
    cdef const Py_ssize_t[::1] index = fields["indices"]       # which lives as long as the plan
    (<Selection*>op.own).index = &index[0]
    return 0


cdef void forward_select(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Py_ssize_t* index = (<const Selection*>op.own).index
    cdef const Tensor* s = source_of(net, op)
    cdef const Tensor* t = target_of(net, op)
    cdef const real* x = value_of(net, s, part)
    cdef real* y = value_of(net, t, part)
    cdef Py_ssize_t row, j
    for row in range(s.size // s.features):
        for j in range(t.features):
            y[j] = x[index[j]]
        x += s.features
        y += t.features


cdef void backward_select(const Network* net, const Op* op, const Part* part) noexcept nogil:
    # What is selected twice gets both.
    cdef const Py_ssize_t* index = (<const Selection*>op.own).index
    cdef const Tensor* s = source_of(net, op)
    cdef const Tensor* t = target_of(net, op)
    cdef const real* dy = gradient_of(net, t, part)
    cdef real* dx = gradient_of(net, s, part)
    cdef Py_ssize_t row, j
    if dx == NULL:
        return
    memset(dx, 0, s.size * sizeof(real))
    for row in range(s.size // s.features):
        for j in range(t.features):
            dx[index[j]] += dy[j]
        dx += s.features
        dy += t.features


cdef Methods pad_methods():
    cdef Methods m = no_methods(PAD, sizeof(Frame))
    m.is_cheap = True
    m.describe, m.reserve = describe_pad, reserve_pad
    m.forward, m.backward = forward_pad, backward_pad
    m.interleaves = interleaves_pad
    m.forward_fours, m.backward_fours = forward_fours_of_pad, backward_fours_of_pad
    return m


cdef Methods shift_methods():
    cdef Methods m = no_methods(SHIFT, sizeof(Frame))
    m.describe, m.forward, m.backward = describe_shift, forward_shift, backward_shift
    return m


cdef Methods flatten_methods():
    cdef Methods m = no_methods(FLATTEN, 0)
    m.forward, m.backward = forward_flatten, backward_flatten
    m.interleaves = interleaves_flatten
    m.forward_fours, m.backward_fours = forward_fours_of_flatten, backward_fours_of_flatten
    m.parts_fours = True
    return m


cdef Methods reshape_methods():
    cdef Methods m = no_methods(RESHAPE, 0)
    m.forward, m.backward = forward_reshape, backward_reshape
    return m


cdef Methods select_methods():
    cdef Methods m = no_methods(SELECT, sizeof(Selection))
    m.describe, m.forward, m.backward = describe_select, forward_select, backward_select
    return m
