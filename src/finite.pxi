# Whether all of an array is finite, on threads.

cdef struct Scan:
    const real* x
    Py_ssize_t n
    bint finite[MAX_WORKERS]
    meeting crew


cdef bint finite_run(const real* x, Py_ssize_t n) noexcept nogil:
    # A finite number times zero is zero; the sums stay so.
    cdef Py_ssize_t i, whole = n // (8 * VEC_LANES) * (8 * VEC_LANES)
    cdef vec acc[8]
    cdef int m
    for m in range(8):
        acc[m] = vec_set1(0)
    for i from 0 <= i < whole by 8 * VEC_LANES:
        for m in range(8):
            acc[m] = acc[m] + vec_load(x + i + m * VEC_LANES) * acc[m]
    for i from whole <= i < n by VEC_LANES:
        acc[0] = acc[0] + load_lanes(x + i, n - i) * acc[0]
    for m in range(1, 8):
        acc[0] = acc[0] + acc[m]
    return vec_sum(acc[0]) == 0


cdef void scan_worker(void* context, int worker) noexcept nogil:
    cdef Scan* scan = <Scan*>context
    cdef Py_ssize_t start = scan.n * worker // scan.crew.workers
    scan.finite[worker] = finite_run(scan.x + start,
                                     scan.n * (worker + 1) // scan.crew.workers - start)


cdef bint all_are_finite(const real* x, Py_ssize_t n, int threads):
    cdef Scan scan
    cdef int worker, crew
    cdef bint finite = True
    if n <= FEW_NUMBERS:                # sooner done than the interpreter's lock is had
        return finite_run(x, n)
    scan.x, scan.n = x, n
    crew = threads_for(<double>scan.n / SHARED_PLANES, min(threads, MAX_WORKERS))
    meeting_open(&scan.crew, crew)
    with nogil:
        parallel_run(scan_worker, &scan, &scan.crew.workers, NULL)
    if threads > 1:
        job_ended()
    for worker in range(scan.crew.workers):
        finite = finite and scan.finite[worker]
    meeting_close(&scan.crew)
    return finite


def all_finite(x, int threads=1):
    """Whether no element of x, contiguous and of any shape, is NaN or infinite."""
    cdef const real* numbers
    cdef Py_ssize_t n = locate(x, sizeof(real), <void**>&numbers)
    return all_are_finite(numbers, n, threads)
