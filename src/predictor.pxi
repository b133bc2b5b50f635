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
    threads : callable
        Gives the number of threads.
    states : callable or None
        Gives the states from which the batch continues, if there are any.
    """
    cdef Plan plan
    cdef Py_ssize_t samples
    cdef bint checks_all
    cdef object as_batch, threads, states, out

    def __init__(self, Plan plan, Py_ssize_t samples, as_batch, bint checks_all, threads, states):
        self.plan, self.samples, self.checks_all = plan, samples, checks_all
        self.as_batch, self.threads, self.states = as_batch, threads, states
        self.out = np.empty((samples, *plan.output_shape), DTYPE)

    def __call__(self, x, out=None):
        cdef Py_buffer given, taken
        if out is None:
            out = self.out
        if not self._takes(out, self.plan.output_shape, PyBUF_WRITABLE, &taken):
            came = (f"{out.dtype} of shape {out.shape}, strides {out.strides}"
                    if isinstance(out, NDARRAY) else type(out).__name__)
            raise ValueError(f"out must be a contiguous array of {DTYPE} of shape {self.out.shape} "
                             f"that can be written to; received {came}")
        try:
            if self.checks_all or not self._takes(x, self.plan.input_shape, 0, &given):
                x = self.as_batch(x)
                PyObject_GetBuffer(x, &given, PyBUF_C_CONTIGUOUS)
            try:
                self._write(x, &given, &taken)
            finally:
                PyBuffer_Release(&given)
        finally:
            PyBuffer_Release(&taken)
        return out

    cdef bint _takes(self, x, tuple shape, int flags, Py_buffer* view) except -1:
        # Whether x has a batch's samples, of this shape, where they can be read, or written; then
        # the view is to be released.
        if not take_ready(x, view, flags):
            return False
        if holds_samples(view, shape) and view.shape[0] == self.samples:
            return True
        PyBuffer_Release(view)
        return False

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
                             IDENTITY, None, None if self.states is None else self.states(), None)

    def __reduce__(self):
        raise TypeError("a predictor cannot be copied or pickled: copy its network, and ask that "
                        "for one")
