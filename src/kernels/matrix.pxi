# A matrix of weights: where it lies among the parameters, and its copies as products want them.

cdef struct Matrix:
    # A layer's weights inside the flat parameter vector, `rows` by `columns`, a row each `step`,
    # and copies of them, as they are and transposed. A dense layer's are in panels, for all
    # workers, a recurrent or recursive layer's in panels, one a worker, a stride apart. A
    # convolution's is (columns, segments, padded), one a worker, where row r is element
    # r % length of segment r // length.
    Py_ssize_t offset, bias, rows, columns, step, segments, length, padded
    real* transposed
    real* panels
    Py_ssize_t transposed_stride, panels_stride


cdef void describe_matrix(Matrix* w, Py_ssize_t offset, Py_ssize_t rows, Py_ssize_t columns,
                          Py_ssize_t step) noexcept nogil:
    memset(w, 0, sizeof(Matrix))
    w.offset, w.step = offset, step
    w.rows, w.columns = rows, columns
    w.segments, w.length, w.padded = 1, rows, padded(rows)


cdef inline Matrix part_of(const Matrix* w, Py_ssize_t row, Py_ssize_t rows, Py_ssize_t column,
                           Py_ssize_t columns) noexcept nogil:
    cdef Matrix part = w[0]
    part.offset += row * w.step + column
    part.rows, part.columns = rows, columns
    part.length, part.padded = rows, padded(rows)
    return part


cdef void transpose_matrix(const Matrix* w, const real* parameters,
                           real* transposed) noexcept nogil:
    cdef Py_ssize_t s
    for s in range(w.segments):
        transpose(parameters + w.offset + s * w.length * w.step, w.step,
                  transposed + s * w.padded, w.segments * w.padded, w.length, w.columns)
