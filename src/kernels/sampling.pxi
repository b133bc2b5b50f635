# A channels-last image read between its pixels: what lies at a place is the mean of the four pixels
# around it, the nearer the heavier; outside the image there are zeros. And the way back.
from libc.math cimport cos, floor, sin

cdef struct Neighbours:
    # Of one axis: two neighbours, of which one that is outside weighs nothing.
    Py_ssize_t place[2]
    double weight[2]


cdef struct Spots:
    # The pixels that weigh anything, and how much.
    int count
    Py_ssize_t pixel[4]
    real weight[4]


cdef inline void neighbours_at(double position, Py_ssize_t n, Neighbours* t) noexcept nogil:
    cdef double low = floor(position)
    cdef int k
    t.place[0], t.weight[0] = <Py_ssize_t>low, 1 - (position - low)
    t.place[1], t.weight[1] = t.place[0] + 1, position - low
    for k in range(2):
        if not 0 <= t.place[k] < n:
            t.weight[k] = 0


cdef inline void spots_of(const Neighbours* rows, const Neighbours* columns, Py_ssize_t w,
                          Spots* s) noexcept nogil:
    cdef int i, j
    cdef double weight
    s.count = 0
    for i in range(2):
        for j in range(2):
            weight = rows.weight[i] * columns.weight[j]
            if weight > 0:
                s.pixel[s.count] = rows.place[i] * w + columns.place[j]
                s.weight[s.count] = <real>weight
                s.count += 1


cdef inline void read_spots(const real* x, const Spots* s, Py_ssize_t c, real* y) noexcept nogil:
    # To a pixel (c,); what its last vector spills is written afterwards.
    cdef Py_ssize_t n
    cdef int k
    cdef vec total
    for n from 0 <= n < c by VEC_LANES:
        total = vec_set1(0)
        for k in range(s.count):
            total = vec_fma(total, s.weight[k], vec_load(x + s.pixel[k] * c + n))
        vec_store(y + n, total)


cdef inline void write_spots(const real* dy, const Spots* s, Py_ssize_t c,
                             real* dx) noexcept nogil:
    # Adds a pixel's gradient (c,) to those that it has been read from.
    cdef Py_ssize_t n
    cdef int k
    cdef vec d
    cdef real* p
    for n from 0 <= n < c by VEC_LANES:
        d = vec_load(dy + n)
        if c - n < VEC_LANES:
            d = vec_keep_first(d, <int>(c - n))
        for k in range(s.count):
            p = dx + s.pixel[k] * c + n
            vec_store(p, vec_fma(vec_load(p), s.weight[k], d))


cdef struct Turn:
    double cosine, sine, down, right        # of the angle, and the image's middle


cdef inline Turn turn_by(double angle, Py_ssize_t h, Py_ssize_t w) noexcept nogil:
    cdef Turn t
    t.cosine, t.sine = cos(angle), sin(angle)
    t.down, t.right = 0.5 * <double>(h - 1), 0.5 * <double>(w - 1)
    return t


cdef inline void spots_before(const Turn* t, Py_ssize_t i, Py_ssize_t j, Py_ssize_t h, Py_ssize_t w,
                              Spots* s) noexcept nogil:
    # Where pixel (i, j) has been before the image was turned counterclockwise, rows going down.
    cdef double down = <double>i - t.down, right = <double>j - t.right
    cdef Neighbours rows, columns
    neighbours_at(t.down + t.cosine * down + t.sine * right, h, &rows)
    neighbours_at(t.right + t.cosine * right - t.sine * down, w, &columns)
    spots_of(&rows, &columns, w, s)


cdef void rotate_image(const real* x, real* y, Py_ssize_t h, Py_ssize_t w, Py_ssize_t c,
                       double angle) noexcept nogil:
    cdef Turn t = turn_by(angle, h, w)
    cdef Spots spots
    cdef Py_ssize_t i, j
    for i in range(h):
        for j in range(w):
            spots_before(&t, i, j, h, w, &spots)
            read_spots(x, &spots, c, y + (i * w + j) * c)


cdef void rotate_image_back(const real* dy, real* dx, Py_ssize_t h, Py_ssize_t w, Py_ssize_t c,
                            double angle) noexcept nogil:
    cdef Turn t = turn_by(angle, h, w)
    cdef Spots spots
    cdef Py_ssize_t i, j
    memset(dx, 0, h * w * c * sizeof(real))
    for i in range(h):
        for j in range(w):
            spots_before(&t, i, j, h, w, &spots)
            write_spots(dy + (i * w + j) * c, &spots, c, dx)
