# The floating-point mode of subnormals.h, as Cython sees it.

cdef extern from "subnormals.h" nogil:
    unsigned long flush_subnormals()
    void set_floating_mode(unsigned long mode)
