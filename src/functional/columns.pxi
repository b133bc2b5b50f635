# Columns of fields, added back to where these lie in images.

def col2im(const real[:, :, :, :, :, ::1] columns, Py_ssize_t h, Py_ssize_t w, Py_ssize_t sh,
           Py_ssize_t sw):
    """The adjoint of im2col: fields (N, C, KH, KW, OH, OW) added into (N, C, H, W)."""
    cdef Py_ssize_t n, c, k, l, i, j
    out = np.zeros((columns.shape[0], columns.shape[1], h, w), dtype=DTYPE)
    cdef real[:, :, :, ::1] x = out
    with nogil:
        for n in range(columns.shape[0]):
            for c in range(columns.shape[1]):
                for k in range(columns.shape[2]):
                    for l in range(columns.shape[3]):
                        for i in range(columns.shape[4]):
                            if sw == 1:
                                add_slice(&x[n, c, i * sh + k, l], &columns[n, c, k, l, i, 0],
                                          columns.shape[5])
                                continue
                            for j in range(columns.shape[5]):
                                x[n, c, i * sh + k, j * sw + l] += columns[n, c, k, l, i, j]
    return out
