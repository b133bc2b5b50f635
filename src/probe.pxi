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


def fma_peak(int threads, double duration=0.1):
    """The GFLOP/s of `threads` threads that only do fused multiply-adds: the best of some runs."""
    cdef Probe p
    cdef double elapsed = 0, best = 0, deadline = seconds() + duration
    p.rounds = 200_000
    while seconds() < deadline or best == 0:
        for worker in range(MAX_WORKERS):
            p.sink[worker] = <real>0.25
        meeting_open(&p.crew, min(threads, MAX_WORKERS))
        with nogil:
            elapsed = -seconds()
            parallel_run(probe_worker, &p, &p.crew.workers, NULL)
            elapsed += seconds()
        best = max(best, p.crew.workers * 2.0 * 12 * VEC_LANES * p.rounds / elapsed / 1e9)
        meeting_close(&p.crew)
    return best


def convolution_probe(tuple image, tuple kernel, real[::1] x, real[::1] weight, real[::1] y,
                      long repeats):
    """The seconds that the forward kernel alone takes for one image that stays in the cache.

    With stride 1, x (H, W, C), weight (KH, KW, C, OC) followed by the bias, y (OH, OW, OC).
    """
    cdef Window g
    cdef double elapsed
    memset(&g, 0, sizeof(Window))
    g.h, g.w, g.c = image
    g.kh, g.kw, g.oc = kernel
    g.oh, g.ow = g.h - g.kh + 1, g.w - g.kw + 1
    g.sh = g.sw = g.dh = g.dw = g.groups = 1
    with nogil:
        elapsed = -seconds()
        for _ in range(repeats):
            runs_forward(&g, &weight[0], &weight[g.kh * g.kw * g.c * g.oc], &x[0], &y[0])
        elapsed += seconds()
    return elapsed / repeats


def elementwise_probe(str name, const real[::1] x, real[::1] y, long repeats=1):
    """The seconds that exp or an activation of x takes, as kernels compute it; y becomes that."""
    cdef Py_ssize_t i
    cdef int kind = -1 if name == "exp" else row_of_name(_ACTIVATIONS, "name", name)
    cdef double elapsed
    with nogil:
        elapsed = -seconds()
        for _ in range(repeats):
            if kind >= 0:
                ACTIVATION_ROWS[kind].forward(&x[0], &y[0], 0, x.shape[0])
                continue
            for i from 0 <= i < x.shape[0] by VEC_LANES:
                vec_store(&y[i], vec_exp(vec_load(&x[i])))
        elapsed += seconds()
    return elapsed / repeats


def config():
    """The settings that this module was built with."""
    return {"lanes": VEC_LANES, "dtype": DTYPE.name, "threads": bool(parallel_available())}
