# The state of a network before some steps, to which it can go back.

cdef int MOST_ARRAYS = 5


cdef class Snapshot:
    """A copy of arrays as they are now, to be restored.

    Parameters
    ----------
    *arrays : ndarray or None
        Contiguous arrays; the first two are parameters and moments, of this module's dtype.
    """
    cdef Py_buffer array[5]
    cdef int count
    cdef char* copies           # one behind another

    def __cinit__(self, *arrays):
        cdef Py_ssize_t size = 0
        if len(arrays) > MOST_ARRAYS:
            raise TypeError(f"arrays must be {MOST_ARRAYS} at most; received {len(arrays)}")
        for array in arrays:
            if array is not None:
                PyObject_GetBuffer(array, &self.array[self.count],
                                   PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)
                size += self.array[self.count].len
                self.count += 1
        self.copies = <char*>malloc(max(size, 1))
        if self.copies == NULL:
            raise MemoryError()
        self._copy(False)

    def __dealloc__(self):
        cdef int i
        for i in range(self.count):
            PyBuffer_Release(&self.array[i])
        free(self.copies)

    cdef void _copy(self, bint back) noexcept:
        cdef char* copy = self.copies
        cdef Py_ssize_t n
        cdef int i
        for i in range(self.count):
            n = self.array[i].len
            if n > FEW_NUMBERS * <Py_ssize_t>sizeof(real):      # other threads go on meanwhile
                with nogil:
                    copy_bytes(self.array[i].buf, copy, n, back)
            else:
                copy_bytes(self.array[i].buf, copy, n, back)
            copy += n

    def restore(self):
        """Restore the arrays."""
        self._copy(True)

    def is_finite(self, records, int threads):
        """Whether parameters, moments and the losses of steps, `records[:, 0]`, are finite."""
        cdef const double* record
        cdef Py_ssize_t i
        for i from 0 <= i < locate(records, sizeof(double), <void**>&record) by 3:
            if not isfinite(record[i]):
                return False
        for i in range(2):
            if not all_are_finite(<const real*>self.array[i].buf,
                                  self.array[i].len // <Py_ssize_t>sizeof(real), threads):
                return False
        return True


cdef inline void copy_bytes(void* array, char* copy, Py_ssize_t n, bint back) noexcept nogil:
    if back:
        memcpy(array, copy, n)
    else:
        memcpy(copy, array, n)
