# The state of a network before some steps, to which it can go back.

cdef enum:
    MOST_ARRAYS = 5


cdef class Snapshot:
    """A copy of arrays, which others keep: the first two of this module's numbers, parameters and
    moments. The next one has the same room: that of large networks comes from the system, page by
    page, which takes longer than to copy them."""
    cdef char* array[MOST_ARRAYS]
    cdef Py_ssize_t size[MOST_ARRAYS]
    cdef int count
    cdef char* copies           # one behind another
    cdef Py_ssize_t room        # for so many bytes
    cdef int threads            # that may look through them

    def __dealloc__(self):
        free(self.copies)

    cdef void empty(self) noexcept:
        self.count = 0

    cdef void add(self, void* array, Py_ssize_t size) noexcept:
        # So many bytes.
        self.array[self.count], self.size[self.count] = <char*>array, size
        self.count += 1

    cdef take(self, int threads):
        cdef Py_ssize_t size = 0
        cdef int i
        self.threads = threads
        for i in range(self.count):
            size += self.size[i]
        if size > self.room:
            free(self.copies)
            self.room = 0
            self.copies = <char*>malloc(size)
            if self.copies == NULL:
                raise MemoryError()
            self.room = size
        self._copy(False)

    cdef void restore(self) noexcept:
        self._copy(True)

    cdef bint is_finite(self) except -1:
        # What parameters and moments are now.
        cdef int i
        for i in range(2):
            if not all_are_finite(<const real*>self.array[i],
                                  self.size[i] // <Py_ssize_t>sizeof(real), self.threads):
                return False
        return True

    cdef void _copy(self, bint back) noexcept:
        cdef char* copy = self.copies
        cdef Py_ssize_t n
        cdef int i
        for i in range(self.count):
            n = self.size[i]
            if n > FEW_NUMBERS * <Py_ssize_t>sizeof(real):      # other threads go on meanwhile
                with nogil:
                    copy_bytes(self.array[i], copy, n, back)
            else:
                copy_bytes(self.array[i], copy, n, back)
            copy += n


cdef inline void copy_bytes(char* array, char* copy, Py_ssize_t n, bint back) noexcept nogil:
    if back:
        memcpy(array, copy, n)
    else:
        memcpy(copy, array, n)
