# Measures the machine's peak, and the time of single kernels.

# Fused multiply-adds on registers alone, as many chains as hide their latency.

cdef struct Probe:
    long rounds
    real sink[64]
    meeting crew


cdef void probe_worker(void* context, int worker) noexcept nogil:
    cdef Probe* p = <Probe*>context
    cdef vec acc[12]
    cdef vec w = vec_set1(<real>0.5)
    cdef vec x = vec_set1(p.sink[worker])
    cdef long i
    cdef int m, unrolled
    for m in range(12):
        acc[m] = vec_set1(<real>m)
    meet(&p.crew, NULL)
    for i in range(p.rounds):
        for m in range(12):
            acc[m] = acc[m] * w + x
    for m in range(1, 12):
        acc[0] = acc[0] + acc[m]
    p.sink[worker] = vec_sum(acc[0])


def fma_peak(int threads, double seconds=0.1):
    """The GFLOP/s of `threads` threads that only do fused multiply-adds: the best of some runs."""
    from time import perf_counter
    cdef Probe p
    cdef int worker
    best = 0.0
    deadline = perf_counter() + seconds
    while True:
        p.rounds = 200_000
        for worker in range(64):
            p.sink[worker] = <real>0.25
        meeting_open(&p.crew, min(threads, MAX_WORKERS))
        start = perf_counter()
        with nogil:
            parallel_run(probe_worker, &p, &p.crew.workers, NULL)
        elapsed = perf_counter() - start
        best = max(best, p.crew.workers * 2.0 * 12 * VEC_LANES * p.rounds / elapsed / 1e9)
        meeting_close(&p.crew)
        if perf_counter() > deadline:
            return best


def convolution_probe(Py_ssize_t c, Py_ssize_t h, Py_ssize_t w, Py_ssize_t oc, Py_ssize_t kh,
                      Py_ssize_t kw, long repeats):
    """The time of the forward kernel alone, with stride 1, on one image that stays in the cache.

    Returns the seconds for an image, x (H, W, C), weight (KH, KW, C, OC) and y (OH, OW, OC).
    """
    from time import perf_counter
    cdef Window g
    cdef Matrix m
    cdef long i
    g.h, g.w, g.c, g.kh, g.kw, g.sh, g.sw = h, w, c, kh, kw, 1, 1
    g.oh, g.ow, g.oc = h - kh + 1, w - kw + 1, oc
    g.dh = g.dw = g.groups = 1
    memset(&m, 0, sizeof(Matrix))
    m.bias = kh * kw * c * oc
    draw = np.random.default_rng(0).standard_normal
    cdef real[::1] x = aligned_zeros(h * w * c)
    cdef real[::1] weight = aligned_zeros(m.bias + oc)
    cdef real[::1] y = aligned_zeros(g.oh * g.ow * oc + 64)
    np.asarray(x)[:] = draw(x.shape[0])
    np.asarray(weight)[:m.bias] = draw(m.bias)
    start = perf_counter()
    with nogil:
        for i in range(repeats):
            runs_forward(&g, &weight[0], &weight[m.bias], &x[0], &y[0])
    seconds = (perf_counter() - start) / repeats
    return (seconds, np.asarray(x).reshape(h, w, c),
            np.asarray(weight)[:m.bias].reshape(kh, kw, c, oc),
            np.asarray(y)[:g.oh * g.ow * oc].reshape(g.oh, g.ow, oc))


def elementwise_probe(str name, const real[::1] x, long repeats=1):
    """The time of exp or an activation of x, as kernels compute it: the seconds, and the values."""
    from time import perf_counter
    cdef Py_ssize_t n = x.shape[0], i
    cdef long turn
    cdef int kind = -1 if name == "exp" else row_of_name(_ACTIVATIONS, "name", name)
    cdef real[::1] source = aligned_zeros(n)
    cdef real[::1] y = aligned_zeros(n)
    source[:] = x
    start = perf_counter()
    with nogil:
        for turn in range(repeats):
            if kind >= 0:
                ACTIVATION_ROWS[kind].forward(&source[0], &y[0], 0, n)
                continue
            for i from 0 <= i < n by VEC_LANES:
                vec_store(&y[i], vec_exp(vec_load(&source[i])))
    return (perf_counter() - start) / repeats, np.asarray(y)


def config():
    """The settings that this module was built with."""
    return {"lanes": VEC_LANES, "dtype": DTYPE.name, "threads": bool(parallel_available())}
