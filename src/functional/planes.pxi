# What is done to each plane of images (N, C, H, W), on threads: receptive fields as columns, a map
# of any stride spread out, pools.

cdef enum Planar:
    FIELDS, SPREAD, POOL, POOL_BACK

cdef struct PlaneJob:
    Planes planes
    int kind
    Py_ssize_t count, runs          # of planes; what a worker takes at once is a run of them
    real* rows                      # scratch, as much for each worker
    Py_ssize_t room
    flag infinite                   # what was to be spread out
    work_items items
    meeting crew

# Numbers of y from which on a second thread brings more than to wake it costs on a busy machine:
# 0.2 ms of work.
cdef Py_ssize_t SHARED_PLANES = 1 << 20


cdef enum:
    RUNS = 8                        # for each worker: to take one waits for all that was written


cdef void plane_worker(void* context, int worker) noexcept nogil:
    cdef PlaneJob* job = <PlaneJob*>context
    cdef const Planes* p = &job.planes
    cdef Py_ssize_t run, n
    cdef const real* x
    cdef real* y
    cdef real* rows = job.rows + worker * job.room
    while True:
        run = next_item(&job.items, job.runs, job.crew.workers, worker)
        if run < 0:
            return
        for n in range(job.count * run // job.runs, job.count * (run + 1) // job.runs):
            x, y = p.x + n * p.window.h * p.window.w, p.y + n * p.y_plane
            if job.kind == FIELDS:
                fields_of_plane(p, x, y, rows)
            elif job.kind == SPREAD:
                if not spread_over_plane(p, x, y):
                    raise_flag(&job.infinite)
            elif job.kind == POOL:
                pool_of_plane(p, x, y, rows)
            else:
                pool_back_of_plane(p, x, p.dy + n * p.window.oh * p.window.ow, y, rows)


cdef _run_planes(PlaneJob* job, const real[:, :, :, ::1] x, tuple shape, int threads):
    # Gives y (N, C, ...) of that shape.
    cdef Planes* p = &job.planes
    out = EMPTY((x.shape[0], x.shape[1], *shape), DTYPE)
    cdef real[::1] y = out.reshape(-1)
    cdef real[::1] scratch
    job.count = x.shape[0] * x.shape[1]
    p.x, p.y = &x[0, 0, 0, 0], &y[0]
    p.window.h, p.window.w = x.shape[2], x.shape[3]
    p.y_plane = y.shape[0] // job.count
    threads = threads_for(<double>y.shape[0] / SHARED_PLANES, min(threads, MAX_WORKERS))
    job.runs = min(job.count, RUNS * threads)
    meeting_open(&job.crew, threads)
    if job.kind != SPREAD:
        job.room = room_for_fields(p) if job.kind == FIELDS else room_for_pool(p)
        scratch = aligned_zeros(job.room * job.crew.workers)
        job.rows = &scratch[0]
    with nogil:
        parallel_run(plane_worker, job, &job.crew.workers, NULL)
    meeting_close(&job.crew)
    job_ended()
    return out


cdef void _windows(Planes* p, tuple kernel, tuple stride, tuple size) noexcept:
    p.window.kh, p.window.kw = kernel
    p.window.sh, p.window.sw = stride
    p.window.oh, p.window.ow = size


def im2col(x, tuple kernel, tuple stride, tuple padding, tuple size, int threads=1):
    """The columns (N, C KH KW, OH OW) of images x (N, C, H, W): the field of each output pixel."""
    cdef PlaneJob job
    memset(&job, 0, sizeof(job))
    job.kind = FIELDS
    _windows(&job.planes, kernel, stride, size)
    job.planes.ph, job.planes.pw = padding
    return _run_planes(&job, x, (*kernel, *size), threads).reshape(
        x.shape[0], x.shape[1] * kernel[0] * kernel[1], size[0] * size[1])


def expand(delta, tuple stride, tuple size, int threads=1):
    """delta (N, C, OH, OW) spread to the places that it would have with stride 1, zeros between.

    Raises a ValueError if it is not finite: to look through it first would take a fifth longer.
    """
    cdef PlaneJob job
    memset(&job, 0, sizeof(job))
    job.kind = SPREAD
    _windows(&job.planes, (1, 1), stride, size)
    spread = _run_planes(&job, delta, size, threads)
    if is_raised(&job.infinite):
        raise ValueError(f"delta must be finite in {DTYPE}; received NaN or infinity")
    return spread


def pool(x, bint largest, tuple kernel, tuple stride, tuple size, int threads=1):
    """The largest number, or the mean, of each window of x (N, C, H, W)."""
    cdef PlaneJob job
    memset(&job, 0, sizeof(job))
    job.kind = POOL
    job.planes.largest = largest
    _windows(&job.planes, kernel, stride, size)
    return _run_planes(&job, x, size, threads)


def pool_back(x, const real[:, :, :, ::1] dy, bint largest, tuple kernel, tuple stride,
              int threads=1):
    """The gradient of x (N, C, H, W) from dy (N, C, OH, OW), that of its pool."""
    cdef PlaneJob job
    memset(&job, 0, sizeof(job))
    job.kind = POOL_BACK
    job.planes.largest = largest
    job.planes.dy = &dy[0, 0, 0, 0]
    _windows(&job.planes, kernel, stride, (dy.shape[2], dy.shape[3]))
    return _run_planes(&job, x, x.shape[2:], threads)
