# Whether a function's work is shared out. Who waits for work spins first, and takes the next job at
# once; to wake who sleeps costs more than a short job. So short jobs are shared only where they
# follow close on one another, as steps in time do.

cdef enum:
    TO_SHARE = 16                   # to wake a thread pays for a job so many times as long as these
    FIRST_ALONE = 4                 # of jobs in a row: to wake it pays once there are some

cdef double CLOSE = 50e-6           # seconds between jobs, in which nobody falls asleep

cdef extern from * nogil:
    """
    static _Thread_local double last_ended;
    static _Thread_local int jobs_in_a_row;
    """
    double last_ended               # of this thread's jobs
    int jobs_in_a_row


cdef int threads_for(double size, int threads) except -1:
    # How many of them for a job, whose size is 1 where to wake them pays.
    global jobs_in_a_row
    if threads == 1 or size * TO_SHARE < 1:
        return 1
    if size >= 1:
        return threads
    jobs_in_a_row = min(jobs_in_a_row + 1, FIRST_ALONE) if seconds() - last_ended < CLOSE else 0
    return threads if jobs_in_a_row >= FIRST_ALONE else 1


cdef int job_ended() except -1:
    global last_ended
    last_ended = seconds()
    return 0
