# Fields of images as columns, and back: im2col, col2im, and a map of any stride spread out.

def im2col(const real[:, :, :, ::1] x, Py_ssize_t kh, Py_ssize_t kw, Py_ssize_t sh, Py_ssize_t sw,
           Py_ssize_t oh, Py_ssize_t ow):
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


def col2im(const real[:, :, :, :, :, ::1] columns, Py_ssize_t h, Py_ssize_t w, Py_ssize_t sh,
           Py_ssize_t sw):
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


def expand(const real[:, :, :, ::1] delta, Py_ssize_t sh, Py_ssize_t sw, Py_ssize_t h,
           Py_ssize_t w):
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
