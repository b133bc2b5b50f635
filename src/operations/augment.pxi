# Random changes of images in training, each sample's own: mirrored, turned, and with a rectangle of
# zeros. Gradients go back the same way; outside training all stays as it is.
from libc.math cimport exp, round, sqrt

cdef inline double uniform(uint64_t seed, int k) noexcept nogil:
    # The kth of a sample's numbers from 0 to below 1.
    return <double>(scramble(seed + <uint64_t>k) >> 11) * (1. / 9007199254740992.)


cdef inline void keep_image(const Network* net, const Op* op, const real* x,
                            real* y) noexcept nogil:
    memcpy(y, x, target_of(net, op).size * sizeof(real))


cdef struct Flip:
    bint down, right            # whether it may be mirrored on that axis
    Py_ssize_t nth              # how many draw numbers before it


cdef int describe_flip(Network* net, Op* op, dict fields) except -1:
    cdef Flip* own = <Flip*>op.own
    own.down, own.right, own.nth = fields["vertical"], fields["horizontal"], net.randoms
    net.randoms += 1
    return 0


cdef void flip(const Network* net, const Op* op, const Part* part, const real* x,
               real* y) noexcept nogil:
    # Of an image or of its gradient: each way is its own way back.
    cdef const Flip* own = <const Flip*>op.own
    cdef const Tensor* t = target_of(net, op)
    cdef uint64_t bits = drawn(part.draw, own.nth, part.row + part.first) if net.training else 0
    mirror_image(x, y, t.h, t.w, t.features, own.down and bits & 1, own.right and bits & 2)


cdef void forward_flip(const Network* net, const Op* op, const Part* part) noexcept nogil:
    flip(net, op, part, input_of(net, op, part), output_of(net, op, part))


cdef void backward_flip(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef real* dx = input_gradient_of(net, op, part)
    if dx != NULL:
        flip(net, op, part, output_gradient_of(net, op, part), dx)


cdef struct Rotation:
    double radians              # at most, either way
    Py_ssize_t nth


cdef int describe_rotate(Network* net, Op* op, dict fields) except -1:
    cdef Rotation* own = <Rotation*>op.own
    own.radians = fields["degrees"] * (np.pi / 180)
    own.nth = net.randoms
    net.randoms += 1
    op.work = 20. * target_of(net, op).size
    return 0


cdef double angle_of(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Rotation* own = <const Rotation*>op.own
    cdef uint64_t seed = drawn(part.draw, own.nth, part.row + part.first)
    return own.radians * (2 * uniform(seed, 0) - 1)


cdef void forward_rotate(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef const real* x = input_of(net, op, part)
    cdef real* y = output_of(net, op, part)
    if net.training:
        rotate_image(x, y, t.h, t.w, t.features, angle_of(net, op, part))
    else:
        keep_image(net, op, x, y)


cdef void backward_rotate(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef const Tensor* t = target_of(net, op)
    cdef const real* dy = output_gradient_of(net, op, part)
    cdef real* dx = input_gradient_of(net, op, part)
    if dx == NULL:
        return
    if net.training:
        rotate_image_back(dy, dx, t.h, t.w, t.features, angle_of(net, op, part))
    else:
        keep_image(net, op, dy, dx)


cdef struct Erasing:
    double rate
    double area[2]              # the least and the most, as a share of the image's,
    double ratio[2]             # and the logarithm of height over width
    Py_ssize_t nth


cdef int describe_erase(Network* net, Op* op, dict fields) except -1:
    cdef Erasing* own = <Erasing*>op.own
    own.rate, own.nth = fields["rate"], net.randoms
    own.area[0], own.area[1] = fields["area"]
    own.ratio[0], own.ratio[1] = np.log(fields["ratio"])
    net.randoms += 1
    return 0


cdef void erase(const Network* net, const Op* op, const Part* part, const real* x,
                real* y) noexcept nogil:
    # Of an image or of its gradient.
    cdef const Erasing* own = <const Erasing*>op.own
    cdef const Tensor* t = target_of(net, op)
    cdef uint64_t seed = drawn(part.draw, own.nth, part.row + part.first)
    cdef double area, ratio
    cdef Py_ssize_t rows, columns, top, left, i
    keep_image(net, op, x, y)
    if not net.training or uniform(seed, 0) >= own.rate:
        return
    area = own.area[0] + uniform(seed, 1) * (own.area[1] - own.area[0])
    area *= <double>(t.h * t.w)
    ratio = exp(own.ratio[0] + uniform(seed, 2) * (own.ratio[1] - own.ratio[0]))
    rows = min(t.h, <Py_ssize_t>round(sqrt(area * ratio)))
    columns = min(t.w, <Py_ssize_t>round(sqrt(area / ratio)))
    top = <Py_ssize_t>(uniform(seed, 3) * <double>(t.h - rows + 1))
    left = <Py_ssize_t>(uniform(seed, 4) * <double>(t.w - columns + 1))
    for i in range(top, top + rows):
        memset(y + (i * t.w + left) * t.features, 0, columns * t.features * sizeof(real))


cdef void forward_erase(const Network* net, const Op* op, const Part* part) noexcept nogil:
    erase(net, op, part, input_of(net, op, part), output_of(net, op, part))


cdef void backward_erase(const Network* net, const Op* op, const Part* part) noexcept nogil:
    cdef real* dx = input_gradient_of(net, op, part)
    if dx != NULL:
        erase(net, op, part, output_gradient_of(net, op, part), dx)


cdef Methods flip_methods():
    cdef Methods m = no_methods(FLIP, sizeof(Flip))
    m.describe, m.forward, m.backward = describe_flip, forward_flip, backward_flip
    return m


cdef Methods rotate_methods():
    cdef Methods m = no_methods(ROTATE, sizeof(Rotation))
    m.describe, m.forward, m.backward = describe_rotate, forward_rotate, backward_rotate
    return m


cdef Methods erase_methods():
    cdef Methods m = no_methods(ERASE, sizeof(Erasing))
    m.describe, m.forward, m.backward = describe_erase, forward_erase, backward_erase
    return m
