# Predictions of batches of one size: all but the pass itself is made ready once.

cdef class Predictor:
    """The callable that `Sequential.predictor` returns, for batches of one size.

    Parameters
    ----------
    plan : Plan
        A plan of its own, so that its memory stays allocated.
    samples : int
        The number of samples in a batch.
    as_batch : callable
        Checks an input that cannot be read in place, and converts it to an array that can.
    checks_all : bool
        Whether `as_batch` must check all batches, as those of tokens.
    threads, states : callable
        Give the number of threads, and the states from which the batch continues, or None.
    """
    cdef Plan plan
    cdef Py_ssize_t samples
    cdef tuple shape, out_shape
    cdef bint checks_all
    cdef object as_batch, threads, states, out

    def __init__(self, Plan plan, Py_ssize_t samples, as_batch, bint checks_all, threads, states):
        self.plan, self.samples, self.checks_all = plan, samples, checks_all
        self.as_batch, self.threads, self.states = as_batch, threads, states
        self.shape, self.out_shape = (samples, *plan.input_shape), (samples, *plan.output_shape)
        self.out = np.empty(self.out_shape, DTYPE)

    def __call__(self, x, out=None):
        cdef Py_buffer given, taken
        if out is None:
            out = self.out
        elif not (lies_ready(out) and out.shape == self.out_shape and out.flags.writeable):
            came = (f"{out.dtype} of shape {out.shape}, strides {out.strides}"
                    if isinstance(out, NDARRAY) else type(out).__name__)
            raise ValueError(f"out must be a contiguous array of {DTYPE} of shape {self.out_shape} "
                             f"that can be written to; received {came}")
        if self.checks_all or not (lies_ready(x) and x.shape == self.shape):
            x = self.as_batch(x)
        PyObject_GetBuffer(x, &given, PyBUF_C_CONTIGUOUS)
        try:
            PyObject_GetBuffer(out, &taken, PyBUF_C_CONTIGUOUS)
            try:
                self._write(x, &given, &taken)
            finally:
                PyBuffer_Release(&taken)
        finally:
            PyBuffer_Release(&given)
        return out

    cdef _write(self, x, const Py_buffer* given, const Py_buffer* taken):
        cdef Job job
        cdef Input input
        input.numbers, input.bytes = <const real*>given.buf, NULL
        if not finite_run(input.numbers, given.len // <Py_ssize_t>sizeof(real)):
            self.as_batch(x)            # which says so
        if (<char*>given.buf < <char*>taken.buf + taken.len
                and <char*>taken.buf < <char*>given.buf + given.len):
            raise ValueError("out must not overlap x; received some of its memory")
        with self.plan.turn.lock:
            self.plan._infer(&job, input, <real*>taken.buf, self.samples, self.threads(),
                             IDENTITY, None, self.states(), None)

    def __reduce__(self):
        raise TypeError("a predictor cannot be copied or pickled: copy its network, and ask that "
                        "for one")
