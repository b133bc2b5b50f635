# Fully connected sigmoid layers as article 3 trains them, one sample at a time, for fastdl.compat:
# every output and error of the step is given, and no gradient is written.

cdef class SigmoidLayers:
    """Sigmoid layers over flat parameters, each (inputs + 1, outputs), the bias last. Thread-safe.

    Parameters
    ----------
    sizes : tuple of int
        The number of nodes of each layer, the inputs first.
    parameters : ndarray
        Flat, made by `aligned_zeros`.
    """
    cdef object held, memory
    cdef cython.pymutex turn        # whose the parameters and `nonzero` are
    cdef real* parameters
    cdef int* nonzero
    cdef Matrix* layer
    cdef Py_ssize_t count, outputs

    def __cinit__(self, tuple sizes, parameters):
        cdef Py_ssize_t k, offset = 0
        cdef real[::1] flat = parameters
        cdef real[::1] nonzero = aligned_zeros(max(sizes))
        self.count, self.outputs = len(sizes) - 1, sum(sizes[1:])
        self.layer = <Matrix*>calloc(self.count, sizeof(Matrix))
        if self.layer == NULL:
            raise MemoryError
        for k in range(self.count):
            describe_matrix(&self.layer[k], offset, sizes[k], sizes[k + 1], sizes[k + 1])
            self.layer[k].bias = offset + self.layer[k].rows * self.layer[k].columns
            offset = self.layer[k].bias + self.layer[k].columns
        if offset != flat.shape[0]:
            raise ValueError(f"parameters must be {offset} numbers; received {flat.shape[0]}")
        self.held, self.memory = flat, nonzero
        self.parameters, self.nonzero = &flat[0], <int*>&nonzero[0]

    def __dealloc__(self):
        free(self.layer)

    cdef void _forward(self, const real* x, real* y) noexcept nogil:
        cdef Py_ssize_t k
        cdef const Matrix* w
        for k in range(self.count):
            w = &self.layer[k]
            dense_forward_one(w, self.parameters, self.parameters + w.bias, x, self.nonzero, y)
            sigmoid_forward(y, y, 0, w.columns)
            x = y
            y += w.columns

    def forward(self, const real[:, ::1] x):
        """The outputs of all layers for a column x, one after another."""
        out = np.empty(self.outputs, DTYPE)
        cdef real[::1] y = out
        if x.shape[0] != self.layer[0].rows:
            raise ValueError(f"x must have {self.layer[0].rows} rows; received {x.shape[0]}")
        with self.turn, nogil:
            self._forward(&x[0, 0], &y[0])
        return out

    def learn(self, const real[:, ::1] x, const real[:, ::1] label, double rate, bint first):
        """A step down half the squared error of a column x.

        Gives x, the outputs of all layers, and the errors of their weighted inputs, which point
        down, one after another; then, with `first`, the errors of x, as if it were the output of
        the same activation.
        """
        cdef Py_ssize_t inputs = self.layer[0].rows, k, i
        cdef const Matrix* w = &self.layer[self.count - 1]
        if x.shape[0] != inputs or label.shape[0] != w.columns:
            raise ValueError(f"x and label must have {inputs} and {w.columns} rows; "
                             f"received {x.shape[0]} and {label.shape[0]}")
        # With room to read whole vectors past the end.
        numbers = np.zeros((1 + first) * inputs + 2 * self.outputs + VEC_LANES, DTYPE)
        cdef real[::1] flat = numbers
        cdef real* seen = &flat[0]
        cdef real* y = seen + inputs + self.outputs
        cdef real* d = y + self.outputs
        cdef const real* wanted = &label[0, 0]
        with self.turn, nogil:
            memcpy(seen, &x[0, 0], inputs * sizeof(real))
            self._forward(seen, seen + inputs)
            y -= w.columns
            d -= w.columns
            for i in range(w.columns):
                d[i] = y[i] * (1 - y[i]) * (wanted[i] - y[i])
            for k in range(self.count - 1, -1, -1):
                w = &self.layer[k]
                y -= w.rows             # what the layer saw
                if k > 0:
                    self._back(w, d, y, d - w.rows)
                elif first:
                    self._back(w, d, y, seen + inputs + 2 * self.outputs)
                dense_descend_one(w, y, d, <real>-rate, 0, w.rows, self.parameters)
                for i in range(w.columns):
                    self.parameters[w.bias + i] += <real>rate * d[i]
                d -= w.rows
        return numbers

    cdef void _back(self, const Matrix* w, const real* d, const real* y,
                    real* below) noexcept nogil:
        dense_input_gradient_one(w, self.parameters, 0, w.rows, d, below)
        sigmoid_backward(below, y, below, 0, w.rows)
