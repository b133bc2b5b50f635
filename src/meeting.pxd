# meeting.h, as Cython sees it.
cdef extern from "meeting.h" nogil:
    const int MAX_WORKERS
    ctypedef struct work_items:
        pass
    ctypedef struct flag:
        pass
    ctypedef struct meeting:
        int workers
        flag ending
        bint over
    ctypedef void (*parallel_look)(void* context) noexcept nogil
    void raise_flag(flag* f)
    bint is_raised(const flag* f)
    double seconds()
    long next_item(work_items* items, long total, int workers, int worker)
    void reset_items(work_items* items, int workers)
    void meeting_open(meeting* m, int workers)
    void meeting_close(meeting* m)
    void meet(meeting* m, work_items* reset)
    void meet_looking(meeting* m, work_items* reset, parallel_look look, void* context)
