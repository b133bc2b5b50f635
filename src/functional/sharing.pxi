# Whether a function's work is shared out. Who waits for work spins first, and takes the next job at
# once; to wake who sleeps costs more than a short job. So short jobs are shared only where they
# follow close on one another, as steps in time do.

cdef enum:
    TO_SHARE = 16                   # to wake a thread pays for a job so many times as long as these
    FIRST_ALONE = 4                 # of jobs in a row: to wake it pays once there are some

cdef double CLOSE = 50e-6           # seconds between jobs, in which nobody falls asleep

cdef double _ended = 0
cdef int _in_a_row = 0


cdef int threads_for(double size, int threads) except -1:
    # How many of them for a job, whose size is 1 where to wake them pays.
    global _in_a_row
    if threads == 1 or size * TO_SHARE < 1:
        return 1
    if size >= 1:
        return threads
    _in_a_row = min(_in_a_row + 1, FIRST_ALONE) if seconds() - _ended < CLOSE else 0
    return threads if _in_a_row >= FIRST_ALONE else 1


cdef int job_ended() except -1:
    global _ended
    _ended = seconds()
    return 0
