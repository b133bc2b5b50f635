# The thread pool of threads.h, as Cython sees it.
from meeting cimport parallel_look

cdef extern from "threads.h" nogil:
    ctypedef void (*parallel_task)(void* context, int worker) noexcept nogil
    bint parallel_available()
    void parallel_run(parallel_task task, void* context, int* workers, parallel_look look)
