# What ends a job before its time: an exception that a signal's handler raises, an input that is no
# token, or the end of all networks that are trained side by side.
#
# Handlers are the interpreter's, and run where its main thread asks for them. So the caller of a
# job, which is its worker 0, asks every tenth of a second or so, by its count of the work done, and
# while it waits for the others. A step of training that has begun is dropped then: parameters
# change in its last phase alone, where nobody asks.

from fastdl._crew import check_ended

# Multiply-adds after which worker 0 looks at the clock, and seconds after which it asks.
cdef double CLOCK_WORK = 4e6
cdef double CLOCK_SECONDS = 0.1


cdef struct Watch:
    flag* ending                # of the job's meeting: what is left of the work is not done
    flag no_token
    double work                 # since the last look at the clock
    double asked                # when the interpreter was asked last; 0 before the first look
    PyObject* raised            # by a handler, or in place of one


cdef void open_watch(Watch* w, flag* ending) noexcept nogil:
    w.ending, w.work, w.asked, w.raised = ending, 0, 0, NULL


cdef inline bint is_ending(const Watch* w) noexcept nogil:
    return w != NULL and is_raised(w.ending)


cdef void ask(Watch* w) noexcept with gil:
    w.asked = seconds()
    if w.raised != NULL:
        return
    try:
        PyErr_CheckSignals()
        check_ended()
    except BaseException as error:
        Py_INCREF(error)
        w.raised = <PyObject*>error
        raise_flag(w.ending)


cdef void ask_in_time(Watch* w) noexcept nogil:
    w.work = 0
    if w.asked == 0:
        w.asked = seconds()
    elif seconds() - w.asked > CLOCK_SECONDS:
        ask(w)


cdef inline void worked(Watch* w, int worker, double work) noexcept nogil:
    # So many multiply-adds more.
    if w == NULL or worker > 0:
        return
    w.work += work
    if w.work > CLOCK_WORK:
        ask_in_time(w)


cdef raise_what_ended(Watch* w):
    if w.raised != NULL:
        error = <object>w.raised
        Py_DECREF(error)
        w.raised = NULL
        raise error
    if is_raised(&w.no_token):
        raise ValueError("x must hold ids of the embedding's vocabulary; "
                         "what it holds was changed while it was read")
