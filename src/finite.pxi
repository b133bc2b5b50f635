# Whether all of an array is finite, on threads.

cdef struct Scan:
    const real* x
    Py_ssize_t n
    bint finite[MAX_WORKERS]
    meeting crew


cdef bint finite_run(const real* x, Py_ssize_t n) noexcept nogil:
    # A finite number times zero is zero; the sums stay so.
    cdef Py_ssize_t i, whole = n // (4 * VEC_LANES) * (4 * VEC_LANES)
    cdef vec a = vec_set1(0), b = vec_set1(0), c = vec_set1(0), d = vec_set1(0)
    cdef real rest = 0
    for i from 0 <= i < whole by 4 * VEC_LANES:
        a = a + vec_load(x + i) * a
        b = b + vec_load(x + i + VEC_LANES) * b
        c = c + vec_load(x + i + 2 * VEC_LANES) * c
        d = d + vec_load(x + i + 3 * VEC_LANES) * d
    for i in range(whole, n):
        rest += x[i] * 0
    rest += vec_sum((a + b) + (c + d))
    return rest == 0


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
