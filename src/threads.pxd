# The thread pool of threads.h, as Cython sees it.
cdef extern from "threads.h" nogil:
    const int MAX_WORKERS
    ctypedef struct work_items:
        pass
    ctypedef struct flag:
        pass
    ctypedef struct meeting:
        int workers
        flag ending
        bint over
    ctypedef void (*parallel_task)(void* context, int worker) noexcept nogil
    ctypedef void (*parallel_look)(void* context) noexcept nogil
    void raise_flag(flag* f)
    bint is_raised(const flag* f)
    double seconds()
    long next_item(work_items* items, long total, int workers, int worker)
    void meeting_open(meeting* m, int workers)
    void meeting_close(meeting* m)
    void meet(meeting* m, work_items* reset)
    void meet_looking(meeting* m, work_items* reset, parallel_look look, void* context)
    bint parallel_available()
    void parallel_run(parallel_task task, void* context, int* workers, parallel_look look)
