# A recurrent layer as Python drives it, step by step, for those who keep the states themselves:
# fastdl.functional and fastdl.compat. Calls take turns; states and gates are the caller's arrays.

def _roomy(array, tuple shape):
    """A copy of the array, or zeros, with room to read whole vectors past its end."""
    cdef Py_ssize_t size = 1
    for n in shape:
        size *= n
    copy = aligned_zeros(size).reshape(shape)
    if array is not None:
        copy[...] = array
    return copy


cdef class RecurrentCell:
    """A recurrent layer over flat parameters.

    Parameters
    ----------
    cell : {"rnn", "lstm", "gru_before", "gru_after"}
    activation : str
        The activation of an RNN.
    inputs, units : int
    parameters, gradients : ndarray
        Flat vectors made by `aligned_zeros`: U, W, b, d one after another.
    """
    cdef Recurrent layer
    cdef Sequences sequences
    cdef readonly object parameters, gradients
    cdef object memory
    cdef cython.pymutex turn        # whose gradients and scratch are

    def __cinit__(self, str cell, str activation, Py_ssize_t inputs, Py_ssize_t units, parameters,
                  gradients):
        describe_recurrent(&self.layer, row_of_name(_CELLS, "cell", cell),
                           row_of_name(_FUSED, "activation", activation), 0, inputs, units, 0)
        self.parameters, self.gradients = parameters, gradients
        cdef Py_ssize_t widest = max(inputs, self.layer.width)
        cdef real[::1] start = aligned_zeros(self.layer.columns)
        cdef real[::1] zeros = aligned_zeros(widest)
        cdef real[::1] nonzero = aligned_zeros(widest)
        self.memory = start, zeros, nonzero
        self.sequences.start, self.sequences.zeros = &start[0], &zeros[0]
        self.sequences.nonzero = <int*>&nonzero[0]

    cdef Sequences _sequences(self, const real[:, :, ::1] x, real[:, :, ::1] h, real[:, :, ::1] c,
                              real[:, :, ::1] gates):
        cdef Sequences q = self.sequences
        q.members = 1
        q.samples, q.steps = x.shape[0], x.shape[1]
        q.x, q.x_sample = &x[0, 0, 0], q.steps * self.layer.inputs
        q.gates = q.dgates = &gates[0, 0, 0]
        q.gates_sample = q.steps * self.layer.width
        q.h, q.c, q.h_sample = &h[0, 0, 0], &c[0, 0, 0], (q.steps + 1) * self.layer.units
        return q

    def step(self, x, h, c=None):
        """One step from x (N, inputs), h and, for an LSTM, c (N, units).

        Gives the gates (N, width), the next h and the next c.
        """
        cdef Py_ssize_t rows = len(x), units = self.layer.units, width = self.layer.width
        # Gates, and each sample's state before and after, h and then c, with room to read whole
        # vectors past the end.
        memory = np.empty(rows * (width + 4 * units) + VEC_LANES, DTYPE)
        gates = memory[:rows * width].reshape(rows, width)
        states = memory[rows * width:rows * (width + 4 * units)].reshape(2, rows, 2, units)
        states[0, :, 0] = h
        if c is not None:
            states[1, :, 0] = c
        cdef real[::1] numbers = memory
        cdef const real[:, ::1] inputs = np.ascontiguousarray(x, DTYPE)
        cdef real[::1] parameters = self.parameters
        cdef Sequences q = self.sequences
        q.members, q.samples, q.steps = 1, rows, 1
        q.x, q.x_sample = &inputs[0, 0], self.layer.inputs
        q.gates, q.gates_sample = &numbers[0], width
        q.h, q.h_sample = q.gates + rows * width, 2 * units
        q.c = q.h + rows * q.h_sample
        with self.turn, nogil:
            recurrent_forward(&self.layer, &parameters[0], 0, &q)
        return gates, states[0, :, 1], states[1, :, 1]

    def backward(self, x, h, c, gates, slopes, dh, dc=None):
        """Backward through time; the gradients of the parameters are written.

        Parameters
        ----------
        x : (N, T, inputs)
        h, c : (N, T + 1, units)
            The states, the first one before all steps; c is None except for an LSTM.
        gates : (N, T, width)
        slopes : (N, T, units) or None
            The derivatives of an RNN's activation, if they are not those of its name.
        dh, dc : (N, units)
            The gradients with respect to the last state.

        Returns
        -------
        dgates (N, T, width), dx (N, T, inputs), dh (N, T + 1, units), the total gradient with
        respect to each h, and dc (N, units), with respect to the first c.
        """
        cdef Py_ssize_t rows = len(x), steps = len(x[0]), units = self.layer.units
        cdef Py_ssize_t room = max(padded(units), padded(self.layer.inputs))
        inputs, gates = np.ascontiguousarray(x, DTYPE), _roomy(gates, gates.shape)
        h, c = _roomy(h, (rows, steps + 1, units)), _roomy(c, (rows, steps + 1, units))
        asked, cells = _roomy(None, (rows, room)), _roomy(None, (rows, room))
        asked[:, :units] = dh
        if dc is not None:
            cells[:, :units] = dc
        cdef real[:, ::1] last = asked
        cdef real[:, ::1] last_cell = cells
        cdef real[:, ::1] spare = _roomy(None, (rows, room))
        cdef real[:, :, ::1] whole = np.empty((rows, steps + 1, units), DTYPE)
        cdef real[:, :, ::1] dx = _roomy(None, (rows, steps, self.layer.inputs))
        cdef const real[:, :, ::1] slope
        cdef real[::1] parameters = self.parameters
        cdef real[::1] gradients = self.gradients
        cdef Sequences q = self._sequences(inputs, h, c, gates)
        if slopes is not None:
            slope = np.ascontiguousarray(slopes, DTYPE)
            q.slopes = &slope[0, 0, 0]
        q.dh, q.dc, q.spare, q.d_sample = &last[0, 0], &last_cell[0, 0], &spare[0, 0], room
        q.whole, q.dx, q.dx_sample = &whole[0, 0, 0], &dx[0, 0, 0], steps * self.layer.inputs
        with self.turn, nogil:
            recurrent_backward(&self.layer, &parameters[0], 0, &q)
            recurrent_weight_gradient(&self.layer, &q, 0, self.layer.inputs + units + 2,
                                      &gradients[0], &parameters[0], NULL)
        return gates, dx.base, whole.base, cells[:, :units]
