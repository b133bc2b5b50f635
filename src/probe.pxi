# What the machine can do: fused multiply-adds on registers alone, as many chains as hide their latency.

cdef struct Probe:
    long rounds
    real sink[64]
    meeting gathering


cdef void probe_worker(void* context, int worker) noexcept nogil:
    cdef Probe* p = <Probe*>context
    cdef vec acc[12]
    cdef vec w = vec_set1(<real>0.5)
    cdef vec x = vec_set1(p.sink[worker])
    cdef long i
    cdef int m, unrolled
    for m in range(12):
        acc[m] = vec_set1(<real>m)
    meet(&p.gathering, NULL)
    for i in range(p.rounds):
        for m in range(12):
            acc[m] = acc[m] * w + x
    for m in range(1, 12):
        acc[0] = acc[0] + acc[m]
    p.sink[worker] = vec_sum(acc[0])


def fma_peak(int threads, double seconds=0.1):
    """GFLOP/s of `threads` threads doing nothing but fused multiply-adds; the best of several runs."""
    from time import perf_counter
    cdef Probe p
    cdef int worker
    best = 0.0
    deadline = perf_counter() + seconds
    while True:
        p.rounds = 200_000
        for worker in range(64):
            p.sink[worker] = <real>0.25
        meeting_open(&p.gathering, min(threads, MAX_WORKERS))
        start = perf_counter()
        with nogil:
            parallel_run(probe_worker, &p, &p.gathering.workers)
        elapsed = perf_counter() - start
        best = max(best, p.gathering.workers * 2.0 * 12 * VEC_LANES * p.rounds / elapsed / 1e9)
        meeting_close(&p.gathering)
        if perf_counter() > deadline:
            return best
